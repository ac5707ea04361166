"""The sealed bid: a signed `allocate` that nobody can read before the clearing time, and that says only that it is.

    auction_id, bid_key     the auction, and a key made for this bid, which signs it: its name at the house
    share_key               the sender's half of the key agreements, made for this bid
    ticket                  for the house alone: the bidder's account, and its signature under auction_id and bid_key
    shares                  the content key in shares, one for each time key, any `threshold` of which give it back
    content                 the `allocate`, filled up to one size, under the content key

A secret of the share key, and with it all that stands here, follows from content key and content. So who opens a bid
seals it again and compares: a bid that opens with some keepers' secrets opens to the same with any others, and nobody
can seal one that a friend among the keepers reads in two ways (the transformation of Fujisaki and Okamoto, 1999).
Largest legal size 1,200 bytes, and in one auction all bids have the same.
"""

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec

from wire.auction_terms import AUCTION_ID_SIZE
from wire.cbor import Key, Value
from wire.cose import MAX_ENVELOPE_BYTES, read_envelope, sign_envelope
from wire.create import read_public_key
from wire.errors import DecodeError, VerificationError
from wire.fields import FieldReader
from wire.frozen import dataclass
from wire.ids import PUBLIC_KEY_SIZE, PublicKey
from wire.key_agreement import SEAL_KEY_SIZE, SEAL_OVERHEAD, derive_key, expand, extract, seal, unseal
from wire.keys import SIGNATURE_SIZE, PrivateKey, load_public_key, verify
from wire.secret_sharing import join_secret, split_secret

EXTERNAL = b"airgrant/sealed-bid/"
MAX_SEALED_BID_BYTES = MAX_ENVELOPE_BYTES
MAX_BID_BYTES = 318
"""An `allocate` for one consumer with every number at its longest has 242."""

_TICKET_DOMAIN = b"airgrant/bid-ticket/"
_CONTENT_SIZE = MAX_BID_BYTES + 2
_TICKET_SIZE = PUBLIC_KEY_SIZE + SIGNATURE_SIZE + SEAL_OVERHEAD
_AUCTION, _BID_KEY, _SHARE_KEY, _TICKET, _SHARES, _CONTENT = range(1, 7)


@dataclass(frozen=True, slots=True)
class SealedBid:
    """As it came; `shares` has 16 octets for each time key."""

    auction_id: bytes
    bid_key: PublicKey
    share_key: PublicKey
    ticket: bytes
    shares: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Lock:
    """To whom bids are sealed: any `threshold` of the time keys open them; tickets are for the house."""

    auction_id: bytes
    house: PublicKey
    time_keys: tuple[PublicKey, ...]
    threshold: int
    ledger_id: bytes


@dataclass(frozen=True, slots=True)
class Unlocked:
    """What some keepers' secrets bring out of a bid: `confirm_bid` says whether others would bring out the same."""

    key: bytes
    content: bytes

    @property
    def transaction(self) -> bytes:
        """The signed `allocate`. Raises VerificationError if the content is not filled up as it should be."""
        size = int.from_bytes(self.content[:2], "big")
        if (
            len(self.content) != _CONTENT_SIZE
            or size > MAX_BID_BYTES
            or self.content[2 + size :].strip(b"\0")
        ):
            raise VerificationError("a bid that is not filled up as it should be")
        return self.content[2 : 2 + size]


def seal_bid(
    lock: Lock, transaction: bytes, bidder: PrivateKey, bid_key: PrivateKey, chance: bytes
) -> SealedBid:
    """`transaction` is the signed `allocate`, of at most MAX_BID_BYTES; `chance` 16 random octets, never used again."""
    assert len(chance) == SEAL_KEY_SIZE, f"{len(chance)} octets of chance"
    assert len(transaction) <= MAX_BID_BYTES, f"a bid of {len(transaction)} octets"
    shared, shares, sealed = _seal(lock, bid_key.public, chance, fill_up(transaction))
    voucher = bidder.public.octets + bidder.sign(_ticket_bytes(lock, bid_key.public))
    ticket = seal(
        _pad(shared, shared.public, lock.house, b"ticket"), voucher, _associated(lock, bid_key.public)
    )
    return SealedBid(lock.auction_id, bid_key.public, shared.public, ticket, b"".join(shares), sealed)


def fill_up(transaction: bytes) -> bytes:
    """The content of a bid: the transaction with its length, filled up to the size of all."""
    return len(transaction).to_bytes(2, "big") + transaction.ljust(MAX_BID_BYTES, b"\0")


def open_ticket(bid: SealedBid, lock: Lock, house: PrivateKey) -> PublicKey:
    """Whose bid it is; says nothing about how much. Raises VerificationError."""
    return _read_ticket(
        bid, lock, _pad(house, bid.share_key, lock.house, b"ticket", _read_point(bid.share_key))
    )


def open_ticket_afterwards(bid: SealedBid, lock: Lock, unlocked: Unlocked) -> PublicKey:
    """The same for everybody, once the bid can be read. Raises VerificationError, also for a bid that others would read
    differently.
    """
    confirm_bid(bid, lock, unlocked)
    shared, _, _ = _seal(lock, bid.bid_key, unlocked.key, unlocked.content)
    return _read_ticket(bid, lock, _pad(shared, shared.public, lock.house, b"ticket"))


def _read_ticket(bid: SealedBid, lock: Lock, pad: bytes) -> PublicKey:
    voucher = unseal(pad, bid.ticket, _associated(lock, bid.bid_key))
    if len(voucher) != PUBLIC_KEY_SIZE + SIGNATURE_SIZE:
        raise VerificationError(f"a bid's ticket has {len(voucher)} bytes")
    try:
        bidder = PublicKey(voucher[:PUBLIC_KEY_SIZE])
    except ValueError as error:
        raise VerificationError(f"a bid's ticket: {error}") from None
    verify(bidder, voucher[PUBLIC_KEY_SIZE:], _ticket_bytes(lock, bid.bid_key))
    return bidder


def open_bid(bid: SealedBid, lock: Lock, secrets: Mapping[int, PrivateKey]) -> bytes:
    """The signed `allocate`, with the secrets of at least `threshold` time keys, by their places (0 is the first).

    Raises VerificationError for a bid that was not sealed as it should be, with whichever secrets.
    """
    unlocked = unlock_bid(bid, lock, secrets)
    confirm_bid(bid, lock, unlocked)
    return unlocked.transaction


def unlock_bid(bid: SealedBid, lock: Lock, secrets: Mapping[int, PrivateKey]) -> Unlocked:
    """The cheaper half of `open_bid`: enough to see that a bid has lost. Raises VerificationError."""
    assert len(secrets) >= lock.threshold, f"{len(secrets)} secrets, {lock.threshold} are needed"
    places = sorted(secrets)[: lock.threshold]
    cut = [bid.shares[at : at + SEAL_KEY_SIZE] for at in range(0, len(bid.shares), SEAL_KEY_SIZE)]
    if len(bid.shares) != SEAL_KEY_SIZE * len(lock.time_keys):
        raise VerificationError(f"a bid with {len(bid.shares)} bytes of shares")
    point = _read_point(bid.share_key)
    pads = {at: _pad(secrets[at], bid.share_key, lock.time_keys[at], b"share", point) for at in places}
    key = join_secret({at + 1: _xor(cut[at], pads[at]) for at in places})
    return Unlocked(key, unseal(key, bid.content, _associated(lock, bid.bid_key)))


def confirm_bid(bid: SealedBid, lock: Lock, unlocked: Unlocked) -> None:
    """Returns if every choice of keepers reads the same. Raises VerificationError."""
    shared, shares, content = _seal(lock, bid.bid_key, unlocked.key, unlocked.content)
    if (shared.public, b"".join(shares), content) != (bid.share_key, bid.shares, bid.content):
        raise VerificationError("a bid that others would read differently")


def is_well_sealed(bid: SealedBid, lock: Lock, secrets: Mapping[int, PrivateKey]) -> bool:
    """Whether every choice of keepers reads the same in it."""
    try:
        confirm_bid(bid, lock, unlock_bid(bid, lock, secrets))
    except VerificationError:
        return False
    return True


def write_sealed_bid(bid: SealedBid, bid_key: PrivateKey, ledger_id: bytes) -> bytes:
    assert bid_key.public == bid.bid_key, "signed by its own key"
    fields: dict[Key, Value] = {
        _AUCTION: bid.auction_id,
        _BID_KEY: bid.bid_key.octets,
        _SHARE_KEY: bid.share_key.octets,
        _TICKET: bid.ticket,
        _SHARES: bid.shares,
        _CONTENT: bid.content,
    }
    return sign_envelope(fields, bid_key, EXTERNAL + ledger_id).encoded


def read_sealed_bid(data: bytes, ledger_id: bytes) -> SealedBid:
    """A bid that its own key signed for this ledger. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_SEALED_BID_BYTES)
    fields = FieldReader(envelope.payload, "sealed bid")
    bid = SealedBid(
        fields.octets(_AUCTION, "auction_id", AUCTION_ID_SIZE),
        read_public_key(fields, _BID_KEY, "bid_key"),
        read_public_key(fields, _SHARE_KEY, "share_key"),
        fields.octets(_TICKET, "ticket", _TICKET_SIZE),
        fields.octets(_SHARES, "shares"),
        fields.octets(_CONTENT, "content", _CONTENT_SIZE + SEAL_OVERHEAD),
    )
    fields.finish()
    if not bid.shares or len(bid.shares) % SEAL_KEY_SIZE:
        raise DecodeError(
            f"sealed bid: shares has {len(bid.shares)} bytes, not a multiple of {SEAL_KEY_SIZE}"
        )
    envelope.verify(bid.bid_key, EXTERNAL + ledger_id)
    return bid


def _seal(
    lock: Lock, bid_key: PublicKey, key: bytes, content: bytes
) -> tuple[PrivateKey, list[bytes], bytes]:
    """(secret of the share key, shares, sealed content): all follow from key and content."""
    associated = _associated(lock, bid_key)
    root = extract(b"airgrant/sealed-bid", key + content)
    shared = derive_key(root, b"share key" + associated)
    coefficients = expand(root, b"coefficients" + associated, SEAL_KEY_SIZE * (lock.threshold - 1))
    cut = split_secret(key, coefficients, len(lock.time_keys))
    shares = [
        _xor(share, _pad(shared, shared.public, time_key, b"share"))
        for share, time_key in zip(cut, lock.time_keys, strict=True)
    ]
    return shared, shares, seal(key, content, associated)


def _pad(
    own: PrivateKey,
    share_key: PublicKey,
    other: PublicKey,
    use: bytes,
    point: ec.EllipticCurvePublicKey | None = None,
) -> bytes:
    """What the holders of `share_key` and `other` have in common for this use. `own` is the secret of either, `point`
    the other one where it has been read.
    """
    secret = own.key.exchange(ec.ECDH(), point or load_public_key(other))
    return expand(extract(share_key.octets + other.octets, secret), use, SEAL_KEY_SIZE)


def _read_point(share_key: PublicKey) -> ec.EllipticCurvePublicKey:
    """A key that comes once: it has no place in the cache of those that verify. Raises VerificationError."""
    return load_public_key.__wrapped__(share_key)


def _associated(lock: Lock, bid_key: PublicKey) -> bytes:
    return lock.ledger_id + lock.auction_id + bid_key.octets


def _ticket_bytes(lock: Lock, bid_key: PublicKey) -> bytes:
    return _TICKET_DOMAIN + _associated(lock, bid_key)


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")
