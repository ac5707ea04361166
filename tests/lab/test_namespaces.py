"""What can be said of namespaces without a kernel; the rest is tests/system/test_lab_air.py."""

import sys

import pytest

from lab.namespaces import Namespace, Port, run
from wire.errors import ShellError


def test_a_command_inside_is_a_plain_command_line():
    assert Namespace("box").argv(["tc", "qdisc"]) == ["ip", "netns", "exec", "box", "tc", "qdisc"]


def test_a_failing_command_is_reported_with_its_complaint():
    with pytest.raises(ShellError, match="exit 2: no such thing"):
        run([sys.executable, "-c", "import sys; sys.stderr.write('no such thing'); sys.exit(2)"])


def test_a_command_that_hangs_is_reported():
    with pytest.raises(ShellError, match="did not end within"):
        run([sys.executable, "-c", "import signal; signal.pause()"], deadline_s=0.2)


def test_a_missing_program_is_reported():
    with pytest.raises(ShellError, match="is not installed"):
        run(["nonesuch-4711"])


def test_a_call_into_a_namespace_that_is_not_there_says_so():
    with pytest.raises(FileNotFoundError, match="nonesuch"):
        Namespace("nonesuch").call(lambda: None)


@pytest.mark.parametrize("name", ["", "sixteen-letters-"])
def test_interface_names_that_the_kernel_would_refuse(name):
    with pytest.raises(ValueError, match="1 to 15 bytes"):
        Port(Namespace("box"), name)
