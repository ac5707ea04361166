"""Where the store of subscribers is: the URI that Open5GS's own configuration has (`db_uri`).

In: text. Out: host, port and database. What the URI may say and we would not do (accounts, TLS, several hosts,
options) is refused, not passed over.
"""

import re
from typing import NamedTuple

DEFAULT_PORT = 27_017


class StoreAddress(NamedTuple):
    """A host name or address, a TCP port and the name of a database."""

    host: str
    port: int
    database: str


def parse_store_address(uri: str) -> StoreAddress:
    """From `mongodb://localhost/open5gs`. Raises ValueError, which names what it does not take."""
    match = re.fullmatch(
        r"mongodb://(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.\-_]+))(?::(\d{1,5}))?/([A-Za-z0-9_\-]{1,63})", uri
    )
    if match is None:
        raise ValueError(
            f"{uri!r} is not mongodb://HOST[:PORT]/DATABASE: accounts, options and several hosts are not supported"
        )
    port = int(match[3]) if match[3] else DEFAULT_PORT
    if not 1 <= port <= 65_535:
        raise ValueError(f"{uri!r}: port {port} is outside 1..65535")
    return StoreAddress(match[1] or match[2], port, match[4])
