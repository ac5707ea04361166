"""What a device counted: rows behind rows, read by who compares, and no other file harmed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from device.counters_file import Counted, add_counted, refuse_other_file
from operatord.reconciling import Accounted
from operatord.witnesses import parse_device
from wire.errors import ConfigError, ShellError

FIRST = Counted(bytes(16), 1_790_000_000, 1_790_000_600, 10_000_000, 1_000_000)
SECOND = Counted(bytes(15) + b"\1", 1_790_000_700, 1_790_000_760, 5, 6)


def test_who_compares_reads_it(tmp_path: Path):
    path = tmp_path / "counters.json"
    for one in (FIRST, SECOND, FIRST):
        add_counted(path, one)
    sums = parse_device(path.read_text())
    assert sums[SECOND.grant_id] == Accounted(
        up_bytes=6, down_bytes=5, duration_s=60, sessions=1, last_s=1_790_000_760
    )
    assert (sums[FIRST.grant_id].sessions, sums[FIRST.grant_id].down_bytes) == (2, 20_000_000)
    assert path.stat().st_mode & 0o777 == 0o600, "who was where, and when"


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"\xff", b'{"airgrant device counters": 2, "sessions": []}', b'{"sessions": []}',
     b'{"airgrant device counters": 1, "sessions": {}}'],
)  # fmt: skip
def test_another_file_is_never_overwritten(content: bytes, tmp_path: Path):
    path = tmp_path / "wallet.pem"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="no file of device counters"):
        refuse_other_file(path)
    with pytest.raises(ConfigError, match=r"wallet\.pem"):
        add_counted(path, FIRST)
    assert path.read_bytes() == content


def test_where_nothing_is_there_all_is_well_and_a_folder_is_the_disks_refusal(tmp_path: Path):
    refuse_other_file(tmp_path / "new.json")
    with pytest.raises(ShellError):
        refuse_other_file(tmp_path)


def test_several_at_once_lose_nothing(tmp_path: Path):
    path = tmp_path / "counters.json"
    stays = [Counted(bytes([number]) * 16, 1_790_000_000, 1_790_000_600, 1, 2) for number in range(20)]
    with ThreadPoolExecutor(20) as writers:
        list(writers.map(lambda one: add_counted(path, one), stays))
    assert set(parse_device(path.read_text())) == {one.grant_id for one in stays}
