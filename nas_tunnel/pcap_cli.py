"""`airgrant pcap`: what a capture tells of offers, purchases and answers. A shell: argv, terminal, files, exit status.

Capture files are opened by Scapy, which knows their forms; what is in them is read by our own codecs
(nas_tunnel/sightings.py). Exit status: 0 shown; 1 a signature or the form of a message does not hold; 2 the command
line is wrong or Scapy is not installed; 3 there is no such file, or it is no capture. With --json one JSON object a
line on standard output; progress goes to standard error, and only to a terminal.
"""

import argparse
import json
import os
import struct
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from nas_tunnel.cell_link import FIRST_USER_LINK, LAST_USER_LINK, USER_LINKS, CellName, Form, UeName
from nas_tunnel.sightings import LINK_TYPES, Frame, Sighting, Subject, Witness
from wire.errors import ConfigError, ShellError
from wire.ids import LEDGER_ID_SIZE, PublicKey

DONE, NO, USAGE, WORLD = 0, 1, 2, 3
PROGRESS_EVERY = 20_000
"""Frames: about a second of reading."""

HOW_TO_INSTALL = (
    "Scapy, which opens capture files, is not installed here: pip install '.[capture]' in a checkout"
)

EXAMPLES = f"""\
examples:
  airgrant pcap air.pcapng                                  a capture of a monitor interface, or of the lobby
  airgrant pcap n2.pcapng                                   of a base station's NGAP or S1AP, over SCTP
  airgrant pcap cell.pcap --user-link 147=nr-rrc.bcch.dl.sch
  airgrant pcap air.pcapng --ledger-key 02c1...9f --ledger-id 7d0a...31
  airgrant pcap air.pcapng --json | jq -r 'select(.what == "offer") | .price_ubc'
  tshark -i mon0 -w air.pcapng                              how to make one
  tshark -i any -f sctp -w n2.pcapng

Link types: {", ".join(f"{number} ({name})" for number, name in LINK_TYPES.items())}. Frames of others are passed over.
148 to 152 are what srsRAN writes; --user-link says what else there is in 147 to 162.
Without a pinned ledger, receipts and grants are held against the ledger that the last offer named, which is the
seller's word. Whether something has expired is judged at the time of its frame.

exit status: 0 shown, 1 a signature or a message's form does not hold, 2 usage, 3 no such file or no capture
"""


def main(argv: list[str]) -> int:
    """Shows a capture; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="airgrant pcap",
        description="Show the offers, purchases and verdicts in a capture file.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="pcap or pcapng, also gzipped")
    parser.add_argument(
        "--ledger-key", metavar="KEY", help="pin the ledger: its public key, 66 hexadecimal digits"
    )
    parser.add_argument("--ledger-id", metavar="ID", help="pin the ledger: its id, 64 hexadecimal digits")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, for scripts")
    parser.add_argument(
        "--user-link",
        metavar="NUMBER=NAME",
        action="append",
        default=[],
        help=f"what a link type for private use has, {', '.join(form.value for form in Form)}; may be repeated",
    )
    try:
        options = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has said what is wrong, or printed the help
        return int(stop.code or DONE)
    try:
        status = _show(options)
        sys.stdout.flush()  # here, where a closed pipe is no error
        return status
    except ConfigError as error:
        return _fail(str(error), USAGE)
    except ShellError as error:
        return _fail(str(error), WORLD)
    except BrokenPipeError:  # the reader of our output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _fail(text: str, status: int) -> int:
    sys.stderr.write(f"airgrant pcap: {text}\n")
    return status


def _show(options: argparse.Namespace) -> int:
    user_links = {**USER_LINKS, **dict(map(_user_link, options.user_link))}
    witness = Witness(*_pinned(options.ledger_key, options.ledger_id), user_links)
    frames = sightings = 0
    wrong = 0
    others: set[int] = set()
    for frame in _frames(options.file):
        frames += 1
        if frame.link_type not in LINK_TYPES and frame.link_type not in user_links:
            others.add(frame.link_type)
        for sighting in witness.see(frame):
            sightings += 1
            wrong += sighting.wrong
            _print(sighting, as_json=options.json)
    _say(_summary(options.file, frames, sightings, wrong, others))
    return NO if wrong else DONE


def _pinned(key: str | None, ledger_id: str | None) -> tuple[PublicKey | None, bytes | None]:
    try:
        octets = bytes.fromhex(ledger_id) if ledger_id is not None else None
    except ValueError:
        octets = b""
    if octets is not None and len(octets) != LEDGER_ID_SIZE:
        raise ConfigError(f"--ledger-id: {ledger_id!r} is not {2 * LEDGER_ID_SIZE} hexadecimal digits")
    try:
        return (PublicKey.parse(key) if key is not None else None), octets
    except ValueError as error:
        raise ConfigError(f"--ledger-key: {error}") from None


def _user_link(text: str) -> tuple[int, Form]:
    number, _, name = text.partition("=")
    if not number.isascii() or not number.isdecimal():
        raise ConfigError(f"--user-link: {text!r} does not begin with a number")
    if not FIRST_USER_LINK <= int(number) <= LAST_USER_LINK:
        raise ConfigError(f"--user-link: {number} is not within {FIRST_USER_LINK} to {LAST_USER_LINK}")
    try:
        return int(number), Form(name)
    except ValueError:
        known = ", ".join(form.value for form in Form)
        raise ConfigError(f"--user-link: {name!r} is none of {known}") from None


# ---- The file


def _frames(file: Path) -> Iterator[Frame]:
    """Every frame in order, with progress for whoever waits. Raises ConfigError without Scapy, ShellError."""
    try:
        from scapy.error import Scapy_Exception
        from scapy.utils import RawPcapReader
    except ImportError:
        raise ConfigError(HOW_TO_INSTALL) from None
    with _open(file) as opened:
        size = max(1, file.stat().st_size)
        number = 0
        try:
            reader: Any = RawPcapReader(opened)  # type: ignore[arg-type]  # its metaclass takes files too
            for octets, about in reader:
                number += 1
                if number % PROGRESS_EVERY == 0:
                    _progress(f"{number:,} frames, {100 * opened.tell() // size} %")
                yield Frame(number, _utc_ns(reader, about), _link_type(reader, about), octets)
        except (Scapy_Exception, struct.error, zlib.error, OSError) as error:
            damage = f"no capture (pcap or pcapng), or damaged after {number:,} frames: {error}"
            raise ShellError(str(file), damage) from None
        finally:
            _progress("")


def _open(file: Path) -> IO[bytes]:
    try:
        return file.open("rb")
    except OSError as error:
        raise ShellError(str(file), error.strerror or str(error)) from None


def _link_type(reader: Any, about: Any) -> int:
    """Of the frame's interface in a pcapng file, of the whole file else."""
    return int(about.linktype if hasattr(about, "linktype") else reader.linktype)


def _utc_ns(reader: Any, about: Any) -> int:
    if hasattr(about, "tshigh"):
        if about.tshigh is None:  # a simple packet block of pcapng has no time
            return 0
        ticks = (about.tshigh << 32) + about.tslow
        return int(ticks * 10**9 // about.tsresol)
    return int(about.sec * 10**9 + about.usec * (1 if reader.nano else 1_000))


# ---- For people and for programs


def _print(sighting: Sighting, *, as_json: bool) -> None:
    if as_json:
        line = {
            "frame": sighting.frame,
            "time_ns": sighting.utc_ns,
            **_named(sighting.subject),
            "what": sighting.what,
            "wrong": sighting.wrong,
            "said": sighting.said,
            **sighting.facts,
        }
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        return
    mark = "!" if sighting.wrong else " "
    time, said = _time(sighting.utc_ns), _printable(sighting.said)
    sys.stdout.write(f"{time}  {sighting.subject!s:<17}  {sighting.what:<9}{mark} {said}\n")


def _named(subject: Subject) -> dict[str, str | int | None]:
    match subject:
        case UeName(ran_node, ran_ue_id, core_ue_id):
            return {"ran_node": ran_node, "ran_ue_id": ran_ue_id, "core_ue_id": core_ue_id}
        case CellName(ran_node):
            return {"ran_node": ran_node}
        case _:
            return {"station": str(subject)}


def _time(utc_ns: int) -> str:
    """To the millisecond; the seconds since 1970 where the calendar ends, as a capture may say anything."""
    utc_s, milliseconds = utc_ns // 10**9, f".{utc_ns // 10**6 % 1_000:03d}"
    try:
        return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%d %H:%M:%S") + milliseconds
    except (ValueError, OverflowError, OSError):
        return f"{utc_s}{milliseconds} s"


def _printable(text: str) -> str:
    """A stranger's text cannot move the cursor or forge a line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _summary(file: Path, frames: int, sightings: int, wrong: int, others: set[int]) -> str:
    text = f"{file}: {frames:,} frames, {sightings:,} of ours"
    if wrong:
        text += f", {wrong:,} of them wrong (marked !)"
    if others:
        text += f"; frames of link type {', '.join(map(str, sorted(others)))} were passed over"
    return text


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}\033[K")
