"""apd/signalling_settings.py: a section that says nothing is a mistake."""

from pathlib import Path

import pytest

from apd.signalling_settings import SignallingSettings
from wire.errors import ConfigError


def test_one_of_the_two_is_enough() -> None:
    assert SignallingSettings(socket=Path("a")).sib_file is None
    assert SignallingSettings(sib_file=Path("a")).socket is None


def test_neither_is_refused() -> None:
    with pytest.raises(ConfigError, match="leave the section out"):
        SignallingSettings()
