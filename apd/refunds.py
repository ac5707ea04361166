"""The core's side of refunds: each shortfall is paid back once, however often box, broker or ledger fail.

In: sessions that are over, the ledger's replies, time. Out: a question, a transfer to sign and to send, notes. It
happens once because a session is forgotten and its refund kept in one transaction of the disk; because the signed
transfer is on disk before the ledger hears of it, so that every copy has one id; and because the ledger runs an id
once and says so of a copy (`replayed`). It says `expired` only of what never ran and never can: then, and only then,
another transfer is signed.
"""

from collections.abc import Iterable
from dataclasses import replace

from apd.commands import (
    AskPrice,
    Command,
    ForgetRefund,
    Note,
    SignTransfer,
    StoreRefund,
    SubmitTransaction,
)
from apd.outcome import Outcome
from apd.refund import Refund, owed_for
from apd.session import Session
from apd.state import State
from wire.errors import DecodeError
from wire.grant_price import GrantPrice, read_grant_price
from wire.ids import GRANT_ID_SIZE
from wire.ledger_reply import read_ledger_reply
from wire.metered_pass import is_metered_pass
from wire.money_actions import Transfer
from wire.receipt import Receipt, read_receipt
from wire.refund import refund_nonce
from wire.transaction import Transaction
from wire.units import NS_PER_S, Now, format_money

VALID_S = 6 * 86_400
"""How long a transfer may be tried. The ledger takes nothing that is good for more than seven days."""
REFUSED_NS = 600 * NS_PER_S
"""After a refusal it is tried again so much later: an account without funds may earn some."""
REPLAYED, EXPIRED = "replayed", "expired"
"""The ledger's reasons: it ran before; it did not run in time."""
_PRICE, _TRANSFER = b"p", b"t"


def resume(owed: Iterable[Refund], now: Now) -> dict[bytes, Refund]:
    """Those of a run before, by grant: all of them are due."""
    return {refund.grant_id: replace(refund, due_ns=now.mono_ns) for refund in owed}


def owe(state: State, session: Session, now: Now) -> Outcome:
    """Takes over what a session that is over is owed. Of another provider's grant that provider has the money; whoever
    pays as it goes has stopped paying for what it was not given, and has no price to ask for.
    """
    refund = owed_for(session)
    if refund is None or session.grant_id in state.refunds:
        return state, []
    text = (
        f"grant {session.grant_id.hex()}: {refund.down_bytes} bytes down and {refund.up_bytes} up "
        "of its floors were wanted and did not arrive"
    )
    if is_metered_pass(session.grant):
        return state, [Note("shortfall", f"{text}; who pays as it goes pays for what it got")]
    if session.grant.provider_id != state.settings.provider.provider_id:
        return state, [
            Note("shortfall", f"{text}; it is for {session.grant.provider_id.hex()}, which sold it, to pay")
        ]
    refund = replace(refund, due_ns=now.mono_ns)
    return _with(state, refund), [StoreRefund(refund), Note("shortfall", text)]


def connected(state: State, now: Now) -> Outcome:
    """The ledger can be reached (again): whatever was sent to it may be lost."""
    anew = {grant_id: replace(refund, due_ns=now.mono_ns) for grant_id, refund in state.refunds.items()}
    return submit(replace(state, refunds=anew), now)


def submit(state: State, now: Now) -> Outcome:
    """Asks for prices, and sends transfers, that are due."""
    commands: list[Command] = []
    if not state.link.connected:
        return state, commands
    for refund in state.refunds.values():
        if refund.due_ns > now.mono_ns or (refund.transfer and not refund.stored):
            continue
        again_ns = now.mono_ns + state.settings.submit_timeout_s * NS_PER_S
        state = _with(state, replace(refund, due_ns=again_ns))
        if refund.transfer:
            commands.append(SubmitTransaction(_TRANSFER + refund.grant_id, refund.transfer))
        else:
            commands.append(AskPrice(_PRICE + refund.grant_id, refund.grant_id))
    return state, commands


def is_ours(correlation: bytes) -> bool:
    """Whether a reply is to one of those."""
    return len(correlation) == 1 + GRANT_ID_SIZE and correlation[:1] in (_PRICE, _TRANSFER)


def take_reply(state: State, correlation: bytes, data: bytes, now: Now) -> Outcome:
    """The ledger's word, believed if it is signed. One that comes twice changes nothing."""
    refund = state.refunds.get(correlation[1:])
    if refund is None:
        return state.with_refusal("reply_unexpected"), []
    if correlation[:1] == _TRANSFER:
        return _take_receipt(state, refund, data, now)
    if refund.transfer:
        return state, []
    return _take_price(state, refund, data, now)


def transfer_signed(state: State, grant_id: bytes, transaction_id: bytes, transfer: bytes) -> Outcome:
    """Its id is fixed. Of two that were signed the first counts."""
    refund = state.refunds.get(grant_id)
    if refund is None or refund.transfer:
        return state, []
    fixed = replace(refund, transfer=transfer, transaction_id=transaction_id, stored=False)
    return _with(state, fixed), [StoreRefund(fixed)]


def saved(state: State, transaction_ids: Iterable[bytes], now: Now) -> Outcome:
    """These transfers are on disk: they may be sent."""
    on_disk = frozenset(transaction_ids)
    if not on_disk:
        return state, []
    for refund in state.refunds.values():
        if refund.transaction_id in on_disk and not refund.stored:
            state = _with(state, replace(refund, stored=True, due_ns=now.mono_ns))
    return submit(state, now)


def deadlines_ns(state: State) -> list[int]:
    """When the next of them is due."""
    if not state.link.connected:
        return []
    return [refund.due_ns for refund in state.refunds.values() if refund.stored or not refund.transfer]


def _take_price(state: State, refund: Refund, data: bytes, now: Now) -> Outcome:
    settings = state.settings
    try:
        price = read_grant_price(data, settings.ledger, settings.ledger_id)
    except DecodeError as error:
        return _take_no_price(state, refund, data, error, now)
    if price.grant_id != refund.grant_id:
        return state.with_refusal("reply_unexpected"), []
    amount_ubc = refund.worth_ubc(price.price_ubc)
    if amount_ubc == 0:
        text = f"{_of(refund)}: of {format_money(price.price_ubc)} less than one micro-bandcoin is owed"
        return _without(state, refund), [ForgetRefund(refund.grant_id), Note("refund_nothing", text)]
    state = _with(state, replace(refund, amount_ubc=amount_ubc))
    return state, [_sign(refund, price, amount_ubc, now)]


def _take_no_price(state: State, refund: Refund, data: bytes, error: DecodeError, now: Now) -> Outcome:
    """The ledger knows no such grant, if it was the ledger that spoke."""
    settings = state.settings
    try:
        receipt = read_receipt(read_ledger_reply(data).receipt, settings.ledger, settings.ledger_id)
    except DecodeError:
        return state.with_refusal("reply_invalid"), [Note("price_invalid", str(error))]
    return _hold(state, refund, receipt, "no refund was computed", now)


def _take_receipt(state: State, refund: Refund, data: bytes, now: Now) -> Outcome:
    settings = state.settings
    try:
        receipt = read_receipt(read_ledger_reply(data).receipt, settings.ledger, settings.ledger_id)
    except DecodeError as error:
        return state.with_refusal("reply_invalid"), [Note("receipt_invalid", str(error))]
    if not refund.transfer or receipt.subject != refund.transaction_id:
        return state.with_refusal("reply_unexpected"), []
    if receipt.executed or receipt.reason == REPLAYED:
        text = (
            f"{format_money(refund.amount_ubc)} for {_of(refund)}, transaction {refund.transaction_id.hex()}"
        )
        return _without(state, refund), [ForgetRefund(refund.grant_id), Note("refunded", text)]
    if receipt.reason == EXPIRED:
        owed = replace(refund, transfer=b"", transaction_id=b"", stored=False, due_ns=now.mono_ns)
        return submit(_with(state, owed), now)
    return _hold(state, refund, receipt, f"{format_money(refund.amount_ubc)} are owed", now)


def _hold(state: State, refund: Refund, receipt: Receipt, consequence: str, now: Now) -> Outcome:
    """Tried again later; the operator hears of each reason once."""
    held = replace(refund, due_ns=now.mono_ns + REFUSED_NS, refused=receipt.reason)
    if refund.refused == receipt.reason:
        return _with(state, held), []
    later = f"tried again in {REFUSED_NS // NS_PER_S} s"
    text = f"{_of(refund)}: {receipt.reason}: {receipt.detail}; {consequence}, {later}"
    return _with(state, held), [Note("refund_refused", text)]


def _sign(refund: Refund, price: GrantPrice, amount_ubc: int, now: Now) -> SignTransfer:
    action = Transfer(price.payer, amount_ubc)
    transaction = Transaction(action, refund_nonce(refund.grant_id), now.utc_s + VALID_S)
    return SignTransfer(refund.grant_id, transaction)


def _of(refund: Refund) -> str:
    return f"grant {refund.grant_id.hex()}"


def _with(state: State, refund: Refund) -> State:
    return replace(state, refunds={**state.refunds, refund.grant_id: refund})


def _without(state: State, refund: Refund) -> State:
    left = {grant_id: other for grant_id, other in state.refunds.items() if grant_id != refund.grant_id}
    return replace(state, refunds=left)
