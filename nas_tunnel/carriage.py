"""Where a cell's broadcasts ride, and how much each of them takes.

A table, and nothing that acts. `segment_bytes` are of our message in one segment, with everything around it counted;
how often a segment goes out is the operator's `si-Periodicity`, one of SI_PERIODS_MS. What is said in NAS instead has
its limits in nas_tunnel/pco.py and nas_tunnel/eap.py.
Reference: with each row; the limits of a system information message are in nas_tunnel/lte_sib.py and nr_sib.py.
"""

from enum import Enum

from nas_tunnel.warning_sib import MAX_SEGMENTS
from wire.frozen import dataclass

SI_PERIODS_MS = (80, 160, 320, 640, 1_280, 2_560, 5_120)
"""8 to 512 radio frames (TS 36.331 and TS 38.331, clause 6.2.2, SI-SchedulingInfo)."""


class Form(Enum):
    """What a carriage takes."""

    NAME = "a beacon name"
    OCTETS = "our bytes"
    TEXT = "base64 in pages of text"


@dataclass(frozen=True, slots=True)
class Carriage:
    """`segment_bytes` in each of at most `segments` segments; a name has one, or one for each network of a cell."""

    name: str
    form: Form
    segment_bytes: int
    segments: int
    source: str


CARRIAGES: dict[str, Carriage] = {
    row.name: row
    for row in (
        Carriage("lte-sib9", Form.NAME, 48, 1, "TS 36.331 clause 6.3.1, hnb-Name"),
        Carriage(
            "lte-sib11", Form.OCTETS, 267, MAX_SEGMENTS, "TS 36.331 clause 6.3.1, in 277 bytes (DCI 1A)"
        ),
        Carriage(
            "lte-sib12", Form.OCTETS, 263, MAX_SEGMENTS, "TS 36.331 clause 6.3.1, in 277 bytes (DCI 1A)"
        ),
        Carriage("lte-sib12-dci-1c", Form.OCTETS, 203, MAX_SEGMENTS, "the same in 217 bytes (DCI 1C)"),
        Carriage("lte-sib12-srsran-4g", Form.TEXT, 100, MAX_SEGMENTS, "srsRAN 4G after 23.11, sib.conf"),
        Carriage("nr-sib7", Form.OCTETS, 362, MAX_SEGMENTS, "TS 38.331 clause 6.3.1, in 372 bytes"),
        Carriage("nr-sib8", Form.OCTETS, 361, MAX_SEGMENTS, "TS 38.331 clause 6.3.1, in 372 bytes"),
        Carriage("nr-sib8-ocudu", Form.OCTETS, 150, MAX_SEGMENTS, "OCUDU, max_warning_message_segment_size"),
        Carriage("nr-sib8-srsran", Form.TEXT, 84, MAX_SEGMENTS, "srsRAN Project 25.10, cell_cfg.sib.cmas"),
        Carriage("nr-sib10", Form.NAME, 48, 12, "TS 38.331 clause 6.3.1, hrnn-List"),
    )
}
"""By name. LTE SIB10 and NR SIB6 have room for two octets, and so for nothing of ours."""
