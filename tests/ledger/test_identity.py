"""Keys and names in files: what is there is read, what is not is said with the file's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.certificates import Authority
from ledger.identity import read_common_name, read_key
from wire.errors import ConfigError
from wire.keys import PrivateKey


def test_an_account_s_key(tmp_path: Path) -> None:
    key = PrivateKey.generate()
    (tmp_path / "alice.key").write_bytes(key.to_pem())
    assert read_key(tmp_path / "alice.key").public == key.public


def test_the_name_that_a_broker_sees(tmp_path: Path) -> None:
    """An account, which is longer than X.520 likes."""
    key = PrivateKey.generate()
    identity = Authority.create(tmp_path / "certificates").issue_client(str(key.public), key.key)
    assert read_common_name(identity.certificate) == str(key.public)


@pytest.mark.parametrize("read", [read_key, read_common_name])
def test_what_cannot_be_read_is_named(tmp_path: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(ConfigError, match=r"nowhere\.pem"):
        read(tmp_path / "nowhere.pem")
    (tmp_path / "wrong.pem").write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigError, match=r"wrong\.pem"):
        read(tmp_path / "wrong.pem")
