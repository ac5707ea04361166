"""Whether the exchange honours what it was told: an event in, the lines that record it out.

Pure. A verified event always becomes an `event` line, with what it is worth at today's rate; where a rule says no, a
`refused` line follows, and a person decides (`release`) or gives the money back at the gateway. The rules, in the
order in which they are asked:

    currency_not_sold       there is a rate for the currency
    amount_has_fractions    the amount has no fraction of a minor unit
    amount_too_small        it is worth at least 1 ubc, or one minor unit
    amount_too_large        and no more than `max_ubc`
    too_old                 it was told within `max_age_s`; an old one is a replay, or was long under way
    from_the_future         and not more than five minutes ahead
    account_owes            the account has no shortfall of an earlier reversal
    currency_differs        a reversal is in the payment's currency
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.exchange import rates
from ledger.exchange.book import NOTICE, PAYMENT, PAYOUT, PUZZLE, REFUNDED, REVERSAL, Book
from ledger.exchange.entry import Fields, Step
from ledger.exchange.events import Cash, Event, Notice, Payment, Puzzle, RefundTotal, Reversal, payment_key
from ledger.exchange.payout_request import PayoutRequest
from wire.errors import DecodeError
from wire.units import U63_MAX, format_money

SKEW_S = 300
MAX_OPTION_S = 3_600
"""So long a payout may wait for its transfer at the rate of the day on which it was asked for. A transfer that is good
for longer is a free option: its owner moves the money away, and back when the rate has changed in his favour.
"""
Line = tuple[str, Step, Fields]


@dataclass(frozen=True, slots=True)
class Rules:
    """`rates` by currency; `max_ubc` of one payment or payout; `max_age_s` by gateway. `hold_s`: how long a payout
    waits once its transfer ran, so that no bandcoin is paid out that was bought less than that before, through however
    many accounts it went; `day_ubc`: what is paid out in a day, at most.
    """

    rates: Mapping[str, rates.Rate]
    max_ubc: int
    max_age_s: Mapping[str, int]
    hold_s: int = 0
    day_ubc: int = U63_MAX


class _Refused(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def judge(event: Event, book: Book, rules: Rules, now_s: int) -> list[Line]:
    """Nothing if it is known already."""
    if event.key in book.cases:
        return []
    match event:
        case Payment():
            return _judge_payment(event, book, rules, now_s)
        case Reversal() | RefundTotal():
            return _judge_reversal(event, book, rules)
        case Notice():
            return [(event.key, Step.EVENT, {"kind": NOTICE, "told_s": event.time_s})]
        case Puzzle():
            return [(event.key, Step.EVENT, {"kind": PUZZLE, "reason": event.reason, "told_s": event.time_s})]


def payout_key(request: PayoutRequest) -> str:
    return f"payout:{request.transfer.transaction_id.hex()}"


def judge_payout(
    request: PayoutRequest, book: Book, rules: Rules, available_ubc: int | None, now_s: int
) -> list[Line]:
    """Nothing if it is known already. `available_ubc` is what the account has; None: the transfer ran already.

    Raises DecodeError for what the account could not pay, and for what nobody could: anybody can sign anything, each
    line stays for ever, and a transfer that ran is good for another request.
    """
    key = payout_key(request)
    if key in book.cases:
        return []
    if available_ubc is not None:
        _check_validity(request.transfer.transaction.valid_until_s - now_s)
        wanted_ubc = request.amount_ubc + book.unfunded_ubc(str(request.account))
        if wanted_ubc > available_ubc:
            raise DecodeError(
                f"payout request: the account has {format_money(available_ubc)}, "
                f"and {format_money(wanted_ubc)} are asked of it"
            )
    fields: dict[str, str | int] = {
        "kind": PAYOUT,
        "account": str(request.account),
        "ubc": request.amount_ubc,
        "currency": request.currency,
        "destination": request.destination,
        "id": request.transfer.transaction_id.hex(),
        "transfer": request.transfer.envelope.encoded.hex(),
        "valid_until_s": request.transfer.transaction.valid_until_s,
        "hold_s": rules.hold_s,
    }
    try:
        rate = _rate(request.currency, rules)
        fields["minor"] = minor = rates.payout_minor(rate, request.amount_ubc)
        _check_worth(min(request.amount_ubc, minor), request.amount_ubc, rules)
    except _Refused as no:
        if no.reason != "amount_too_large":  # a person may release that
            raise DecodeError(f"payout request: {no.reason}: {no}") from None
        return [(key, Step.EVENT, fields), _refusal(key, no)]
    return [(key, Step.EVENT, fields)]


def _check_validity(left_s: int) -> None:
    if left_s > MAX_OPTION_S + SKEW_S:
        raise DecodeError(
            f"payout request: its transfer is good for {left_s} s, at most {MAX_OPTION_S} s: the rate is fixed now"
        )


def _judge_payment(event: Payment, book: Book, rules: Rules, now_s: int) -> list[Line]:
    account = str(event.account)
    fields: dict[str, str | int] = {"kind": PAYMENT, "account": account, "told_s": event.time_s}
    fields |= {"amount": event.cash.amount, "currency": event.cash.currency}
    try:
        fields["minor"], rate = _minor(event.cash, rules)
        fields["ubc"] = ubc = _deposit(rate, int(fields["minor"]))
        _check_worth(ubc, ubc, rules)
        _check_time(now_s - event.time_s, rules.max_age_s[event.gateway])
        _check_owing(book.owing_ubc(account), account)
    except _Refused as no:
        return [(event.key, Step.EVENT, fields), _refusal(event.key, no)]
    return [(event.key, Step.EVENT, fields)]


def _judge_reversal(event: Reversal | RefundTotal, book: Book, rules: Rules) -> list[Line]:
    key = payment_key(event.gateway, event.payment_id)
    kind = REFUNDED if isinstance(event, RefundTotal) else REVERSAL
    fields: dict[str, str | int] = {"kind": kind, "payment": key, "told_s": event.time_s}
    fields |= {"amount": event.cash.amount, "currency": event.cash.currency}
    try:
        fields["minor"], _ = _minor(event.cash, rules)
        payment = book.cases.get(key)
        _check_currency(
            event.cash.currency, event.cash.currency if payment is None else payment.event.text("currency")
        )
    except _Refused as no:
        return [(event.key, Step.EVENT, fields), _refusal(event.key, no)]
    return [(event.key, Step.EVENT, fields)]


def _check_time(age_s: int, max_age_s: int) -> None:
    if age_s > max_age_s:
        raise _Refused("too_old", f"told {age_s} s ago, at most {max_age_s} s are accepted")
    if age_s < -SKEW_S:
        raise _Refused("from_the_future", f"told {-age_s} s ahead of our clock")


def _check_owing(owing_ubc: int, account: str) -> None:
    if owing_ubc:
        raise _Refused("account_owes", f"{owing_ubc} ubc of reversed payments are missing on {account}")


def _check_currency(currency: str, paid_in: str) -> None:
    if currency != paid_in:
        raise _Refused("currency_differs", f"it was paid in {paid_in}")


def _rate(currency: str, rules: Rules) -> rates.Rate:
    rate = rules.rates.get(currency)
    if rate is None:
        raise _Refused("currency_not_sold", f"there is no rate for {currency}")
    return rate


def _minor(cash: Cash, rules: Rules) -> tuple[int, rates.Rate]:
    rate = _rate(cash.currency, rules)
    try:
        return rates.parse_minor(cash.amount, rate.decimals), rate
    except DecodeError as error:
        raise _Refused("amount_has_fractions", str(error)) from None


def _deposit(rate: rates.Rate, minor: int) -> int:
    try:
        return rates.deposit_ubc(rate, minor)
    except DecodeError as error:
        raise _Refused("amount_too_large", str(error)) from None


def _check_worth(value: int, ubc: int, rules: Rules) -> None:
    if value < 1:
        raise _Refused(
            "amount_too_small", f"{format_money(ubc)}: less than the smallest coin, nothing would move"
        )
    if ubc > rules.max_ubc:
        raise _Refused(
            "amount_too_large", f"{format_money(ubc)}, at most {format_money(rules.max_ubc)} at once"
        )


def _refusal(key: str, no: _Refused) -> Line:
    return key, Step.REFUSED, {"reason": no.reason, "detail": str(no)}
