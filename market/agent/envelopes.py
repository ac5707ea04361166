"""Budget envelopes: what an agent may still sign, per application, day and cycle. No envelope is ever exceeded.

    reserve(worst case) -> signed, paid, over -> settle(what it was)

The worst case is reserved before anything is signed, and stays reserved until it is known what it came to; whoever
keeps the book writes it to disk before he signs (device/agent_files.py), so that a crash leaves a reservation open and
never money that nobody counts. Settling twice changes nothing. What is open counts in full, today and in this cycle,
whenever it was reserved; what was settled counts in the day and the cycle in which it was. So an amount that spans
midnight counts in both days, each while it lasts, and no way of telling the days apart finds a cap exceeded.

The book's clock never goes back: a clock that does opens no day again. One that was far ahead leaves the book in that
day until the world has caught up: less is spent, never more. Without a bound nothing is reserved (*zero surprise*).
Pure; integers. Units: micro-bandcoin, seconds UTC; days begin at midnight of `utc_offset_s`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from wire.units import U63_MAX, format_money

DAY_S = 86_400
KEPT_DAYS = 367
"""As long as the longest cycle that settings take, and a day for another offset from UTC."""


@dataclass(frozen=True, slots=True)
class Caps:
    """Of one application, or of all together; None: only the others hold."""

    day_ubc: int | None = None
    cycle_ubc: int | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """`everything` has a cycle's cap at least: nothing is without a bound. Cycles of whole days are counted from
    `cycle_begins_s`, a midnight.
    """

    everything: Caps
    applications: Mapping[str, Caps] = field(default_factory=dict)
    cycle_begins_s: int = 0
    cycle_days: int = 30
    utc_offset_s: int = 0

    def __post_init__(self) -> None:
        assert self.everything.cycle_ubc is not None, "a cycle without a cap"
        assert self.cycle_days > 0, f"a cycle of {self.cycle_days} days"


@dataclass(frozen=True, slots=True)
class Reservation:
    """The worst case of what is being signed."""

    number: int
    application: str
    at_s: int
    most_ubc: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What one came to, when that was known."""

    number: int
    application: str
    at_s: int
    paid_ubc: int


@dataclass(frozen=True, slots=True)
class Book:
    """`latest_s`: the latest that the clock ever said."""

    latest_s: int = 0
    next_number: int = 1
    open: tuple[Reservation, ...] = ()
    settled: tuple[Settled, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing may be signed. `reason` is a fixed word: bound_unknown, over_envelope, not_an_amount."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """How one stands: `used_ubc` was spent, or is reserved."""

    name: str
    cap_ubc: int
    used_ubc: int

    @property
    def left_ubc(self) -> int:
        return max(0, self.cap_ubc - self.used_ubc)


def reserve(
    book: Book, budget: Budget, application: str, worst_ubc: int | None, now_s: int
) -> tuple[Book, Reservation] | Refused:
    """A reservation, or which envelope says no."""
    if worst_ubc is None:
        return Refused("bound_unknown", "nobody says what it may cost at the most")
    if not 0 <= worst_ubc <= U63_MAX:
        return Refused("not_an_amount", f"{worst_ubc} is no amount that can be reserved")
    book = advance(book, now_s)
    for envelope in envelopes(book, budget, application):
        if worst_ubc > envelope.left_ubc:
            left, worst = format_money(envelope.left_ubc), format_money(worst_ubc)
            return Refused("over_envelope", f"it may cost {worst}, and {envelope.name} has {left} left")
    made = Reservation(book.next_number, application, book.latest_s, worst_ubc)
    return replace(book, next_number=made.number + 1, open=(*book.open, made)), made


def settle(book: Book, number: int, paid_ubc: int, now_s: int) -> Book:
    """What a reservation came to; the rest of it is free again. Of one that is not open nothing is changed. More than
    was reserved is counted as it is: the truth comes before the cap.
    """
    book = advance(book, now_s)
    one = next((one for one in book.open if one.number == number), None)
    if one is None:
        return book
    left = tuple(other for other in book.open if other is not one)
    over = Settled(number, one.application, book.latest_s, max(0, paid_ubc))
    return replace(book, open=left, settled=(*book.settled, over))


def advance(book: Book, now_s: int) -> Book:
    """Time goes forward, or stands."""
    return replace(book, latest_s=now_s) if now_s > book.latest_s else book


def prune(book: Book, budget: Budget) -> Book:
    """Without what was over before the cycle before this one, and more than KEPT_DAYS ago: a longer cycle may be set
    tomorrow, and counts what was spent before that.
    """
    oldest, oldest_s = cycle_of(budget, book.latest_s) - 1, book.latest_s - KEPT_DAYS * DAY_S
    kept = tuple(one for one in book.settled if one.at_s >= oldest_s or cycle_of(budget, one.at_s) >= oldest)
    return replace(book, settled=kept)


def envelopes(book: Book, budget: Budget, application: str | None = None) -> list[Envelope]:
    """All that hold for an application, now; those of everything for None."""
    rows: list[tuple[str, int | None, int]] = []
    for name, caps in [("everything", budget.everything), (application, _caps(budget, application))]:
        if name is None:
            continue
        only = None if name == "everything" else name
        rows.append((f"{name} today", caps.day_ubc, _used(book, budget, only, day_of)))
        rows.append((f"{name} in this cycle", caps.cycle_ubc, _used(book, budget, only, cycle_of)))
    return [Envelope(name, cap_ubc, used_ubc) for name, cap_ubc, used_ubc in rows if cap_ubc is not None]


def room_ubc(book: Book, budget: Budget, application: str, now_s: int) -> int:
    """The most that can be reserved for it now."""
    return min(one.left_ubc for one in envelopes(advance(book, now_s), budget, application))


def day_of(budget: Budget, at_s: int) -> int:
    """Counted from the epoch, in the user's own time."""
    return (at_s + budget.utc_offset_s) // DAY_S


def cycle_of(budget: Budget, at_s: int) -> int:
    """0 is the one that begins with `cycle_begins_s`."""
    return (at_s - budget.cycle_begins_s) // (budget.cycle_days * DAY_S)


def cycle_span_s(budget: Budget, cycle: int) -> tuple[int, int]:
    """From when until before when it lasts."""
    length_s = budget.cycle_days * DAY_S
    begins_s = budget.cycle_begins_s + cycle * length_s
    return begins_s, begins_s + length_s


def _caps(budget: Budget, application: str | None) -> Caps:
    return budget.applications.get(application or "", Caps())


def _used(
    book: Book, budget: Budget, application: str | None, window_of: Callable[[Budget, int], int]
) -> int:
    """In this day, or this cycle: what is open, and what was settled in it."""
    ours = (one for one in book.open if application in (None, one.application))
    now = window_of(budget, book.latest_s)
    done = (
        one.paid_ubc
        for one in book.settled
        if application in (None, one.application) and window_of(budget, one.at_s) == now
    )
    return sum(one.most_ubc for one in ours) + sum(done)
