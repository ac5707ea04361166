"""A grant is held against what was bought, field by field."""

from dataclasses import replace
from typing import Any

import pytest

from device.fake_access_point import BAND, QOS
from device.grant_check import check_grant
from wire.allocate import Allocate
from wire.band import Band
from wire.grant import Grant, grant_id_of
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.offer import Offer

CONSUMER, PROVIDER = PrivateKey.from_secret(7).public, PrivateKey.from_secret(11).public
TRANSACTION_ID = bytes(range(32))
OFFER = Offer(3, 1_000_000, 600, BAND, QOS, MacAddress(bytes(6)), 2_000_000_000)
ALLOCATE = Allocate(PROVIDER, 2_000_000, BAND, 3, allocations=2)
GRANT = Grant(
    CONSUMER, PROVIDER.provider_id, grant_id_of(TRANSACTION_ID), 3, 1_700_000_000, 600, BAND, QOS, 2
)


def test_what_was_bought() -> None:
    assert check_grant(GRANT, CONSUMER, ALLOCATE, OFFER, TRANSACTION_ID) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"consumer": PROVIDER}, "consumer: "),
        ({"provider_id": bytes(16)}, "provider: " + "00" * 16),
        ({"grant_id": bytes(16)}, "transaction: "),
        ({"epoch": 4}, "epoch: 4 instead of 3"),
        ({"duration_s": 599}, "duration_s: 599 instead of 600"),
        ({"band": Band(1, 3, 1)}, "band: "),
        ({"qos": replace(QOS, floor_down_bps=1)}, "qos: "),
        ({"allocations": 1}, "allocations: 1 instead of 2"),
    ],
)
def test_each_field_that_differs_is_named(change: dict[str, Any], said: str) -> None:
    difference = check_grant(replace(GRANT, **change), CONSUMER, ALLOCATE, OFFER, TRANSACTION_ID)
    assert difference.startswith(said)
    assert ";" not in difference


def test_when_it_starts_is_the_ledgers_affair() -> None:
    assert check_grant(replace(GRANT, starts_s=1), CONSUMER, ALLOCATE, OFFER, TRANSACTION_ID) == ""
