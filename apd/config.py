"""The configuration file of the box: TOML, six sections, every key a field of a settings dataclass.

The one place that reads it. Unknown keys are refused with the nearest known one, a bad value with `file:
section.key: reason`; rates and durations may be written as people do ("50Mbit/s", "2m"); paths are relative to the
file. Raises ConfigError only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

from apd.settings import AirSettings, BoxSettings, Files, LedgerLinkSettings, MeterSettings
from tc_shaper.settings import ShaperSettings
from wire.errors import ConfigError
from wire.ids import MacAddress, PublicKey
from wire.keys import PrivateKey
from wire.units import parse_duration, parse_rate

T = TypeVar("T")
SECTIONS = ("box", "shaper", "ledger", "meter", "files", "air")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the daemon is told."""

    box: BoxSettings
    ledger: LedgerLinkSettings
    meter: MeterSettings
    files: Files
    provider_key: PrivateKey


def load_config(path: Path, read_address: Callable[[str], MacAddress]) -> Config:
    """The configuration in `path`. `read_address` tells an interface's MAC address where the file does not give the
    BSSID.
    """
    reader = _SectionReader(path, _parse(path))
    air = reader.build("air", AirSettings) if "air" in reader else None
    lobby_interface = air.lobby_interface if air else None
    followed = {"closed": air is not None, "lobby_interface": lobby_interface}
    shaper = reader.build("shaper", ShaperSettings, followed)
    ledger = reader.build("ledger", LedgerLinkSettings)
    meter = reader.build("meter", MeterSettings)
    files = reader.build("files", Files)
    provider_key = _load_key(path, files.provider_key_file)
    given: dict[str, Any] = {
        "shaper": shaper,
        "ledger": ledger.key,
        "ledger_id": ledger.ledger_id,
        "provider": provider_key.public,
        "air": air,
    }
    if not reader.has("box", "bssid"):
        given["bssid"] = read_address(shaper.interface)
    box = reader.build("box", BoxSettings, given)
    return Config(box, ledger, meter, files, provider_key)


class _SectionReader:
    def __init__(self, path: Path, document: Mapping[str, Any]) -> None:
        self._path = path
        self._document = document
        for section, table in document.items():
            if section not in SECTIONS:
                raise ConfigError(f"{path}: {section}: unknown section{_nearest(section, SECTIONS)}")
            if not isinstance(table, dict):
                raise ConfigError(f"{path}: {section}: has to be a table, [{section}]")

    def __contains__(self, section: str) -> bool:
        return section in self._document

    def has(self, section: str, key: str) -> bool:
        return key in self._document.get(section, {})

    def build(self, section: str, cls: type[T], given: Mapping[str, Any] | None = None) -> T:
        """A settings dataclass from its section and from what is `given` by others."""
        table = self._document.get(section, {})
        values = dict(given or {})
        hints = get_type_hints(cls)
        allowed = [name for name in hints if name not in values]
        for key, raw in table.items():
            if key not in allowed:
                raise ConfigError(f"{self._path}: {section}.{key}: unknown key{_nearest(key, allowed)}")
            values[key] = self._convert(section, key, hints[key], raw)
        for item in fields(cls):  # type: ignore[arg-type]
            if item.name not in values and item.default is MISSING and item.default_factory is MISSING:
                raise ConfigError(f"{self._path}: {section}.{item.name}: is missing")
        try:
            return cls(**values)
        except ValueError as error:
            raise ConfigError(f"{self._path}: {section}.{error}") from error

    def _convert(self, section: str, key: str, hint: Any, raw: Any) -> Any:
        try:
            return _convert(key, hint, raw, self._path.parent)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{self._path}: {section}.{key}: {error}") from error


def _convert(key: str, hint: Any, raw: Any, folder: Path) -> Any:
    kinds = getattr(hint, "__args__", (hint,))
    if get_origin(hint) is tuple:
        if not isinstance(raw, list):
            raise TypeError(f"has to be a list, not {raw!r}")
        return tuple(_convert(key, kinds[0], item, folder) for item in raw)
    if Path in kinds:
        return folder / _text(raw)
    if PublicKey in kinds:
        return PublicKey.parse(_text(raw))
    if MacAddress in kinds:
        return MacAddress.parse(_text(raw))
    if bytes in kinds:
        return bytes.fromhex(_text(raw))
    if bool in kinds:
        if not isinstance(raw, bool):
            raise TypeError(f"has to be true or false, not {raw!r}")
        return raw
    if int in kinds:
        return _number(key, raw)
    return _text(raw)


def _number(key: str, raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and key.endswith("_bps"):
        return parse_rate(raw)
    if isinstance(raw, str) and key.endswith("_s") and not key.endswith("_per_s"):
        return parse_duration(raw)
    raise TypeError(f"has to be a whole number, not {raw!r}")


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError(f"has to be a text in quotes, not {raw!r}")
    return raw


def _parse(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _load_key(config: Path, path: Path) -> PrivateKey:
    try:
        return PrivateKey.from_pem(path.read_bytes(), str(path))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{config}: files.provider_key_file: {error}") from error


def _nearest(key: str, known: Sequence[str]) -> str:
    import difflib  # only whoever misspelt something needs its memory

    match = difflib.get_close_matches(key, known, 1)
    return f"; did you mean {match[0]}?" if match else f"; known are {', '.join(known)}"
