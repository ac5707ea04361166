"""Which addresses a browser gives keys to."""

from __future__ import annotations

import pytest

from operatord.page.origin import parse_origin


@pytest.mark.parametrize(
    ("text", "rp_id", "secure"),
    [
        ("https://page.example.net", "page.example.net", True),
        ("https://page.example.net:8443", "page.example.net", True),
        ("https://operator", "operator", True),
        ("http://localhost:8575", "localhost", False),
        ("http://localhost", "localhost", False),
        ("https://localhost:8575", "localhost", True),
    ],
)
def test_a_name_over_tls_or_localhost(text: str, rp_id: str, secure: bool):
    origin = parse_origin(text)
    assert (origin.text, origin.rp_id, origin.is_secure) == (text, rp_id, secure)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://page.example.net", "without TLS is for localhost alone"),
        ("https://192.0.2.1", "is an address"),
        ("http://127.0.0.1:8575", "is an address"),
        ("https://[2001:db8::1]", "is not like"),
        ("https://page.example.net/", "without a path"),
        ("https://Page.example.net", "in lower case"),
        ("https://page.example.net:443", "leaves :443 out"),
        ("http://localhost:80", "leaves :80 out"),
        ("https://page.example.net:99999", "no port"),
        ("https://user@page.example.net", "is not like"),
        ("page.example.net", "is not like"),
        ("https://page.example.net\n", "is not like"),
        ("", "is not like"),
    ],
)
def test_anything_else_is_refused_with_the_reason(text: str, why: str):
    with pytest.raises(ValueError, match=why):
        parse_origin(text)
