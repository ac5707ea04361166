"""The provider's side of an auction: it signs what the clearing house found, if that keeps to the auction's terms.

Pure and without memory: the question carries the auction as the provider signed it. The same question gets transactions
of the same ids, so that asking twice is harmless. Reference: Bandcoin 5.4, table 2.
"""

from dataclasses import dataclass

from wire.auction import Auction, read_auction
from wire.auction_terms import AuctionKind
from wire.generate_offer import GenerateOffer, derive_nonce, offer_of, read_generate_offer
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.transaction import Transaction, sign_transaction


@dataclass(frozen=True, slots=True)
class Wrong:
    """The house asks for something that was not agreed; nothing is signed."""

    detail: str


def answer(
    question: bytes, house: PublicKey, provider: PrivateKey, ledger_id: bytes, now_s: int
) -> bytes | Wrong:
    """The encoded offer, signed. Raises DecodeError for what is no question of this house."""
    asked = read_generate_offer(question, house, ledger_id)
    auction = read_auction(asked.auction, ledger_id)
    wrong = _check(asked, auction, provider, house, now_s)
    if wrong is not None:
        return Wrong(wrong)
    transaction = Transaction(offer_of(auction, asked), derive_nonce(question), asked.valid_until_s)
    return sign_transaction(transaction, provider, ledger_id).envelope.encoded


def _check(
    asked: GenerateOffer, auction: Auction, provider: PrivateKey, house: PublicKey, now_s: int
) -> str | None:
    terms, shares = auction.terms, asked.consumers.values()
    if terms.mark.kind is AuctionKind.SESSION:
        return "the box that holds a session auction answers for itself: it knows what it promised"
    if terms.provider != provider.public or auction.house != house:
        return "the auction is another provider's, or another house's"
    if terms.mark.clearing_s > now_s:
        return f"the auction is open until {terms.mark.clearing_s}, it is {now_s}"
    if sum(share.allocations for share in shares) > terms.max_allocations:
        return f"more than {terms.max_allocations} units are given out"
    if any(share.price_ubc < terms.mark.min_price_ubc for share in shares):
        return f"a share costs less than {terms.mark.min_price_ubc} ubc"
    if terms.mark.kind is AuctionKind.VICKREY and any(share.allocations != 1 for share in shares):
        return "a winner of a Vickrey auction has one unit"
    if terms.mark.kind is AuctionKind.VICKREY and len({share.price_ubc for share in shares}) > 1:
        return "winners of a Vickrey auction pay different prices"
    return None
