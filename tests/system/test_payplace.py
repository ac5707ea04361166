"""PayPlace with everything real: a ledger, a broker, the operator's process, merchants by their command."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from lab.processes import Household
from ledger.identity import read_key
from ledger.payplace.windows import phase_at
from ledger.toml_file import read_toml
from operatord.channel import Channel
from operatord.commands import Earn, KeepChannel
from operatord.payplace import merchant_cli, payouts_cli
from operatord.payplace.opening import open_chain
from operatord.payplace.recovering import read_past
from operatord.payplace.settings import parse_merchant
from operatord.shells.store import Store
from wire.create import Create
from wire.keys import PrivateKey
from wire.micropayment import Micropayment, instance_of, write_micropayment
from wire.payplace_deposit import PayplaceDeposit, Split
from wire.payplace_withdrawal import WithdrawPayout

pytestmark = pytest.mark.system

TIMES = "period_s = 12\nwindow_s = 8\nfinality_s = 1\nchallenge_s = 20\n"


def _chain(house, key: PrivateKey) -> str:
    files = house.authority.issue_client(str(key.public), key.key)
    return (
        f'[ledger]\nurl = "{house.reader.url}"\nledger_id = "{house.ledger_id.hex()}"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {house.port}\nauthority = "{files.authority}"\n'
        f'certificate = "{files.certificate}"\nkey = "{files.key}"\n'
    )


def _account(house, folder: Path) -> tuple[PrivateKey, Path]:
    key = PrivateKey.generate()
    with house.client(key) as client:
        assert house.submit(client, Create(key.public), key).executed
    folder.mkdir()
    (folder / "account.pem").write_bytes(key.to_pem())
    return key, folder


def test_a_payment_becomes_a_balance(house, buyer, tmp_path: Path, capsys, eventually) -> None:
    operator, folder = _account(house, tmp_path / "operator")
    payouts = folder / "payouts.toml"
    database = Store(folder / "operatord.db")
    payouts.write_text(
        '[payouts]\nfolder = "payouts"\nkey = "account.pem"\nearnings = "operatord.db"\n'
        f"commission_ppm = 100000\ncollect_s = 5\nport = 0\n{TIMES}{_chain(house, operator)}"
    )
    assert payouts_cli.main(["register", str(payouts)]) == 0
    assert payouts_cli.main(["register", str(payouts)]) == 1, "it is one"
    assert "operator_exists" in capsys.readouterr().out
    with house.client(buyer) as client:
        deposit = PayplaceDeposit(buyer.public, (Split(operator.public, 900),))
        assert house.submit(client, deposit, buyer).executed
    with Household(tmp_path / "logs") as household:
        process = household.start("payouts", [sys.executable, "airgrant.py", "payouts", "run", str(payouts)])
        url = process.wait_for_line(r"payouts ready http=(\S+)", 20)[1]
        owner, place = _account(house, tmp_path / "merchant")
        config = place / "merchant.toml"
        config.write_text(
            f'[merchant]\nfolder = "merchant"\nkey = "account.pem"\noperator = "{operator.public}"\n'
            f'url = "{url}"\n{_chain(house, owner)}'
        )
        chain = open_chain(parse_merchant(read_toml(config), config).chain, operator.public, owner)

        def is_open() -> bool:
            return not phase_at(chain.operator(), int(time.time())).frozen

        assert merchant_cli.main(["register", str(config), "--json"]) == 1, "its box has earned nothing"
        paid = Micropayment(instance_of(house.ledger_id, operator.public.octets), buyer.public, 600)
        database.save([
            KeepChannel(Channel(buyer.public, 0, 900, 600, write_micropayment(paid, buyer))),
            Earn(owner.public, buyer.public, 500),
        ])  # fmt: skip
        eventually(is_open, "the freeze is over", 20)
        assert merchant_cli.main(["register", str(config), "--json"]) == 0, capsys.readouterr()
        capsys.readouterr()

        def has_signed() -> bool:
            merchant_cli.main(["watch", str(config), "--once", "--json"])
            page = json.loads(capsys.readouterr().out)
            return bool(page.get("income_ubc") == 450)

        eventually(has_signed, "a block with the income is signed", 30)
        eventually(lambda: chain.operator().height >= 1, "it is notarised", 20)
    database.close()
    eventually(is_open, "the freeze is over", 20)  # the operator has gone; nothing more is asked of it
    assert merchant_cli.main(["status", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["confirmed_ubc"] == 450
    assert merchant_cli.main(["withdraw", str(config), "--json", "--exit"]) == 0, capsys.readouterr()
    assert house.reader.get(f"accounts/{owner.public}")["balance_ubc"] == 450
    (withdrawal,) = (action for action in chain.history() if isinstance(action, WithdrawPayout))
    assert list(read_past([withdrawal]).withdrawn.values()) == [450]
    assert merchant_cli.main(["withdraw", str(config), "--json"]) == 1
    assert read_key(place / "account.pem").public == owner.public
