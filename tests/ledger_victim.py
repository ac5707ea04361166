"""A process that commits to a ledger until it is killed: `python -m tests.ledger_victim DATABASE SEED`.

Prints the ids of transactions only once the engine has acknowledged them, one block to a line.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from ledger.opening import open_ledger
from ledger.submission import Executed
from tests.ledger_world import ALICE, BAND, BOB, EXCHANGE, GENESIS, PROVIDER, START_S, offer
from wire.allocate import Allocate
from wire.create import Create
from wire.keys import PrivateKey
from wire.money_actions import Deposit, Transfer
from wire.transaction import Action, SignedTransaction, Transaction, sign_transaction


def main() -> None:
    """Runs until somebody ends it."""
    chance = random.Random(int(sys.argv[2]))
    engine = open_ledger(Path(sys.argv[1]), GENESIS)
    now_s = max(START_S, engine.head.time_s)

    def sign(action: Action, key: PrivateKey) -> SignedTransaction:
        nonce = chance.randbytes(8)
        return sign_transaction(Transaction(action, nonce, now_s + 3_600), key, engine.ledger_id)

    for key in (PROVIDER, ALICE, BOB):
        engine.commit([sign(Create(key.public), key)], now_s)
    engine.commit([sign(Deposit(ALICE.public, 10**12), EXCHANGE)], now_s)
    while True:
        now_s += chance.randrange(3)
        block = [
            sign(Transfer(BOB.public, chance.randrange(1, 9)), ALICE) for _ in range(chance.randrange(1, 20))
        ]
        if chance.randrange(4) == 0:
            block.append(sign(offer(price_ubc=0, max_allocations=10**6), PROVIDER))
        if chance.randrange(4) == 0:
            keys = b"".join(b"\x02" + chance.randbytes(32) for _ in range(2_000))
            epoch = chance.randrange(1, 9)
            block.append(sign(Allocate(PROVIDER.public, 0, BAND, epoch, consumer_keys=keys), ALICE))
        outcomes = engine.commit(block, now_s)
        done = [outcome.subject.hex() for outcome in outcomes if isinstance(outcome, Executed)]
        sys.stdout.write(" ".join([engine.head.app_hash.hex(), *done]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
