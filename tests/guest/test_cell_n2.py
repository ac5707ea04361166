"""N2 as it is: NGAP over the kernel's SCTP, between a gNB and UE on free5GC's codecs and the lab's AMF.

The purchase inside EAP, NAS security from its keys, registration, and a session with our unit in its extended options.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.ran.n2 import has_sctp
from tests.lab.ran.cell_journey import Cell


def test_a_ue_buys_registers_and_gets_a_session_over_sctp(
    tmp_path: Path, go_program: Callable[[str], Path]
) -> None:
    if not has_sctp():
        pytest.skip("this kernel has no SCTP")
    with Cell(go_program("radio"), tmp_path, "127.0.0.1") as cell:
        cell.register()
        cell.begin_session()
        associations = Path("/proc/net/sctp/assocs").read_text().splitlines()[1:]
        assert associations, "it was SCTP"
