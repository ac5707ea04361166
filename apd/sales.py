"""What the box knows that it sold: purchases which it relayed and which the ledger executed, each counted once.

Of spot purchases and of periods bought ahead the signed price is what was paid, exactly. A bid names only its most, a
pass is paid to the operator, and a grant that was bought elsewhere does not say its price: these are not in here. The
ledger's account has the whole; this is for the owner's eye, and begins anew with the daemon.
"""

from collections.abc import Mapping
from dataclasses import field, replace

from wire.frozen import dataclass

MAX_REMEMBERED = 4_096
"""Transactions that are not counted twice when their outcome comes again; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class Sales:
    """Since `since_utc_ms`."""

    since_utc_ms: int = 0
    purchases: int = 0
    earned_ubc: int = 0
    counted: Mapping[bytes, None] = field(default_factory=dict)

    def after(self, transaction_id: bytes, price_ubc: int) -> "Sales":
        """With this purchase."""
        if transaction_id in self.counted:
            return self
        kept = [*self.counted][-MAX_REMEMBERED + 1 :]
        return replace(
            self,
            purchases=self.purchases + 1,
            earned_ubc=self.earned_ubc + price_ubc,
            counted=dict.fromkeys([*kept, transaction_id]),
        )
