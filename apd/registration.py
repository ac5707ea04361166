"""The core's side of the operator's registration: nothing is sold to be joined at a server of nobody.

In: the ledger's replies, time. Out: a question a day, the answer for the disk, a note. Whoever buys meets the
operator's RADIUS server, and has no way to ask the ledger about it before it has paid and joined; so the box asks, and
the network that it shows (apd/air.py) carries the ledger's word. Where the operator is the provider itself nothing is
asked: the grant, which the ledger signs, names the provider.
"""

import hashlib
from dataclasses import replace

from apd.commands import AskRegistration, Note, StoreRegistration
from apd.outcome import Outcome
from apd.settings import AirSettings
from apd.state import State
from wire.errors import DecodeError
from wire.ids import KEY_ID_SIZE
from wire.ledger_reply import read_ledger_reply
from wire.receipt import read_receipt
from wire.registration import Registration, read_registration
from wire.units import NS_PER_S, Now

RENEW_S = 86_400
"""A word of the ledger's is asked for anew after a day: devices take one for seven, so a ledger may be away for six."""
AGAIN_NS = 10 * NS_PER_S
"""After a refusal it is asked again so much later: who was just told to register waits no longer for customers."""
UNKNOWN = "unknown_account"
_CORRELATION = b"a"


def start(state: State, stored: bytes, now: Now) -> State:
    """With what is on disk, if it is about this operator and of this ledger."""
    settings = state.settings
    try:
        word = read_registration(stored, settings.ledger, settings.ledger_id)
    except DecodeError:
        return state
    if not is_needed(state) or word.account != _air(state).operator:
        return state
    air = replace(
        state.on_air,
        registration=stored,
        registered_s=word.utc_s,
        registration_due_ns=now.mono_ns + _fresh_ns(word, now),
    )
    return replace(state, air=air)


def is_needed(state: State) -> bool:
    """Whether somebody else than the provider operates the RADIUS server."""
    return _air(state).operator != state.settings.provider


def is_missing(state: State) -> bool:
    """Whether buyers would have to take the provider's word for its operator."""
    return is_needed(state) and not state.on_air.registration


def connected(state: State, now: Now) -> Outcome:
    """The ledger can be reached (again): what was asked may be lost."""
    if is_missing(state):
        state = _due(state, now.mono_ns)
    return pass_time(state, now)


def pass_time(state: State, now: Now) -> Outcome:
    """Asks, when it is due."""
    if not _waits(state) or state.on_air.registration_due_ns > now.mono_ns:
        return state, []
    state = _due(state, now.mono_ns + state.settings.submit_timeout_s * NS_PER_S)
    operator = _air(state).operator
    return state, [AskRegistration(_CORRELATION + operator.key_id, operator)]


def deadlines_ns(state: State) -> list[int]:
    """When it is due."""
    return [state.on_air.registration_due_ns] if _waits(state) else []


def is_ours(correlation: bytes) -> bool:
    """Whether a reply is to such a question."""
    return len(correlation) == 1 + KEY_ID_SIZE and correlation[:1] == _CORRELATION


def take_reply(state: State, data: bytes, now: Now) -> Outcome:
    """The ledger's word, believed if it is signed, and not if it is older than what we have."""
    settings = state.settings
    try:
        word = read_registration(data, settings.ledger, settings.ledger_id)
    except DecodeError as error:
        return _take_refusal(state, data, error, now)
    air = state.on_air
    if word.account != _air(state).operator or not is_needed(state) or word.utc_s < air.registered_s:
        return state.with_refusal("reply_unexpected"), []
    due_ns = now.mono_ns + max(AGAIN_NS, _fresh_ns(word, now))
    air = replace(air, registration=data, registered_s=word.utc_s, registration_refused="")
    return _due(replace(state, air=air), due_ns), [StoreRegistration(data)]


def _take_refusal(state: State, data: bytes, error: DecodeError, now: Now) -> Outcome:
    """The ledger knows no such account, if it was the ledger that spoke. The operator hears of it once. An earlier
    word, of a ledger that was put back, counts no more: nothing is shown or sold until there is another.
    """
    settings, operator = state.settings, _air(state).operator
    try:
        receipt = read_receipt(read_ledger_reply(data).receipt, settings.ledger, settings.ledger_id)
    except DecodeError:
        return state.with_refusal("reply_invalid"), [Note("registration_invalid", str(error))]
    foreign = receipt.subject != hashlib.sha256(operator.octets).digest() or receipt.executed
    if foreign or receipt.utc_s < state.on_air.registered_s:
        return state.with_refusal("reply_unexpected"), []
    air = state.on_air
    told, withdrawn = (
        air.registration_refused == receipt.reason,
        bool(air.registration) and receipt.reason == UNKNOWN,
    )
    air = replace(air, registration_refused=receipt.reason)
    if withdrawn:
        air = replace(air, registration=b"", registered_s=receipt.utc_s, network=b"")
    state = _due(replace(state, air=air), now.mono_ns + AGAIN_NS)
    text = (
        f"{operator}: {receipt.reason}: {receipt.detail}; its owner registers it with `airgrant account create`, "
        f"and it is asked for every {AGAIN_NS // NS_PER_S} s"
    )
    noting = [] if told and not withdrawn else [Note("operator_unregistered", text)]
    return state, [*([StoreRegistration(b"")] if withdrawn else []), *noting]


def describe_missing(state: State) -> list[Note]:
    """What the operator is told when there is a hostapd, and nothing that it may show."""
    if not is_missing(state):
        return []
    text = f"the ledger has not said yet that it knows {_air(state).operator}: nothing is shown or sold until it does"
    return [Note("operator_unregistered", text)]


def _waits(state: State) -> bool:
    return state.link.connected and is_needed(state)


def _fresh_ns(word: Registration, now: Now) -> int:
    """For how long it need not be asked for anew; never longer than a day, whatever the box's clock says."""
    return min(max(word.utc_s + RENEW_S - now.utc_s, 0), RENEW_S) * NS_PER_S


def _due(state: State, due_ns: int) -> State:
    return replace(state, air=replace(state.on_air, registration_due_ns=due_ns))


def _air(state: State) -> AirSettings:
    assert state.settings.air is not None, "no [air] in the settings"
    return state.settings.air
