"""What is on the air: the offer and the answers that hostapd shows, and the purchases that strangers send it.

In: what a monitor interface heard, what hostapd says. Out: ANQP elements and a beacon element, each set only when its
bytes change, and all of them again when hostapd was started anew. Buyers are answered where everybody can read it: in
one of nineteen elements (281 to 299), chosen by the hash of their transaction, for ANSWER_NS. What a stranger can fill
is bounded, and what the ledger gave somebody for money is never put off the air by a refusal.
Reference: IEEE 802.11-2020 clauses 9.4.5 (ANQP elements) and 11.22.3 (ANQP); the elements are in nas_tunnel/anqp.py.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from apd import associations, known_grants, lobby, registration
from apd.commands import Command, Note, SendLobby, SetBeaconElement, SetElement, SignNetwork, SignOffer
from apd.events import BEACON, HostapdConnected
from apd.outcome import Outcome
from apd.promises import reserved
from apd.sessions import check_capacity
from apd.state import AirAnswer, AirState, HeldBack, KnownGrant, State
from nas_tunnel.advice_of_charge import charge_of, write_advice_of_charge
from nas_tunnel.anqp import (
    ADVICE_OF_CHARGE,
    NO_OFFER,
    VENDOR,
    AirOffer,
    answer_id,
    fits,
    is_answer_id,
    write_air_offer,
    write_answers,
    write_beacon_element,
)
from nas_tunnel.lobby import LobbyMessage, Purchase, Refused
from nas_tunnel.lobby import Outcome as PurchaseOutcome
from wire.cose import MAX_ENVELOPE_BYTES, read_envelope
from wire.errors import DecodeError
from wire.ids import MacAddress
from wire.network import MAX_SSID_BYTES, Network
from wire.offer import parse_offer
from wire.transaction import read_transaction
from wire.units import NS_PER_S, Now

ANSWER_NS = 30 * NS_PER_S
"""An answer stands for so long: a buyer asks every second or two."""
ANSWER_MOST_NS = 120 * NS_PER_S
"""However often its purchase is repeated, by whomever."""
MAX_ANSWER_DETAIL = 60
"""Characters of a refusal's sentence on the air, where eighty bytes are a fifth of somebody's grant."""
REPEAT_NS = NS_PER_S
"""The same octets heard again within this are one purchase: frames are sent again until they are acknowledged."""
MAX_HEARD = 1_024
PURCHASE_NS, PURCHASE_BURST = NS_PER_S, 5
"""One station's rate: a purchase a second, five at once."""
ALL_PURCHASES_NS, ALL_PURCHASES_BURST = NS_PER_S // 20, 40
"""The rate of all stations together, whose addresses are free for the taking: twenty a second."""
REFUSED_NS, REFUSED_MOST_NS = NS_PER_S, 60 * NS_PER_S
"""What hostapd refused is tried again after a second, and then twice as late each time, up to a minute."""
_UNKNOWN = b"?"
"""What hostapd shows where it refused: equal to nothing that is wanted."""
HOPELESS_NS, HOPELESS_BURST = NS_PER_S // 5, 10
"""How often somebody is told that its purchase cannot be one here: five times a second."""
MAX_STATIONS = 512
"""Stations whose rate is remembered; who was silent longest is forgotten first."""


def start(state: State, stored: Iterable[KnownGrant], now: Now) -> Outcome:
    """The state of a box that sells on the air."""
    return known_grants.restore(replace(state, air=AirState()), stored, now)


def hostapd_connected(state: State, event: HostapdConnected, now: Now) -> Outcome:
    """It has nothing of what we told another one: everything is set anew, and its stations are looked at."""
    commands: list[Command] = [Note("hostapd_connected", f"{len(event.stations)} stations")]
    if event.bssid != state.settings.bssid:
        commands.append(
            Note("bssid_differs", f"hostapd serves {event.bssid}, offers name {state.settings.bssid}")
        )
    air = replace(
        state.on_air, connected=True, ssid=event.ssid, elements={}, beacon=b"", held_back={}, signing=False
    )
    commands += registration.describe_missing(state)
    expires_s = now.utc_s + state.settings.offer_lifetime_s
    state, signing = _sign_network(replace(state, air=air), expires_s, now)
    state, more = associations.synchronise(state, event.stations, now)
    return state, [*commands, *signing, *more]


def hostapd_lost(state: State, detail: str) -> Outcome:
    """Offers cannot be shown; who is served is served, as far as the radio still does."""
    note = Note("hostapd_lost", detail)
    return replace(state, air=replace(state.on_air, connected=False, signing=False)), [note]


def refused(state: State, what: str, info_id: int | None, now: Now) -> Outcome:
    """It does not show what it was told to: that is tried again, later each time, for as long as it is wanted."""
    note = Note("hostapd_refused", what)
    if info_id is None:
        return state, [note]
    air = state.on_air
    before = air.held_back.get(info_id)
    wait_ns = min(2 * before.wait_ns, REFUSED_MOST_NS) if before else REFUSED_NS
    held_back = {**air.held_back, info_id: HeldBack(wait_ns, now.mono_ns + wait_ns)}
    elements, beacon = air.elements, air.beacon
    if info_id == BEACON:
        beacon = _UNKNOWN
    else:
        elements = {**elements, info_id: _UNKNOWN}
    return replace(state, air=replace(air, held_back=held_back, elements=elements, beacon=beacon)), [note]


def network_signed(state: State, network: bytes) -> State:
    """Not shown if meanwhile the ledger has said that it does not know the operator."""
    network = b"" if registration.is_missing(state) else network
    return replace(state, air=replace(state.on_air, network=network, signing=False))


def hear(state: State, station: MacAddress, transaction: bytes, now: Now) -> Outcome:
    """A purchase on the air. Who repeats one that was answered has its answer stand longer, and nothing else.

    Only what can be a purchase here uses up a rate that buyers share: junk is counted, and what cannot be sold is
    answered at a rate of its own.
    """
    digest = hashlib.sha256(transaction).digest()
    before_ns = state.on_air.heard.get(digest)
    if before_ns is not None and now.mono_ns < before_ns + REPEAT_NS:
        return state.with_refusal("air_repeated"), []
    try:
        signed = read_transaction(transaction, state.settings.ledger_id, MAX_ENVELOPE_BYTES)
    except DecodeError:
        return state.with_refusal("transaction_invalid"), []
    if lobby.is_hopeless(state, signed, now):
        return _answer_hopeless(state, station, transaction, now)
    air = _take_turn(state.on_air, station, now)
    if air is None:
        return state.with_refusal("air_limited"), []
    heard = {at: ns for at, ns in air.heard.items() if at != digest}
    while len(heard) >= MAX_HEARD:
        del heard[next(iter(heard))]
    heard[digest] = now.mono_ns
    state = replace(state, air=replace(air, heard=heard, purchases=air.purchases + 1))
    if air.answers and (refreshed := _refresh(state, signed.transaction_id, now)) is not None:
        return refreshed, []
    return lobby.purchase(state, station, Purchase(transaction), now)


def _answer_hopeless(state: State, station: MacAddress, transaction: bytes, now: Now) -> Outcome:
    """Its sender may be honest and late. Each answer is an order to hostapd, and that is all a flood can cause."""
    air = state.on_air
    busy_ns = max(air.hopeless_until_ns, now.mono_ns)
    if busy_ns > now.mono_ns + (HOPELESS_BURST - 1) * HOPELESS_NS:
        return state.with_refusal("air_limited"), []
    state = replace(state, air=replace(air, hopeless_until_ns=busy_ns + HOPELESS_NS))
    return lobby.purchase(state, station, Purchase(transaction), now)


def carry(before: State, state: State, commands: Iterable[Command], now: Now) -> Outcome:
    """After each event: answers to buyers on the air become elements, and the network is signed with the offer."""
    carried: list[Command] = []
    for command in commands:
        if isinstance(command, SendLobby) and isinstance(command.to, MacAddress):
            state = _answer(state, command.message, now)
            continue
        carried.append(command)
        if isinstance(command, SignOffer):
            state, signing = _sign_network(state, command.offer.expires_s, now)
            carried += signing
    if before.air is not None and before.air.registration != state.on_air.registration:
        state, signing = _sign_network(state, now.utc_s + state.settings.offer_lifetime_s, now)
        carried += signing
    state, showing = _show(before, state)
    return state, [*carried, *showing]


def pass_time(state: State, now: Now) -> Outcome:
    """Takes answers off the air whose time is over."""
    air = state.on_air
    left = tuple(answer for answer in air.answers if answer.expires_ns > now.mono_ns)
    if len(left) != len(air.answers):
        air = replace(air, answers=left)
    due = {
        at: one for at, one in air.held_back.items() if one.due_ns is not None and one.due_ns <= now.mono_ns
    }
    if due:
        tried = {at: replace(one, due_ns=None) for at, one in due.items()}
        air = replace(air, held_back={**air.held_back, **tried})
    return replace(state, air=air), []


def deadlines_ns(state: State) -> list[int]:
    """When something of the above is due."""
    air = state.on_air
    due = [answer.expires_ns for answer in air.answers]
    return due + [one.due_ns for one in air.held_back.values() if one.due_ns is not None]


# ---- Rates


def _take_turn(air: AirState, station: MacAddress, now: Now) -> AirState | None:
    """Uses up a part of the station's rate and of everybody's; None if either is used up already."""
    own_ns = max(air.busy_until_ns.get(station, 0), now.mono_ns)
    all_ns = max(air.all_busy_until_ns, now.mono_ns)
    if own_ns > now.mono_ns + (PURCHASE_BURST - 1) * PURCHASE_NS:
        return None
    if all_ns > now.mono_ns + (ALL_PURCHASES_BURST - 1) * ALL_PURCHASES_NS:
        return None
    busy = {one: ns for one, ns in air.busy_until_ns.items() if one != station and ns > now.mono_ns}
    while len(busy) >= MAX_STATIONS:
        del busy[next(iter(busy))]
    busy[station] = own_ns + PURCHASE_NS
    return replace(air, busy_until_ns=busy, all_busy_until_ns=all_ns + ALL_PURCHASES_NS)


# ---- Answers


def _refresh(state: State, subject: bytes, now: Now) -> State | None:
    """Lets the outcome of this transaction stand for a while longer; None if there is none on the air."""
    air = state.on_air
    known = next((answer for answer in air.answers if answer.subject == subject), None)
    if known is None or isinstance(known.message, Refused):
        return None
    until_ns = min(now.mono_ns + ANSWER_NS, known.first_ns + ANSWER_MOST_NS)
    longer = replace(known, expires_ns=max(known.expires_ns, until_ns))
    return replace(state, air=replace(air, answers=(*_without(air.answers, subject), longer)))


def _answer(state: State, message: LobbyMessage, now: Now) -> State:
    """Puts an answer into its element. One without a subject has no element: its buyer asks in vain."""
    if isinstance(message, Refused):
        subject, message = message.subject, replace(message, detail=message.detail[:MAX_ANSWER_DETAIL])
    else:
        assert isinstance(message, PurchaseOutcome), f"{message} is nothing that one says on the air"
        subject = message.transaction_id
    if not subject:
        return state
    info_id, air = answer_id(subject), state.on_air
    mine = AirAnswer(info_id, subject, message, now.mono_ns, now.mono_ns + ANSWER_NS)
    others = _without(air.answers, subject)
    crowd = _fit([answer for answer in others if answer.info_id == info_id], mine)
    if crowd is None:
        return state.with_refusal("air_full")
    kept = (*(answer for answer in others if answer.info_id != info_id or answer in crowd), mine)
    return replace(state, air=replace(air, answers=kept))


def _fit(crowd: list[AirAnswer], mine: AirAnswer) -> list[AirAnswer] | None:
    """Who may stay in the element beside a new answer: the oldest goes, of those least worth. None: the new one is
    itself worth least.
    """
    while fits([answer.message for answer in (*crowd, mine)]) <= len(crowd):
        least = min(crowd, key=_worth, default=None)
        if least is None or _worth(least) > _worth(mine):
            return None
        crowd = [answer for answer in crowd if answer is not least]
    return crowd


def _worth(answer: AirAnswer) -> int:
    """A grant above a receipt above a refusal, which costs its cause nothing."""
    if isinstance(answer.message, Refused):
        return 0
    return 2 if answer.message.grant else 1


def _without(answers: Iterable[AirAnswer], subject: bytes) -> tuple[AirAnswer, ...]:
    return tuple(answer for answer in answers if answer.subject != subject)


# ---- What hostapd shows


def _sign_network(state: State, expires_s: int, now: Now) -> Outcome:
    """How to join, once it is known, and the ledger knows the operator; and for how much as one goes, as long as there
    is room for one more.
    """
    air, settings = state.on_air, state.settings
    assert settings.air is not None, "there is an AirState"
    if not 1 <= len(air.ssid) <= MAX_SSID_BYTES or registration.is_missing(state):
        return state, []
    tariff = settings.tariff
    if tariff is not None and check_capacity(state, tariff.qos, kept=reserved(state, now)) is not None:
        tariff = None
    network = Network(settings.bssid, air.ssid, settings.air.operator, expires_s, air.registration, tariff)
    return replace(state, air=replace(air, signing=True)), [SignNetwork(network)]


def _show(before: State, state: State) -> Outcome:
    """Sets what differs from what hostapd has."""
    if not state.on_air.connected or (before.air is not None and _shown(before) == _shown(state)):
        return state, []
    air, elements, beacon = state.on_air, dict(state.on_air.elements), state.on_air.beacon
    wanted = _answers(air)
    if not air.signing:
        offer, beacon = _offer(state)
        wanted |= offer
    waiting = {at for at, one in air.held_back.items() if one.due_ns is not None}
    changed = {
        at: payload for at, payload in wanted.items() if elements.get(at) != payload and at not in waiting
    }
    setting: list[Command] = [SetElement(at, payload) for at, payload in changed.items()]
    assert state.settings.air is not None, "there is an AirState"
    if state.settings.air.by_ubus:
        setting = []  # there is no ANQP: the beacon tells that there is an offer, and the lobby which
    if BEACON in waiting:
        beacon = air.beacon
    elif beacon != air.beacon:
        setting.append(SetBeaconElement(beacon))
    air = replace(air, elements={**elements, **changed}, beacon=beacon)
    return replace(state, air=air), setting


def _shown(state: State) -> tuple[object, ...]:
    air = state.on_air
    parts = (air.network, air.answers, air.elements, air.held_back)
    return (air.connected, air.signing, state.lobby.offer, *map(id, parts))


def _answers(air: AirState) -> dict[int, bytes]:
    """The elements of answers, those included that are empty now."""
    by_id: dict[int, list[PurchaseOutcome | Refused]] = {at: [] for at in air.elements if is_answer_id(at)}
    for answer in air.answers:
        by_id.setdefault(answer.info_id, []).append(answer.message)
    return {at: write_answers(messages) for at, messages in by_id.items()}


def _offer(state: State) -> tuple[dict[int, bytes], bytes]:
    """The element of the offer, and the beacon's. Between two offers the old ones stay; an offer that nobody can join
    is none, and neither is one at a server that the ledger does not know.
    """
    settings, word, air = state.settings, state.lobby.offer_state, state.on_air
    if registration.is_missing(state):
        return {VENDOR: NO_OFFER, ADVICE_OF_CHARGE: b""}, b""
    if word is None or not state.lobby.offer or not air.network:
        return (
            ({}, air.beacon) if VENDOR in air.elements else ({VENDOR: NO_OFFER, ADVICE_OF_CHARGE: b""}, b"")
        )
    shown = AirOffer(
        offer=state.lobby.offer,
        provider=settings.provider,
        ledger=settings.ledger,
        ledger_id=settings.ledger_id,
        network=air.network,
        utc_s=state.lobby.offer_expires_s - settings.offer_lifetime_s,
    )
    beacon = write_beacon_element(
        state.lobby.offer, word.price_ubc, word.allocation_duration_s, word.qos.floor_down_bps
    )
    told = write_advice_of_charge([charge_of(parse_offer(read_envelope(state.lobby.offer)))])
    return {VENDOR: write_air_offer(shown), ADVICE_OF_CHARGE: told}, beacon
