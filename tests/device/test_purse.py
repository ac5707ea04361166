"""What was paid is kept as it was, for each operator; a damaged file is said, and a lost one costs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.keeping import kept_folder
from device.paying import Purse
from device.purse import Channel, keep_channel, load_channel
from tests.operatord.world import OPERATOR
from wire.errors import ConfigError

INSTANCE = b"i" * 32
CHANNEL = Channel(INSTANCE, OPERATOR.public, Purse(500, 100, 400, 9_000), 2, b"money")


def test_it_comes_back_with_the_deposit_of_today(tmp_path: Path) -> None:
    wallet = tmp_path / "w.pem"
    keep_channel(wallet, CHANNEL)
    assert load_channel(wallet, INSTANCE, OPERATOR.public, 9_000) == CHANNEL
    assert load_channel(wallet, INSTANCE, OPERATOR.public, 10_000).purse.limit_ubc == 10_000
    assert load_channel(wallet, b"j" * 32, OPERATOR.public, 1).purse == Purse(limit_ubc=1)
    assert (kept_folder(wallet) / f"{INSTANCE.hex()}.channel").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"paid_ubc": "5"}', "\x00"])
def test_damage_is_said(tmp_path: Path, text: str) -> None:
    wallet = tmp_path / "w.pem"
    keep_channel(wallet, CHANNEL)
    (kept_folder(wallet) / f"{INSTANCE.hex()}.channel").write_text(text)
    with pytest.raises(ConfigError, match="take it away"):
        load_channel(wallet, INSTANCE, OPERATOR.public, 1)
