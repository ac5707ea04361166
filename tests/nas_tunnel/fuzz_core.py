"""What tests/nas_tunnel/fuzz.py tries of what base stations and cores say to each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nas_tunnel.aper import read_pdu
from nas_tunnel.cell_link import CellEar, Heard
from nas_tunnel.link import ETHERNET
from nas_tunnel.ngap import read_ngap
from nas_tunnel.s1ap import read_s1ap
from tests.nas_tunnel.core_air import NGAP_EXAMPLES, S1AP_EXAMPLES
from tests.nas_tunnel.core_capture import n2_story, s1_story, warning_story

EAR = CellEar()


def frame(data: bytes) -> list[Heard]:
    """A frame of Ethernet, in a capture that never ends."""
    return list(EAR.hear(ETHERNET, data))


CORE_READERS: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes] | None]] = {
    "outer pdu": (partial(read_pdu, protocol="fuzz"), None),
    "ngap": (read_ngap, None),
    "s1ap": (read_s1ap, None),
    "frame of a core": (frame, None),
}
CORE_SAMPLES = [
    *(
        example.encoded
        for example in (*NGAP_EXAMPLES.values(), *S1AP_EXAMPLES.values())
        if len(example.encoded) < 4_096
    ),
    *(frame for story in (n2_story(), s1_story(), warning_story()) for frame in story),
]
