"""Permits come, end and are revoked; with them the trust anchors of their accounts, and the sessions that use them.

An anchor is there from when a permit is known, also before it begins, because `authorise` says better than a failed
handshake why somebody is not let in yet; it goes with the account's last permit. FreeRADIUS remembers an anchor that it
has seen until it restarts, so that taking it away stops nobody for certain: `authorise` does.
"""

import heapq
from collections.abc import Iterable
from dataclasses import replace

from operatord.authorising import disconnect
from operatord.commands import (
    Command,
    ForgetPermit,
    ForgetUse,
    KeepPermit,
    KeepRevoked,
    Note,
    PublishRevocation,
    RemoveAnchor,
    WriteAnchor,
)
from operatord.permit import Permit
from operatord.sessions import Session
from operatord.state import Revoked, State, Use
from wire.ids import PublicKey

LINGER_S = 900
"""A permit that has ended is kept for so long: the Stop of its last session comes after its end, and may come late."""
MAX_JUMP_S = 60
"""By which a clock is set and nothing follows: adjustments of NTP are smaller."""
HOLD_S = 900
"""After a longer jump forward: a clock that was wrong at the start is set right within minutes, or it was right."""
MAX_PERMITS_PER_ACCOUNT = 1_000
"""All of them are looked at for each request; nobody has so many grants at a time."""


def restore(
    state: State,
    permits: Iterable[Permit],
    revoked: Iterable[Revoked],
    uses: Iterable[Use],
    sessions: Iterable[Session],
    now_s: int,
) -> None:
    """What was kept before a restart; sessions of permits that are gone are left where they are.

    Nobody could be heard meanwhile, so that everybody's silence begins now.
    """
    for permit in permits:
        _add(state, permit)
    state.revoked |= {one.permit_id: one for one in revoked}
    for use in uses:
        if use.permit_id in state.permits:
            state.uses[use.permit_id] = replace(use, heard_s=max(use.heard_s, now_s))
    for session in sessions:
        if session.permit_id in state.permits:
            state.sessions.setdefault(session.permit_id, {})[session.key] = session


def take_permit(state: State, permit: Permit, now_s: int) -> list[Command]:
    """A permit was heard of, perhaps not for the first time."""
    has_ended = now_s >= permit.ends_s and now_s >= state.held_until_s
    if permit.permit_id in state.permits or has_ended:
        return []
    known = state.by_account.get(permit.account, {})
    if len(known) >= MAX_PERMITS_PER_ACCOUNT:
        return [Note("too_many_permits", f"account {permit.account} has {len(known)} already")]
    _add(state, permit)
    commands: list[Command] = [KeepPermit(permit)]
    if permit.permit_id in state.revoked:
        return commands
    return commands if _trusted(state, permit, but=permit) else [*commands, WriteAnchor(permit.account)]


def renew_permit(state: State, permit: Permit) -> list[Command]:
    """The same permit with a later end: a channel's, which is good as long as there is money in it."""
    known = state.permits.get(permit.permit_id)
    if known is None or permit.ends_s <= known.ends_s or permit.permit_id in state.ended:
        return []
    _add(state, permit)
    return [KeepPermit(permit)]


def revoke(state: State, permit_id: bytes, reason: str, signed: bytes = b"") -> list[Command]:
    """Ends a permit now. `signed` is its provider's word for the boxes; without it they hear a Disconnect only."""
    commands: list[Command] = []
    permit = state.permits.get(permit_id)
    if permit is not None and signed:
        boxes = [box for box in state.boxes.values() if box.provider.provider_id == permit.provider_id]
        commands += [PublishRevocation(box.name, permit_id, signed) for box in boxes]
    if permit_id in state.revoked:  # again, perhaps with the provider's word this time
        return commands
    revoked = Revoked(permit_id, reason)
    state.revoked[permit_id] = revoked
    commands.append(KeepRevoked(revoked))
    return (
        commands if permit is None else commands + _withdraw(state, permit, reason or "its grant was revoked")
    )


def pass_time(state: State, now_s: int, running_s: int) -> list[Command]:
    """Ends what is over, throws out who still uses it, and forgets it a while later.

    `running_s` are seconds of a clock that nobody sets. If ours is set forward, boxes go on to end what is over, and
    here nothing ends or is forgotten for HOLD_S; if it is set back, what had ended begins again.
    """
    commands = [*_watch_clock(state, now_s, running_s), *_revive(state, now_s)]
    if now_s < state.held_until_s:
        return commands
    while state.due and state.due[0][0] <= now_s:
        due_s, permit_id = heapq.heappop(state.due)
        permit = state.permits.get(permit_id)
        if permit is None:  # it ended twice, and is forgotten
            continue
        if due_s < permit.ends_s:  # it was renewed
            continue
        if due_s < permit.ends_s + LINGER_S:
            state.ended.add(permit_id)
            heapq.heappush(state.due, (permit.ends_s + LINGER_S, permit_id))
            if permit_id not in state.revoked:
                commands += _withdraw(state, permit, "its grant has ended")
        else:
            _drop(state, permit)
            commands.append(ForgetPermit(permit_id))
    return commands


def leave_boxes(state: State) -> list[Command]:
    """Whoever uses a permit at a box that is not known any more is thrown out there, and uses it no more: that box
    tells of no end, as nobody hears it.
    """
    gone = [use for use in state.uses.values() if use.box not in state.boxes]
    commands: list[Command] = []
    for use in gone:
        del state.uses[use.permit_id]
        commands += [disconnect(use, "the box is shut out"), ForgetUse(use.permit_id)]
    return commands


def next_deadline_s(state: State) -> int | None:
    """When the next permit ends or is forgotten (UTC); None without one."""
    return max(state.due[0][0], state.held_until_s) if state.due else None


def trusted_accounts(state: State) -> set[PublicKey]:
    """Whose anchors have to be in the trust directory."""
    return {permit.account for permit in state.permits.values() if _is_good(state, permit.permit_id)}


def _watch_clock(state: State, now_s: int, running_s: int) -> list[Command]:
    before, state.clocks = state.clocks, (now_s, running_s)
    if before is None:
        return []
    jump_s = now_s - before[0] - (running_s - before[1])
    if jump_s > MAX_JUMP_S:
        state.held_until_s = now_s + HOLD_S
        return [Note("clock_set_forward", f"by {jump_s} s; nothing is ended here for {HOLD_S} s")]
    if jump_s < -MAX_JUMP_S:
        state.held_until_s = 0
        return [Note("clock_set_back", f"by {-jump_s} s")]
    return []


def _revive(state: State, now_s: int) -> list[Command]:
    """What had ended by a clock that was ahead has not."""
    commands: list[Command] = []
    for permit_id in [one for one in state.ended if now_s < state.permits[one].ends_s]:
        permit = state.permits[permit_id]
        state.ended.discard(permit_id)
        heapq.heappush(state.due, (permit.ends_s, permit_id))
        if permit_id not in state.revoked:
            commands.append(WriteAnchor(permit.account))
    return commands


def _add(state: State, permit: Permit) -> None:
    state.permits[permit.permit_id] = permit
    heapq.heappush(state.due, (permit.ends_s, permit.permit_id))
    state.by_account.setdefault(permit.account, {})[permit.permit_id] = permit


def _drop(state: State, permit: Permit) -> None:
    del state.permits[permit.permit_id]
    of_account = state.by_account[permit.account]
    del of_account[permit.permit_id]
    if not of_account:
        del state.by_account[permit.account]
    state.revoked.pop(permit.permit_id, None)
    state.ended.discard(permit.permit_id)
    state.uses.pop(permit.permit_id, None)
    state.sessions.pop(permit.permit_id, None)


def _withdraw(state: State, permit: Permit, why: str) -> list[Command]:
    """Nobody uses it any more, and its account is trusted for other permits only."""
    commands: list[Command] = []
    use = state.uses.pop(permit.permit_id, None)
    if use is not None:
        commands += [disconnect(use, why), ForgetUse(permit.permit_id)]
    if not _trusted(state, permit, but=permit):
        commands.append(RemoveAnchor(permit.account))  # last, as the disk may fail
    return commands


def _trusted(state: State, permit: Permit, *, but: Permit) -> bool:
    """Whether the account has another permit that nobody revoked."""
    others = state.by_account.get(permit.account, {})
    return any(_is_good(state, other) and other != but.permit_id for other in others)


def _is_good(state: State, permit_id: bytes) -> bool:
    return permit_id not in state.revoked and permit_id not in state.ended
