"""An operator with a page on this host's loopback: real ledger, broker and operatord, three boxes that really sold.

`roof` sells and delivers, `yard` claims more than it may and owes a refund, `inn` has no meter. Stations come and are
accounted for by HTTP, as FreeRADIUS tells it; reports are signed by software keys. Whoever looks is logged in by the
store of people, as logging in has tests of its own.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from lab.processes import Child, Household
from operatord.page.people import Key, Person, Role, hash_token
from operatord.page.people_store import PeopleStore
from tests.ledger_house import ledger_house, sixty_seconds
from tests.operator_house import OperatorHouse
from wire.create import Create
from wire.grant import Grant
from wire.keys import PrivateKey
from wire.meter_record import UsageRow
from wire.money_actions import Transfer
from wire.refund import refund_nonce
from wire.transaction import Transaction, sign_transaction

READY = r"operatord page ready (\S+) at (\S+) port (\d+)"
COOKIE = "airgrant"
BOXES = ("roof", "yard", "inn")


class PageHouse:
    """A house with a page; `sign_in` gives a cookie."""

    def __init__(self, operator: OperatorHouse, port: int) -> None:
        self.operator, self.port = operator, port
        self.owners = {"roof": operator.provider, "yard": PrivateKey.generate(), "inn": PrivateKey.generate()}
        self.meters = {name: SoftwareKey(PrivateKey.generate()) for name in ("roof", "yard")}
        self.chains: dict[str, MeterChain] = {}
        self.url = f"http://localhost:{port}"

    def write(self) -> None:
        boxes = "".join(
            f'[boxes.{name}]\nprovider = "{self.owners[name].public}"\naddress = "127.0.0.1"\n'
            'secret = "roof.secret"\n'
            for name in ("yard", "inn")
        )
        self.operator.write(boxes, das_port=self.port + 1)

    @property
    def daemon(self) -> Child:
        assert self.operator.daemon is not None, "it was started"
        return self.operator.daemon

    def open_page(self) -> None:
        """What was played before is what it sees at its first look."""
        self.daemon.process.terminate()
        self.daemon.process.wait(10)
        config = self.operator.config
        config.write_text(config.read_text() + f"[page]\nport = {self.port}\n")
        self.operator.start()
        self.daemon.wait_for_line(READY, 20)

    # ---- Who looks

    def sign_in(self, name: str, role: Role) -> str:
        """What a browser of somebody who logged in shows."""
        store = PeopleStore(self.operator.folder / "state" / "people.db")
        token = sign_in(store, name, role)
        store.close()
        return token

    def get(self, path: str, token: str = "", **headers: str) -> httpx.Response:
        cookies = {COOKIE: token} if token else {}
        return httpx.get(
            self.url + path, cookies=cookies, headers={"Accept": "text/html", **headers}, timeout=10
        )

    # ---- What is sold and delivered

    def open_shops(self) -> None:
        ledger = self.operator.ledger
        for name, owner in self.owners.items():
            with ledger.client(owner) as client:
                assert ledger.submit(client, Create(owner.public), owner).executed
                assert ledger.submit(client, sixty_seconds(100, 600), owner).executed
                if name in self.meters:
                    ledger.enrol(client, owner, self.meters[name])

    def sell(self, eventually: Callable[..., None], box: str) -> tuple[PrivateKey, Grant]:
        return self.operator.buy(eventually, self.owners[box])

    def join(self, buyer: PrivateKey, box: str, number: int) -> int:
        name = f"/UID={buyer.public}/CN=airgrant account"
        page = {
            "issuer": name, "subject": name, "station": station(number), "called_station": "02-00-00-00-00-00:airgrant",
            "nas_identifier": box, "address": "127.0.0.1",
        }  # fmt: skip
        return httpx.post(f"{self.operator.url}/v1/authorise", json=page, timeout=10).status_code

    def account(self, grant: Grant, box: str, number: int, **changes: Any) -> None:
        page = {
            "Acct-Session-Id": f"{box}{number}", "NAS-Identifier": box, "Packet-Src-IP-Address": "127.0.0.1",
            "Class": "0x" + grant.grant_id.hex(), "Calling-Station-Id": station(number),
            "Called-Station-Id": "02-00-00-00-00-00:airgrant", "Acct-Status-Type": 3, "Acct-Session-Time": 10,
            "Event-Timestamp": int(time.time()), "Acct-Input-Octets": 250_000, "Acct-Output-Octets": 5_000_000,
            **changes,
        }  # fmt: skip
        answer = httpx.post(f"{self.operator.url}/v1/accounting", json=page, timeout=10)
        assert answer.status_code == 204, answer.text

    def report(self, box: str, grant: Grant, *rows: UsageRow) -> None:
        """A report of five seconds for each row, after a boot record if it is the first."""
        ledger, owner = self.operator.ledger, self.owners[box]
        known = self.chains.get(box)
        chain = known or MeterChain(self.meters[box], grant.starts_s * 1_000)
        self.chains[box] = chain
        evidence = [] if known else [chain.boot()]
        evidence += [chain.usage(5_000, row) for row in rows]
        with ledger.client(owner) as client:
            for one in evidence:
                client.report(one)

    def revoked(self) -> int:
        """How many grants are, as operatord says."""
        return int(httpx.get(f"{self.operator.url}/v1/status", timeout=10).json()["revoked"])

    def refund(self, box: str, buyer: PrivateKey, grant: Grant, amount_ubc: int) -> None:
        ledger, owner = self.operator.ledger, self.owners[box]
        action = Transfer(buyer.public, amount_ubc)
        transaction = Transaction(action, refund_nonce(grant.grant_id), int(time.time()) + 300)
        with ledger.client(owner) as client:
            client.submit(sign_transaction(transaction, owner, ledger.ledger_id).envelope.encoded)

    def play(self, eventually: Callable[..., None]) -> dict[str, Grant]:
        """A grant at each box, used; the first grant of each."""
        grants = {}
        for number, box in enumerate(BOXES):
            buyer, grant = self.sell(eventually, box)
            grants[box] = grant
            assert self.join(buyer, box, number) == 200
            self.account(grant, box, number)
            if box == "roof":
                self.report(
                    box, grant, *(UsageRow(grant.grant_id, 2_500_000, 125_000, 2_600_000, 125_000),) * 2
                )
            if box == "yard":
                short = UsageRow(grant.grant_id, 800_000, 100_000, 2_000_000, 100_000, 450_000)
                lie = UsageRow(grant.grant_id, 90_000_000, 100_000, 90_000_000, 100_000)
                self.report(box, grant, short, lie)
                self.refund(box, buyer, grant, 10)
        return grants


def sign_in(store: PeopleStore, name: str, role: Role) -> str:
    """The token of a browser of somebody who logged in."""
    now_s = int(time.time())
    token, link = secrets.token_urlsafe(32), secrets.token_bytes(32)
    key = Key(secrets.token_bytes(16), name, b"", 0, now_s)
    store.add(Person(name, role), secrets.token_bytes(16), now_s)
    store.put_link(name, link, now_s + 60)
    assert store.register(link, key, now_s)
    assert store.begin_session(hash_token(token), key, 0, now_s, 0)
    return token


def station(number: int) -> str:
    return (0x02_00_00_00_01_00 + number).to_bytes(6, "big").hex("-")


@contextmanager
def page_house(folder: Path, port: int) -> Iterator[PageHouse]:
    """Without its page yet; `port` and the nine after it are used."""
    with (
        ledger_house(folder, port, "accept_software_keys = true") as ledger,
        Household(folder / "logs") as household,
    ):
        house = PageHouse(OperatorHouse(ledger, household, port + 1, folder / "operator"), port + 5)
        house.write()
        house.open_shops()
        house.operator.start()
        yield house
