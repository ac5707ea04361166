"""Signatures by processes of their own: transactions are verified before they are put in order, answers signed after.

Signatures are half of what a transaction costs, need nothing of the state but a key, and spread over processors;
threads do not help (docs/decisions/0025). What comes back of transactions is the same submissions, of which those
whose signature holds say so. Whatever is not known here (an account that the same block opens, a process that died)
the contract verifies itself, so this changes how fast something is decided and never what.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from ledger.child_module import module_words
from ledger.state import View, read_account_by_id
from ledger.submission import Batch, Submission
from ledger.verifier import Signed, ask_to_sign, ask_to_verify, give_key
from wire.create import Create
from wire.ids import PublicKey
from wire.keys import SIGNATURE_SIZE, PrivateKey
from wire.transaction import SignedTransaction

FEW = 8
"""So many are verified here in the time that asking somebody else takes."""
MOST_WORKERS = 8

T = TypeVar("T")


def count_workers() -> int:
    """One processor is left for what cannot be spread."""
    return min(MOST_WORKERS, max(1, (os.cpu_count() or 1) - 1))


class Verifiers:
    """`start` before, `close` after. `tell` hears when a process ends that should not. `key` signs."""

    def __init__(self, tell: Callable[[str], None], key: PrivateKey, workers: int | None = None) -> None:
        self._tell = tell
        self._key = key
        self._wanted = count_workers() if workers is None else workers
        self._workers: list[_Worker] = []

    async def start(self) -> None:
        for _ in range(self._wanted):
            self._workers.append(await _Worker.start(self._key))

    async def close(self) -> None:
        for worker in self._workers:
            await worker.close()
        self._workers.clear()

    async def vouch(self, submissions: Sequence[Submission], view: View) -> list[Submission]:
        """The same in the same order; transactions with a good signature of an account in `view` say so."""
        few = len(submissions) <= FEW and not any(isinstance(one, Batch) for one in submissions)
        if few or not self._workers:
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

    async def sign(self, messages: Sequence[bytes]) -> list[bytes]:
        """The key's signature over each."""
        if len(messages) <= FEW:
            return [self._key.sign(message) for message in messages]
        signatures: list[bytes] = []
        for part, answer in await self._share(messages, ask_to_sign, SIGNATURE_SIZE):
            if answer is None:
                signatures += [self._key.sign(message) for message in part]
            else:
                signatures += [
                    answer[at : at + SIGNATURE_SIZE] for at in range(0, len(answer), SIGNATURE_SIZE)
                ]
        return signatures

    async def _verify(self, signed: Sequence[Signed]) -> bytes:
        """One octet for each: 0 also for what nobody could be asked about."""
        shares = await self._share(signed, ask_to_verify, 1)
        return b"".join(bytes(len(part)) if answer is None else answer for part, answer in shares)

    async def _share(
        self, things: Sequence[T], write: Callable[[Sequence[T]], bytes], answer_size: int
    ) -> list[tuple[Sequence[T], bytes | None]]:
        """Each process gets a part; with each part its answer, or None if there is nobody."""
        workers = list(self._workers)
        if not workers or not things:
            return [(things, None)]
        share = -(-len(things) // len(workers))
        parts = [things[at : at + share] for at in range(0, len(things), share)]
        asked = zip(workers, parts, strict=False)
        answers = await asyncio.gather(
            *(worker.ask(write(part), answer_size * len(part)) for worker, part in asked)
        )
        for worker in workers:
            if worker.ended and worker in self._workers:
                self._workers.remove(worker)
                await worker.close()
                self._tell(f"a process that verifies signatures has ended; {len(self._workers)} are left")
        return list(zip(parts, answers, strict=True))


class _Worker:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()
        self.ended = False

    @classmethod
    async def start(cls, key: PrivateKey) -> "_Worker":
        pipe = asyncio.subprocess.PIPE
        words = module_words("ledger.verifier")
        process = await asyncio.create_subprocess_exec(
            *words, stdin=pipe, stdout=pipe, start_new_session=True
        )  # a Ctrl-C is for us; it ends with our pipe
        worker = cls(process)
        await worker.ask(give_key(key), 0)
        return worker

    async def ask(self, question: bytes, answer_size: int) -> bytes | None:
        """None if it has ended."""
        sink, source = self._process.stdin, self._process.stdout
        assert sink is not None, "it was started with pipes"
        assert source is not None, "it was started with pipes"
        async with self._turn:
            try:
                sink.write(question)
                await sink.drain()
                return await source.readexactly(answer_size)
            except (asyncio.IncompleteReadError, ConnectionError):
                self.ended = True
                return None

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
