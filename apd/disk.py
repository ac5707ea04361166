"""The core's side of the disk: what it did not keep is kept in memory, in order, and tried again.

While the disk fails nobody new is let in or sold to. Sessions that run go on for a while, as a disk often comes back;
then they end, because what they use could not be accounted for after a restart. The store itself is
apd/shells/store.py.
"""

from collections.abc import Iterable
from dataclasses import replace

from apd import metering, sessions
from apd.commands import Command, Note, StoreCommand
from apd.events import SaveFailed
from apd.outcome import Outcome
from apd.session import EndReason
from apd.state import DiskState, State
from wire.units import NS_PER_S, Now

RETRY_NS = NS_PER_S
GRACE_NS = 60 * NS_PER_S
"""How long sessions go on without a disk: about a report's interval, which is what a crash may cost anyway."""


def failed(state: State, event: SaveFailed, now: Now) -> Outcome:
    """Keeps what the disk did not, before anything that came later."""
    if not event.commands:
        return state, [Note("disk_failed", str(event.error))]
    disk = state.disk
    first = disk.failing_ns is None
    disk = replace(
        disk,
        unsaved=(*event.commands, *disk.unsaved),
        failing_ns=now.mono_ns if first else disk.failing_ns,
        retry_ns=now.mono_ns + RETRY_NS,
    )
    note = Note(
        "disk_failed", f"{event.error}; nobody new is let in, sessions go on for {GRACE_NS // NS_PER_S} s"
    )
    return replace(state, disk=disk), [note] if first else []


def saved(state: State, records: Iterable[int]) -> Outcome:
    """The disk works; records that it has now may be signed."""
    notes = [] if state.disk.failing_ns is None else [Note("disk_works", "everything is on disk")]
    state, commands = metering.saved(replace(state, disk=DiskState()), records)
    return state, [*notes, *commands]


def pass_time(state: State, now: Now) -> Outcome:
    """Tries again what is not on disk; ends all sessions when that has gone on for too long."""
    commands: list[Command] = []
    disk = state.disk
    if disk.failing_ns is not None and not disk.gave_up and disk.failing_ns + GRACE_NS <= now.mono_ns:
        state = replace(state, disk=replace(disk, gave_up=True))
        state, ending = sessions.end_all(state, EndReason.NOT_METERED)
        commands += [Note("not_metered", "all sessions end: the disk keeps nothing"), *ending]
    disk = state.disk
    if disk.retry_ns is not None and disk.retry_ns <= now.mono_ns:
        state = replace(state, disk=replace(disk, unsaved=(), retry_ns=None))
        commands += disk.unsaved
    return state, commands


def deadlines_ns(state: State) -> list[int]:
    """When something of the above is due."""
    disk = state.disk
    due = [] if disk.retry_ns is None else [disk.retry_ns]
    if disk.failing_ns is not None and not disk.gave_up:
        due.append(disk.failing_ns + GRACE_NS)
    return due


def hold_back(state: State, commands: list[Command]) -> Outcome:
    """While something waits for the disk, what is ordered of it later waits behind."""
    if not state.disk.unsaved:
        return state, commands
    held = [command for command in commands if isinstance(command, StoreCommand)]
    disk = replace(state.disk, unsaved=(*state.disk.unsaved, *held))
    return replace(state, disk=disk), [
        command for command in commands if not isinstance(command, StoreCommand)
    ]
