"""An application is there for as long as it is asked for, and gone afterwards."""

from __future__ import annotations

from urllib.error import URLError
from urllib.request import urlopen

import pytest
from fastapi import FastAPI

from lab.serving import served


def test_it_answers_until_the_end_of_the_block() -> None:
    app = FastAPI()

    @app.get("/height")
    def height() -> int:
        return 7

    with served(app) as url, urlopen(f"{url}/height", timeout=10) as answer:
        assert answer.read() == b"7"
    with pytest.raises(URLError):
        urlopen(f"{url}/height", timeout=10)


def test_what_is_raised_inside_ends_it_too() -> None:
    serving = served(FastAPI())
    url = serving.__enter__()
    assert not serving.__exit__(LookupError, LookupError(), None), "it goes on to whoever asked"
    with pytest.raises(URLError):
        urlopen(url, timeout=10)
