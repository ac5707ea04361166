"""What signed meters say: verified, added up, and complained about. From a real ledger: tests/system."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from ledger.bundle import add_usage, read_report
from operatord.meters import gather_meters, read_meter
from operatord.settings import LedgerLink
from tests.ledger.test_fetching import KEY_ID, WHOLE, good_pages
from tests.ledger_world import GENESIS, PROVIDER
from tests.operatord.world import STRANGER
from wire.errors import VerificationError

LINK = LedgerLink("http://ledger", GENESIS.ledger, GENESIS.ledger_id)


class Pages:
    """A ledger's pages without a network."""

    url = "http://ledger"

    def read(self, page: type[BaseModel], path: str) -> Any:
        return page.model_validate(good_pages()[f"/v1/{path}"])

    def listed(
        self,
        page: type[BaseModel],
        items: str,
        path: str,
        limit: int | None = None,
        **query: str | int | None,
    ) -> Iterator[Any]:
        after = None
        while True:
            found = self.read(page, path if after is None else f"{path}?after={after}")
            yield from getattr(found, items)
            after = found.after
            if after is None:
                return


def test_the_reports_of_our_providers_are_added_up() -> None:
    meters = gather_meters(Pages(), LINK, frozenset({PROVIDER.public, STRANGER.public}))
    usage = add_usage(WHOLE.records)
    sums = meters.of(meters.since(0))
    assert {(grant_id, PROVIDER.public.provider_id) for grant_id in usage} == set(sums)
    for (grant_id, _), metered in sums.items():
        assert (metered.up_bytes, metered.down_bytes) == (
            usage[grant_id].up_bytes,
            usage[grant_id].down_bytes,
        )
    assert meters.reported_s[PROVIDER.public.provider_id] > 0
    assert meters.complaints == ()
    assert meters.since(2**40) == set(), "nothing was reported since"
    last_s = max(report.to_utc_ms for told in meters.reports.values() for report in told) // 1_000
    recent = meters.since(last_s)
    assert meters.of(recent) == {key: metered for key, metered in sums.items() if key[0] in recent}, (
        "of a grant of which something was, everything"
    )


def test_others_meters_are_not_asked_for() -> None:
    meters = gather_meters(Pages(), LINK, frozenset({STRANGER.public}))
    assert (meters.reports, meters.reported_s) == ({}, {})


def test_another_ledger_is_refused() -> None:
    with pytest.raises(VerificationError, match="not ours"):
        gather_meters(Pages(), replace(LINK, ledger_id=bytes(32)), frozenset({PROVIDER.public}))


def test_a_chain_that_is_cut_short_or_forged_is_a_complaint() -> None:
    _, all_of_it, good = read_meter(WHOLE, KEY_ID)
    assert list(good) == []
    _, _, wrong = read_meter(replace(WHOLE, records=WHOLE.records[:-1]), KEY_ID)
    assert any("withheld" in text for text in wrong)
    at = next(at for at, one in enumerate(WHOLE.records) if read_report(one) is not None)
    forged = WHOLE.records[at][:-1] + bytes([WHOLE.records[at][-1] ^ 1])
    records = (*WHOLE.records[:at], forged, *WHOLE.records[at + 1 :])
    _, told, wrong = read_meter(replace(WHOLE, records=records), KEY_ID)
    assert any(text.startswith(f"meter {KEY_ID}: record ") for text in wrong)
    assert len(told) == len(all_of_it) - 1, "what nobody vouches for is not counted"
