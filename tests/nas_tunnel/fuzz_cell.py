"""What tests/nas_tunnel/fuzz.py tries of cells: readers of system information and of what it carries, and samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nas_tunnel.cb_data import read_message, serial_number, write_octets_message, write_text_message
from nas_tunnel.cell_offer import read_beacon_name, read_cell_offer, write_cell_offer
from nas_tunnel.lte_sib import read_lte_sib, read_lte_system_information, write_lte_sib
from nas_tunnel.nr_sib import read_nr_sib, read_nr_system_information, write_nr_sib
from nas_tunnel.segments import MAX_PARTIALS, Listener, hear
from nas_tunnel.warning_sib import WarningSegment
from tests.nas_tunnel.cell_air import CONTENT, NAME, STORY
from tests.nas_tunnel.sib_values import LTE_EXAMPLES, NR_EXAMPLES
from wire.warning_id import AIRGRANT


def listen(data: bytes) -> tuple[Listener, bytes | None]:
    """Every 40 octets are a segment: six octets of its fields, and its content."""
    listener, content = Listener(), None
    for at in range(0, len(data) - 6, 40):
        flags, number, *_ = data[at : at + 6]
        segment = WarningSegment(
            AIRGRANT, data[at + 2] & 7, bool(flags & 1), number & 3, data[at + 6 : at + 40], flags or None
        )
        listener, heard = hear(listener, segment)
        content = heard if heard is not None else content
        assert len(listener.partials) <= MAX_PARTIALS
    return listener, content


Reader = tuple[Callable[[bytes], Any], Callable[[Any], bytes] | None]
CELL_READERS: dict[str, Reader] = {
    "lte system information": (read_lte_system_information, None),
    "nr system information": (read_nr_system_information, None),
    **{f"lte sib{number}": (partial(read_lte_sib, number), None) for number in (9, 10, 11, 12)},
    **{f"nr sib{number}": (partial(read_nr_sib, number), None) for number in (6, 7, 8, 10)},
    "cell offer": (read_cell_offer, write_cell_offer),
    "beacon name": (read_beacon_name, None),
    "cell broadcast": (lambda data: read_message(data, serial_number(data[1:])), None),
    "text broadcast": (lambda data: read_message(data, serial_number(CONTENT)), None),
    "listener": (listen, None),
}
"""Without writers: additions of later releases are read past, and so a block may have several forms."""
CELL_SAMPLES = [
    *(message for messages in STORY.values() for message in messages),
    *map(write_lte_sib, LTE_EXAMPLES.values()),
    *map(write_nr_sib, NR_EXAMPLES.values()),
    CONTENT,
    NAME,
    write_octets_message(CONTENT),
    write_text_message(CONTENT),
]
