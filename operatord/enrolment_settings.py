"""Section [enrolment] of the operator's settings: where boxes ask for their certificate, and what has to hear of it.

    [enrolment]  address = "192.0.2.1"         where boxes reach this machine: the door, FreeRADIUS, the broker
                 listen = "0.0.0.0"  port = 8576  folder = "enrolment"
                 broker_host = "192.0.2.1"  broker_port = 8884
                 reload_broker = "systemctl reload mosquitto"
                 radius_folder = "radius"  restart_radius = "systemctl restart airgrant-radius"
                 radius_user = "freerad"           whom FreeRADIUS runs as, where `operatord freeradius` needs --user

Pure: ConfigError names the key. Without `reload_broker`, `radius_folder` or `restart_radius` the command says what is
left to do by hand.
"""

import ipaddress
import shlex
from dataclasses import dataclass
from pathlib import Path

from ledger.section import Section

ENROLMENT_KEYS = {
    "address", "listen", "port", "folder", "broker_host", "broker_port", "reload_broker", "radius_folder",
    "radius_user", "restart_radius",
}  # fmt: skip
DOOR_PORT = 8576
"""8575 is the page's."""
BOX_BROKER_PORT = 8884
"""A listener of its own, as another authority signs for whoever comes there."""


@dataclass(frozen=True, slots=True)
class EnrolmentSettings:
    """`folder` has the authority of boxes, their records and their secrets. Commands are words, run without a shell."""

    address: str
    listen: str
    port: int
    folder: Path
    broker_host: str
    broker_port: int
    reload_broker: tuple[str, ...]
    radius_folder: Path | None
    radius_user: str | None
    restart_radius: tuple[str, ...]


def parse_enrolment(section: Section) -> EnrolmentSettings:
    """Raises ConfigError."""
    address = _address(section, "address", section.text("address"))
    return EnrolmentSettings(
        address=address,
        listen=_address(section, "listen", section.text("listen", "0.0.0.0")),
        port=section.port("port", DOOR_PORT),
        folder=section.file.parent / section.text("folder", "enrolment"),
        broker_host=section.text("broker_host", address),
        broker_port=section.port("broker_port", BOX_BROKER_PORT),
        reload_broker=_command(section, "reload_broker"),
        radius_folder=section.path("radius_folder") if "radius_folder" in section.values else None,
        radius_user=section.text("radius_user") if "radius_user" in section.values else None,
        restart_radius=_command(section, "restart_radius"),
    )


def _address(section: Section, key: str, text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise section.error(key, str(error)) from error


def _command(section: Section, key: str) -> tuple[str, ...]:
    if key not in section.values:
        return ()
    try:
        return tuple(shlex.split(section.text(key)))
    except ValueError as error:
        raise section.error(key, str(error)) from error
