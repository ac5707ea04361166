"""What an operator does next in a period: a pure function of what is on its disk and what is on the chain.

Nothing is remembered but that, so a restart at any moment goes on where it was. In the order of the table:

    the chain has the root of our block             settle: its income is paid for, and never in another block
    our block's window is over, or another is head  give it up: its income waits for the next one
    no window runs, or this one has its block       wait
    a window runs and we have no block              make one, on disk before anybody hears of it
    somebody's signature may still come             wait, for `collect_s` from the window's begin
    somebody has not signed                         mark him missing, at most 1,000 at a time
    everybody has signed                            notarise

Who was missing and has signed this time returns with the notarisation.
Reference: thesis 6.4 (gamma'), 6.5.2.   Units: seconds of UTC at the chain.
"""

from dataclasses import dataclass
from enum import Enum

from ledger.payplace.entries import PayOperator, Status
from ledger.payplace.payout_block import BlockHead
from ledger.payplace.payout_leaf import MAX_ENTRIES
from ledger.payplace.windows import phase_at
from operatord.payplace.chain import Standing
from wire.ids import PublicKey
from wire.payplace_notarisation import MAX_ROWS


class Consent(Enum):
    """To whose registration an operator consents: owners of its boxes are who has earned something here."""

    OWNERS = "owners"
    ANYBODY = "anybody"


@dataclass(frozen=True, slots=True)
class Rules:
    """`commission_ppm`: the operator's part of what is earned. `collect_s`: how long after the window's begin
    signatures are waited for (gamma' of the thesis); the rest of the window is for the chain.
    `leaf_consumers`: how many a merchant's leaf names at most; further ones wait until it has withdrawn.
    `consent`: who may register (6.5.2), and `accounts` that may whatever it says.
    """

    commission_ppm: int
    collect_s: int
    leaf_consumers: int = MAX_ENTRIES
    consent: Consent = Consent.OWNERS
    accounts: frozenset[PublicKey] = frozenset()


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before that second, unless a signature comes."""

    until_s: int


@dataclass(frozen=True, slots=True)
class MakeBlock:
    """For this period."""

    period: int


@dataclass(frozen=True, slots=True)
class MarkThese:
    """Merchants who have not signed, ascending."""

    merchants: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class NotariseNow:
    """With these signers; `returning` were missing before."""

    signers: tuple[bytes, ...]
    returning: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Settle:
    """Our block is the head."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Our block will not be notarised any more."""

    why: str


Step = Wait | MakeBlock | MarkThese | NotariseNow | Settle | GiveUp


def next_step(standing: Standing, block: BlockHead | None, signed: frozenset[bytes], collect_s: int) -> Step:
    """`block`: ours that is neither settled nor given up. `signed`: whose signatures of it we have."""
    operator, now_s = standing.operator, standing.time_s
    phase = phase_at(operator, now_s)
    if block is not None and (operator.root, operator.window) == (block.root, block.period):
        return Settle()
    if block is not None and (block.period != phase.window or operator.root != block.previous_root):
        return GiveUp("its window is over" if block.period != phase.window else "another block is the head")
    if not may_commit(operator, now_s):
        return Wait(next_window_s(operator, now_s))
    if block is None:
        return MakeBlock(phase.window)
    return _collect(standing, signed, phase.began_s + collect_s)


def _collect(standing: Standing, signed: frozenset[bytes], until_s: int) -> Step:
    signing = [one for one in standing.registered if standing.merchants[one].status == Status.SIGNING]
    absent = [one for one in signing if one not in signed]
    if absent and standing.time_s < until_s:
        return Wait(until_s)
    if absent:
        return MarkThese(tuple(absent[:MAX_ROWS]))
    returning = [one for one in sorted(standing.missing) if one in signed][:MAX_ROWS]
    return NotariseNow(tuple(sorted([*signing, *returning])), tuple(returning))


def may_commit(operator: PayOperator, now_s: int) -> bool:
    """Whether a commitment window runs that has no block yet."""
    return phase_at(operator, now_s).window not in {0, operator.window}


def next_window_s(operator: PayOperator, now_s: int) -> int:
    """When the next commitment window begins."""
    passed = (now_s - operator.start_s) // operator.period_s
    return operator.start_s + (passed + 1) * operator.period_s
