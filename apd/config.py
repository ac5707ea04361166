"""The configuration file of the box: TOML, a few sections, every key a field of a settings dataclass.

The one place that reads it. Unknown keys are refused with the nearest known one, a bad value with `file:
section.key: reason`; rates and durations may be written as people do ("50Mbit/s", "2m"); paths are relative to the
file. Raises ConfigError only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_origin, get_type_hints

from apd.sections import SECTIONS
from apd.settings import (
    AirSettings,
    AuctionSettings,
    BoxSettings,
    Files,
    LedgerLinkSettings,
    MeterSettings,
    TariffSettings,
    UbusSettings,
    UserPlaneSettings,
    WebSettings,
)
from tc_shaper.settings import ShaperSettings
from wire.errors import ConfigError
from wire.ids import MacAddress, PublicKey
from wire.keys import PrivateKey
from wire.units import PPM, parse_duration, parse_rate

if TYPE_CHECKING:  # a box without [cell] does without
    from apd.signalling_settings import SignallingSettings
    from ran_slicing import cell as ran
    from ran_slicing.core_settings import CoreSettings
    from ran_slicing.settings import CellSettings
    from ran_slicing.share import CellShape
    from ran_slicing.snssai import Snssai
    from wire.tariff import Tariff

T = TypeVar("T")
_TABLES = tuple(section for section in SECTIONS if "." not in section)
PARTS_OF_CELL = ("user_plane", "core")
SIGNALLING = "signalling"
"""A part that is off where it is not there."""
_ANY_RATE_BPS = 1_000_000_000_000
"""Of the downlink of a cell not bits per second are sold, but resource blocks."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the daemon is told."""

    box: BoxSettings
    ledger: LedgerLinkSettings
    meter: MeterSettings
    files: Files
    provider_key: PrivateKey
    cell: "CellConfig | None" = None
    web: WebSettings | None = None
    """None: nobody asks for metrics."""
    ubus: UbusSettings | None = None
    """None: the owner does not ask by ubus."""


@dataclass(frozen=True, slots=True)
class CellConfig:
    """Of a box with [cell]: the cell as it begins, and where its gNB listens."""

    begins: "ran.State"
    host: str
    port: int
    core: "CoreSettings"
    lobby_slice: "Snssai | None"
    findings: tuple[str, ...]
    """What in the gNB's files deserves a look."""
    signalling: "SignallingSettings | None" = None


def load_config(path: Path, read_address: Callable[[str], MacAddress]) -> Config:
    """The configuration in `path`. `read_address` tells an interface's MAC address where the file does not give the
    BSSID.
    """
    reader = _SectionReader(path, _parse(path))
    air = reader.build("air", AirSettings) if "air" in reader else None
    cell, cell_box = _load_cell(reader, path) if "cell" in reader else (None, None)
    shaper = _shaper_of(reader, path, air, cell_box)
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
        "cell": cell_box,
        "tariff": _tariff_of(reader, path, air),
        "auction": _auction_of(reader, path),
    }
    if not reader.has("box", "bssid"):
        if cell is not None:
            raise ConfigError(
                f"{path}: box.bssid: is missing; offers and grants name a cell by it: take a locally administered"
                " address that no other cell of yours has, such as 02:00:00:00:00:01"
            )
        given["bssid"] = read_address(shaper.interface)
    box = reader.build("box", BoxSettings, given)
    _refuse_floors(path, box)
    web = reader.build("web", WebSettings) if "web" in reader else None
    ubus = reader.build("ubus", UbusSettings) if "ubus" in reader else None
    return Config(box, ledger, meter, files, provider_key, cell, web, ubus)


def _tariff_of(reader: "_SectionReader", path: Path, air: AirSettings | None) -> "Tariff | None":
    """Section [tariff]; without it nobody pays as it goes."""
    if "tariff" not in reader:
        return None
    if air is None:
        raise ConfigError(f"{path}: tariff: needs a section [air]: who pays as it goes joins by EAP-TLS")
    return reader.build("tariff", TariffSettings).tariff


def _auction_of(reader: "_SectionReader", path: Path) -> AuctionSettings | None:
    """Section [auction]; without it nothing is auctioned."""
    if "auction" not in reader:
        return None
    if "cell" in reader:
        raise ConfigError(
            f"{path}: auction: a box with [cell] holds none: what is free of a cell moves with its radio"
        )
    return reader.build("auction", AuctionSettings)


def _refuse_floors(path: Path, box: BoxSettings) -> None:
    """A tariff whose floors an empty box cannot keep would be shown to nobody; its rates are those of IP packets."""
    if box.tariff is None:
        return
    qos, shaper = box.tariff.qos, box.shaper
    if shaper.rate_layer != "ip":
        raise ConfigError(
            f"{path}: tariff: its rates are those of IP packets; shaper.rate_layer has to be ip"
        )
    for key, floor_bps, capacity_bps in (
        ("floor_down_bps", qos.floor_down_bps, shaper.downlink_capacity_bps),
        ("floor_up_bps", qos.floor_up_bps, shaper.uplink_capacity_bps),
    ):
        most_bps = capacity_bps * box.admission_ppm // PPM
        if floor_bps > most_bps:
            raise ConfigError(
                f"{path}: tariff.{key}: {floor_bps} is more than the {most_bps} that may be sold"
            )


def _shaper_of(
    reader: "_SectionReader", path: Path, air: AirSettings | None, cell: UserPlaneSettings | None
) -> ShaperSettings:
    """Section [shaper]; of a cell, which shapes by itself, what the rest of the daemon wants to know."""
    if cell is None:
        lobby_interface = air.lobby_interface if air else None
        followed = {"closed": air is not None, "lobby_interface": lobby_interface}
        return reader.build("shaper", ShaperSettings, followed)
    for section in ("shaper", "air"):
        if section in reader:
            raise ConfigError(f"{path}: {section}: a box has either [{section}] or [cell]")
    return ShaperSettings(
        interface=cell.interface,
        downlink_capacity_bps=_ANY_RATE_BPS,
        uplink_capacity_bps=cell.uplink_capacity_bps,
        lobby_bps=min(500_000, cell.uplink_capacity_bps),
        lobby_port=cell.lobby_port,
    )


def _load_cell(reader: "_SectionReader", path: Path) -> tuple[CellConfig, UserPlaneSettings]:
    """Section [cell] with its parts, and the gNB's own files, which are refused if they cannot be sold."""
    from ran_slicing import cell
    from ran_slicing.core_settings import CoreSettings
    from ran_slicing.gnb_config import read_gnb_files, refuse_fatal
    from ran_slicing.settings import CellSettings

    user_plane = reader.build("cell.user_plane", UserPlaneSettings)
    core = reader.build("cell.core", CoreSettings)
    settings = reader.build("cell", CellSettings)
    lobby_slice = _lobby_slice(path, user_plane.lobby_slice, settings.snssais)
    try:
        files = [(str(name), name.read_text()) for name in settings.gnb_files]
        gnb, findings = read_gnb_files(files, settings.remote_networks, lobby_slice)
        refuse_fatal(findings)
        begins = cell.start(_idle_speaks(settings, gnb.shape), gnb)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cell.gnb_files: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: cell: {error}") from error
    _refuse_tiers(path, begins)
    host = settings.remote_host or gnb.host
    looks = tuple(map(str, findings))
    signalling = _signalling(reader, path, settings.gnb_files)
    return CellConfig(begins, host, gnb.port, core, lobby_slice, looks, signalling), user_plane


def _signalling(
    reader: "_SectionReader", path: Path, gnb_files: tuple[Path, ...]
) -> "SignallingSettings | None":
    """Section [cell.signalling]; a box without it loads nothing of it."""
    if f"cell.{SIGNALLING}" not in reader:
        return None
    from apd.signalling_settings import SignallingSettings

    settings = reader.build(f"cell.{SIGNALLING}", SignallingSettings)
    try:
        settings.refuse_files((path, *gnb_files))
    except ConfigError as error:
        raise ConfigError(f"{path}: cell.{SIGNALLING}.{error}") from error
    return settings


def _idle_speaks(settings: "CellSettings", shape: "CellShape | None") -> "CellSettings":
    """A UE in a slot that nobody bought has to reach the lobby: it may use one resource block, if not more. The kernel
    lets nothing else of it pass.
    """
    from ran_slicing.share import ratio_of

    shape = settings.shape or shape
    if shape is None:
        return settings  # the cell refuses that by itself
    least = max(settings.idle_max_prb_policy_ratio, ratio_of(1, shape))
    return replace(settings, idle_max_prb_policy_ratio=least)


def _refuse_tiers(path: Path, begins: "ran.State") -> None:
    """An offer has no tier, so that a buyer of one price would get any of them."""
    if len({slot.tier for slot in begins.pool.slots}) > 1:
        tiers = ", ".join(f"{slot.snssai}: {slot.tier}" for slot in begins.pool.slots)
        raise ConfigError(
            f"{path}: cell.slots: the gNB's file gives them different priorities ({tiers}); one offer sells them all"
        )


def _lobby_slice(path: Path, text: str, for_sale: Sequence["Snssai"]) -> "Snssai | None":
    from ran_slicing.snssai import parse_snssai

    if not text:
        return None
    try:
        lobby = parse_snssai(text)
    except ValueError as error:
        raise ConfigError(f"{path}: cell.user_plane.lobby_slice: {error}") from None
    if lobby in for_sale:
        raise ConfigError(f"{path}: cell.user_plane.lobby_slice: {lobby} is for sale itself (cell.slots)")
    return lobby


class _SectionReader:
    def __init__(self, path: Path, document: Mapping[str, Any]) -> None:
        self._path = path
        self._document = {**document, **_parts_of_cell(path, document)}
        for section, table in document.items():
            if section not in _TABLES:
                raise ConfigError(f"{path}: {section}: unknown section{_nearest(section, _TABLES)}")
            if not isinstance(table, dict):
                raise ConfigError(f"{path}: {section}: has to be a table, [{section}]")

    def __contains__(self, section: str) -> bool:
        return section in self._document

    def has(self, section: str, key: str) -> bool:
        return key in self._document.get(section, {})

    def build(self, section: str, cls: type[T], given: Mapping[str, Any] | None = None) -> T:
        """A settings dataclass from its section and from what is `given` by others."""
        assert SECTIONS[section]() is cls, f"[{section}] is told of otherwise"
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


def _parts_of_cell(path: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """Section [cell] without its tables, and they as sections of their own."""
    cell = document.get("cell")
    if not isinstance(cell, dict):
        return {}
    parts = {name: cell.get(name, {}) for name in PARTS_OF_CELL}
    parts |= {name: cell[name] for name in (SIGNALLING,) if name in cell}
    for name, part in parts.items():
        if not isinstance(part, dict):
            raise ConfigError(f"{path}: cell.{name}: has to be a table, [cell.{name}]")
    rest = {key: value for key, value in cell.items() if key not in parts}
    return {"cell": rest, **{f"cell.{name}": part for name, part in parts.items()}}


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
