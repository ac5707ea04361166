"""Accounting: what access points tell of their sessions, and what follows for who uses which permit.

In: the attributes of an Accounting-Request that we asked FreeRADIUS for, and the time. Out: sessions to keep, and
Disconnects where somebody is served without a right: after a permit's end, after its revocation, or at an access point
that its station has left for another; and a word to the box of a station that used up more elsewhere. What names no
permit of ours is counted and not kept.
Reference: RFC 2866; RFC 2869.
"""

from collections.abc import Mapping
from typing import Any

from operatord.authorising import admit
from operatord.commands import Command, Disconnect, ForgetSession, ForgetUse, KeepSession, KeepUse, Note
from operatord.permit import Permit
from operatord.reply import chargeable_identity
from operatord.request import BSSID_CHARACTERS, parse_address, parse_station
from operatord.sessions import (
    AccountingRecord,
    BoxRestarted,
    Counters,
    Session,
    SessionKey,
    Status,
    fold,
    follow,
    interrupt,
    open_session,
)
from operatord.state import State, Use
from wire.errors import DecodeError
from wire.fields import format_value
from wire.ids import GRANT_ID_SIZE
from wire.units import U32_MAX

MAX_SESSIONS_PER_BOX = 1_000
"""Of one permit, each join being one. Of more, the oldest are kept as a sum, so that no box fills the disk."""
MAX_SESSION_ID_CHARACTERS = 64
STEPS_OF_A_CAP = 20
"""A box hears again of what others delivered for each twentieth of the data cap: what the box that was left had not
accounted for when the station came is told late, and at most 5 % of the cap is not told at all."""
_STATUSES = {1: Status.START, 2: Status.STOP, 3: Status.INTERIM, 7: None, 8: None}
"""Acct-Status-Type (RFC 2866 clause 5.1); 7 and 8, Accounting-On and -Off, are about a whole box."""


def read_accounting(page: object, arrived_s: int) -> AccountingRecord | BoxRestarted:
    """From the JSON of POST /v1/accounting, as operatord/freeradius.py has it written: every value a text, empty
    where the request has no such attribute. Raises DecodeError.
    """
    if not isinstance(page, Mapping):
        raise DecodeError("accounting: the request is not an object")
    attributes = _Attributes(page)
    status = _read_status(attributes)
    event_s = attributes.number("Event-Timestamp", 0) or arrived_s - attributes.number("Acct-Delay-Time", 0)
    address = parse_address(attributes.text("Packet-Src-IP-Address"))
    if status is None:
        return BoxRestarted(attributes.text("NAS-Identifier"), address, min(event_s, arrived_s))
    return AccountingRecord(
        status=status,
        box=attributes.text("NAS-Identifier"),
        address=address,
        session_id=attributes.text("Acct-Session-Id")[:MAX_SESSION_ID_CHARACTERS],
        permit_id=attributes.only_octets("Class", GRANT_ID_SIZE),
        station=parse_station(attributes.text("Calling-Station-Id")),
        bssid=parse_station(attributes.text("Called-Station-Id")[:BSSID_CHARACTERS]),
        event_s=min(event_s, arrived_s),
        clock_s=event_s,
        duration_s=attributes.number("Acct-Session-Time", 0),
        counters=Counters(
            attributes.octet_count("Acct-Input"),
            attributes.octet_count("Acct-Output"),
            attributes.number("Acct-Input-Packets", 0),
            attributes.number("Acct-Output-Packets", 0),
        ),
        cause=attributes.text("Acct-Terminate-Cause", ""),
        identity=_read_identity(attributes.text("Chargeable-User-Identity", "")),
    )


def take_accounting(state: State, record: AccountingRecord, now_s: int) -> list[Command]:
    """What one record changes."""
    box = state.box(record.box, record.address)
    if box is None:
        return [_unknown_box(record)]
    permit = state.permits.get(record.permit_id)
    if permit is None:
        commands: list[Command] = [
            Note("accounting_unknown_permit", f"{record.permit_id.hex()} at {record.box}")
        ]
        return (
            commands
            if record.status is Status.STOP
            else [*commands, _throw_out(record, "its grant has ended")]
        )
    sessions = state.sessions.setdefault(record.permit_id, {})
    before = sessions.get(record.key)
    kept: list[Command] = []
    if before is None:
        kept += _make_room(sessions, record.box)
        identity = chargeable_identity(permit, state.secret)
        after = open_session(record, box.up_overhead_bytes, box.down_overhead_bytes, identity)
    else:
        after = follow(before, record)
        if before.stopped and after == before:
            return []  # its end was told before, and who uses the permit now is another matter
    if after != before:
        sessions[record.key] = after
        kept.append(KeepSession(after))
    grew_bytes = after.ip_bytes - (before.ip_bytes if before is not None else 0)
    return kept + _follow_use(state, record, after, now_s) + _tell_used(state, permit, record.box, grew_bytes)


def take_restart(state: State, restarted: BoxRestarted) -> list[Command]:
    """A box began anew: its sessions have ended, and their permits are free."""
    if state.box(restarted.box, restarted.address) is None:
        return [_unknown_box(restarted)]
    commands: list[Command] = []
    box, event_s = restarted.box, restarted.event_s
    for use in [use for use in state.uses.values() if use.box == box and use.heard_s < event_s]:
        del state.uses[use.permit_id]
        commands.append(ForgetUse(use.permit_id))
    for sessions in state.sessions.values():
        for key, session in sessions.items():
            if session.box == box and session.event_s < event_s and not session.stopped:
                sessions[key] = interrupt(session)
                commands.append(KeepSession(sessions[key]))
    return commands


def _make_room(sessions: dict[SessionKey, Session], box: str) -> list[Command]:
    """Folds the oldest session of a permit at a box, of those that stopped if there are any, if there are too many."""
    if len(sessions) < MAX_SESSIONS_PER_BOX:
        return []
    here = [session for session in sessions.values() if session.box == box and session.session_id]
    if len(here) < MAX_SESSIONS_PER_BOX:
        return []
    oldest = min(here, key=lambda session: (not session.stopped, session.event_s))
    del sessions[oldest.key]
    folded = fold(sessions.get((box, "")), oldest)
    sessions[folded.key] = folded
    return [KeepSession(folded), ForgetSession(oldest)]


def _unknown_box(told: AccountingRecord | BoxRestarted) -> Note:
    return Note("accounting_unknown_box", f"{format_value(told.box)} accounts from {told.address}")


def _follow_use(state: State, record: AccountingRecord, session: Session, now_s: int) -> list[Command]:
    """Who uses the permit, after this record."""
    use = state.uses.get(record.permit_id)
    if session.stopped:
        if use is None or not _is_about(use, record):
            return []
        del state.uses[record.permit_id]
        return [ForgetUse(record.permit_id)]
    if record.permit_id in state.ended:
        return [_throw_out(record, "its grant has ended")]
    if record.permit_id in state.revoked:
        return [_throw_out(record, "its grant was revoked")]
    if use is not None and (use.box, use.station) != (record.box, record.station):
        if state.is_live(use, now_s):
            return [_throw_out(record, "its grant is used elsewhere")]
        use = None
    accepted_s = use.accepted_s if use is not None else session.started_s
    heard = Use(
        record.permit_id, record.box, record.bssid, record.station, accepted_s, now_s, record.session_id
    )
    state.uses[record.permit_id] = heard
    return [KeepUse(heard)]


def _tell_used(state: State, permit: Permit, box: str, grew_bytes: int) -> list[Command]:
    """To the box where a permit with a data cap is used, when another box has come a step further."""
    use, cap_bytes = state.uses.get(permit.permit_id), permit.qos.data_cap_bytes
    if not cap_bytes or use is None or use.box == box:
        return []
    step_bytes = max(1, cap_bytes // STEPS_OF_A_CAP)
    used_bytes = state.used_bytes(permit.permit_id, except_at=use.box)
    if used_bytes // step_bytes == (used_bytes - grew_bytes) // step_bytes:
        return []
    return [admit(state, permit, use)]


def _is_about(use: Use, record: AccountingRecord) -> bool:
    """Whether the session that stopped is the one that uses the permit, and not one before it."""
    same_place = (use.box, use.station) == (record.box, record.station)
    return same_place and use.session_id in ("", record.session_id) and record.event_s >= use.accepted_s


def _throw_out(record: AccountingRecord, why: str) -> Disconnect:
    return Disconnect(record.box, record.permit_id, record.station, record.session_id, why)


def _read_identity(text: str) -> str:
    """The identity is octets to FreeRADIUS, and so comes in hex; what is no text of ours compares unequal as it is."""
    try:
        return bytes.fromhex(text.removeprefix("0x")).decode("ascii") if text.startswith("0x") else text
    except ValueError:
        return text


def _read_status(attributes: "_Attributes") -> Status | None:
    value = attributes.number("Acct-Status-Type")
    if value not in _STATUSES:
        raise DecodeError(f"accounting: Acct-Status-Type {value} is about no session")
    return _STATUSES[value]


class _Attributes:
    """Attributes by name."""

    def __init__(self, page: Mapping[str, Any]) -> None:
        self._page = page

    def value(self, name: str, default: Any = None) -> Any:
        """An empty text is an attribute that the request does not have."""
        value = self._page.get(name, "")
        value = default if value == "" else value
        if value is None:
            raise DecodeError(f"accounting: {name} is missing")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        value = self.value(name, default)
        if not isinstance(value, str):
            raise DecodeError(f"accounting: {name} is {format_value(value)}, not a text")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        value = self.value(name, default)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 10:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= U32_MAX:
            raise DecodeError(f"accounting: {name} is {format_value(value)}, not a number of 32 bits")
        return value

    def octet_count(self, direction: str) -> int:
        """Octets with their Gigawords (RFC 2869 clauses 5.1 and 5.2)."""
        return self.number(f"{direction}-Gigawords", 0) << 32 | self.number(f"{direction}-Octets", 0)

    def only_octets(self, name: str, size: int) -> bytes:
        """The one of its values that has this size, each being 0x and hexadecimal digits, with commas between them."""
        text = self.text(name)
        fitting = {_octets(value) for value in text.split(",") if len(_octets(value)) == size}
        if len(fitting) != 1:
            raise DecodeError(f"accounting: {name} is {format_value(text)}, not once {size} octets in hex")
        return fitting.pop()


def _octets(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return b""
