"""NAS and EAP as we write them, as Wireshark dissects them: every part found, no complaint."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from nas_tunnel.pco import Direction, OperatorUnit, write_operator_unit, write_options
from nas_tunnel.pco_purchase import UNIT, Have, write_container
from tests.nas_tunnel.air import write_pcap
from tests.nas_tunnel.cell_air import EXPORTED_PDU_LINK
from tests.nas_tunnel.eap_world import World
from tests.nas_tunnel.nas_examples import (
    ATTACH_REQUEST,
    EPS_EXAMPLES,
    EXAMPLES,
    LAB,
    OURS,
    SESSION,
)
from tests.wire.make_vectors import shown

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed: run lab/set-up.sh"),
]
COMPLAINTS = ("Expert Info", "Malformed", "Unknown", "Undecoded", "Warning/")
NAMES = ("Mobile Country Code (MCC)", "Mobile Network Code (MNC)", "EAP-EXT Vendor Id")
"""Wireshark has no name for the test network 001 01, nor for our vendor number: that is how it has to be."""


def export(dissector: str, message: bytes) -> bytes:
    """As Wireshark takes in what no link carries: the dissector's name, and what it is to dissect."""
    name = dissector.encode()
    padded = name.ljust(-(-len(name) // 4) * 4, b"\0")
    return struct.pack(">HH", 12, len(padded)) + padded + bytes(4) + message


def dissect(folder: Path, dissector: str, *messages: bytes) -> str:
    capture = folder / "nas.pcap"
    frames = [export(dissector, message) for message in messages]
    capture.write_bytes(write_pcap(frames, EXPORTED_PDU_LINK))
    command = ["tshark", "-r", str(capture), "-V"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def complaints(dissected: str) -> list[str]:
    lines = [line.strip() for line in dissected.splitlines()]
    return [line for line in lines if any(word in line for word in COMPLAINTS) and not line.startswith(NAMES)]


def dissector_of(name: str) -> str:
    return "nas-eps_plain" if name in EPS_EXAMPLES else "nas-5gs"


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_to_complain_about(tmp_path: Path, name: str) -> None:
    dissected = dissect(tmp_path, dissector_of(name), EXAMPLES[name].encoded)
    assert complaints(dissected) == []
    assert name.removeprefix("pdu session ").split(",")[0].split()[-1] in dissected.lower()


def test_a_complaint_would_be_noticed(tmp_path: Path) -> None:
    assert complaints(dissect(tmp_path, "nas-eps_plain", EXAMPLES["attach request"].encoded[:-60])) != []


def test_the_operators_octets_are_found(tmp_path: Path) -> None:
    """In the options of the session message inside of the attach request, behind MCC and MNC, as TS 24.008 has it."""
    dissected = dissect(tmp_path, "nas-eps_plain", EXAMPLES["attach request"].encoded)
    assert "Protocol or Container ID: Operator Specific Use (0xff00)" in dissected
    assert f"Application specific information: {OURS[:30].hex()}" in dissected
    assert len(ATTACH_REQUEST.esm) > 250
    extended = dissect(tmp_path, "nas-5gs", EXAMPLES["modification command"].encoded)
    assert extended.count("Operator Specific Use") == 6
    carried = dissect(tmp_path, "nas-5gs", EXAMPLES["uplink transport"].encoded)
    assert "PDU session modification request" in carried
    assert f"Application specific information: {b'hello'.hex()}" in carried
    assert SESSION[-5:] == b"hello"


def test_containers_of_a_purchase(tmp_path: Path) -> None:
    """Both ways, inside of messages that only they fill."""
    down = write_options(
        (write_operator_unit(OperatorUnit(UNIT, LAB, write_container(Have(b"tags", 165)))),),
        Direction.DOWNLINK,
    )
    up = shown()["pco_purchase"]
    request = bytes.fromhex("0205d01127") + bytes((len(up),)) + up
    reject = bytes.fromhex("0205d11d27") + bytes((len(down),)) + down
    dissected = dissect(tmp_path, "nas-eps_plain", request, reject)
    assert complaints(dissected) == []
    assert dissected.count("Operator Specific Use") == 2


@pytest.mark.parametrize("max_packet_bytes", [1_500, 244])
def test_a_purchase_in_eap(tmp_path: Path, max_packet_bytes: int) -> None:
    packets = World(max_packet_bytes=max_packet_bytes).run().packets
    dissected = dissect(tmp_path, "eap", *packets)
    assert complaints(dissected) == []
    assert dissected.count("Type: Expanded Type (254)") == len(packets) - 1
    assert dissected.count("EAP-EXT Vendor Id: Unknown (0x24147)") == len(packets) - 1
    assert "Code: Success (3)" in dissected
