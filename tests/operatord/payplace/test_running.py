"""The loop around the steps: it goes on after a chain that was away, and serves meanwhile."""

import asyncio

from lab.serving import running
from operatord.payplace.office import HttpOffice
from operatord.payplace.running import run_payouts, settle_for_ever
from operatord.payplace.steps import Wait
from tests.operatord.payplace.market import Market
from wire.errors import DecodeError, ShellError


def test_it_makes_blocks_by_itself(tmp_path, eventually):
    market = Market(tmp_path)
    market.pay(0, 0, 1_000)
    market.to_window(1)
    with running(lambda listening: run_payouts(market.settler, listening, market.told.append)) as url:
        office = HttpOffice(url)
        eventually(lambda: office.announcement() is not None, "a block is announced")
    market.close()


def test_a_chain_that_is_away_is_told_once(eventually):
    class Away:
        turns = 0

        def turn(self) -> None:
            self.turns += 1
            raise ShellError("ledger", "away")

        def announcement(self) -> None:
            return None

    settler, told = Away(), list[str]()
    with running(lambda listening: run_payouts(settler, listening, told.append)):  # type: ignore[arg-type]
        eventually(lambda: told, "the operator is told")
    assert told == ["payouts: ledger: away"]


def test_a_fault_is_told_with_its_place_and_does_not_end_the_operator():
    again = asyncio.Event()

    class Faulty:
        turns = 0

        def turn(self) -> Wait:
            self.turns += 1
            if self.turns == 1:
                raise DecodeError("payout leaf: somebody's data")
            loop.call_soon_threadsafe(again.set)
            return Wait(0)

    told = list[str]()

    async def settle() -> None:
        task = asyncio.create_task(settle_for_ever(Faulty(), told.append, 0.01))  # type: ignore[arg-type]
        await asyncio.wait_for(again.wait(), 30)
        task.cancel()

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        runner.run(settle())
    assert "somebody's data" in told[0]
    assert "in turn" in told[0]
