"""Section [page] of the operator's file: where a person's browser finds the operator's page. Pure; raises ConfigError.

    [page]  host = "127.0.0.1"  port = 8575  origin = "https://operator.example"
            certificate = "page.pem"  key = "page.key"

Without the section nothing listens. At an address that others can reach it wants a certificate: who is logged in, and
what he revokes, is nobody else's to read or to change on the way.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.section import Section
from operatord.page.origin import Origin, parse_origin

DEFAULT_PAGE_PORT = 8575
PAGE_KEYS = {"host", "port", "origin", "certificate", "key"}


@dataclass(frozen=True, slots=True)
class PageSettings:
    """`origin` is what a browser's address bar has, without a path; both files, or neither."""

    host: str
    port: int
    origin: Origin
    certificate: Path | None = None
    key: Path | None = None


def parse_page(page: Mapping[str, Any], file: Path) -> PageSettings | None:
    """From the content of the whole file, whose keys were looked at."""
    if "page" not in page:
        return None
    section = Section(page["page"], "page", file)
    host, port = section.text("host", "127.0.0.1"), section.port("port", DEFAULT_PAGE_PORT)
    has_certificate, has_key = "certificate" in section.values, "key" in section.values
    if has_certificate != has_key:
        raise section.error("key" if has_certificate else "certificate", "a certificate has a key: name both")
    if not _is_loopback(section, host) and not has_certificate:
        raise section.error(
            "host", f"{host!r} is reached by others: name a certificate and its key, or listen at 127.0.0.1"
        )
    made = f"http{'s' if has_certificate else ''}://localhost:{port}"
    try:
        origin = parse_origin(section.text("origin", made))
    except ValueError as error:
        raise section.error("origin", str(error)) from error
    if has_certificate and not origin.is_secure:
        raise section.error("origin", "there is a certificate: browsers come by https")
    files = (section.path("certificate"), section.path("key")) if has_certificate else (None, None)
    return PageSettings(host, port, origin, *files)


def _is_loopback(section: Section, host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise section.error("host", f"{host!r} is no address: {error}") from error
