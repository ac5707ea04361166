"""A long metering chain as a ledger's pages show it, and how long it takes to verify it anew and to go on with it.

In memory: what is measured is the verification and its checkpoints on disk, without a network. The chain is that of a
box that reports ten sessions a minute; a software key signs, as a TPM would take months over it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from apd.shells.software_key import SoftwareKey
from lab.bench.result import Against, Figure
from lab.meter_chain import MeterChain
from ledger.block import Item
from ledger.entries import MeterChain as ChainEnd
from ledger.entries import chain_key, write_entry
from ledger.genesis import Genesis, write_genesis
from ledger.pages import (
    AttestationPage,
    RecordListPage,
    RecordPage,
    show_attestation,
    show_grant,
    show_record,
    to_base64,
)
from ledger.state_tree import StateTree
from operatord.meters import Meters, gather_meters
from operatord.settings import LedgerLink
from operatord.shells.checkpoints import Checkpoints
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.band import Band
from wire.block_header import Header, write_signed_header
from wire.grant import Grant, write_grant
from wire.keys import PrivateKey
from wire.merkle import EMPTY_ROOT
from wire.meter_record import UsageRow
from wire.qos import Qos
from wire.state_proof import write_proof

MINUTE_MS = 60_000
HOUR_RECORDS = 60
SESSIONS = 10
BAND, QOS = Band(5_170_000, 5_250_000, 80_000), Qos(2_000_000, 10_000_000, 1_000_000, 5_000_000)


class MeterPages:
    """The pages of a ledger that knows one box; `shown` of its records are there."""

    url = "memory"

    def __init__(self, count: int) -> None:
        self.ledger, self.provider, self._meter = (PrivateKey.generate() for _ in range(3))
        self._start_s = int(time.time()) - count * MINUTE_MS // 1_000
        self.genesis = Genesis((self.ledger.public,), self.ledger.public, self._start_s)
        self.grants = [self._new_grant(count) for _ in range(SESSIONS)]
        self._ends: list[ChainEnd] = []
        self._records = [show_record(at, item) for at, item in enumerate(self._make(count), 1)]
        self.shown = count
        self.listed_records = 0

    def read(self, page: type[BaseModel], path: str) -> Any:
        return page.model_construct(**self._answer(path))

    def listed(
        self,
        page: type[BaseModel],
        items: str,
        path: str,
        limit: int | None = None,  # noqa: ARG002 as a Source
        **query: str | int | None,
    ) -> Iterator[Any]:
        if items == "attestations":
            yield AttestationPage(**self._answer(path))
            return
        assert page is RecordListPage, path
        for record in self._after(query.get("after") or 0):
            self.listed_records += 1
            yield record

    def _answer(self, path: str) -> dict[str, Any]:
        kind, _, name = path.partition("/")
        if kind == "ledger":
            return {"genesis": to_base64(write_genesis(self.genesis))}
        if kind == "attestations":
            return self._show_attestation()
        if kind == "proofs":
            return self._show_end()
        assert kind == "grants", path
        return self._show_grant(bytes.fromhex(name))

    def _after(self, sequence: str | int) -> Sequence[RecordPage]:
        return self._records[int(sequence) : self.shown]

    def _new_grant(self, count: int) -> Grant:
        lasts_s = (count + 1) * MINUTE_MS // 1_000
        buyer, provider_id = PrivateKey.generate().public, self.provider.public.provider_id
        return Grant(buyer, provider_id, secrets.token_bytes(16), 1, self._start_s, lasts_s, BAND, QOS)

    def _make(self, count: int) -> Iterator[Item]:
        rows = [UsageRow(grant.grant_id, 1_000_000, 100_000, 1_000_000, 100_000) for grant in self.grants]
        chain = MeterChain(SoftwareKey(self._meter), self._start_s * 1_000)
        for number in range(count):
            encoded = chain.usage(MINUTE_MS, *rows) if number else chain.boot()
            self._ends.append(ChainEnd(chain.sequence, chain.head))
            yield Item(number, 1, 2, bytes(32), 0, encoded, b"")

    def _show_attestation(self) -> dict[str, Any]:
        result = AttestationResult(self._meter.public, b"", self.provider.public, b"", self._start_s)
        encoded = write_attestation_result(result, self.ledger, self.genesis.ledger_id)
        return show_attestation(result, encoded, 0).model_dump()

    def _show_end(self) -> dict[str, Any]:
        tree, key = StateTree(), chain_key(self._meter.public.key_id)
        entry = write_entry(self._ends[self.shown - 1])
        tree.commit(tree.plan([(key, entry)]))
        header = Header(7, bytes(32), int(time.time()), bytes(32), 1, tree.root, EMPTY_ROOT)
        signed = write_signed_header(header, self.ledger, self.genesis.ledger_id)
        proof = write_proof(tree.prove(key))
        return {"entry": to_base64(entry), "proof": to_base64(proof), "header": to_base64(signed)}

    def _show_grant(self, grant_id: bytes) -> dict[str, Any]:
        (grant,) = [one for one in self.grants if one.grant_id == grant_id]
        return show_grant(grant, write_grant(grant, self.ledger, self.genesis.ledger_id)).model_dump()


def measure_checkpoints(folder: Path, count: int, progress: Callable[[str], None]) -> list[Figure]:
    """A chain of `count` records: from its beginning, and its last hour when the rest was verified before."""
    progress(f"making a metering chain of {count:,} records")
    pages = MeterPages(count)
    pages.shown = count - HOUR_RECORDS
    progress("verifying it from its beginning")
    first_s, _ = _gather(pages, folder)
    pages.shown, pages.listed_records = count, 0
    progress("and going on")
    further_s, further = _gather(pages, folder)
    assert (further.complaints, pages.listed_records) == ((), HOUR_RECORDS), further.complaints[:1]
    days = f"{count / 1_440:.0f} days of a report each minute"
    return [
        Figure(
            f"an hour more of a meter's chain verified, after {days}", further_s * 1_000, "ms", None, "lower",
            Against("from its beginning", first_s * 1_000),
        ),
    ]  # fmt: skip


def _gather(pages: MeterPages, folder: Path) -> tuple[float, Meters]:
    """With the checkpoints opened, as each `operatord reconcile` does."""
    link = LedgerLink(pages.url, pages.ledger.public, pages.genesis.ledger_id)
    started = time.perf_counter()
    kept = Checkpoints(folder / "meters.db", pages.genesis.ledger_id)
    now_ms = time.time_ns() // 1_000_000
    meters = gather_meters(pages, link, frozenset({pages.provider.public}), kept, now_ms)
    kept.close()
    return time.perf_counter() - started, meters
