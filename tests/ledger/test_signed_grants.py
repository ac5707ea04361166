"""Who asks again gets what was signed before, and nobody fills the memory by asking."""

from __future__ import annotations

import threading
from dataclasses import replace

from ledger.signed_grants import SignedGrants
from tests.ledger.test_bundle import GRANT
from tests.ledger_world import GENESIS, LEDGER
from wire.grant import read_grant

MANY = [replace(GRANT, transaction=number.to_bytes(16, "big")) for number in range(6)]


def test_a_grant_is_signed_once() -> None:
    """ECDSA draws a random number: two signatures over the same differ."""
    signed = SignedGrants(LEDGER, GENESIS.ledger_id)
    first = signed.sign(GRANT)
    assert read_grant(first, LEDGER.public, GENESIS.ledger_id) == GRANT
    assert signed.sign(replace(GRANT)) == first
    assert signed.sign(MANY[1]) != first


def test_what_was_asked_for_longest_ago_is_forgotten() -> None:
    signed = SignedGrants(LEDGER, GENESIS.ledger_id, most=3)
    first, second, *_ = [signed.sign(grant) for grant in MANY[:3]]
    assert signed.sign(MANY[0]) == first
    signed.sign(MANY[3])
    assert signed.sign(MANY[0]) == first
    assert signed.sign(MANY[1]) != second


def test_threads_share_it() -> None:
    signed = SignedGrants(LEDGER, GENESIS.ledger_id, most=2)

    def ask() -> None:
        for _ in range(30):
            for grant in MANY:
                assert read_grant(signed.sign(grant), LEDGER.public, GENESIS.ledger_id) == grant
                done.append(grant.grant_id)

    done: list[bytes] = []
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 4 * 30 * len(MANY)
