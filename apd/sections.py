"""The sections of the box's configuration, and the settings dataclass of each: one table for whoever reads or shows it.

A dataclass is imported where its section is there, as a box without [cell] does without all of a cell's.
"""

from collections.abc import Callable, Mapping

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


def _cell() -> type:
    from ran_slicing.settings import CellSettings

    return CellSettings


def _core() -> type:
    from ran_slicing.core_settings import CoreSettings

    return CoreSettings


def _signalling() -> type:
    from apd.signalling_settings import SignallingSettings

    return SignallingSettings


SECTIONS: Mapping[str, Callable[[], type]] = {
    "shaper": lambda: ShaperSettings,
    "ledger": lambda: LedgerLinkSettings,
    "meter": lambda: MeterSettings,
    "files": lambda: Files,
    "box": lambda: BoxSettings,
    "air": lambda: AirSettings,
    "tariff": lambda: TariffSettings,
    "auction": lambda: AuctionSettings,
    "web": lambda: WebSettings,
    "ubus": lambda: UbusSettings,
    "cell": _cell,
    "cell.user_plane": lambda: UserPlaneSettings,
    "cell.core": _core,
    "cell.signalling": _signalling,
}
"""In the order in which they are shown. A part of the cell is a table in its section."""
ALWAYS = ("shaper", "ledger", "meter", "files", "box")
"""Sections that nobody can switch off; a cell's [shaper] follows from the cell."""
