"""Usage terms: bounds, and whose they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wire.examples import CONSUMER, LEDGER_ID, MESSAGES, PROVIDER
from wire.errors import DecodeError
from wire.usage_terms import UsageTerms, read_usage_terms, write_usage_terms

EXAMPLE: UsageTerms = MESSAGES["usage_terms"].example


@pytest.mark.parametrize("name", ["epoch", "step_bytes", "price_ubc", "most_ubc"])
def test_nothing_is_free_by_accident(name: str) -> None:
    with pytest.raises(DecodeError, match=f"{name} is 0, outside 1"):
        replace(EXAMPLE, **{name: 0})  # type: ignore[arg-type]  # one of four integers


def test_all_may_be_charged_for() -> None:
    assert replace(EXAMPLE, included_bytes=0).included_bytes == 0


def test_nobody_signs_for_another_provider() -> None:
    foreign = replace(EXAMPLE, provider_id=CONSUMER.public.provider_id)
    with pytest.raises(DecodeError, match="of another provider"):
        read_usage_terms(write_usage_terms(foreign, PROVIDER, LEDGER_ID), PROVIDER.public, LEDGER_ID)
    with pytest.raises(DecodeError, match="provider_id has 15 bytes"):
        replace(EXAMPLE, provider_id=bytes(15))
