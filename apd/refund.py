"""A refund: what the box owes for one grant, from the end of the grant until the ledger has moved the money.

    owed    the shortfall is signed in reports; the ledger is asked what the grant cost, and who paid
    fixed   the transfer is signed and its id never changes: on disk first, then sent until the ledger has answered

What is done about it: apd/refunds.py. What it is worth: wire/refund.py.
"""

from apd.session import Session
from wire.frozen import dataclass
from wire.grant import Grant
from wire.refund import refund_ubc


@dataclass(frozen=True, slots=True)
class Refund:
    """`transfer` is empty while it is owed. Everything from `stored` on is not on disk."""

    grant: Grant
    encoded_grant: bytes
    down_bytes: int
    up_bytes: int
    """The shortfall."""
    transfer: bytes = b""
    transaction_id: bytes = b""
    amount_ubc: int = 0
    stored: bool = False
    """The transfer is on disk, so that the ledger may hear of it."""
    due_ns: int = 0
    """When the ledger is asked, or told, (again)."""
    refused: str = ""
    """Why the ledger would not, as the operator was told."""

    @property
    def grant_id(self) -> bytes:
        return self.grant.grant_id

    def worth_ubc(self, price_ubc: int) -> int:
        """What is owed if the grant cost this."""
        grant = self.grant
        return refund_ubc(price_ubc, grant.total_qos, grant.duration_s, self.down_bytes, self.up_bytes)


def owed_for(session: Session) -> Refund | None:
    """What a session that is over is owed; None if nothing was missing."""
    used = session.used
    if not used.down_shortfall_bytes and not used.up_shortfall_bytes:
        return None
    return Refund(session.grant, session.encoded_grant, used.down_shortfall_bytes, used.up_shortfall_bytes)
