"""Gathering from a ledger's pages: a box's chain and all that verifies it, of which nothing is believed yet, and the
proof of a grant, which is verified.

Pure but for its source, which it is given: `ledger.client.LedgerReader`. Raises ShellError, with the address, for an
answer that is not what the page should be; LookupError for what the ledger does not have; DecodeError for bytes that
are not what they should be.
"""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from ledger.bundle import Audit, Bundle, gather_bundle
from ledger.completeness import ChainProof
from ledger.genesis import Genesis, read_genesis
from ledger.pages import (
    AttestationListPage,
    AttestationPage,
    ChainProofPage,
    GrantPage,
    GrantProofPage,
    LedgerPage,
    RecordListPage,
    TransactionListPage,
    TransactionPage,
)
from ledger.repayment import Repayment, match_repayment
from wire.errors import DecodeError, ShellError
from wire.grant import Grant
from wire.grant_proof import verify_grant_proof
from wire.ids import PublicKey

P = TypeVar("P", bound=BaseModel)
Tell = Callable[[str], None]
"""Gets a sentence about how far we are."""


class Source(Protocol):
    """Pages of one ledger."""

    url: str

    def read(self, page: type[P], path: str) -> P: ...

    def listed(
        self,
        page: type[P],
        items: str,
        path: str,
        limit: int | None = None,
        **query: str | int | None,
    ) -> Iterator[Any]: ...


def fetch_genesis(source: Source) -> Genesis:
    return read_genesis(read_base64(source.read(LedgerPage, "ledger").genesis, source.url))


@dataclass(frozen=True, slots=True)
class ProvedGrant:
    """A proof of the grant that was asked for, verified under `key`, a gateway of the ledger's genesis."""

    proof: bytes
    key: PublicKey
    grant: Grant


def fetch_proved_grant(source: Source, genesis: Genesis, path: str) -> ProvedGrant:
    """Of `path` below proofs/grants: a grant's id, or a purchase's and a consumer. Raises DecodeError and
    VerificationError for what is not the ledger's word on that grant.
    """
    page = source.read(GrantProofPage, f"proofs/grants/{path}")
    proof, key = (
        read_base64(page.proof, source.url),
        PublicKey.parse(source.read(LedgerPage, "ledger").ledger_key),
    )
    if key not in genesis.gateways:
        raise DecodeError(f"{source.url}: {key} is no gateway of its genesis")
    grant = verify_grant_proof(proof, key, genesis.ledger_id)
    wanted, _, consumer = path.partition("/")
    if (str(grant.consumer) != consumer) if consumer else (grant.grant_id.hex() != wanted):
        raise DecodeError(f"{source.url}: proves another grant than was asked for, {grant.grant_id.hex()}")
    return ProvedGrant(proof, key, grant)


def fetch_key_ids(source: Source) -> list[str]:
    """Of every enrolled attestation key, retired ones included."""
    return [page.key_id for page in source.listed(AttestationListPage, "attestations", "attestations")]


def fetch_bundle(source: Source, genesis: Genesis, key_id: str, tell: Tell) -> Bundle:
    """One box's chain. Its end comes first: records that arrive meanwhile are more than it needs."""
    tell(f"{key_id}: how far its chain goes")
    result = read_base64(
        source.read(AttestationPage, f"attestations/{key_id}").attestation_result, source.url
    )
    end = _fetch_end(source, key_id)
    records: list[bytes] = []
    for page in source.listed(RecordListPage, "records", f"records/{key_id}"):
        records.append(read_base64(page.evidence, source.url))
        tell(f"{key_id}: {len(records)} records")

    def find(grant_id: bytes) -> bytes | None:
        tell(f"{key_id}: grant {grant_id.hex()}")
        try:
            return read_base64(source.read(GrantPage, f"grants/{grant_id.hex()}").grant, source.url)
        except LookupError:
            return None

    return gather_bundle(genesis, result, tuple(records), find, end)


def fetch_repayments(source: Source, audit: Audit, tell: Tell) -> tuple[Repayment, ...]:
    """For each grant that something was missing of, what the ledger has of it being paid back."""
    if not audit.short_grants:
        return ()
    provider = audit.enrolment.provider
    transfers: dict[str, list[TransactionPage]] = {}
    repayments = []
    for grant, use in audit.short_grants:
        page = source.read(GrantPage, f"grants/{grant.grant_id.hex()}")
        # The seller pays, also for what a partner's box did not deliver: then its account is found at the buyer's.
        account = str(provider) if grant.provider_id == provider.provider_id else page.payer or str(provider)
        if account not in transfers:
            tell(f"{account}: what was paid back")
            transfers[account] = fetch_transfers(source, account)
        missing = use.down_shortfall_bytes, use.up_shortfall_bytes
        repayments.append(match_repayment(grant, *missing, page.price_ubc, transfers[account]))
    return tuple(repayments)


def fetch_transfers(source: Source, account: str) -> list[TransactionPage]:
    """Every transfer that an account took part in."""
    listed = source.listed(TransactionListPage, "transactions", "transactions", account=account)
    return [one for one in listed if one.action == "transfer"]


def _fetch_end(source: Source, key_id: str) -> ChainProof:
    page = source.read(ChainProofPage, f"proofs/chains/{key_id}")
    return ChainProof(*(read_base64(text, source.url) for text in (page.entry, page.proof, page.header)))


def read_base64(text: str, url: str) -> bytes:
    """Raises ShellError."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:  # letters beyond ASCII are no binascii.Error
        raise ShellError(url, f"shows something that is not base64: {error}") from error
