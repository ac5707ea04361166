"""The ledger service for real: mosquitto with mutual TLS, the service in its own process.

One house for most stories; those that kill something have one of their own.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiomqtt
import pytest
from cryptography.hazmat.primitives import serialization

from apd.shells.fake_tpm import FakeVendor
from apd.shells.software_key import SoftwareKey
from lab.certificates import Authority
from lab.meter_chain import MeterChain
from lab.postgres import find_programs, start_cluster
from lab.processes import Household
from ledger import report_cli
from ledger.answering import Answers
from ledger.archive import Archive
from ledger.client import LedgerClient
from ledger.database import open_to_read
from ledger.enrolling import Enrolling
from ledger.enrolment import Vendors, check_endorsement_certificate
from ledger.genesis import Genesis
from ledger.opening import open_ledger, replay
from ledger.ordering import Alone
from ledger.service import Service, _correlated
from ledger.settings import BrokerSettings
from ledger.turnstile import Turnstile
from ledger.verifying import Verifiers
from tests.ledger_house import PRICE_UBC, LedgerHouse, ledger_house, purchase, sixty_seconds
from tests.ledger_world import BAND, QOS
from wire.allocate import Allocate
from wire.attestation_result import read_attestation_result
from wire.create import Create
from wire.enrolment import (
    EnrolmentAnswer,
    EnrolmentRequest,
    read_enrolment_reply,
    write_enrolment_answer,
    write_enrolment_request,
)
from wire.errors import DecodeError, ShellError
from wire.grant_price import GrantPrice, read_grant_price, write_price_question
from wire.keys import PrivateKey
from wire.ledger_reply import read_ledger_reply
from wire.meter_record import UsageRow
from wire.money_actions import Deposit, Transfer
from wire.offer_state import OfferState, read_offer_state
from wire.post_offer import PostOffer
from wire.receipt import Receipt, read_receipt
from wire.refund import refund_nonce
from wire.registration import read_registration, write_registration_question
from wire.transaction import Transaction, sign_transaction
from wire.units import U63_MAX

pytestmark = pytest.mark.system


# ---- The journey


def test_a_purchase_is_answered_with_receipt_and_grant(house, provider, buyer) -> None:
    with house.client(buyer) as client:
        reply = client.submit(house.sign(purchase(provider), buyer))
    assert house.receipt(reply).executed
    (encoded,) = reply.grants
    grant = house.grant(encoded)
    assert grant.consumer == buyer.public
    assert grant.provider_id == provider.public.provider_id
    assert grant.ends_s - grant.starts_s == 60
    account = house.reader.get(f"accounts/{buyer.public}")
    assert account["balance_ubc"] == 1_000 - PRICE_UBC


def test_whoever_carries_a_transaction_does_not_matter(house, provider, buyer) -> None:
    carrier = PrivateKey.generate()
    with house.client(carrier) as client:
        reply = client.submit(house.sign(purchase(provider), buyer))
    assert house.grant(reply.grants[0]).consumer == buyer.public


def test_a_lost_answer_is_asked_for_again(house, provider, buyer) -> None:
    signed = house.sign(purchase(provider), buyer)
    with house.client(buyer) as client:
        first, again = client.submit(signed), client.submit(signed)
        queried = client.query(house.receipt(first).subject)
    assert house.receipt(again).reason == "replayed"
    assert house.receipt(queried).executed
    assert house.grant(again.grants[0]) == house.grant(first.grants[0]) == house.grant(queried.grants[0])
    assert house.reader.get(f"accounts/{buyer.public}")["balance_ubc"] == 1_000 - PRICE_UBC


def test_a_rejection_is_signed_and_named(house, provider, buyer) -> None:
    with house.client(buyer) as client:
        reply = client.submit(house.sign(purchase(provider, epoch=2), buyer))
    receipt = house.receipt(reply)
    assert (receipt.reason, reply.grants) == ("epoch_moved", ())


def test_many_at_once_are_all_answered(house, provider, buyer) -> None:
    with house.client(buyer) as client:
        transactions = [house.sign(Transfer(provider.public, 1), buyer) for _ in range(300)]
        receipts = [house.receipt(reply) for reply in client.submit_all(transactions)]
    assert all(receipt.executed for receipt in receipts)
    assert len({receipt.subject for receipt in receipts}) == 300
    assert house.reader.get(f"accounts/{buyer.public}")["balance_ubc"] == 700


def test_a_bulk_purchase_and_one_of_its_grants(house, buyer) -> None:
    provider = PrivateKey.generate()
    consumers = [PrivateKey.generate().public for _ in range(20)]
    others = b"".join(b"\x02" + os.urandom(32) for _ in range(20_000))
    with house.client(provider, timeout_s=60) as client:
        house.submit(client, Create(provider.public), provider)
        house.submit(client, PostOffer(0, BAND, 100_000, 60, QOS), provider)
        keys = others + b"".join(key.octets for key in consumers)
        reply = client.submit(house.sign(Allocate(provider.public, 0, BAND, 1, consumer_keys=keys), buyer))
        subject = house.receipt(reply).subject
        assert reply.grants == ()
        mine = client.query(subject, consumers[7].octets)
    assert house.grant(mine.grants[0]).consumer == consumers[7]
    page = house.reader.get(f"grants/{subject.hex()}/{consumers[3]}")
    assert house.grant(base64.b64decode(page["grant"])).consumer == consumers[3]
    assert house.reader.get(f"grants/{page['grant_id']}")["consumer"] == str(consumers[3])
    found = house.reader.get("transactions", account=str(consumers[3]))["transactions"]
    assert [one["id"] for one in found] == [subject.hex()]


# ---- Offer states


def offer_states(client: LedgerClient, house: LedgerHouse, provider: PrivateKey) -> list[OfferState]:
    """Subscribes; the list grows as states are heard."""
    heard: list[OfferState] = []

    def hear(_client: object, _data: object, message: object) -> None:
        heard.append(read_offer_state(bytes(message.payload), house.key.public, house.ledger_id))  # type: ignore[attr-defined]

    topic = f"airgrant/v1/offer/{provider.public}"
    client._client.message_callback_add(topic, hear)
    client._client.subscribe(topic, qos=1)
    return heard


def test_the_offer_is_retained_and_follows_what_is_left(
    house, buyer, eventually: Callable[..., None]
) -> None:
    provider = PrivateKey.generate()
    with house.client(provider) as client:
        house.submit(client, Create(provider.public), provider)
        house.submit(client, sixty_seconds(max_allocations=3, duration_s=2), provider)
        house.submit(client, purchase(provider), buyer)
        heard = offer_states(client, house, provider)
        eventually(lambda: heard and heard[-1].allocations_left == 2, "a state with one unit sold")
        eventually(lambda: heard[-1].allocations_left == 3, "the unit is free again, without any transaction")
        house.submit(client, sixty_seconds(max_allocations=0), provider)
        eventually(lambda: (heard[-1].epoch, heard[-1].allocations_left) == (2, 0), "the closed offer")


# ---- Meter records


@pytest.fixture
def meter() -> SoftwareKey:
    return SoftwareKey(PrivateKey.generate())


def test_records_are_receipted_once_and_again(house, provider, buyer, meter) -> None:
    records = house.records(provider, buyer, meter)
    with house.client(provider) as client:
        result = read_attestation_result(
            house.enrol(client, provider, meter), house.key.public, house.ledger_id
        )
        assert not result.in_tpm
        assert house.enrol(client, provider, meter)
        receipts = [house.receipt(client.report(record)) for record in records]
        again = [house.receipt(client.report(record)) for record in records]
    assert all(receipt.executed for receipt in receipts)
    assert again == receipts
    key_id = meter.public_key.key_id.hex()
    stored = [
        base64.b64decode(page["evidence"]) for page in house.reader.pages(f"records/{key_id}", "records", 1)
    ]
    assert stored == records


def test_a_shortfall_is_reported_priced_and_paid_back(house, provider, buyer, meter, capsys) -> None:
    """Floors of 2 and 1 Mbit/s for a minute are 22,500,000 bytes, of which a third is missing."""
    key_id = meter.public_key.key_id.hex()
    with house.client(provider) as client:
        house.enrol(client, provider, meter)
        grant = house.grant(client.submit(house.sign(purchase(provider), buyer)).grants[0])
        chain = MeterChain(meter, grant.starts_s * 1_000)
        row = UsageRow(grant.grant_id, 1_000, 1_000, 10**7, 10**7, 7_500_000, 0)
        for record in (chain.boot(), chain.usage(30_000, row)):
            assert house.receipt(client.report(record)).executed
        answer = client.ask("query", write_price_question(grant.grant_id))
        price = read_grant_price(answer, house.key.public, house.ledger_id)
        assert price == GrantPrice(grant.grant_id, buyer.public, PRICE_UBC)
        assert _verify(house, key_id, capsys) == [{"owed_ubc": PRICE_UBC // 3, "paid_ubc": 0, "ok": False}]
        refund = Transaction(
            Transfer(buyer.public, PRICE_UBC // 3), refund_nonce(grant.grant_id), int(time.time()) + 60
        )
        signed = sign_transaction(refund, provider, house.ledger_id).envelope.encoded
        assert [house.receipt(client.submit(signed)).reason for _ in range(2)] == ["", "replayed"]
    assert _verify(house, key_id, capsys) == [
        {"owed_ubc": PRICE_UBC // 3, "paid_ubc": PRICE_UBC // 3, "ok": True}
    ]
    account = house.reader.get(f"accounts/{buyer.public}")
    assert account["balance_ubc"] == 1_000 - PRICE_UBC + PRICE_UBC // 3


def test_whether_there_is_an_account(house, provider) -> None:
    with house.client(provider) as client:
        answer = client.ask("query", write_registration_question(provider.public))
        registration = read_registration(answer, house.key.public, house.ledger_id)
        assert registration.account == provider.public
        assert abs(registration.utc_s - time.time()) < 60
        nobody = PrivateKey.generate().public
        receipt = house.receipt(read_ledger_reply(client.ask("query", write_registration_question(nobody))))
        assert receipt.reason == "unknown_account"


def _verify(house: LedgerHouse, key_id: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """What `airgrant report verify` says of refunds."""
    assert report_cli.report(["verify", "--ledger", house.reader.url, "--key-id", key_id, "--json"]) == 0
    (chain,) = json.loads(capsys.readouterr().out)["chains"]
    return [{name: one[name] for name in ("owed_ubc", "paid_ubc", "ok")} for one in chain["repayments"]]


def test_a_record_ahead_of_its_predecessors_waits_and_a_forged_one_is_refused(
    house, provider, buyer, meter
) -> None:
    records = house.records(provider, buyer, meter)
    forged = records[1][:-40] + bytes(30) + records[1][-10:]
    with house.client(provider) as client:
        assert house.receipt(client.report(records[0])).reason == "not_enrolled"
        house.enrol(client, provider, meter)
        assert house.receipt(client.report(records[0])).executed
        assert house.receipt(client.report(records[2])).reason == "sequence_gap"
        assert house.receipt(client.report(forged)).reason == "forged"
        assert house.receipt(client.report(records[1])).executed
        assert house.receipt(client.report(records[2])).executed


def test_two_boxes_may_say_the_same(house, provider, buyer) -> None:
    """Boot records of the same instant are the same bytes; each box gets its own receipt for its own record."""
    meters = [SoftwareKey(PrivateKey.generate()) for _ in range(2)]
    with house.client(provider) as client:
        house.enrol(client, provider, meters[0])
        first, second = (MeterChain(meter, 1_000).boot() for meter in meters)
        assert house.receipt(client.report(first)).executed
        assert house.receipt(client.report(second)).reason == "not_enrolled"


# ---- Bad input


def test_garbage_is_counted_and_nothing_else_happens(
    house, provider, buyer, eventually: Callable[..., None]
) -> None:
    before = house.reader.get("ledger")["height"]
    counted = sum(house.reader.get("counters")["counters"].values())
    foreign = house.sign(purchase(provider), buyer)
    junk = [b"", b"\x00", os.urandom(300), b"\x9f" * 50, foreign[:-1], foreign + b"\x00", b"\x81" * 10_000]
    with house.client(buyer) as client:
        identity = str(buyer.public)
        for kind in ("transaction", "report", "enrolment", "query", "nonsense"):
            for payload in junk:
                client._client.publish(f"airgrant/v1/up/{identity}/{kind}", payload, qos=1)
        wanted = counted + 5 * len(junk)
        eventually(
            lambda: sum(house.reader.get("counters")["counters"].values()) >= wanted, "all of it is counted"
        )
        assert house.reader.get("ledger")["height"] == before
        assert house.receipt(client.submit(foreign)).executed, "and the ledger goes on"


def test_impossible_byte_counts_do_not_end_the_ledger(house, provider, buyer, meter) -> None:
    with house.client(buyer) as client:
        grant = house.grant(client.submit(house.sign(purchase(provider), buyer)).grants[0])
    chain = MeterChain(meter, grant.starts_s * 1_000)
    lie = UsageRow(grant.grant_id, U63_MAX, U63_MAX, 0, 0)
    with house.client(provider) as client:
        house.enrol(client, provider, meter)
        for record in (chain.boot(), *(chain.usage(1_000, lie) for _ in range(3))):
            assert house.receipt(client.report(record)).executed, "it is evidence, against the box"
    assert house.service.running


@pytest.mark.filterwarnings("ignore")
def test_malformed_certificates_do_not_end_the_ledger(tmp_path: Path) -> None:
    """One of each kind of error that the library raises, through the door."""
    vendor = FakeVendor()
    tpm, now_s = vendor.make_tpm(), int(time.time())
    certificate, public = tpm.endorsement_key().certificate, tpm.attestation_key().public_area
    (tmp_path / "vendors.pem").write_bytes(vendor.root.public_bytes(serialization.Encoding.PEM))
    bent = bent_certificates(certificate, Vendors((vendor.root,)), now_s)
    assert len(bent) >= 5
    with ledger_house(tmp_path, 28_890, 'tpm_vendors = "vendors.pem"') as house:
        provider = house.new_provider()
        with house.client(provider) as client:
            for der in bent:
                request = EnrolmentRequest(provider.public, None, public, der)
                asked = client.ask("enrolment", write_enrolment_request(request, provider, house.ledger_id))
                receipt = read_receipt(read_enrolment_reply(asked).receipt, house.key.public, house.ledger_id)
                assert receipt.reason == "enrolment_refused"
            good = EnrolmentRequest(provider.public, None, public, certificate)
            asked = client.ask("enrolment", write_enrolment_request(good, provider, house.ledger_id))
            assert read_enrolment_reply(asked).challenge is not None
        assert house.service is not None
        assert house.service.running


def bent_certificates(certificate: bytes, vendors: Vendors, now_s: int) -> list[bytes]:
    """One for each beginning of an error's text."""
    chance, found = random.Random(3), dict[str, bytes]()
    for _ in range(3_000):
        bent = bytearray(certificate)
        bent[chance.randrange(len(bent))] = chance.randrange(256)
        try:
            check_endorsement_certificate(bytes(bent), vendors, now_s)
        except DecodeError as error:
            found.setdefault(" ".join(str(error).split()[:4]), bytes(bent))
    return list(found.values())


def test_an_answer_goes_only_to_the_sender_s_own_topics(
    house, provider, buyer, eventually: Callable[..., None]
) -> None:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    before = house.reader.get("counters")["counters"].get("topic: DecodeError", 0)
    with house.client(buyer) as client:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = f"airgrant/v1/offer/{provider.public}"
        topic = f"airgrant/v1/up/{buyer.public}/transaction"
        client._client.publish(topic, house.sign(purchase(provider), buyer), 1, properties=properties)
        eventually(
            lambda: house.reader.get("counters")["counters"].get("topic: DecodeError", 0) > before,
            "the foreign response topic is counted",
        )


def test_a_stranger_to_the_authority_does_not_get_in(house, tmp_path: Path) -> None:
    from lab.certificates import Authority
    from wire.errors import ShellError

    key = PrivateKey.generate()
    other = Authority.create(tmp_path / "other").issue_client(str(key.public), key.key)
    tls = other.client_context()
    tls.load_verify_locations(str(house.authority.file))
    with pytest.raises(ShellError), LedgerClient("127.0.0.1", house.port, str(key.public), tls, timeout_s=3):
        pass


# ---- A real TPM


def test_a_tpm_is_enrolled_and_its_chain_is_receipted_and_verified(tmp_path: Path, needs, capsys) -> None:
    needs("swtpm", "swtpm_setup")
    from apd.shells.tpm import Tpm
    from lab.software_tpm import SoftwareTpm

    with SoftwareTpm(tmp_path / "tpm") as box:
        vendors = tmp_path / "vendors.pem"
        vendors.write_bytes(b"".join(file.read_bytes() for file in box.vendor_certificates))
        with ledger_house(tmp_path, 28_888, f'tpm_vendors = "{vendors}"') as house:
            tpm = Tpm.open(box.tcti)
            provider, buyer = house.new_provider(), house.new_buyer()
            key = tpm.attestation_key()
            request = EnrolmentRequest(
                provider.public,
                attestation_public=key.public_area,
                endorsement_certificate=tpm.endorsement_key().certificate,
            )
            with house.client(provider) as client:
                asked = client.ask("enrolment", write_enrolment_request(request, provider, house.ledger_id))
                challenge = read_enrolment_reply(asked).challenge
                assert challenge is not None
                secret = tpm.activate_credential(challenge.credential_blob, challenge.encrypted_secret)
                answer = write_enrolment_answer(EnrolmentAnswer(key.public_key.key_id, secret))
                reply = read_enrolment_reply(client.ask("enrolment", answer))
                result = read_attestation_result(reply.attestation_result, house.key.public, house.ledger_id)
                assert result.in_tpm
                assert (result.attestation_key, result.provider) == (key.public_key, provider.public)
                again = read_enrolment_reply(client.ask("enrolment", answer))
                assert (
                    read_receipt(again.receipt, house.key.public, house.ledger_id).reason
                    == "enrolment_refused"
                )
                grant = house.grant(client.submit(house.sign(purchase(provider), buyer)).grants[0])
                chain = MeterChain(tpm, grant.starts_s * 1_000)
                row = UsageRow(grant.grant_id, 1_000, 1_000, 1_000, 1_000)
                for record in (chain.boot(), chain.anchor(), chain.usage(1_000, row), chain.usage(1_000)):
                    assert house.receipt(client.report(record)).executed
            tpm.close()
            assert report_cli.report(["verify", "--ledger", house.reader.url]) == 0
            assert "(TPM)" in capsys.readouterr().out


# ---- What nobody foresaw


def test_a_message_that_makes_us_fail_is_told_and_the_next_one_is_read(tmp_path: Path) -> None:
    """No payload at all: no broker delivers that, and it is what a mistake of ours would look like."""
    key, told = PrivateKey.generate(), list[str]()
    genesis = Genesis((key.public,), key.public, 1, 60)
    files = Authority.create(tmp_path / "certificates").issue_client(str(key.public), key.key)
    broker = BrokerSettings("127.0.0.1", 1, files.authority, files.certificate, files.key)
    engine = open_ledger(tmp_path / "ledger.db", genesis)
    archive = Archive(tmp_path / "ledger.db", genesis)
    answers = Answers(archive, key, genesis)
    service = Service(
        Alone(engine),
        answers,
        key,
        Enrolling(None, True),
        broker,
        told.append,
        Turnstile(600),
        Verifiers(told.append, key),
    )
    topic = f"airgrant/v1/up/{key.public}/transaction"
    signed = sign_transaction(Transaction(Create(key.public), bytes(8), 2**40), key, genesis.ledger_id)
    for payload in (None, signed.envelope.encoded):
        message = aiomqtt.Message(topic, payload, 1, False, 1, None)  # type: ignore[arg-type]  # None: a fault
        asyncio.run(service._take(message))
    assert service.counters["internal_fault"] == 1
    assert "Traceback" in told[0]
    assert service._queue.qsize() == 1
    archive.close()
    engine.store.close()


def test_each_publication_has_its_own_correlation() -> None:
    one, other = _correlated(b"one"), _correlated(b"other")
    assert (one.CorrelationData, other.CorrelationData) == (b"one", b"other")


# ---- Who asks for too much


def test_new_accounts_are_let_in_by_the_minute(tmp_path: Path) -> None:
    with ledger_house(tmp_path, 28_891, "max_accounts_per_minute = 2") as house:
        keys = [PrivateKey.generate() for _ in range(7)]
        with house.client(keys[0]) as client:
            receipts = [house.submit(client, Create(key.public), key) for key in keys]
            assert house.submit(client, Deposit(keys[0].public, 5), house.exchange).executed, "others go on"
        refused = [receipt.reason for receipt in receipts if not receipt.executed]
        assert set(refused) == {"too_many_accounts"}
        assert 3 <= len(refused) <= 5, "two, or four where the minute ended in between"
        assert house.reader.get("counters")["counters"]["too_many_accounts"] == len(refused)


def test_creates_that_nobody_signed_shut_nobody_out(tmp_path: Path) -> None:
    with ledger_house(tmp_path, 28_892, "max_accounts_per_minute = 2") as house:
        honest, others = PrivateKey.generate(), [PrivateKey.generate() for _ in range(9)]
        with house.client(honest) as client:
            noise = [house.sign(Create(key.public), key)[:-64] + b"\x01" * 64 for key in others]
            assert {house.receipt(reply).reason for reply in client.submit_all(noise)} == {"bad_signature"}
            assert house.submit(client, Create(honest.public), honest).executed


# ---- What goes away and comes back


@pytest.fixture
def own_house(tmp_path: Path) -> Iterator[LedgerHouse]:
    with ledger_house(tmp_path, 28_884) as running:
        yield running


def test_a_broker_that_dies_is_found_again(own_house, eventually: Callable[..., None]) -> None:
    house, provider = own_house, PrivateKey.generate()
    with house.client(provider) as client:
        house.submit(client, Create(provider.public), provider)
        house.submit(client, sixty_seconds(), provider)
    house.broker.kill()
    house.start_broker()
    with house.client(provider, timeout_s=30) as client:
        heard = offer_states(client, house, provider)
        assert house.submit(client, sixty_seconds(), provider).executed
        eventually(
            lambda: heard and heard[-1].epoch == 2, "the offer is retained at a broker that forgot everything"
        )
    assert house.service.running


def test_a_killed_ledger_has_everything_that_it_acknowledged(own_house) -> None:
    house, buyer = own_house, PrivateKey.generate()
    acknowledged: list[Receipt] = []
    with house.client(buyer, timeout_s=30) as client:
        house.submit(client, Create(buyer.public), buyer)
        house.submit(client, Deposit(buyer.public, 1_000), house.exchange)
        transactions = [house.sign(Transfer(house.exchange.public, 1), buyer) for _ in range(300)]
        for at, reply in enumerate(client.submit_all(transactions)):
            acknowledged.append(house.receipt(reply))
            if at in (60, 150):
                house.service.kill()
                house.start_ledger()
        receipts = [house.receipt(reply) for reply in client.submit_all(transactions)]
    assert all(receipt.executed or receipt.reason == "replayed" for receipt in acknowledged)
    assert {receipt.reason for receipt in receipts} == {"replayed"}, "each ran, and none twice"
    assert house.reader.get(f"accounts/{buyer.public}")["balance_ubc"] == 700
    assert house.service.stop() == 0
    assert replay(open_to_read(house.folder / "ledger.db")).height > 0


def test_a_disk_that_fails_ends_the_service_with_a_word(own_house) -> None:
    """Status 3, for a supervisor: nothing was acknowledged, and the file is as it was."""
    house, key = own_house, PrivateKey.generate()
    database = sqlite3.connect(house.folder / "ledger.db", isolation_level=None)
    database.execute("CREATE TRIGGER full BEFORE INSERT ON items BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with house.client(key, timeout_s=2) as client, pytest.raises(ShellError, match="did not answer"):
        client.submit(house.sign(Create(key.public), key))
    assert house.service.wait(10) == 3
    assert "disk full" in house.service.said
    database.execute("DROP TRIGGER full")
    database.close()
    house.start_ledger()
    with house.client(key) as client:
        assert house.submit(client, Create(key.public), key).executed


def test_a_ledger_in_postgresql_outlives_its_own_end_and_the_server_s(tmp_path: Path) -> None:
    """Both are killed; the service ends with a word when the server does, and goes on where it was."""
    if find_programs() is None:
        pytest.skip("PostgreSQL is not installed: run lab/set-up.sh")
    with Household(tmp_path / "server") as household:
        cluster = start_cluster(household)
        with ledger_house(tmp_path, 28_893, store=f'store = "{cluster.address}"') as house:
            assert house.service is not None
            buyer = house.new_buyer()
            with house.client(buyer, timeout_s=8) as client:
                spend = [house.sign(Transfer(house.exchange.public, 1), buyer) for _ in range(100)]
                assert all(house.receipt(reply).executed for reply in client.submit_all(spend[:50]))
                house.service.kill()
                house.start_ledger()
                assert house.receipt(client.submit(spend[0])).reason == "replayed"
                cluster.kill()
                with pytest.raises(ShellError, match="did not answer"):
                    client.submit(spend[50])
                assert house.service.wait(20) == 3
                assert "postgresql database" in house.service.said
                cluster.start_again()
                house.start_ledger()
                receipts = [house.receipt(reply) for reply in client.submit_all(spend)]
            assert [receipt.reason for receipt in receipts] == ["replayed"] * 50 + [""] * 50
            assert house.reader.get(f"accounts/{buyer.public}")["balance_ubc"] == 900
            assert house.service.stop() == 0
            store = open_to_read(cluster.address)
            assert replay(store).height > 0
            store.close()
        cluster.stop()
