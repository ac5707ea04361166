"""`apd clear`: takes out of the kernel what a daemon left in it, so that a removed package leaves nothing behind.

A shell over tc_shaper. A daemon that stops leaves its sessions running on purpose; this ends them: rules, trees, the
intermediate device, and what was switched off on the interface is switched on again. Of the configuration it reads
only which interface and which names, so that it works when keys and certificates are gone already.
"""

import socket
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tc_shaper.kernel import Shaper
from tc_shaper.nft import run_nft
from tc_shaper.settings import ShaperSettings
from wire.errors import ConfigError

CONTROL_SOCKET = "/run/airgrant/apd.sock"
"""Where the daemon listens if its configuration does not say."""
_ANY_BPS = 1_000_000
"""What a tree carries does not matter to who takes it away."""
_NAMES = ("interface", "wan_interface", "table", "ifb")
_CELL_TABLES = ("airgrant_cell", "airgrant_cell_gate")


@dataclass(frozen=True, slots=True)
class Cleared:
    """Sentences about what was done, and about what is left to the owner."""

    done: tuple[str, ...]


def clear(config: Path) -> Cleared:
    """Undoes in the kernel what a daemon with this configuration did. Raises ConfigError, ShellError."""
    try:
        document = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{config}: {error}") from None
    _refuse_beside_a_daemon(document, config)
    if "cell" in document:
        return _clear_cell()
    done = list(_clear_shaper(names_of(document, config)))
    air = document.get("air")
    if isinstance(air, dict):
        monitor = air.get("monitor", "airgrant-mon")
        if isinstance(monitor, str) and _is_there(monitor):
            done.append(f"{monitor} is left, and listens to nobody: iw dev {monitor} del")
    return Cleared(tuple(done))


def names_of(document: Mapping[str, Any], config: Path) -> ShaperSettings:
    """What of [shaper] says where things are. Raises ConfigError."""
    table = document.get("shaper")
    given = {name: table[name] for name in _NAMES if name in table} if isinstance(table, dict) else {}
    if not isinstance(given.get("interface"), str):
        raise ConfigError(f"{config}: shaper.interface: is missing")
    try:
        return ShaperSettings(downlink_capacity_bps=_ANY_BPS, uplink_capacity_bps=_ANY_BPS, **given)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{config}: shaper.{error}") from None


def _clear_shaper(settings: ShaperSettings) -> list[str]:
    if not _is_there(settings.interface):
        # Its queues went with it; the table and the intermediate device may be there still.
        run_nft(f"delete table netdev {settings.table}\n", missing_is_fine=True)
        return [f"{settings.interface} is not there; table {settings.table} is removed"]
    Shaper(settings).tear_down()
    return [f"{settings.interface}: rules, queues and {settings.ifb} are removed; everybody is let through"]


def _refuse_beside_a_daemon(document: Mapping[str, Any], config: Path) -> None:
    """It would find its sessions gone, and everybody else served for nothing until it had noticed."""
    files = document.get("files")
    named = files.get("control_socket") if isinstance(files, dict) else None
    path = config.parent / (named if isinstance(named, str) else CONTROL_SOCKET)
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return
    raise ConfigError(f"{path}: a daemon listens there; stop it first: systemctl stop airgrant-apd")


def _is_there(device: str) -> bool:
    try:
        socket.if_nametoindex(device)
    except OSError:
        return False
    return True


def _clear_cell() -> Cleared:
    for table in _CELL_TABLES:
        run_nft(f"delete table inet {table}\n", missing_is_fine=True)
    return Cleared(
        (f"tables {', '.join(_CELL_TABLES)} are removed; the gNB keeps its slices until it is restarted",)
    )
