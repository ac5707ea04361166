"""The ruling: a clearing house's signature over what an auction came to, which the offer that settles it carries.

Over the ledger, the auction's id, the head of the house's log, the offer's price and its consumers, in the one form of
CBOR; the house's key is in the id that every bid names. With the head the ledger holds the house to one log up to the
bids that it cleared, and to all that stands before them. A provider, who can read all bids once the clearing time has
come, can settle its auction as the house found it and not otherwise (docs/decisions/0027). Signed deterministically
(RFC 6979): a house that asks again after a restart asks the same. Reference: Bandcoin 5.4, table 2.
"""

from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from wire.auction_terms import Ruling
from wire.cbor import write_cbor
from wire.ids import PublicKey
from wire.keys import PrivateKey, verify
from wire.post_offer import AuctionShare, write_shares

_DOMAIN = "airgrant/ruling"


def sign_ruling(
    house: PrivateKey,
    ledger_id: bytes,
    auction_id: bytes,
    head: bytes,
    price_ubc: int,
    consumers: Mapping[PublicKey, AuctionShare],
) -> Ruling:
    signed = _write(ledger_id, auction_id, head, price_ubc, consumers)
    der = house.key.sign(signed, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    return Ruling(house.public, head, r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def verify_ruling(
    ruling: Ruling,
    ledger_id: bytes,
    auction_id: bytes,
    price_ubc: int,
    consumers: Mapping[PublicKey, AuctionShare],
) -> None:
    """Raises VerificationError unless the house named in it found just that."""
    signed = _write(ledger_id, auction_id, ruling.head, price_ubc, consumers)
    verify(ruling.house, ruling.signature, signed)


def _write(
    ledger_id: bytes,
    auction_id: bytes,
    head: bytes,
    price_ubc: int,
    consumers: Mapping[PublicKey, AuctionShare],
) -> bytes:
    return write_cbor([_DOMAIN, ledger_id, auction_id, head, price_ubc, write_shares(consumers)])
