"""`airgrant offer`, `account` and `report` against a real ledger."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger import cli, report_cli
from tests.ledger_house import purchase, sixty_seconds
from wire.enrolment import EnrolmentRequest, read_enrolment_reply, write_enrolment_request
from wire.keys import PrivateKey
from wire.meter_record import UsageRow
from wire.receipt import read_receipt

pytestmark = pytest.mark.system


@pytest.fixture
def meter() -> SoftwareKey:
    return SoftwareKey(PrivateKey.generate())


def test_report_verify_says_what_holds(house, provider, buyer, meter, tmp_path: Path, capsys) -> None:
    records = house.records(provider, buyer, meter)
    key_id, saved = meter.public_key.key_id.hex(), tmp_path / "box.report"
    with house.client(provider) as client:
        house.enrol(client, provider, meter)
        for record in records:
            assert house.receipt(client.report(record)).executed
    url = ["--ledger", house.reader.url]
    assert report_cli.report(["verify", "--key-id", key_id, "--json", *url]) == 0
    page = json.loads(capsys.readouterr().out)
    (chain,) = page["chains"]
    assert (page["count"], page["verified"], page["ok"]) == (3, 3, True)
    assert [use["down_bytes"] for use in chain["usage"].values()] == [2_000_000]
    assert (page["ledger_id"], chain["ended_s"]) == (house.ledger_id.hex(), None)
    assert chain["complete"]["ok"]
    assert "shown to its end, record 3" in chain["complete"]["text"]
    assert report_cli.report(["fetch", "--key-id", key_id, "--out", str(saved), *url]) == 0
    assert report_cli.report(["verify", str(saved), "--ledger-id", house.ledger_id.hex()]) == 0
    assert "all 3 records hold" in capsys.readouterr().out
    assert report_cli.report(["verify", str(saved), "--ledger-id", "00" * 32]) == 1
    saved.write_bytes(saved.read_bytes().replace(records[1], records[1][:-40] + bytes(30) + records[1][-10:]))
    assert report_cli.report(["verify", str(saved), "--ledger-id", house.ledger_id.hex()]) == 1
    assert "do not hold" in capsys.readouterr().out


def test_a_claim_beyond_the_grant_is_kept_and_does_not_verify(house, provider, buyer, meter, capsys) -> None:
    with house.client(buyer) as client:
        grant = house.grant(client.submit(house.sign(purchase(provider), buyer)).grants[0])
    chain = MeterChain(meter, grant.starts_s * 1_000)
    records = [chain.boot(), chain.usage(1_000, UsageRow(grant.grant_id, 10**9, 0, 10**9, 0))]
    with house.client(provider) as client:
        house.enrol(client, provider, meter)
        for record in records:
            assert house.receipt(client.report(record)).executed, "it is evidence, also against the box"
    key_id = meter.public_key.key_id.hex()
    assert report_cli.report(["verify", "--key-id", key_id, "--ledger", house.reader.url]) == 1
    assert "exceed the ceiling" in capsys.readouterr().out


def test_a_second_key_retires_the_first_and_both_verify(house, provider, buyer, meter, capsys) -> None:
    records, successor = house.records(provider, buyer, meter), SoftwareKey(PrivateKey.generate())
    with house.client(provider) as client:
        house.enrol(client, provider, meter)
        for record in records[:2]:
            assert house.receipt(client.report(record)).executed
        house.enrol(client, provider, successor)
        assert house.receipt(client.report(records[2])).reason == "retired_key"
        assert house.receipt(client.report(records[0])).executed, "what was taken keeps its receipt"
        request = EnrolmentRequest(
            provider.public, software_key=meter.public_key, software_proof=meter.prove(provider.public)
        )
        asked = client.ask("enrolment", write_enrolment_request(request, provider, house.ledger_id))
        receipt = read_receipt(read_enrolment_reply(asked).receipt, house.key.public, house.ledger_id)
        assert receipt.reason == "retired_key"
        assert house.receipt(client.report(MeterChain(successor, 1_000).boot())).executed
    url, key_id = ["--ledger", house.reader.url], meter.public_key.key_id.hex()
    retired_s = house.reader.get(f"attestations/{key_id}")["retired_s"]
    assert abs(retired_s - time.time()) < 60
    assert report_cli.report(["verify", "--key-id", key_id, "--json", *url]) == 0
    (chain,) = json.loads(capsys.readouterr().out)["chains"]
    assert (chain["ok"], chain["ended_s"], chain["complete"]["ok"]) == (True, retired_s, True)
    assert report_cli.report(["verify", "--key-id", key_id, *url]) == 0
    assert "its provider enrolled another key" in capsys.readouterr().out
    assert report_cli.report(["verify", "--key-id", successor.public_key.key_id.hex(), *url]) == 0
    assert "ended" not in capsys.readouterr().out


def test_an_offer_that_cannot_be_is_not_sent(house, provider, tmp_path: Path, capsys) -> None:
    files = house.authority.issue_client("roof-3", provider.key)
    epoch = house.reader.get(f"offers/{provider.public}")["epoch"]
    argv = [
        "post", "--key", str(files.key), "--price", "0.5", "--units", "-1", "--for", "10m", "--down", "2M",
        "--up", "1M", "--band", "5170000-5250000/80000",
        "--broker", f"127.0.0.1:{house.port}", "--authority", str(files.authority),
        "--certificate", str(files.certificate), "--ledger", house.reader.url,
    ]  # fmt: skip
    assert cli.offer(argv) == 2
    assert "max_allocations is -1" in capsys.readouterr().err
    assert house.reader.get(f"offers/{provider.public}")["epoch"] == epoch


# ---- The command line


def test_accounts_from_the_command_line(house, tmp_path: Path, capsys) -> None:
    key = PrivateKey.generate()
    files = house.authority.issue_client("alice", key.key)
    exchange = tmp_path / "exchange.pem"
    exchange.write_bytes(house.exchange.to_pem())
    door = ["--broker", f"127.0.0.1:{house.port}", "--authority", str(files.authority)]
    door += [
        "--certificate",
        str(files.certificate),
        "--certificate-key",
        str(files.key),
        "--ledger",
        house.reader.url,
    ]
    account = str(key.public)
    assert cli.account(["create", "--key", str(files.key), *door]) == 0
    assert cli.account(["create", "--key", str(files.key), *door]) == 1
    assert cli.account(["deposit", account, "2.5", "--key", str(exchange), *door]) == 0
    assert cli.account(["deposit", account, "2.5", "--key", str(files.key), *door]) == 1
    assert "not_the_exchange" in capsys.readouterr().out
    assert cli.offer([
        "post", "--key", str(files.key), "--price", "0.5", "--units", "4", "--for", "10m", "--down", "2M-20M", "--up",
        "1M-5M", "--band", "5170000-5250000/80000", "--rate-layer", "frame", "--interactive", *door,
    ]) == 0  # fmt: skip
    capsys.readouterr()
    assert cli.account([account, "--json", "--ledger", house.reader.url]) == 0
    page = json.loads(capsys.readouterr().out)
    assert page["balance_ubc"] == 2_500_000
    assert [one["action"] for one in page["transactions"]] == ["create", "deposit", "offer"]
    assert cli.offer(["show", account, "--ledger", house.reader.url]) == 0
    shown = capsys.readouterr().out
    assert "0.5 BC" in shown
    assert "Ethernet frames" in shown
    assert "interactive" in shown
    assert cli.offer(["--ledger", house.reader.url, "--json"]) == 0
    assert account in {one["provider"] for one in json.loads(capsys.readouterr().out)}


def test_a_seller_pays_for_what_a_partner_did_not_deliver(house, buyer, meter, eventually, capsys) -> None:
    """Half of what the floors promise for five seconds is missing in the partner's signed report."""
    seller, partner = house.new_provider(sixty_seconds(100, 5)), house.new_provider()
    files = house.authority.issue_client("seller", seller.key)
    door = [
        "--key", str(files.key), "--broker", f"127.0.0.1:{house.port}", "--authority", str(files.authority),
        "--certificate", str(files.certificate), "--ledger", house.reader.url,
    ]  # fmt: skip
    with house.client(buyer) as client:
        grant = house.grant(client.submit(house.sign(purchase(seller), buyer)).grants[0])
    refund = ["refund", grant.grant_id.hex(), *door]
    assert cli.account(refund) == 1
    assert "goes on until" in capsys.readouterr().err
    missing_bytes = grant.total_qos.floor_down_bps * 5 // 16
    row = UsageRow(grant.grant_id, 1_000, 0, 1_000, 0, missing_bytes, 0)
    chain = MeterChain(meter, grant.starts_s * 1_000)
    with house.client(partner) as client:
        house.enrol(client, partner, meter)
        for record in (chain.boot(), chain.usage(5_000, row)):
            assert house.receipt(client.report(record)).executed
    eventually(lambda: time.time() > grant.ends_s + 1, "the grant is over")
    before_ubc = house.reader.get(f"accounts/{buyer.public}")["balance_ubc"]
    assert cli.account([*refund, "--json"]) == 0
    qos = grant.total_qos
    owed_ubc = 100 * 8 * missing_bytes // (5 * (qos.floor_down_bps + qos.floor_up_bps))
    assert owed_ubc > 0
    assert house.reader.get(f"accounts/{buyer.public}")["balance_ubc"] == before_ubc + owed_ubc
    capsys.readouterr()
    assert cli.account(refund) == 1
    assert "were paid" in capsys.readouterr().err
    assert (
        report_cli.report(
            ["verify", "--key-id", meter.public_key.key_id.hex(), "--json", "--ledger", house.reader.url]
        )
        == 0
    )
    (chain_page,) = json.loads(capsys.readouterr().out)["chains"]
    assert [(one["owed_ubc"], one["ok"]) for one in chain_page["repayments"]] == [(owed_ubc, True)]
    other = house.authority.issue_client("other", partner.key)
    assert cli.account(["refund", grant.grant_id.hex(), *door[2:-4], "--certificate", str(other.certificate),
                        "--ledger", house.reader.url, "--key", str(other.key)]) == 1  # fmt: skip
    assert "was sold by another provider" in capsys.readouterr().err
