"""Captures of cells and cores that our tests make, as Wireshark dissects them: our NAS is found, no complaint."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nas_tunnel.cell_link import RAW_IP, USER_LINKS, Form
from nas_tunnel.link import COOKED, COOKED_2, ETHERNET
from nas_tunnel.sightings import Frame, Witness
from tests.nas_tunnel.air import write_pcap
from tests.nas_tunnel.core_air import NGAP_EXAMPLES, S1AP_EXAMPLES, ngap_downlink, s1ap_downlink
from tests.nas_tunnel.core_capture import (
    attach_messages,
    cooked,
    eap_messages,
    n2_story,
    s1_story,
    warning_story,
)
from tests.nas_tunnel.eap_world import World
from tests.wire.examples import UTC_S
from wire.warning_id import AIRGRANT

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed: run lab/set-up.sh"),
]
CAPTURES = Path(__file__).parents[1] / "nas_tunnel" / "captures"
COMPLAINTS = ("Expert Info", "Malformed", "Unknown", "Undecoded", "Warning/", "Bad checksum")
EXPECTED = (
    "Mobile Country Code (MCC)",
    "Mobile Network Code (MNC)",
    "EAP-EXT Vendor Id",
    f"MessageIdentifier: Unknown ({AIRGRANT})",
    "messageIdentifier: Unknown",
    "EPS mobile identity",
    "MCC",
    "[Association",
)
"""Wireshark has no name for the test network 001 01, our vendor number, nor an identifier outside of public warning."""


def dissect(folder: Path, frames: list[bytes], link_type: int, *options: str) -> str:
    capture = folder / "core.pcap"
    capture.write_bytes(write_pcap(frames, link_type))
    command = ["tshark", "-r", str(capture), "-o", "sctp.checksum:crc-32c", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def complaints(dissected: str) -> list[str]:
    lines = [line.strip() for line in dissected.splitlines()]
    return [
        line for line in lines if any(word in line for word in COMPLAINTS) and not line.startswith(EXPECTED)
    ]


STORIES = {
    "n2": (n2_story(), ETHERNET),
    "n2 in fragments over IPv6": (
        n2_story(World(max_packet_bytes=244), is_ipv6=True, max_chunk_bytes=100),
        ETHERNET,
    ),
    "n2 cooked": ([cooked(frame) for frame in n2_story()], COOKED),
    "n2 cooked, version 2": ([cooked(frame, 2) for frame in n2_story()], COOKED_2),
    "n2 in bare IP": ([frame[14:] for frame in n2_story()], RAW_IP),
    "s1": (s1_story(), ETHERNET),
    "warnings": (warning_story(), ETHERNET),
}


@pytest.mark.parametrize("name", STORIES)
def test_nothing_to_complain_about(tmp_path: Path, name: str) -> None:
    frames, link_type = STORIES[name]
    dissected = dissect(tmp_path, frames, link_type, "-V")
    assert complaints(dissected) == []
    assert dissected.count("Stream Control Transmission Protocol") == len(frames)


def test_nothing_to_complain_about_in_a_real_capture() -> None:
    """tests/nas_tunnel/captures/README.md says how it was recorded; after EAP-Success NAS is ciphered."""
    command = ["tshark", "-r", str(CAPTURES / "n2_purchase.pcapng"), "-V", "-Y", "frame.number < 15"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert complaints(shown) == []
    assert shown.count("EAP-EXT Vendor Id: Unknown (0x24147)") == 4


def test_a_complaint_would_be_noticed(tmp_path: Path) -> None:
    (frame,) = warning_story()[:1]
    assert complaints(dissect(tmp_path, [frame[:-1] + bytes((frame[-1] ^ 1,))], ETHERNET, "-V")) != []


def test_wireshark_finds_the_same_nas(tmp_path: Path) -> None:
    """All of ours, put together from fragments, with both names of the UE."""
    world = World(max_packet_bytes=244)
    frames = n2_story(world, max_chunk_bytes=100)
    shown = dissect(
        tmp_path, frames, ETHERNET, "-T", "fields", "-e", "ngap.NAS_PDU", "-e", "ngap.RAN_UE_NGAP_ID"
    )
    rows = [line.split("\t") for line in shown.splitlines() if line.strip()]
    assert [row[0].replace(":", "") for row in rows] == [nas.hex() for _, nas in eap_messages(world)]
    assert {row[1] for row in rows} == {"1"}
    lte = dissect(tmp_path, s1_story(), ETHERNET, "-T", "fields", "-e", "s1ap.NAS_PDU")
    assert [line.replace(":", "") for line in lte.splitlines()] == [nas.hex() for _, nas in attach_messages()]


def test_the_exchange_is_eap_to_wireshark_too(tmp_path: Path) -> None:
    dissected = dissect(tmp_path, n2_story(), ETHERNET, "-V")
    assert dissected.count("EAP-EXT Vendor Id: Unknown (0x24147)") == 4
    assert dissected.count("Code: Success (3)") == 1


def test_the_warning_is_what_we_say(tmp_path: Path) -> None:
    names = ["ngap.MessageIdentifier", "ngap.SerialNumber", "s1ap.MessageIdentifier", "s1ap.SerialNumber"]
    options = [option for name in names for option in ("-e", name)]
    rows = [
        line.split("\t")
        for line in dissect(tmp_path, warning_story(), ETHERNET, "-T", "fields", *options).splitlines()
    ]
    found = [re.sub("[:.]", "", value) for row in rows for value in row if value]
    assert len(found) == 4
    assert len(set(found)) == 2


PDUS = {
    Form.NGAP: [ngap_downlink(1, 2, nas) for up, nas in eap_messages(World().run()) if not up],
    Form.S1AP: [s1ap_downlink(1, 2, nas) for up, nas in attach_messages() if not up],
    Form.NAS_5GS: [nas for _, nas in eap_messages(World().run())],
    Form.NAS_EPS: [nas for _, nas in attach_messages()],
}


@pytest.mark.parametrize("number", USER_LINKS)
def test_what_srsran_writes(tmp_path: Path, number: int) -> None:
    """Link types for private use, with Wireshark told what they have, as the manuals of srsRAN say."""
    form = USER_LINKS[number]
    frames = PDUS[form]
    row = f'uat:user_dlts:"User {number - 147} (DLT={number})","{form.value}","0","","0",""'
    dissected = dissect(tmp_path, frames, number, "-V", "-o", row)
    assert complaints(dissected) == []
    assert dissected.count("Non-Access-Stratum") >= len(frames)
    witness = Witness()
    seen = [one for frame in frames for one in witness.see(Frame(1, UTC_S * 10**9, number, frame))]
    assert seen


@pytest.mark.parametrize("form", [Form.NGAP, Form.S1AP])
def test_every_pdu_of_the_vectors(tmp_path: Path, form: Form) -> None:
    examples = NGAP_EXAMPLES if form is Form.NGAP else S1AP_EXAMPLES
    number = next(number for number, known in USER_LINKS.items() if known is form)
    row = f'uat:user_dlts:"User {number - 147} (DLT={number})","{form.value}","0","","0",""'
    for name, example in examples.items():
        if "largest" in name or "pieces" in name:
            continue  # of zeros, which are neither NAS nor a warning
        assert complaints(dissect(tmp_path, [example.encoded], number, "-V", "-o", row)) == [], name
