"""The others on virtual radios: what is tried against customers, grants, the operator's server and the daemon.

As in journeys.py, each function plays one scenario and returns what it found. Where an honest customer is in, it has
to come out of it with its session, its address and its rate.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from device.library import Session
from lab.processes import Child, wait_until
from lab.traffic import ping_once
from lab.wifi.air import Station
from lab.wifi.finding import Finding, Measured, judge
from lab.wifi.forging import disconnect_request, issued, issued_on_another_curve, send_to_das
from lab.wifi.journeys import (
    UNITS,
    customer,
    push,
    rate_bps,
    serving,
    session_of,
    tries_to_join,
    wait_for_no_slice,
    wait_for_slice,
    within,
)
from lab.wifi.stage import SECRET, SILENT_AFTER_S, UNIT, WifiStage, resident_bytes
from lab.wifi.supplicant import leave, pin
from lab.world import WORLD_V4
from operatord.hostapd import DAS_WINDOW_S
from wire.keys import PrivateKey

FLOOD_S = 12.0
MAX_GROWTH_BYTES = 8_000_000
ACK, NAK = 41, 42
FORGETS_S = 6.5
"""hostapd keeps a station that was thrown out for 5 s, and its session's id if it comes back within them."""
TELL = Callable[[str], None]


def strange_keys(stage: WifiStage, tell: TELL) -> Finding:
    """Certificates of nobody, of yesterday and of another curve: none gets as far as an association with keys."""
    (ida,) = stage.open_accounts("ida")
    operator = stage.keys["operator"].public
    folder = stage.folder / "forged"
    claims = {}
    with customer(stage, 1, ida) as session:
        tries = {
            "a key that holds no grant": issued(folder / "nobody", PrivateKey.generate(), operator),
            "the buyer's key, expired yesterday": issued(
                folder / "expired", ida.key, operator, -200_000, -100_000
            ),
            "the buyer's account, a key on secp256k1": issued_on_another_curve(
                folder / "k1", ida.key, operator
            ),
        }
        for name, credentials in tries.items():
            joined = tries_to_join(stage, 4, credentials)
            tell(f"{name}: {'LET IN' if joined else 'refused'}")
            claims[f"{name} is refused"] = not joined
        claims["the customer is not disturbed"] = _is_in(stage, 1, session)
    return judge("certificates that should not open", claims)


def second_device(stage: WifiStage, tell: TELL) -> Finding:
    """The same account's key on a second device: one grant, one station at a time."""
    (jon,) = stage.open_accounts("jon")
    with customer(stage, 1, jon) as session:
        credentials = issued(stage.folder / "forged" / "second", jon.key, stage.keys["operator"].public)
        joined = tries_to_join(stage, 4, credentials)
        tell(f"the second device is {'LET IN' if joined else 'refused'}")
        claims = {
            "the second device is refused": not joined,
            "the first one stays": _is_in(stage, 1, session),
        }
    return judge("a second device with the same grant", claims)


def borrowed_mac(stage: WifiStage, tell: TELL) -> Finding:
    """A station with the customer's MAC address and without its key."""
    (kai,) = stage.open_accounts("kai")
    thief, supplicant = stage.air.station(4), stage.supplicant(4)
    with customer(stage, 1, kai) as session:
        victim = stage.air.station(1)
        access_point = serving(stage, session)
        wait_for_slice(access_point, session.grant, victim.mac)
        before = session_of(access_point, session.grant)
        credentials = issued(
            stage.folder / "forged" / "thief", PrivateKey.generate(), stage.keys["operator"].public
        )
        supplicant.borrow_mac(thief.namespace, victim.mac)
        try:
            joined = tries_to_join(stage, 4, credentials)
        finally:
            supplicant.borrow_mac(thief.namespace, thief.mac)
        after = session_of(access_point, session.grant)
        tell(f"the thief is {'LET IN' if joined else 'refused'}")
        claims = {
            "who has only the address is refused": not joined,
            "the customer keeps its session": before is not None and after is not None,
            "and reaches the world": _reaches_world(victim),
        }
    return judge("a borrowed MAC address", claims)


def leaves_without_a_word(stage: WifiStage, tell: TELL) -> Finding:
    """A radio that goes out of range: slice and use end by themselves, and the grant serves another device of its
    owner.
    """
    (lea,) = stage.open_accounts("lea")
    station = stage.air.station(1)
    with stage.buy(1, lea, UNITS) as session:
        access_point = serving(stage, session)
        wait_for_slice(access_point, session.grant, station.mac)
        began = time.monotonic()
        _set_range(station, 2)
        try:
            wait_for_no_slice(access_point, session.grant, 120.0)
            took_s = time.monotonic() - began
            tell(f"noticed after {took_s:.0f} s")
            wait_until(
                lambda: time.monotonic() - began > SILENT_AFTER_S + 2, "the silence", SILENT_AFTER_S + 10
            )
            credentials = issued(stage.folder / "forged" / "own", lea.key, stage.keys["operator"].public)
            joined = tries_to_join(stage, 4, credentials)
            tell(f"the owner's other device is {'let in' if joined else 'REFUSED'}")
            if joined:
                _leave(stage, 4)
        finally:
            _set_range(station, 1)
            station.namespace.call(session.leave)
    wait_for_no_slice(access_point, session.grant)
    claims = {"the grant serves the owner's other device": joined}
    return judge("a station that leaves without a word", claims, "", Measured("noticed after", took_s, "s"))


def false_disconnects(stage: WifiStage, tell: TELL) -> Finding:
    """RFC 5176 with the wrong secret, with an old stamp, and a right one that is sent again later."""
    (max_,) = stage.open_accounts("max")
    with customer(stage, 1, max_) as session:
        station = stage.air.station(1)
        access_point = serving(stage, session)
        wait_for_slice(access_point, session.grant, station.mac)
        box, now_s = access_point.name, int(time.time())
        session_id = _session_id(stage, session)
        wrong = disconnect_request(b"not the secret at all", box, station.mac, session_id, at_s=now_s)
        old = disconnect_request(SECRET.encode(), box, station.mac, session_id, at_s=now_s - 3_600)
        # As operatord sends one before accounting has told it the session, kept by somebody past the box's window.
        nameless = disconnect_request(SECRET.encode(), box, station.mac, "", at_s=now_s - 2 * DAS_WINDOW_S)
        claims = {
            "with the wrong secret: no answer": _send(stage, access_point.box.v4.ip, wrong) is None,
            "with an old stamp: no answer": _send(stage, access_point.box.v4.ip, old) is None,
            "with an old stamp and no session's name: no answer": _send(
                stage, access_point.box.v4.ip, nameless
            )
            is None,
            "the customer is still in": _is_in(stage, 1, session),
        }
        right = disconnect_request(SECRET.encode(), box, station.mac, session_id, at_s=now_s)
        with (
            access_point.hostapd.control(access_point.box.interface) as hostapd,
            stage.supplicant(1).control() as control,
        ):
            pin(control, access_point.box.bssid)
            since = hostapd.mark()
            claims["the right one is obeyed"] = _send(stage, access_point.box.v4.ip, right) == ACK
            control.order("DISCONNECT")
            out_since = time.monotonic()
            wait_until(lambda: time.monotonic() > out_since + FORGETS_S, "hostapd forgets it", FORGETS_S + 5)
            control.order("RECONNECT")
            hostapd.wait_for(f"AP-STA-CONNECTED {station.mac}", 40.0, since=since)
        wait_for_slice(access_point, session.grant, station.mac)
        tell("thrown out by the right one, and back")
        again = _send(stage, access_point.box.v4.ip, right)
        claims["sent again, it is refused: that session is over"] = again == NAK
        claims["and the customer stays"] = _is_in(stage, 1, session)
    return judge("wrong and replayed Disconnects", claims, f"the second one was answered by {again}")


def flood_of_purchases(stage: WifiStage, tell: TELL) -> Finding:
    """A thousand bogus purchases a second from ever new addresses, while a customer uses what it paid for."""
    (nia,) = stage.open_accounts("nia")
    with customer(stage, 1, nia) as session:
        access_point = serving(stage, session)
        wait_for_slice(access_point, session.grant, stage.air.station(1).mac)
        quiet_bps = rate_bps(push(stage, 1, "down"))
        before, heard = resident_bytes(access_point.apd), access_point.status()["air"]["purchases_heard"]
        sent = _start_flood(stage, 4, access_point.box.bssid)
        flooded_bps = rate_bps(push(stage, 1, "down"))
        count = int(sent.wait_for_line(r"^sent (\d+)$", FLOOD_S + 30)[1])
        sent.wait(10)
        growth = resident_bytes(access_point.apd) - before
        heard = access_point.status()["air"]["purchases_heard"] - heard
        tell(
            f"{count} bogus purchases; the daemon grew by {growth / 1e6:.1f} MB; rate {flooded_bps / 1e6:.2f} Mbit/s"
        )
        floor, ceiling = UNITS * UNIT.floor_down_bps, UNITS * UNIT.ceil_down_bps
        claims = {
            "the flood was one (more than 100 frames a second)": count > 100 * FLOOD_S,
            "the daemon's memory is bounded (8 MB)": growth < MAX_GROWTH_BYTES,
            "few are looked at": heard < count,
            "the customer keeps its rate": within(flooded_bps, floor, ceiling),
            "and its session": _is_in(stage, 1, session),
        }
    return judge(
        "a flood of bogus purchases",
        claims,
        "",
        Measured("bogus purchases sent", count, ""),
        Measured("growth of the daemon", growth / 1e6, "MB"),
        Measured("the customer's rate before", quiet_bps / 1e6, "Mbit/s"),
        Measured("the customer's rate in the flood", flooded_bps / 1e6, "Mbit/s"),
    )


# ---- Trying and looking


def _leave(stage: WifiStage, number: int) -> None:
    with stage.supplicant(number).control() as control:
        leave(control)


def _is_in(stage: WifiStage, number: int, session: Session) -> bool:
    """Whether the customer has its slice, and the world answers."""
    station = stage.air.station(number)
    found = session_of(serving(stage, session), session.grant)
    return found is not None and found["station"] == station.mac and _reaches_world(station)


def _reaches_world(station: Station) -> bool:
    return ping_once(station.namespace, str(WORLD_V4.ip), deadline_s=5) > 0


def _session_id(stage: WifiStage, session: Session) -> str:
    """Acct-Session-Id, once the operator has heard of it."""

    def known() -> str:
        uses = stage.operator_status()["uses"]
        found = [use["session_id"] for use in uses if use["grant"] == session.grant.grant_id.hex()]
        return found[0] if found else ""

    wait_until(lambda: bool(known()), "accounting of the session", 20.0)
    return known()


def _send(stage: WifiStage, address: object, packet: bytes) -> int | None:
    return stage.air.operator.call(lambda: send_to_das(str(address), packet))


def _set_range(station: Station, group: int) -> None:
    """Radios hear only those of their own group (mac80211_hwsim's debugfs)."""
    Path(f"/sys/kernel/debug/ieee80211/{station.radio.phy}/hwsim/group").write_text(f"{group}\n")


def _start_flood(stage: WifiStage, number: int, bssid: str) -> Child:
    station = stage.air.station(number)
    if "flood0" not in station.namespace.run(["iw", "dev"]):
        station.namespace.run(
            ["iw", "dev", station.interface, "interface", "add", "flood0", "type", "monitor"]
        )
        station.namespace.ip("link set flood0 up")
    words = [sys.executable, "-m", "lab.wifi.forging", "flood0", bssid, str(FLOOD_S)]
    child = stage.household.start("flood", words, namespace=station.namespace)
    child.wait_for_line("^flooding", 30.0)
    return child
