"""What the radios really sent: a capture of management frames and key handshakes, and tshark's opinion of ours.

The capture is made where hwsim shows every frame with a radiotap header; data frames are left out, as they are
encrypted and many. `look` asks tshark, which knows nothing of us, for every complaint about a frame that holds an
element of ours: malformed, truncated, of a length that it did not expect.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.namespaces import run
from lab.processes import Child, Household
from lab.wifi.radios import MONITOR
from nas_tunnel.anqp import OUI

FILTER = "type mgt or ether proto 0x888e"
OURS = "frame contains " + ":".join(f"{octet:02x}" for octet in OUI)
READ_DEADLINE_S = 240.0
MAX_COMPLAINTS = 50
HARMLESS = ("", "Chat", "Comment")


@dataclass(frozen=True, slots=True)
class Recording:
    """A running capture."""

    file: Path
    child: Child


@dataclass(frozen=True, slots=True)
class Capture:
    """Frames in a capture, those with elements of ours, and what tshark has against the latter."""

    frames: int
    ours: int
    complaints: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return self.ours > 0 and not self.complaints


@contextmanager
def capture(household: Household, file: Path, capture_filter: str = FILTER) -> Iterator[Recording]:
    """Everything that the radios send that passes the filter, into a pcapng file, for the length of a block."""
    words = ["dumpcap", "-q", "-i", MONITOR, "-f", capture_filter, "-w", str(file)]
    child = household.start("dumpcap", words)
    child.wait_for(lambda: file.exists() and file.stat().st_size > 0, "the first bytes of its file", 30.0)
    try:
        yield Recording(file, child)
    finally:
        child.stop()


def look(file: Path) -> Capture:
    """Tshark's opinion. Raises ShellError if it has none."""
    fields = ["frame.number", "_ws.malformed", "_ws.short", "_ws.unreassembled", "_ws.expert.message"]
    columns = [word for name in fields for word in ("-e", name)]
    words = [
        "tshark",
        "-n",
        "-r",
        str(file),
        "-Y",
        OURS,
        "-T",
        "fields",
        "-E",
        "separator=,",
        "-E",
        "quote=d",
    ]
    rows = list(csv.reader(io.StringIO(run([*words, *columns], deadline_s=READ_DEADLINE_S))))
    complaints = [complaint for row in rows if (complaint := _complaint(row))]
    return Capture(count(file), len(rows), tuple(complaints[:MAX_COMPLAINTS]))


def count(file: Path) -> int:
    """Frames in a capture (capinfos)."""
    said = run(["capinfos", "-M", "-c", "-T", "-r", str(file)], deadline_s=READ_DEADLINE_S)
    return int(said.split()[-1])


def _complaint(row: list[str]) -> str:
    number, *said = row
    words = [text for text in said if text]
    return f"frame {number}: {'; '.join(words)}" if words else ""
