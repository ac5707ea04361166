"""The figures of the Wi-Fi path, measured in the guest: `python -m lab.wifi.measure FILE` writes them as JSON.

joining      the same station by a passphrase, by EAP-TLS and by EAP-TTLS at a FreeRADIUS for comparison, in turns
buying       the same station from the offer seen to the slice, in turns with joining by the passphrase offers
from a new offer on the ledger to the ANQP answer that has it a flood      what a daemon and a customer notice of it;
what tshark says about every frame with an element of ours

Everything in one run, in turns: an emulated machine is slow and uneven, ratios hold. Units: seconds unless named.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from device.events import ShowOffer
from device.library import Over
from lab.certificates import Authority, new_key
from lab.processes import Household
from lab.wifi import hostile
from lab.wifi.air import OPERATOR_V4, wifi_air
from lab.wifi.capture import capture, look
from lab.wifi.hostapd import Bss, PaidBss, PskBss, RadiusServer, radius_lines, start_hostapd
from lab.wifi.journeys import serving, wait_for_no_slice, wait_for_slice
from lab.wifi.radius import start_freeradius, write_comparison
from lab.wifi.stage import SSID, WifiStage, set_wifi_stage, terms
from lab.wifi.supplicant import ask_anqp, eap_tls, eap_ttls, join, leave, psk, scan, start_supplicant
from nas_tunnel.anqp import VENDOR, read_air_offer, read_elements, write_offer_query
from wire.cose import read_envelope
from wire.offer import MAX_OFFER_BYTES, parse_offer

JOINS, JOURNEYS, OFFERS = 12, 12, 8
KNOWN_SSID, PASSPHRASE = "known", "everybody knows it"
SECRET = "0123456789abcdef"  # noqa: S105 - of a lab that ends with its run
Tell = Callable[[str], None]
Series = dict[str, list[float]]


def compare_joins(folder: Path, tell: Tell) -> Series:
    """Seconds from SELECT_NETWORK to the last key, by way."""
    found: Series = {"psk": [], "tls": [], "ttls": []}
    with wifi_air(1, 1) as air, Household(folder / "logs") as household:
        authority = Authority.create(folder / "pki")
        address = str(OPERATOR_V4.ip)
        server = authority.issue_server("radius", ["radius"])
        write_comparison(folder / "radius", address, SECRET, server, [("bob", "builder")])
        start_freeradius(household, air.operator, folder / "radius")
        bsses: list[tuple[str, Bss]] = [
            ("wlan0", PaidBss("campus", radius_lines(RadiusServer(address, SECRET), "box1"))),
            ("psk0", PskBss(KNOWN_SSID, PASSPHRASE)),
        ]
        start_hostapd(household, air.box(1).namespace, folder, bsses)
        mine = authority.issue_client("me", new_key())
        ways = {
            "psk": psk(KNOWN_SSID, PASSPHRASE),
            "tls": eap_tls("campus", mine.certificate, mine.key, mine.authority),
            "ttls": eap_ttls("campus", "bob", "builder", mine.authority),
        }
        with start_supplicant(household, air.station(1).namespace, folder, "sta1").control() as control:
            for number in range(JOINS):
                tell(f"joining by three ways, {number + 1} of {JOINS}")
                for name, network in ways.items():
                    scan(control, network["ssid"].strip('"'))
                    found[name].append(join(control, network))
                    leave(control)
    return found


def journeys(stage: WifiStage, tell: Tell) -> Series:
    """Seconds to the slice, from the first look and from the offer seen; and those of the passphrase beside it."""
    found: Series = {"looked": [], "seen": [], "psk_looked": [], "psk_seen": []}
    station = stage.air.station(1)
    for number in range(JOURNEYS):
        tell(f"journey {number + 1} of {JOURNEYS}")
        (wallet,) = stage.open_accounts(f"traveller{number}")
        seen: list[float] = []
        began = time.monotonic()
        with stage.buy(1, wallet, 1, Over.AIR, partial(_note, seen)) as session:
            access_point = serving(stage, session)
            wait_for_slice(access_point, session.grant, station.mac)
            done = time.monotonic()
            station.namespace.call(session.leave)
        found["looked"].append(done - began)
        found["seen"].append(done - seen[0])
        with stage.supplicant(1).control() as control:
            began = time.monotonic()
            control.ask("BSS_FLUSH 0")
            since = control.mark()
            control.order("SCAN")
            control.wait_for("CTRL-EVENT-SCAN-RESULTS", 20.0, since=since)
            scanned = time.monotonic()
            found["psk_seen"].append(join(control, psk(KNOWN_SSID, PASSPHRASE)))
            found["psk_looked"].append(scanned - began + found["psk_seen"][-1])
            leave(control)
        wait_for_no_slice(access_point, session.grant)
    return found


def _note(seen: list[float], told: object) -> None:
    if isinstance(told, ShowOffer) and not seen:
        seen.append(time.monotonic())


def offer_changes(stage: WifiStage, tell: Tell) -> Series:
    """Until the end of the first ANQP answer that has a new offer: from the ledger's receipt for it, and from the
    moment at which the broker delivered it, to us as to the box.
    """
    found: Series = {"receipt": [], "delivery": []}
    bssid = stage.access_point().box.bssid
    with stage.supplicant(2).control() as control, _delivered(stage) as delivered:
        scan(control, SSID)
        for number in range(OFFERS):
            tell(f"offer {number + 1} of {OFFERS}")
            duration_s = 300 + number
            delivered.clear()
            stage.bank.submit([(terms(duration_s), stage.keys["box1"])])
            began = time.monotonic()
            while _announced(ask_anqp(control, bssid, write_offer_query())) != duration_s:
                if time.monotonic() - began > 10:
                    raise TimeoutError("the offer never came")
            ended = time.monotonic()
            found["receipt"].append(ended - began)
            found["delivery"].append(ended - delivered[0])
    return found


@contextmanager
def _delivered(stage: WifiStage) -> Iterator[list[float]]:
    """When offers came from the broker, heard by a client of its own."""
    heard: list[float] = []
    client: Any = paho.Client(callback_api_version=CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.tls_set_context(stage.bank.identity.client_context())
    client.on_message = lambda *_: heard.append(time.monotonic())
    client.on_connect = lambda this, *_: this.subscribe("airgrant/v1/offer/#", qos=1)
    ready = threading.Event()
    client.on_subscribe = lambda *_: ready.set()
    stage.air.operator.call(lambda: client.connect(*stage.bank.broker))
    client.loop_start()
    try:
        ready.wait(10)
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


def _announced(response: bytes) -> int:
    air = read_air_offer(read_elements(response)[VENDOR])
    return parse_offer(read_envelope(air.offer, MAX_OFFER_BYTES)).allocation_duration_s


def main(out: Path) -> None:
    """Measures everything and writes it."""

    def tell(text: str) -> None:
        print(text, flush=True)

    folder = Path("/run/measure")
    joins = compare_joins(folder, tell)
    beside: list[tuple[str, Bss]] = [("psk0", PskBss(KNOWN_SSID, PASSPHRASE, bridge="br0"))]
    logs = out.with_suffix(".logs")
    with set_wifi_stage(logs, tell, boxes=1, duration_s=300, beside=beside) as stage:
        file = Path("/run/measure/radio.pcapng")
        with capture(stage.household, file):
            travelled = journeys(stage, tell)
            changes = offer_changes(stage, tell)
        seen = look(file)
        flood = hostile.flood_of_purchases(stage, tell)
    measured = {
        "joins": joins,
        "journeys": travelled,
        "offer_changes": changes,
        "flood": {number.what: number.value for number in flood.numbers},
        "frames": seen.ours,
        "complaints": list(seen.complaints),
    }
    out.write_text(json.dumps(measured, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
