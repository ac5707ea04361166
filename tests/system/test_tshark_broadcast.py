"""What our cells broadcast, as Wireshark dissects it: every field found with its value, no complaint."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nas_tunnel.carriage import CARRIAGES, Form
from nas_tunnel.cb_data import format_content, serial_number, write_octets_message
from tests.nas_tunnel.air import write_pcap
from tests.nas_tunnel.cell_air import (
    CONTENT,
    EXPORTED_PDU_LINK,
    NAME,
    exported,
    messages,
)
from wire.warning_id import AIRGRANT

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed: run lab/set-up.sh"),
]
COMPLAINTS = ("Expert Info", "Malformed", "Unknown", "Undecoded", "Warning/")
NO_PUBLIC_WARNING = f": Unknown ({AIRGRANT})"
"""Wireshark names the identifiers of public warning, and ours is none: that is how it has to be."""
SEGMENTED = [name for name, row in CARRIAGES.items() if row.form is not Form.NAME]
FIELDS = ("messageIdentifier", "serialNumber", "warningMessageSegmentType", "warningMessageSegmentNumber")


def tshark(folder: Path, frames: list[bytes], *options: str) -> str:
    capture = folder / "cell.pcap"
    capture.write_bytes(write_pcap(frames, EXPORTED_PDU_LINK))
    command = ["tshark", "-r", str(capture), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def complaints(shown: str) -> list[str]:
    lines = [line for line in shown.splitlines() if not line.endswith(NO_PUBLIC_WARNING)]
    return [line.strip() for line in lines if any(complaint in line for complaint in COMPLAINTS)]


def fields(folder: Path, frames: list[bytes], *names: str) -> list[list[str]]:
    """A row for each frame, of each field's values with commas between them."""
    options = [option for name in names for option in ("-e", name)]
    return [line.split("\t") for line in tshark(folder, frames, "-T", "fields", *options).splitlines()]


@pytest.mark.parametrize("name", CARRIAGES)
def test_nothing_to_complain_about(tmp_path: Path, name: str) -> None:
    shown = tshark(tmp_path, exported(name), "-V")
    assert complaints(shown) == []
    assert shown.count("BCCH-DL-SCH-Message") == len(messages(name))


def test_a_complaint_would_be_noticed(tmp_path: Path) -> None:
    (frame,) = exported("lte-sib12")
    assert complaints(tshark(tmp_path, [frame[:-10]], "-V")) != []


@pytest.mark.parametrize("name", SEGMENTED)
def test_segments_are_read_as_they_were_meant(tmp_path: Path, name: str) -> None:
    protocol = "lte-rrc" if name.startswith("lte") else "nr-rrc"
    suffix = "_r9" if "sib12" in name else ""
    wanted = [f"{protocol}.{field}{suffix}" for field in FIELDS]
    rows = fields(tmp_path, exported(name), *wanted)
    count = len(messages(name))
    assert [row[2:] for row in rows] == [[str(int(at == count - 1)), str(at)] for at in range(count)]
    assert {(int(row[0]), int(row[1], 16)) for row in rows} == {(AIRGRANT, serial_number(CONTENT))}


@pytest.mark.parametrize("name", SEGMENTED)
def test_segments_are_put_together(tmp_path: Path, name: str) -> None:
    """By Wireshark, in the last frame; and what stacks would send as text is the text that they were given."""
    shown = tshark(tmp_path, exported(name), "-V")
    pages = re.findall(r"Decoded Page [0-9]+: (.*)", shown)
    if CARRIAGES[name].form is Form.TEXT:
        assert "".join(pages) == format_content(CONTENT)
        assert (
            "Character set being used: GSM 7 bit default alphabet" in shown or "Language unspecified" in shown
        )
    else:
        assert pages == []
        assert "Character set being used: 8 bit data" in shown
        size = len(write_octets_message(CONTENT))
        assert f"[Reassembled Length: {size}]" in shown


@pytest.mark.parametrize(
    ("name", "field"), [("lte-sib9", "lte-rrc.hnb_Name"), ("nr-sib10", "nr-rrc.hrnn_r16")]
)
def test_names_are_text(tmp_path: Path, name: str, field: str) -> None:
    shown = fields(tmp_path, exported(name), field)[0][0]
    assert NAME.decode() in shown or NAME.hex() in shown
