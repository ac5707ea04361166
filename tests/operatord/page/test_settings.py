"""Section [page]: what is refused, and by which name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from operatord.page.settings import parse_page
from wire.errors import ConfigError

FILE = Path("/srv/operator/operatord.toml")
TLS = {"certificate": "page.pem", "key": "page.key"}


def parse(**values: Any) -> object:
    return parse_page({"page": values}, FILE)


def test_without_the_section_nothing_listens() -> None:
    assert parse_page({}, FILE) is None


def test_by_itself_it_is_for_this_machine_alone() -> None:
    page = parse_page({"page": {}}, FILE)
    assert page is not None
    assert (page.host, page.port, page.origin.text) == ("127.0.0.1", 8575, "http://localhost:8575")
    assert not page.origin.is_secure


def test_for_others_it_has_a_certificate() -> None:
    page = parse_page({"page": {"host": "192.0.2.1", "origin": "https://operator.example", **TLS}}, FILE)
    assert page is not None
    assert page.origin.is_secure
    assert (page.certificate, page.key) == (FILE.parent / "page.pem", FILE.parent / "page.key")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"host": "0.0.0.0"}, "page.host"),
        ({"host": "192.0.2.1"}, "page.host"),
        ({"host": "operator.example"}, "page.host"),
        ({"host": "operator.example", **TLS}, "page.host"),
        ({"certificate": "page.pem"}, "page.key"),
        ({"key": "page.key"}, "page.certificate"),
        ({"origin": "operator.example"}, "page.origin"),
        ({"origin": "https://operator.example/"}, "page.origin"),
        ({"origin": "http://localhost:8575", **TLS}, "page.origin"),
        ({"port": 70_000}, "page.port"),
    ],
)
def test_what_is_refused_is_named(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(**values)
