"""An operator that lies, as a program: `python -m lab.pay.liar payouts.toml`, in place of `airgrant payouts run`.

It has the operator's own folder, keys and earnings, and everything in it is the real program's but the blocks. In the
first window after the file `begin` is in its folder it announces a block that pays its merchant less than the block
before (`less`). When the file `next` is there it announces another, which gives everything that consumers ever paid to
the operator itself, beside what the merchants have (`double`). Then it does what the contract allows: marks who did not
sign as missing, notarises alone, and withdraws all that it can get. One line of JSON for each step.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ledger.http import listen, serve
from ledger.identity import read_key
from ledger.payplace.payout_block import NO_ROOT, BlockHead, split_block
from ledger.payplace.payout_leaf import PayoutLeaf, empty_leaf, read_leaf, write_leaf
from ledger.payplace.payout_tree import PayoutTree, TreeBuilder
from ledger.payplace.windows import phase_at
from ledger.toml_file import read_toml
from operatord.payplace.chain import Chain, Standing, standing_of
from operatord.payplace.earnings import OperatordEarnings
from operatord.payplace.http import create_app
from operatord.payplace.merchant_files import MerchantFiles
from operatord.payplace.opening import open_chain
from operatord.payplace.settings import PayoutSettings, parse_payouts
from operatord.payplace.settling import Settler
from operatord.payplace.steps import Settle, may_commit
from operatord.payplace.store import PayoutStore
from wire.errors import ShellError
from wire.ids import PublicKey
from wire.micropayment import parse_micropayment, signature_of
from wire.payplace_notarisation import LeafProof
from wire.payplace_withdrawal import Claim, Source, WithdrawPayout

LESS, DOUBLE = "less", "double"
_LOOK_S = 0.5
_WINDOWS = 3
"""If a machine is so slow that a window passes, it lies in the next."""


class Liar:
    """Opened with what `airgrant payouts run` has."""

    def __init__(self, settings: PayoutSettings) -> None:
        self.folder = settings.folder
        account = read_key(settings.key)
        self._operator = account.public
        self._key = MerchantFiles(settings.folder).key(bytes(32))
        self._me = self._key.public.merchant_id
        self._chain: Chain = open_chain(settings.chain, account.public, account)
        self._store = PayoutStore(settings.folder)
        self._earnings = OperatordEarnings(settings.earnings)
        self.settler = Settler(
            self._store, self._chain, self._key, self._earnings, settings.rules, lambda text: say(told=text)
        )
        self._tree = PayoutTree((), ())
        self._leaf = empty_leaf(self._me)
        self._end = threading.Event()

    def close(self) -> None:
        self._end.set()

    def lie(self) -> None:
        """All of it; in a thread of its own. Raises ShellError."""
        try:
            self._until(self._is_settled)
            self._until((self.folder / "begin").exists)
            self._until(lambda: not self._runs())
            for _ in range(_WINDOWS):
                if self._lie_in_a_window():
                    self._withdraw()
                    return
        finally:
            self._store.close()
            self._earnings.close()

    def _is_settled(self) -> bool:
        """What the honest program began is finished first."""
        if self._store.block() is not None:
            self.settler.turn()
        return self._store.block() is None

    def _lie_in_a_window(self) -> bool:
        """Whether a block of lies was notarised."""
        self._until(lambda: may_commit(self._chain.operator(), self._chain.time_s()))
        self._announce(LESS)
        self._until(lambda: self._is_told() or not self._runs())
        if not self._runs():
            self._store.give_up()
            return False
        self._store.give_up()
        self._announce(DOUBLE)
        while not self._end.is_set():
            step = self.settler.turn()
            if isinstance(step, Settle):
                say(notarised=DOUBLE)
                return True
            if not self._runs():
                return False
            self._end.wait(_LOOK_S)
        return False

    # ---- The blocks

    def _announce(self, kind: str) -> None:
        standing = standing_of(self._chain)
        leaves = self._less(standing) if kind == LESS else self._double(standing)
        builder = TreeBuilder()

        def make() -> Iterator[bytes]:
            for merchant in standing.registered:
                leaf = write_leaf(PayoutLeaf(merchant, leaves[merchant]))
                builder.add(leaf)
                yield leaf

        def complete() -> BlockHead:
            self._tree = builder.finish()
            return BlockHead(
                self._chain.instance, phase_at(standing.operator, standing.time_s).window, standing.time_s,
                standing.operator.root, len(self._tree.merchants), self._tree.root,
            )  # fmt: skip

        head = self._store.write_block(make, complete)
        self._leaf = write_leaf(PayoutLeaf(self._me, leaves[self._me]))
        signature = self._key.sign(head.commitment)
        self._store.announce(head, signature.compressed, {})
        self._store.sign_all({self._me: signature.compressed})
        say(announced=kind)

    def _less(self, standing: Standing) -> dict[bytes, Mapping[int, int]]:
        """Each merchant but itself has one unit less of each consumer than it had."""
        before = self._before(standing)
        return {
            one: row if one == self._me else {number: ubc - 1 for number, ubc in row.items() if ubc > 1}
            for one, row in before.items()
        }

    def _double(self, standing: Standing) -> dict[bytes, Mapping[int, int]]:
        """Each has what it had, and the operator all that was ever paid."""
        return {**self._before(standing), self._me: self._paid(standing)}

    def _before(self, standing: Standing) -> dict[bytes, Mapping[int, int]]:
        found: dict[bytes, Mapping[int, int]] = {one: {} for one in standing.registered}
        root, channels = standing.operator.root, standing.operator.channels
        if root != NO_ROOT:
            for octets in islice(split_block(self._store.chunks(root), channels), 1, None):
                leaf = read_leaf(octets)
                found[leaf.merchant_id] = leaf.amounts
        return found

    def _paid(self, standing: Standing) -> dict[int, int]:
        found = {}
        for number in range(standing.operator.channels):
            octets = self._micropayment(number)
            if octets:
                found[number] = parse_micropayment(octets).cumulative_ubc
        return found

    def _micropayment(self, number: int) -> bytes:
        channel = self._chain.channel(number)
        assert channel is not None, "the contract counts them"
        return self._earnings.micropayment_of(PublicKey(channel.consumer)) or b""

    # ---- The booty

    def _withdraw(self) -> None:
        """All that its own leaf of the notarised block says, as far as the contract pays."""
        place = self._tree.place(self._me)
        assert place is not None, "it is its own first merchant"
        proof = LeafProof(self._leaf, place, b"".join(self._tree.path(place)))
        sources = []
        for number, ubc in sorted(read_leaf(self._leaf).amounts.items()):
            sources.append(Source(number, ubc, signature_of(self._micropayment(number))))
        claim = Claim(proof, len(self._tree.merchants), tuple(sources))
        reason = "frozen"
        while reason in {"frozen", "outside_window"} and not self._end.is_set():
            self._until(lambda: not phase_at(self._chain.operator(), self._chain.time_s()).frozen)
            reason = self._chain.submit(WithdrawPayout(self._operator, claim, 0))
        say(withdrew=reason or "done", wanted_ubc=sum(read_leaf(self._leaf).amounts.values()))

    def _runs(self) -> bool:
        return phase_at(self._chain.operator(), self._chain.time_s()).window != 0

    def _is_told(self) -> bool:
        return (self.folder / "next").exists()

    def _until(self, fact: Any) -> None:
        while not self._end.is_set() and not fact():
            self._end.wait(_LOOK_S)


def say(**page: object) -> None:
    sys.stdout.write(json.dumps(page) + "\n")
    sys.stdout.flush()


async def run(settings: PayoutSettings) -> None:
    """Serves merchants as the honest program does, and lies; until it has withdrawn, or cannot."""
    liar = Liar(settings)
    door = asyncio.create_task(
        serve(create_app(liar.settler, lambda _: None), listen(settings.host, settings.port))
    )
    say(ready=settings.port)
    try:
        await asyncio.to_thread(liar.lie)
    finally:
        liar.close()
        door.cancel()
        await asyncio.gather(door, return_exceptions=True)


def main(argv: list[str]) -> int:
    """`python -m lab.pay.liar payouts.toml`; 3 if the ledger is not there."""
    path = Path(argv[0])
    try:
        asyncio.run(run(parse_payouts(read_toml(path), path)))
    except ShellError as error:
        say(trouble=str(error))
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
