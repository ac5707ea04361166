"""The `apd` command: the box. `setup`, `check`, `run`, `status`, `revoke`, `clear`, `uci`, `sib`.

Exit status: 0 done; 1 a mistake of our own, with a traceback; 2 the command line or the configuration is wrong; 3 the
kernel, the TPM, the disk or the network failed.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apd.version import VERSION
from wire.errors import ConfigError, DecodeError, ShellError
from wire.ids import MacAddress

if TYPE_CHECKING:
    from apd.config import Config
    from apd.daemon import AirShells, KernelShaper, Lobby
    from apd.shells.cell import CellShells
    from apd.shells.signalling import SignallingShell
    from apd.shells.ubus_object import UbusObject
    from apd.shells.web import Web

EXIT_CONFIG = 2
EXIT_WORLD = 3
EXIT_INTERRUPTED = 130
DEFAULT_CONFIG = Path("/etc/airgrant/apd.toml")
_EXAMPLES = """examples:
  apd setup                            three questions, and the configuration is there
  apd check /etc/airgrant/apd.toml     is the configuration all right?
  apd run                              serve with /etc/airgrant/apd.toml
  apd status                           sessions, offer and outbox of the running daemon
  apd status --json | jq .sessions     the same for scripts
"""


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except ConfigError as error:
        sys.stderr.write(f"apd: {error}\n")
        return EXIT_CONFIG
    except ShellError as error:
        sys.stderr.write(f"apd: {error}\n")
        return EXIT_WORLD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "apd",
        description="Sells this access point's airtime.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"apd {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_setup(commands.add_parser("setup", help="make the first configuration: three questions, or options"))
    clear = _add(
        commands, "clear", "take out of the kernel what a daemon left there; sessions end: stop it first"
    )
    _add_config(clear, optional=True)
    clear.set_defaults(run=_clear)
    run = _add(commands, "run", "serve, in the foreground, until SIGTERM")
    _add_config(run, optional=True)
    run.set_defaults(run=_run)
    check = _add(commands, "check", "read the configuration, say what is wrong with it")
    _add_config(check)
    check.add_argument("--json", action="store_true", help="print what was understood as JSON")
    check.set_defaults(run=_check)
    status = _add(commands, "status", "what the running daemon does, and what is wrong with it")
    _add_socket(status)
    status.add_argument(
        "--json", action="store_true", help="for programs: everything, with units in the names"
    )
    status.set_defaults(run=_status)
    revoke = _add(commands, "revoke", "end a grant on this box for good; its session ends now")
    revoke.add_argument("grant", metavar="GRANT", help="its id, as `apd status --json` shows it")
    _add_socket(revoke)
    revoke.set_defaults(run=_revoke)
    uci = commands.add_parser("uci", help="OpenWrt: make the configuration out of /etc/config/airgrant")
    _add_uci(uci)
    sib = _add(commands, "sib", "print what a gNB's file has to say to broadcast the offer of this box")
    _add_config(sib)
    sib.add_argument("--days", type=int, default=1, help="how long the broadcast offer is good (default 1)")
    sib.set_defaults(run=_sib)
    return parser


def _add(commands: Any, name: str, told: str) -> argparse.ArgumentParser:
    """A command whose own help says what it does, too."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=told, description=f"{told[0].upper()}{told[1:]}."
    )
    return parser


def _add_config(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    told, default = "the daemon's configuration", DEFAULT_CONFIG if optional else None
    told += f" (default {default})" if optional else ""
    parser.add_argument(
        "config", type=Path, nargs="?" if optional else None, default=default, metavar="CONFIG", help=told
    )


def _add_socket(parser: argparse.ArgumentParser) -> None:
    """By this name it is found on OpenWrt, too, where there may be no /run."""
    default = Path("/var/run/airgrant/apd.sock")
    told = f"where the daemon answers: control_socket of [files] (default {default})"
    parser.add_argument("--socket", type=Path, default=default, metavar="FILE", help=told)


def _add_setup(parser: argparse.ArgumentParser) -> None:
    """What is not said here is asked, where a person is there to answer."""
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="what is written")
    _add_answers(parser)
    parser.set_defaults(run=_setup)


def _add_answers(parser: argparse.ArgumentParser) -> None:
    """Of a first configuration, wherever it is written."""
    parser.add_argument("--interface", metavar="NAME", help="the device whose far side is the stations")
    parser.add_argument("--capacity", metavar="DOWN/UP", help="what it carries, such as 30M/15M")
    parser.add_argument(
        "--invitation",
        metavar="LINE",
        help="what your operator gave you (airgrant-enrol/...), or a file with it",
    )
    parser.add_argument(
        "--operator-file", type=Path, metavar="FILE", help="what he gave you instead, where he made the keys"
    )
    parser.add_argument(
        "--tpm", metavar="TCTI", help="which TPM signs the meter (default device:/dev/tpmrm0)"
    )
    parser.add_argument(
        "--accept-unattested", action="store_true", help="sell without a TPM: reports are marked unattested"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace settings that are there (the provider's key is kept), and take any interface",
    )


def _add_uci(parser: argparse.ArgumentParser) -> None:
    """Its files are the same for each of its commands."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="what")
    for what, told in {
        "check": "are the settings all right? Nothing is written",
        "translate": "write the daemon's configuration CONFIG, if they are all right",
        "migrate": "rewrite a file of an older version; one of the present version stays",
        "setup": "make the first settings: three questions, or options",
    }.items():
        command = commands.add_parser(what, help=told)
        command.add_argument(
            "uci", type=Path, nargs="?", default=Path("/etc/config/airgrant"), metavar="FILE"
        )
        if what == "translate":
            command.add_argument("toml", type=Path, metavar="CONFIG")
        if what == "setup":
            _add_answers(command)
    parser.set_defaults(run=_uci)


def _uci(arguments: argparse.Namespace) -> int:
    from apd.uci_cli import run

    run(arguments, read_interface_address)
    return 0


def _setup(arguments: argparse.Namespace) -> int:
    from apd.setup_cli import set_up

    try:
        set_up(arguments, read_interface_address)
    except KeyboardInterrupt:
        sys.stderr.write("\napd: interrupted: nothing was written\n")
        return EXIT_INTERRUPTED
    return 0


def _clear(arguments: argparse.Namespace) -> int:
    from apd.setup_clear import clear

    for sentence in clear(arguments.config).done:
        sys.stdout.write(f"{sentence}\n")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    """Everything heavy is imported here, so that the other commands start at once."""
    # Ciphers that we would never use, and their memory.
    os.environ.setdefault("CRYPTOGRAPHY_OPENSSL_NO_LEGACY", "1")
    from apd.shells.lean_cryptography import import_cryptography
    from apd.shells.lean_paho import import_paho

    import_paho()
    import_cryptography()
    from apd.config import load_config
    from apd.daemon import Daemon
    from apd.shells.control import ControlSocket
    from apd.shells.meter import open_meter
    from apd.shells.mqtt import Mqtt
    from apd.shells.store import Store

    config = load_config(arguments.config, read_interface_address)
    shaper = _open_shaper(config)
    provider = config.box.provider

    async def serve() -> None:
        daemon = Daemon(
            config=config,
            shaper=shaper,
            meter=open_meter(config.meter),
            store=Store(config.files.store, alone=config.cell is None),  # `apd sib` reads it beside a cell
            link=Mqtt(config.ledger, provider, admissions=config.box.air is not None),
            lobby=_open_lobby(config),
            control=ControlSocket(config.files.control_socket),
            air=_open_air(config),
            cell=_open_cell(config),
            signalling=_open_signalling(config),
            web=_open_web(config),
            ubus=_open_ubus(config),
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, daemon.stop)
        await daemon.run()

    asyncio.run(serve())
    return 0


def _open_shaper(config: "Config") -> "KernelShaper | None":
    """The kernel's, but of a cell, which shapes by itself."""
    if config.cell is not None:
        return None
    from tc_shaper.kernel import Shaper

    shaper = Shaper(config.box.shaper)
    shaper.check_offload()
    return shaper


def _open_lobby(config: "Config") -> "Lobby":
    """Whoever has paid reaches it where he is; others, if that is closed to them, on an interface of its own."""
    shaper = config.box.shaper
    if config.cell is not None:
        from apd.shells.cell_lobby import CellLobby

        return CellLobby(shaper.interface, shaper.lobby_port)
    from apd.shells.lobby_socket import LobbySockets

    return LobbySockets(list(filter(None, (shaper.interface, shaper.lobby_interface))), shaper.lobby_port)


def _open_cell(config: "Config") -> "CellShells | None":
    """The shells of [cell], if there is one."""
    if config.cell is None:
        return None
    from apd.shells.cell import CellShells

    return CellShells(config.cell, config.box.shaper.interface, config.box.shaper.lobby_port)


def _open_signalling(config: "Config") -> "SignallingShell | None":
    """Of [cell.signalling], if there is one: other cells do not even import it."""
    if config.cell is None or config.cell.signalling is None:
        return None
    from apd.shells.signalling import SignallingShell

    return SignallingShell(config.cell.signalling, config.provider_key, config.box)


def _open_web(config: "Config") -> "Web | None":
    """Of [web], if there is one: others do not even import it."""
    if config.web is None:
        return None
    from apd.shells.web import Web

    shaper = config.box.shaper
    return Web(config.web, tuple(filter(None, (shaper.interface, shaper.lobby_interface))))


def _open_ubus(config: "Config") -> "UbusObject | None":
    """Of [ubus], if there is one: others do not even import it."""
    if config.ubus is None:
        return None
    from apd.owner import METHODS
    from apd.shells.ubus_object import UbusObject

    return UbusObject(config.ubus.socket, config.ubus.object, METHODS)


def _open_air(config: "Config") -> "AirShells | None":
    """The shells of [air], if there is one: a wired box does not even import them."""
    settings, radio = config.box.air, config.box.shaper.interface
    if settings is None:
        return None
    from apd.daemon import AirShells
    from apd.shells.nl80211 import add_monitor, measure_stations, set_airtime_weight

    if settings.hostapd_socket is None:
        from apd.shells.hostapd_ubus import HostapdUbus
        from apd.shells.ubus import DEFAULT_SOCKET

        socket = config.ubus.socket if config.ubus is not None else DEFAULT_SOCKET
        hostapd = HostapdUbus(socket, settings.hostapd_ubus)
        return AirShells(hostapd, None, hostapd.weigh, measure_stations)
    from apd.shells.hostapd import Hostapd
    from apd.shells.monitor import Monitor

    monitor = settings.monitor
    return AirShells(
        Hostapd(settings.hostapd_socket, config.files.control_socket.parent),
        Monitor(monitor, config.box.bssid, lambda: add_monitor(radio, monitor)),
        set_airtime_weight,
        measure_stations,
    )


def _check(arguments: argparse.Namespace) -> int:
    from apd.config import load_config

    config = load_config(arguments.config, read_interface_address)
    box, shaper = config.box, config.box.shaper
    understood = {
        "interface": shaper.interface,
        "bssid": str(box.bssid),
        "provider": str(box.provider),
        "downlink_capacity_bps": shaper.downlink_capacity_bps,
        "uplink_capacity_bps": shaper.uplink_capacity_bps,
        "broker": f"{config.ledger.host}:{config.ledger.port}",
        "meter": config.meter.tpm or "software key: every report is marked unattested",
        "store": str(config.files.store),
    }
    if config.cell is not None:
        begins = config.cell.begins
        understood |= {
            "gnb": f"{config.cell.host}:{config.cell.port}",
            "slots": ", ".join(str(slot.snssai) for slot in begins.pool.slots),
            "resource_blocks": begins.controller.shape.prbs,
            "core": f"{config.cell.core.smf_host}, {config.cell.core.pcf_host}",
            "look_at": "; ".join(config.cell.findings) or "nothing",
        }
        if config.cell.signalling is not None:
            signalling = config.cell.signalling
            understood |= {
                "purchases_in_nas": str(signalling.socket or "no"),
                "broadcast": str(signalling.sib_file or "no"),
            }
    if box.air is not None:
        hostapd = f"{box.air.hostapd_ubus} by ubus" if box.air.by_ubus else str(box.air.hostapd_socket)
        understood |= {"hostapd": hostapd, "operator": str(box.air.operator)}
    _print(understood, as_json=arguments.json)
    return 0


def _sib(arguments: argparse.Namespace) -> int:
    """Beside a running daemon, or without one that ran before."""
    from apd.config import load_config
    from apd.shells.clock import read_clock
    from apd.shells.store import Store
    from apd.sib import LIFETIME_S, format_sib, plan_offer
    from wire.offer import write_offer
    from wire.offer_state import read_offer_state

    config = load_config(arguments.config, read_interface_address)
    box = config.box
    store = Store(config.files.store)
    try:
        stored = store.offer_state()
    finally:
        store.close()
    if not stored:
        raise ShellError("offer", "the ledger has not said yet what is sold here: start the daemon first")
    word = read_offer_state(stored, box.ledger, box.ledger_id)
    expires_s = read_clock().utc_s + max(1, arguments.days) * LIFETIME_S
    signed = write_offer(plan_offer(word, box.bssid, expires_s), config.provider_key)
    sys.stdout.write(format_sib(signed, box.provider, box.ledger, box.ledger_id))
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from apd.shells.control import ask_status

    status = ask_status(arguments.socket)
    if arguments.json:
        _print(status, as_json=True)
        return 0
    from apd.status_text import format_status

    sys.stdout.write(format_status(status))
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    from apd.shells.control import ask_daemon

    try:
        told = ask_daemon(arguments.socket, "revoke", grant=arguments.grant)
    except DecodeError as error:
        sys.stderr.write(f"apd: {error}\n")
        return EXIT_CONFIG
    ended = "its session ends" if told["had_session"] else "it had no session here"
    sys.stdout.write(f"grant {told['grant']} is revoked; {ended}\n")
    return 0


def read_interface_address(interface: str) -> MacAddress:
    """The MAC address of a network device. Raises ConfigError."""
    try:
        return MacAddress.parse(Path(f"/sys/class/net/{interface}/address").read_text().strip())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"shaper.interface: {interface}: no such device, or not Ethernet ({error})"
        ) from error


def _print(values: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(values, indent=2) + "\n")
        return
    width = max(len(name) for name in values)
    for name, value in values.items():
        sys.stdout.write(f"{name:{width}}  {value}\n")


if __name__ == "__main__":
    sys.exit(main())
