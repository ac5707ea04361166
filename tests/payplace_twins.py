"""The Python contract and the Solidity twin in the same hands: every step of an adversary, and all state after it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from tests.payplace_adversary import ACCOUNTS, OPERATORS, Adversary
from tests.payplace_contract import Contract, PythonContract
from tests.payplace_evm import EvmContract

ACTIONS = {
    "register_operator", "deposit", "register_merchant", "mark_missing", "notarise", "withdraw", "would_pay",
    "force_exit", "shift", "challenge", "finish_shift",
}  # fmt: skip


@dataclass
class Watched:
    """A contract of which every step is remembered: what was asked, what came of it, and the state after it."""

    contract: Contract
    steps: list[tuple[object, ...]] = field(default_factory=list)
    _merchants: dict[int, set[bytes]] = field(default_factory=dict)

    @property
    def now_s(self) -> int:
        return self.contract.now_s

    @now_s.setter
    def now_s(self, value: int) -> None:
        self.contract.now_s = value

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.contract, name)
        return self._watch(name, found) if name in ACTIONS else found

    def _watch(self, name: str, action: Callable[..., str | int]) -> Callable[..., str | int]:
        def watched(*words: Any, **more: Any) -> str | int:
            outcome = action(*words, **more)
            self.steps.append((name, self.now_s, outcome, *self._state()))
            return outcome

        return watched

    def merchant(self, operator: int, merchant_id: bytes) -> object:
        self._merchants.setdefault(operator, set()).add(merchant_id)
        return self.contract.merchant(operator, merchant_id)

    def _state(self) -> Iterator[object]:
        """All that both have, in the same words: addresses as account numbers."""
        yield tuple(self.contract.balance(number) for number in range(ACCOUNTS))
        for operator in OPERATORS:
            if operator not in self._merchants:
                continue
            found = self.contract.operator(operator)
            yield replace(found, key=b"", apk=b"", tau_s=0, apka=found.apka if any(found.apka) else b"")
            for merchant_id in sorted(self._merchants[operator]):
                record = self.contract.merchant(operator, merchant_id)
                yield record and replace(record, key=b"", payout=self._number(record.payout))
            for number in range(found.channels):
                channel = self.contract.channel(operator, number)
                shift = channel.shift and replace(channel.shift, target=self._number(channel.shift.target))
                yield replace(channel, shift=shift)

    def _number(self, account: bytes) -> bytes:
        accounts = [self.contract.account(number) for number in range(ACCOUNTS)]
        return bytes([accounts.index(account)])


def play(contract: Contract, seed: int, rounds: int) -> tuple[list[tuple[object, ...]], Adversary]:
    watched = Watched(contract)
    adversary = Adversary(cast("Contract", watched), random.Random(seed))
    for _ in range(rounds):
        adversary.round()
    return watched.steps, adversary


def play_both(
    twin_contract: EvmContract, seed: int, rounds: int
) -> tuple[list[tuple[object, ...]], Adversary]:
    """The steps, and who made them. Raises AssertionError at the first step in which they differ."""
    steps, adversary = play(PythonContract(ACCOUNTS), seed, rounds)
    twin, _ = play(twin_contract, seed, rounds)
    for number, (one, other) in enumerate(zip(steps, twin, strict=False)):
        assert one == other, f"step {number}: {one[:3]} and {other[:3]}"
    assert len(steps) == len(twin)
    return steps, adversary
