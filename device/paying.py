"""Paying as it goes, from the device's side: when to pay, how much, and when to stop. Pure.

In: the device's own count of what it had, what the operator said, and milliseconds of a clock that nobody sets. Out:
the next state, and what to sign, keep and send. The arithmetic and the times are market/metered.py's, and so is the
rule that the device's own count is the price: it never pays more than that comes to, whatever it is asked, and less if
it is asked for less.

The first interval is paid at once, every other one when a quarter of it has been had and was *served*: the operator's
signed word came since it began, packets came back lately if some were sent, and the promised rate was there if it was
wanted. Where that is not so by the middle of the interval nothing is paid any more; all that is lost is what is left of
the interval before and what this one has not had. Every payment is kept on disk before it is sent. What was kept and
perhaps not sent counts as used after a crash, until the operator's word says that it is not.
Reference: Datanet 5.5.3 ("the user may halt micropayments"); docs/decisions/0034.
"""

from dataclasses import dataclass, replace

from market.metered import GIVE_UP_AT, PAY_AT, cost_ubc, due_ubc, eighths_ms
from wire.payment import PaymentWord, Word
from wire.tariff import Tariff
from wire.units import PPM

ASKED_BYTES = 300
"""Sent since anything came back: an answer is missing. Five attempts at a TCP connection, four questions to the DNS."""
ANSWER_BYTES = 100
"""Received: more than ARP and the like."""
SLOW_PPM = 900_000
"""Of the promised rate is enough: a scan, a window that opens."""
AGAIN_MS = 300
"""What is not answered is sent again so often, or after an eighth of the interval if that is less."""


@dataclass(frozen=True, slots=True)
class Count:
    """IP bytes of the session by this machine's own counters; `wanted`: somebody had more to fetch all the while. Of
    these, `own_up_bytes` and `own_down_bytes` were payments and words on them: they ask for nothing else.
    """

    up_bytes: int = 0
    down_bytes: int = 0
    wanted: bool = False
    own_up_bytes: int = 0
    own_down_bytes: int = 0

    @property
    def asked_bytes(self) -> int:
        return self.up_bytes - self.own_up_bytes

    @property
    def answered_bytes(self) -> int:
        return self.down_bytes - self.own_down_bytes

    @property
    def total_bytes(self) -> int:
        return self.up_bytes + self.down_bytes


@dataclass(frozen=True, slots=True)
class Pay:
    """Sign both, keep them, then send them: `cumulative_ubc` in all, and what was had until now."""

    cumulative_ubc: int
    interval: int
    up_bytes: int
    down_bytes: int


@dataclass(frozen=True, slots=True)
class PayAgain:
    """The same octets."""


@dataclass(frozen=True, slots=True)
class StopPaying:
    """`reason` is a fixed word, `detail` a sentence for people."""

    reason: str
    detail: str


PayCommand = Pay | PayAgain | StopPaying


@dataclass(frozen=True, slots=True)
class Paying:
    """One metered session as the payer knows it."""

    tariff: Tariff
    session: bytes
    opened_ms: int
    paid_ubc: int
    """Signed for this operator in all, on disk."""
    limit_ubc: int
    """What is deposited for this operator."""
    books_ubc: int
    """By our own books, what was used of it before this session at the most: more than that is never admitted."""
    base_ubc: int
    """What was used for certain, or what the operator says, if that is less than our books say: we reckon with it."""
    interval: int = -1
    """The latest that was paid."""
    answered: bool = False
    """Whether the operator said since the interval that runs began, or was paid, that it is served."""
    asked: bool = False
    """Whether the operator was asked since that interval began."""
    at_payment: Count = Count()
    last: Count = Count()
    heard: Count = Count()
    """When packets last came back, or none were sent that wait for some: the count, and when (next field)."""
    heard_ms: int = 0
    began: Count = Count()
    """At the beginning of the interval before the one that is being paid: the rate is measured from there."""
    began_ms: int = 0
    again_ms: int = 0
    stopped: str = ""

    @property
    def least_used_ubc(self) -> int:
        """Of the whole channel, by our own meter; intervals that were paid count as had."""
        return min(self.paid_ubc, self.base_ubc + self._cost_ubc)

    @property
    def most_used_ubc(self) -> int:
        """The same, where the operator does not say that it is less."""
        return min(self.paid_ubc, self.books_ubc + self._cost_ubc)

    @property
    def _cost_ubc(self) -> int:
        return cost_ubc(self.tariff, self.interval + 1, self.last.total_bytes)


PayStep = tuple[Paying, list[PayCommand]]


@dataclass(frozen=True, slots=True)
class Purse:
    """A channel as the device knows it: what it has signed in all, what of that was used, and what is deposited.

    After a session that was ended `most_used_ubc` is by our own books; after a crash nobody knows what was used of what
    was paid last, and it is all of it.
    """

    paid_ubc: int = 0
    least_used_ubc: int = 0
    most_used_ubc: int = 0
    limit_ubc: int = 0


def start(tariff: Tariff, session: bytes, purse: Purse, now_ms: int) -> PayStep:
    """The station is in: the first interval begins. If more was paid than was used for certain, no more than has to be
    is paid ahead of the operator's word on it.
    """
    paying = Paying(
        tariff=tariff,
        session=session,
        opened_ms=now_ms,
        paid_ubc=purse.paid_ubc,
        limit_ubc=purse.limit_ubc,
        books_ubc=purse.most_used_ubc,
        base_ubc=purse.least_used_ubc,
        heard_ms=now_ms,
        began_ms=now_ms,
    )
    return _pay(paying, 0, now_ms)


def unfinished(paying: Paying) -> Purse:
    """To be kept with each payment, before it is sent: what is known if nothing else is ever kept."""
    return Purse(paying.paid_ubc, min(paying.paid_ubc, paying.base_ubc), paying.paid_ubc, paying.limit_ubc)


def finished(paying: Paying) -> Purse:
    """To be kept once it has stopped."""
    return Purse(paying.paid_ubc, paying.least_used_ubc, paying.most_used_ubc, paying.limit_ubc)


def look(paying: Paying, count: Count, now_ms: int) -> PayStep:
    """At the clock and at the counters: at least every eighth of an interval."""
    if paying.stopped:
        return paying, []
    paying = _listen(replace(paying, last=count), count, now_ms)
    since_ms = now_ms - _begins_ms(paying, paying.interval + 1)  # of the interval that is to be paid next
    if since_ms < 0:
        return _repeat(paying, now_ms) if not paying.answered else (paying, [])
    if not paying.asked:  # a new interval runs: is the operator there?
        paying = replace(paying, asked=True, answered=False, again_ms=now_ms)
    fault = _fault(paying, count, now_ms)
    if not fault and since_ms >= eighths_ms(paying.tariff, PAY_AT):
        return _pay(paying, paying.interval + 1, now_ms)
    if since_ms >= eighths_ms(paying.tariff, GIVE_UP_AT):
        return stop(paying, "not_served", fault)
    return _repeat(paying, now_ms) if not paying.answered else (paying, [])


def next_look_ms(paying: Paying, now_ms: int) -> int | None:
    """When `look` is wanted at the latest; None once it is over."""
    if paying.stopped:
        return None
    next_ms = now_ms + eighths_ms(paying.tariff, 1)
    begins_ms = _begins_ms(paying, paying.interval + 1)
    marks = [begins_ms, begins_ms + eighths_ms(paying.tariff, PAY_AT)]
    marks += [] if paying.answered else [paying.again_ms]
    return min([next_ms, *(mark for mark in marks if mark > now_ms)])


def hear(paying: Paying, word: PaymentWord, shown_ubc: int, now_ms: int) -> PayStep:
    """The operator's word, verified. `shown_ubc`: of our own micropayment beside it, verified too, or 0."""
    if paying.stopped or (word.session, word.interval) != (paying.session, paying.interval):
        return paying, []
    due_here_ubc = due_ubc(paying.tariff, paying.interval, paying.at_payment.total_bytes)
    asked_base_ubc = max(0, word.due_ubc - due_here_ubc)
    match word.word:
        case Word.SERVED:
            return replace(paying, answered=True, base_ubc=min(paying.base_ubc, asked_base_ubc)), []
        case Word.BEHIND if shown_ubc > paying.paid_ubc:
            books_ubc = max(paying.books_ubc, min(shown_ubc, asked_base_ubc))
            paying = replace(paying, paid_ubc=shown_ubc, books_ubc=books_ubc, base_ubc=books_ubc)
            return _pay(paying, paying.interval, now_ms)
        case Word.SHORT if paying.base_ubc < asked_base_ubc <= paying.books_ubc:
            return _pay(replace(paying, base_ubc=asked_base_ubc), paying.interval, now_ms)
        case Word.SHORT | Word.BEHIND:
            detail = f"the operator wants {word.due_ubc} ubc, which is more than was had"
            return stop(paying, "asked_too_much", detail)
        case Word.OVER_DEPOSIT:
            return stop(paying, "deposit_used", "the operator says that the deposit is used up")
        case Word.NO_SESSION:
            return paying, []  # it may hear of us in a moment; else this interval is not served
        case Word.OTHER_TERMS | Word.METERS_DIFFER | Word.ENDED:
            return stop(paying, word.word.name.lower(), f"the operator counts {word.counted_bytes} bytes")


def stop(paying: Paying, reason: str, detail: str) -> PayStep:
    """Nothing is paid from now on."""
    if paying.stopped:
        return paying, []
    return replace(paying, stopped=reason), [StopPaying(reason, detail)]


def _listen(paying: Paying, count: Count, now_ms: int) -> Paying:
    """Remembers when packets last came back, if any were sent that wait for some."""
    if count.answered_bytes - paying.heard.answered_bytes > ANSWER_BYTES:
        return replace(paying, heard=count, heard_ms=now_ms)
    if count.asked_bytes - paying.heard.asked_bytes < ASKED_BYTES:
        return replace(paying, heard_ms=now_ms)
    return paying


def _fault(paying: Paying, count: Count, now_ms: int) -> str:
    """Why the next interval is not paid, in a sentence; empty if it is."""
    if not paying.answered:
        return f"the operator did not answer in interval {paying.interval + 1}"
    if now_ms - paying.heard_ms > eighths_ms(paying.tariff, 1):
        return f"packets were sent, and for {now_ms - paying.heard_ms} ms nothing came back"
    down_bytes, took_ms = count.down_bytes - paying.began.down_bytes, now_ms - paying.began_ms
    promised = paying.tariff.qos.floor_down_bps * took_ms // 8_000
    if count.wanted and down_bytes < promised * SLOW_PPM // PPM:
        return f"{down_bytes} bytes came where {promised} were promised and wanted"
    return ""


def _repeat(paying: Paying, now_ms: int) -> PayStep:
    if now_ms < paying.again_ms:
        return paying, []
    return replace(paying, again_ms=now_ms + _pause_ms(paying)), [PayAgain()]


def _pay(paying: Paying, interval: int, now_ms: int) -> PayStep:
    count = paying.last
    due = paying.base_ubc + due_ubc(paying.tariff, interval, count.total_bytes)
    cumulative_ubc = max(paying.paid_ubc, due)
    if cumulative_ubc > paying.limit_ubc:
        left_ubc = paying.limit_ubc - paying.paid_ubc
        return stop(
            paying, "deposit_used", f"{left_ubc} ubc are left, less than interval {interval} may cost"
        )
    paying = replace(
        paying, interval=interval, at_payment=count, answered=False, asked=False, paid_ubc=cumulative_ubc,
        began=count, began_ms=now_ms, again_ms=now_ms + _pause_ms(paying),
    )  # fmt: skip
    return paying, [Pay(cumulative_ubc, interval, count.up_bytes, count.down_bytes)]


def _pause_ms(paying: Paying) -> int:
    return min(AGAIN_MS, eighths_ms(paying.tariff, 1))


def _begins_ms(paying: Paying, interval: int) -> int:
    return paying.opened_ms + interval * paying.tariff.interval_s * 1_000
