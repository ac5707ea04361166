"""The adversary for longer than the tests have time: thousands of rounds, on the Python contract, the EVM's, or both.

    .venv/bin/python -m tests.payplace_long_run --on python --rounds 3000
    .venv/bin/python -m tests.payplace_long_run --on evm --rounds 500

On `python` half of the lives are played by the short rule and half by the merchant's own program; on `evm` half are the
same steps on both contracts, each outcome and all state compared, and half have the missing named only, every second of
them with a league that takes its leaves by pieces (it needs `lab/evm.sh build`). Ends with a line per kind of life; a
traceback says what was lost, the line before it the seed.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator

from ledger.evm.node import Node, run_node
from tests.ledger_world import GENESIS
from tests.payplace_adversary import ACCOUNTS, LEAGUE, Adversary
from tests.payplace_contract import PythonContract
from tests.payplace_evm import EvmContract, NamingContract, PartingContract, Stopping
from tests.payplace_twins import play_both

ROUNDS_OF_A_LIFE = 150
"""Then everybody begins again: money runs out."""
EVM_ROUNDS_OF_A_LIFE = 50


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--on", choices=("python", "evm"), default="python")
    parser.add_argument("--rounds", type=int, default=3_000, help="periods in all (3000)")
    parser.add_argument("--seed", type=int, default=1_000_000, help="of the first life (1000000)")
    options = parser.parse_args()
    if options.on == "python":
        on_python(options.rounds, options.seed)
        return 0
    with run_node(start_s=GENESIS.time_s - 1_000) as node:
        on_evm(node, options.rounds, options.seed)
    return 0


def on_python(rounds: int, first: int) -> None:
    for by_program in (False, True):
        done = Counter[str]()
        for seed, count in lives(rounds // 2, ROUNDS_OF_A_LIFE, first):
            say(f"seed {seed}, {count} rounds")
            adversary = Adversary(PythonContract(ACCOUNTS), random.Random(seed), by_program)
            for _ in range(count):
                adversary.round()
            done.update(adversary.done)
        say(
            f"{'program' if by_program else 'short rule'}: {rounds // 2} rounds, {dict(sorted(done.items()))}"
        )


def on_evm(node: Node, rounds: int, first: int) -> None:
    steps, outcomes = 0, set[object]()
    for seed, count in lives(rounds // 2, EVM_ROUNDS_OF_A_LIFE, first):
        say(f"seed {seed}, {count} rounds on both")
        before = node.snapshot()
        kind = PartingContract if seed % 2 else EvmContract
        played, _ = play_both(kind(node, ACCOUNTS), seed, count)
        node.revert(before)
        steps, outcomes = (
            steps + len(played),
            outcomes | {step[2] for step in played if isinstance(step[2], str)},
        )
    say(f"both: {rounds // 2} rounds, {steps} steps, {len(outcomes)} outcomes, no difference")
    settled, parts = 0, 0
    for seed, count in lives(rounds // 2, EVM_ROUNDS_OF_A_LIFE, first):
        say(f"seed {seed}, {count} rounds with the missing named only")
        before = node.snapshot()
        stopping = Stopping(LEAGUE, random.Random(seed))
        contract = NamingContract(node, ACCOUNTS, stopping=stopping if seed % 2 else None)
        adversary = Adversary(contract, random.Random(seed), by_program=bool(seed % 2))
        for _ in range(count):
            adversary.round()
        settled, parts = settled + contract.settled, parts + stopping.parts
        node.revert(before)
    told = f"{settled} absences settled, {parts} leaves left in part, nobody honest was paid less"
    say(f"named only: {rounds // 2} rounds, {told}")


def lives(rounds: int, at_once: int, first: int) -> Iterator[tuple[int, int]]:
    """(seed, rounds) each."""
    for number, begun in enumerate(range(0, rounds, at_once)):
        yield first + number, min(at_once, rounds - begun)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
