"""The address under which browsers know the page, and what WebAuthn makes of it.

A key is registered for one origin and works at no other: that is what makes a copy of the page at another address
useless. A browser gives keys only to a name, and only over TLS; `http://localhost` is the exception that it makes.
Reference: W3C Web Authentication Level 3, 5.1.3 and 13.4.9 (effective domain, validating the origin).
"""

import re
from dataclasses import dataclass

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_DEFAULT_PORTS = {"https": "443", "http": "80"}
LOOPBACK_NAME = "localhost"


@dataclass(frozen=True, slots=True)
class Origin:
    """`text` as a browser writes it, `rp_id` the name that keys are made for."""

    text: str
    rp_id: str

    @property
    def is_secure(self) -> bool:
        """Over TLS; else it is plain HTTP on this machine."""
        return self.text.startswith("https:")


def parse_origin(text: str) -> Origin:
    """From `https://name[:port]` or `http://localhost[:port]`. Raises ValueError that says why not."""
    match = _ORIGIN.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not like https://page.example.net, in lower case and without a path")
    scheme, host, port = match["scheme"], match["host"], match["port"]
    if host.rpartition(".")[2].isdigit():
        raise ValueError(f"{host} is an address: a browser gives keys only to a name")
    if scheme == "http" and host != LOOPBACK_NAME:
        raise ValueError(
            f"http without TLS is for {LOOPBACK_NAME} alone: a browser gives no key to http://{host}"
        )
    if port == _DEFAULT_PORTS[scheme]:
        raise ValueError(f"a browser leaves :{port} out, as it is what {scheme} means")
    if port is not None and int(port) > 65_535:
        raise ValueError(f"{port} is no port")
    return Origin(text, host)
