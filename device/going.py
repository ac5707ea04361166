"""Has what an application wants, such as 2 Mbit/s for 20 minutes, by whoever gives it: buys, pays as it goes, moves on.

The loop around device/metered_choice.py: looks who sells, on the air or in the lobby, takes the best way that is left,
and stays until the time is over or it is not served; then the next. A shell: sockets, the clock, the disk. A grant is
bought as `airgrant buy` does; a metered session is an association by EAP-TLS with a certificate of the same key, and a
payer, so that it takes a wpa_supplicant that works the interface. An access point that did not serve is not taken again
by the same call.
"""

import select
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from device.asking_around import ask_around
from device.attesting import Attester
from device.choice import Candidate, PinnedLedger, Unsuitable, Wish, weigh, weigh_on_the_air
from device.counters import Counters, Meter
from device.events import Associate, Associated, AssociationFailed, Event, ShowOffer, Tell
from device.experience import keep_reputation, load_reputation
from device.library import (
    Before,
    Over,
    Progress,
    PurchaseFailed,
    PurchaseInterrupted,
    Session,
    Way,
    buy,
    hears_wpa_supplicant,
)
from device.metered_choice import Manner, Plan, Want, plan
from device.payer import NOT_SERVED, Ended, Payer
from device.purse import Channel, load_channel
from device.reputation import Reputation, explain, note_stay, publishers_for, score_of
from device.supplicant import Supplicant
from device.survey import survey_air, survey_lobby
from device.udp import read_clock
from device.wallet import Wallet
from market.reliability import UNKNOWN, Score
from wire.ids import MacAddress, PublicKey
from wire.micropayment import instance_of
from wire.network import Network
from wire.units import NS_PER_S, format_money

EARLIER_S, LATER_S = 24 * 3_600, 3_600
"""Margins of the certificate around the session, for an operator's clock that is wrong."""
ASSOCIATE_S = 20
"""For an attempt to get in; a scan of all channels alone may take five seconds."""
STEP_S = 1.0
TIME_IS_UP, GRANT_OVER, INTERRUPTED = "time_is_up", "grant_over", "interrupted"
NOT_LET_IN = "not_let_in"
_SERVED = frozenset({TIME_IS_UP, GRANT_OVER})
_LEFT = _SERVED | {INTERRUPTED, "left", "deposit_used", "limit_reached"}
"""It was served until it went, or had no more money."""
_CHEATED = NOT_SERVED | {"meters_differ", "other_terms"}


class Prefer(Enum):
    """Whose ways come first, whatever they cost."""

    GRANT = "grant"
    METERED = "metered"
    CHEAPEST = "cheapest"


@dataclass(frozen=True, slots=True)
class Stay:
    """With one access point, and why it ended; `paid_ubc` is what it cost. Bytes are those of the interface.
    `unknown_ubc`: what may have been charged, as nobody signed what became of it; `transaction_id` of the purchase.
    `grant_id`: by which it was served; empty where it paid as it went, or was not.
    """

    bssid: MacAddress
    manner: Manner
    seconds: int
    paid_ubc: int
    reason: str
    detail: str
    up_bytes: int = 0
    down_bytes: int = 0
    unknown_ubc: int = 0
    transaction_id: bytes = b""
    grant_id: bytes = b""
    ended_utc_s: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """Take this way, sign no more than `limit_ubc` for it, and tell why."""

    plan: Plan
    limit_ubc: int | None
    why: str


Choose = Callable[[Want, list[Plan]], Order | None]
"""From what is left of the want, and the ways that are there, the best first; None: none of them."""


@dataclass(frozen=True, slots=True)
class Funds:
    """`deposited_ubc`: by operator, as the ledger says. `scores` by provider id go before what is known beside the
    wallet; at `ledger_url`, if there is a network, it is asked what publishers said of the sellers in view.
    """

    deposited_ubc: Mapping[PublicKey, int]
    scores: Mapping[bytes, Score]
    ledger_url: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """`sellers` answered. Ways that are left, the best first, and who is out of the question."""

    sellers: int
    plans: tuple[Plan, ...]
    unsuitable: tuple[ShowOffer, ...]


@dataclass(frozen=True, slots=True)
class Chose:
    """One of them, and why, in words."""

    plan: Plan
    why: str


@dataclass(frozen=True, slots=True)
class Paid:
    """So much in this stay, for so many intervals; `left_s` of what is wanted is still to come."""

    bssid: MacAddress
    paid_ubc: int
    intervals: int
    left_s: int


News = Looked | Chose | Paid | Stay
"""What `have` tells while it goes; a stay when it is over."""


class HavingInterrupted(PurchaseInterrupted):
    """Ctrl-C: it has left and pays no more. `stays` are those until then."""

    def __init__(self, error: KeyboardInterrupt, stays: tuple[Stay, ...]) -> None:
        bought = error if isinstance(error, PurchaseInterrupted) else None
        text = str(bought) if bought else "left, and nothing is paid any more"
        super().__init__(text, bought.grant if bought else b"", bought.transaction_id if bought else b"")
        self.stays = stays


def have(
    wallet: Wallet,
    way: Way,
    want: Want,
    funds: Funds,
    progress: Progress | None = None,
    attester: Attester | None = None,
    while_true: Callable[[], bool] = lambda: True,
    tell: Callable[[News], None] = lambda _: None,
    prefer: Prefer = Prefer.CHEAPEST,
    choose: Choose | None = None,
) -> list[Stay]:
    """Until the time that is wanted was had, or nobody is left who gives it; no more than the price that is wanted is
    paid for all of it. `choose` says otherwise which way to take; it is asked also where there is none. Raises
    ShellError if wpa_supplicant or the disk is away, ConfigError for a damaged purse, HavingInterrupted.
    """
    trip = _Trip(wallet, way, funds, progress, attester, while_true, tell, prefer)
    stays: list[Stay] = []
    lost: dict[MacAddress, int] = {}
    ends_ns = time.monotonic_ns() + want.duration_s * NS_PER_S
    try:
        while (left_s := -((time.monotonic_ns() - ends_ns) // NS_PER_S)) > 0 and while_true():
            left = replace(want, duration_s=left_s, max_price_ubc=_left_price_ubc(want, stays))
            over, plans = trip.look(left, lost)
            order = choose(left, plans) if choose is not None else _take_first(left, plans, prefer)
            if order is None:
                break
            tell(Chose(order.plan, order.why))
            stay = trip.stay(over, replace(left, max_price_ubc=order.limit_ubc), order.plan)
            stays.append(stay)
            tell(stay)
            trip.remember(order.plan, stay)
            if stay.reason == INTERRUPTED:
                raise KeyboardInterrupt  # noqa: TRY301 it was caught where it left and stopped to pay
            if stay.reason not in _SERVED:
                lost[stay.bssid] = 1
    except KeyboardInterrupt as error:
        raise HavingInterrupted(error, tuple(stays)) from error
    return stays


def _left_price_ubc(want: Want, stays: list[Stay]) -> int | None:
    if want.max_price_ubc is None:
        return None
    return max(0, want.max_price_ubc - sum(stay.paid_ubc + stay.unknown_ubc for stay in stays))


def _take_first(left: Want, plans: list[Plan], prefer: Prefer) -> Order | None:
    return Order(plans[0], left.max_price_ubc, _why(plans, prefer)) if plans else None


def _why(plans: list[Plan], prefer: Prefer) -> str:
    best = plans[0]
    cost = f"{format_money(best.price_ubc)} for what is left"
    known = _known(best)
    if len(plans) == 1:
        return f"{cost}, the only way{known}"
    if prefer is not Prefer.CHEAPEST and best.manner.value == prefer.value:
        return f"{cost}, the best of {len(plans)} ways where {prefer.value} is preferred{known}"
    cheaper = min(plans, key=lambda one: one.price_ubc)
    if cheaper.price_ubc < best.price_ubc:
        known += f"; {cheaper.candidate.offer.bssid} asks {format_money(cheaper.price_ubc)}{_known(cheaper)}"
    return f"{cost}, the best of {len(plans)} ways{known}"


def _known(one: Plan) -> str:
    """Nothing of whom nothing is known."""
    return "" if one.score == UNKNOWN else f", {explain(one.score)}"


def _was_served(stay: Stay) -> bool | None:
    """For the seller's score; None where nothing can be said, as nothing was paid for."""
    if stay.reason in _CHEATED or (stay.reason not in _LEFT and stay.paid_ubc):
        return False
    return True if stay.reason in _LEFT and stay.paid_ubc else None


@dataclass(frozen=True, slots=True)
class _Trip:
    """Who goes, by what means, and who hears of it."""

    wallet: Wallet
    way: Way
    funds: Funds
    progress: Progress | None
    attester: Attester | None
    while_true: Callable[[], bool]
    tell: Callable[[News], None]
    prefer: Prefer

    # ---- Looking

    def look(self, want: Want, lost: Mapping[MacAddress, int]) -> tuple[Over, list[Plan]]:
        """Where somebody was found, and the ways that are left there, the best first."""
        over, shown = self._survey()
        wish, found, unsuitable = (
            Wish(want.floor_down_bps, want.floor_up_bps), list[Candidate](), list[ShowOffer]()
        )  # fmt: skip
        for one in shown:
            seen = one.seen if isinstance(one.seen, Unsuitable) else self._weigh(over, one.seen, wish)
            if isinstance(seen, Candidate):
                found.append(seen)
            else:
                unsuitable.append(ShowOffer(seen, one.address))
        left = {
            operator.provider_id: self._left_ubc(found, operator) for operator in self.funds.deposited_ubc
        }
        plans = plan(want, found, left, lost, {**self._scores(found), **self.funds.scores})
        if over is Over.LOBBY and any(one.manner is Manner.METERED for one in plans):
            may_join = self.way.cell is None and hears_wpa_supplicant(self.way)
            plans = [one for one in plans if one.manner is Manner.GRANT or may_join]
        plans = [one for one in plans if one.candidate.offer.bssid not in lost]
        if self.prefer is not Prefer.CHEAPEST:
            plans.sort(key=lambda one: one.manner.value != self.prefer.value)
        self.tell(Looked(len(shown), tuple(plans), tuple(unsuitable)))
        return over, plans

    def _survey(self) -> tuple[Over, list[ShowOffer]]:
        way = self.way
        on_air = way.over is Over.AIR or (
            way.over is Over.AUTO and way.cell is None and hears_wpa_supplicant(way)
        )
        shown = survey_air(way.socket_path, self.wallet.pinned) if on_air else []
        if shown or way.over is Over.AIR:
            return Over.AIR, shown
        return Over.LOBBY, survey_lobby(way.interface, self.wallet.pinned, way.cell)

    def _weigh(self, over: Over, seen: Candidate, wish: Wish) -> Candidate | Unsuitable:
        announcement, pinned, utc_s = seen.announcement, self.wallet.pinned, read_clock().utc_s
        if over is Over.LOBBY:
            return weigh(announcement, seen.address, wish, pinned, utc_s)
        return weigh_on_the_air(announcement, seen.offer.bssid, seen.signal_dbm, wish, pinned, utc_s)

    def _left_ubc(self, found: list[Candidate], operator: PublicKey) -> int:
        deposited_ubc = self.funds.deposited_ubc[operator]
        ledgers = {one.announcement.ledger_id for one in found}
        purses = [self._channel(ledger_id, operator).purse for ledger_id in ledgers]
        return min((deposited_ubc - purse.least_used_ubc for purse in purses), default=0)

    def _channel(self, ledger_id: bytes, operator: PublicKey) -> Channel:
        instance, deposited_ubc = instance_of(ledger_id, operator.octets), self.funds.deposited_ubc[operator]
        return load_channel(self.wallet.path, instance, operator, deposited_ubc)

    # ---- Who is reliable

    def _scores(self, found: list[Candidate]) -> dict[bytes, Score]:
        """Of everybody in view, by provider id."""
        known, now_s, operators = (
            load_reputation(self.wallet.path),
            read_clock().utc_s,
            self.funds.deposited_ubc,
        )
        if self.funds.ledger_url and self.wallet.pinned is not None:
            known = self._ask_around(known, self.wallet.pinned, found, now_s)
        return {
            one.announcement.provider.provider_id: score_of(
                known, one.announcement.provider, _operator_of(one), operators, now_s
            )
            for one in found
        }

    def _ask_around(
        self, known: Reputation, pinned: PinnedLedger, found: list[Candidate], now_s: int
    ) -> Reputation:
        pairs = dict.fromkeys(
            (one.announcement.provider, publisher)
            for one in found
            for publisher in publishers_for(known, self.funds.deposited_ubc, _operator_of(one))
        )
        asked = ask_around(self.funds.ledger_url, pinned, pairs, known, now_s)
        if asked.trouble and self.progress is not None:
            self.progress(Tell(f"choosing without what others say: {asked.trouble}"))
        if asked.known != known:
            keep_reputation(self.wallet.path, asked.known)
        return asked.known

    def remember(self, chosen: Plan, stay: Stay) -> None:
        """Whether it served, for the next choice. Raises ShellError."""
        served = _was_served(stay)
        if served is None:
            return
        known, seller = load_reputation(self.wallet.path), chosen.candidate.announcement.provider
        keep_reputation(self.wallet.path, note_stay(known, seller, read_clock().utc_s, served=served))

    # ---- Staying

    def stay(self, over: Over, want: Want, chosen: Plan) -> Stay:
        if chosen.manner is Manner.GRANT:
            return self._buy(over, want, chosen.candidate)
        return self._pay(want, chosen.candidate)

    def _buy(self, over: Over, want: Want, chosen: Candidate) -> Stay:
        bssid, began_ns, way = chosen.offer.bssid, time.monotonic_ns(), replace(self.way, over=over)
        limit_ubc = chosen.price_ubc if want.max_price_ubc is None else want.max_price_ubc
        seller = (chosen.announcement.provider, bssid)
        wish = Wish(want.floor_down_bps, want.floor_up_bps, limit_ubc, seller=seller)
        try:
            with buy(self.wallet, way, wish, self.progress, before=Before.USE) as session:
                bssid, meter = session.bssid, Meter(way.interface)
                ended = self._wait(session, began_ns + want.duration_s * NS_PER_S)
                count = meter.read()
                session.leave()
        except PurchaseFailed as error:
            paid_ubc, failure = error.price_ubc if error.grant else 0, error.failure
            return Stay(
                bssid, Manner.GRANT, 0, paid_ubc, failure.reason, failure.detail,
                unknown_ubc=error.unanswered_ubc, transaction_id=error.transaction_id,
            )  # fmt: skip
        stay = _stay(bssid, Manner.GRANT, began_ns, session.price_ubc or 0, ended, count)
        return replace(stay, transaction_id=session.transaction_id or b"", grant_id=session.grant.grant_id)

    def _wait(self, session: Session, until_ns: int) -> Ended:
        """Until the time that is wanted is over, the grant is, or the session."""
        try:
            while time.monotonic_ns() < until_ns and self.while_true() and not session.wait(STEP_S):
                pass
        except KeyboardInterrupt:
            return Ended(INTERRUPTED, "what was bought lasts until its time is over")
        if session.failure is not None:
            return Ended(session.failure.reason, session.failure.detail)
        if session.ended:
            return Ended(GRANT_OVER, "what was bought is over")
        return self._over(until_ns)

    def _over(self, until_ns: int) -> Ended:
        if time.monotonic_ns() >= until_ns:
            return Ended(TIME_IS_UP, "the time that was wanted is over")
        return Ended("left", "as it was told to")

    def _pay(self, want: Want, chosen: Candidate) -> Stay:
        network, ledger_id, began_ns = chosen.network, chosen.announcement.ledger_id, time.monotonic_ns()
        assert network is not None
        channel = self._channel(ledger_id, network.operator)
        before_ubc, channel = channel.purse.paid_ubc, _limited(channel, want.max_price_ubc)
        meter = Meter(self.way.interface)
        try:
            ended = self._session(network, channel, meter, began_ns, want.duration_s)
        except KeyboardInterrupt:
            ended = Ended(INTERRUPTED, "nothing is paid any more")
        if ended.reason == NOT_LET_IN:
            return Stay(network.bssid, Manner.METERED, 0, 0, NOT_LET_IN, ended.detail)
        deposited_ubc = self.funds.deposited_ubc[network.operator]
        if ended.reason == "deposit_used" and channel.purse.limit_ubc < deposited_ubc:
            ended = Ended("limit_reached", "what may be paid in all does not cover the next interval")
        paid_ubc = self._channel(ledger_id, network.operator).purse.paid_ubc - before_ubc  # as it was kept
        return _stay(network.bssid, Manner.METERED, began_ns, paid_ubc, ended, meter.read())

    def _session(
        self, network: Network, channel: Channel, meter: Meter, began_ns: int, wanted_s: int
    ) -> Ended:
        """In, paid for, and out again, however it ends."""
        utc_s = read_clock().utc_s
        order = Associate(network, utc_s - EARLIER_S, utc_s + wanted_s + LATER_S, pinned=True)
        assert network.tariff is not None
        with Supplicant(self.way.socket_path) as supplicant:
            try:
                problem = _associate(supplicant, order, self.wallet)
                if problem:
                    return Ended(NOT_LET_IN, problem)
                with Payer(
                    self.wallet, channel, network.tariff, network.bssid, meter, "", self.attester
                ) as payer:
                    return self._follow(payer, channel.purse.paid_ubc, network.bssid, began_ns, wanted_s)
            finally:
                supplicant.disassociate()

    def _follow(
        self, payer: Payer, paid_before_ubc: int, bssid: MacAddress, began_ns: int, wanted_s: int
    ) -> Ended:
        """A step at a time, and tells each payment."""
        until_ns, told = began_ns + wanted_s * NS_PER_S, 0
        while (left_ns := until_ns - time.monotonic_ns()) > 0 and self.while_true():
            if payer.intervals != told:
                told = payer.intervals
                self.tell(Paid(bssid, payer.paid_ubc - paid_before_ubc, told, left_ns // NS_PER_S))
            ended = payer.run(min(STEP_S, left_ns / NS_PER_S), self.while_true)
            if ended is not None:
                return ended
        return self._over(until_ns)


def _operator_of(one: Candidate) -> PublicKey | None:
    return None if one.network is None else one.network.operator


def _limited(channel: Channel, limit_ubc: int | None) -> Channel:
    """No more than that is paid from now on."""
    if limit_ubc is None:
        return channel
    most_ubc = min(channel.purse.limit_ubc, channel.purse.paid_ubc + limit_ubc)
    return replace(channel, purse=replace(channel.purse, limit_ubc=most_ubc))


def _stay(
    bssid: MacAddress, manner: Manner, began_ns: int, paid_ubc: int, ended: Ended, count: Counters
) -> Stay:
    seconds = (time.monotonic_ns() - began_ns) // NS_PER_S
    return Stay(
        bssid, manner, seconds, paid_ubc, ended.reason, ended.detail, count.up_bytes, count.down_bytes,
        ended_utc_s=read_clock().utc_s,
    )  # fmt: skip


def _associate(supplicant: Supplicant, order: Associate, wallet: Wallet) -> str:
    """Empty once the radio is in; else why it did not get in."""
    events: list[Event] = supplicant.associate(order, wallet.key)
    end_ns, last = read_clock().mono_ns + ASSOCIATE_S * NS_PER_S, "nothing was heard"
    while read_clock().mono_ns < end_ns:
        for event in events:
            match event:
                case Associated():
                    return ""
                case AssociationFailed(obstacle, detail):
                    last = f"{obstacle.value}: {detail}"
        wait_s = max(0, min(supplicant.due_ns, end_ns) - read_clock().mono_ns) / NS_PER_S
        events = supplicant.receive() if select.select([supplicant], [], [], wait_s)[0] else supplicant.wake()
    return last
