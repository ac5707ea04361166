"""The first settings of a box: what an owner answers, and the file that his operator gave him, become apd.toml.

Pure: text in, text and values out. It writes nothing, asks nobody, and chooses nothing that radiates: what it says has
no section [air], so the box shapes and sells on an interface that is there already, until its owner adds one.

    the operator's file (TOML)      [ledger]  host, key, ledger_id, port?
                                    authority, certificate, certificate_key    PEM, as texts of several lines

It raises ConfigError that names the file and the key. Largest legal size of the operator's file: 64 KiB.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wire.errors import ConfigError
from wire.ids import PublicKey
from wire.units import format_rate, parse_rate

MAX_OPERATOR_FILE_BYTES = 64 * 1024
BROKER_PORT = 8883
SOFTWARE_KEY = "/var/lib/airgrant/software-key.pem"
"""Made by the daemon, as its own user, at its first start."""
_REJECT = 0x200
_VALUES = {"host": str, "key": str, "ledger_id": str, "port": int}
_PEMS = {"authority": "CERTIFICATE", "certificate": "CERTIFICATE", "certificate_key": "PRIVATE KEY"}


@dataclass(frozen=True, slots=True)
class OperatorFile:
    """How this box reaches its ledger, as its operator says; PEM as it stood there."""

    host: str
    port: int
    key: PublicKey
    ledger_id: bytes
    """32 octets."""
    authority: str
    certificate: str
    certificate_key: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What the owner says: the interface whose far side is the stations, and what it carries, bits per second."""

    interface: str
    downlink_bps: int
    uplink_bps: int
    tpm: str
    """Such as device:/dev/tpmrm0; empty: a software key signs, and every report is marked unattested."""


def read_operator_file(content: bytes, origin: str) -> OperatorFile:
    """From the octets of the file `origin`. Raises ConfigError."""
    if len(content) > MAX_OPERATOR_FILE_BYTES:
        raise ConfigError(f"{origin}: has {len(content)} octets, and no operator's file has more than 65536")
    try:
        document = tomllib.loads(content.decode())
    except ValueError as error:  # not UTF-8, not TOML
        raise ConfigError(f"{origin}: {error}") from None
    table = document.get("ledger")
    if not isinstance(table, dict) or len(document) != 1:
        raise ConfigError(f"{origin}: has to have one section, [ledger]: is this your operator's file?")
    return _read_ledger(table, origin)


def _read_ledger(table: Mapping[str, Any], origin: str) -> OperatorFile:
    for name in table:
        if name not in {*_VALUES, *_PEMS}:
            raise ConfigError(f"{origin}: ledger.{name}: unknown key")
    for name, kind in (_VALUES | dict.fromkeys(_PEMS, str)).items():
        if name not in table and name != "port":
            raise ConfigError(f"{origin}: ledger.{name}: is missing")
        if name in table and type(table[name]) is not kind:
            raise ConfigError(f"{origin}: ledger.{name}: has to be a {'text' if kind is str else 'number'}")
    check_pems(table, origin)
    try:
        key = PublicKey.parse(table["key"])
    except ValueError as error:
        raise ConfigError(f"{origin}: ledger.key: {error}") from None
    if not re.fullmatch(r"[0-9a-fA-F]{64}", table["ledger_id"]):
        raise ConfigError(f"{origin}: ledger.ledger_id: want 64 hexadecimal digits")
    pems = {name: table[name].strip() + "\n" for name in _PEMS}
    port = table.get("port", BROKER_PORT)
    return OperatorFile(table["host"], port, key, bytes.fromhex(table["ledger_id"]), **pems)


def check_pems(pems: Mapping[str, str], origin: str) -> None:
    """Raises ConfigError for a text that is not what its name says."""
    for name, label in _PEMS.items():
        pattern = rf"^-----BEGIN (EC )?{label}-----$.*^-----END (EC )?{label}-----$"
        if not re.search(pattern, pems[name], re.MULTILINE | re.DOTALL):
            raise ConfigError(f"{origin}: ledger.{name}: is no PEM of a {label.lower()}")


def parse_capacity(text: str) -> tuple[int, int]:
    """Towards the stations and from them, bits per second, out of `30M/15M`; one rate is both. Raises ValueError."""
    parts = re.split(r"/(?!s\b)", text)  # the slash between two rates, not that of bit/s
    if len(parts) > 2:
        raise ValueError(f"{text!r} is not a pair of rates such as 30M/15M")
    rates = parse_rate(parts[0]), parse_rate(parts[-1])
    if min(rates) < 1_000:
        raise ValueError(f"{text!r}: less than 1 kbit/s can be sold to nobody")
    return rates


def default_routes(ipv4: str, ipv6: str) -> set[str]:
    """Names of the devices that the rest of the world is reached by, out of /proc/net/route and /proc/net/ipv6_route.

    Columns: Iface Destination Gateway Flags RefCnt Use Metric Mask ...; and destination, its length, source, its
    length, next hop, metric, references, uses, flags, device. What rejects (RTF_REJECT, 0x200) reaches nobody.
    """
    found = set()
    for line in ipv4.splitlines()[1:]:
        match line.split():
            case [device, "00000000", _, flags, _, _, _, "00000000", *_] if not int(flags, 16) & _REJECT:
                found.add(device)
    for line in ipv6.splitlines():
        match line.split():
            case [_, "00", _, _, _, _, _, _, flags, device] if not int(flags, 16) & _REJECT:
                found.add(device)
    return found


def format_settings(answers: Answers, operator: OperatorFile) -> str:
    """The whole apd.toml; the files that it names are beside it."""
    down, up = answers.downlink_bps, answers.uplink_bps
    return f"""\
# Written by `apd setup`. Every key, and what it means: docs/apd.md, Configuration. After a change: apd check, then
# systemctl restart airgrant-apd; sessions go on meanwhile.

[shaper]
interface = {_quoted(answers.interface)}
# {format_rate(down)} and {format_rate(up)}: what the interface carries, honestly; below it rather than above.
downlink_capacity_bps = {down}
uplink_capacity_bps = {up}

[ledger]
host = {_quoted(operator.host)}
port = {operator.port}
authority_file = "authority.pem"
certificate_file = "box.pem"
certificate_key_file = "box.key"
key = "{operator.key}"
ledger_id = "{operator.ledger_id.hex()}"

[meter]
{_format_meter(answers.tpm)}

[files]
provider_key_file = "provider.pem"
"""


def _format_meter(tpm: str) -> str:
    if tpm:
        return f"tpm = {_quoted(tpm)}"
    return f"""\
software_key_file = "{SOFTWARE_KEY}"
# Every report is marked unattested, which the ledger shows to everybody.
accept_unattested = true"""


def _quoted(text: str) -> str:
    """As TOML writes a basic string, which JSON's escapes are a part of (TOML 1.0, String)."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
