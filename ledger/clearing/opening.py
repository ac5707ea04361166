"""Opening many sealed bids at once, in processes of their own: each bid is some 0.4 ms of arithmetic on P-256.

Few bids are opened where they are: starting a process takes longer. The processes are started for the first auction
that needs them and stay; `close` ends them. What they compute is `open_one` of ledger/clearing/book.py, bid by bid.
They are asked and answer in frames of canonical CBOR, four octets of length before each:

    [ auction, ledger id, { place: secret }, whole, [ [ bid key, share key, shares, content, account, at_ns ], ... ] ]
    [ [ transaction, its protected header, payload and signature, id, nonce, valid_until_s, consumers, price, units,
        slots, key ] or [ reason, detail ], ... ]

`whole`: the bids are confirmed as well, which pays where most of them matter; then the content key is left empty.
Raises ShellError if a process ends before it has answered.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import IO

from ledger.child_module import module_words
from ledger.clearing.awards import OpenBid
from ledger.clearing.book import Bid, Listing, open_in_turn, open_one
from ledger.clearing.door import Refusal, confirm
from wire.allocate import Allocate
from wire.auction import read_auction
from wire.auction_receipt import AuctionReceipt, Status
from wire.auction_terms import AuctionKind
from wire.cbor import Value, read_cbor, read_cbor_with_booleans, write_cbor
from wire.cose import Envelope
from wire.errors import ShellError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.sealed_bid import Lock, SealedBid, Unlocked, fill_up
from wire.time_key import TIME_SECRET_SIZE
from wire.transaction import EXTERNAL, SignedTransaction, Transaction

FEW = 500
CHUNK = 250
"""Bids in one frame: what one process finds slow, another makes good."""


class ManyAtOnce:
    """An Opener. `processes`: default one for each core."""

    def __init__(self, processes: int | None = None) -> None:
        self.processes = processes or os.cpu_count() or 1
        self._running: list[subprocess.Popen[bytes]] = []
        self._turn = threading.Lock()

    def __call__(
        self, listing: Listing, bids: Sequence[Bid], secrets: Mapping[int, PrivateKey], ledger_id: bytes
    ) -> list[OpenBid | Refusal]:
        if len(bids) < FEW or self.processes == 1:
            return open_in_turn(listing, bids, secrets, ledger_id)
        with self._turn:  # a process works for one auction at a time
            return self._open_at_once(listing, bids, secrets, ledger_id)

    def _open_at_once(
        self, listing: Listing, bids: Sequence[Bid], secrets: Mapping[int, PrivateKey], ledger_id: bytes
    ) -> list[OpenBid | Refusal]:
        self._start()
        free: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for process in self._running:
            free.put(process)

        def open_chunk(chunk: Sequence[Bid]) -> list[OpenBid | Refusal]:
            process = free.get()
            try:
                answer = _ask(process, _write_job(listing, chunk, secrets, ledger_id))
            finally:
                free.put(process)
            return _read_answer(answer, chunk, listing, ledger_id)

        chunks = [bids[at : at + CHUNK] for at in range(0, len(bids), CHUNK)]
        with ThreadPoolExecutor(self.processes) as threads:
            return [one for chunk in threads.map(open_chunk, chunks) for one in chunk]

    def start(self) -> None:
        """The processes, made ready; to be called early, as that takes longer than the first bids."""
        with self._turn:
            self._start()

    def _start(self) -> None:
        if not self._running:
            command = module_words("ledger.clearing.opening")
            self._running = [
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                for _ in range(self.processes)
            ]
            for process in self._running:
                _ask(process, b"")

    def close(self) -> None:
        for process in self._running:
            process.communicate()
        self._running = []


def _ask(process: subprocess.Popen[bytes], job: bytes) -> bytes:
    assert process.stdin is not None, "opened with a pipe"
    assert process.stdout is not None, "opened with a pipe"
    try:
        _write_frame(process.stdin, job)
        return _read_frame(process.stdout)
    except (OSError, EOFError) as error:
        raise ShellError("opening of bids", f"process {process.pid} has ended: {error}") from error


def _write_job(
    listing: Listing, bids: Sequence[Bid], secrets: Mapping[int, PrivateKey], ledger_id: bytes
) -> bytes:
    told = {
        place: key.key.private_numbers().private_value.to_bytes(TIME_SECRET_SIZE, "big")
        for place, key in secrets.items()
    }
    rows: list[Value] = [_write_row(bid) for bid in bids]
    return write_cbor([listing.encoded, ledger_id, dict(told.items()), _most_matter(listing), rows])


def _most_matter(listing: Listing) -> bool:
    terms = listing.auction.terms
    return terms.mark.kind is not AuctionKind.VICKREY or 2 * terms.max_allocations >= len(listing.by_account)


def _write_row(bid: Bid) -> Value:
    assert bid.sealed is not None, "only sealed bids are opened"
    sealed, account = bid.sealed, bid.account.octets
    return [bid.name.octets, sealed.share_key.octets, sealed.shares, sealed.content, account, bid.taken.at_ns]


def _read_answer(
    data: bytes, bids: Sequence[Bid], listing: Listing, ledger_id: bytes
) -> list[OpenBid | Refusal]:
    answers = read_cbor(data)
    assert isinstance(answers, list), "our own process answers with a list"
    return [_read_one(item, bid, listing, ledger_id) for item, bid in zip(answers, bids, strict=True)]


def _read_one(item: Value, bid: Bid, listing: Listing, ledger_id: bytes) -> OpenBid | Refusal:
    """The bid in its parts, which the process has read and held against the auction and the signature."""
    match item:
        case [
            bytes(encoded), bytes(protected), bytes(payload), bytes(signature), bytes(transaction_id),
            bytes(nonce), int(until_s), bytes(consumers), int(price_ubc), int(units), int(slots), bytes(key),
        ]:  # fmt: skip
            terms, account = listing.auction.terms, bid.account
            action = Allocate(
                terms.provider, price_ubc, terms.band, 0, units, consumer_keys=consumers,
                auction=listing.auction_id, slots=slots,
            )  # fmt: skip
            envelope = Envelope(encoded, protected, payload, account.key_id, signature)
            transaction = Transaction(action, nonce, until_s)
            verified_by = None if key else account
            signed = SignedTransaction(
                envelope, transaction, transaction_id, EXTERNAL + ledger_id, verified_by
            )
            unlocked = Unlocked(key, fill_up(encoded)) if key else None
            return OpenBid(account, price_ubc, bid.taken.at_ns, signed, unlocked)
        case [str(reason), str(detail)]:
            return Refusal(reason, detail)
    raise AssertionError(f"our own process answers {item!r}")


# ---- In the process


def main() -> int:
    """Answers frames until there are no more."""
    while True:
        try:
            job = _read_frame(sys.stdin.buffer)
        except EOFError:
            return 0
        _write_frame(sys.stdout.buffer, _open_all(job) if job else b"")


def _open_all(job: bytes) -> bytes:
    match read_cbor_with_booleans(job):
        case [bytes(encoded), bytes(ledger_id), dict(told), bool(whole), list(rows)]:
            listing = _bare_listing(encoded, ledger_id)
            secrets = {
                place: PrivateKey.from_secret(int.from_bytes(secret, "big"))
                for place, secret in told.items()
                if isinstance(place, int) and isinstance(secret, bytes)
            }
            bids = [_read_row(row, listing.auction_id) for row in rows]
            return write_cbor([_write_one(_open(listing, bid, secrets, ledger_id, whole)) for bid in bids])
    raise AssertionError("not a job")


def _open(
    listing: Listing,
    bid: Bid,
    secrets: Mapping[int, PrivateKey],
    ledger_id: bytes,
    whole: bool,  # noqa: FBT001 it comes in a frame
) -> OpenBid | Refusal:
    found = open_one(listing, bid, secrets, ledger_id)
    if isinstance(found, Refusal) or not whole:
        return found
    assert bid.sealed is not None, "it was sealed"
    return confirm(found, bid.sealed, listing.lock)


def _bare_listing(encoded: bytes, ledger_id: bytes) -> Listing:
    auction = read_auction(encoded, ledger_id)
    keys = tuple(key.key for key in auction.read_time_keys())
    lock = Lock(auction.auction_id, auction.house, keys, auction.threshold, ledger_id)
    return Listing(auction, encoded, AuctionReceipt(lock.auction_id, Status.ACTIVE), lock)


def _read_row(row: Value, auction_id: bytes) -> Bid:
    match row:
        case [bytes(name), bytes(share_key), bytes(shares), bytes(content), bytes(account), int(at_ns)]:
            sealed = SealedBid(auction_id, PublicKey(name), PublicKey(share_key), b"", shares, content)
            taken = AuctionReceipt(auction_id, Status.PENDING, sealed.bid_key, 0, at_ns)
            return Bid(sealed.bid_key, PublicKey(account), b"", taken, sealed)
    raise AssertionError("not a bid of a job")


def _write_one(found: OpenBid | Refusal) -> Value:
    if isinstance(found, Refusal):
        return [found.reason, found.detail]
    signed = found.transaction
    envelope, transaction, action = signed.envelope, signed.transaction, signed.transaction.action
    assert isinstance(action, Allocate), "a bid is one"
    return [
        envelope.encoded, envelope.protected, envelope.payload, envelope.signature, signed.transaction_id,
        transaction.nonce, transaction.valid_until_s, action.consumer_keys, found.price_ubc,
        action.allocations, action.slots,
        found.unlocked.key if found.unlocked else b"",
    ]  # fmt: skip


def _write_frame(file: IO[bytes], content: bytes) -> None:
    file.write(len(content).to_bytes(4, "big") + content)
    file.flush()


def _read_frame(file: IO[bytes]) -> bytes:
    head = file.read(4)
    if len(head) < 4:
        raise EOFError("no more frames")
    content = file.read(int.from_bytes(head, "big"))
    if len(content) < int.from_bytes(head, "big"):
        raise EOFError("a frame was cut off")
    return content


if __name__ == "__main__":
    sys.exit(main())
