"""Grants whose holders may associate here without showing them: bought through this box, or told of by the operator.

In: the ledger's replies, the operator's admissions. Out: what to keep on disk, and what to tell the operator. Every
grant in here has the ledger's signature, or is a metered pass and has the operator's: nobody bought it, its holder pays
that operator as it goes, and only a box with a tariff takes one. Whether its holder is let in is for
apd/associations.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from apd import sessions
from apd.commands import Command, ForgetGrant, Note, PublishGrant, StoreGrant
from apd.outcome import Outcome
from apd.session import EndReason, instant_ns
from apd.sessions import plan_counting
from apd.settings import BoxSettings
from apd.state import KnownGrant, State
from wire.admission import read_admission
from wire.errors import DecodeError, VerificationError
from wire.grant import Grant, read_grant
from wire.ids import MacAddress, PublicKey
from wire.metered_pass import read_metered_pass
from wire.units import NS_PER_S, Now

MAX_GRANTS = 512
"""Two for each session of a full pool: one that runs, and the next. About a kilobyte each."""
LATELY_NS = 600 * NS_PER_S
"""Who bought comes within ten minutes, or is not waited for if there is no room for others."""


def restore(state: State, stored: Iterable[KnownGrant], now: Now) -> Outcome:
    """What is on disk, as far as it is this ledger's and not over; the rest is forgotten."""
    known: dict[bytes, KnownGrant] = {}
    gone: list[Command] = []
    for one in stored:
        try:
            grant, metered = _read_permit(state.settings, one.encoded)
        except DecodeError:  # an earlier ledger's, or operator's
            gone.append(ForgetGrant(one.grant.grant_id))
        else:
            ends_ns = instant_ns(grant.ends_s, now)
            known[grant.grant_id] = replace(one, metered=metered, ends_ns=ends_ns)
    state = _with_grants(state, known)
    for grant_id, one in known.items():
        state = _with_elsewhere(state, grant_id, one.used_bytes)
    state, over = forget_ended(state, now)
    return state, [*gone, *over]


def remember_bought(
    state: State, grants: Iterable[bytes], ledger_s: int, now: Now, *, here: bool = True
) -> Outcome:
    """What the ledger gave at `ledger_s`, by its clock, for a purchase that we relayed: the operator hears of it, too.
    One is over if both clocks say so: ours may be wrong for a while. Not bought `here`, it gets what room is left.
    """
    commands: list[Command] = []
    for encoded in grants:
        try:
            grant = read_grant(encoded, state.settings.ledger, state.settings.ledger_id)
        except DecodeError as error:
            commands.append(Note("reply_invalid", str(error)))
            continue
        ours = grant.provider_id == state.settings.provider.provider_id
        left_ms = max(grant.ends_s * 1_000 - now.utc_ms, (grant.ends_s - ledger_s) * 1_000)
        if not ours or left_ms <= 0:
            continue
        if grant.grant_id not in state.on_air.grants:  # a purchase may be answered twice
            ends_ns = now.mono_ns + left_ms * 1_000_000
            known = KnownGrant(grant, encoded, bought=here, learnt_ns=now.mono_ns, ends_ns=ends_ns)
            state, more = _remember(state, known, now)
            commands += more
        commands.append(PublishGrant(encoded))
    return state, commands


def publish_all(state: State) -> list[Command]:
    """The operator may have been away: what is still good is told again. Its own passes it knows."""
    return [PublishGrant(known.encoded) for known in state.on_air.grants.values() if not known.metered]


def take_admission(state: State, data: bytes, now: Now) -> Outcome:
    """The operator's word on a station that is about to come: believed if it signed it, for this box and for now."""
    settings = state.settings
    assert settings.air is not None, "admissions are for boxes with [air]"
    try:
        admission = read_admission(data, settings.air.operator)
        grant, metered = _read_permit(settings, admission.grant)
    except DecodeError as error:
        return state.with_refusal("admission_invalid"), [Note("admission_invalid", str(error))]
    if admission.bssid != settings.bssid:
        return state.with_refusal("admission_foreign"), []
    if min(admission.expires_s, grant.ends_s) * 1_000 <= now.utc_ms:
        return state.with_refusal("admission_expired"), []
    before = state.on_air.grants.get(
        grant.grant_id, KnownGrant(grant, admission.grant, metered=metered, learnt_ns=now.mono_ns)
    )
    if before.metered != metered:
        return state.with_refusal("admission_invalid"), [
            Note("admission_invalid", "grant and pass of one id")
        ]
    if (
        grant.ends_s > before.grant.ends_s
    ):  # a pass was renewed; an earlier one that is repeated shortens nothing
        before = replace(before, grant=grant, encoded=admission.grant)
    used_bytes = max(admission.used_bytes, before.used_bytes)  # an older word may come later
    ends_ns = max(before.ends_ns, instant_ns(before.grant.ends_s, now))
    known = replace(before, used_bytes=used_bytes, station=admission.station, ends_ns=ends_ns)
    if known == state.on_air.grants.get(grant.grant_id):
        return state, []
    state, unnaming = _unname(state, admission.station, grant.grant_id)
    state, remembering = _remember(state, known, now)
    state = _with_elsewhere(state, grant.grant_id, used_bytes, now)
    state, moving = _move(state, grant.grant_id, admission.station)
    return state, [*unnaming, *remembering, *moving]


def named(state: State, station: MacAddress) -> KnownGrant | None:
    """The grant on which this station is served: the one with which the operator's last admission names it."""
    return next((known for known in state.on_air.grants.values() if known.station == station), None)


def forget_place(state: State, station: MacAddress) -> Outcome:
    """A pass serves this station no more until the operator names it again."""
    known = named(state, station)
    if known is None or not known.metered:
        return state, []
    freed = replace(known, station=None)
    return _with_grants(state, {**state.on_air.grants, freed.grant.grant_id: freed}), [_store(freed)]


def grants_of(state: State, account: PublicKey) -> list[KnownGrant]:
    """This account's grants."""
    return [known for known in state.on_air.grants.values() if known.grant.consumer == account]


def forget_ended(state: State, now: Now) -> Outcome:
    """Without those whose time is over by both clocks, as a step of the wall clock may be taken back. A grant is kept
    as long as its session may go on.
    """
    ended = [
        grant_id
        for grant_id, known in state.on_air.grants.items()
        if _is_over(known, now) and known.ends_ns <= now.mono_ns and not _is_used(state, grant_id, now)
    ]
    return _forget(state, ended) if ended else (state, [])


def _read_permit(settings: BoxSettings, encoded: bytes) -> tuple[Grant, bool]:
    """A grant of the ledger's, or a metered pass of the operator that lets our stations in; whether it is a pass.

    Raises DecodeError: who it is that has signed neither, also where nobody may pay as he goes.
    """
    try:
        return read_grant(encoded, settings.ledger, settings.ledger_id), False
    except VerificationError:
        if settings.air is None or settings.tariff is None:
            raise
    return read_metered_pass(encoded, settings.air.operator, settings.ledger_id), True


def _unname(state: State, station: MacAddress, grant_id: bytes) -> Outcome:
    """A station is named with one grant only: others that name it do no more."""
    freed = {
        other: replace(known, station=None)
        for other, known in state.on_air.grants.items()
        if known.station == station and other != grant_id
    }
    storing: list[Command] = [_store(known) for known in freed.values()]
    return _with_grants(state, {**state.on_air.grants, **freed}) if freed else state, storing


def _move(state: State, grant_id: bytes, station: MacAddress) -> Outcome:
    """The operator has decided: what the grant serves elsewhere ends, as does what serves this station otherwise."""
    commands: list[Command] = []
    for session in (state.session_of(station), state.sessions.get(grant_id)):
        if session is None or not session.holds_slot:
            continue
        if (session.grant_id, session.station) != (grant_id, station):
            state, ending = sessions.end(state, session.grant_id, EndReason.MOVED)
            commands += ending
    return state, commands


def _store(known: KnownGrant) -> StoreGrant:
    return StoreGrant(known.grant.grant_id, known.encoded, known.used_bytes, known.station, known.bought)


def _remember(state: State, known: KnownGrant, now: Now) -> Outcome:
    state, commands = forget_ended(state, now)
    grants = {**state.on_air.grants, known.grant.grant_id: known}
    state = _with_grants(state, grants)
    if len(grants) > MAX_GRANTS:
        others = [one for one in grants if one != known.grant.grant_id]
        idle = [one for one in others if not _is_used(state, one, now)]
        first = min(idle or others, key=lambda one: _worth(grants[one], now))
        state, more = _forget(state, [first])
        commands += more
    return state, [*commands, _store(known)]


def _is_over(known: KnownGrant, now: Now) -> bool:
    """By the wall clock."""
    return known.grant.ends_s * 1_000 <= now.utc_ms


def _is_used(state: State, grant_id: bytes, now: Now) -> bool:
    """It has a session, open, or closed and able to go on."""
    session = state.sessions.get(grant_id)
    return session is not None and session.ends_ns > now.mono_ns


def _worth(known: KnownGrant, now: Now) -> tuple[bool, bool, int, bytes]:
    """What is forgotten first is worth least: what seems to be over, then what nobody came with or bought lately, and
    of those what begins last. The operator's next admission brings any of them back.
    """
    lately = known.learnt_ns + LATELY_NS > now.mono_ns
    grant = known.grant
    return not _is_over(known, now), known.station is not None or lately, -grant.starts_s, grant.grant_id


def _forget(state: State, grant_ids: Iterable[bytes]) -> Outcome:
    gone = set(grant_ids)
    left = {grant_id: known for grant_id, known in state.on_air.grants.items() if grant_id not in gone}
    return _with_grants(state, left), [ForgetGrant(grant_id) for grant_id in sorted(gone)]


def _with_grants(state: State, grants: Mapping[bytes, KnownGrant]) -> State:
    return replace(state, air=replace(state.on_air, grants=grants))


def _with_elsewhere(state: State, grant_id: bytes, used_bytes: int, now: Now | None = None) -> State:
    """The grant's session with what was delivered elsewhere; its data cap may be used up earlier now."""
    session = state.sessions.get(grant_id)
    if session is None or session.elsewhere_bytes == used_bytes:
        return state
    state = state.with_session(replace(session, elsewhere_bytes=used_bytes))
    return state if now is None else plan_counting(state, now)
