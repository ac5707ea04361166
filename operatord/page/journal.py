"""What changed of permits, uses and sessions since somebody last asked: how the page follows the daemon. Pure.

The daemon notes each permit that an order names; asking costs what changed, not what there is. The answer's rows are
plain values for the control socket. A `run` names one life of the daemon: to a page that followed another everything
is told anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from operatord.channels import permit_id_of
from operatord.commands import (
    Command,
    ForgetMetered,
    ForgetPermit,
    ForgetSession,
    ForgetUse,
    KeepChannel,
    KeepMetered,
    KeepPermit,
    KeepRevoked,
    KeepSession,
    KeepUse,
)
from operatord.permit import Permit
from operatord.state import State
from wire.metered_pass import has_pass_mark

MAX_ROWS = 200
"""Of one answer: some 3 ms of the daemon's time, for which a station waits at most."""
MAX_GONE = 10_000
"""Permits that are gone, and that a page may still have to hear of; who missed more begins anew."""


@dataclass(slots=True)
class Journal:
    """`changed` has the version of each permit's latest change, the latest last."""

    run: str
    version: int = 0
    changed: dict[bytes, int] = field(default_factory=dict)
    gone: int = 0
    forgotten: int = 0
    """The version up to which something that is gone is not told any more."""
    max_gone: int = MAX_GONE

    def note_all(self, permit_ids: Iterable[bytes]) -> None:
        for permit_id in permit_ids:
            self._note(permit_id)

    def note(self, commands: Iterable[Command], state: State) -> None:
        """Which rows these orders are about, after the state was changed."""
        for command in commands:
            permit_id = _permit_of(command, state)
            if permit_id is not None:
                self._note(permit_id)
            self.gone += isinstance(command, ForgetPermit)
        if self.gone > self.max_gone:
            self._forget(state)

    def answer(self, state: State, run: str, since: int, now_s: int) -> dict[str, Any]:
        """The oldest changes that whoever knows `since` of `run` has not got, and how far that goes."""
        begun_anew = run != self.run or not self.forgotten <= since <= self.version
        since = 0 if begun_anew else since
        newer = list(takewhile(lambda item: item[1] > since, reversed(self.changed.items())))
        told = newer[::-1][:MAX_ROWS]
        more = len(told) < len(newer)
        return {
            "run": self.run,
            "anew": begun_anew,
            "version": told[-1][1] if more else self.version,
            "more": more,
            "rows": [describe_permit(state, permit_id) for permit_id, _ in told],
            **describe_daemon(state, now_s),
        }

    def _note(self, permit_id: bytes) -> None:
        self.version += 1
        self.changed.pop(permit_id, None)
        self.changed[permit_id] = self.version

    def _forget(self, state: State) -> None:
        """The older half of what is gone."""
        over = [permit_id for permit_id in self.changed if permit_id not in state.permits]
        for permit_id in over[: len(over) // 2]:
            self.forgotten = self.changed.pop(permit_id)
        self.gone = len(over) - len(over) // 2


def _permit_of(command: Command, state: State) -> bytes | None:
    """Which row an order changes."""
    match command:
        case KeepPermit(permit=permit):
            return permit.permit_id
        case ForgetPermit(permit_id=permit_id) | ForgetUse(permit_id=permit_id):
            return permit_id
        case KeepRevoked(revoked=revoked):
            return revoked.permit_id
        case KeepUse(use=use):
            return use.permit_id
        case KeepSession(session=session) | ForgetSession(session=session):
            return session.permit_id
        case KeepMetered(session=metered):
            return metered.permit_id
        case KeepChannel(channel=channel) if state.metered is not None:
            return permit_id_of(state.metered.instance, channel.consumer)
        case ForgetMetered(consumer=consumer) if state.metered is not None:
            return permit_id_of(state.metered.instance, consumer)
        case _:
            return None


def describe_daemon(state: State, now_s: int) -> dict[str, Any]:
    """What is not a matter of one permit."""
    page: dict[str, Any] = {
        "utc_s": now_s,
        "clock": state.clock_wrong,
        "ledger_heard": state.ledger_offset_s is not None,
        "silent_after_s": state.silent_after_s,
        "boxes": {name: str(box.provider) for name, box in state.boxes.items()},
    }
    if state.metered is not None:
        channels = state.metered.channels.values()
        page["channels"] = len(channels)
        page["paid_ubc"] = sum(channel.paid_ubc for channel in channels)
        page["unpaid_ubc"] = sum(channel.unpaid_ubc for channel in channels)
    return page


def describe_permit(state: State, permit_id: bytes) -> dict[str, Any]:
    """One row; of a permit that is forgotten only its name."""
    permit = state.permits.get(permit_id)
    if permit is None:
        return {"grant": permit_id.hex(), "gone": True}
    row = _describe_terms(permit)
    revoked = state.revoked.get(permit_id)
    if revoked is not None:
        row["revoked"] = revoked.reason or "no reason given"
    use = state.uses.get(permit_id)
    if use is not None:
        sessions = state.sessions.get(permit_id, {}).values()
        row |= {
            "box": use.box,
            "station": str(use.station),
            "accepted_s": use.accepted_s,
            "heard_s": use.heard_s,
            "up_bytes": sum(session.up_bytes for session in sessions),
            "down_bytes": sum(session.down_bytes for session in sessions),
        }
    return row


def _describe_terms(permit: Permit) -> dict[str, Any]:
    qos = permit.qos
    return {
        "grant": permit.permit_id.hex(),
        "account": str(permit.account),
        "provider_id": permit.provider_id.hex(),
        "starts_s": permit.starts_s,
        "ends_s": permit.ends_s,
        "floor_down_bps": qos.floor_down_bps,
        "floor_up_bps": qos.floor_up_bps,
        "data_cap_bytes": qos.data_cap_bytes,
        "as_one_goes": has_pass_mark(permit.permit_id),
    }
