"""The door for merchants where what is behind it fails: the reason is told to the operator, not to whoever asks."""

import urllib.error
import urllib.request

import pytest

from operatord.payplace.http import create_app
from operatord.payplace.office import HttpOffice
from tests.operatord.payplace.serving import served
from wire.errors import ShellError


class Broken:
    """An office whose disk fails."""

    def __getattr__(self, name: str) -> object:
        def fail(*_: object) -> None:
            raise ShellError("payouts", "/secret/place: no space left")

        return fail


def test_a_disk_that_fails_is_told_to_the_operator():
    told: list[str] = []
    with served(create_app(Broken(), told.append)) as url:  # type: ignore[arg-type]
        for path in ("announcement", "kept", f"blocks/{bytes(32).hex()}"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(f"{url}/v1/payplace/{path}")
            with caught.value as error:
                assert (error.code, error.read()) == (503, b"try again later")
        with pytest.raises(ShellError, match="try again later"):
            HttpOffice(url).announcement()
    assert told == ["payouts: /secret/place: no space left"] * 4
