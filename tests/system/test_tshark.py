"""What we send over the air, as Wireshark dissects it: every element found with its values, no complaint."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from nas_tunnel.advice_of_charge import format_offer
from nas_tunnel.anqp import ADVICE_OF_CHARGE, NO_OFFER, VENDOR, answer_id, write_element
from tests.nas_tunnel.air import (
    BEACON_ELEMENT,
    GOLDEN,
    OFFER,
    OFFER_RESPONSE,
    TRANSACTION_ID,
    beacon,
    request,
    response,
    story,
    write_pcap,
)

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed: run lab/set-up.sh"),
]
CAPTURES = Path(__file__).parents[1] / "nas_tunnel" / "captures"
ABOUT_THE_VIRTUAL_RADIO = "No preamble length information was available, assuming short preamble."
PROBE_REQUEST = "wlan.fc.type_subtype == 4"
"""The kernel's own, with an extension of Wi-Fi 7 that this version does not know."""
COMPLAINTS = ("Expert Info", "Malformed", "Unknown length", "Undecoded", "Warning")


def tshark(folder: Path, frames: list[bytes], *options: str) -> str:
    capture = folder / "air.pcap"
    capture.write_bytes(write_pcap(frames))
    return run_tshark(capture, *options)


def run_tshark(capture: Path, *options: str) -> str:
    command = ["tshark", "-r", str(capture), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def complaints(folder: Path, frames: list[bytes]) -> list[str]:
    lines = tshark(folder, frames, "-V").splitlines()
    assert len(lines) > 20 * len(frames), "nothing was dissected"
    return [line.strip() for line in lines if any(complaint in line for complaint in COMPLAINTS)]


def fields(folder: Path, frames: list[bytes], *names: str) -> list[list[str]]:
    """A row for each frame, of each field's values with commas between them."""
    options = [option for name in names for option in ("-e", name)]
    shown = tshark(folder, frames, "-T", "fields", *options)
    return [line.split("\t") for line in shown.splitlines()]


def test_nothing_to_complain_about(tmp_path: Path) -> None:
    assert complaints(tmp_path, story()) == []


def test_a_shop_that_is_closed_gives_nothing_to_complain_about(tmp_path: Path) -> None:
    """Elements that were emptied, as they cannot be removed."""
    closed = write_element(VENDOR, NO_OFFER) + write_element(ADVICE_OF_CHARGE, b"")
    assert complaints(tmp_path, [response(closed, 1)]) == []


def test_nothing_to_complain_about_in_what_stock_programs_sent() -> None:
    """tests/nas_tunnel/captures/README.md says how it was recorded."""
    shown = run_tshark(CAPTURES / "gas_purchase.pcapng", "-V", "-Y", f"not {PROBE_REQUEST}")
    assert shown.count("Query Response Length: ") == shown.count("Query Request Length: ") + 2 == 9, (
        "two are fragments"
    )
    noticed = [
        line.strip() for line in shown.splitlines() if any(complaint in line for complaint in COMPLAINTS)
    ]
    about_the_radio = f"[Expert Info (Warning/Assumption): {ABOUT_THE_VIRTUAL_RADIO}]"
    assert set(noticed) == {about_the_radio, "[Severity level: Warning]"}


def test_a_complaint_would_be_noticed(tmp_path: Path) -> None:
    cut = write_element(VENDOR, b"\x02AG\x01")[:-1]
    assert complaints(tmp_path, [response(cut, 1)]) != []
    assert complaints(tmp_path, [beacon(BEACON_ELEMENT[:-1])]) != []


def test_the_order_of_our_queries_is_for_wireshark(tmp_path: Path) -> None:
    """It reads three octets past a vendor element of an OUI that it does not know, whoever sent it: when this fails, it
    has been mended, and an offer may be asked for alone again.
    """
    nobody = write_element(VENDOR, bytes.fromhex("0090f0") + b"nothing of ours")
    assert any("Malformed" in line for line in complaints(tmp_path, [response(nobody, 1)]))
    assert complaints(tmp_path, [response(nobody + write_element(299, b""), 1)]) == []


def test_elements_are_found_with_their_ids(tmp_path: Path) -> None:
    answers = str(answer_id(TRANSACTION_ID))
    rows = fields(
        tmp_path, story()[:7], "wlan.fixed.publicact", "wlan.fixed.anqp.info_id", "wlan.fixed.anqp.query_id"
    )
    assert rows == [
        ["", "", ""],
        ["0x0a", "256", "56797,278"],
        ["0x0b", "56797,278", ""],
        ["0x0a", "56797,256", "56797,278"],
        ["0x0b", "56797,278", ""],
        ["0x0a", "256", f"{answers},299"],
        ["0x0b", f"{answers},299", ""],
    ]


def test_advice_of_charge_is_read_as_it_was_meant(tmp_path: Path) -> None:
    shown = tshark(tmp_path, story()[2:3], "-T", "json")
    (frame,) = json.loads(shown)
    text = json.dumps(frame)
    assert "XXX" in text
    assert format_offer(OFFER) in text


def test_the_beacon_element_is_a_vendor_element_of_our_oui(tmp_path: Path) -> None:
    ((oui, kind, data),) = fields(
        tmp_path, [beacon(BEACON_ELEMENT)], "wlan.tag.oui", "wlan.tag.vendor.oui.type", "wlan.tag.vendor.data"
    )
    assert (int(oui), int(kind), data) == (0x024147, 4, BEACON_ELEMENT[5:].hex())


def test_fragments_are_put_together(tmp_path: Path) -> None:
    """By Wireshark from what hostapd would have sent: the answer is found in the last frame."""
    rows = fields(tmp_path, story(), "wlan.fixed.publicact", "wlan.fixed.anqp.info_id")
    assert rows[-1] == ["0x0d", str(answer_id(TRANSACTION_ID))]


def test_every_carriage_was_looked_at(tmp_path: Path) -> None:
    """So that a new element does not go unjudged: what the story holds is what the codecs write."""
    everything = b"".join(story())
    for name in ("offer", "network", "allocate", "receipt", "grant"):
        assert GOLDEN[name] in everything
    assert OFFER_RESPONSE in everything
    assert complaints(tmp_path, [request(write_element(256, b"\xdd\xdd"), 1)]) == []
