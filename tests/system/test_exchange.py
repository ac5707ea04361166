"""The exchange for real: the command in a process of its own, before the real ledger and a broker, killed and started
again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.processes import Child
from ledger.cli import ledger
from ledger.exchange.cli import main
from ledger.exchange.fake_bank import FakeBank
from ledger.exchange.payout_request import read_payout_request
from ledger.exchange.service import log_of, own_transactions
from ledger.fetching import fetch_genesis
from ledger.pages import AccountPage
from tests.ledger_house import LedgerHouse, ledger_house
from wire.create import Create
from wire.keys import PrivateKey
from wire.money_actions import Deposit

PORT = 28_887
READY = r"exchange ready http=(\S+)"
SECRET = "integration_private_key"
pytestmark = pytest.mark.system


@pytest.fixture
def bank() -> Iterator[FakeBank]:
    with FakeBank(b"bank secret") as running:
        yield running


@pytest.fixture
def house(tmp_path: Path, needs: Callable[..., None]) -> Iterator[LedgerHouse]:
    needs("mosquitto")
    with ledger_house(tmp_path, PORT) as running:
        yield running


class Exchange:
    """Its files and its process."""

    def __init__(self, house: LedgerHouse, bank: FakeBank) -> None:
        self.house, self.folder = house, house.folder / "exchange"
        self.folder.mkdir()
        self.config = self.folder / "exchange.toml"
        self.child: Child | None = None
        self.url = ""
        self._write(bank)

    def start(self, *options: str) -> None:
        command = [sys.executable, "-m", "airgrant", "ledger", "exchange", "run", str(self.config), *options]
        self.child = self.house.household.start("exchange", command)
        self.url = self.child.wait_for_line(READY, 20)[1]

    def tell(self, payment_id: str, account: object, amount: str = "25.00") -> int:
        """HTTP status of a settled sale, signed as Braintree signs it."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        document = (
            f'<notification><timestamp type="datetime">{moment}</timestamp><kind>transaction_settled</kind><subject>'
            f"<transaction><id>{payment_id}</id><type>sale</type><amount>{amount}</amount><currency-iso-code>EUR"
            f"</currency-iso-code><merchant-account-id>coins</merchant-account-id><custom-fields><bandcoin-account>{account}</bandcoin-account></custom-fields>"
            "</transaction></subject></notification>"
        )
        payload = base64.encodebytes(document.encode()).decode()
        digest = hmac.new(hashlib.sha1(SECRET.encode()).digest(), payload.encode(), hashlib.sha1).hexdigest()
        form = {"bt_signature": f"integration_public_key|{digest}", "bt_payload": payload}
        request = urllib.request.Request(
            f"{self.url}/braintree", urllib.parse.urlencode(form).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)

    def balance(self, key: PrivateKey) -> int:
        return self.house.reader.read(AccountPage, f"accounts/{key.public}").balance_ubc

    def _write(self, bank: FakeBank) -> None:
        house, folder = self.house, self.folder
        (folder / "exchange.key").write_bytes(house.exchange.to_pem())
        (folder / "exchange.key").chmod(0o600)
        (folder / "braintree.secret").write_text(SECRET + "\n")
        (folder / "bank.secret").write_bytes(bank.secret + b"\n")
        for secret in ("braintree.secret", "bank.secret"):
            (folder / secret).chmod(0o600)
        files = house.authority.issue_client("exchange", house.exchange.key, label="exchange")
        self.config.write_text(
            '[exchange]\nkey = "exchange.key"\ntable = "exchange.db"\nhold_s = 0\n'
            f'[ledger]\nurl = "{house.reader.url}"\nledger_id = "{house.ledger_id.hex()}"\n'
            f'[broker]\nhost = "127.0.0.1"\nport = {house.port}\nauthority = "{files.authority}"\n'
            f'certificate = "{files.certificate}"\nkey = "{files.key}"\n'
            "[http]\nport = 0\n[rates.EUR]\nubc = 10000\n"
            '[braintree]\npublic_key = "integration_public_key"\nprivate_key = "braintree.secret"\n'
            'merchant_accounts = ["coins"]\n'
            f'[bank]\nurl = "{bank.url}"\nsecret = "bank.secret"\n'
        )


def new_account(house: LedgerHouse) -> PrivateKey:
    key = PrivateKey.generate()
    with house.client(key) as client:
        assert house.submit(client, Create(key.public), key).executed
    return key


def test_money_goes_in_and_out_once_through_kills_and_restarts(
    house: LedgerHouse, bank: FakeBank, eventually: Callable[..., None], capsys: pytest.CaptureFixture[str]
):
    exchange, key = Exchange(house, bank), new_account(house)
    exchange.start()
    for at in range(20):
        assert exchange.tell(f"p{at}", key.public) == 200
    assert exchange.child is not None
    exchange.child.kill()  # wherever it was
    exchange.start()
    for at in range(20):  # Braintree was not sure that we had them
        assert exchange.tell(f"p{at}", key.public) == 200
    eventually(lambda: exchange.balance(key) == 20 * 25_000_000, "twenty deposits", 20)

    bank.plan = ["lose", "break"]
    (exchange.folder / "owner.key").write_bytes(key.to_pem())
    asked = ["ask", "100", "EUR", "AT61 1904", "--key", str(exchange.folder / "owner.key"), "--json"]
    assert main([*asked, "--exchange", "http://127.0.0.1:9", "--ledger", house.reader.url]) == 3
    assert "the same command sends the same bytes again" in capsys.readouterr().err
    (kept,) = exchange.folder.glob("owner.key.*.unanswered")
    request = kept.read_bytes()
    assert main([*asked, "--exchange", exchange.url, "--ledger", house.reader.url]) == 0
    assert not kept.exists()
    payout = json.loads(capsys.readouterr().out)
    signed = read_payout_request(request, house.exchange.public, house.ledger_id)
    assert payout["payout"] == signed.transfer.transaction_id.hex()
    too_much = [*asked[:1], "9999", *asked[2:], "--exchange", exchange.url, "--ledger", house.reader.url]
    assert main(too_much) == 1
    assert "are asked of it" in capsys.readouterr().err
    assert (payout["minor"], payout["pays"], payout["stage"]) == (10_000, "100.00", "waits for the transfer")
    eventually(lambda: bank.asked, "the bank is asked", 20)
    exchange.child.kill()
    exchange.start()
    page = f"{exchange.url}/payouts/{payout['payout']}"
    eventually(lambda: json.load(urllib.request.urlopen(page, timeout=5))["stage"] == "paid", "paid", 40)
    assert [one["minor"] for one in bank.paid.values()] == [10_000]
    assert exchange.balance(key) == 400_000_000

    look = log_of(house.reader)
    deposit = look(own_transactions(house.reader, fetch_genesis(house.reader))[0].id)
    assert (deposit.has, deposit.height > 0) == (True, True)
    nothing = look("0" * 64)
    assert (nothing.has, nothing.time_s >= deposit.time_s) == (False, True)

    export = exchange.folder / "settled.csv"
    export.write_text("payment_id,amount,currency\n" + "".join(f"p{at},25.00,EUR\n" for at in range(20)))
    books = ["exchange", "reconcile", str(exchange.config), "--export", str(export), "--gateway", "braintree"]
    assert ledger(books) == 0
    assert "the books agree" in capsys.readouterr().out
    with house.client(house.exchange) as client:
        assert house.submit(client, Deposit(key.public, 7), house.exchange).executed
    assert ledger([*books, "--json"]) == 1
    assert not json.loads(capsys.readouterr().out)["ok"]

    assert main(["audit", str(exchange.config)]) == 0
    assert "deposited" in capsys.readouterr().out
    assert main(["audit", str(exchange.config), "--lines", "--case", "braintree:payment:p3", "--json"]) == 0
    steps = [line["step"] for line in json.loads(capsys.readouterr().out)]
    assert steps == ["event", "signed", "executed", "closed"]
    assert main(["payouts", str(exchange.config)]) == 0
    said = capsys.readouterr().out
    assert "AT61 1904" in said
    assert f"payout {payout['payout']}\n" in said
    assert main(["audit", str(exchange.config), "--case", f"payout:{payout['payout']}"]) == 0
    assert "100.00 EUR = 100 BC" in capsys.readouterr().out
    assert main(["payouts", str(exchange.config), "--paid", payout["payout"], "--reference", "x"]) == 1
    assert main(["release", str(exchange.config), "braintree:payment:p3"]) == 1

    assert exchange.child is not None
    exchange.child.stop()
    (exchange.folder / "exchange.db").rename(exchange.folder / "lost.db")
    assert main(["run", str(exchange.config)]) == 2
    assert "--adopt" in capsys.readouterr().err
    exchange.start("--adopt")
    assert exchange.tell("p1", key.public) == 200
    assert exchange.tell("p20", key.public) == 200
    eventually(lambda: exchange.balance(key) == 400_000_007 + 25_000_000, "one more deposit", 20)


def test_what_is_wrong_is_said_before_anything_is_served(
    house: LedgerHouse, bank: FakeBank, capsys: pytest.CaptureFixture[str]
):
    exchange = Exchange(house, bank)
    text = exchange.config.read_text()
    (house.folder / "ledger.key").chmod(0o600)
    assert main(["audit", str(exchange.config)]) == 3
    assert "has the exchange been run" in capsys.readouterr().err
    for old, new, why in [
        (house.ledger_id.hex(), "00" * 32, "is ledger"),
        ('key = "exchange.key"', f'key = "{house.folder}/ledger.key"', "not the exchange's"),
        ("[rates.EUR]\nubc = 10000\n", "", "there is no rate"),
    ]:
        exchange.config.write_text(text.replace(old, new))
        assert main(["run", str(exchange.config)]) == 2
        assert why in capsys.readouterr().err
    exchange.config.write_text(text)
    (exchange.folder / "exchange.key").chmod(0o640)
    assert main(["run", str(exchange.config)]) == 2
    assert "others on this machine can read it" in capsys.readouterr().err
    assert main(["reconcile", str(exchange.config), "--gateway", "braintree"]) == 2
    assert main([]) == 2
    assert ledger(["--help"]) == 0
    assert ledger(["nothing"]) == 2
