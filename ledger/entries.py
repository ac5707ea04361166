"""The entries of the ledger's state: what each holds, under which key it lies, and its one byte form.

The state is a map from short byte strings to entries. A key begins with a letter; accounts and providers are
named by their key id (8 octets), numbers are big-endian. A value is canonical CBOR, an array whose items are
the fields below in their order, and what the app hash and a proof cover (ledger/state_tree.py).

    a account(8)                              Account
    b provider(8)                             BandBooks: what is outstanding, band by band
    c period(8) provider(8) from(4) to(4)     PeriodBook: the outstanding of one band in one period
    e account(33)                             AccountEnd: it sells no more, and no meter of it counts
    g attestation key(8)                      MeterGap: a meter's record came before its predecessors
    h provider(8) consumer(33)                Share of a cleared auction
    k attestation key(8)                      MeterChain: the end of a box's metering chain
    l provider(8)                             ShareList: whose shares the current offer has
    m                                         Money: what came in and went out
    o provider(8)                             StandingOffer
    r period(8) provider(8)                   ReservationOffer: what may be bought ahead
    s second(8) provider(8) from(4) to(4)     SpotEnding: units whose grants end at that second

The entries of PayPlace (n, p, q, t, y) are in ledger/payplace/entries.py, that of clubs (u) in ledger/clubs/entries.py.

Entries whose key begins with a time (c, r, s) leave the state by themselves when it has come
(ledger/passing.py).
Reference: Bandcoin 5.1.4, with `epoch` as the offer's number only and periods as times (docs/decisions/0002).
"""

from collections.abc import Callable
from dataclasses import dataclass

from ledger.clubs.entries import CLUB_ENTRY_READERS, Club, club_items
from ledger.payplace.entries import PAYPLACE_ENTRY_READERS, PayplaceEntry, payplace_items
from wire.band import Band
from wire.cbor import Value, read_cbor, read_cbor_with_booleans, write_cbor
from wire.errors import DecodeError
from wire.ids import PUBLIC_KEY_SIZE, PublicKey
from wire.qos import Qos, qos_of, write_qos

Span = tuple[int, int]
"""The edges of a band in kHz: bands that overlap draw on the same air."""


@dataclass(frozen=True, slots=True)
class Account:
    """`key` is the full public key: the key id alone must not be enough to be taken for its owner."""

    key: bytes
    balance_ubc: int


@dataclass(frozen=True, slots=True)
class Money:
    """All that the exchange ever put in and took out: the difference is the sum of all balances."""

    deposited_ubc: int
    withdrawn_ubc: int


@dataclass(frozen=True, slots=True)
class StandingOffer:
    """A provider's current offer. `cleared`: it settles an auction, and only its shares may be bought.

    `auction` is that auction's id, where the offer says which; `settled_s` the clearing time of the last one that the
    provider settled, and 0 while there is none.
    """

    epoch: int
    price_ubc: int
    band: Band
    max_allocations: int
    allocation_duration_s: int
    qos: Qos
    volume_multiplier_ppm: int
    reservation_multiplier_ppm: int
    cleared: bool
    auction: bytes = b""
    settled_s: int = 0


@dataclass(frozen=True, slots=True)
class ReservationOffer:
    """Units of one future period that may still be bought ahead."""

    price_ubc: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Share:
    """What one consumer won in a cleared auction: `allocations` units for `price_ubc` in all.

    Of a session auction `slots` says how many durations of the offer it lasts, from the clearing time on, whenever it
    is claimed; 0 is one duration from the claim on, and is not written.
    """

    allocated: bool
    allocations: int
    price_ubc: int
    slots: int = 0


@dataclass(frozen=True, slots=True)
class ShareList:
    """The consumers with a share of the current offer, 33 octets each."""

    consumer_keys: bytes

    @property
    def consumers(self) -> list[bytes]:
        keys = self.consumer_keys
        return [keys[at : at + PUBLIC_KEY_SIZE] for at in range(0, len(keys), PUBLIC_KEY_SIZE)]


@dataclass(frozen=True, slots=True)
class BandBook:
    """Outstanding in one band: units of spot grants that run, and unit-periods sold ahead that are not over."""

    span: Span
    spot_units: int
    reserved_units: int


@dataclass(frozen=True, slots=True)
class BandBooks:
    """One book for each band in which something is outstanding, in the order of their spans."""

    bands: tuple[BandBook, ...]


@dataclass(frozen=True, slots=True)
class PeriodBook:
    """One band in one period: units of running spot grants whose last second lies in it, and units sold ahead
    for it.
    """

    spot_ending_units: int
    reserved_units: int


@dataclass(frozen=True, slots=True)
class SpotEnding:
    """Units of one band whose grants end at the same second."""

    units: int


@dataclass(frozen=True, slots=True)
class MeterChain:
    """How far the records of an enrolled attestation key have come: the last sequence and that record's hash.

    `retired_s` is 0 while the key is its provider's; else the time of the block in which another took its place, and
    the chain has ended.
    """

    sequence: int
    head: bytes
    retired_s: int = 0


@dataclass(frozen=True, slots=True)
class MeterGap:
    """Record `missing` of a chain is waited for since the block of time `since_s`, because a later one came."""

    missing: int
    since_s: int


@dataclass(frozen=True, slots=True)
class AccountEnd:
    """The account's last word, in the block of time `since_s`: it stands for ever (docs/decisions/0053)."""

    since_s: int


Entry = (
    Account
    | AccountEnd
    | Money
    | StandingOffer
    | ReservationOffer
    | Share
    | ShareList
    | BandBooks
    | PeriodBook
    | SpotEnding
    | MeterChain
    | MeterGap
    | PayplaceEntry
    | Club
)

MONEY_KEY = b"m"


def account_key(key_id: bytes) -> bytes:
    return b"a" + key_id


def account_end_key(account: PublicKey) -> bytes:
    """With the whole key: nobody's key id may end another's account."""
    return b"e" + account.octets


def chain_key(attestation_key_id: bytes) -> bytes:
    return b"k" + attestation_key_id


def gap_key(attestation_key_id: bytes) -> bytes:
    return b"g" + attestation_key_id


def offer_key(provider_key_id: bytes) -> bytes:
    return b"o" + provider_key_id


def share_key(provider: PublicKey, consumer: bytes) -> bytes:
    return b"h" + provider.key_id + consumer


def share_list_key(provider: PublicKey) -> bytes:
    return b"l" + provider.key_id


def reservation_key(provider: PublicKey, period: int) -> bytes:
    return b"r" + period.to_bytes(8, "big") + provider.key_id


def band_books_key(provider_key_id: bytes) -> bytes:
    return b"b" + provider_key_id


def period_book_key(provider_key_id: bytes, period: int, span: Span) -> bytes:
    return b"c" + period.to_bytes(8, "big") + provider_key_id + _write_span(span)


def spot_ending_key(provider_key_id: bytes, second: int, span: Span) -> bytes:
    return b"s" + second.to_bytes(8, "big") + provider_key_id + _write_span(span)


def split_timed_key(key: bytes) -> tuple[int, bytes, Span]:
    """(period or second, provider's key id, span) of a key that begins with c or s."""
    span = int.from_bytes(key[17:21], "big"), int.from_bytes(key[21:25], "big")
    return int.from_bytes(key[1:9], "big"), key[9:17], span


def span_of(band: Band) -> Span:
    return band.from_frequency_khz, band.to_frequency_khz


def overlaps(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _write_span(span: Span) -> bytes:
    return span[0].to_bytes(4, "big") + span[1].to_bytes(4, "big")


def write_entry(entry: Entry) -> bytes:
    return write_cbor(_entry_items(entry))


def read_entry(key: bytes, data: bytes) -> Entry:
    """The entry that lies under `key`. Raises DecodeError."""
    items = read_cbor_with_booleans(data) if key[:1] in _WITH_BOOLEANS else read_cbor(data)
    reader = _READERS.get(key[:1])
    if reader is None or not isinstance(items, list):
        raise DecodeError(f"state: no entry lies under {key.hex()}")
    try:
        return reader(items)
    except (TypeError, ValueError) as error:
        raise DecodeError(f"state: entry {key.hex()}: {error}") from None


def _entry_items(entry: Entry) -> Value:
    match entry:
        case Account(key, balance_ubc):
            return [key, balance_ubc]
        case PeriodBook(spot_ending_units, reserved_units):
            return [spot_ending_units, reserved_units]
        case SpotEnding(number) | AccountEnd(number):
            return [number]
        case BandBooks(bands):
            return [[*book.span, book.spot_units, book.reserved_units] for book in bands]
        case Share(allocated, allocations, price_ubc, slots):
            return [allocated, allocations, price_ubc, *([slots] if slots else [])]
        case ShareList(consumer_keys):
            return [consumer_keys]
        case ReservationOffer(price_ubc, capacity):
            return [price_ubc, capacity]
        case Money(deposited_ubc, withdrawn_ubc):
            return [deposited_ubc, withdrawn_ubc]
        case MeterChain(sequence, head, retired_s):
            return [sequence, head, retired_s]
        case MeterGap(missing, since_s):
            return [missing, since_s]
        case StandingOffer():
            return _offer_items(entry)
        case _:
            return club_items(entry) if isinstance(entry, Club) else payplace_items(entry)


def _offer_items(offer: StandingOffer) -> Value:
    band = offer.band
    items: list[Value] = [
        offer.epoch,
        offer.price_ubc,
        [band.from_frequency_khz, band.to_frequency_khz, band.bandwidth_khz],
        offer.max_allocations,
        offer.allocation_duration_s,
        write_qos(offer.qos),
        offer.volume_multiplier_ppm,
        offer.reservation_multiplier_ppm,
        offer.cleared,
    ]
    return [*items, offer.auction, offer.settled_s] if offer.settled_s else items


def read_qos_items(items: list[int]) -> Qos:
    """A qos from the array that `wire.qos.write_qos` makes. Raises ValueError."""
    try:
        return qos_of(items)
    except DecodeError as error:
        raise ValueError(str(error)) from None


def _read_offer(items: list[Value]) -> Entry:
    match items:
        case [
            epoch,
            price,
            list(band),
            maximum,
            duration,
            list(qos),
            volume,
            reservation,
            bool(cleared),
            *settled,
        ]:
            numbers = _integers([epoch, price, maximum, duration, volume, reservation])
            auction, settled_s = _read_settled(settled)
            return StandingOffer(
                numbers[0], numbers[1], Band(*_integers(band)), numbers[2], numbers[3],
                read_qos_items(_integers(qos)), numbers[4], numbers[5], cleared,
                auction, settled_s,
            )  # fmt: skip
    raise ValueError("not an offer")


def _read_settled(items: list[Value]) -> tuple[bytes, int]:
    match items:
        case []:
            return b"", 0
        case [bytes(auction), int(settled_s)] if settled_s > 0 and settled_s is not True:
            return auction, settled_s
    raise ValueError("not an offer")


def _read_account(items: list[Value]) -> Entry:
    match items:
        case [bytes(key), int(balance_ubc)]:
            return Account(key, balance_ubc)
    raise ValueError("not an account")


def _read_chain(items: list[Value]) -> Entry:
    match items:
        case [int(sequence), bytes(head), int(retired_s)]:
            return MeterChain(sequence, head, retired_s)
    raise ValueError("not the end of a metering chain")


def _read_share(items: list[Value]) -> Entry:
    match items:
        case [bool(allocated), *numbers]:
            match _integers(numbers):
                case [allocations, price_ubc]:
                    return Share(allocated, allocations, price_ubc)
                case [allocations, price_ubc, slots] if slots > 0:
                    return Share(allocated, allocations, price_ubc, slots)
    raise ValueError("not a share")


def _read_share_list(items: list[Value]) -> Entry:
    match items:
        case [bytes(consumer_keys)]:
            return ShareList(consumer_keys)
    raise ValueError("not a list of shares")


def _read_band_books(items: list[Value]) -> Entry:
    books: list[BandBook] = []
    for item in items:
        low, high, spot_units, reserved_units = _integers(item)
        books.append(BandBook((low, high), spot_units, reserved_units))
    return BandBooks(tuple(books))


def _integers(value: Value) -> list[int]:
    if not isinstance(value, list):
        raise TypeError("not an array of integers")
    numbers = [item for item in value if isinstance(item, int) and not isinstance(item, bool)]
    if len(numbers) != len(value):
        raise ValueError("not an array of integers")
    return numbers


_WITH_BOOLEANS = {b"h", b"o"}
"""Entries that have one; their readers ask integers not to be booleans."""

_READERS: dict[bytes, Callable[[list[Value]], Entry]] = {
    b"a": _read_account,
    b"b": _read_band_books,
    b"c": lambda items: PeriodBook(*_integers(items)),
    b"e": lambda items: AccountEnd(*_integers(items)),
    b"g": lambda items: MeterGap(*_integers(items)),
    b"h": _read_share,
    b"k": _read_chain,
    b"l": _read_share_list,
    b"m": lambda items: Money(*_integers(items)),
    b"o": _read_offer,
    b"r": lambda items: ReservationOffer(*_integers(items)),
    b"s": lambda items: SpotEnding(*_integers(items)),
    **PAYPLACE_ENTRY_READERS,
    **CLUB_ENTRY_READERS,
}
