"""The ledger's signed answers to what was submitted: receipts and grants.

A single purchase is answered with its grant; of a purchase for more consumers than a reply can carry each
fetches its own. A transaction that ran before gets its rejection and the grants of the first run, so that a
lost answer costs nothing to ask for again.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

from ledger.block import Item
from ledger.genesis import Genesis
from ledger.granting import Purchase
from ledger.intake import PriceQuery, ProofQuery, Query, RegistrationQuery
from ledger.rejection import Reason
from ledger.submission import Executed, Outcome, Refused
from wire.attestation_result import read_attestation_result, write_attestation_result
from wire.block_header import Header, sign_header
from wire.cose import Unsigned
from wire.enrolment import EnrolmentChallenge, EnrolmentReply, write_enrolment_reply
from wire.grant import Grant, draft_grant, grant_id_of, write_grant
from wire.grant_price import GrantPrice, write_grant_price
from wire.grant_proof import GrantProof, write_grant_proof
from wire.keys import PrivateKey
from wire.ledger_reply import MAX_GRANTS, LedgerReply, write_ledger_reply
from wire.receipt import Receipt, draft_receipt, write_receipt
from wire.registration import Registration, write_registration

HEADERS_KEPT = 100
"""Signed ones: every proof of a block has the same."""
GRANTS_KEPT = 20_000
"""Signed ones, some 15 MB: all live grants of most ledgers, and of a larger one those that are asked for."""


class PastLog(Protocol):
    """What has to be looked up of the past; ledger/archive.py looks on disk."""

    def item(self, item_id: bytes) -> Item | None: ...
    def time_of(self, item: Item) -> int: ...
    def purchase(self, transaction_id: bytes) -> Purchase | None: ...
    def price(self, grant_id: bytes) -> GrantPrice | None: ...
    def proof(self, grant_id: bytes) -> GrantProof | None: ...
    def enrolment(self, key_id: bytes) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class DraftReply:
    """A receipt and grants that are still to be signed."""

    receipt: Unsigned
    grants: tuple[Unsigned, ...]

    @property
    def messages(self) -> list[bytes]:
        """What is to be signed, in the order in which `join` wants the signatures."""
        return [self.receipt.message, *(grant.message for grant in self.grants)]

    def join(self, signatures: Iterator[bytes]) -> bytes:
        """The reply, with the next signatures of these."""
        receipt = self.receipt.join(next(signatures)).encoded
        grants = tuple(grant.join(next(signatures)).encoded for grant in self.grants)
        return write_ledger_reply(LedgerReply(receipt, grants))


class Answers:
    """Signs with the key of one gateway; looks up in the archive what ran before."""

    def __init__(self, past: PastLog, key: PrivateKey, genesis: Genesis) -> None:
        self.past, self.key, self.genesis, self.ledger_id = past, key, genesis, genesis.ledger_id
        self._sign = lru_cache(GRANTS_KEPT)(lambda grant: write_grant(grant, key, genesis.ledger_id))
        self._sign_header = lru_cache(HEADERS_KEPT)(
            lambda header: sign_header(header, key, genesis.ledger_id)
        )

    def to_outcome(self, outcome: Outcome) -> bytes:
        """The reply to a transaction or record that went through the engine."""
        return self._reply(*self._say(outcome))

    def draft_outcome(self, outcome: Outcome) -> DraftReply:
        """As `to_outcome`, for whoever has many signed at once."""
        receipt, grants = self._say(outcome)
        public, ledger_id = self.key.public, self.ledger_id
        drafts = tuple(draft_grant(grant, public, ledger_id) for grant in grants)
        return DraftReply(draft_receipt(receipt, public, ledger_id), drafts)

    def _say(self, outcome: Outcome) -> tuple[Receipt, Sequence[Grant]]:
        if isinstance(outcome, Executed):
            return Receipt(outcome.subject, outcome.height, outcome.utc_s), outcome.grants
        replayed = outcome.reason == Reason.REPLAYED.text
        grants = self._past_grants(outcome.subject) if replayed else ()
        return Receipt(outcome.subject, outcome.height, outcome.utc_s, outcome.reason, outcome.detail), grants

    def to_query(self, query: Query, head: Header) -> bytes:
        """What became of a transaction, with the consumer's grant or with as many as fit."""
        item = self.past.item(query.transaction_id)
        if item is None:
            detail = "was not executed here"
            refusal = Receipt(query.transaction_id, head.height, head.time_s, "unknown_transaction", detail)
            return self._reply(refusal, ())
        receipt = Receipt(query.transaction_id, item.height, self.past.time_of(item))
        if not query.consumer:
            return self._reply(receipt, self._past_grants(item.id))
        purchase = self.past.purchase(item.id)
        grant = None if purchase is None else purchase.grant_of(query.consumer)
        return self._reply(receipt, () if grant is None else (grant,))

    def to_price_query(self, query: PriceQuery, head: Header) -> bytes:
        """What a grant cost. Of one that this ledger never made a receipt for the SHA-256 of its id says so."""
        price = self.past.price(query.grant_id)
        if price is not None:
            return write_grant_price(price, self.key, self.ledger_id)
        subject, detail = hashlib.sha256(query.grant_id).digest(), "no such grant was made here"
        return self._reply(Receipt(subject, head.height, head.time_s, "unknown_grant", detail), ())

    def to_proof_query(self, query: ProofQuery, head: Header) -> bytes:
        """The proof that a consumer got what a transaction bought for it; else a reply with a receipt that says no, of
        the SHA-256 of both.
        """
        purchase = self.past.purchase(query.transaction_id)
        position = None if purchase is None else purchase.position_of(query.consumer)
        proof = None if position is None else self.prove(grant_id_of(query.transaction_id, position))
        if proof is not None:
            return proof
        detail = "bought nothing for this consumer" if purchase else "bought nothing here"
        subject = hashlib.sha256(query.transaction_id + query.consumer).digest()
        return self._reply(Receipt(subject, head.height, head.time_s, "unknown_grant", detail), ())

    def prove(self, grant_id: bytes) -> bytes | None:
        """The proof of the grant of this id, under our signature over its block's header; None if there is none."""
        proof = self.past.proof(grant_id)
        if proof is None:
            return None
        signed = self._sign_header(proof.header)
        return write_grant_proof(replace(proof, key_id=signed.key_id, signature=signed.signature))

    def to_registration_query(
        self, query: RegistrationQuery, head: Header, now_s: int, *, known: bool
    ) -> bytes:
        """That an account exists, as of now: the head of a ledger where nothing happens is old."""
        if known:
            registration = Registration(query.account, head.height, max(now_s, head.time_s))
            return write_registration(registration, self.key, self.ledger_id)
        subject, detail = hashlib.sha256(query.account.octets).digest(), "has no account here"
        said_s = max(now_s, head.time_s)
        return self._reply(Receipt(subject, head.height, said_s, "unknown_account", detail), ())

    def to_enrolment(self, answer: EnrolmentChallenge | bytes) -> bytes:
        """A challenge, or the attestation result."""
        if isinstance(answer, bytes):
            return write_enrolment_reply(EnrolmentReply(attestation_result=answer))
        return write_enrolment_reply(EnrolmentReply(challenge=answer))

    def to_known_enrolment(self, result: bytes, refused: Refused) -> bytes:
        """The stored result, by our own word, if the same box enrols again for the same provider; else the refusal."""
        fresh = read_attestation_result(result, self.key.public, self.ledger_id)
        stored = self.past.enrolment(fresh.attestation_key.key_id)
        if stored is not None:
            signer = self.genesis.signer(stored)
            known = read_attestation_result(stored, signer, self.ledger_id)
            if replace(known, enrolled_s=fresh.enrolled_s, request=fresh.request) == fresh:
                own = signer == self.key.public  # a box trusts its own operator's gateway
                return self.to_enrolment(
                    stored if own else write_attestation_result(known, self.key, self.ledger_id)
                )
        receipt = Receipt(refused.subject, refused.height, refused.utc_s, refused.reason, refused.detail)
        return write_enrolment_reply(EnrolmentReply(receipt=write_receipt(receipt, self.key, self.ledger_id)))

    def to_refused_enrolment(self, subject: bytes, reason: str, detail: str, head: Header) -> bytes:
        receipt = Receipt(subject, head.height, head.time_s, reason, detail)
        return write_enrolment_reply(EnrolmentReply(receipt=write_receipt(receipt, self.key, self.ledger_id)))

    def sign_grant(self, grant: Grant) -> bytes:
        """Once for as long as it is asked for again: a signature costs more than all else, and anybody may ask."""
        return self._sign(grant)

    def _past_grants(self, transaction_id: bytes) -> list[Grant]:
        purchase = self.past.purchase(transaction_id)
        return [] if purchase is None else purchase.grants(MAX_GRANTS)

    def _reply(self, receipt: Receipt, grants: Iterable[Grant]) -> bytes:
        encoded = write_receipt(receipt, self.key, self.ledger_id)
        return write_ledger_reply(LedgerReply(encoded, tuple(self.sign_grant(grant) for grant in grants)))
