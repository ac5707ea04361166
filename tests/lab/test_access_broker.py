"""The resource manager before the software TPM: several clients at once, each of which leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.access_broker import AccessBroker
from lab.software_tpm import SoftwareTpm
from wire.errors import ShellError

pytestmark = pytest.mark.system


def make_key(manager: AccessBroker, file: Path) -> str:
    words: list[str | Path] = [
        "openssl",
        "genpkey",
        "-provider",
        "tpm2",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "group:P-256",
        "-out",
        file,
    ]
    subprocess.run(words, env=os.environ | manager.environment, capture_output=True, check=True, timeout=60)
    return file.read_text()


def test_more_programs_use_the_tpm_at_once_than_it_has_room_for(
    tmp_path: Path, needs: Callable[..., None]
) -> None:
    needs("swtpm", "tpm2-abrmd", "dbus-daemon", "openssl")
    with SoftwareTpm(tmp_path / "tpm") as tpm, AccessBroker(tpm, tmp_path / "manager") as manager:
        with ThreadPoolExecutor(4) as hands:
            files = [tmp_path / f"{number}.key" for number in range(8)]
            keys = list(hands.map(lambda file: make_key(manager, file), files))
        assert len(set(keys)) == 8
        assert all(key.startswith("-----BEGIN TSS2 PRIVATE KEY-----") for key in keys)


def test_without_a_tpm_it_says_so_and_leaves_nothing_running(
    tmp_path: Path, needs: Callable[..., None]
) -> None:
    needs("tpm2-abrmd", "dbus-daemon", "openssl")
    manager = AccessBroker(SoftwareTpm(tmp_path / "tpm"), tmp_path / "manager")
    with pytest.raises(ShellError, match="abrmd"):
        manager.__enter__()
