"""The ledger service for real: mosquitto with mutual TLS, the service in its own process, HTTP beside it.

One house for most stories; those that kill something come last and clean up after themselves.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger import cli
from ledger.block import item_leaf, read_signed_header
from ledger.client import LedgerClient
from ledger.entries import Account, account_key, read_entry
from ledger.merkle import verify_path
from ledger.opening import replay
from ledger.state_tree import read_proof, verify_proof
from ledger.store import Store
from tests.ledger_house import LedgerHouse, ledger_house
from tests.ledger_world import BAND, QOS
from wire.allocate import Allocate
from wire.attestation_result import read_attestation_result
from wire.create import Create
from wire.enrolment import EnrolmentRequest, read_enrolment_reply, write_enrolment_request
from wire.grant import Grant, read_grant
from wire.keys import PrivateKey
from wire.ledger_reply import LedgerReply
from wire.meter_record import UsageRow
from wire.money_actions import Deposit, Transfer
from wire.offer_state import OfferState, read_offer_state
from wire.post_offer import PostOffer, Reservation
from wire.receipt import Receipt, read_receipt

pytestmark = pytest.mark.system

PRICE_UBC = 100


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerHouse]:
    with ledger_house(tmp_path_factory.mktemp("house"), 28_883, "accept_software_keys = true") as running:
        yield running


@pytest.fixture
def provider(house: LedgerHouse) -> PrivateKey:
    """A provider of its own for each test, with an offer of ten units for a minute."""
    key = PrivateKey.generate()
    with house.client(key) as client:
        assert house.submit(client, Create(key.public), key).executed
        assert house.submit(client, offer(), key).executed
    return key


@pytest.fixture
def buyer(house: LedgerHouse) -> PrivateKey:
    key = PrivateKey.generate()
    with house.client(key) as client:
        assert house.submit(client, Create(key.public), key).executed
        assert house.submit(client, Deposit(key.public, 1_000), house.exchange).executed
    return key


def offer(max_allocations: int = 10, duration_s: int = 60, **changes: object) -> PostOffer:
    return PostOffer(PRICE_UBC, BAND, max_allocations, duration_s, QOS, **changes)  # type: ignore[arg-type]


def purchase(provider: PrivateKey, epoch: int = 1) -> Allocate:
    return Allocate(provider.public, PRICE_UBC, BAND, epoch)


def receipt_of(house: LedgerHouse, reply: LedgerReply) -> Receipt:
    return read_receipt(reply.receipt, house.key.public, house.ledger_id)


def grant_of(house: LedgerHouse, encoded: bytes) -> Grant:
    return read_grant(encoded, house.key.public, house.ledger_id)


# ---- The journey


def test_a_purchase_is_answered_with_receipt_and_grant(house, provider, buyer) -> None:
    with house.client(buyer) as client:
        reply = client.submit(house.sign(purchase(provider), buyer))
    assert receipt_of(house, reply).executed
    (encoded,) = reply.grants
    grant = grant_of(house, encoded)
    assert grant.consumer == buyer.public
    assert grant.provider_id == provider.public.provider_id
    assert grant.ends_s - grant.starts_s == 60
    account = house.reader.get(f"accounts/{buyer.public}")
    assert account["balance_ubc"] == 1_000 - PRICE_UBC


def test_whoever_carries_a_transaction_does_not_matter(house, provider, buyer) -> None:
    carrier = PrivateKey.generate()
    with house.client(carrier) as client:
        reply = client.submit(house.sign(purchase(provider), buyer))
    assert grant_of(house, reply.grants[0]).consumer == buyer.public


def test_a_lost_answer_is_asked_for_again(house, provider, buyer) -> None:
    signed = house.sign(purchase(provider), buyer)
    with house.client(buyer) as client:
        first, again = client.submit(signed), client.submit(signed)
        queried = client.query(receipt_of(house, first).subject)
    assert receipt_of(house, again).reason == "replayed"
    assert receipt_of(house, queried).executed
    assert (
        grant_of(house, again.grants[0])
        == grant_of(house, first.grants[0])
        == grant_of(house, queried.grants[0])
    )
    assert house.reader.get(f"accounts/{buyer.public}")["balance_ubc"] == 1_000 - PRICE_UBC


def test_a_rejection_is_signed_and_named(house, provider, buyer) -> None:
    with house.client(buyer) as client:
        reply = client.submit(house.sign(purchase(provider, epoch=2), buyer))
    receipt = receipt_of(house, reply)
    assert (receipt.reason, reply.grants) == ("epoch_moved", ())


def test_many_at_once_are_all_answered(house, provider, buyer) -> None:
    with house.client(buyer) as client:
        transactions = [house.sign(Transfer(provider.public, 1), buyer) for _ in range(300)]
        receipts = [receipt_of(house, reply) for reply in client.submit_all(transactions)]
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
        subject = receipt_of(house, reply).subject
        assert reply.grants == ()
        mine = client.query(subject, consumers[7].octets)
    assert grant_of(house, mine.grants[0]).consumer == consumers[7]
    page = house.reader.get(f"grants/{subject.hex()}/{consumers[3]}")
    assert grant_of(house, base64.b64decode(page["grant"])).consumer == consumers[3]
    assert house.reader.get(f"grants/{page['grant_id']}")["consumer"] == str(consumers[3])
    found = house.reader.get("transactions", account=str(consumers[3]))["transactions"]
    assert [one["id"] for one in found] == [subject.hex()]


# ---- What the ledger shows


def test_the_head_the_accounts_and_the_log_can_be_proved(house, provider, buyer) -> None:
    with house.client(buyer) as client:
        subject = receipt_of(house, client.submit(house.sign(purchase(provider), buyer))).subject
    page = house.reader.get(f"proofs/accounts/{buyer.public}")
    header = read_signed_header(base64.b64decode(page["header"]), house.key.public, house.ledger_id)
    key, entry = account_key(buyer.public.key_id), base64.b64decode(page["entry"])
    verify_proof(header.app_hash, key, entry, read_proof(base64.b64decode(page["proof"])))
    assert read_entry(key, entry) == Account(buyer.public.octets, 1_000 - PRICE_UBC)

    page = house.reader.get(f"proofs/transactions/{subject.hex()}")
    header = read_signed_header(base64.b64decode(page["header"]), house.key.public, house.ledger_id)
    leaf = item_leaf(1, base64.b64decode(page["transaction"]["transaction"]))
    path = [bytes.fromhex(step) for step in page["path"]]
    verify_path(header.items_root, leaf, page["index"], page["item_count"], path)


def test_a_stranger_s_absence_can_be_proved(house) -> None:
    stranger = PrivateKey.generate().public
    page = house.reader.get(f"proofs/accounts/{stranger}")
    header = read_signed_header(base64.b64decode(page["header"]), house.key.public, house.ledger_id)
    assert page["entry"] is None
    proof = read_proof(base64.b64decode(page["proof"]))
    verify_proof(header.app_hash, account_key(stranger.key_id), None, proof)
    with pytest.raises(LookupError, match="unknown_account"):
        house.reader.get(f"accounts/{stranger}")


def test_lists_come_in_pages(house, provider, buyer) -> None:
    with house.client(buyer) as client:
        list(client.submit_all([house.sign(Transfer(provider.public, 1), buyer) for _ in range(5)]))
    one_by_one = [
        page["id"]
        for page in house.reader.pages("transactions", "transactions", 1, account=str(buyer.public))
    ]
    assert len(one_by_one) == len(set(one_by_one)) == 7
    providers = [page["provider"] for page in house.reader.pages("offers", "offers", 1)]
    assert str(provider.public) in providers
    assert len(providers) == len(set(providers))


def test_reservations_are_shown(house, buyer) -> None:
    provider = PrivateKey.generate()
    period = int(time.time()) // 60 + 5
    with house.client(provider) as client:
        house.submit(client, Create(provider.public), provider)
        house.submit(client, offer(reservations={period: Reservation(70, 4)}), provider)
    (shown,) = house.reader.get(f"offers/{provider.public}")["reservations"]
    assert (shown["period"], shown["price_ubc"], shown["capacity"]) == (period, 70, 4)


def test_the_interface_describes_itself(house) -> None:
    import urllib.request

    with urllib.request.urlopen(f"{house.reader.url}/openapi.json") as answer:
        page = json.load(answer)
    assert {"/v1/ledger", "/v1/offers", "/v1/proofs/accounts/{key}", "/v1/records/{key_id}"} <= set(
        page["paths"]
    )


@pytest.mark.parametrize(
    "path",
    [
        "accounts/zz",
        "transactions/00",
        "transactions?limit=0",
        "transactions?after=-1",
        "records/xyz",
        "offers/02",
    ],
)
def test_a_wrong_request_is_refused_with_a_sentence(house, path: str) -> None:
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{house.reader.url}/v1/{path}")
    page = json.loads(refused.value.read())
    refused.value.close()
    assert refused.value.code == 422
    assert page["error"] == "bad_request"


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
        house.submit(client, offer(max_allocations=3, duration_s=2), provider)
        house.submit(client, purchase(provider), buyer)
        heard = offer_states(client, house, provider)
        eventually(lambda: heard and heard[-1].allocations_left == 2, "a state with one unit sold")
        eventually(lambda: heard[-1].allocations_left == 3, "the unit is free again, without any transaction")
        house.submit(client, offer(max_allocations=0), provider)
        eventually(lambda: (heard[-1].epoch, heard[-1].allocations_left) == (2, 0), "the closed offer")


# ---- Meter records


def enrol(house: LedgerHouse, client: LedgerClient, provider: PrivateKey, key: SoftwareKey) -> bytes:
    request = EnrolmentRequest(provider.public, software_key=key.public_key)
    reply = read_enrolment_reply(
        client.ask("enrolment", write_enrolment_request(request, provider, house.ledger_id))
    )
    assert reply.attestation_result, reply
    return reply.attestation_result


@pytest.fixture
def meter() -> SoftwareKey:
    return SoftwareKey(PrivateKey.generate())


def chain_of(house: LedgerHouse, provider: PrivateKey, buyer: PrivateKey, meter: SoftwareKey) -> list[bytes]:
    """A boot record and two reports about a grant that was really bought."""
    with house.client(buyer) as client:
        grant = grant_of(house, client.submit(house.sign(purchase(provider), buyer)).grants[0])
    chain = MeterChain(meter, grant.starts_s * 1_000)
    boot = chain.boot()
    return [
        boot,
        *(
            chain.usage(5_000, UsageRow(grant.grant_id, 1_000_000, 50_000, 1_200_000, 50_000))
            for _ in range(2)
        ),
    ]


def test_records_are_receipted_once_and_again(house, provider, buyer, meter) -> None:
    records = chain_of(house, provider, buyer, meter)
    with house.client(provider) as client:
        result = read_attestation_result(
            enrol(house, client, provider, meter), house.key.public, house.ledger_id
        )
        assert not result.in_tpm
        assert enrol(house, client, provider, meter)
        receipts = [receipt_of(house, client.report(record)) for record in records]
        again = [receipt_of(house, client.report(record)) for record in records]
    assert all(receipt.executed for receipt in receipts)
    assert again == receipts
    key_id = meter.public_key.key_id.hex()
    stored = [
        base64.b64decode(page["evidence"]) for page in house.reader.pages(f"records/{key_id}", "records", 1)
    ]
    assert stored == records


def test_a_record_ahead_of_its_predecessors_waits_and_a_forged_one_is_refused(
    house, provider, buyer, meter
) -> None:
    records = chain_of(house, provider, buyer, meter)
    forged = records[1][:-40] + bytes(30) + records[1][-10:]
    with house.client(provider) as client:
        assert receipt_of(house, client.report(records[0])).reason == "not_enrolled"
        enrol(house, client, provider, meter)
        assert receipt_of(house, client.report(records[0])).executed
        assert receipt_of(house, client.report(records[2])).reason == "sequence_gap"
        assert receipt_of(house, client.report(forged)).reason == "forged"
        assert receipt_of(house, client.report(records[1])).executed
        assert receipt_of(house, client.report(records[2])).executed


def test_report_verify_says_what_holds(house, provider, buyer, meter, tmp_path: Path, capsys) -> None:
    records = chain_of(house, provider, buyer, meter)
    key_id, saved = meter.public_key.key_id.hex(), tmp_path / "box.report"
    with house.client(provider) as client:
        enrol(house, client, provider, meter)
        for record in records:
            assert receipt_of(house, client.report(record)).executed
    url = ["--ledger", house.reader.url]
    assert cli.report(["verify", "--key-id", key_id, "--json", *url]) == 0
    page = json.loads(capsys.readouterr().out)
    (chain,) = page["chains"]
    assert (page["count"], page["verified"], page["ok"]) == (3, 3, True)
    assert [use["down_bytes"] for use in chain["usage"].values()] == [2_000_000]
    assert cli.report(["fetch", "--key-id", key_id, "--out", str(saved), *url]) == 0
    assert cli.report(["verify", str(saved), "--ledger-id", house.ledger_id.hex()]) == 0
    assert "all 3 records hold" in capsys.readouterr().out
    assert cli.report(["verify", str(saved), "--ledger-id", "00" * 32]) == 1
    saved.write_bytes(saved.read_bytes().replace(records[1], records[1][:-40] + bytes(30) + records[1][-10:]))
    assert cli.report(["verify", str(saved)]) == 1
    assert "do not hold" in capsys.readouterr().out


def test_a_claim_beyond_the_grant_is_kept_and_does_not_verify(house, provider, buyer, meter, capsys) -> None:
    with house.client(buyer) as client:
        grant = grant_of(house, client.submit(house.sign(purchase(provider), buyer)).grants[0])
    chain = MeterChain(meter, grant.starts_s * 1_000)
    records = [chain.boot(), chain.usage(1_000, UsageRow(grant.grant_id, 10**9, 0, 10**9, 0))]
    with house.client(provider) as client:
        enrol(house, client, provider, meter)
        for record in records:
            assert receipt_of(house, client.report(record)).executed, "it is evidence, also against the box"
    key_id = meter.public_key.key_id.hex()
    assert cli.report(["verify", "--key-id", key_id, "--ledger", house.reader.url]) == 1
    assert "exceed the ceiling" in capsys.readouterr().out


def test_two_boxes_may_say_the_same(house, provider, buyer) -> None:
    """Boot records of the same instant are the same bytes; each box gets its own receipt for its own record."""
    meters = [SoftwareKey(PrivateKey.generate()) for _ in range(2)]
    with house.client(provider) as client:
        enrol(house, client, provider, meters[0])
        first, second = (MeterChain(meter, 1_000).boot() for meter in meters)
        assert receipt_of(house, client.report(first)).executed
        assert receipt_of(house, client.report(second)).reason == "not_enrolled"


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
        assert receipt_of(house, client.submit(foreign)).executed, "and the ledger goes on"


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
    with pytest.raises(ShellError), LedgerClient("127.0.0.1", house.port, key.public, tls, timeout_s=3):
        pass


# ---- The command line


def test_accounts_from_the_command_line(house, tmp_path: Path, capsys) -> None:
    key = PrivateKey.generate()
    files = house.authority.issue_client(str(key.public), key.key)
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
        "1M-5M", "--band", "5170000-5250000/80000", *door,
    ]) == 0  # fmt: skip
    capsys.readouterr()
    assert cli.account([account, "--json", "--ledger", house.reader.url]) == 0
    page = json.loads(capsys.readouterr().out)
    assert page["balance_ubc"] == 2_500_000
    assert [one["action"] for one in page["transactions"]] == ["create", "deposit", "offer"]
    assert cli.offer(["show", account, "--ledger", house.reader.url]) == 0
    assert "0.5 BC" in capsys.readouterr().out
    assert cli.offer(["--ledger", house.reader.url, "--json"]) == 0
    assert account in {one["provider"] for one in json.loads(capsys.readouterr().out)}


# ---- What goes away and comes back


@pytest.fixture
def own_house(tmp_path: Path) -> Iterator[LedgerHouse]:
    with ledger_house(tmp_path, 28_884) as running:
        yield running


def test_a_broker_that_dies_is_found_again(own_house, eventually: Callable[..., None]) -> None:
    house, provider = own_house, PrivateKey.generate()
    with house.client(provider) as client:
        house.submit(client, Create(provider.public), provider)
        house.submit(client, offer(), provider)
    house.broker.kill()
    house.start_broker()
    with house.client(provider, timeout_s=30) as client:
        heard = offer_states(client, house, provider)
        assert house.submit(client, offer(), provider).executed
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
            acknowledged.append(receipt_of(house, reply))
            if at in (60, 150):
                house.service.kill()
                house.start_ledger()
        receipts = [receipt_of(house, reply) for reply in client.submit_all(transactions)]
    assert all(receipt.executed or receipt.reason == "replayed" for receipt in acknowledged)
    assert {receipt.reason for receipt in receipts} == {"replayed"}, "each ran, and none twice"
    assert house.reader.get(f"accounts/{buyer.public}")["balance_ubc"] == 700
    assert house.service.stop() == 0
    assert replay(Store(house.folder / "ledger.db", read_only=True)).height > 0
