"""The operator's settings: from a TOML file's content to values, and every key that nobody knows is refused.

Pure: a mapping as TOML gives it comes in, settings come out, or ConfigError that names the file and the key.

    [operator]    key = "operator.key"  state = "state"  silent_after_s = 130
    [ledger]      url = "http://127.0.0.1:8573"  key = "02..."  ledger_id = "..."
    [broker]      host = "127.0.0.1"  port = 8883  authority = "authority.pem"
                  certificate = "operator.pem"  key = "operator.key"
    [http]        host = "127.0.0.1"  port = 8574
    [radius]      address = "0.0.0.0"  authentication_port = 1812  accounting_port = 1813
                  certificate = "server.pem"  key = "server.key"  operator_name = "4EXAMPLE:AT"
    [boxes.roof]  provider = "02..."  address = "192.0.2.7"  secret = "roof.secret"
                  das_port = 3799  up_overhead_bytes = 50  down_overhead_bytes = 34
    [groups]      alley = ["02...", "03..."]
    [metered] and [tariffs.roof]: operatord/metered_settings.py
    [summaries]   period_s = 86400  least_sessions = 10
    [enrolment]: operatord/enrolment_settings.py; the boxes that enrolled themselves need no section
    [page]        operatord/page/settings.py

`roof` is the box's NAS-Identifier and its name at the broker. Providers of one group honour each other's grants. Paths
are relative to the folder of the file.
"""

import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.section import Section, refuse_unknown
from ledger.settings import BROKER_KEYS, BrokerSettings, parse_broker
from operatord.boxes import BoxRecord, Damaged, Standing
from operatord.enrolment_settings import ENROLMENT_KEYS, EnrolmentSettings, parse_enrolment
from operatord.metered_settings import METERED_KEYS, MeteredSettings, parse_metered
from operatord.page.settings import PAGE_KEYS, PageSettings, parse_page
from operatord.sessions import DOWN_OVERHEAD_BYTES, UP_OVERHEAD_BYTES
from operatord.state import DEFAULT_SILENT_AFTER_S, Box, with_partners
from operatord.totals import SummaryRules
from wire.errors import ConfigError
from wire.ids import LEDGER_ID_SIZE, PublicKey

DEFAULT_HTTP_PORT = 8574
AUTHENTICATION_PORT, ACCOUNTING_PORT, DAS_PORT = 1812, 1813, 3799
"""RFC 2865, RFC 2866, RFC 5176."""
_KEYS = {
    "operator": {"key", "state", "silent_after_s"},
    "ledger": {"url", "key", "ledger_id"},
    "broker": BROKER_KEYS,
    "http": {"host", "port"},
    "radius": {"address", "authentication_port", "accounting_port", "certificate", "key", "operator_name"},
    "enrolment": ENROLMENT_KEYS,
    "boxes": None,
    "groups": None,
    "metered": METERED_KEYS,
    "tariffs": None,
    "attesters": None,
    "summaries": {"period_s", "least_sessions"},
    "page": PAGE_KEYS,
}
_BOX_KEYS = {"provider", "address", "secret", "das_port", "up_overhead_bytes", "down_overhead_bytes"}
_NAME = re.compile(r"[A-Za-z0-9._-]{1,66}")
"""One topic level, one word of a RADIUS configuration, at most an account in hex."""
_OPERATOR_NAME = re.compile(r"[0123][A-Za-z0-9.-]{1,200}|4[A-Za-z0-9._-]{1,200}:[A-Z]{2}")
"""RFC 5580 clause 4.1: TADIG, realm, E.212 or ICC; RFC 8559 added the Alliance's own, which ends with a country."""


@dataclass(frozen=True, slots=True)
class LedgerLink:
    """Where the ledger's pages are, and by what its signatures are known."""

    url: str
    key: PublicKey
    ledger_id: bytes


@dataclass(frozen=True, slots=True)
class RadiusSettings:
    """Where FreeRADIUS listens, and with which certificate it shows whose server it is."""

    address: str
    authentication_port: int
    accounting_port: int
    certificate: Path
    key: Path
    operator_name: str = ""
    """Operator-Name (126) of what boxes send, with its namespace; empty: none is sent."""


@dataclass(frozen=True, slots=True)
class BoxAddress:
    """How to reach a box by RADIUS. `secret` is a file with the shared secret."""

    address: str
    secret: Path
    das_port: int


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """`key` is the operator's account; `state` the folder of database, trust directory and control socket.

    `silent_after_s`: a station that left without a word keeps its grant from others for so long.
    """

    key: Path
    state: Path
    silent_after_s: int
    ledger: LedgerLink
    broker: BrokerSettings
    http_host: str
    http_port: int
    radius: RadiusSettings
    boxes: Mapping[str, Box]
    addresses: Mapping[str, BoxAddress]
    providers: frozenset[PublicKey]
    """Whose grants are good at one of the boxes or more."""
    metered: MeteredSettings | None = None
    """For whoever pays as he goes; None: nobody does."""
    summaries: SummaryRules | None = None
    """What is published of metered sessions; None: nothing is."""
    enrolment: EnrolmentSettings | None = None
    """Where boxes enrol themselves; None: nowhere."""
    page: PageSettings | None = None
    """Where the operator's page listens; None: nowhere."""
    damaged: tuple[Damaged, ...] = ()
    """Boxes that enrolled themselves, and of which is not known what is kept: none of them is among `boxes`."""

    @property
    def trust(self) -> Path:
        """The hashed directory that FreeRADIUS takes for its authorities."""
        return self.state / "trust"

    @property
    def database(self) -> Path:
        return self.state / "operatord.db"

    @property
    def checkpoints(self) -> Path:
        """How far the meters' chains were verified; can be taken away at any time."""
        return self.state / "meters.db"

    @property
    def control_socket(self) -> Path:
        return self.state / "operatord.sock"


def parse_settings(
    page: Mapping[str, Any], file: Path, records: Iterable[BoxRecord] = (), damaged: Iterable[Damaged] = ()
) -> OperatorSettings:
    """From the content of a TOML file, and the boxes that enrolled themselves: the damaged ones are left out. Raises
    ConfigError.
    """
    refuse_unknown(page, _KEYS, file)
    operator, broker, http = (
        Section(page.get(name, {}), name, file) for name in ("operator", "broker", "http")
    )
    enrolment = (
        parse_enrolment(Section(page["enrolment"], "enrolment", file)) if "enrolment" in page else None
    )
    by_hand = {name: _parse_box(name, values, file) for name, values in page.get("boxes", {}).items()}
    records, damaged = tuple(records), tuple(damaged)
    sound = [one for one in records if one.name not in {other.name for other in damaged}]
    invited = {} if enrolment is None else _invited(sound, by_hand, file)
    boxes = by_hand | {
        name: Box(name, record.provider, record.address, frozenset(), UP_OVERHEAD_BYTES, DOWN_OVERHEAD_BYTES)
        for name, record in invited.items()
        if record.standing is Standing.ENROLLED and record.provider is not None
    }
    groups = Section(page.get("groups", {}), "groups", file)
    partners = {name: _parse_group(groups, name) for name in groups.values}
    addresses = {name: _parse_address(_box_section(name, page["boxes"][name], file)) for name in by_hand}
    if enrolment is not None:
        secrets = enrolment.folder / "box"
        addresses |= {
            name: BoxAddress(record.address, secrets / f"{name}.secret", record.das_port)
            for name, record in invited.items()
        }
    known = {*by_hand, *(one.name for one in records), *(one.name for one in damaged)}
    metered, its_page = parse_metered(page, boxes, known, file), parse_page(page, file)
    http_port = http.port("port", DEFAULT_HTTP_PORT)
    _refuse_one_port_twice(
        {
            "http": http_port,
            "page": None if its_page is None else its_page.port,
            "enrolment": None if enrolment is None else enrolment.port,
            "metered": None if metered is None else metered.port,
        },
        file,
    )
    return OperatorSettings(
        key=operator.path("key"),
        state=operator.path("state"),
        silent_after_s=operator.number("silent_after_s", DEFAULT_SILENT_AFTER_S),
        ledger=_parse_ledger(Section(page.get("ledger", {}), "ledger", file)),
        broker=parse_broker(broker),
        http_host=_loopback(http),
        http_port=http_port,
        radius=_parse_radius(Section(page.get("radius", {}), "radius", file)),
        boxes=with_partners(boxes, partners),
        addresses=addresses,
        providers=_providers(boxes, partners),
        metered=metered,
        summaries=_parse_summaries(page, file),
        enrolment=enrolment,
        page=its_page,
        damaged=damaged,
    )


def _refuse_one_port_twice(ports: Mapping[str, int | None], file: Path) -> None:
    """Whatever their addresses: 0.0.0.0 is all of them, and who opens a port has one number in mind."""
    taken: dict[int, str] = {}
    for name, port in ports.items():
        if port is None:
            continue
        if port in taken:
            raise ConfigError(f"{file}: {name}.port: section [{taken[port]}] listens on port {port} already")
        taken[port] = name


def _invited(records: Iterable[BoxRecord], by_hand: Collection[str], file: Path) -> dict[str, BoxRecord]:
    """Those with an address, which FreeRADIUS knows as soon as they are invited."""
    found = {one.name: one for one in records if one.address and one.standing is not Standing.REVOKED}
    for name in found:
        if name in by_hand:
            raise ConfigError(
                f"{file}: boxes.{name}: there is an enrolled box of this name: remove one of them"
            )
    return found


def _parse_summaries(page: Mapping[str, Any], file: Path) -> SummaryRules | None:
    if "summaries" not in page:
        return None
    section = Section(page["summaries"], "summaries", file)
    rules = SummaryRules(section.number("period_s", 86_400), section.number("least_sessions", 10))
    if "metered" not in page:
        raise section.error("period_s", "there is no section [metered]: there is nothing to sum up")
    if not rules.period_s or not rules.least_sessions:
        raise section.error("period_s", "a period has a second, and a summary a session, at least")
    return rules


def _providers(boxes: Mapping[str, Box], groups: Mapping[str, frozenset[PublicKey]]) -> frozenset[PublicKey]:
    own = frozenset(box.provider for box in boxes.values())
    return own.union(*(group for group in groups.values() if group & own))


def _parse_ledger(ledger: Section) -> LedgerLink:
    return LedgerLink(ledger.text("url"), ledger.account("key"), ledger.octets("ledger_id", LEDGER_ID_SIZE))


def _loopback(http: Section) -> str:
    """FreeRADIUS asks from the same machine, and whoever can ask can also account."""
    host = http.text("host", "127.0.0.1")
    try:
        loopback = ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise http.error("host", f"{host!r} is no loopback address of IPv4: nothing here asks who is asking")
    return host


def _parse_radius(radius: Section) -> RadiusSettings:
    return RadiusSettings(
        address=_address(radius, radius.text("address", "0.0.0.0")),
        authentication_port=radius.port("authentication_port", AUTHENTICATION_PORT),
        accounting_port=radius.port("accounting_port", ACCOUNTING_PORT),
        certificate=radius.path("certificate"),
        key=radius.path("key"),
        operator_name=_operator_name(radius),
    )


def _operator_name(radius: Section) -> str:
    if "operator_name" not in radius.values:
        return ""
    name = radius.text("operator_name")
    if not _OPERATOR_NAME.fullmatch(name):
        raise radius.error(
            "operator_name",
            f"{name!r} is neither like 1example.net, a realm, nor like 4EXAMPLE:AT, a WBA identity",
        )
    return name


def _address(section: Section, text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise section.error("address", str(error)) from error


def _box_section(name: str, values: Any, file: Path) -> Section:
    refuse_unknown({f"boxes.{name}": values}, {f"boxes.{name}": _BOX_KEYS}, file)
    return Section(values, f"boxes.{name}", file)


def _parse_box(name: str, values: Any, file: Path) -> Box:
    section = _box_section(name, values, file)
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{file}: boxes.{name}: a name has 1 to 66 letters, digits, dots, dashes or underscores"
        )
    up_bytes = section.number("up_overhead_bytes", UP_OVERHEAD_BYTES)
    down_bytes = section.number("down_overhead_bytes", DOWN_OVERHEAD_BYTES)
    provider = section.account("provider")
    address = _address(section, section.text("address"))
    return Box(name, provider, address, frozenset(), up_bytes, down_bytes)


def _parse_address(section: Section) -> BoxAddress:
    address = _address(section, section.text("address"))
    return BoxAddress(address, section.path("secret"), section.port("das_port", DAS_PORT))


def _parse_group(groups: Section, name: str) -> frozenset[PublicKey]:
    value = groups.values[name]
    if not isinstance(value, list):
        raise groups.error(name, "is not a list of accounts")
    return frozenset(Section({name: account}, "groups", groups.file).account(name) for account in value)
