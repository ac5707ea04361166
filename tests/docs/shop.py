"""A ledger, a box and a customer on this machine, set up by the words of docs/guides/first-sale.md and docs/ledger.md.

The operator's terminal, which is the box's too, is in one namespace, the customer's at the other end of a cable. What a
page leaves to its reader (the accounts that were printed) is taken from what was printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lab.namespaces import Namespace, Port, create, delete, plug
from lab.processes import Household, wait_until
from tests.docs.terminal import COMMANDS, Terminal, filled

LEDGER = "docs/ledger.md"
GUIDE = "docs/guides/first-sale.md"
INTERFACE = "wlan0"
BOX_MAC, STATION_MAC = "02:00:00:00:d0:00", "02:00:00:00:d0:01"
DEADLINE_S = 30.0

BOX_SETTINGS = """\
[shaper]
interface = "wlan0"
downlink_capacity_bps = "100Mbit/s"
uplink_capacity_bps = "50Mbit/s"
[ledger]
host = "127.0.0.1"
authority_file = "authority.pem"
certificate_file = "roof.pem"
certificate_key_file = "roof.key"
key = "{key}"
ledger_id = "{ledger_id}"
[meter]
software_key_file = "meter.key"
accept_unattested = true
[files]
provider_key_file = "roof.key"
store = "{folder}/apd.sqlite"
[box]
report_interval_s = 1
"""


@dataclass
class Shop:
    """Terminals of the operator (and of the box beside it) and of a customer; what was printed on the way."""

    operator: Terminal
    customer: Terminal
    folder: Path
    values: dict[str, str] = field(default_factory=dict)
    """`key`, `ledger_id`, the accounts `roof`, `alice`, `exchange`, and the `grant` that alice has."""
    bought: str = ""
    """What her purchase said."""


@contextmanager
def counter(folder: Path, page: str = LEDGER, begin: str = "ledger-init") -> Iterator[Shop]:
    """Ledger, broker and accounts are there, and roof's offer; `begin` is the block that makes the ledger."""
    with ExitStack() as stack:
        house, station = (_namespace(stack, name) for name in ("docs-house", "docs-customer"))
        plug(Port(house, INTERFACE, BOX_MAC), Port(station, INTERFACE, STATION_MAC))
        for side in (house, station):
            wait_until(partial(_has_address, side), f"{side.name} on the link", DEADLINE_S)
        household = stack.enter_context(Household(folder / "logs"))
        home = folder / "bandcoin"
        home.mkdir()
        operator = Terminal(house, home, household, "operator")
        running = Shop(operator, Terminal(station, home, household, "customer"), home)
        _begin_a_ledger(running, page, begin)
        _open_accounts(running)
        yield running


@contextmanager
def shop(folder: Path) -> Iterator[Shop]:
    """A session has begun: alice has bought, and the box serves her."""
    with counter(folder) as running:
        _sell(running)
        yield running


def _begin_a_ledger(shop: Shop, page: str, begin: str) -> None:
    text = filled(page, begin, {"~/bandcoin": str(shop.folder)})
    if "--accept-software-keys" not in text:
        text = text.replace(f"--folder {shop.folder}", f"--folder {shop.folder} --accept-software-keys")
    said = shop.operator.type(text)
    for name, label in {"key": "ledger", "exchange": "exchange", "ledger_id": "ledger id"}.items():
        shop.values[name] = _found(rf"{label} +(\w{{64,66}})$", said)
    for name in ("ledger-certificates", "ledger-mosquitto", "ledger-acl"):
        shop.operator.follow(GUIDE, name)
    settings = shop.folder / "mosquitto.conf"
    settings.write_text("user root\n" + settings.read_text())  # in the sandbox everybody is
    another = Terminal(shop.operator.namespace, shop.folder, shop.operator.household, "another")
    another.follow(
        GUIDE, "sale-terminal", {"~/bandcoin": str(shop.folder), "~/airgrant/.venv/bin": str(COMMANDS)}
    )
    broker, ledger = another.leave_running(GUIDE, "ledger-serve")
    broker.wait_for_line("mosquitto version .* running")
    ledger.wait_for_line("ledger ready", DEADLINE_S)


def _open_accounts(shop: Shop) -> None:
    said = shop.operator.follow(GUIDE, "ledger-accounts")
    shop.values["roof"], shop.values["alice"] = re.findall(r"account +(\w{66})", said)[:2]
    shop.operator.follow(GUIDE, "ledger-money", {"ALICES_ACCOUNT": shop.values["alice"]})


def _sell(shop: Shop) -> None:
    settings = BOX_SETTINGS.format(**shop.values, folder=shop.folder)
    (shop.folder / "apd.toml").write_text(settings)
    (box,) = shop.operator.leave_running(LEDGER, "ledger-box")
    box.wait_for_line('"enrolled"', DEADLINE_S)
    shop.bought = shop.customer.follow(LEDGER, "ledger-buy")
    shop.values["grant"] = _found(r"grant +(\w{32})", shop.bought)


def _found(pattern: str, said: str) -> str:
    found = re.search(pattern, said, re.MULTILINE)
    assert found, said
    return found[1]


def _namespace(stack: ExitStack, name: str) -> Namespace:
    made = create(name)
    stack.callback(delete, made)
    return made


def _has_address(namespace: Namespace) -> bool:
    return "fe80:" in namespace.run(["ip", "-6", "route", "show", "dev", INTERFACE])
