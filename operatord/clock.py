"""Is this machine's clock to be believed? A board without a battery begins in the past, and grants have times.

In: the ledger's time, as its answers have it, our own, and a clock that nobody sets, by which the ledger's goes on
while it is away. Out: `State.clock_wrong`, a sentence while the two are more than MAX_APART_S apart, during which
nobody is let in (operatord/authorising.py) and nothing is ended or forgotten. A ledger that was never heard since the
start leaves what was right at last on disk: time was later than that. Until the ledger has been heard nothing is
ended here either, for HOLD_S; boxes end what is over by themselves. Pure.

Which of two clocks is wrong nobody can tell here; grants begin and end by the ledger's. Its time is not signed: who
can change it on the way can keep stations out, and could as well keep the ledger's answers from us.
"""

from operatord.commands import Command, KeepPlace, Note
from operatord.keeping import HOLD_S, MAX_JUMP_S
from operatord.state import State

MAX_APART_S = MAX_JUMP_S
"""Clocks that anybody keeps differ by less than a second; answers take some."""
PLACE = "clock"
"""The name under which the disk has the time that was last found right."""
KEEP_EVERY_S = 600


def start(state: State, kept: bytes | None, now_s: int) -> list[Command]:
    """With what was kept; the ledger was not heard yet."""
    state.right_s = int(kept) if kept and kept.isdigit() else 0
    state.held_until_s = now_s + HOLD_S
    return _judge(state, _behind(state, now_s), now_s)


def hear_ledger(state: State, ledger_s: int, now_s: int, running_s: int) -> list[Command]:
    """The ledger said what time it is."""
    first = state.ledger_offset_s is None
    state.ledger_offset_s = ledger_s - running_s
    commands = look(state, now_s, running_s)
    if state.clock_wrong:
        return commands
    if first:
        state.held_until_s = 0
    if abs(now_s - state.right_s) >= KEEP_EVERY_S:
        state.right_s = now_s
        commands.append(KeepPlace(PLACE, str(now_s)))
    return commands


def look(state: State, now_s: int, running_s: int) -> list[Command]:
    """Whether it still is right; also while the ledger is away."""
    if state.ledger_offset_s is None:
        return _judge(state, _behind(state, now_s), now_s)
    apart_s = now_s - state.ledger_offset_s - running_s
    if abs(apart_s) <= MAX_APART_S:
        return _judge(state, "", now_s)
    side = "ahead of" if apart_s > 0 else "behind"
    return _judge(state, f"this machine's clock is {abs(apart_s)} s {side} the ledger's", now_s)


def _behind(state: State, now_s: int) -> str:
    if now_s + MAX_APART_S >= state.right_s:
        return ""
    return f"this machine's clock is {state.right_s - now_s} s behind what it was when it was last right"


def _judge(state: State, wrong: str, now_s: int) -> list[Command]:
    """Told when it becomes wrong, and when it is right again."""
    before, state.clock_wrong = state.clock_wrong, wrong
    if wrong:
        state.held_until_s = now_s + HOLD_S
        text = f"{wrong}: nobody is let in, and nothing is ended here, until it is set (chronyc tracking)"
        return [] if before else [Note("clock_wrong", text)]
    if before:
        state.held_until_s = 0
        return [Note("clock_right", "this machine's clock is right again")]
    return []
