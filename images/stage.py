"""What of the source tree goes into a package: the modules that one of its commands may import, and no others.

    python3 -m images.stage apd.__main__ FOLDER       copies them into FOLDER and says how many

Owns the walk over imports. It imports nothing that it packs, and needs only the standard library, so that it runs
before there is a virtual environment. What is imported inside a function counts: the daemon does so to start lean. What
stands under `if TYPE_CHECKING` does not. Exit status: 0 done, 2 a command that is not there.
"""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath

PACKAGES = ("wire", "nas_tunnel", "tc_shaper", "ran_slicing", "apd")
"""What runs on a box."""
DATA = (".html", ".css", ".js", ".json", ".sql", ".toml")
"""Files beside a module that it may read."""
ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """From the command line; returns the exit status."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python3 -m images.stage MODULE FOLDER\n")
        return 2
    start, folder = arguments
    if start not in modules_of(ROOT):
        sys.stderr.write(f"stage: there is no module {start} on a box\n")
        return 2
    files = plan_files(ROOT, start)
    copy(ROOT, files, Path(folder))
    size = sum((ROOT / file).stat().st_size for file in files)
    sys.stdout.write(f"{start}: {len(files)} files, {size} octets\n")
    return 0


def plan_files(root: Path, start: str) -> list[PurePosixPath]:
    """The files of `start` and of everything of ours that it may import, relative to `root`, in order."""
    known = modules_of(root)
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        name = ahead.pop()
        if name in reached:
            continue
        reached.add(name)
        ahead.extend(parent for parent in (name.rpartition(".")[0],) if parent)
        tree = ast.parse((root / known[name]).read_text(encoding="utf-8"))
        ahead.extend(target for said in imports(tree) if (target := _module(said, known)) is not None)
    files = {known[name] for name in reached}
    return sorted(files | {data for file in files for data in _data_beside(root, file)})


def modules_of(root: Path) -> dict[str, PurePosixPath]:
    """Every module of the box's packages, by dotted name."""
    found: dict[str, PurePosixPath] = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            file = PurePosixPath(path.relative_to(root).as_posix())
            parts = file.parent.parts if file.name == "__init__.py" else file.with_suffix("").parts
            found[".".join(parts)] = file
    return found


def imports(tree: ast.Module) -> Iterator[str]:
    """Dotted names of everything imported when the program runs; `from a import b` gives a.b, which may be a value."""
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert not node.level, "the house imports by whole names"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(said: str, known: dict[str, PurePosixPath]) -> str | None:
    """The module that `a.b.c` names or lies in; None if it is nobody's of ours."""
    if said in known:
        return said
    within = said.rpartition(".")[0]
    return within if within in known else None


def _data_beside(root: Path, file: PurePosixPath) -> Iterator[PurePosixPath]:
    stem = root / file.with_suffix("")
    for suffix in DATA:
        if stem.with_suffix(suffix).is_file():
            yield file.with_suffix(suffix)


def copy(root: Path, files: list[PurePosixPath], folder: Path) -> None:
    """Into `folder`, which is emptied first: what was imported once is not packed for ever."""
    shutil.rmtree(folder, ignore_errors=True)
    for file in files:
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, target)
        target.chmod(0o644)


# ---- Byte-code


def to_byte_code(folder: Path, python: str, installed: PurePosixPath) -> None:
    """Each module of `folder` becomes a .pyc in its place, for `python`, as if it lay in `installed`; the same octets
    wherever it is made. What only a reader wants is left out, a fifth: docstrings, and the columns of tracebacks, which
    keep their lines. Assertions stay. Raises subprocess.CalledProcessError.
    """
    sources = sorted(folder.rglob("*.py"))
    for source in sources:
        source.write_text(without_docstrings(source.read_text(encoding="utf-8")), encoding="utf-8")
    words: list[str | PurePath] = [
        "-q",
        "-b",
        "--invalidation-mode",
        "unchecked-hash",
        "-s",
        folder,
        "-p",
        installed,
        folder,
    ]
    subprocess.run([python, "-I", "-X", "no_debug_ranges", "-m", "compileall", *words], check=True)
    for source in sources:
        source.unlink()


def without_docstrings(source: str) -> str:
    """The same program: each docstring is an empty one, and every line keeps its number."""
    lines = source.encode().splitlines(keepends=True)  # the tree counts columns in octets
    for said in reversed(list(_docstrings(ast.parse(source)))):
        assert said.end_lineno is not None
        assert said.end_col_offset is not None
        first, last = said.lineno - 1, said.end_lineno - 1
        after = lines[last][said.end_col_offset :]
        lines[first : last + 1] = [
            lines[first][: said.col_offset] + b'""' + b"\n" * (last - first) + after,
            *[b""] * (last - first),
        ]
    return b"".join(lines).decode()


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """In the order of the text."""
    found = [
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
        and isinstance(node.body[0].value.value, str)
    ]
    return iter(sorted(found, key=lambda said: said.lineno))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
