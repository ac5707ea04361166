"""The files of a first configuration: who may read them, and that nothing stays of one that fails."""

from dataclasses import replace
from pathlib import Path

import pytest

from apd.config import load_config
from apd.setup import Answers, OperatorFile, format_settings, read_operator_file
from apd.setup_files import write_files
from tests.apd.test_setup_cli import ADDRESS, operator_file
from wire.errors import ConfigError, ShellError
from wire.ids import MacAddress
from wire.keys import PrivateKey

__all__ = ["operator_file"]


def read_address(_interface: str) -> MacAddress:
    return ADDRESS


@pytest.fixture
def operator(operator_file: Path) -> OperatorFile:
    return read_operator_file(operator_file.read_bytes(), "roof.toml")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "airgrant" / "apd.toml"


def settings(operator: OperatorFile) -> str:
    return format_settings(Answers("eth1", 30_000_000, 15_000_000, ""), operator)


def test_what_comes_with_them_is_secret_and_all_of_it_is_there_to_be_tried(config, operator) -> None:
    tried: list[set[str]] = []
    account = write_files(
        config, settings(operator), operator, read_address, {"more.conf": "secret"},
        lambda draft: tried.append({path.name for path in draft.iterdir()}),
    )  # fmt: skip
    assert account == str(load_config(config, read_address).box.provider)
    modes = {path.name: path.stat().st_mode & 0o777 for path in config.parent.iterdir()}
    assert tried == [set(modes)]
    assert modes == {
        "apd.toml": 0o640, "authority.pem": 0o644, "box.pem": 0o644, "box.key": 0o640, "provider.pem": 0o640,
        "more.conf": 0o640,
    }  # fmt: skip


def test_what_fails_when_it_is_tried_is_not_written(config, operator) -> None:
    def fails(_draft: Path) -> None:
        raise ShellError("ledger", "no answer")

    with pytest.raises(ShellError):
        write_files(config, settings(operator), operator, read_address, try_out=fails)
    assert list(config.parent.iterdir()) == []


def test_a_key_of_another_box_is_refused(config, operator) -> None:
    other = replace(operator, certificate_key=PrivateKey.generate().to_pem().decode())
    with pytest.raises(ConfigError, match="is not the key of"):
        write_files(config, settings(operator), other, read_address)
    assert list(config.parent.iterdir()) == []
