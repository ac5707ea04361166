"""Meter records and enrolments on their way into a block."""

from __future__ import annotations

import pytest

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.block import BlockRows, ItemKind
from ledger.chain_state import read_chain_state
from ledger.entries import Entry, MeterGap, chain_key, gap_key
from ledger.entries import MeterChain as ChainEnd
from ledger.forming import FormingBlock
from ledger.passing import pass_time
from ledger.recording import GAP_PATIENCE_S, Metering, chain_rows, record_item_id
from ledger.rejection import Reason
from tests.ledger_world import ALICE, BOB, PROVIDER, START_S, World, buy, offer
from wire.attestation_result import AttestationResult
from wire.errors import DecodeError
from wire.evidence import read_evidence
from wire.grant import Grant
from wire.keys import PrivateKey
from wire.money_actions import Transfer


class Office:
    """A metering with one enrolled key, and blocks to take things into."""

    def __init__(self) -> None:
        self.world = World()
        self.metering = Metering()
        self.key = SoftwareKey(PrivateKey.generate())
        self.chain = MeterChain(self.key, START_S * 1_000)
        result = AttestationResult(self.key.public_key, b"", PROVIDER.public, b"", START_S)
        block = self.block()
        assert self.metering.take_enrolment(block, b"result", result, bytes(32)) is None
        self.merge(block)

    def block(self, now_s: int = START_S) -> FormingBlock:
        return FormingBlock(1, now_s, pass_time(self.world.state, now_s), 1, BlockRows(1, b""))

    def merge(self, block: FormingBlock) -> None:
        self.metering.merge(block.chains, block.enrolments)
        self.world.state.merge(block.draft.changes, {}, block.time_s)

    @property
    def noted(self) -> dict[bytes, Entry]:
        """The gaps that the state knows of."""
        return {key: one for key, one in self.world.state.entries.items() if isinstance(one, MeterGap)}

    def take(self, encoded: bytes, block: FormingBlock | None = None, now_s: int = START_S) -> str:
        """The reason why it was not taken; what is in the block then is merged."""
        block = block or self.block(now_s)
        why = self.metering.take_record(block, encoded, no_grants)
        self.merge(block)
        return "" if why is None else why.reason


def no_grants(_grant_id: bytes) -> Grant | None:
    return None


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_record_moves_the_end_of_its_chain_in_state_and_store(office: Office) -> None:
    block = office.block()
    assert office.take(office.chain.boot(), block) == ""
    key_id = office.key.public_key.key_id
    assert block.draft.get(chain_key(key_id)) == ChainEnd(1, office.chain.head)
    assert block.rows.records == [(key_id, 1, 1)]
    ((row_key, row_state),) = chain_rows(block)
    assert row_key == key_id
    assert read_chain_state(row_state) == office.metering.chains[key_id]
    assert [item.kind for item in block.rows.items] == [ItemKind.EVIDENCE]


def test_records_of_one_block_follow_each_other(office: Office) -> None:
    block = office.block()
    for record in (office.chain.boot(), office.chain.usage(1_000), office.chain.usage(1_000)):
        assert office.take(record, block) == ""
    assert [sequence for _, sequence, _ in block.rows.records] == [1, 2, 3]


def test_who_is_not_enrolled_leaves_nothing_behind(office: Office) -> None:
    stranger = MeterChain(SoftwareKey(PrivateKey.generate()), START_S * 1_000)
    stranger.boot()
    assert office.take(stranger.usage(1_000)) == "not_enrolled"
    assert not office.noted


def test_a_forged_record_does_not_start_the_wait_for_a_gap(office: Office) -> None:
    office.take(office.chain.boot())
    office.chain.usage(1_000)
    record = office.chain.usage(1_000)
    assert office.take(record[:-40] + bytes(30) + record[-10:]) == "forged"
    assert not office.noted


def test_a_gap_is_waited_for_once_whichever_later_record_comes(office: Office) -> None:
    office.take(office.chain.boot())
    lost, later, last = (office.chain.usage(1_000) for _ in range(3))
    assert office.take(later) == "sequence_gap"
    assert office.take(last, now_s=START_S + 5) == "sequence_gap"
    assert office.take(later, now_s=START_S + GAP_PATIENCE_S) == ""
    assert office.take(last, now_s=START_S + GAP_PATIENCE_S) == ""
    assert office.take(lost, now_s=START_S + GAP_PATIENCE_S) == ""


def test_a_boot_record_never_waits(office: Office) -> None:
    office.take(office.chain.boot())
    office.chain.usage(1_000)
    assert office.take(office.chain.boot()) == ""


def test_a_record_that_came_early_is_noted_once_in_log_and_state(office: Office) -> None:
    """Who applies the log later waits as long as who was there."""
    office.take(office.chain.boot())
    lost, later, last = (office.chain.usage(1_000) for _ in range(3))
    block = office.block()
    assert [office.take(one, block) for one in (later, last, later)] == ["sequence_gap"] * 3
    assert [(item.kind, item.encoded) for item in block.rows.items] == [(ItemKind.EARLY_EVIDENCE, later)]
    key_id = office.key.public_key.key_id
    assert office.noted == {gap_key(key_id): MeterGap(2, START_S)}
    assert office.take(lost) == ""
    assert office.take(last, now_s=START_S + 9) == "sequence_gap"
    assert office.noted == {gap_key(key_id): MeterGap(3, START_S + 9)}


def test_a_key_is_enrolled_once(office: Office) -> None:
    other = AttestationResult(office.key.public_key, b"", PROVIDER.public, b"", START_S)
    why = office.metering.take_enrolment(office.block(), b"again", other, bytes(32))
    assert why is not None
    assert why.reason == "already_enrolled"


def enrol(office: Office, provider: PrivateKey, now_s: int, block: FormingBlock | None = None) -> MeterChain:
    """A further key of a provider, enrolled; its chain."""
    key = SoftwareKey(PrivateKey.generate())
    result = AttestationResult(key.public_key, b"", provider.public, b"", now_s)
    own = block or office.block(now_s)
    assert office.metering.take_enrolment(own, b"result", result, bytes(32)) is None
    if block is None:
        office.merge(own)
    return MeterChain(key, now_s * 1_000)


def test_another_key_of_the_provider_retires_the_one_before(office: Office) -> None:
    """One grant is metered by one live key: two boxes that share an account would each sell it in full."""
    assert office.take(office.chain.boot()) == ""
    new = enrol(office, PROVIDER, START_S + 7)
    assert office.take(office.chain.usage(1_000), now_s=START_S + 8) == "retired_key"
    assert office.take(office.chain.boot(), now_s=START_S + 8) == "retired_key"
    assert office.take(new.boot(), now_s=START_S + 8) == ""
    end = office.world.state.get(chain_key(office.key.public_key.key_id))
    assert isinstance(end, ChainEnd)
    assert (end.sequence, end.retired_s) == (1, START_S + 7)
    block = office.block(START_S + 9)
    mine = AttestationResult(office.key.public_key, b"", PROVIDER.public, b"", START_S + 9)
    why = office.metering.take_enrolment(block, b"result", mine, bytes(32))
    assert why is not None
    assert why.reason == "retired_key", "what is retired does not come back"


def test_retirement_holds_from_its_place_in_the_block_on(office: Office) -> None:
    block = office.block()
    assert office.take(office.chain.boot(), block) == ""
    second = enrol(office, PROVIDER, START_S, block)
    third = enrol(office, PROVIDER, START_S, block)
    for chain, reason in ((office.chain, "retired_key"), (second, "retired_key"), (third, "")):
        assert office.take(chain.boot(), block) == reason


def test_another_provider_s_key_retires_nobody_else_s(office: Office) -> None:
    enrol(office, BOB, START_S)
    assert office.take(office.chain.boot()) == ""


def test_the_same_words_of_two_boxes_are_two_items() -> None:
    chains = [MeterChain(SoftwareKey(PrivateKey.generate()), 1_000) for _ in range(2)]
    one, other = (read_evidence(chain.boot()) for chain in chains)
    assert one.record == other.record
    assert record_item_id(one) != record_item_id(other)


def test_garbage_is_a_decode_error(office: Office) -> None:
    with pytest.raises(DecodeError):
        office.take(b"\x80")


# ---- An account that enrols itself


def end_or_enrol(
    office: Office, key: PrivateKey, provider: PrivateKey = PROVIDER, now_s: int = START_S
) -> str:
    """Why it was not taken; a block of its own."""
    block = office.block(now_s)
    result = AttestationResult(key.public, b"", provider.public, b"", now_s)
    why = office.metering.take_enrolment(block, key.public.octets, result, key.public.octets[1:])
    office.merge(block)
    return "" if why is None else why.reason


def test_an_account_that_enrols_itself_has_no_meter_any_more(office: Office) -> None:
    boot = office.chain.boot()
    assert end_or_enrol(office, PROVIDER, now_s=START_S + 5) == ""
    assert office.take(boot, now_s=START_S + 6) == "retired_key"
    ends = {key: one for key, one in office.world.state.entries.items() if isinstance(one, ChainEnd)}
    assert {one.retired_s for one in ends.values()} == {START_S + 5}, "the box's, and the account's own"


def test_and_never_again_gets_one(office: Office) -> None:
    """The thief of a box has its account's key, and could enrol another machine for it."""
    end_or_enrol(office, PROVIDER)
    assert end_or_enrol(office, PrivateKey.generate()) == "account_ended"
    assert end_or_enrol(office, PROVIDER) == "account_ended", "asking again changes nothing"
    assert end_or_enrol(office, PrivateKey.generate(), BOB) == "", "other accounts go on"


def test_its_own_key_is_no_meter_in_the_block_in_which_it_ends_them(office: Office) -> None:
    chain = MeterChain(SoftwareKey(PROVIDER), START_S * 1_000)
    block = office.block()
    result = AttestationResult(PROVIDER.public, b"", PROVIDER.public, b"", START_S)
    assert office.metering.take_enrolment(block, b"x", result, bytes(31) + b"x") is None
    assert office.take(chain.boot(), block) == "retired_key"


def test_a_thief_who_was_faster_with_its_key_cannot_keep_it_from_ending(office: Office) -> None:
    """He enrols the account's key as the meter of his own account, and then another in its place."""
    thief, first = PrivateKey.generate(), office.chain.boot()
    assert end_or_enrol(office, PROVIDER, thief) == ""
    own = MeterChain(SoftwareKey(PROVIDER), START_S * 1_000)
    assert end_or_enrol(office, PROVIDER) == ""
    assert office.take(first) == "retired_key"
    assert office.take(own.boot()) == "retired_key", "the account's key vouches for nothing"
    assert end_or_enrol(office, PrivateKey.generate()) == "account_ended"
    assert end_or_enrol(office, PrivateKey.generate(), thief) == "", "the thief's account is his"
    assert office.metering.enrolments[PROVIDER.public.key_id].provider == thief.public


def test_nor_one_who_has_retired_the_key_already(office: Office) -> None:
    thief = PrivateKey.generate()
    assert end_or_enrol(office, PROVIDER, thief) == ""
    assert end_or_enrol(office, PrivateKey.generate(), thief) == ""
    assert end_or_enrol(office, PROVIDER) == ""
    assert office.take(office.chain.boot()) == "retired_key"
    assert end_or_enrol(office, PROVIDER) == "account_ended"


def test_nor_one_who_takes_the_key_afterwards(office: Office) -> None:
    assert end_or_enrol(office, PROVIDER) == ""
    assert end_or_enrol(office, PROVIDER, PrivateKey.generate()) == "retired_key"


def test_of_an_account_that_has_ended_nothing_is_sold_and_its_money_moves(office: Office) -> None:
    world = office.world
    world.must(offer(), PROVIDER)
    world.must(buy(), ALICE)
    assert end_or_enrol(office, PROVIDER) == ""
    assert world.do(buy(), ALICE) is Reason.SELLING_IS_OFF
    for units in (10, 0):
        assert world.do(offer(max_allocations=units), PROVIDER) is Reason.ACCOUNT_ENDED
    world.must(Transfer(BOB.public, 100), PROVIDER)
    never = Office()
    assert end_or_enrol(never, PROVIDER) == ""
    assert never.world.do(offer(), PROVIDER) is Reason.ACCOUNT_ENDED, "also if it never sold"
