"""How often one address may try to log in: a bucket of ten attempts that fills by one each six seconds.

Pure: the clock comes in. No key can be guessed; the limit is for the processor, which verifies a signature for each
attempt, and for the log, which gets a line for each. Of IPv6 a bucket belongs to a /56, as that is what one
subscriber has (RFC 6177). Units: UTC seconds.
"""

import ipaddress
from dataclasses import dataclass, field

BURST = 10
REFILL_S = 6
MAX_ADDRESSES = 10_000
"""Beyond, addresses whose buckets are full again are forgotten; if there are none, whoever is new waits."""


def source_of(address: str) -> str:
    """What shares a bucket."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((int(parsed), 56), strict=False))
    return str(parsed)


@dataclass(slots=True)
class Attempts:
    """Until when each source has spent ahead: `BURST` times `REFILL_S` from now means an empty bucket."""

    spent_until_s: dict[str, int] = field(default_factory=dict)

    def take(self, source: str, now_s: int) -> bool:
        """Whether there is one left; it is gone then."""
        spent_s = max(self.spent_until_s.get(source, now_s), now_s) + REFILL_S
        if spent_s > now_s + BURST * REFILL_S:
            # A clock that was set back leaves nobody waiting for longer than a whole bucket takes.
            self.spent_until_s[source] = min(self.spent_until_s[source], now_s + BURST * REFILL_S)
            return False
        if source not in self.spent_until_s and len(self.spent_until_s) >= MAX_ADDRESSES:
            self.spent_until_s = {name: end_s for name, end_s in self.spent_until_s.items() if end_s > now_s}
            if len(self.spent_until_s) >= MAX_ADDRESSES:
                return False
        self.spent_until_s[source] = spent_s
        return True
