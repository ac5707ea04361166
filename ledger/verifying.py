"""Signatures of transactions, verified by processes of their own before the engine puts anything in order.

A signature check is a third of what a transaction costs, needs nothing of the state but the issuer's key, and spreads
over processors; threads do not help (docs/decisions/0025). What comes back is the same submissions, of which those
whose signature holds say so. Whatever is not known here (an account that the same block opens, a process that died) the
contract verifies itself, so this changes how fast something is decided and never what.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Sequence

from ledger.state import View, read_account_by_id
from ledger.submission import Batch, Submission
from ledger.verifier import Signed, write_question
from wire.create import Create
from wire.ids import PublicKey
from wire.transaction import SignedTransaction

FEW = 8
"""So many are verified here in the time that asking somebody else takes."""
MOST_WORKERS = 8


def count_workers() -> int:
    """One processor is left for what cannot be spread."""
    return min(MOST_WORKERS, max(1, (os.cpu_count() or 1) - 1))


class Verifiers:
    """`start` before, `close` after. `tell` hears when a process ends that should not."""

    def __init__(self, tell: Callable[[str], None], workers: int | None = None) -> None:
        self._tell = tell
        self._wanted = count_workers() if workers is None else workers
        self._workers: list[_Worker] = []

    async def start(self) -> None:
        for _ in range(self._wanted):
            self._workers.append(await _Worker.start())

    async def close(self) -> None:
        for worker in self._workers:
            await worker.close()
        self._workers.clear()

    async def vouch(self, submissions: Sequence[Submission], view: View) -> list[Submission]:
        """The same in the same order; transactions with a good signature of an account in `view` say so."""
        if len(submissions) <= FEW and not any(isinstance(one, Batch) for one in submissions):
            return list(submissions)
        issuers = {
            id(signed): issuer
            for signed in _transactions(submissions)
            if (issuer := _find_issuer(view, signed)) is not None
        }
        asked = [signed for signed in _transactions(submissions) if id(signed) in issuers]
        holds = await self._verify([_ask(signed, issuers[id(signed)]) for signed in asked])
        good = {id(signed) for signed, one in zip(asked, holds, strict=False) if one}

        def vouched(signed: SignedTransaction) -> SignedTransaction:
            return signed.vouched(issuers[id(signed)]) if id(signed) in good else signed

        return [_vouch_one(one, vouched) for one in submissions]

    async def _verify(self, signed: Sequence[Signed]) -> bytes:
        """One octet for each, as far as there is somebody to ask."""
        workers = list(self._workers)
        if not workers or not signed:
            return b""
        share = -(-len(signed) // len(workers))
        parts = [signed[at : at + share] for at in range(0, len(signed), share)]
        answers = await asyncio.gather(
            *(worker.ask(part) for worker, part in zip(workers, parts, strict=False))
        )
        for worker in workers:
            if worker.ended and worker in self._workers:
                self._workers.remove(worker)
                await worker.close()
                self._tell(f"a process that verifies signatures has ended; {len(self._workers)} are left")
        return b"".join(answers)


class _Worker:
    """One process. Answers what it did not answer with: none holds."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()
        self.ended = False

    @classmethod
    async def start(cls) -> "_Worker":
        pipe = asyncio.subprocess.PIPE
        words = [sys.executable, "-m", "ledger.verifier"]
        return cls(await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe))

    async def ask(self, signed: Sequence[Signed]) -> bytes:
        sink, source = self._process.stdin, self._process.stdout
        assert sink is not None, "it was started with pipes"
        assert source is not None, "it was started with pipes"
        async with self._turn:
            try:
                sink.write(write_question(signed))
                await sink.drain()
                return await source.readexactly(len(signed))
            except (asyncio.IncompleteReadError, ConnectionError):
                self.ended = True
                return bytes(len(signed))

    async def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(ConnectionError):
                await self._process.stdin.wait_closed()
        await self._process.wait()


def _transactions(submissions: Sequence[Submission]) -> list[SignedTransaction]:
    found: list[SignedTransaction] = []
    for one in submissions:
        if isinstance(one, SignedTransaction):
            found.append(one)
        elif isinstance(one, Batch):
            found += one.transactions
    return found


def _find_issuer(view: View, signed: SignedTransaction) -> PublicKey | None:
    action = signed.transaction.action
    if isinstance(action, Create):
        return action.account if action.account.key_id == signed.issuer_key_id else None
    account = read_account_by_id(view, signed.issuer_key_id)
    return None if account is None else PublicKey(account.key)


def _ask(signed: SignedTransaction, issuer: PublicKey) -> Signed:
    envelope = signed.envelope
    return issuer.octets, envelope.signature, envelope.signed_bytes(signed.external)


def _vouch_one(
    submission: Submission, vouched: Callable[[SignedTransaction], SignedTransaction]
) -> Submission:
    match submission:
        case SignedTransaction():
            return vouched(submission)
        case Batch():
            return Batch(tuple(vouched(one) for one in submission.transactions))
        case _:
            return submission
