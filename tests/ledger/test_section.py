"""One section of a TOML file: what is refused, and by which name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.section import Section, refuse_unknown
from wire.errors import ConfigError
from wire.keys import PrivateKey

FILE = Path("/etc/some.toml")


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ({"ledgr": {}}, "ledgr: there is no such section"),
        ({"ledger": 3}, "ledger: is not a section"),
        ({"ledger": {"kye": 1}}, "ledger.kye: there is no such setting"),
    ],
)
def test_what_nobody_knows_is_refused(page: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        refuse_unknown(page, {"ledger": {"key"}, "boxes": None}, FILE)
    assert str(error.value) == f"/etc/some.toml: {complaint}"


def test_a_section_of_the_owner_s_choice_has_any_keys() -> None:
    refuse_unknown({"boxes": {"roof": {}}, "ledger": {"key": 1}}, {"ledger": {"key"}, "boxes": None}, FILE)


def test_accounts_and_octets_are_read_or_refused_by_name() -> None:
    account = PrivateKey.from_secret(3).public
    section = Section({"key": str(account), "id": "0a0b", "odd": "0a0", "other": 1}, "ledger", FILE)
    assert section.account("key") == account
    assert section.octets("id", 2) == b"\x0a\x0b"
    for refused in (
        lambda: section.octets("id", 3),
        lambda: section.octets("odd", 1),
        lambda: section.octets("other", 1),
        lambda: section.account("id"),
        lambda: section.account("missing"),
    ):
        with pytest.raises(ConfigError, match=r"^/etc/some.toml: ledger\.\w+: "):
            refused()
