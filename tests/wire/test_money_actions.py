"""`deposit`, `withdraw`, `transfer`: an amount that cannot be negative, and an account."""

import pytest

from tests.wire.examples import CONSUMER, MESSAGES, PROVIDER, resign_payload
from wire.errors import DecodeError
from wire.money_actions import Deposit, Transfer, Withdraw

EVERY = pytest.mark.parametrize("name", ["deposit", "withdraw", "transfer"])


def test_three_actions_of_one_shape_are_told_apart() -> None:
    actions = [
        MESSAGES[name].read(MESSAGES[name].golden).action for name in ("deposit", "withdraw", "transfer")
    ]
    assert actions == [
        Deposit(CONSUMER.public, 50_000_000), Withdraw(PROVIDER.public, 20_000_000), Transfer(PROVIDER.public, 250_000),
    ]  # fmt: skip


@EVERY
@pytest.mark.parametrize("amount", [-1, -(2**64), 2**63, 2**64 - 1, True, "1", b"1", None])
def test_no_amount_steals(name: str, amount: object) -> None:
    """The paper's reference code lets a negative transfer take: here it has no encoding."""
    with pytest.raises(DecodeError, match="price_ubc"):
        MESSAGES[name].read(resign_payload(MESSAGES[name], {4: amount}))


@pytest.mark.parametrize("action", [Deposit, Withdraw, Transfer])
@pytest.mark.parametrize("amount", [-1, 2**63])
def test_nor_can_it_be_made(action: type[Deposit | Withdraw | Transfer], amount: int) -> None:
    with pytest.raises(DecodeError, match=r"price_ubc is .*outside"):
        action(CONSUMER.public, amount)


@EVERY
def test_no_account_but_a_key(name: str) -> None:
    with pytest.raises(DecodeError, match="provider: not a compressed"):
        MESSAGES[name].read(resign_payload(MESSAGES[name], {3: bytes(33)}))
