"""What can be set of a gateway, and what is refused with file, section and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.gateway_settings import parse_gateway
from wire.errors import ConfigError

FILE = Path("/etc/airgrant/gateway.toml")
BROKER = {"host": "192.0.2.1", "authority": "a.pem", "certificate": "g.pem", "key": "g.key"}


def page(**sections: Any) -> dict[str, Any]:
    return {"ledger": {"url": "http://127.0.0.1:8573", "ledger_id": "ab" * 32}, "broker": BROKER} | sections


def test_what_is_set():
    settings = parse_gateway(
        page(back=BROKER | {"host": "127.0.0.1", "port": 8884}, gateway={"group": "vienna"}), FILE
    )
    assert (settings.group, settings.front.host, settings.back.port) == ("vienna", "192.0.2.1", 8_884)
    assert settings.back.key == FILE.parent / "g.key"


def test_one_broker_is_enough_to_try():
    settings = parse_gateway(page(), FILE)
    assert settings.back == settings.front
    assert settings.group == "gateways"


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        ({"gateway": {"group": "a/b"}}, "gateway.group: 'a/b' has one of"),
        ({"gateway": {"name": "a"}}, "gateway.name: there is no such setting"),
        ({"broker": {}}, "broker.host: a text is needed"),
        ({"back": {"host": "x"}}, "back.authority: a text is needed"),
        ({"ledger": {"url": "x", "ledger_id": "1"}}, "ledger.ledger_id"),
    ],
)
def test_what_is_refused(sections: dict[str, Any], why: str):
    with pytest.raises(ConfigError, match=str(FILE)) as error:
        parse_gateway(page(**sections), FILE)
    assert why in str(error.value)
