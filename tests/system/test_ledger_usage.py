"""Paying for use afterwards, for real: terms posted and read, a purchase, a chain of meter records, a bill, a payment;
against the real ledger. Buyer, provider and a stranger come to the same amount, and wrong bills are refused.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger import cli
from ledger.client import LedgerClient
from ledger.pages import AccountPage
from ledger.usage_charges import REPORTS_AFTER_S
from ledger.usage_cli import main
from tests.ledger_house import LedgerHouse, ledger_house, purchase
from wire.create import Create
from wire.enrolment import (
    EnrolmentAnswer,
    EnrolmentRequest,
    read_enrolment_reply,
    write_enrolment_answer,
    write_enrolment_request,
)
from wire.grant import Grant
from wire.keys import PrivateKey
from wire.meter_record import UsageRow
from wire.units import format_instant
from wire.usage_bill import UsageBill, write_usage_bill
from wire.usage_terms import UsageTerms

if TYPE_CHECKING:
    from apd.shells.tpm import Tpm

PORT, TPM_PORT = 28_889, 28_894
TERMS = ["--beyond", "1MB", "--step", "100kB", "--step-price", "0.000007", "--at-most", "0.0001"]
pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerHouse]:
    with ledger_house(tmp_path_factory.mktemp("house"), PORT, "accept_software_keys = true") as running:
        yield running


@dataclass
class Party:
    """Somebody with a key, and the options by which his commands get to the ledger."""

    house: LedgerHouse
    key: PrivateKey
    door: list[str]

    def usage(
        self, capsys: pytest.CaptureFixture[str], *words: object, later_s: int = 0
    ) -> tuple[int, Any, str]:
        """Status, page and error of `airgrant ledger usage`, asked so many seconds from now."""
        capsys.readouterr()
        signs = self.door if words[0] == "pay" else []
        argv = [*map(str, words), "--json", "--ledger", self.house.reader.url, *signs]
        status = main(argv, lambda: time.time() + later_s)
        told = capsys.readouterr()
        return status, json.loads(told.out), told.err

    @property
    def balance_ubc(self) -> int:
        return self.house.reader.read(AccountPage, f"accounts/{self.key.public}").balance_ubc


def party(house: LedgerHouse, key: PrivateKey) -> Party:
    files = house.authority.issue_client(f"party-{key.public.key_id.hex()}", key.key)
    door = [
        "--key",
        str(files.key),
        "--broker",
        f"127.0.0.1:{house.port}",
        "--authority",
        str(files.authority),
    ]
    return Party(house, key, [*door, "--certificate", str(files.certificate)])


@pytest.fixture
def seller(house: LedgerHouse) -> Party:
    return new_seller(house)


def new_seller(house: LedgerHouse) -> Party:
    """Sells on usage terms: 1 MB is included, each begun 100 kB beyond costs 7 ubc, all of it at most 100."""
    key = PrivateKey.generate()
    with house.client(key) as client:
        assert house.submit(client, Create(key.public), key).executed
    seller = party(house, key)
    post(seller, *TERMS)
    return seller


@pytest.fixture
def alice(house: LedgerHouse) -> Party:
    return party(house, house.new_buyer())


def post(seller: Party, *words: str) -> None:
    argv = ["post", "--price", "0.0001", "--units", "9", "--for", "60s", "--down", "2M-10M", "--up", "1M-5M"]
    argv += ["--band", "5150000-5170000/20000", *words, *seller.door, "--ledger", seller.house.reader.url]
    assert cli.offer(argv) == 0


def buy(seller: Party, buyer: Party, epoch: int = 1) -> Grant:
    with buyer.house.client(buyer.key) as client:
        reply = client.submit(buyer.house.sign(purchase(seller.key, epoch), buyer.key))
    return buyer.house.grant(reply.grants[0])


def meter(seller: Party, grant: Grant, *uses_bytes: int) -> str:
    """A box of this provider reports five seconds for each number; the id of its key."""
    key = SoftwareKey(PrivateKey.generate())
    chain = MeterChain(key, grant.starts_s * 1_000)
    records = [chain.boot()]
    records += [chain.usage(5_000, UsageRow(grant.grant_id, use, 0, use, 0)) for use in uses_bytes]
    with seller.house.client(seller.key) as client:
        seller.house.enrol(client, seller.key, key)
        for record in records:
            assert seller.house.receipt(client.report(record)).executed
    return key.public_key.key_id.hex()


def test_a_box_with_a_tpm_counts_and_its_chain_is_what_is_charged_by(
    tmp_path: Path, needs: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    needs("swtpm", "swtpm_setup")
    from apd.shells.tpm import Tpm
    from lab.software_tpm import SoftwareTpm

    with SoftwareTpm(tmp_path / "tpm") as box:
        vendors = tmp_path / "vendors.pem"
        vendors.write_bytes(b"".join(file.read_bytes() for file in box.vendor_certificates))
        with ledger_house(tmp_path, TPM_PORT, f'tpm_vendors = "{vendors}"') as house:
            seller, alice = new_seller(house), party(house, house.new_buyer())
            grant, tpm = buy(seller, alice), Tpm.open(box.tcti)
            chain = MeterChain(tpm, grant.starts_s * 1_000)
            row = UsageRow(grant.grant_id, 600_000, 500_000, 600_000, 500_000)
            with house.client(seller.key) as client:
                enrol(house, client, seller, tpm)
                for record in (chain.boot(), chain.anchor(), chain.usage(5_000, row), chain.usage(1_000)):
                    assert house.receipt(client.report(record)).executed
            tpm.close()
            later_s = grant.duration_s + REPORTS_AFTER_S + 1
            status, told, _ = alice.usage(capsys, "charge", grant.grant_id.hex(), later_s=later_s)
            assert (status, told["used_bytes"], told["owed_ubc"]) == (0, 1_100_000, 7)
            assert [one["in_tpm"] for one in told["meters"]] == [True]
            status, paid, _ = alice.usage(capsys, "pay", grant.grant_id.hex(), later_s=later_s)
            assert (status, paid["executed"], seller.balance_ubc) == (0, True, 100 + 7)


def enrol(house: LedgerHouse, client: LedgerClient, seller: Party, tpm: Tpm) -> None:
    """By its endorsement certificate and a challenge that only this TPM can answer."""
    key = tpm.attestation_key()
    request = EnrolmentRequest(
        seller.key.public,
        attestation_public=key.public_area,
        endorsement_certificate=tpm.endorsement_key().certificate,
    )
    asked = client.ask("enrolment", write_enrolment_request(request, seller.key, house.ledger_id))
    challenge = read_enrolment_reply(asked).challenge
    assert challenge is not None
    secret = tpm.activate_credential(challenge.credential_blob, challenge.encrypted_secret)
    answer = write_enrolment_answer(EnrolmentAnswer(key.public_key.key_id, secret))
    assert read_enrolment_reply(client.ask("enrolment", answer)).attestation_result


def test_use_is_shown_charged_billed_and_paid_once(
    seller: Party, alice: Party, house: LedgerHouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told, _ = alice.usage(capsys, "terms", seller.key.public)
    assert (status, told["included_bytes"], told["most_ubc"], told["epoch"]) == (0, 1_000_000, 100, 1)
    grant = buy(seller, alice)
    assert grant.qos.usage == UsageTerms(1_000_000, 100_000, 7, 100)
    post(seller, "--beyond", "0", "--step", "1", "--step-price", "1", "--at-most", "1000")  # after the sale
    own = meter(seller, grant, 1_000_000, 250_000)
    stranger = party(house, house.new_provider())
    meter(stranger, grant, 3_000_000)
    grant_id, after_s = grant.grant_id.hex(), grant.duration_s + REPORTS_AFTER_S + 1

    status, told, _ = alice.usage(capsys, "charge", grant_id)
    assert (status, told["word"]) == (1, "not_ended")
    file = tmp_path / "use.bill"
    bill = ["--key", seller.door[1], "--bill", file]
    status, sold, _ = seller.usage(capsys, "charge", grant_id, *bill, later_s=after_s)
    assert (status, sold["word"], sold["used_bytes"], sold["owed_ubc"]) == (0, "owed", 1_250_000, 21)
    assert sold["meters"] == [{"key_id": own, "in_tpm": False}]
    status, bought, _ = alice.usage(capsys, "charge", grant_id, later_s=after_s)
    assert (status, bought) == (0, sold), "both sides, and whoever looks on, come to the same"
    assert stranger.usage(capsys, "charge", grant_id, later_s=after_s)[1] == sold

    for account in (seller.key.public, alice.key.public):
        status, listed, _ = stranger.usage(capsys, "owed", account, later_s=after_s)
        assert (status, listed) == (1, [sold])
    before_ubc, sellers_ubc = alice.balance_ubc, seller.balance_ubc
    status, _, why = seller.usage(capsys, "pay", grant_id, later_s=after_s)
    assert (status, "bought by another key" in why) == (1, True)
    status, paid, _ = alice.usage(capsys, "pay", grant_id, "--bill", file, later_s=after_s)
    assert (status, paid["executed"]) == (0, True)
    assert (alice.balance_ubc, seller.balance_ubc) == (before_ubc - 21, sellers_ubc + 21)

    for words in (["pay", grant_id, "--bill", file], ["pay", grant_id]):
        status, _, why = alice.usage(capsys, *words, later_s=after_s)
        assert (status, "paid" in why) == (1, True)
    assert alice.balance_ubc == before_ubc - 21
    status, (listed,), _ = stranger.usage(capsys, "owed", seller.key.public, later_s=after_s)
    assert (status, listed["word"], listed["paid_ubc"], listed["rest_ubc"]) == (0, "paid", 21, 0)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"owed_ubc": 101}, "the terms allow 100 at most"),
        ({"epoch": 2}, "for epoch 2, and 1 was bought"),
        ({"owed_ubc": 22}, "verified meters come to 21 ubc"),
        ({"used_bytes": 1_250_001}, "verified meters come to 21 ubc"),
        ({"grant_id": b"\x77" * 16}, "for grant 7777"),
        ({}, "signed by key id"),
    ],
)
def test_a_bill_that_is_not_what_was_bought_and_metered_is_refused(
    change: dict[str, Any],
    why: str,
    seller: Party,
    alice: Party,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    grant = buy(seller, alice)
    meter(seller, grant, 1_250_000)
    true = UsageBill(grant.provider_id, grant.grant_id, grant.epoch, 1_250_000, 21)
    signer = seller.key if change else alice.key  # the last one is of another provider
    if not change:
        true = replace(true, provider_id=alice.key.public.provider_id)
    file = tmp_path / "use.bill"
    file.write_bytes(write_usage_bill(replace(true, **change), signer, seller.house.ledger_id))
    before_ubc = alice.balance_ubc
    later_s = grant.duration_s + REPORTS_AFTER_S + 1
    status, _, said = alice.usage(capsys, "pay", grant.grant_id.hex(), "--bill", file, later_s=later_s)
    assert (status, alice.balance_ubc) == (1, before_ubc)
    assert why in said


def test_no_evidence_and_evidence_that_does_not_hold_are_no_clean_bill(
    seller: Party, alice: Party, capsys: pytest.CaptureFixture[str]
) -> None:
    grant = buy(seller, alice)
    later_s = grant.duration_s + REPORTS_AFTER_S + 1
    status, told, _ = alice.usage(capsys, "charge", grant.grant_id.hex(), later_s=later_s)
    assert (status, told["word"], told["meters"]) == (1, "unverified", [])
    broken = meter(seller, grant, 10**9)  # more than its ceilings carry
    status, told, _ = alice.usage(capsys, "charge", grant.grant_id.hex(), later_s=later_s)
    assert (status, told["word"], told["unverified_meters"]) == (1, "unverified", [broken])
    status, _, why = alice.usage(capsys, "pay", grant.grant_id.hex(), later_s=later_s)
    assert (status, "unverified" in why) == (1, True)


def test_a_cap_and_terms_together(seller: Party, alice: Party, capsys: pytest.CaptureFixture[str]) -> None:
    """1 MB is included, 1.2 MB is the cap: what slips through beyond the cap is its provider's loss."""
    words = ["post", "--price", "0.0001", "--units", "9", "--for", "60s", "--down", "2M-10M", "--up", "1M-5M"]
    words += ["--band", "5150000-5170000/20000", *TERMS, "--data-cap", "1MB", *seller.door]
    assert cli.offer([*words, "--ledger", seller.house.reader.url]) == 2
    assert "nothing could ever be charged" in capsys.readouterr().err
    assert cli.offer([*words[: -len(seller.door) - 8], "--beyond", "1MB", *seller.door]) == 2
    assert "go together" in capsys.readouterr().err
    post(seller, *TERMS, "--data-cap", "1.2MB")
    grant = buy(seller, alice, epoch=2)
    meter(seller, grant, 1_500_000)
    later_s = grant.duration_s + REPORTS_AFTER_S + 1
    status, told, _ = alice.usage(capsys, "charge", grant.grant_id.hex(), later_s=later_s)
    assert (status, told["used_bytes"], told["owed_ubc"]) == (0, 1_500_000, 14)


def test_what_a_person_reads(
    seller: Party, alice: Party, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    url = ["--ledger", seller.house.reader.url]
    assert main(["terms", str(seller.key.public), *url]) == 0
    assert "0.0001 BC more for a unit" in capsys.readouterr().out
    plain = seller.house.new_provider()
    assert main(["terms", str(plain.public), *url]) == 1
    assert "use costs nothing more" in capsys.readouterr().err
    assert cli.offer(["show", str(seller.key.public), *url]) == 0
    assert "1 MB: 0.000007 BC for each begun 100 kB, paid afterwards" in capsys.readouterr().out
    grant = buy(seller, alice)
    meter(seller, grant, 1_250_000)
    assert main(["charge", grant.grant_id.hex(), *url]) == 1
    out = capsys.readouterr().out
    assert format_instant(grant.ends_s + REPORTS_AFTER_S) in out  # from when on it can be asked
    assert "owed" not in out
    later_s = grant.duration_s + REPORTS_AFTER_S + 1
    assert main(["charge", grant.grant_id.hex(), *url], lambda: time.time() + later_s) == 0
    out = capsys.readouterr().out
    assert "a key in software" in out
    assert "0.000021 BC, of which 0 BC were paid" in out
    assert cli.ledger(["usage", "owed", str(alice.key.public), *url]) == 0
    assert "not ended" in capsys.readouterr().out
