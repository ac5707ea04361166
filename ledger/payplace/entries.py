"""The entries that PayPlace has in the ledger's state (Table 6.2 of the paper, repaired), and their byte form.

    n operator(8) channel(4)                  Channel: a consumer's deposit with an operator
    p operator(8)                             PayOperator: times, aggregate keys, the head root
    q operator(8) merchant id(32)             PayMerchant
    t operator(8) consumer(33)                ChannelNumber
    y subject(8) publisher(8)                 UsageSummary

The paper's sets are fields here, relative to the operator's height n, its number of notarisations: B is joined == n,
W withdrew == n, X exited at n, M the missing, M(-x) those at n - x; N is `reserved` of each channel, L is `leaf`.
The sum of what a channel holds, deposited less withdrawn, is money as balances are.
Reference: PayPlace 6.5.1; docs/decisions/0031.   Units: micro-bandcoin (ubc), seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from wire.cbor import Value

NO_ROOT = bytes(32)
"""The head root before the first notarisation."""


@dataclass(frozen=True, slots=True)
class PayOperator:
    """`apk`: the sum of all registered keys. `apka`: without those in M, so the sum of the keys that have to sign next;
    empty if nobody is left. `window`: in which the head was notarised, 0 before. `bls_key` vouches for merchants.
    """

    key: bytes
    bls_key: bytes
    start_s: int
    period_s: int
    window_s: int
    finality_s: int
    challenge_s: int
    apk: bytes
    apka: bytes
    channels: int = 0
    height: int = 0
    window: int = 0
    tau_s: int = 0
    root: bytes = NO_ROOT


class Status(IntEnum):
    """Of a merchant. Its `at` is the height whose leaf it is held to while missing, or at which it exited."""

    SIGNING = 0
    MISSING = 1
    EXITED = 2


@dataclass(frozen=True, slots=True)
class PayMerchant:
    """`payout` is the account that is paid. `joined`, `withdrew`: heights; it never withdrew while the latter is 0."""

    key: bytes
    payout: bytes
    joined: int
    withdrew: int = 0
    status: Status = Status.SIGNING
    at: int = 0
    leaf: bytes = b""


@dataclass(frozen=True, slots=True)
class PendingShift:
    """Funds on their way to another operator, which nobody has contested yet."""

    target: bytes
    amount_ubc: int
    final_s: int


@dataclass(frozen=True, slots=True)
class Channel:
    """0 <= withdrawn <= paid <= deposited. `paid`: the highest micropayment that the contract has seen.

    `reserved`: (height, ubc), ascending: what the leaves of merchants held to that height claim of this consumer.
    """

    consumer: bytes
    deposited_ubc: int
    withdrawn_ubc: int = 0
    paid_ubc: int = 0
    reserved: tuple[tuple[int, int], ...] = ()
    shift: PendingShift | None = None


@dataclass(frozen=True, slots=True)
class ChannelNumber:
    """Under which number leaves name a consumer."""

    number: int


@dataclass(frozen=True, slots=True)
class UsageSummary:
    """All that one publisher has said of one subject, up to `until_s`."""

    until_s: int
    sessions: int
    completed: int
    served_s: int
    served_bytes: int


PayplaceEntry = PayOperator | PayMerchant | Channel | ChannelNumber | UsageSummary


def operator_key(operator_key_id: bytes) -> bytes:
    return b"p" + operator_key_id


def merchant_key(operator_key_id: bytes, merchant_id: bytes) -> bytes:
    return b"q" + operator_key_id + merchant_id


def channel_key(operator_key_id: bytes, number: int) -> bytes:
    return b"n" + operator_key_id + number.to_bytes(4, "big")


def number_key(operator_key_id: bytes, consumer: bytes) -> bytes:
    return b"t" + operator_key_id + consumer


def summary_key(subject_key_id: bytes, publisher_key_id: bytes) -> bytes:
    return b"y" + subject_key_id + publisher_key_id


def payplace_items(entry: PayplaceEntry) -> list[Value]:
    """The fields in their order, for one CBOR array."""
    match entry:
        case PayOperator():
            o = entry
            times: list[Value] = [o.period_s, o.window_s, o.finality_s, o.challenge_s]
            head: list[Value] = [o.height, o.window, o.tau_s, o.root]
            return [o.key, o.bls_key, o.start_s, times, o.apk, o.apka, o.channels, head]
        case PayMerchant(key, payout, joined, withdrew, status, at, leaf):
            return [key, payout, joined, withdrew, int(status), at, leaf]
        case Channel():
            reserved: list[Value] = [list(one) for one in entry.reserved]
            shift = entry.shift
            moving: list[Value] = [] if shift is None else [shift.target, shift.amount_ubc, shift.final_s]
            return [
                entry.consumer, entry.deposited_ubc, entry.withdrawn_ubc, entry.paid_ubc, reserved, moving
            ]  # fmt: skip
        case ChannelNumber(number):
            return [number]
        case UsageSummary(until_s, sessions, completed, served_s, served_bytes):
            return [until_s, sessions, completed, served_s, served_bytes]


def _read_operator(items: list[Value]) -> PayplaceEntry:
    match items:
        case [
            bytes(key), bytes(bls_key), int(start_s),
            [int(period_s), int(window_s), int(finality_s), int(challenge_s)],
            bytes(apk), bytes(apka), int(channels), [int(height), int(window), int(tau_s), bytes(root)],
        ]:  # fmt: skip
            return PayOperator(
                key, bls_key, start_s, period_s, window_s, finality_s, challenge_s, apk, apka,
                channels, height, window, tau_s, root,
            )  # fmt: skip
    raise ValueError("not an operator of PayPlace")


def _read_merchant(items: list[Value]) -> PayplaceEntry:
    match items:
        case [bytes(key), bytes(payout), int(joined), int(withdrew), int(status), int(at), bytes(leaf)]:
            return PayMerchant(key, payout, joined, withdrew, Status(status), at, leaf)
    raise ValueError("not a merchant of PayPlace")


def _read_channel(items: list[Value]) -> PayplaceEntry:
    match items:
        case [bytes(consumer), int(deposited), int(withdrawn), int(paid), list(reserved), list(moving)]:
            cohorts = tuple([_read_reserved(one) for one in reserved])
            return Channel(consumer, deposited, withdrawn, paid, cohorts, _read_shift(moving))
    raise ValueError("not a channel of PayPlace")


def _read_reserved(item: Value) -> tuple[int, int]:
    match item:
        case [int(height), int(amount_ubc)]:
            return height, amount_ubc
    raise ValueError("not a reservation")


def _read_shift(items: list[Value]) -> PendingShift | None:
    match items:
        case []:
            return None
        case [bytes(target), int(amount_ubc), int(final_s)]:
            return PendingShift(target, amount_ubc, final_s)
    raise ValueError("not a shift of funds")


def _read_number(items: list[Value]) -> PayplaceEntry:
    match items:
        case [int(number)]:
            return ChannelNumber(number)
    raise ValueError("not a channel's number")


def _read_summary(items: list[Value]) -> PayplaceEntry:
    match items:
        case [int(until_s), int(sessions), int(completed), int(served_s), int(served_bytes)]:
            return UsageSummary(until_s, sessions, completed, served_s, served_bytes)
    raise ValueError("not a summary of usage")


PAYPLACE_ENTRY_READERS: dict[bytes, Callable[[list[Value]], PayplaceEntry]] = {
    b"n": _read_channel,
    b"p": _read_operator,
    b"q": _read_merchant,
    b"t": _read_number,
    b"y": _read_summary,
}
