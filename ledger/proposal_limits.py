"""What one block of a shared ledger may hold: counted alike by whoever proposes it and by whoever votes on it.

Octets have their limit in CometBFT. Here is the work that is not in the octets: signatures to verify, consumers to
give grants to, purchases to look up for meter records, entries of the state to look at. A block over a limit is no
block that an honest operator proposes, and is voted down before the work is done. One submission alone is always let
in, unless it is a batch that looks at too many entries: then nobody takes it.

Pure: a function of the submissions. It is a rule of all operators of a network: to change a number here is to change
`APP_VERSION` in ledger/abci/network.py.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ledger.submission import Batch, Enrolment, Record, Submission
from wire.allocate import Allocate
from wire.club_actions import FoundClub, SpendTokens
from wire.ids import PUBLIC_KEY_SIZE
from wire.payplace_notarisation import MarkMissing, Notarise
from wire.payplace_registration import RegisterMerchant, RegisterOperator
from wire.payplace_shift import ChallengeShift
from wire.payplace_withdrawal import ForceExit, WithdrawPayout
from wire.post_offer import PostOffer
from wire.transaction import Action, SignedTransaction

MAX_MIXED_BATCH = 100
"""Transactions of a batch that is not an auction."""


BLS_SIGNATURE_COST = 30
"""A BLS signature, its message hashed to the curve and its points checked, in P-256 signatures: 2.5 ms to 90 us."""
KEY_COST = 4
"""A BLS key read for the first time, its group checked."""
LEAF_BYTES_FOR_ONE = 64
"""So many octets of a payout leaf, some six channels read and written, in the time of one signature."""


@dataclass(frozen=True, slots=True)
class Work:
    """What submissions cost beside their octets."""

    signatures: int = 0
    consumers: int = 0
    record_bytes: int = 0

    def and_also(self, other: "Work") -> "Work":
        return Work(
            self.signatures + other.signatures,
            self.consumers + other.consumers,
            self.record_bytes + other.record_bytes,
        )

    def fits(self, limit: "Work") -> bool:
        return (
            self.signatures <= limit.signatures
            and self.consumers <= limit.consumers
            and self.record_bytes <= limit.record_bytes
        )


MAX_WORK = Work(signatures=6_000, consumers=500_000, record_bytes=32 * 1024)
"""Signatures: a second of one processor, and more than a proposer takes up in his time. Consumers: nine purchases for
50,000 are what the octets of a block have room for. Records: 450 rows, each of which may name a purchase of 1.7 MB that
has to be read, which takes 1.3 ms.
"""
MAX_LOOKS = 1_000_000
"""Entries that are looked at, as a draft tallies them (ledger/state.py): behind the submission that comes to more, a
block has nothing. A purchase of 160 octets may look at 8,000 and change 2,000 (ledger/capacity.py); most look at 15.
"""
MAX_BATCH_LOOKS = 1_000_000
"""Of one batch: it costs each voter a second. An auction of 10,000 winners comes to half of it, as long as their grants
are not held against reservations far ahead (ledger/capacity.py).
"""
ROWS_FOR_ONE = 10
"""So many shares or reservations of an offer are read and written in the time of one signature."""


def work_of(submission: Submission) -> Work:
    match submission:
        case SignedTransaction():
            return Work(_signatures(submission.transaction.action), _consumers(submission.transaction.action))
        case Batch(transactions):
            named = sum(_consumers(one.transaction.action) for one in transactions)
            return Work(sum(_signatures(one.transaction.action) for one in transactions), named)
        case Record(evidence):
            return Work(1, 0, len(evidence))
        case Enrolment():
            return Work(2)  # the gateway's, and the provider's who asks for it


def fitting(submissions: Iterable[Submission], limit: Work = MAX_WORK) -> Iterator[Submission]:
    """The first of them, as long as they are within what one block may cost; no more than one more is asked for."""
    total, first = Work(), True
    for submission in submissions:
        total = total.and_also(work_of(submission))
        if not first and not total.fits(limit):
            return
        yield submission
        first = False


def may_be_ordered(submission: Submission) -> bool:
    """Whether it is none of the batches that nobody needs: large ones are the end of one auction, and nothing else.

    So whoever makes others verify thousands of signatures has at least those of thousands of accounts.
    """
    if not isinstance(submission, Batch) or len(submission.transactions) <= MAX_MIXED_BATCH:
        return True
    first, *rest = (one.transaction.action for one in submission.transactions)
    is_offer = isinstance(first, PostOffer) and first.auction is not None
    auctions = {_auction(one) for one in (rest if is_offer else [first, *rest])}
    return len(auctions) == 1 and b"" not in auctions


def _auction(action: Action) -> bytes:
    return action.auction if isinstance(action, Allocate) else b""


def _signatures(action: Action) -> int:
    """The issuer's, and what the action has in it. Sums of keys cost less than a signature for each key."""
    match action:
        case RegisterOperator():
            return 1 + BLS_SIGNATURE_COST
        case RegisterMerchant():
            return 1 + 2 * BLS_SIGNATURE_COST
        case MarkMissing(_, rows):
            return 1 + KEY_COST * len(rows) + _leaves(row.leaf for row in rows)
        case Notarise(returning=returning):
            return 1 + BLS_SIGNATURE_COST + KEY_COST * len(returning) + _leaves(returning)
        case WithdrawPayout(claim=claim) | ForceExit(claim):
            return 1 + KEY_COST + len(claim.sources) + _leaves([claim.proof.leaf])
        case ChallengeShift() | SpendTokens():
            return 2
        case FoundClub(member_keys=keys):
            return 2 + len(keys) // PUBLIC_KEY_SIZE // ROWS_FOR_ONE
        case PostOffer(consumers=consumers, reservations=reservations):
            return 1 + (len(consumers) + len(reservations)) // ROWS_FOR_ONE
        case _:
            return 1


def _leaves(leaves: Iterable[bytes]) -> int:
    return sum(len(leaf) for leaf in leaves) // LEAF_BYTES_FOR_ONE


def _consumers(action: Action) -> int:
    match action:
        case Allocate():
            return len(action.consumer_keys) // PUBLIC_KEY_SIZE
        case PostOffer():
            return len(action.consumers)
        case _:
            return 0
