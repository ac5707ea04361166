"""Where an answer in the lobby goes."""

Address = tuple[str, int, int, int]
"""An IPv6 socket address: host, port, flow, scope."""
