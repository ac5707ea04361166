"""Has what an application wants, such as 2 Mbit/s for 20 minutes, by whoever gives it: buys, pays as it goes, moves on.

The loop around device/metered_choice.py: looks who sells on the air, takes the best way that is left, and stays until
the time is over or it is not served; then the next. A shell: sockets, the clock, the disk. A grant is bought as
`airgrant buy` does; a metered session is an association by EAP-TLS with a certificate of the same key, and a payer. An
access point that did not serve is not taken again by the same call.
"""

import select
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from device.attesting import Attester
from device.choice import Candidate, Unsuitable, Wish, weigh_on_the_air
from device.counters import Meter
from device.events import Associate, Associated, AssociationFailed, Event
from device.library import Progress, PurchaseFailed, Way, buy
from device.metered_choice import Manner, Plan, Want, plan
from device.payer import Payer
from device.purse import Channel, load_channel
from device.supplicant import Supplicant
from device.survey import survey_air
from device.udp import read_clock
from device.wallet import Wallet
from wire.ids import MacAddress, PublicKey
from wire.micropayment import instance_of
from wire.units import NS_PER_S

EARLIER_S, LATER_S = 24 * 3_600, 3_600
"""Margins of the certificate around the session, for an operator's clock that is wrong."""
ASSOCIATE_S = 20
"""For an attempt to get in; a scan of all channels alone may take five seconds."""
STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class Stay:
    """With one access point, and why it ended; `paid_ubc` is what it cost."""

    bssid: MacAddress
    manner: Manner
    seconds: int
    paid_ubc: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Funds:
    """`deposited_ubc`: by operator, as the ledger says; what the ledger says of reliability, by provider id."""

    deposited_ubc: Mapping[PublicKey, int]
    reliability_permille: Mapping[bytes, int]


def have(
    wallet: Wallet,
    way: Way,
    want: Want,
    funds: Funds,
    progress: Progress | None = None,
    attester: Attester | None = None,
    while_true: Callable[[], bool] = lambda: True,
) -> list[Stay]:
    """Until the time that is wanted was had, or nobody is left who gives it. Raises ShellError if wpa_supplicant or the
    disk is away, ConfigError for a damaged purse.
    """
    stays: list[Stay] = []
    lost: dict[MacAddress, int] = {}
    ends_ns = time.monotonic_ns() + want.duration_s * NS_PER_S
    while (left_s := (ends_ns - time.monotonic_ns()) // NS_PER_S) > 0 and while_true():
        left = Want(want.floor_down_bps, want.floor_up_bps, left_s, want.expected_bytes, want.max_price_ubc)
        plans = [
            one for one in _look(wallet, way, left, funds, lost) if one.candidate.offer.bssid not in lost
        ]
        if not plans:
            break
        stay = _stay(wallet, way, left, plans[0], funds, progress, attester, while_true)
        stays.append(stay)
        if stay.reason != "time_is_up":
            lost[stay.bssid] = 1
    return stays


def _look(wallet: Wallet, way: Way, want: Want, funds: Funds, lost: Mapping[MacAddress, int]) -> list[Plan]:
    wish = Wish(want.floor_down_bps, want.floor_up_bps)
    found: list[Candidate] = []
    for shown in survey_air(way.socket_path, wallet.pinned):
        if isinstance(shown.seen, Unsuitable):
            continue
        seen = weigh_on_the_air(
            shown.seen.announcement, shown.seen.offer.bssid, shown.seen.signal_dbm, wish, wallet.pinned,
            read_clock().utc_s,
        )  # fmt: skip
        if isinstance(seen, Candidate):
            found.append(seen)
    left = {
        operator.provider_id: _left_ubc(wallet, found, operator, ubc)
        for operator, ubc in funds.deposited_ubc.items()
    }
    return plan(want, found, left, lost, funds.reliability_permille)


def _left_ubc(wallet: Wallet, found: list[Candidate], operator: PublicKey, deposited_ubc: int) -> int:
    ledgers = {one.announcement.ledger_id for one in found}
    purses = [_channel(wallet, ledger_id, operator, deposited_ubc).purse for ledger_id in ledgers]
    return min((deposited_ubc - purse.least_used_ubc for purse in purses), default=0)


def _channel(wallet: Wallet, ledger_id: bytes, operator: PublicKey, deposited_ubc: int) -> Channel:
    return load_channel(wallet.path, instance_of(ledger_id, operator.octets), operator, deposited_ubc)


def _stay(
    wallet: Wallet,
    way: Way,
    want: Want,
    chosen: Plan,
    funds: Funds,
    progress: Progress | None,
    attester: Attester | None,
    while_true: Callable[[], bool],
) -> Stay:
    if chosen.manner is Manner.GRANT:
        return _buy(wallet, way, want, chosen, progress, while_true)
    return _pay(wallet, way, want, chosen, funds, attester, while_true)


def _buy(
    wallet: Wallet,
    way: Way,
    want: Want,
    chosen: Plan,
    progress: Progress | None,
    while_true: Callable[[], bool],
) -> Stay:
    bssid, began_ns = chosen.candidate.offer.bssid, time.monotonic_ns()
    wish = Wish(want.floor_down_bps, want.floor_up_bps, chosen.price_ubc)
    try:
        with buy(wallet, way, wish, progress) as session:
            bssid = session.bssid
            until_ns = began_ns + want.duration_s * NS_PER_S
            while time.monotonic_ns() < until_ns and while_true() and not session.wait(STEP_S):
                pass
            session.leave()
            price_ubc = session.price_ubc or 0
    except PurchaseFailed as error:
        return Stay(bssid, Manner.GRANT, 0, 0, error.failure.reason, error.failure.detail)
    return Stay(
        bssid, Manner.GRANT, _seconds_since(began_ns), price_ubc, "time_is_up", "what was bought is over"
    )


def _pay(
    wallet: Wallet,
    way: Way,
    want: Want,
    chosen: Plan,
    funds: Funds,
    attester: Attester | None,
    while_true: Callable[[], bool],
) -> Stay:
    network, began_ns = chosen.candidate.network, time.monotonic_ns()
    assert network is not None
    assert network.tariff is not None
    bssid, ledger_id = network.bssid, chosen.candidate.announcement.ledger_id
    channel = _channel(wallet, ledger_id, network.operator, funds.deposited_ubc[network.operator])
    meter, utc_s = Meter(way.interface), read_clock().utc_s
    with Supplicant(way.socket_path) as supplicant:
        order = Associate(network, utc_s - EARLIER_S, utc_s + want.duration_s + LATER_S, pinned=True)
        try:
            problem = _associate(supplicant, order, wallet)
            if problem:
                return Stay(bssid, Manner.METERED, 0, 0, "not_let_in", problem)
            with Payer(wallet, channel, network.tariff, bssid, meter, "", attester) as payer:
                ended = payer.run(want.duration_s, while_true)
        finally:
            supplicant.disassociate()
    paid_ubc = payer.paid_ubc - channel.purse.paid_ubc
    reason, detail = (
        (ended.reason, ended.detail) if ended else ("time_is_up", "the time that was wanted is over")
    )
    return Stay(bssid, Manner.METERED, _seconds_since(began_ns), paid_ubc, reason, detail)


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


def _seconds_since(began_ns: int) -> int:
    return (time.monotonic_ns() - began_ns) // NS_PER_S
