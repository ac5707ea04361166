"""What is known of sellers, on disk: it stays, belongs to its owner, and is refused by name if it is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.experience import keep_reputation, load_reputation
from device.reputation import Reputation, note_stay
from tests.wire.examples import PROVIDER
from wire.errors import ConfigError


def test_it_stays_and_belongs_to_its_owner(tmp_path: Path) -> None:
    wallet = tmp_path / "wallet.pem"
    assert load_reputation(wallet) == Reputation()
    known = note_stay(Reputation(), PROVIDER.public, 7, served=True)
    keep_reputation(wallet, known)
    assert load_reputation(wallet) == known
    path = tmp_path / "wallet.kept" / "reputation.json"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{")
    with pytest.raises(ConfigError, match=r"reputation.json: .*take it away"):
        load_reputation(wallet)
