"""The errors that cross packages: who was wrong."""

import pytest

from wire.errors import ConfigError, DecodeError, ShellError, VerificationError


def test_what_does_not_verify_is_wrong_of_the_peer_too() -> None:
    assert issubclass(VerificationError, DecodeError)
    assert issubclass(DecodeError, ValueError)


@pytest.mark.parametrize("one", [DecodeError, ConfigError, ShellError])
def test_the_three_are_not_mistaken_for_each_other(one: type[Exception]) -> None:
    others = {DecodeError, ConfigError, ShellError} - {one}
    assert not issubclass(one, tuple(others))


def test_a_shell_error_says_what_failed_and_how() -> None:
    error = ShellError("disk", "full")
    assert (error.what, error.detail, str(error)) == ("disk", "full", "disk: full")
