"""What an operator can set of the clearing house: the section [clearing] of the ledger's file.

    [clearing]           database = "clearing.db"
    [clearing.keepers]   02c1...9f = "https://other.example:8573"

With the section the ledger's service runs a clearing house, whose key is the ledger's own. The keepers are other houses
and where they tell the secrets of their time keys; the house itself is always one. Pure. Raises ConfigError.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ledger.section import Section
from wire.ids import PublicKey

CLEARING_KEYS = {"database", "keepers"}


@dataclass(frozen=True, slots=True)
class ClearingSettings:
    """`database` is the house's log; `keepers` says at which URL each keeper is asked."""

    database: Path
    keepers: Mapping[PublicKey, str]


def parse_clearing(section: Section) -> ClearingSettings:
    """From the section [clearing]. Raises ConfigError."""
    keepers = section.values.get("keepers", {})
    if not isinstance(keepers, dict):
        raise section.error("keepers", "is not a section of accounts and URLs")
    known: dict[PublicKey, str] = {}
    for account, url in keepers.items():
        try:
            key = PublicKey.parse(account)
        except ValueError as error:
            raise section.error("keepers", str(error)) from error
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise section.error(f"keepers.{account}", f"{url!r} is no http or https URL")
        known[key] = url
    return ClearingSettings(section.path("database"), known)
