"""Is this grant what was bought? Pure. The signature is checked already; this is the content."""

from wire.allocate import Allocate
from wire.grant import TRANSACTION_REFERENCE_SIZE, Grant
from wire.ids import PublicKey
from wire.offer import Offer


def check_grant(
    grant: Grant, consumer: PublicKey, allocate: Allocate, offer: Offer, transaction_id: bytes
) -> str:
    """What differs, as `field: granted instead of bought`; empty if nothing does."""
    rows = [
        ("consumer", grant.consumer, consumer),
        ("provider", grant.provider_id.hex(), allocate.provider.provider_id.hex()),
        ("transaction", grant.transaction.hex(), transaction_id[:TRANSACTION_REFERENCE_SIZE].hex()),
        ("epoch", grant.epoch, allocate.epoch),
        ("duration_s", grant.duration_s, offer.allocation_duration_s),
        ("band", grant.band, offer.band),
        ("qos", grant.qos, offer.qos),
        ("allocations", grant.allocations, allocate.allocations),
    ]
    return "; ".join(
        f"{name}: {granted} instead of {bought}" for name, granted, bought in rows if granted != bought
    )
