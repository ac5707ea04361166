"""What the Access-Accept says: a permit's terms as RADIUS attributes.

| attribute | what it says | reference |
|---|---|---|
| User-Name | the account in hex: hostapd takes it for the station's identity | RFC 2865 5.1 |
| Class | three: the permit's 16 octets, who sold it, and who serves it; accounting brings them back | RFC 2865 5.25 |
| Chargeable-User-Identity | a pseudonym, the same for an account at a provider | RFC 4372 |
| Session-Timeout, Termination-Action | seconds to the permit's end, and then out | RFC 2865 5.27, 5.29 |
| Acct-Interim-Interval | how often we hear of the session | RFC 2869 5.16 |
| WISPr-Bandwidth-Max-Up, -Down | the ceilings, in bit/s, at most what 32 bits say | WISPr 1.0, Annex A |

The pseudonym is for whoever settles by it; it hides nobody from a box, which reads the account beside it.
Pure. Stock hostapd heeds all but the last two, which are for other access points: ours learns rates from the grant.
"""

import hashlib
import hmac

from operatord.permit import Permit
from wire.units import U32_MAX

INTERIM_INTERVAL_S = 60
"""The shortest that hostapd takes (it ignores less than 60)."""
TERMINATE = 0
"""Termination-Action Default: the station is thrown out; RADIUS-Request (1) would have it authenticate again."""
MAX_BANDWIDTH_BPS = U32_MAX
"""WISPr counts in 32 bits: 4.29 Gbit/s. A faster permit is said as this, and shaped as it was sold."""
CUI_SIZE = 16
_SOLD_BY, _SERVED_BY = b"sold-by:", b"served-by:"
_CUI_DOMAIN = b"airgrant/chargeable-user-identity"

Attributes = dict[str, str | int | tuple[str, ...]]
"""By name; of a name with several values each."""


def reply_attributes(permit: Permit, now_s: int, secret: bytes, served_by: bytes) -> Attributes:
    """Attributes of the Access-Accept by name; octets are texts that begin with 0x, as FreeRADIUS reads them.

    `served_by` is the id of the access point's provider. It and the seller's are for whoever settles between partners
    and sees accounting only; and the Alliance's acceptance test wants three values of Class back.
    """
    return {
        "User-Name": str(permit.account),
        "Class": (
            "0x" + permit.permit_id.hex(),
            "0x" + (_SOLD_BY + permit.provider_id.hex().encode()).hex(),
            "0x" + (_SERVED_BY + served_by.hex().encode()).hex(),
        ),
        "Chargeable-User-Identity": chargeable_identity(permit, secret),
        "Session-Timeout": min(max(permit.ends_s - now_s, 1), U32_MAX),
        "Termination-Action": TERMINATE,
        "Acct-Interim-Interval": INTERIM_INTERVAL_S,
        "WISPr-Bandwidth-Max-Up": min(permit.qos.ceil_up_bps, MAX_BANDWIDTH_BPS),
        "WISPr-Bandwidth-Max-Down": min(permit.qos.ceil_down_bps, MAX_BANDWIDTH_BPS),
    }


def chargeable_identity(permit: Permit, secret: bytes) -> str:
    """The pseudonym, in 32 hexadecimal digits: whoever lacks the operator's `secret` cannot tell the account."""
    named = _CUI_DOMAIN + permit.account.octets + permit.provider_id
    return hmac.digest(secret, named, hashlib.sha256)[:CUI_SIZE].hex()
