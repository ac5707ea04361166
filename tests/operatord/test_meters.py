"""What signed meters say: verified, added up, remembered, and complained about. From a real ledger: tests/system."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from lab.meter_chain import MeterChain
from ledger.block import Item
from ledger.bundle import add_usage
from ledger.entries import MeterChain as ChainEnd
from ledger.pages import show_record, to_base64
from operatord.channels import permit_id_of
from operatord.meters import (
    HOLE_PATIENCE_MS,
    SAVE_EVERY,
    Checkpoint,
    Meters,
    follow_meter,
    gather_meters,
    passes_among,
)
from operatord.permit import channel_permit
from operatord.settings import LedgerLink
from tests.ledger.test_bundle import GRANT, KEY, OTHER, proof_of
from tests.ledger.test_fetching import KEY_ID, WHOLE, good_pages
from tests.ledger_world import GENESIS, PROVIDER, START_S
from tests.operatord.world import ALICE, OPERATOR, STRANGER, grant
from wire.errors import VerificationError
from wire.evidence import read_evidence, write_evidence
from wire.meter_record import UsageRow, read_meter_record, record_hash

LINK = LedgerLink("http://ledger", GENESIS.gateways[0], GENESIS.ledger_id)
START_MS = START_S * 1_000
OURS = frozenset({PROVIDER.public, STRANGER.public})
ROW = UsageRow(GRANT.grant_id, 1_000, 10, 2_000, 10)


class Pages:
    """A ledger's pages without a network; counts the records that were asked for."""

    url = "http://ledger"

    def __init__(self, records: tuple[bytes, ...] = WHOLE.records) -> None:
        self.records = records
        self.end: tuple[int, bytes] | None = None
        self.read_records = 0

    def read(self, page: type[BaseModel], path: str) -> Any:
        if path.startswith("proofs/"):
            proof = proof_of(ChainEnd(*(self.end or end_of(self.records))))
            shown = {name: to_base64(getattr(proof, name)) for name in ("entry", "proof", "header")}
            return page.model_validate({"key_id": KEY_ID, "key": "", **shown})
        return page.model_validate(good_pages()[f"/v1/{path}"])

    def listed(
        self,
        page: type[BaseModel],
        items: str,
        path: str,
        limit: int | None = None,
        **query: str | int | None,
    ) -> Iterator[Any]:
        if not path.startswith("records/"):
            yield from getattr(self.read(page, path), items)
            return
        after = query.get("after") or 0
        assert isinstance(after, int)
        for encoded in sorted(self.records, key=sequence_of):
            if sequence_of(encoded) > after:
                self.read_records += 1
                yield show_record(sequence_of(encoded), Item(1, 7, 2, bytes(32), 0, encoded, b""))


class Memory:
    """Checkpoints without a disk; what was not said to have changed is not kept."""

    def __init__(self) -> None:
        self.kept: dict[str, Checkpoint] = {}
        self.saved = 0
        self.forgotten = 0

    def load(self, key_id: str) -> Checkpoint | None:
        return self.kept.get(key_id)

    def save(self, key_id: str, checkpoint: Checkpoint, changed: Collection[bytes]) -> None:
        before = self.kept[key_id].tallies if key_id in self.kept else {}
        tallies = {**before, **{one: checkpoint.tallies[one] for one in changed}}
        self.kept[key_id] = replace(checkpoint, tallies=tallies)
        self.saved += 1

    def forget(self, key_id: str) -> None:
        self.kept.pop(key_id, None)
        self.forgotten += 1


def sequence_of(encoded: bytes) -> int:
    return read_meter_record(read_evidence(encoded).record).sequence


def end_of(records: tuple[bytes, ...]) -> tuple[int, bytes]:
    return sequence_of(records[-1]), record_hash(read_evidence(records[-1]).record)


def gather(pages: Pages, kept: Memory, now_ms: int = START_MS) -> Meters:
    return gather_meters(pages, LINK, OURS, kept, now_ms)


def chain_of(count: int) -> tuple[bytes, ...]:
    """A boot record and reports of a second each."""
    chain = MeterChain(KEY, START_MS)
    return (chain.boot(), *(chain.usage(1_000, ROW) for _ in range(count - 1)))


def test_the_reports_of_our_providers_are_added_up() -> None:
    meters = gather(Pages(), Memory())
    usage = add_usage(WHOLE.records)
    sums = meters.of(meters.since(0))
    assert {(grant_id, PROVIDER.public.provider_id) for grant_id in usage} == set(sums)
    for (grant_id, _), metered in sums.items():
        assert (metered.up_bytes, metered.down_bytes) == (
            usage[grant_id].up_bytes,
            usage[grant_id].down_bytes,
        )
    assert meters.reported_s[PROVIDER.public.provider_id] == START_S + 10
    assert meters.complaints == ()
    assert meters.since(2**40) == set(), "nothing was reported since"
    assert meters.of({OTHER.grant_id}) == {
        key: metered for key, metered in sums.items() if key[0] == OTHER.grant_id
    }


def test_others_meters_are_not_asked_for() -> None:
    meters = gather_meters(Pages(), LINK, frozenset({STRANGER.public}), Memory(), START_MS)
    assert (meters.tallies, meters.reported_s) == ({}, {})


def test_another_ledger_is_refused() -> None:
    with pytest.raises(VerificationError, match="not ours"):
        gather_meters(Pages(), replace(LINK, ledger_id=bytes(32)), OURS, Memory(), START_MS)


# ---- Checkpoints


def test_what_was_verified_is_not_asked_for_again() -> None:
    records, kept = chain_of(400), Memory()
    pages = Pages(records[:390])
    gather(pages, kept)
    assert pages.read_records == 390
    pages.read_records, pages.records = 0, records
    again = gather(pages, kept)
    assert pages.read_records == 10
    afresh = gather(Pages(records), Memory())
    assert again == afresh, "the same, to the byte and the millisecond"
    assert again.of(again.since(0))[GRANT.grant_id, PROVIDER.public.provider_id].down_bytes == 399_000
    pages.read_records = 0
    assert gather(pages, kept) == again
    assert pages.read_records == 0


def test_a_first_verification_that_is_interrupted_goes_on() -> None:
    records, kept = chain_of(SAVE_EVERY + 20), Memory()

    class Dying(Pages):
        def listed(self, *arguments: Any, **query: Any) -> Iterator[Any]:
            for item in super().listed(*arguments, **query):
                if self.read_records > SAVE_EVERY + 10:
                    raise KeyboardInterrupt
                yield item

    with pytest.raises(KeyboardInterrupt):
        gather(Dying(records), kept)
    assert kept.kept[KEY_ID].chain.sequence == SAVE_EVERY
    pages = Pages(records)
    assert gather(pages, kept) == gather(Pages(records), Memory())
    assert pages.read_records == 20


def test_a_chain_that_is_cut_short_is_a_complaint_each_time() -> None:
    records, kept = chain_of(10), Memory()
    pages = Pages(records[:-1])
    pages.end = end_of(records)
    for _ in range(2):
        (wrong,) = gather(pages, kept).complaints
        assert "withheld" in wrong
        assert "shown to 9" in wrong


def test_a_forged_record_is_a_complaint_for_ever_and_counts_nothing() -> None:
    records = chain_of(10)
    evidence = read_evidence(records[5])
    forged = write_evidence(
        replace(evidence, signature=bytes([evidence.signature[0] ^ 1]) + evidence.signature[1:])
    )
    pages, kept = Pages((*records[:5], forged, *records[6:])), Memory()
    first = gather(pages, kept)
    assert any(text.startswith(f"meter {KEY_ID}: record 6") for text in first.complaints)
    assert first.of(first.since(0))[GRANT.grant_id, PROVIDER.public.provider_id].down_bytes == 8_000
    assert gather(pages, kept) == first


def test_a_hole_stays_open_for_a_week_for_the_record_that_fills_it() -> None:
    records, kept = chain_of(10), Memory()
    pages = Pages((*records[:5], *records[6:]))
    assert any("instead of 6" in text for text in gather(pages, kept).complaints)
    assert kept.kept[KEY_ID].chain.sequence == 5
    pages.read_records = 0
    assert any("instead of 6" in text for text in gather(pages, kept).complaints)
    assert (pages.read_records, kept.forgotten) == (4, 0), "from the hole on, and not from the beginning"
    pages.records = records
    assert gather(pages, kept) == gather(Pages(records), Memory())
    assert gather(pages, kept).complaints == ()


def test_after_a_week_a_hole_is_passed_and_still_complained_about() -> None:
    records, kept = chain_of(10), Memory()
    pages = Pages((*records[:5], *records[6:]))
    later_ms = START_MS + HOLE_PATIENCE_MS + 60_000
    first = gather(pages, kept, later_ms)
    assert kept.kept[KEY_ID].chain.sequence == 10
    pages.read_records = 0
    assert gather(pages, kept, later_ms) == first
    assert any("instead of 6" in text for text in first.complaints)
    assert pages.read_records == 0


def test_another_history_is_verified_from_its_beginning() -> None:
    """A box whose state was put back goes on from an older record, and its ledger shows both."""
    records, kept = chain_of(10), Memory()
    gather(Pages(records), kept)
    chain = MeterChain(KEY, START_MS + 60_000, *end_of(records[:5]))
    other = tuple(chain.usage(1_000, ROW) for _ in range(8))
    both = (*records, *other)
    meters = gather(Pages(both), kept)
    assert kept.forgotten == 1
    assert meters == gather(Pages(both), Memory())
    assert any("instead of" in text for text in meters.complaints)


def test_a_chain_that_ends_before_our_checkpoint_is_verified_from_its_beginning() -> None:
    records, kept = chain_of(10), Memory()
    gather(Pages(records), kept)
    pages = Pages(records)
    pages.end = end_of(records[:8])
    assert gather(pages, kept).complaints == ()
    assert kept.forgotten == 1


def test_a_grant_that_the_ledger_did_not_make_is_a_complaint() -> None:
    chain = MeterChain(KEY, START_MS)
    records = (chain.boot(), chain.usage(1_000, replace(ROW, grant_id=bytes(16))))
    kept = Memory()

    class Without(Pages):
        def read(self, page: type[BaseModel], path: str) -> Any:
            if path.startswith("grants/"):
                raise LookupError("none")
            return super().read(page, path)

    _, _, incomplete = follow_meter(Without(records), GENESIS, KEY_ID, kept, START_MS)
    assert incomplete == ()
    assert any("made no such grant" in text for text in kept.kept[KEY_ID].complaints)


def test_what_was_metered_for_the_operators_own_pass_is_nothing_that_nobody_made() -> None:
    """The ledger sold nothing there; whose pass ends later had the same name before."""
    permit = channel_permit(b"c" * 16, ALICE.public, GRANT.qos, OPERATOR, LINK.ledger_id, START_S + 86_400)
    chain = MeterChain(KEY, START_MS)
    row = UsageRow(permit.permit_id, 1_000, 10, 2_000, 10)
    records = (chain.boot(), chain.usage(1_000, row))
    (complaint,) = gather(Pages(records), Memory()).complaints
    assert "the ledger made no such grant" in complaint
    passes = passes_among([permit, grant()])
    assert set(passes) == {permit.permit_id}
    meters = gather_meters(Pages(records), LINK, OURS, Memory(), START_MS, passes)
    assert meters.complaints == ()
    (metered,) = meters.of(meters.since(0)).values()
    assert (metered.up_bytes, metered.down_bytes) == (10, 1_000)


def test_what_was_metered_for_a_pass_that_is_not_ours_is_a_complaint() -> None:
    """To the ledger it is none: only an operator knows its passes."""
    permit_id = permit_id_of(bytes(32), STRANGER.public)
    permit = channel_permit(permit_id, STRANGER.public, GRANT.qos, OPERATOR, LINK.ledger_id, START_S + 86_400)
    chain = MeterChain(KEY, START_MS)
    records = (chain.boot(), chain.usage(1_000, UsageRow(permit_id, 1_000, 10, 2_000, 10)))
    (complaint,) = gather(Pages(records), Memory()).complaints
    assert complaint.endswith(f"pass {permit_id.hex()}: is none of ours")
    meters = gather_meters(Pages(records), LINK, OURS, Memory(), START_MS, passes_among([permit]))
    assert meters.complaints == ()
