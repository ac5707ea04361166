"""Children start, are awaited by facts, and end for certain."""

import os
import signal
import sys
import threading

import pytest

from lab.processes import Household, describe_exit, interruptible, wait_until
from wire.errors import ShellError


def python(code):
    return [sys.executable, "-c", code]


def test_a_child_is_ready_when_its_log_says_so(tmp_path):
    with Household(tmp_path) as home:
        child = home.start("talker", python("print('listening on 4711'); import signal; signal.pause()"))
        assert child.wait_for_line(r"listening on (\d+)")[1] == "4711"
        assert child.running
    assert not child.running


def test_a_restarted_child_is_not_ready_because_of_the_line_of_the_one_before(tmp_path):
    with Household(tmp_path) as home:
        home.start("twice", python("print('ready')")).wait(10)
        again = home.start("twice", python("import sys; sys.exit(3)"))
        with pytest.raises(ShellError, match="exit code 3"):
            again.wait_for_line("ready")
    assert (tmp_path / "twice.log").read_text() == "ready\n"


def test_a_child_that_dies_while_awaited_is_reported_with_its_last_words(tmp_path):
    with Household(tmp_path) as home:
        child = home.start("mortal", python("print('no such disk'); raise SystemExit(5)"))
        with pytest.raises(ShellError, match=r"exit code 5(?s:.*)no such disk"):
            child.wait_for_line("ready")


def test_a_missing_fact_is_reported_at_the_deadline(tmp_path):
    with Household(tmp_path) as home:
        child = home.start("silent", python("import signal; signal.pause()"))
        with pytest.raises(ShellError, match="no sign of a line like 'ready' within"):
            child.wait_for_line("ready", deadline_s=0.2)


def test_a_missing_program_is_named(tmp_path):
    with Household(tmp_path) as home, pytest.raises(ShellError, match="cannot start nonesuch-4711"):
        home.start("absent", ["nonesuch-4711"])


def test_check_raises_only_once_a_child_has_died(tmp_path):
    with Household(tmp_path) as home:
        child = home.start("mortal", python("import signal; signal.pause()"))
        home.check()
        child.kill()
        with pytest.raises(ShellError, match="killed by SIGKILL"):
            home.check()


def test_a_child_that_ignores_sigterm_is_killed(tmp_path):
    stubborn = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf'); signal.pause()"
    with Household(tmp_path) as home:
        child = home.start("stubborn", python(stubborn))
        child.wait_for_line("deaf")
        assert child.stop(grace_s=0.2) == -signal.SIGKILL


def test_children_end_the_youngest_first_and_whatever_ends_the_block(tmp_path):
    home = Household(tmp_path)
    children = [home.start(name, python("import signal; signal.pause()")) for name in ("old", "young")]

    def interrupted_story():
        with home:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_story()
    assert [child.process.returncode for child in children] == [-signal.SIGTERM, -signal.SIGTERM]


def test_the_environment_is_added_to_ours(tmp_path):
    code = python("import os; print(os.environ['LAB_WORD'], 'PATH' in os.environ)")
    with Household(tmp_path) as home:
        child = home.start("env", code, environment={"LAB_WORD": "hello"})
        child.wait(10)
        assert child.said == "hello True\n"


def test_sigterm_leaves_every_block(tmp_path):
    home = Household(tmp_path)
    child = home.start("child", python("import signal; signal.pause()"))

    def story():
        with interruptible(), home:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
            child.process.wait()

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        story()
    assert child.process.returncode == -signal.SIGTERM


def test_waiting_names_what_did_not_come():
    with pytest.raises(TimeoutError, match="the sun"):
        wait_until(lambda: False, "the sun", 0.05)


@pytest.mark.parametrize(("code", "text"), [(0, "exit code 0"), (-9, "killed by SIGKILL")])
def test_exits_in_words(code, text):
    assert describe_exit(code) == text
