"""The desk: the book and the table behind it, together, for whoever serves and for a person's commands.

Every change is written before it is believed. `take` and `take_payout` record what arrived; `release`, `note_paid`
and `note_unpaid` what a person decided. Safe from several threads. Raises ShellError, and LookupError for a person's
mistake.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from ledger.exchange.audit import AuditTable
from ledger.exchange.book import PAYOUT, Book
from ledger.exchange.entry import Step
from ledger.exchange.events import Event
from ledger.exchange.judging import Line, Rules, judge, judge_payout, payout_key
from ledger.exchange.payout_request import PayoutRequest

FEWEST_DIGITS = 8
Decide = Callable[[Book], Sequence[Line]]


class Desk:
    """`clock` gives UTC seconds."""

    def __init__(self, file: Path, rules: Rules, clock: Callable[[], int]) -> None:
        self.table = AuditTable(file)
        self.rules = rules
        self.clock = clock
        self.lock = threading.RLock()
        self.book = Book(self.table.read_after(0))

    def close(self) -> None:
        self.table.close()

    def write(self, decide: Decide) -> bool:
        """Writes what `decide` makes of the book as it is now; whether that was anything."""
        with self.lock:
            while True:
                lines = decide(self.book)
                if not lines:
                    return False
                entries = self.table.append(lines, self.book.last_number, self.clock())
                if entries is not None:
                    for entry in entries:
                        self.book.add(entry)
                    return True
                self.refresh()

    def refresh(self) -> None:
        """Reads what others wrote."""
        with self.lock:
            for entry in self.table.read_after(self.book.last_number):
                self.book.add(entry)

    def take(self, event: Event) -> bool:
        """Whether it was new. On disk when this returns."""
        return self.write(lambda book: self._judge(event, book))

    def take_payout(self, request: PayoutRequest, available_ubc: int | None) -> tuple[str, bool]:
        """Its key, and whether it was new. On disk when this returns. Raises DecodeError as `judge_payout`."""
        new = self.write(lambda book: judge_payout(request, book, self.rules, available_ubc, self.clock()))
        return payout_key(request), new

    def check_payout(self, request: PayoutRequest) -> None:
        """Raises DecodeError for what nobody could pay, before anybody asks the ledger about it."""
        with self.lock:
            judge_payout(request, self.book, self.rules, None, self.clock())

    def release(self, key: str, by: str) -> None:
        """A refused case goes on, at the rate of the day on which it came; a payout that is held is held no longer."""

        def decide(book: Book) -> Sequence[Line]:
            case = book.cases.get(key)
            if case is not None and case.is_held(self.clock()):
                return [(key, Step.RELEASED, {"by": by})]
            if case is None or not case.refused:
                raise LookupError(f"{key} is neither refused nor held")
            if (
                case.kind not in ("payment", "payout")
                or not case.event.count("ubc")
                or not case.event.count("minor")
            ):
                raise LookupError(f"{key} cannot be released: it is worth nothing that we know")
            return [(key, Step.RELEASED, {"by": by})]

        self.write(decide)

    def find_payout(self, named: str) -> str:
        """The case that a person means: its key, or a payout's id, or the unique beginning of one, of eight digits at
        least. What names none is given back as it is. Raises LookupError for what names several.
        """
        prefix = named if named.startswith("payout:") else f"payout:{named}"
        if named in self.book.cases or len(prefix) < len("payout:") + FEWEST_DIGITS:
            return named
        found = [key for key in self.book.cases if key.startswith(prefix)]
        if len(found) > 1:
            raise LookupError(f"{named} is the beginning of {len(found)} payouts")
        return found[0] if found else named

    def note_paid(self, key: str, reference: str) -> None:
        """A person paid it."""
        self._note(
            key, [(key, Step.PAYING, {"idempotency_key": key}), (key, Step.PAID, {"reference": reference})]
        )

    def note_unpaid(self, key: str, reason: str, by: str = "") -> None:
        """A person will not, ever: the bandcoins go back; of a payout that was refused once they are here."""
        case = self.book.cases.get(key)
        if case is not None and case.kind == PAYOUT and case.refused and reason:
            lines = [(key, Step.RELEASED, {"by": by}), (key, Step.UNPAID, {"reason": reason})]
            self.write(lambda book: lines if book.cases[key].refused else [])
        else:
            self._note(key, [(key, Step.UNPAID, {"reason": reason})])

    def _note(self, key: str, lines: Sequence[Line]) -> None:
        def decide(book: Book) -> Sequence[Line]:
            case = book.cases.get(key)
            if case is None or case.kind != PAYOUT:
                raise LookupError(f"{key} is no payout")
            if not case.is_open or not case.funded or case.paid or case.unpaid:
                raise LookupError(f"{key} is not due: {case.stage}")
            if lines[-1][1] is Step.PAID and case.is_held(self.clock()):
                raise LookupError(f"{key} is {case.stage}: `release` lets it go before")
            if case.paying and lines[-1][1] is Step.UNPAID:
                raise LookupError(f"{key}: the bank was asked, and only the bank can say that it never pays")
            if not any(lines[-1][2].values()):
                raise LookupError("say the bank's reference, or the reason")
            return lines

        self.write(decide)

    def _judge(self, event: Event, book: Book) -> Sequence[Line]:
        return judge(event, book, self.rules, self.clock())
