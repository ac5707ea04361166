"""apd/signalling_settings.py: a section that says nothing is a mistake."""

from pathlib import Path

import pytest

from apd.signalling_settings import SignallingSettings
from wire.errors import ConfigError


def test_one_of_the_two_is_enough() -> None:
    assert SignallingSettings(socket=Path("a")).sib_file is None
    assert SignallingSettings(sib_file=Path("a")).socket is None


def test_one_path_is_not_both() -> None:
    with pytest.raises(ConfigError, match="the socket as well"):
        SignallingSettings(Path("a"), Path("a"))


def test_anothers_file_is_not_replaced() -> None:
    settings = SignallingSettings(sib_file=Path("deep/../gnb.yml"))
    settings.refuse_files([Path("cu.yml")])
    with pytest.raises(ConfigError, match=r"sib_file: .*gnb\.yml is the gNB's own"):
        settings.refuse_files([Path("cu.yml"), Path("gnb.yml")])
    SignallingSettings(Path("gnb.yml")).refuse_files([Path("gnb.yml")])


def test_neither_is_refused() -> None:
    with pytest.raises(ConfigError, match="leave the section out"):
        SignallingSettings()
