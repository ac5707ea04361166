"""Whether a stranger's purchase is worth asking the ledger: what can be told without a signature and without a ledger.

In: the octets that claim to be a transaction, what this provider has on offer, the time. Out: the transaction, or the
refusal to send. Nothing is proven by it: the ledger alone checks signature, funds and what is left, and the price of
several units (volume discounts) or of periods in advance, which an offer does not tell. It keeps garbage and purchases
of something else from the ledger, and from buyers a payment for what is not sold here.
A purchase whose time is over cannot run any more. To send it only asks what became of it, so that its buyer need not
guess whether it has paid; nothing of what is on offer has to fit then.
Reference: Bandcoin 5.1.2.   Units: UTC seconds, micro-bandcoin.
"""

from nas_tunnel.lobby import MAX_PURCHASE_BYTES, Refused
from wire.allocate import Allocate
from wire.band import Band
from wire.cose import read_envelope
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.offer import MAX_OFFER_BYTES, parse_offer
from wire.transaction import SignedTransaction, read_transaction

LATE_S = 30
"""A purchase whose validity has been over for so long runs nowhere any more; clocks that are kept differ by less."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is on offer, of whom, on which ledger. `price_ubc` is that of one unit."""

    provider: PublicKey
    ledger_id: bytes
    epoch: int
    price_ubc: int
    band: Band


def terms_of(offer: bytes, provider: PublicKey, ledger_id: bytes) -> Terms:
    """Those of our own offer, whose signature is ours. Raises DecodeError if it is none."""
    told = parse_offer(read_envelope(offer, MAX_OFFER_BYTES))
    return Terms(provider, ledger_id, told.epoch, told.price_ubc, told.band)


def check_order(purchase: bytes, terms: Terms, utc_s: int) -> SignedTransaction | Refused:
    """The transaction, if the ledger may be asked, or the refusal that its buyer hears. Signatures are not checked."""
    if len(purchase) > MAX_PURCHASE_BYTES:
        detail = f"{len(purchase)} bytes, at most {MAX_PURCHASE_BYTES} are relayed"
        return Refused(b"", "transaction_invalid", detail)
    try:
        signed = read_transaction(purchase, terms.ledger_id, MAX_PURCHASE_BYTES)
    except DecodeError as error:
        return Refused(b"", "transaction_invalid", str(error))
    subject, action = signed.transaction_id, signed.transaction.action
    if not isinstance(action, Allocate):
        return Refused(subject, "not_relayed", "only allocate is relayed here")
    if action.provider != terms.provider:
        return Refused(subject, "foreign_provider", "this cell sells for another account")
    if signed.transaction.valid_until_s + LATE_S < utc_s:
        return signed
    return _check_terms(subject, action, terms) or signed


def _check_terms(subject: bytes, action: Allocate, terms: Terms) -> Refused | None:
    if action.epoch != terms.epoch:
        detail = f"the current offer is number {terms.epoch}, not {action.epoch}"
        return Refused(subject, "epoch_moved", detail)
    if action.band != terms.band:
        return Refused(subject, "band_differs", f"the offer is for {terms.band}")
    if action.period is not None:
        return None
    units = action.allocations * max(1, len(action.consumers))
    least, most = terms.price_ubc, units * terms.price_ubc
    if not least <= action.price_ubc <= most:
        detail = f"one unit costs {least} ubc, {units} at most {most}, not {action.price_ubc}"
        return Refused(subject, "price_differs", detail)
    return None
