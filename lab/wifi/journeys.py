"""Honest customers on virtual radios: buying over ANQP and over the lobby, rates on the wire, the ends of a grant,
roaming.

Each function plays one scenario on a stage that is set and returns what it found; none leaves a session behind. Rates
are those of UDP payload, pushed at more than the ceiling, as the receiver counted them.

Units: IP bits per second, seconds.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from device.library import Over, Session, Way, rejoin
from device.wallet import Wallet
from lab.processes import wait_until
from lab.traffic import RunningStream, Stream, ping_once
from lab.wifi.finding import Finding, Measured, judge
from lab.wifi.forging import Credentials, issued
from lab.wifi.stage import LOBBY_SSID, SSID, UNIT, AccessPoint, WifiStage
from lab.wifi.supplicant import add_network, eap_tls, pin, scan
from lab.world import WORLD_V4, WORLD_V6
from wire.errors import ShellError
from wire.grant import Grant

UNITS = 2
PUSH = 3
"""Times the ceiling is what is pushed."""
STREAM_S = 6.0
HEADERS = (1_400 + 28) / 1_400
"""IP and UDP headers over the payload that iperf3 counts."""
FLOOR_SLACK, CEILING_SLACK = 0.10, 0.05
"""What emulation costs: the clock of an emulated processor stutters. On a real machine the demo allows 2 % each."""
END_DEADLINE_S = 30.0
ATTEMPT_S = 12.0
TELL = Callable[[str], None]


def serving(stage: WifiStage, session: Session) -> AccessPoint:
    """The access point at which a session is."""
    return next(each for each in stage.access_points if each.box.bssid == str(session.bssid))


def session_of(access_point: AccessPoint, grant: Grant) -> dict[str, Any] | None:
    """The daemon's active session of this grant."""
    for session in access_point.status()["sessions"]:
        if session["grant"] == grant.grant_id.hex() and session["phase"] == "active":
            found: dict[str, Any] = session
            return found
    return None


def wait_for_slice(access_point: AccessPoint, grant: Grant, station: str, deadline_s: float = 20.0) -> None:
    """Until the grant's slice is that station's."""

    def there() -> bool:
        session = session_of(access_point, grant)
        return session is not None and session["station"] == station

    access_point.apd.wait_for(there, f"a slice for {station}", deadline_s)


def wait_for_no_slice(access_point: AccessPoint, grant: Grant, deadline_s: float = END_DEADLINE_S) -> None:
    access_point.apd.wait_for(
        lambda: session_of(access_point, grant) is None, "the end of the slice", deadline_s
    )


@contextmanager
def customer(stage: WifiStage, number: int, wallet: Wallet, over: Over = Over.AIR) -> Iterator[Session]:
    """Station `number` has bought and is in, with addresses; it leaves when the block ends."""
    station = stage.air.station(number)
    with stage.buy(number, wallet, UNITS, over) as session:
        try:
            station.take_addresses()
            yield session
        finally:
            station.namespace.call(session.leave)


def enter_lobby(stage: WifiStage, number: int) -> None:
    """Station `number` joins the open BSS, as a phone that was told of it would."""
    with stage.supplicant(number).control() as control:
        bssid = scan(control, LOBBY_SSID)
        network = {"ssid": f'"{LOBBY_SSID}"', "key_mgmt": "NONE", "bssid": bssid}
        since = control.mark()
        control.order(f"SELECT_NETWORK {add_network(control, network)}")
        control.wait_for("CTRL-EVENT-CONNECTED", 20.0, since=since)


def push(stage: WifiStage, number: int, direction: str, lasting_s: float = STREAM_S) -> RunningStream:
    """UDP at thrice the ceiling, through the slice of station `number`."""
    ceil_bps = UNITS * (UNIT.ceil_down_bps if direction == "down" else UNIT.ceil_up_bps)
    name = f"sta{number}-{direction}"
    stream = Stream(name, direction, "udp", lasting_s, PUSH * ceil_bps)  # type: ignore[arg-type]
    return stage.servers.start_stream(stage.air.station(number).namespace, stream)


def rate_bps(running: RunningStream) -> float:
    """IP bits per second that arrived, the first second left out: a burst is no rate."""
    report = running.finish()
    rows = [row for row in report.rows if row.t_s >= 1.0 and row.duration_s > 0.3]
    if not rows:
        raise ShellError(running.stream.name, "nothing arrived")
    return (
        HEADERS * sum(row.payload_bps * row.duration_s for row in rows) / sum(row.duration_s for row in rows)
    )


def within(rate: float, floor: int, ceiling: int) -> bool:
    return floor * (1 - FLOOR_SLACK) <= rate <= ceiling * (1 + CEILING_SLACK)


def three_buy(stage: WifiStage, tell: TELL) -> Finding:
    """Two over ANQP before they associate, one in the open lobby; all join by EAP-TLS and get their rates at once."""
    ada, ben, cai = stage.open_accounts("ada", "ben", "cai")
    enter_lobby(stage, 3)
    began = time.monotonic()
    claims: dict[str, bool] = {}
    numbers = []
    with customer(stage, 1, ada) as first:
        numbers.append(Measured("ada: offer looked for, bought, joined", time.monotonic() - began, "s"))
        tell(f"ada bought over ANQP and joined {first.bssid} in {numbers[0].value:.1f} s")
        with customer(stage, 2, ben), customer(stage, 3, cai, Over.LOBBY) as third:
            tell(f"ben bought over ANQP; cai in the lobby, and joined {third.bssid}")
            claims["cai joined the paid network by EAP-TLS"] = third.network is not None
            for number, name in ((1, "ada"), (2, "ben"), (3, "cai")):
                namespace = stage.air.station(number).namespace
                for address in (WORLD_V4, WORLD_V6):
                    claims[f"{name} reaches {address.ip}"] = (
                        ping_once(namespace, str(address.ip), deadline_s=5) > 0
                    )
            for direction, floor, ceiling in (
                ("down", UNIT.floor_down_bps, UNIT.ceil_down_bps),
                ("up", UNIT.floor_up_bps, UNIT.ceil_up_bps),
            ):
                running = [
                    (name, push(stage, n, direction)) for n, name in ((1, "ada"), (2, "ben"), (3, "cai"))
                ]
                for name, stream in running:
                    rate = rate_bps(stream)
                    numbers.append(Measured(f"{name} {direction}link, all pushing", rate / 1e6, "Mbit/s"))
                    claims[f"{name} {direction}link within floor and ceiling ({rate / 1e6:.2f} Mbit/s)"] = (
                        within(rate, UNITS * floor, UNITS * ceiling)
                    )
                tell(f"{direction}link measured for all three at once")
    return judge("two buy over ANQP, one in the lobby", claims, "", *numbers)


def time_is_up(stage: WifiStage, tell: TELL) -> Finding:
    """A short grant: at its end the slice is gone, the station is thrown out, and accounting stops."""
    (dora,) = stage.open_accounts("dora")
    stage.post(25)
    try:
        with stage.buy(1, dora, UNITS) as session:
            station, there = stage.air.station(1), serving(stage, session)
            with there.hostapd.control(there.box.interface) as hostapd:
                since = hostapd.mark()
                wait_for_slice(there, session.grant, station.mac)
                hostapd.wait_for(f"AP-STA-DISCONNECTED {station.mac}", 60.0, since=since)
            wait_for_no_slice(there, session.grant)
            late_s = time.time() - session.ends_s
            _wait_for_stop(stage, session.grant)
            tell(f"thrown out {late_s:+.1f} s from the end that was paid for")
            station.namespace.call(session.leave)
        claims = {
            "the session ended at the time that was paid for (within 5 s)": -2 < late_s < 5,
            "the grant opens nothing afterwards": _is_refused(stage, 1, dora),
        }
    finally:
        stage.post(240)
    return judge("a grant ends by time", claims, "", Measured("end after the time paid for", late_s, "s"))


def revoked(stage: WifiStage, tell: TELL) -> Finding:
    """The provider takes a grant back in mid-session: the operator's Disconnect and the box's own end, at once."""
    (emil,) = stage.open_accounts("emil")
    with customer(stage, 1, emil) as session:
        access_point = serving(stage, session)
        station = stage.air.station(1)
        wait_for_slice(access_point, session.grant, station.mac)
        began, key = time.monotonic(), str(access_point.folder / "provider.pem")
        stage.operator("revoke", "--grant", session.grant.grant_id.hex(), "--provider-key", key)
        wait_for_no_slice(access_point, session.grant)
        took_s = time.monotonic() - began
        tell(f"revoked; the slice was gone after {took_s:.1f} s")
        _wait_for_stop(stage, session.grant)
        claims = {"nothing lets it in again": _is_refused(stage, 1, emil)}
    return judge(
        "revoked in mid-session", claims, "", Measured("revocation to the end of the slice", took_s, "s")
    )


def roams(stage: WifiStage, tell: TELL) -> Finding:
    """From one access point of the provider to the other and back, with one grant, its addresses, and one use of it."""
    (fay,) = stage.open_accounts("fay")
    station = stage.air.station(2)
    with customer(stage, 2, fay) as session:
        first = serving(stage, session)
        second = next(other for other in stage.access_points if other is not first)
        wait_for_slice(first, session.grant, station.mac)
        used = push(stage, 2, "down", 3.0).finish().received_payload_bytes
        gaps = []
        with stage.supplicant(2).control() as control:
            for target in (second, first):
                since = control.mark()
                began = time.monotonic()
                control.order(f"ROAM {target.box.bssid}")
                control.wait_for(
                    f"CTRL-EVENT-CONNECTED - Connection to {target.box.bssid}", 20.0, since=since
                )
                ping_once(station.namespace, str(WORLD_V4.ip), deadline_s=10)
                gaps.append(time.monotonic() - began)
                wait_for_slice(target, session.grant, station.mac)
                other = first if target is second else second
                wait_for_no_slice(other, session.grant)
                tell(f"at {target.name} after {gaps[-1]:.1f} s, with the same grant and addresses")
        status = stage.operator_status()
        uses = [use["box"] for use in status["uses"] if use["grant"] == session.grant.grant_id.hex()]
        claims = {
            "bytes went through before": used > 0,
            f"for the operator it is one use, at {first.name}": uses == [first.name],
        }
    seen = "" if uses == [first.name] else json.dumps(status)
    return judge("roaming between two access points", claims, seen, Measured("longest gap", max(gaps), "s"))


def another_mac(stage: WifiStage, tell: TELL) -> Finding:
    """A phone that takes another MAC address in the grant's time comes back by its key; the slice follows."""
    (gus,) = stage.open_accounts("gus")
    station, supplicant = stage.air.station(1), stage.supplicant(1)
    strange = "0e:11:22:33:44:55"
    with stage.buy(1, gus, UNITS) as session:
        access_point = serving(stage, session)
        wait_for_slice(access_point, session.grant, station.mac)
        station.namespace.call(session.leave)
    wait_for_no_slice(access_point, session.grant)
    supplicant.borrow_mac(station.namespace, strange)
    try:
        with station.namespace.call(
            lambda: rejoin(
                gus, Way(station.interface, Over.AIR, supplicant.socket.parent), session.encoded_grant
            )
        ) as again:
            access_point = serving(stage, again)
            wait_for_slice(access_point, session.grant, strange)
            station.take_addresses()
            claims = {
                "it reaches the world": ping_once(station.namespace, str(WORLD_V4.ip), deadline_s=5) > 0
            }
            tell(f"back as {strange}, without buying again")
            station.namespace.call(again.leave)
        wait_for_no_slice(access_point, session.grant)
    finally:
        supplicant.borrow_mac(station.namespace, station.mac)
    return judge("another MAC address within the grant's time", claims)


def reassociates(stage: WifiStage, tell: TELL) -> Finding:
    """Hostapd's counters start from zero at each association; ours and the bill do not."""
    (hal,) = stage.open_accounts("hal")
    station = stage.air.station(1)
    with customer(stage, 1, hal) as session:
        access_point = serving(stage, session)
        wait_for_slice(access_point, session.grant, station.mac)
        before = _count(
            access_point, session.grant, push(stage, 1, "down", 3.0).finish().received_payload_bytes
        )
        with (
            stage.supplicant(1).control() as control,
            access_point.hostapd.control(access_point.box.interface) as hostapd,
        ):
            counted = int(_sta(hostapd.ask(f"STA {station.mac}"), "tx_bytes"))
            since = control.mark()
            pin(control, access_point.box.bssid)
            control.order("REASSOCIATE")
            control.wait_for("CTRL-EVENT-CONNECTED", 20.0, since=since)
            wait_for_slice(access_point, session.grant, station.mac)
            stage.reassociated.add(session.grant.grant_id.hex())
            counted_after = int(_sta(hostapd.ask(f"STA {station.mac}"), "tx_bytes"))
        more = push(stage, 1, "down", 3.0).finish().received_payload_bytes
        after = _count(access_point, session.grant, before + more)
        tell(
            f"the driver counted {counted:,}, then {counted_after:,} bytes; the session {before:,}, then {after:,}"
        )
        claims = {
            "the driver's counter began again": counted_after < counted,
            "the session's did not": after >= before + more,
        }
    return judge("counters that reset on reassociation", claims)


def books_agree(stage: WifiStage, tell: TELL) -> Finding:
    """RADIUS accounting against the TPM-signed reports, for every grant of the run; and every report verifies."""
    stage.settle()
    said = stage.operator("reconcile", "--since", "1h", "--json", check=False)
    page = json.loads(said[said.index("{") :])
    checked = stage.verify_reports()
    tell(f"{len(page['grants'])} grants compared, {checked.verified} of {checked.count} records verified")
    wrong = [row for row in page["grants"] if not row["ok"]]
    unexplained = [row for row in wrong if row["grant"] not in stage.reassociated]
    claims = {
        f"accounting and signed reports agree for {page['judged'] - len(wrong)} grants": not unexplained,
        "what hostapd lost when a station reassociated is found": len(wrong) == len(stage.reassociated),
        "no meter has a complaint": not page["meters"],
        "grants were compared": page["judged"] > 0,
        f"every record verifies ({checked.count})": checked.verified == checked.count > 0,
    }
    odd = json.dumps(unexplained or page["meters"])[:600] if unexplained or page["meters"] else ""
    return judge("accounting agrees with the signed reports", claims, odd)


# ---- Trying and looking


FIRST_ATTEMPT = (
    "CTRL-EVENT-CONNECTED|CTRL-EVENT-EAP-FAILURE|CTRL-EVENT-ASSOC-REJECT|CTRL-EVENT-SSID-TEMP-DISABLED"
)
"""How the first attempt to join ended, in wpa_supplicant's words."""


def tries_to_join(stage: WifiStage, number: int, credentials: Credentials) -> bool:
    """Whether station `number` gets in with these at its first attempt. Raises ShellError if nobody was even asked.

    With a borrowed address it may end before EAP: hostapd asks the customer first whether it is still there (SA Query).
    """
    with stage.supplicant(number).control() as control:
        scan(control, SSID)
        network = eap_tls(SSID, credentials.certificate, credentials.key, credentials.authority)
        since = control.mark()
        control.order(f"SELECT_NETWORK {add_network(control, network)}")
        try:
            said = control.wait_for(FIRST_ATTEMPT, ATTEMPT_S, since=since)
        except ShellError:
            control.order("REMOVE_NETWORK all")
            if not any("CTRL-EVENT-EAP" in heard.text for heard in control.heard[since:]):
                raise
            return False
        if "CTRL-EVENT-CONNECTED" in said.text:
            return True
        control.order("REMOVE_NETWORK all")
        return False


def _uses(stage: WifiStage, grant: Grant) -> list[dict[str, Any]]:
    return [use for use in stage.operator_status()["uses"] if use["grant"] == grant.grant_id.hex()]


def _wait_for_stop(stage: WifiStage, grant: Grant) -> None:
    """Until the operator has no open accounting session of this grant."""

    def stopped() -> bool:
        return not any(use["live"] for use in _uses(stage, grant))

    wait_until(stopped, "accounting stops", END_DEADLINE_S)


def _is_refused(stage: WifiStage, number: int, wallet: Wallet) -> bool:
    """Whether the wallet's key opens nothing any more; a device would try for longer."""
    credentials = issued(
        stage.folder / "late" / str(wallet.account)[:8], wallet.key, stage.keys["operator"].public
    )
    return not tries_to_join(stage, number, credentials)


def _count(access_point: AccessPoint, grant: Grant, at_least: int) -> int:
    """The session's downlink bytes, once they are so many: the daemon reads its counters every few seconds."""

    def counted() -> int:
        session = session_of(access_point, grant)
        return int(session["down_bytes"]) if session is not None else 0

    access_point.apd.wait_for(lambda: counted() >= at_least, f"{at_least} bytes on the meter", 30.0)
    return counted()


def _sta(answer: str, name: str) -> str:
    for line in answer.splitlines():
        if line.startswith(f"{name}="):
            return line.partition("=")[2]
    raise ShellError("hostapd", f"STA says no {name}: {answer[:200]}")
