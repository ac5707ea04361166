"""`airgrant pcap`: what is printed, for people and for programs, and what is said when something is wrong."""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from nas_tunnel.anqp import VENDOR, write_element
from nas_tunnel.link import ETHERNET
from nas_tunnel.pcap_cli import DONE, NO, USAGE, WORLD, main
from tests.nas_tunnel.air import RADIOTAP_LINK, response, story, write_pcap
from tests.nas_tunnel.cell_air import messages
from tests.nas_tunnel.core_capture import n2_story, s1_story, warning_story
from tests.wire.examples import LEDGER, LEDGER_ID, PROVIDER

CAPTURE = str(Path(__file__).parent / "captures" / "gas_purchase.pcapng")
PINNED = ["--ledger-key", str(LEDGER.public), "--ledger-id", LEDGER_ID.hex()]


def write(folder: Path, content: bytes, name: str = "air.pcap") -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def test_a_capture_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([CAPTURE]) == DONE
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].startswith(
        "2026-11-21 22:49:57.197  02:00:00:00:00:00  beacon     offer a0b266b46cecf6fc"
    )
    assert any(
        "offer      1.5 BC (bandcoin) for 20 min" in line and "the signature holds" in line for line in lines
    )
    assert any("answer     executed in block 4711; transaction a9e5de1e" in line for line in lines)
    assert any("answer     insufficient_funds: 12 BC, and 15 BC are wanted" in line for line in lines)
    assert shown.err == f"{CAPTURE}: 56 frames, 20 of ours\n"


def test_a_capture_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([CAPTURE, "--json", *PINNED]) == DONE
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["what"] for line in lines} == {
        "beacon", "question", "offer", "advice", "purchase", "answer", "refused",
    }  # fmt: skip
    offer = next(line for line in lines if line["what"] == "offer")
    assert (offer["frame"], offer["price_ubc"], offer["signature"], offer["expired"]) == (
        22,
        1_500_000,
        "holds",
        False,
    )
    assert offer["provider"] == str(PROVIDER.public)
    assert offer["time_ns"] == 1_795_301_398_947_789_370
    answers = [line for line in lines if line["what"] == "answer"]
    assert [line["executed"] for line in answers] == [True, False, True, True, True]
    assert {line["ledger"] for line in answers} == {"pinned"}


def test_a_classic_capture_a_gzipped_one_and_nanoseconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = write_pcap(story())
    nano = b"\x4d\x3c\xb2\xa1" + content[4:]
    main([write(tmp_path, content)])
    plain = capsys.readouterr().out
    main([write(tmp_path, gzip.compress(content), "air.pcap.gz")])
    assert capsys.readouterr().out == plain
    main([write(tmp_path, nano)])
    assert capsys.readouterr().out.splitlines()[-1].startswith("2025-12-17 19:33:20.000")
    assert plain.splitlines()[-1].startswith("2025-12-17 19:33:20.120")


def test_a_capture_of_a_core_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [*n2_story(), *s1_story(), *warning_story()]
    assert main([write(tmp_path, write_pcap(frames, ETHERNET), "n2.pcap")]) == NO, "the example's receipt"
    shown = capsys.readouterr()
    lines = [line[25:] for line in shown.out.splitlines()]
    assert lines[0].startswith("ue 1 of 10.53.1.3  offer      1.5 BC (bandcoin) for 20 min")
    assert [line.split("  ")[0] for line in lines[-2:]] == ["cell 10.53.1.3"] * 2
    assert "ue 1 of 10.53.1.3  success    EAP-Success; whether both have one key only they know" in lines
    assert shown.err.endswith("14 frames, 13 of ours, 1 of them wrong (marked !)\n")


def test_a_capture_of_a_core_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([write(tmp_path, write_pcap([*n2_story(), *warning_story()], ETHERNET), "n2.pcap"), "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    order, cell = lines[1], lines[-1]
    assert (order["what"], order["ran_node"], order["ran_ue_id"], order["core_ue_id"]) == (
        "order",
        "10.53.1.3",
        1,
        42,
    )
    assert (cell["what"], cell["ran_node"]) == ("offer", "10.53.1.3")
    assert not any("station" in line for line in lines)


def test_a_link_type_for_private_use_is_what_its_owner_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = write(tmp_path, write_pcap(messages("nr-sib8"), 147), "cell.pcap")
    assert main([capture]) == DONE
    assert "frames of link type 147 were passed over" in capsys.readouterr().err
    assert main([capture, "--user-link", "147=nr-rrc.bcch.dl.sch", "--user-link", "148=eap"]) == DONE
    shown = capsys.readouterr()
    assert "  cell               offer      1.5 BC" in shown.out
    assert shown.err.endswith("1 frames, 1 of ours\n")


def test_a_time_after_the_calendar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pcapng file whose clock ticks once a second, as its 64 bits allow."""
    octets = story()[0]
    body = struct.pack("<IIIII", 0, 2**31, 7, len(octets), len(octets)) + octets + bytes(-len(octets) % 4)
    section = b"\x4d\x3c\x2b\x1a" + struct.pack("<HHq", 1, 0, -1)
    interface = struct.pack("<HHI", RADIOTAP_LINK, 0, 0) + bytes.fromhex("0900010000000000") + bytes(4)
    capture = b"".join(
        struct.pack("<II", kind, len(content) + 12) + content + struct.pack("<I", len(content) + 12)
        for kind, content in ((0x0A0D0D0A, section), (1, interface), (6, body))
    )
    for options in ([], ["--json"]):
        assert main([write(tmp_path, capture), *options]) == DONE
        (line,) = capsys.readouterr().out.splitlines()
        assert str(2**63 + 7) in line


def test_what_does_not_hold_gives_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([write(tmp_path, write_pcap(story()[:5]))]) == DONE
    assert main([CAPTURE, "--ledger-key", str(PROVIDER.public), "--ledger-id", LEDGER_ID.hex()]) == NO
    shown = capsys.readouterr()
    assert "answer   ! transaction a9e5de1e…; the signature does not hold" in shown.out
    assert "5 of them wrong (marked !)" in shown.err


def test_a_strangers_text_cannot_move_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = b"eng" + b"XXX" + b"\x1b[2J\r\nforged line"
    charge = b"\0\x01\0" + len(plan).to_bytes(2, "little") + plan
    advice = write_element(278, len(charge).to_bytes(2, "little") + charge)
    assert main([write(tmp_path, write_pcap([response(advice, 1)]))]) == DONE
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("advice     ?[2J??forged line")


def test_frames_of_another_link_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([write(tmp_path, write_pcap(story(), link_type=228))]) == DONE
    assert capsys.readouterr().err.endswith(
        "13 frames, 0 of ours; frames of link type 228 were passed over\n"
    )


def test_a_capture_cut_short_is_shown_so_far(tmp_path: Path) -> None:
    cut = write(tmp_path, write_pcap(story())[:-200])
    run = subprocess.run(
        [sys.executable, "-m", "airgrant", "pcap", cut],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "packet has been truncated" in run.stderr, "Scapy says so"
    assert f"{cut}: 13 frames" in run.stderr
    assert run.returncode == NO, "an answer in it is for another transaction"


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"# A page of text, and no capture at all\n" * 9, b"\x1f\x8b\x08nonsense"]
)
def test_no_capture(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([write(tmp_path, content)]) == WORLD
    assert "air.pcap: no capture (pcap or pcapng), or damaged after 0 frames" in capsys.readouterr().err


def test_no_such_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nothing.pcap")]) == WORLD
    assert "nothing.pcap: No such file or directory" in capsys.readouterr().err
    assert main([str(tmp_path)]) == WORLD
    assert "Is a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "the following arguments are required: FILE"),
        (["x.pcap", "--ledger-id", "00"], "--ledger-id: '00' is not 64 hexadecimal digits"),
        (["x.pcap", "--ledger-id", "zz"], "--ledger-id: 'zz' is not 64 hexadecimal digits"),
        (["x.pcap", "--ledger-key", "00"], "--ledger-key: '00' is not an account"),
        (["x.pcap", "--user-link", "nas-5gs"], "--user-link: 'nas-5gs' does not begin with a number"),
        (["x.pcap", "--user-link", "1=nas-5gs"], "--user-link: 1 is not within 147 to 162"),
        (["x.pcap", "--user-link", "147=http"], "--user-link: 'http' is none of nas-5gs, nas-eps, eap"),
        (["x.pcap", "--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_usage(options: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options) == USAGE
    assert why in capsys.readouterr().err


def test_help_names_the_link_types(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == DONE
    assert "127 (802.11 with radiotap)" in capsys.readouterr().out


def test_without_scapy_it_says_how_to_install_it() -> None:
    script = (
        "import sys\n"
        "class NoScapy:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'scapy':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, NoScapy())\n"
        "from nas_tunnel.pcap_cli import main\n"
        f"sys.exit(main([{CAPTURE!r}]))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert run.returncode == USAGE
    assert "pip install '.[capture]'" in run.stderr


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """Its end of the pipe is closed before the first line is written."""
    command = f"{sys.executable} -m airgrant pcap {CAPTURE} | :"
    run = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, timeout=30, check=False
    )
    assert (run.returncode, "Traceback" in run.stderr) == (DONE, False)


def test_an_unwanted_element_is_no_error(tmp_path: Path) -> None:
    assert main([write(tmp_path, write_pcap([response(write_element(VENDOR, b"\0P\xf2\x01"), 1)]))]) == DONE
