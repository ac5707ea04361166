"""A keeper's keys: one for each second, told at that second and not before."""

from __future__ import annotations

from ledger.clearing.keeping import tell_time_secret, time_key, time_secret
from tests.clearing_world import HOUSE, KEEPERS
from wire.time_key import read_time_key, read_time_secret

KEEPER = KEEPERS[0]


def test_the_secret_of_a_second_belongs_to_the_key_of_that_second() -> None:
    key = read_time_key(time_key(KEEPER, 1_000))
    assert (key.keeper, key.time_s) == (KEEPER.public, 1_000)
    assert read_time_secret(time_secret(KEEPER, 1_000), key.key).public == key.key


def test_every_second_and_every_keeper_has_another() -> None:
    secrets = {time_secret(keeper, at) for keeper in (*KEEPERS, HOUSE) for at in (1, 2, 1_000)}
    assert len(secrets) == 12
    assert KEEPER.key.private_numbers().private_value.to_bytes(32, "big") not in secrets


def test_it_is_told_when_its_second_has_come() -> None:
    assert tell_time_secret(KEEPER, 1_000, 999) is None
    assert tell_time_secret(KEEPER, 1_000, 1_000) == time_secret(KEEPER, 1_000)
