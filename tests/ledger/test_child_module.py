"""A child of ours finds our modules, and none that lie where somebody happens to work."""

from __future__ import annotations

import subprocess
from pathlib import Path

import ledger
from ledger.child_module import module_words


def test_a_module_of_the_present_folder_is_not_run(tmp_path: Path) -> None:
    hostile = "import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n"
    for name in ("sqlite3", "json", "runpy", "this"):
        (tmp_path / f"{name}.py").write_text(hostile)
    done = subprocess.run(module_words("this"), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Beautiful is better" in done.stdout
    assert not list(tmp_path.glob("*.ran"))


def test_our_own_modules_are_those_of_this_process(tmp_path: Path) -> None:
    subprocess.run(module_words("ledger.child_module"), cwd=tmp_path, check=True)
    assert str(Path(ledger.__file__).parents[1]) in module_words("x")


def test_a_relative_place_is_left_out() -> None:
    assert module_words("x", ["", ".", "here", "/there"])[-2:] == ["x", "/there"]
