"""A configuration file that is not there, or is none, is the operator's mistake, with the file's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.toml_file import read_toml
from wire.errors import ConfigError


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[a]\nb = 1\n")
    assert read_toml(file) == {"a": {"b": 1}}


@pytest.mark.parametrize("content", [b"[a", b"\xff\xfe = 1"])
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"a\.toml: "):
        read_toml(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"b\.toml: No such file"):
        read_toml(tmp_path / "b.toml")
