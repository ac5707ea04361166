"""lab/go.sh: programs are pinned to the last octet, nothing is built twice, and what cannot be had is said."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = (ROOT / "lab" / "go.sh").read_text()
ROWS = [line.split("|") for line in re.search(r"<<TABLE\n(.*?)\nTABLE", SCRIPT, re.DOTALL)[1].splitlines()]  # type: ignore[index]
GO = """\
#!/bin/sh
# Stands in for any Go: hands out a toolchain whose checksum is what $SUM says, which "builds" a program.
[ "$1 $2 $3" = "mod download -json" ] || exit 9
mkdir -p build/module/bin build/module/pkg/tool/x
cat >build/module/bin/go <<'END'
#!/bin/sh
[ "$1" = build ] || exit 9
echo built >>"$GOPATH/count"
echo '#!/bin/sh' >"$3"
chmod +x "$3"
END
touch build/module/pkg/tool/x/compile
printf '{\\n\\t"Dir": "%s",\\n\\t"Sum": "%s"\\n}\\n' "$PWD/build/module" "$SUM"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The script with one program, a set-up that does nothing, and a Go that is none."""
    for folder in ("lab", "bin", "tests/oracles/nas"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "lab" / "go.sh", tmp_path / "lab" / "go.sh")
    write_program(tmp_path / "lab/set-up.sh", "#!/bin/sh\n")
    write_program(tmp_path / "bin/go", GO)
    (tmp_path / "tests/oracles/nas/main.go").write_text("package main\n")
    return tmp_path


def write_program(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


def run(clone: Path, *arguments: str, checksum: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    found = re.search(rf"\[{architecture}\]=(\S+)", SCRIPT)
    assert found is not None
    environment = {
        key: value for key, value in os.environ.items() if key not in {"AIRGRANT_SANDBOX", "GOROOT"}
    }
    environment |= {"PATH": f"{clone / 'bin'}:{os.environ['PATH']}", "SUM": checksum or found[1], **more}
    return subprocess.run(
        [clone / "lab/go.sh", *arguments], check=False, capture_output=True, text=True, env=environment
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_program_is_pinned(row: list[str]) -> None:
    _name, folder, _package, why = row
    modules = (ROOT / folder / "go.mod").read_text()
    assert re.search(r"^\s*(require )?\S+ v[0-9]", modules, re.MULTILINE)
    assert "h1:" in (ROOT / folder / "go.sum").read_text()
    assert "replace" not in modules
    assert why


def test_built_once_and_again_after_a_change(clone: Path) -> None:
    first = run(clone, "build", "nas-oracle")
    assert first.returncode == 0, first.stderr
    assert "fetching Go" in first.stderr
    assert (clone / "build/go/bin/nas-oracle").exists()
    again = run(clone, "build", "nas-oracle")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    (clone / "tests/oracles/nas/main.go").write_text("package main // other\n")
    changed = run(clone, "build", "nas-oracle")
    assert "built nas-oracle" in changed.stderr
    assert "fetching" not in changed.stderr
    assert (clone / "build/go/count").read_text() == "built\n" * 2


def test_another_checksum_is_no_go(clone: Path) -> None:
    failed = run(clone, "build", "nas-oracle", checksum="h1:else")
    assert failed.returncode == 3
    assert "has the checksum h1:else, not h1:" in failed.stderr
    assert not (clone / "build/go/bin/nas-oracle").exists()


def test_no_network_in_the_sandbox(clone: Path) -> None:
    failed = run(clone, "build", "nas-oracle", AIRGRANT_SANDBOX="1")
    assert failed.returncode == 3
    assert "nas-oracle is not built, and the sandbox has no network: run lab/go.sh build" in failed.stderr
    run(clone, "build", "nas-oracle")
    assert run(clone, "build", "nas-oracle", AIRGRANT_SANDBOX="1").returncode == 0


def test_a_program_that_nobody_knows(clone: Path) -> None:
    failed = run(clone, "build", "nothing")
    assert failed.returncode == 3
    assert "no program 'nothing' in the table" in failed.stderr
    assert run(clone).returncode == 2


def test_what_does_not_compile_is_shown(clone: Path) -> None:
    run(clone, "go", "version")
    version = next((clone / "build/go").glob("go1*"))
    write_program(version / "bin/go", "#!/bin/sh\necho 'main.go:1: no'\nexit 1\n")
    failed = run(clone, "build", "nas-oracle")
    assert failed.returncode == 3
    assert "nas-oracle cannot be built:" in failed.stderr
    assert "main.go:1: no" in failed.stderr
