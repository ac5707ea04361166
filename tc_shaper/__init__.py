"""The traffic shaper: what each paid session may send and receive, enforced by the kernel, and what it really got.

Pure: `settings`, `tree` (the wanted state), `diff` (how to get there), `pool` (which slot), `counters`, `ruleset`,
`offload`, and the codecs `attributes`, `rtnetlink`, `nfnetlink`. Shells: `netlink` (sockets), `ethtool` and `kernel`,
whose twin for tests and the lab is `fake`.
Prices, keys and grants are unknown here.
"""
