"""N2 as it is: NGAP over the kernel's SCTP, between a gNB and UE on free5GC's codecs and the lab's AMF.

The purchase inside EAP, NAS security from its keys, registration, and a session with our unit in its extended options;
and what Wireshark says of every packet of it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.cell_site import cell_site
from lab.processes import Household
from lab.ran.n2 import has_sctp
from nas_tunnel.eap import VENDOR
from tests.lab.ran.cell_journey import Cell
from tests.system.test_apd_cell import QUICK
from tests.system.test_apd_nas import play_a_purchase, start

FIELDS = (
    "ngap.procedureCode",
    "nas_5gs.mm.message_type",
    "eap.ext.vendor_id",
    "_ws.malformed",
    "_ws.expert.message",
)
NG_SETUP, INITIAL_UE, DOWNLINK_NAS, UPLINK_NAS, SESSION_SETUP = "21", "15", "4", "46", "29"
LAST = bytes.fromhex("201d00")
"""How the answer to the session's setup begins: successful outcome, procedure 29, to be rejected if not understood."""
REGISTRATION_REQUEST, AUTHENTICATION_REQUEST, AUTHENTICATION_RESPONSE, SECURITY_MODE_COMMAND = (
    "0x41",
    "0x56",
    "0x57",
    "0x5d",
)


@contextmanager
def capturing(file: Path, household: Household) -> Iterator[None]:
    """SCTP on the loopback, for the length of a block."""
    child = household.start("dumpcap", ["dumpcap", "-q", "-i", "lo", "-f", "sctp", "-w", file])
    child.wait_for(lambda: file.exists() and file.stat().st_size > 0, "the first bytes of its file", 60.0)
    try:
        yield
    finally:
        child.stop()


def look(file: Path) -> list[dict[str, list[str]]]:
    """What tshark reads in each packet of NGAP."""
    fields = [word for name in FIELDS for word in ("-e", name)]
    words = ["tshark", "-n", "-r", str(file), "-Y", "ngap", "-T", "json", *fields]
    read = subprocess.run(words, capture_output=True, text=True, check=True, timeout=240)
    packets: list[dict[str, Any]] = json.loads(read.stdout)
    return [packet["_source"]["layers"] for packet in packets]


def test_a_ue_buys_registers_and_gets_a_session_over_sctp(
    tmp_path: Path,
    build_dir: Path,
    go_program: Callable[[str], Path],
    needs: Callable[..., None],
    eventually: Callable[..., None],
) -> None:
    needs("dumpcap", "tshark")
    if not has_sctp():
        pytest.skip("this kernel has no SCTP")
    file = build_dir / "n2.pcapng"
    file.unlink(missing_ok=True)
    with (
        Household(tmp_path / "log") as household,
        capturing(file, household),
        Cell(go_program("radio"), tmp_path, "127.0.0.1") as cell,
    ):
        cell.register()
        cell.begin_session()
        assert Path("/proc/net/sctp/assocs").read_text().splitlines()[1:], "it was SCTP"
        eventually(lambda: LAST in file.read_bytes(), "the last message is in the capture", 60.0)
    packets = look(file)

    def all_of(name: str) -> list[str]:
        return [value for packet in packets for value in packet.get(name, [])]

    assert all_of("_ws.malformed") == []
    assert set(all_of("ngap.procedureCode")) == {
        NG_SETUP,
        INITIAL_UE,
        DOWNLINK_NAS,
        UPLINK_NAS,
        SESSION_SETUP,
    }
    assert {
        REGISTRATION_REQUEST,
        AUTHENTICATION_REQUEST,
        AUTHENTICATION_RESPONSE,
        SECURITY_MODE_COMMAND,
    } <= set(all_of("nas_5gs.mm.message_type"))
    vendors = {
        int(vendor, 16) & 0xFFFF for vendor in all_of("eap.ext.vendor_id")
    }  # Wireshark 4.0 shows two of three octets
    assert vendors == {VENDOR & 0xFFFF}, "our method, and no other"


def test_the_daemon_sells_inside_nas_over_sctp(
    tmp_path: Path, go_program: Callable[[str], Path], needs: Callable[..., None]
) -> None:
    needs("mosquitto", "nft", "ip")
    if not has_sctp():
        pytest.skip("this kernel has no SCTP")
    with cell_site(tmp_path / "site", settings=QUICK) as site:
        start(site, 120.0)
        play_a_purchase(site, "127.0.0.1", tmp_path, go_program("radio"))
