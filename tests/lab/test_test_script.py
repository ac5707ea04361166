"""lab/test.sh runs both parts whatever happens, and its last lines name every test that failed in either."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MARK = "PYTEST.MARK.SYSTEM".lower()  # a file that has it in so many words has system tests
PYTEST = """\
#!/bin/sh
# Stands in for pytest: what `say` has for the part, and its exit status.
part=ordinary
case "$*" in
  *no:cacheprovider*) part=guest ;; *"-m not system"*) part=plain ;; *"-m system"*) part=system ;;
  *"-q tests/"*) part=story ;;
esac
echo "$@" >>"say/$part.arguments"
if [ -e say/wait ]; then
  trap 'echo "KeyboardInterrupt of $part"; exit 2' INT
  echo $$ >>say/begun
  while :; do sleep 0.1; done
fi
cat "say/$part"; exit "$(cat "say/$part.status")"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The script, a sandbox and a guest that are none, and a pytest that says what it is told to."""
    for folder in ("lab", "say", ".venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "lab" / "test.sh", tmp_path / "lab" / "test.sh")
    (tmp_path / "tests/system").mkdir(parents=True)
    for name in ("lab_pay", "a", "b", "c", "d", "e"):
        (tmp_path / f"tests/system/test_{name}.py").write_text(f"pytestmark = {MARK}\n")
    (tmp_path / "tests/system/test_plain.py").write_text("nothing of the kind\n")
    write_program(tmp_path / "lab/sandbox.sh", '#!/bin/sh\nexec env --default-signal=INT "$@"\n')
    write_program(tmp_path / "lab/guest.sh", '#!/bin/sh\n[ "$1" = --set-up ] || exec "$@"\n')
    write_program(tmp_path / "lab/oracles.sh", "#!/bin/sh\necho asked >say/oracles\n")
    write_program(tmp_path / ".venv/bin/python", PYTEST)
    say(tmp_path, "ordinary", "6113 passed in 600 s", 0)
    say(tmp_path, "system", "4 passed in 90 s", 0)
    say(tmp_path, "story", "9 passed in 400 s", 0)
    say(tmp_path, "plain", "5000 passed in 300 s", 0)
    say(tmp_path, "guest", "36 passed in 900 s", 0)
    return tmp_path


def write_program(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def say(clone: Path, part: str, text: str, status: int) -> None:
    (clone / "say" / part).write_text(text + "\n")
    (clone / "say" / f"{part}.status").write_text(f"{status}\n")


def run_tests(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / "lab/test.sh", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_failure_is_named_after_everything_that_the_guest_said(clone: Path) -> None:
    say(clone, "system", "FAILED tests/wire/test_offer.py::test_x[a b] - assert 1 == 2\n1 failed", 1)
    say(clone, "guest", "\n".join(f"line {number} of the guest" for number in range(1_000)), 0)
    run = run_tests(clone)
    assert run.returncode == 1
    assert run.stdout.splitlines()[-2:] == [
        "test: failed of the system part, exit status 1:",
        "FAILED tests/wire/test_offer.py::test_x[a b] - assert 1 == 2",
    ]
    assert "line 999 of the guest" in run.stdout, "both parts ran"


def test_all_parts_are_named_and_colours_hide_nothing(clone: Path) -> None:
    say(clone, "system", "\x1b[31mFAILED\x1b[0m tests/a.py::\x1b[1mtest_a\x1b[0m - no", 1)
    say(clone, "guest", "ERROR tests/guest/b.py::test_b - " + "x" * 1_000, 1)
    last = run_tests(clone).stdout.splitlines()[-4:]
    assert last[1] == "FAILED tests/a.py::test_a - no"
    assert last[2] == "test: failed of the guest part, exit status 1:"
    assert last[3].startswith("ERROR tests/guest/b.py::test_b - xxx")
    assert len(last[3]) == 200, "a line is a line"


def test_a_part_that_ends_without_a_summary_is_told_by_its_last_words(clone: Path) -> None:
    say(clone, "plain", "INTERNALERROR> boom\nKilled", 137)
    run = run_tests(clone)
    assert run.returncode == 137
    assert run.stdout.splitlines()[-3:] == [
        "no test is named; it ended with:", "INTERNALERROR> boom", "Killed",
    ]  # fmt: skip


def test_nothing_is_added_where_nothing_failed(clone: Path) -> None:
    run = run_tests(clone)
    assert run.returncode == 0
    assert run.stdout.splitlines()[-1] == "5000 passed in 300 s"


def test_each_test_is_in_one_part(clone: Path) -> None:
    run = run_tests(clone)
    assert run.returncode == 0
    told = run.stdout.splitlines()
    stories = arguments(clone, "story")
    assert "tests/system/test_lab_auction.py" in stories[:2], "the longest begin"
    assert all((ROOT / story).exists() for story in stories)
    assert sorted(arguments(clone, "system")) == [
        "-m system tests/system/test_a.py tests/system/test_b.py tests/system/test_c.py tests/system/test_d.py",
        "-m system tests/system/test_e.py",
    ]
    (plain,) = arguments(clone, "plain")
    assert plain.startswith("-m not system tests --ignore=")
    assert {word.removeprefix("--ignore=") for word in plain.split()[4:]} == set(stories)
    assert told.count("9 passed in 400 s") == len(stories)
    assert told.count("4 passed in 90 s") == 2
    assert told.index("36 passed in 900 s") < told.index("5000 passed in 300 s") == len(told) - 1
    assert all(f"test: {story} ..." in told for story in stories), "who waits sees for what"


def test_one_failure_among_many_sandboxes_is_named(clone: Path) -> None:
    say(clone, "story", "FAILED tests/system/test_lab_pay.py::test_a - no", 1)
    run = run_tests(clone)
    assert run.returncode != 0
    assert run.stdout.splitlines()[-2:] == [
        "test: failed of the system part, exit status 1:",
        "FAILED tests/system/test_lab_pay.py::test_a - no",
    ]
    assert "36 passed in 900 s" in run.stdout


def test_a_sandbox_that_ends_without_a_summary_has_a_name(clone: Path) -> None:
    say(clone, "story", "INTERNALERROR> boom", 137)
    last = run_tests(clone).stdout.splitlines()[-12:]
    assert all(line.endswith(" - exit status 137: INTERNALERROR> boom") for line in last)
    assert {line.split()[1] for line in last} == set(arguments(clone, "story"))


@pytest.fixture
def waiting(clone: Path, eventually: Callable[..., None]) -> Iterator[subprocess.Popen[str]]:
    """A run of which two system parts and the plain one have begun, and wait."""
    (clone / "say/wait").touch()
    with subprocess.Popen(
        [clone / "lab/test.sh"], stdout=subprocess.PIPE, text=True, start_new_session=True, cwd=clone
    ) as run:
        try:
            eventually(lambda: len(begun(clone)) == 3, "three parts", 20)
            yield run
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)


def begun(clone: Path) -> list[int]:
    file = clone / "say/begun"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def test_ctrl_c_lets_each_part_say_where_it_was(waiting: subprocess.Popen[str]) -> None:
    os.killpg(waiting.pid, signal.SIGINT)
    said, _ = waiting.communicate(timeout=20)
    assert waiting.returncode == 130
    assert said.splitlines().count("KeyboardInterrupt of story") == 2
    assert said.count("KeyboardInterrupt of plain") == 1


def test_an_end_from_outside_leaves_nothing(
    clone: Path, waiting: subprocess.Popen[str], eventually: Callable[..., None]
) -> None:
    waiting.terminate()
    waiting.communicate(timeout=20)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in begun(clone)), "all have ended", 10)


def arguments(clone: Path, part: str) -> list[str]:
    """What pytest was told after `-m pytest -q`, a line for each time that it was started."""
    lines = (clone / f"say/{part}.arguments").read_text().splitlines()
    return [line.removeprefix("-m pytest -q ") for line in lines]


def test_with_an_option_everything_ordinary_is_one_part(clone: Path) -> None:
    assert run_tests(clone, "-x").returncode == 0
    assert not any((clone / f"say/{part}.arguments").exists() for part in ("story", "system", "plain"))
    assert arguments(clone, "ordinary") == ["tests -x"]


def test_a_word_of_a_test_that_passed_is_no_failure(clone: Path) -> None:
    say(clone, "ordinary", "FAILED words of a test that is run with -s", 0)
    assert run_tests(clone, "tests").stdout.count("FAILED") == 1


def test_what_others_make_is_there_before_the_sandbox_is_entered(clone: Path) -> None:
    assert run_tests(clone, "tests").returncode == 0
    assert (clone / "say/oracles").read_text() == "asked\n"


def test_each_builder_is_asked_though_another_cannot(tmp_path: Path) -> None:
    """The real lab/oracles.sh, over builders that only write down how they were called; the first of them fails."""
    script = (ROOT / "lab/oracles.sh").read_text()
    called = [line.split(" &")[0].strip() for line in script.splitlines() if re.search(r" & +# ", line)]
    assert len(called) == 6
    for line in ("lab/set-up.sh", *called):
        program = line.split()[0]
        assert (ROOT / program).exists()
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        status = 3 if line == called[0] else 0
        write_program(
            tmp_path / program, f'#!/bin/sh\necho "{program} $*" >>"{tmp_path}/called"; exit {status}\n'
        )
    shutil.copy(ROOT / "lab/oracles.sh", tmp_path / "lab/oracles.sh")
    run = subprocess.run([tmp_path / "lab/oracles.sh"], timeout=60, check=False)
    assert run.returncode == 0
    told = (tmp_path / "called").read_text().splitlines()
    assert told[:3] == [f"lab/set-up.sh --{what}" for what in ("go", "evm", "images")], (
        "one apt at a time, and first"
    )
    assert {line.strip() for line in told[3:]} == set(called)


def test_a_test_is_marked_in_its_own_file() -> None:
    """By this the script finds them: no mark comes from a conftest.py or a plugin."""
    for file in (ROOT / "tests").rglob("*.py"):
        assert file.name.startswith("test_") or MARK not in file.read_text(), file
