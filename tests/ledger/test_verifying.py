"""Signatures verified ahead: what is vouched for, what is left to the contract, and a process that dies."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence

import pytest

from ledger.submission import Batch, Enrolment, Record, Submission
from ledger.verifying import FEW, Verifiers, count_workers
from tests.ledger_world import ALICE, BOB, CAROL, GENESIS, LEDGER, World
from wire.create import Create
from wire.errors import VerificationError
from wire.keys import verify
from wire.money_actions import Transfer
from wire.transaction import SignedTransaction, read_transaction


def transfers(world: World, count: int) -> list[SignedTransaction]:
    return [world.sign(Transfer(BOB.public, 1 + number), ALICE) for number in range(count)]


def bent(signed: SignedTransaction) -> SignedTransaction:
    """With a signature that is not Alice's."""
    encoded = signed.envelope.encoded
    return read_transaction(encoded[:-1] + bytes((encoded[-1] ^ 1,)), GENESIS.ledger_id)


def run(work: Callable[[Verifiers], Awaitable[None]], workers: int = 2) -> list[str]:
    """What the verifiers told meanwhile."""
    told: list[str] = []

    async def main() -> None:
        verifiers = Verifiers(told.append, LEDGER, workers)
        await verifiers.start()
        try:
            await work(verifiers)
        finally:
            await verifiers.close()

    asyncio.run(main())
    return told


def vouchers(submissions: Sequence[Submission]) -> list[bool]:
    return [isinstance(one, SignedTransaction) and one.verified_by is not None for one in submissions]


def test_good_signatures_are_vouched_for_and_nothing_else() -> None:
    world = World()
    good, bad = transfers(world, 20), bent(transfers(world, 1)[0])
    opening = world.sign(Create(CAROL.public), CAROL)
    stranger = world.sign(Transfer(BOB.public, 1), CAROL)
    foreign = world.sign(Create(CAROL.public), ALICE)
    others: list[Submission] = [Record(b"evidence"), Enrolment(b"result")]

    async def work(verifiers: Verifiers) -> None:
        submissions = [*good, bad, opening, stranger, foreign, *others]
        found = await verifiers.vouch(submissions, world.state)
        assert found == submissions
        assert vouchers(found) == [True] * 20 + [False, True, False, False, False, False]
        assert {one.verified_by for one in found[:20] if isinstance(one, SignedTransaction)} == {ALICE.public}

    assert run(work) == []


def test_who_is_vouched_for_is_believed_and_nobody_else() -> None:
    signed = bent(transfers(World(), 1)[0])
    signed.vouched(ALICE.public).verify(ALICE.public)
    for one, key in (
        (signed, ALICE),
        (signed.vouched(BOB.public), ALICE),
        (signed.vouched(ALICE.public), BOB),
    ):
        with pytest.raises(VerificationError):
            one.verify(key.public)


def test_the_parts_of_a_batch_are_vouched_for_too() -> None:
    world = World()
    first, last = transfers(world, 2)
    broken = bent(last)

    async def work(verifiers: Verifiers) -> None:
        (batch,) = await verifiers.vouch([Batch((first, broken, last))], world.state)
        assert isinstance(batch, Batch)
        assert vouchers(batch.transactions) == [True, False, True]

    run(work)


def test_a_few_are_not_worth_asking_for() -> None:
    world = World()

    async def work(verifiers: Verifiers) -> None:
        few = transfers(world, FEW)
        assert vouchers(await verifiers.vouch(few, world.state)) == [False] * FEW
        assert await verifiers.vouch([], world.state) == []

    run(work)


def test_questions_that_cross_get_their_own_answers() -> None:
    world = World()

    async def work(verifiers: Verifiers) -> None:
        many = [transfers(world, FEW + 1 + number) for number in range(8)]
        many = [[*some, bent(some[0])] for some in many]
        found = await asyncio.gather(*(verifiers.vouch(some, world.state) for some in many))
        assert [vouchers(some) for some in found] == [[True] * (len(some) - 1) + [False] for some in many]

    assert run(work, workers=1) == []


def test_answers_are_signed_in_their_order_whoever_does_it() -> None:
    async def work(verifiers: Verifiers) -> None:
        for count in (0, 1, FEW, FEW + 1, 50):
            messages = [b"message %d" % number for number in range(count)]
            signatures = await verifiers.sign(messages)
            assert len(signatures) == count
            for message, signature in zip(messages, signatures, strict=True):
                verify(LEDGER.public, signature, message)

    for workers in (0, 1, 3):
        assert run(work, workers) == []


def test_what_a_dead_process_did_not_sign_is_signed_all_the_same() -> None:
    async def work(verifiers: Verifiers) -> None:
        os.kill(verifiers._workers[0]._process.pid, signal.SIGKILL)
        messages = [b"message %d" % number for number in range(50)]
        for message, signature in zip(messages, await verifiers.sign(messages), strict=True):
            verify(LEDGER.public, signature, message)

    assert len(run(work)) == 1


def test_a_process_that_dies_is_told_and_the_contract_verifies_instead() -> None:
    world = World()

    async def work(verifiers: Verifiers) -> None:
        os.kill(verifiers._workers[0]._process.pid, signal.SIGKILL)
        await verifiers._workers[0]._process.wait()
        found = await verifiers.vouch(transfers(world, 20), world.state)
        assert sorted(vouchers(found)) == [False] * 10 + [True] * 10
        assert vouchers(await verifiers.vouch(transfers(world, 20), world.state)) == [True] * 20
        os.kill(verifiers._workers[0]._process.pid, signal.SIGKILL)
        assert not any(vouchers(await verifiers.vouch(transfers(world, 20), world.state)))
        assert not any(vouchers(await verifiers.vouch(transfers(world, 20), world.state)))

    told = run(work)
    assert [text[-10:] for text in told] == ["1 are left", "0 are left"]


def test_one_processor_is_left_for_the_rest() -> None:
    assert 1 <= count_workers() <= max(1, (os.cpu_count() or 1) - 1)
