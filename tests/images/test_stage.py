"""What is packed: the closure of imports, no more and no less."""

import ast
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from images import stage
from images.stage import ROOT, copy, imports, main, modules_of, plan_files, to_byte_code, without_docstrings

TREE = {
    "apd/__init__.py": "",
    "apd/__main__.py": """
import json
from typing import TYPE_CHECKING
import wire.units
if TYPE_CHECKING:
    import apd.typed
def run():
    from apd.daemon import Daemon
""",
    "apd/daemon.py": "from apd import shells\nfrom apd.shells.store import Store\n",
    "apd/shells/__init__.py": "",
    "apd/shells/store.py": "",
    "apd/shells/store.sql": "create table",
    "apd/shells/fake.py": "",
    "apd/typed.py": "",
    "wire/__init__.py": "",
    "wire/units.py": "from wire.errors import DecodeError\n",
    "wire/errors.py": "",
    "lab/__init__.py": "",
}


@pytest.fixture
def tree(tmp_path) -> Path:
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_is_imported_anywhere_goes_in_with_its_packages_and_data(tree) -> None:
    assert [str(file) for file in plan_files(tree, "apd.__main__")] == [
        "apd/__init__.py",
        "apd/__main__.py",
        "apd/daemon.py",
        "apd/shells/__init__.py",
        "apd/shells/store.py",
        "apd/shells/store.sql",
        "wire/__init__.py",
        "wire/errors.py",
        "wire/units.py",
    ]


def test_modules_are_those_of_the_box(tree) -> None:
    assert modules_of(tree)["apd.shells"] == PurePosixPath("apd/shells/__init__.py")
    assert "lab" not in modules_of(tree)


def test_imports_for_types_only_do_not_count() -> None:
    said = """
if TYPE_CHECKING:
    from a import b
else:
    import c.d
try:
    from e import f as g
except ImportError:
    pass
"""
    assert list(imports(ast.parse(said))) == ["c.d", "e.f"]


def test_what_was_packed_before_is_gone(tree, tmp_path) -> None:
    out = tmp_path / "out"
    (out / "old").mkdir(parents=True)
    copy(tree, [PurePosixPath("wire/errors.py")], out)
    assert [str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()] == ["wire/errors.py"]


def test_the_staged_box_runs_alone(tmp_path) -> None:
    assert main(["apd.__main__", str(tmp_path / "box")]) == 0
    path = str(tmp_path / "box")
    script = "from apd.__main__ import main; import apd.daemon; main(['--version'])"
    script = f"import sys; sys.path.insert(0, {path!r}); {script}"
    done = subprocess.run([sys.executable, "-I", "-c", script], check=False, capture_output=True, text=True)
    assert done.stdout.startswith("apd "), done.stderr


def test_no_module_of_the_box_is_forgotten_but_for_fakes_captures_and_the_command_line() -> None:
    packed = {str(file) for file in plan_files(ROOT, "apd.__main__")}
    left = {str(file) for name, file in modules_of(ROOT).items() if name.startswith("apd.")} - packed
    assert {name for name in left if "fake_" not in name} == set()


@pytest.mark.parametrize("arguments", [[], ["apd.nothing", "x"], ["lab.box", "x"]])
def test_usage(arguments, capsys) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err


SAID = '''"""What it is,

in three lines."""
X = "é"; Y = """kept"""
class C:
    """Said."""; z = 1
    def f(self):
        """Said
        twice."""
        assert self.z, "kept"
        return __doc__, self.f.__doc__, C.__doc__
    async def g(self): "é said"
'''


def test_docstrings_go_and_lines_stay():
    left = without_docstrings(SAID)
    assert "Said" not in left
    assert "said" not in left
    assert "three" not in left
    assert left.count("kept") == 2
    assert len(left.splitlines()) == len(SAID.splitlines())
    trees = [ast.parse(text) for text in (SAID, left)]
    assert [said.value for said in stage._docstrings(trees[1])] == [""] * 4
    before, after = (
        [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert | ast.Return)]
        for tree in trees
    )
    assert before == after


@pytest.mark.parametrize("file", ["apd/core.py", "apd/daemon.py", "wire/cbor.py", "tc_shaper/kernel.py"])
def test_our_own_modules_stay_what_they_are(file):
    """But for their docstrings and columns."""
    source = (ROOT / file).read_text()
    trees = [ast.parse(text) for text in (source, without_docstrings(source))]
    for said in stage._docstrings(trees[0]):
        said.value = ""
    assert ast.dump(trees[0]) == ast.dump(trees[1])


def test_byte_code_runs_alone_and_is_a_fifth_smaller(tmp_path):
    for name in ("plain", "lean"):
        copy(ROOT, plan_files(ROOT, "apd.core"), tmp_path / name)
    installed = PurePosixPath("/usr/lib/airgrant")
    to_byte_code(tmp_path / "lean", sys.executable, installed)
    subprocess.run([sys.executable, "-m", "compileall", "-qb", tmp_path / "plain"], check=True)
    lean, plain = (
        sum(path.stat().st_size for path in (tmp_path / name).rglob("*.pyc")) for name in ("lean", "plain")
    )
    assert lean < 0.85 * plain
    assert not list((tmp_path / "lean").rglob("*.py"))
    again = tmp_path / "again"
    copy(ROOT, plan_files(ROOT, "apd.core"), again)
    to_byte_code(again, sys.executable, installed)
    for path in again.rglob("*.pyc"):
        assert path.read_bytes() == (tmp_path / "lean" / path.relative_to(again)).read_bytes()
    said = subprocess.run(
        [sys.executable, "-c", "import apd.core; print(apd.core.step.__code__.co_filename)"],
        cwd=tmp_path / "lean", check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert said.stdout == f"{installed}/apd/core.py\n", "where a traceback says that it is"
