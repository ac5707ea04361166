"""Usage bill: whose it is, and bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wire.examples import CONSUMER, LEDGER_ID, MESSAGES, PROVIDER
from wire.errors import DecodeError, VerificationError
from wire.usage_bill import UsageBill, read_usage_bill, write_usage_bill

EXAMPLE: UsageBill = MESSAGES["usage_bill"].example


def test_nobody_signs_for_another_provider() -> None:
    foreign = replace(EXAMPLE, provider_id=CONSUMER.public.provider_id)
    with pytest.raises(DecodeError, match="of another provider"):
        read_usage_bill(write_usage_bill(foreign, PROVIDER, LEDGER_ID), PROVIDER.public, LEDGER_ID)


def test_a_bill_of_another_ledger_or_signer_is_none() -> None:
    encoded = write_usage_bill(EXAMPLE, PROVIDER, LEDGER_ID)
    for provider, ledger_id in ((CONSUMER.public, LEDGER_ID), (PROVIDER.public, bytes(32))):
        with pytest.raises(VerificationError):
            read_usage_bill(encoded, provider, ledger_id)


def test_bounds() -> None:
    for change in ({"provider_id": bytes(15)}, {"grant_id": bytes(15)}):
        with pytest.raises(DecodeError, match="ids of"):
            replace(EXAMPLE, **change)  # type: ignore[arg-type]  # one of two ids
    with pytest.raises(DecodeError, match="owed_ubc is 0, outside 1"):
        replace(EXAMPLE, owed_ubc=0)
