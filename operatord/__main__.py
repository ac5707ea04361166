"""`operatord`: sets an operator up, runs the daemon, asks it, and holds the accounting against the meter.

Exit status: 0 done; 1 the accounting and the meter disagree, or the daemon says no; 2 the command line or the
configuration is wrong; 3 the disk, the broker or the network failed.
"""

import argparse
import grp
import ipaddress
import json
import os
import pwd
import secrets
import socket
import sys
import time
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.running import NO, OK, WORLD, run_command, run_service
from ledger.section import Section
from ledger.toml_file import read_toml
from operatord.enrolment_settings import parse_enrolment
from operatord.person_cli import add_person_commands
from operatord.settings import OperatorSettings, parse_settings
from wire.account_certificate import Purpose, format_pem, issue
from wire.errors import ConfigError, DecodeError, ShellError
from wire.keys import PrivateKey
from wire.revocation import Revocation, write_revocation
from wire.units import parse_duration

if TYPE_CHECKING:
    from operatord.daemon import Daemon
    from operatord.shells.das import BoxDas, Disconnector

CLOCK_SLACK_S = 300
"""A new certificate is good from a little before now on: a device's clock may be behind."""

RADIUS_USERS = ("freerad", "radiusd")
"""Whom FreeRADIUS runs as on Debian, and on Fedora."""

_EXAMPLES = """examples:
  operatord certificate operatord.toml            server.key and server.pem, as [radius] names them
  operatord freeradius operatord.toml --out /etc/freeradius-airgrant
  operatord hostapd operatord.toml --box roof --server 192.0.2.1   lines for the box's hostapd.conf
  operatord check operatord.toml                  what the settings mean
  operatord run operatord.toml                    serve, in the foreground, until SIGTERM
  operatord status operatord.toml --json
  operatord revoke operatord.toml --grant 0f..  --provider-key roof.key --reason "the antenna came down"
  operatord box add operatord.toml roof --address 192.0.2.7        prints the invitation for `apd setup`
  operatord reconcile operatord.toml              accounting against the signed meter, per grant
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run_command("operatord", _parser().parse_args(argv), DecodeError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "operatord",
        description="The operator's daemon: which key may join where.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Any, text: str, *, shows: bool = False) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("config", type=Path, metavar="CONFIG", help="operatord.toml")
        command.set_defaults(run=run)
        if shows:
            command.add_argument("--json", action="store_true", help="one JSON value on standard output")
        return command

    add("run", _run, "serve, in the foreground, until SIGTERM")
    add("page", _page, "serve the operator's page alone; `run` starts this by itself where there is [page]")
    add(
        "door",
        _door,
        "serve the door of enrolment alone; `run` starts this by itself where there is [enrolment]",
    )
    add("check", _check, "say what the settings mean", shows=True)
    add("status", _status, "what the running daemon knows", shows=True)
    certificate = add(
        "certificate", _certificate, "a certificate for the RADIUS server, by the operator's key"
    )
    certificate.add_argument(
        "--for", default="90d", dest="lifetime", help="how long it is good (default 90d)"
    )
    freeradius = add("freeradius", _freeradius, "write a complete FreeRADIUS configuration")
    freeradius.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="made if it is not there"
    )
    freeradius.add_argument(
        "--user",
        metavar="NAME",
        help="whom FreeRADIUS runs as, and its files belong to; by default freerad or radiusd where root asks, "
        "else who asks (root: a lab, where nobody else is)",
    )
    hostapd = add("hostapd", _hostapd, "print the RADIUS lines of a box's hostapd.conf")
    hostapd.add_argument("--box", required=True, metavar="NAME", help="as in [boxes.NAME]")
    hostapd.add_argument(
        "--server", required=True, metavar="ADDRESS", help="the address at which the box reaches FreeRADIUS"
    )
    hostapd.add_argument(
        "--availability", type=int, metavar="PERCENT", help="add WBA-Custom-SLA of the box's current offer"
    )
    hostapd.add_argument(
        "--currency",
        metavar="EUR=NANOS",
        help="add WBA-Linear-Volume-Rate; NANOS of it are one micro-bandcoin",
    )
    revoke = add("revoke", _revoke, "end a grant now", shows=True)
    revoke.add_argument("--grant", required=True, metavar="ID", help="its id, 32 hexadecimal digits")
    revoke.add_argument("--reason", default="", help="told to the box and to whoever asks")
    revoke.add_argument(
        "--ahead", action="store_true", help="also if the grant is not known here, as it is still to come"
    )
    revoke.add_argument(
        "--provider-key",
        type=Path,
        metavar="FILE",
        help="sign it as the provider, so that the box ends it too",
    )
    _add_box(commands)
    reconcile = add("reconcile", _reconcile, "accounting against the signed meter", shows=True)
    reconcile.add_argument(
        "--since", default="7d", help="grants of which something was heard since (default 7d), as a whole"
    )
    reconcile.add_argument(
        "--afresh", action="store_true", help="verify the meters' chains from their beginning again"
    )
    add_person_commands(commands.add_parser("person", help="who may see the page"), _read_settings)
    return parser


def _add_box(commands: Any) -> None:
    from operatord.box_cli import add_box_commands

    add_box_commands(
        commands.add_parser("box", help="add, list, replace and revoke boxes"), _read_settings, _write_radius
    )


# ---- Serving


def _run(arguments: argparse.Namespace) -> int:
    run_service(_serve(_read_settings(arguments.config), arguments.config))
    return OK


async def _serve(settings: OperatorSettings, config: Path) -> None:
    from ledger.http import listen, serve
    from operatord.daemon import Daemon, tell
    from operatord.shells.das import Disconnector
    from operatord.shells.http import create_app
    from operatord.shells.processes import run_until_told
    from operatord.shells.store import Store

    key = _read_key(settings.key)
    disconnector = Disconnector(_das_of(settings))
    _make_database(settings)
    store = Store(settings.database)
    daemon = Daemon(settings, key, store, disconnector, tell)
    daemon.open()
    for one in settings.damaged:
        tell(str(one))
    listening = listen(settings.http_host, settings.http_port)
    try:
        await run_until_told(
            *_page_beside(settings, config),
            *_door_beside(daemon, disconnector, settings, config),
            daemon.run(),
            serve(create_app(daemon), listening),
            _say_ready(daemon, listening, settings, key),
        )
    finally:
        store.close()


def _das_of(settings: OperatorSettings) -> "dict[str, BoxDas]":
    from operatord.shells.das import BoxDas

    found = _read_secrets(settings)
    return {
        name: BoxDas(box.address, box.das_port, found[name].encode())
        for name, box in settings.addresses.items()
    }


def _door_beside(
    daemon: "Daemon", disconnector: "Disconnector", settings: OperatorSettings, config: Path
) -> "list[Coroutine[Any, Any, None]]":
    """In a process of its own, for boxes that enrol themselves; none without [enrolment]. What it or the command
    changes is read again when they say so.
    """
    if settings.enrolment is None:
        return []
    from operatord.daemon import tell
    from operatord.shells.processes import keep

    def reread() -> int:
        """Only the boxes are taken from what is on disk now."""
        fresh = _read_settings(config)
        for one in fresh.damaged:
            tell(str(one))
        disconnector.reach(_das_of(fresh))
        return daemon.take_boxes(
            replace(
                settings, boxes=fresh.boxes, addresses=fresh.addresses, providers=fresh.providers,
                damaged=fresh.damaged,
            )
        )  # fmt: skip

    daemon.reread_boxes = reread
    return [keep("door", config, tell)]


def _door(arguments: argparse.Namespace) -> int:
    run_service(_serve_door(_read_settings(arguments.config), arguments.config))
    return OK


async def _serve_door(settings: OperatorSettings, config: Path) -> None:
    """Until SIGTERM, or until the process that started us is gone."""
    from operatord.daemon import tell
    from operatord.shells.control import ask
    from operatord.shells.enrolment_door import EnrolmentDoor
    from operatord.shells.processes import end_with_parent, run_until_told

    if settings.enrolment is None:
        raise ConfigError(f"{config}: enrolment: there is no such section: nobody is to be let in")
    door = EnrolmentDoor(
        settings.enrolment,
        _read_key(settings.key).public,
        lambda: _read_settings(config),
        lambda: ask(settings.control_socket, {"ask": "boxes"}),
        tell,
    )
    await run_until_told(end_with_parent(), door.serve())


def _page_beside(settings: OperatorSettings, config: Path) -> "list[Coroutine[Any, Any, None]]":
    """In a process of its own; none without [page]."""
    if settings.page is None:
        return []
    from operatord.daemon import tell
    from operatord.page.serving import check_files
    from operatord.shells.processes import keep

    check_files(settings.page)
    return [keep("page", config, tell)]


def _page(arguments: argparse.Namespace) -> int:
    from operatord.daemon import tell
    from operatord.page.serving import serve_page

    settings = _read_settings(arguments.config)
    run_service(
        serve_page(settings, lambda text: tell(f"page: {text}"), lambda text: print(text, flush=True))
    )
    return OK


async def _say_ready(
    daemon: Any, listening: socket.socket, settings: OperatorSettings, key: PrivateKey
) -> None:
    """One line, once the broker and the ledger have answered, for whoever started us."""
    await daemon.broker.connected.wait()
    await daemon.caught_up.wait()
    broker = f"{settings.broker.host}:{settings.broker.port}"
    print(
        f"operatord ready account={key.public} mqtt={broker} "
        f"http=http://{settings.http_host}:{listening.getsockname()[1]} trust={settings.trust}",
        flush=True,
    )


# ---- Setting up


def _check(arguments: argparse.Namespace) -> int:
    settings = _read_settings(arguments.config)
    _read_secrets(settings)
    _refuse_open_files(settings)
    understood: dict[str, Any] = {
        "operator": str(_read_key(settings.key).public),
        "ledger": settings.ledger.url,
        "broker": f"{settings.broker.host}:{settings.broker.port}",
        "http": f"http://{settings.http_host}:{settings.http_port}",
        "radius": f"{settings.radius.address}:{settings.radius.authentication_port}",
        "page": "none" if settings.page is None else settings.page.origin.text,
        "trust": str(settings.trust),
        "boxes": {
            name: {
                "provider": str(box.provider),
                "address": settings.addresses[name].address,
                "das_port": settings.addresses[name].das_port,
                "honours": sorted(str(key) for key in settings.providers if key.provider_id in box.honours),
            }
            for name, box in settings.boxes.items()
        },
    }
    if not arguments.json:
        boxes = understood.pop("boxes")
        understood |= {f"box {name}": ", ".join(map(_in_words, box.items())) for name, box in boxes.items()}
    _print(understood, as_json=arguments.json)
    for one in settings.damaged:
        print(f"operatord: {one}", file=sys.stderr)
    return WORLD if settings.damaged else OK


def _in_words(item: tuple[str, Any]) -> str:
    name, value = item
    return f"{name} {' and '.join(value) if isinstance(value, list) else value}"


def _certificate(arguments: argparse.Namespace) -> int:
    settings = _read_settings(arguments.config)
    account, server = _read_key(settings.key), PrivateKey.generate()
    now_s = int(time.time())
    _refuse_wrong_clock(settings, now_s)
    certificate = issue(
        account,
        Purpose.SERVER,
        server.public,
        not_before_s=now_s - CLOCK_SLACK_S,
        not_after_s=now_s + parse_duration(arguments.lifetime),
        serial=secrets.randbelow(2**159 - 1) + 1,
    )
    _write(settings.radius.key, server.to_pem(), 0o640)
    _write(settings.radius.certificate, format_pem(certificate).encode(), 0o644)
    print(f"{settings.radius.certificate}: a server of {account.public}; its key: {settings.radius.key}")
    return OK


def _refuse_wrong_clock(settings: OperatorSettings, now_s: int) -> None:
    """A certificate for 90 days of another year is none. Raises ConfigError."""
    from ledger.client import LedgerReader
    from ledger.pages import LedgerPage
    from operatord.clock import MAX_APART_S

    reader = LedgerReader(settings.ledger.url)
    try:
        reader.read(LedgerPage, "ledger")
    except (ShellError, LookupError) as error:
        print(
            f"operatord: this clock was compared with nobody's, as the ledger is away: {error}",
            file=sys.stderr,
        )
    made_s = int(settings.key.stat().st_mtime)
    if now_s + MAX_APART_S < made_s:
        raise ConfigError(
            f"this machine's clock is {made_s - now_s} s behind the making of {settings.key}: set it"
        )
    if reader.said_s is not None and abs(now_s - reader.said_s) > MAX_APART_S:
        raise ConfigError(
            f"this machine's clock and the ledger's are {abs(now_s - reader.said_s)} s apart: set it"
        )


def _freeradius(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.out.absolute()
    runs_as = _write_radius(_read_settings(arguments.config), folder, arguments.user)
    print(f"{folder}: start it with  freeradius -f -d {folder}  (as root or {runs_as}, whom it runs as)")
    return OK


def _write_radius(settings: OperatorSettings, folder: Path, user: str | None = None) -> str:
    """Whom it runs as."""
    from operatord.freeradius import RunsAs, render_freeradius

    owner = _find_user(user)
    runs_as = RunsAs(owner.pw_name, grp.getgrgid(owner.pw_gid).gr_name)
    files = render_freeradius(settings, _read_secrets(settings), folder, runs_as)
    for made in (folder, folder / "run"):
        made.mkdir(parents=True, exist_ok=True)
        made.chmod(0o750)
    for name, text in files.items():
        _write(folder / name, text.encode(), 0o640)
    for file in (folder, folder / "run", *(folder / name for name in files), settings.radius.key):
        if file.exists():  # the key may come later
            os.chown(file, owner.pw_uid, owner.pw_gid)
    if owner.pw_uid == os.geteuid():  # else operatord's own user makes it
        _make_state(settings)
        settings.trust.mkdir(exist_ok=True)
    return owner.pw_name


def _hostapd(arguments: argparse.Namespace) -> int:
    from operatord.hostapd import render_hostapd

    settings = _read_settings(arguments.config)
    if arguments.box not in settings.boxes:
        raise ConfigError(f"{arguments.config}: boxes.{arguments.box}: there is no such box")
    secret = _read_secrets(settings)[arguments.box]
    try:
        server = str(ipaddress.ip_address(arguments.server))
    except ValueError as error:
        raise ConfigError(f"--server: hostapd takes an address, and {error}") from error
    attributes = _say_offer(settings, arguments)
    print(render_hostapd(settings, arguments.box, secret, server, attributes), end="")
    return OK


def _say_offer(settings: OperatorSettings, arguments: argparse.Namespace) -> list[bytes]:
    """The box's offer in the Alliance's attributes, as far as they were asked for."""
    from ledger.client import LedgerReader
    from ledger.pages import OfferPage
    from operatord.alliance import (
        CUSTOM_SLA,
        LINEAR_VOLUME_RATE,
        write_custom_sla,
        write_linear_volume_rate,
        write_vendor_attributes,
    )

    if arguments.availability is None and arguments.currency is None:
        return []
    provider = settings.boxes[arguments.box].provider
    offer = LedgerReader(settings.ledger.url).read(OfferPage, f"offers/{provider}")
    values = []
    if arguments.availability is not None:
        values.append((CUSTOM_SLA, write_custom_sla(offer.qos.floor_down_bps, arguments.availability)))
    if arguments.currency is not None:
        currency, _, nanos = arguments.currency.partition("=")
        if not (nanos.isascii() and nanos.isdigit()):
            raise ConfigError(f"--currency: {arguments.currency!r} is not like EUR=1000")
        cap_bytes = offer.qos.data_cap_bytes
        rate = write_linear_volume_rate(cap_bytes, offer.price_ubc, currency, int(nanos))
        values.append((LINEAR_VOLUME_RATE, rate))
    return write_vendor_attributes(values)


# ---- Asking


def _status(arguments: argparse.Namespace) -> int:
    from operatord.shells.control import ask

    status = ask(_read_settings(arguments.config).control_socket, {"ask": "status"})
    if arguments.json:
        _print(status, as_json=True)
        return OK
    uses = status.pop("uses")
    counters = status.pop("counters")
    _print({**status, **counters}, as_json=False)
    for use in uses:
        print(
            f"{use['station']}  at {use['box']}  grant {use['grant']}  {use['used_bytes']} bytes  "
            f"heard of {use['heard_s_ago']} s ago"
        )
    return OK


def _revoke(arguments: argparse.Namespace) -> int:
    from operatord.shells.control import ask

    settings = _read_settings(arguments.config)
    ahead = {"ahead": arguments.ahead}
    question = {"ask": "revoke", "grant": arguments.grant, "reason": arguments.reason, **ahead}
    if arguments.provider_key:
        revocation = Revocation(bytes.fromhex(arguments.grant), arguments.reason)
        signed = write_revocation(revocation, _read_key(arguments.provider_key))
        question = {"ask": "revoke", "revocation": signed.hex(), **ahead}
    _print(ask(settings.control_socket, question), as_json=arguments.json)
    return OK


def _reconcile(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from ledger.client import LedgerReader
    from operatord.meters import gather_meters, passes_among
    from operatord.reconciling import add_sessions, find_overheads, reconcile
    from operatord.shells.checkpoints import Checkpoints
    from operatord.shells.store import Store
    from operatord.tables import (
        complaints,
        count_judged,
        describe_overheads,
        describe_rows,
        reconciliation_table,
        say_judged,
        say_overheads,
    )

    settings = _read_settings(arguments.config)
    if not settings.database.exists():
        raise ShellError("reconcile", f"{settings.database}: there is none; has operatord run?")
    since_s = int(time.time()) - parse_duration(arguments.since)
    store = Store(settings.database)
    sessions, passes = store.sessions(), passes_among(store.permits())
    store.close()
    names = {name: box.provider.provider_id for name, box in settings.boxes.items()}
    providers = frozenset(box.provider for box in settings.boxes.values())
    now_ms = time.time_ns() // 1_000_000
    kept = Checkpoints(settings.checkpoints, settings.ledger.ledger_id)
    try:
        if arguments.afresh:
            kept.forget_all()
        kept.forget_old(now_ms)
        reader = LedgerReader(settings.ledger.url)
        meters = gather_meters(reader, settings.ledger, providers, kept, now_ms, passes)
    finally:
        kept.close()
    # Of a grant that either side has heard of since, everything: a part is never what the other side calls the whole.
    recent = meters.since(since_s) | {one.permit_id for one in sessions if one.event_s >= since_s}
    whole = [session for session in sessions if session.permit_id in recent]
    accounted = add_sessions(whole, names, int(time.time()))
    rows = reconcile(accounted, meters.of(recent), meters.reported_s)
    judged, overheads = count_judged(rows), find_overheads(rows)
    wrong = [*meters.complaints, *complaints(rows)] if judged else [*meters.complaints, say_judged(rows)]
    if arguments.json:
        page: dict[str, Any] = {"ok": not wrong, "judged": judged, "not_judged": len(rows) - judged}
        page |= {"overheads": describe_overheads(overheads)}
        _print({**page, "grants": describe_rows(rows), "meters": list(meters.complaints)}, as_json=True)
    else:
        console = Console()
        console.print(reconciliation_table(rows))
        if judged:
            console.print(say_judged(rows))
        for text in say_overheads(overheads, settings.boxes.values()):
            console.print(text, style="yellow", markup=False, highlight=False)
        for text in wrong:
            console.print(text, style="bold red", markup=False, highlight=False)
    return NO if wrong else OK


# ---- Files


def _read_settings(file: Path) -> OperatorSettings:
    """With the boxes that enrolled themselves, and what is damaged of them."""
    file = file.absolute()
    page = read_toml(file)
    if "enrolment" not in page:
        return parse_settings(page, file)
    from operatord.shells.enrolment_files import EnrolmentFiles

    folder = parse_enrolment(Section(page["enrolment"], "enrolment", file)).folder
    files = EnrolmentFiles(folder)
    return parse_settings(page, file, files.records(), files.damaged())


def _make_state(settings: OperatorSettings) -> None:
    """The folder, through which FreeRADIUS as another user reaches the trust directory, and nothing else."""
    if not settings.state.exists():
        settings.state.mkdir(parents=True)
        settings.state.chmod(0o711)


def _make_database(settings: OperatorSettings) -> None:
    """Who was where, and what makes pseudonyms: for its owner alone."""
    _make_state(settings)
    settings.database.touch(mode=0o600)
    settings.database.chmod(0o600)


def _refuse_open_files(settings: OperatorSettings) -> None:
    """Keys and secrets are for their owner, and perhaps for a group. Raises ConfigError."""
    private = {
        "operator.key": settings.key,
        **{f"boxes.{name}.secret": address.secret for name, address in settings.addresses.items()},
    }
    for key, file in private.items():
        if file.stat().st_mode & 0o007:
            raise ConfigError(f"{key}: {file}: everybody on this machine can read it; chmod 600")


def _find_user(name: str | None) -> pwd.struct_passwd:
    """Who FreeRADIUS is. Raises ConfigError."""
    if name is None and os.geteuid():
        return pwd.getpwuid(os.geteuid())
    for candidate in RADIUS_USERS if name is None else (name,):
        try:
            return pwd.getpwnam(candidate)
        except KeyError:
            continue
    if name is None:
        raise ConfigError(
            f"--user: there is neither {' nor '.join(RADIUS_USERS)}: whom shall FreeRADIUS run as?"
        )
    raise ConfigError(f"--user: there is no user {name!r}")


def _read_key(file: Path) -> PrivateKey:
    return PrivateKey.from_pem(file.read_bytes(), str(file))


def _read_secrets(settings: OperatorSettings) -> dict[str, str]:
    """Of the boxes, by name. Raises ConfigError."""
    found = {}
    for name, address in settings.addresses.items():
        try:
            found[name] = address.secret.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"boxes.{name}.secret: {address.secret}: {error}") from error
    return found


def _write(file: Path, content: bytes, mode: int) -> None:
    """Over what is there, and never for a moment readable to more than `mode` says."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as opened:
        os.fchmod(opened.fileno(), mode)
        opened.write(content)


def _print(values: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(values, indent=2))
        return
    width = max(len(name) for name in values)
    for name, value in values.items():
        print(f"{name:{width}}  {value}")


if __name__ == "__main__":
    sys.exit(main())
