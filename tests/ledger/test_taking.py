"""What each kind of submission does to a block: taken or refused, by the block and the past alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import pytest

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.block import BlockRows, Item, ItemKind
from ledger.forming import FormingBlock
from ledger.recording import Metering, record_item_id
from ledger.submission import Batch, Enrolment, Executed, Outcome, Record, Refused, Submission, received_id
from ledger.taking import (
    GRANT_ID_TAKEN,
    INTERNAL_FAULT,
    KNOWN_RECORD,
    NOT_ASKED_FOR,
    UNREADABLE,
    read_item,
    refuse_faulty,
    refuse_unreadable,
    take,
)
from tests.ledger_world import ALICE, BOB, EXCHANGE, GENESIS, LEDGER, PROVIDER, START_S, World, buy, offer
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.enrolment import EnrolmentRequest, prove_software_key, read_enrolment, write_enrolment_request
from wire.errors import DecodeError
from wire.evidence import read_evidence
from wire.grant import Grant
from wire.keys import PrivateKey
from wire.meter_record import record_hash
from wire.money_actions import Deposit, Transfer


@dataclass
class Desk:
    """A block in the making, over a world and a past that knows some items."""

    world: World = field(default_factory=World)
    metering: Metering = field(default_factory=Metering)
    known: set[bytes] = field(default_factory=set)
    block: FormingBlock = field(init=False)

    def __post_init__(self) -> None:
        self.block = FormingBlock(9, self.world.now_s, self.world.draft(), 41, BlockRows(9, b""))

    def has_item(self, item_id: bytes) -> bool:
        return item_id in self.known

    def has_purchase(self, reference: bytes) -> bool:
        return reference in self.known

    def find_grant(self, _grant_id: bytes) -> Grant | None:
        return None

    def take(self, submission: Submission) -> Outcome:
        return take(self.block, submission, self.metering, self)

    @property
    def kinds(self) -> list[int]:
        return [item.kind for item in self.block.rows.items]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def enrolment(key: SoftwareKey, signer: PrivateKey = LEDGER) -> Enrolment:
    result = AttestationResult(key.public_key, b"", PROVIDER.public, b"", START_S)
    return Enrolment(write_attestation_result(result, signer, GENESIS.ledger_id))


def test_a_transaction_is_taken_or_refused_by_name(desk: Desk) -> None:
    good = desk.world.sign(Transfer(BOB.public, 1), ALICE)
    bad = desk.world.sign(Transfer(BOB.public, 0), ALICE)
    refused = desk.take(bad)
    assert isinstance(refused, Refused)
    assert (refused.subject, refused.reason) == (bad.transaction_id, "amount_not_positive")
    assert (refused.height, refused.utc_s) == (8, START_S)
    taken = desk.take(good)
    assert isinstance(taken, Executed)
    assert (taken.subject, taken.height, taken.utc_s) == (good.transaction_id, 9, START_S)
    assert desk.kinds == [ItemKind.TRANSACTION]


def test_a_batch_that_fails_leaves_nothing(desk: Desk) -> None:
    first, last = (
        desk.world.sign(Transfer(BOB.public, 1), ALICE),
        desk.world.sign(Deposit(BOB.public, 1), ALICE),
    )
    refused = desk.take(Batch((first, last)))
    assert isinstance(refused, Refused)
    assert (refused.subject, refused.reason) == (last.transaction_id, "not_the_exchange")
    assert (desk.kinds, desk.block.draft.changes) == ([], {})
    good = desk.world.sign(Deposit(BOB.public, 1), EXCHANGE)
    assert isinstance(desk.take(Batch((first, good))), Executed)
    assert len(desk.kinds) == 2


def test_no_two_purchases_name_their_grants_alike(desk: Desk) -> None:
    """Of the past, of this block, and of one batch; what else begins alike does not matter."""
    desk.world.must(offer(price_ubc=0, max_allocations=100), PROVIDER)
    desk.block.draft = desk.world.draft()
    early, late, good = (desk.world.sign(buy(0), ALICE) for _ in range(3))
    desk.known.add(early.transaction_id[:14])
    refused = desk.take(early)
    assert isinstance(refused, Refused)
    assert (refused.subject, refused.reason) == (early.transaction_id, GRANT_ID_TAKEN)
    alike = replace(late, transaction_id=good.transaction_id[:14] + bytes(18))
    for batch in ((alike, good), (good, alike)):
        outcome = desk.take(Batch(batch))
        assert isinstance(outcome, Refused)
        assert (outcome.subject, outcome.reason) == (batch[1].transaction_id, GRANT_ID_TAKEN)
    assert desk.kinds == []
    assert isinstance(desk.take(good), Executed)
    again = desk.take(alike)
    assert isinstance(again, Refused)
    assert again.reason == GRANT_ID_TAKEN
    transfer = desk.world.sign(Transfer(BOB.public, 1), ALICE)
    assert isinstance(desk.take(replace(transfer, transaction_id=alike.transaction_id)), Executed)


def test_a_record_that_is_known_is_not_taken_again(desk: Desk) -> None:
    key = SoftwareKey(PrivateKey.generate())
    record = MeterChain(key, START_S * 1_000).boot()
    assert isinstance(desk.take(enrolment(key)), Executed)
    assert isinstance(desk.take(Record(record)), Executed)
    evidence = read_evidence(record)
    again = desk.take(Record(record))
    desk.block.item_ids.clear()
    desk.known.add(record_item_id(evidence))
    for refused in (again, desk.take(Record(record))):
        assert isinstance(refused, Refused)
        assert (refused.subject, refused.reason) == (record_hash(evidence.record), KNOWN_RECORD)
    assert desk.kinds == [ItemKind.ATTESTATION_RESULT, ItemKind.EVIDENCE]


def test_only_a_gateway_enrols(desk: Desk) -> None:
    key = SoftwareKey(PrivateKey.generate())
    for garbage in (enrolment(key, ALICE), Enrolment(b"no result")):
        refused = desk.take(garbage)
        assert isinstance(refused, Refused)
        assert (refused.subject, refused.reason) == (received_id(garbage), "bad_signature")
    assert desk.kinds == []


def test_on_a_shared_ledger_a_gateway_enrols_only_what_the_provider_asked_for() -> None:
    """Else one operator could retire the meter of another's customer."""
    shared = replace(GENESIS, gateways=(LEDGER.public, BOB.public))
    desk = Desk(World(genesis=shared))
    key, own = PrivateKey.generate(), PrivateKey.generate()
    proof = prove_software_key(key, PROVIDER.public)
    request = EnrolmentRequest(PROVIDER.public, key.public, software_proof=proof)
    asked = read_enrolment(write_enrolment_request(request, PROVIDER, shared.ledger_id), shared.ledger_id)
    assert isinstance(asked, EnrolmentRequest)
    honest = AttestationResult(key.public, b"", PROVIDER.public, b"", START_S, asked.encoded)
    for result in (replace(honest, request=b""), replace(honest, attestation_key=own.public)):
        refused = desk.take(Enrolment(write_attestation_result(result, BOB, shared.ledger_id)))
        assert isinstance(refused, Refused)
        assert refused.reason == NOT_ASKED_FOR
    assert isinstance(desk.take(Enrolment(write_attestation_result(honest, BOB, shared.ledger_id))), Executed)


def test_what_an_item_was_made_of_is_read_again(desk: Desk) -> None:
    key = SoftwareKey(PrivateKey.generate())
    chain = MeterChain(key, START_S * 1_000)
    signed = desk.world.sign(Transfer(BOB.public, 1), ALICE)
    boot = Record(chain.boot())
    chain.usage(1_000)
    early = Record(chain.usage(1_000))
    submissions: list[Submission] = [signed, enrolment(key), boot, early]
    for submission in submissions:
        desk.take(submission)
    items: list[Item] = desk.block.rows.items
    assert [read_item(item, GENESIS.ledger_id) for item in items] == submissions
    assert desk.kinds[-1] == ItemKind.EARLY_EVIDENCE


def test_what_cannot_be_read_or_breaks_us_is_named_by_its_bytes(desk: Desk) -> None:
    refused = refuse_unreadable(desk.block, b"noise", DecodeError("no array"))
    assert (refused.subject, refused.reason, refused.detail) == (
        hashlib.sha256(b"noise").digest(),
        UNREADABLE,
        "no array",
    )
    signed = desk.world.sign(Transfer(BOB.public, 1), ALICE)
    faulty = refuse_faulty(desk.block, signed)
    assert (faulty.subject, faulty.reason) == (received_id(signed), INTERNAL_FAULT)
