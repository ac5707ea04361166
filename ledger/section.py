"""One section of a TOML file: values by key, each refused with file, section and key where it is not what it should be.

Pure: what the file says comes in as mappings (ledger/toml_file.py reads it). Raises ConfigError. Paths are relative to
the folder of the file. The ledger's and the operator's settings are read with it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wire.errors import ConfigError
from wire.ids import PublicKey


def refuse_unknown(page: Mapping[str, Any], known: Mapping[str, Collection[str] | None], file: Path) -> None:
    """Every section has to be in `known`, and every key of it; None is for one whose keys are the owner's choice."""
    for section, values in page.items():
        if section not in known:
            raise ConfigError(f"{file}: {section}: there is no such section")
        if not isinstance(values, dict):
            raise ConfigError(f"{file}: {section}: is not a section")
        keys = known[section]
        for key in values:
            if keys is not None and key not in keys:
                raise ConfigError(f"{file}: {section}.{key}: there is no such setting")


@dataclass(frozen=True, slots=True)
class Section:
    """The values of one section, and how to name it in an error."""

    values: Mapping[str, Any]
    name: str
    file: Path

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, default)
        if not isinstance(value, str) or not value:
            raise self.error(key, "a text is needed")
        return value

    def path(self, key: str) -> Path:
        return self.file.parent / self.text(key)

    def port(self, key: str, default: int) -> int:
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65_535:
            raise self.error(key, f"{value!r} is not a port")
        return value

    def number(self, key: str, default: int) -> int:
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(key, f"{value!r} is not a number of at least 0")
        return value

    def switch(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"{value!r} is neither true nor false")
        return value

    def account(self, key: str) -> PublicKey:
        try:
            return PublicKey.parse(self.text(key))
        except ValueError as error:
            raise self.error(key, str(error)) from error

    def octets(self, key: str, size: int) -> bytes:
        """From hexadecimal digits."""
        text = self.text(key)
        try:
            value = bytes.fromhex(text)
        except ValueError:
            value = b""
        if len(value) != size:
            raise self.error(key, f"{text!r} is not {2 * size} hexadecimal digits")
        return value

    def error(self, key: str, text: str) -> ConfigError:
        return ConfigError(f"{self.file}: {self.name}.{key}: {text}")
