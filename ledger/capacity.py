"""What a provider has sold and not yet delivered, so that nothing is ever sold twice (fault B3 of the paper).

A spot grant runs from the block's time for the offer's duration; a unit sold ahead runs through its whole
period. At every instant, the spot units that run plus the units sold ahead for the period of that instant
must not exceed the offer's max_allocations, whichever offer they were sold under. Bands that overlap draw on
the same air and are added up.

Spot units only ever end, so within a period they are most at its beginning (or now): one look at each period
that a purchase touches is enough. What ends is kept by the second at which it ends and added up by the period
in which it ends; each look costs a few reads, whatever the number of grants.
"""

from dataclasses import replace

from ledger.entries import (
    BandBook,
    BandBooks,
    PeriodBook,
    Span,
    SpotEnding,
    StandingOffer,
    band_books_key,
    overlaps,
    period_book_key,
    span_of,
    spot_ending_key,
)
from ledger.genesis import Genesis
from ledger.state import Draft, View, read_band_books, read_period_book, read_spot_ending

MAX_PERIODS_AHEAD = 1_000
"""Reservations and grants reach at most this many periods ahead: ten days of a quarter of an hour, forty of hours.
Bounds every walk: a purchase of 160 bytes may make the ledger look at each of them in MAX_BANDS bands, which takes
some ten milliseconds (docs/decisions/0008).
"""
MAX_BANDS = 8
"""Bands with something outstanding, at most, per provider: an access point has a few radios."""


MAX_SECONDS = 3_600
"""Looked at one by one, by a question that nobody pays for: a clearing house's."""
LOOKS_OF_SHARE = 60
"""At entries of the state, by the purchase of an auction's share, beside those that follow."""


def looks_of_share(genesis: Genesis, duration_s: int) -> int:
    """The most that one purchase of an auction's share can come to, whatever its provider has reserved by then."""
    periods = min(duration_s // genesis.period_s + 2, MAX_PERIODS_AHEAD)
    return LOOKS_OF_SHARE + MAX_BANDS * periods


def most_outstanding(view: View, provider_key_id: bytes, span: Span, now_s: int, until_s: int) -> int:
    """The most units that are taken at any instant of [now_s, until_s) in bands that overlap `span`."""
    books = [book for book in read_band_books(view, provider_key_id).bands if overlaps(book.span, span)]
    running = sum(book.spot_units for book in books)
    if not any(book.reserved_units for book in books):
        return running
    first, last = view.genesis.period_at(now_s), view.genesis.period_at(until_s - 1)
    return _most(view, provider_key_id, [book.span for book in books], running, first, range(first, last + 1))


def most_outstanding_ahead(view: View, provider_key_id: bytes, span: Span, now_s: int, periods: range) -> int:
    """The most units that are taken at any instant of some later periods in bands that overlap `span`."""
    books = [book for book in read_band_books(view, provider_key_id).bands if overlaps(book.span, span)]
    running = sum(book.spot_units for book in books)
    return _most(
        view, provider_key_id, [book.span for book in books], running, view.genesis.period_at(now_s), periods
    )


def most_outstanding_from(
    view: View, provider_key_id: bytes, span: Span, now_s: int, from_s: int, until_s: int
) -> int:
    """The most units that will be taken at any instant of [from_s, until_s) in bands that overlap `span`, if nothing is
    sold after the block of `now_s`. What ends at `from_s` is over by then.
    """
    books = [book for book in read_band_books(view, provider_key_id).bands if overlaps(book.span, span)]
    spans, running = [book.span for book in books], sum(book.spot_units for book in books)
    from_s = max(now_s, from_s)
    current, first = view.genesis.period_at(now_s), view.genesis.period_at(from_s)
    last = min(view.genesis.period_at(until_s - 1), current + MAX_PERIODS_AHEAD)
    if not books or first > last:  # nothing that is sold reaches so far
        return 0
    reserved = sum(read_period_book(view, provider_key_id, first, band).reserved_units for band in spans)
    ended = _ended(view, provider_key_id, spans, now_s, from_s)
    later = range(first + 1, last + 1)
    return max(running - ended + reserved, _most(view, provider_key_id, spans, running, current, later))


def allocations_left(view: View, provider_key_id: bytes, offer: StandingOffer, now_s: int) -> int:
    """Units of the offer that could be bought on the spot now (Bandcoin 5.1.4). Of one that settles an auction none:
    what its winners did not win can be bought by nobody.
    """
    if offer.cleared:
        return 0
    until_s = now_s + offer.allocation_duration_s
    taken = most_outstanding(view, provider_key_id, span_of(offer.band), now_s, until_s)
    return max(0, offer.max_allocations - taken)


def has_room_for_band(view: View, provider_key_id: bytes, span: Span) -> bool:
    """Whether an offer in this band keeps the provider within MAX_BANDS."""
    books = read_band_books(view, provider_key_id).bands
    return len(books) < MAX_BANDS or any(book.span == span for book in books)


def sell_spot(draft: Draft, provider_key_id: bytes, span: Span, units: int, end_s: int) -> None:
    """Note that `units` spot units run until `end_s`."""
    _change_band(draft, provider_key_id, span, spot_units=units)
    ending = read_spot_ending(draft, provider_key_id, end_s, span)
    draft.put(spot_ending_key(provider_key_id, end_s, span), SpotEnding(ending.units + units))
    period = draft.genesis.period_at(end_s - 1)
    book = read_period_book(draft, provider_key_id, period, span)
    key = period_book_key(provider_key_id, period, span)
    draft.put(key, PeriodBook(book.spot_ending_units + units, book.reserved_units))


def sell_ahead(draft: Draft, provider_key_id: bytes, span: Span, units: int, periods: range) -> None:
    """Note that `units` units are sold for each of `periods`."""
    _change_band(draft, provider_key_id, span, reserved_units=units * len(periods))
    for period in periods:
        book = read_period_book(draft, provider_key_id, period, span)
        key = period_book_key(provider_key_id, period, span)
        draft.put(key, replace(book, reserved_units=book.reserved_units + units))


def end_spot(draft: Draft, provider_key_id: bytes, end_s: int, span: Span) -> None:
    """Spot grants that run until `end_s` are over."""
    units = read_spot_ending(draft, provider_key_id, end_s, span).units
    draft.put(spot_ending_key(provider_key_id, end_s, span), None)
    _change_band(draft, provider_key_id, span, spot_units=-units)
    period = draft.genesis.period_at(end_s - 1)
    book = read_period_book(draft, provider_key_id, period, span)
    key = period_book_key(provider_key_id, period, span)
    draft.put(key, replace(book, spot_ending_units=book.spot_ending_units - units))


def end_period(draft: Draft, provider_key_id: bytes, period: int, span: Span) -> None:
    """A period is over; its spot grants have been ended before."""
    book = read_period_book(draft, provider_key_id, period, span)
    assert book.spot_ending_units == 0, (
        f"period {period} ends with {book.spot_ending_units} spot units running"
    )
    draft.put(period_book_key(provider_key_id, period, span), None)
    if book.reserved_units:
        _change_band(draft, provider_key_id, span, reserved_units=-book.reserved_units)


def _most(
    view: View, provider_key_id: bytes, spans: list[Span], running: int, current: int, periods: range
) -> int:
    """The highest sum at the start of any of `periods`, walking from the current period on."""
    most = 0
    for period in range(current, periods.stop):
        books: list[PeriodBook] = [read_period_book(view, provider_key_id, period, span) for span in spans]
        if period in periods:
            most = max(most, running + sum(book.reserved_units for book in books))
        running -= sum(book.spot_ending_units for book in books)
    return most


def _ended(view: View, provider_key_id: bytes, spans: list[Span], now_s: int, at_s: int) -> int:
    """Spot units that run at `now_s` and are over at `at_s`: period by period, and the last of them second by second.
    At most MAX_SECONDS are looked at one by one: of more the whole period is taken for over.
    """
    current, last = view.genesis.period_at(now_s), view.genesis.period_at(at_s)
    begun_s = max(now_s, last * view.genesis.period_s)
    whole = range(current, last + (at_s - begun_s > MAX_SECONDS))
    seconds = range(begun_s + 1, at_s + 1) if last not in whole else range(0)
    return sum(
        read_period_book(view, provider_key_id, period, span).spot_ending_units
        for period in whole
        for span in spans
    ) + sum(
        read_spot_ending(view, provider_key_id, second, span).units for second in seconds for span in spans
    )


def _change_band(
    draft: Draft, provider_key_id: bytes, span: Span, spot_units: int = 0, reserved_units: int = 0
) -> None:
    books = {book.span: book for book in read_band_books(draft, provider_key_id).bands}
    book = books.pop(span, BandBook(span, 0, 0))
    changed = BandBook(span, book.spot_units + spot_units, book.reserved_units + reserved_units)
    assert min(changed.spot_units, changed.reserved_units) >= 0, f"{changed}"
    if changed.spot_units or changed.reserved_units:
        books[span] = changed
    key = band_books_key(provider_key_id)
    ordered = tuple(books[known] for known in sorted(books))
    draft.put(key, BandBooks(ordered) if ordered else None)
