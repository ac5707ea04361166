"""What an operator can set of a gateway, and what is refused.

Pure: a mapping as TOML gives it comes in, settings come out, or ConfigError that names the file and the key.

    [gateway]  group = "gateways"            gateways of one group share the messages
    [ledger]   url = "http://127.0.0.1:8573"  ledger_id = "..."
    [broker]   host, port, authority, certificate, key     where boxes and devices are (ledger/settings.py)
    [back]     the same, where the ledger is; left out: the same broker

The common name of a certificate is the gateway's name there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.section import Section, refuse_unknown
from ledger.settings import BROKER_KEYS, BrokerSettings, parse_broker

_KEYS = {"gateway": {"group"}, "ledger": {"url", "ledger_id"}, "broker": BROKER_KEYS, "back": BROKER_KEYS}


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """`front` and `back` may be one broker."""

    group: str
    ledger_url: str
    ledger_id: bytes
    front: BrokerSettings
    back: BrokerSettings


def parse_gateway(page: Mapping[str, Any], file: Path) -> GatewaySettings:
    """From the content of a TOML file. Raises ConfigError."""
    refuse_unknown(page, _KEYS, file)
    sections = {name: Section(page.get(name, {}), name, file) for name in _KEYS}
    group = sections["gateway"].text("group", "gateways")
    if set(group) & set("/+#"):
        raise sections["gateway"].error("group", f"{group!r} has one of / + #")
    front = parse_broker(sections["broker"])
    return GatewaySettings(
        group=group,
        ledger_url=sections["ledger"].text("url"),
        ledger_id=sections["ledger"].octets("ledger_id", 32),
        front=front,
        back=parse_broker(sections["back"]) if "back" in page else front,
    )
