"""The byte forms of the state: every kind both ways, fixed vectors, and what damaged bytes meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.entries import (
    Account,
    AccountEnd,
    BandBook,
    BandBooks,
    Entry,
    MeterChain,
    MeterGap,
    Money,
    PeriodBook,
    ReservationOffer,
    Share,
    ShareList,
    SpotEnding,
    StandingOffer,
    account_end_key,
    account_key,
    band_books_key,
    chain_key,
    gap_key,
    offer_key,
    overlaps,
    period_book_key,
    read_entry,
    read_qos_items,
    reservation_key,
    share_key,
    share_list_key,
    split_timed_key,
    spot_ending_key,
    write_entry,
)
from tests.ledger_world import ALICE, BAND, PROVIDER, QOS
from tests.wire.fuzz import with_true
from wire.cbor import read_cbor_with_booleans, write_cbor
from wire.errors import DecodeError
from wire.qos import LatencyClass, Qos, RateLayer, write_qos

KEY_ID = PROVIDER.public.key_id
SPAN = (5_150_000, 5_170_000)
SAMPLES: list[tuple[bytes, Entry]] = [
    (account_key(KEY_ID), Account(PROVIDER.public.octets, 2**63 - 1)),
    (account_end_key(PROVIDER.public), AccountEnd(60_000)),
    (b"m", Money(10, 3)),
    (offer_key(KEY_ID), StandingOffer(3, 100, BAND, 10, 600, QOS, 900_000, 1_000_000, cleared=False)),
    (reservation_key(PROVIDER.public, 1_000), ReservationOffer(80, 5)),
    (share_key(PROVIDER.public, ALICE.public.octets), Share(True, 2, 150)),
    (share_list_key(PROVIDER.public), ShareList(ALICE.public.octets + PROVIDER.public.octets)),
    (band_books_key(KEY_ID), BandBooks((BandBook(SPAN, 4, 0), BandBook((6, 9), 0, 7)))),
    (period_book_key(KEY_ID, 1_000, SPAN), PeriodBook(4, 8)),
    (spot_ending_key(KEY_ID, 60_010, SPAN), SpotEnding(4)),
    (chain_key(KEY_ID), MeterChain(7, bytes(32), 60_000)),
    (gap_key(KEY_ID), MeterGap(8, 60_001)),
]


@pytest.mark.parametrize(("key", "entry"), SAMPLES, ids=lambda value: type(value).__name__)
def test_every_kind_survives_its_bytes(key: bytes, entry: Entry) -> None:
    assert read_entry(key, write_entry(entry)) == entry


def test_every_kind_has_its_own_letter() -> None:
    assert len({key[:1] for key, _ in SAMPLES}) == len(SAMPLES)


@pytest.mark.parametrize(
    ("entry", "encoded"),
    [
        (Money(10, 3), "820a03"),
        (ReservationOffer(80, 5), "82185005"),
        (Share(True, 2, 150), "83f5021896"),
        (Share(False, 2, 150, 3), "84f402189603"),
        (SpotEnding(4), "8104"),
        (BandBooks((BandBook((6, 9), 0, 7),)), "818406090007"),
    ],
)
def test_vectors(entry: Entry, encoded: str) -> None:
    """Source: our own, written by hand from the table in ledger/entries.py."""
    assert write_entry(entry).hex() == encoded


@pytest.mark.parametrize(
    "encoded", ["84f402189600", "85f40218960303", "82f402", "84f4021896f4", "84f402189620"]
)
def test_what_is_no_share(encoded: str) -> None:
    """No slots are left out, and have to be."""
    with pytest.raises(DecodeError):
        read_entry(share_key(PROVIDER.public, ALICE.public.octets), bytes.fromhex(encoded))


def test_a_share_of_slots_survives_its_bytes() -> None:
    key, share = share_key(PROVIDER.public, ALICE.public.octets), Share(False, 2, 150, 3)
    assert read_entry(key, write_entry(share)) == share


def test_keys_that_begin_with_a_time_can_be_taken_apart() -> None:
    assert split_timed_key(period_book_key(KEY_ID, 1_000, SPAN)) == (1_000, KEY_ID, SPAN)
    assert split_timed_key(spot_ending_key(KEY_ID, 60_010, SPAN)) == (60_010, KEY_ID, SPAN)


@given(st.sampled_from(SAMPLES), st.binary(max_size=40))
def test_damaged_bytes_are_a_decode_error_or_another_entry(sample: tuple[bytes, Entry], data: bytes) -> None:
    key, _ = sample
    try:
        entry = read_entry(key, data)
    except DecodeError:
        return
    assert write_entry(entry) == data


def test_true_is_one_nowhere() -> None:
    """Offers and shares have booleans of their own, beside their integers."""
    offer = StandingOffer(3, 100, BAND, 10, 600, QOS, 900_000, 1_000_000, True, bytes(32), 5)
    bent = 0
    for key, entry in [*SAMPLES, (offer_key(KEY_ID), offer)]:
        for items in with_true(read_cbor_with_booleans(write_entry(entry))):
            bent += 1
            with pytest.raises(DecodeError):
                read_entry(key, write_cbor(items))
    assert bent > 40


def test_an_unknown_letter_is_refused() -> None:
    with pytest.raises(DecodeError, match="no entry lies under"):
        read_entry(b"z", b"\x80")


def test_a_qos_is_read_as_it_is_written() -> None:
    for qos in (QOS, Qos(1, 2, 3, 4, 5, LatencyClass.INTERACTIVE, RateLayer.ETHERNET), Qos(1, 2, 3, 4, 9)):
        items = write_qos(qos)
        assert isinstance(items, list)
        assert read_qos_items([item for item in items if isinstance(item, int)]) == qos


@pytest.mark.parametrize(
    ("one", "other", "shared"), [((1, 5), (4, 9), True), ((1, 5), (5, 9), False), ((1, 9), (3, 4), True)]
)
def test_bands_overlap_where_they_share_a_frequency(one, other, shared) -> None:
    assert overlaps(one, other) is overlaps(other, one) is shared
