"""The traffic shaper: what each paid session may send and receive, enforced by the kernel, and what it really got.

Pure: `settings`, `tree` (the wanted state), `diff` (how to get there), `pool` (which slot), `counters`, `ruleset`,
`offload`, and the message codecs `attributes`, `rtnetlink`, `nfnetlink`. Shells: `netlink` (sockets), `ethtool`, `kernel`.
Prices, keys and grants are unknown here.
"""
