"""What a ledger shows of usage summaries over HTTP: what publishers said of an access point or device, and a score.

Whoever asks names the publishers whose word counts for it, its operators perhaps: a score over everybody would be
whatever somebody with many accounts wants it to be. A proof is for who believes no machine. Changes nothing.
Reference: Datanet 5.5.5.
"""

import base64
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Protocol

from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, Field

from ledger.entries import write_entry
from ledger.http import KEY_PATTERN
from ledger.payplace.entries import UsageSummary
from ledger.payplace.summaries import reliability_permille
from ledger.payplace.views import read_summary
from ledger.state import State
from ledger.state_tree import StateTree
from wire.block_header import Header
from wire.ids import PublicKey
from wire.state_proof import write_proof
from wire.usage_totals import totals_key

MAX_PUBLISHERS = 100
Subject = Annotated[str, Path(pattern=KEY_PATTERN, description="account: compressed public key in hex")]
Publisher = Annotated[str, Query(pattern=KEY_PATTERN)]
Publishers = Annotated[list[Publisher], Query(min_length=1, max_length=MAX_PUBLISHERS)]


class Shown(Protocol):
    """An application (ledger/application.py), as far as it is looked at here."""

    @property
    def lock(self) -> AbstractContextManager[object]: ...

    @property
    def state(self) -> State: ...


class UsageSummaryPage(BaseModel):
    """The totals of these publishers together. Nobody of them knows anything: 0 sessions, and 500."""

    subject: str
    publishers: int = Field(description="how many of those that were asked about have said anything")
    sessions: int
    completed: int
    served_s: int
    served_bytes: int
    reliability_permille: int


def add_summary_pages(app: FastAPI, application: Shown) -> None:
    """To the pages of a ledger."""

    @app.get("/v1/payplace/summaries/{subject}")
    def get_summary(subject: Subject, publisher: Publishers) -> UsageSummaryPage:
        """What these publishers say of an access point's provider or a device."""
        key = PublicKey.parse(subject)
        asked = {PublicKey.parse(one) for one in publisher}
        with application.lock:
            found = [read_summary(application.state, key, one) for one in sorted(asked, key=str)]
        return show_summary(subject, [one for one in found if one is not None])


def show_summary(subject: str, found: Sequence[UsageSummary]) -> UsageSummaryPage:
    return UsageSummaryPage(
        subject=subject,
        publishers=len(found),
        sessions=sum(one.sessions for one in found),
        completed=sum(one.completed for one in found),
        served_s=sum(one.served_s for one in found),
        served_bytes=sum(one.served_bytes for one in found),
        reliability_permille=reliability_permille(found),
    )


class SummaryProofPage(BaseModel):
    """What one publisher said of one subject, or that it said nothing: as wire/usage_totals.py verifies it."""

    entry: str | None = Field(description="base64 of the entry's canonical CBOR; null: there is none")
    proof: str = Field(description="base64 of wire/state_proof.py's form")
    header: str = Field(description="base64 of the signed header")


class Proving(Shown, Protocol):
    """An application whose state can be proved."""

    @property
    def tree(self) -> StateTree: ...

    @property
    def head(self) -> Header: ...


def add_summary_proofs(app: FastAPI, application: Proving, sign: Callable[[Header], bytes]) -> None:
    """To the pages of a ledger; `sign` signs a header as the ledger does."""

    @app.get("/v1/proofs/summaries/{subject}/{publisher}")
    def get_summary_proof(
        subject: Subject, publisher: Annotated[str, Path(pattern=KEY_PATTERN)]
    ) -> SummaryProofPage:
        """Proof of what a publisher says of a subject, against the signed head."""
        key = totals_key(PublicKey.parse(subject), PublicKey.parse(publisher))
        with application.lock:
            entry, proof = application.state.get(key), application.tree.prove(key)
            head = application.head
        return SummaryProofPage(
            entry=None if entry is None else base64.b64encode(write_entry(entry)).decode(),
            proof=base64.b64encode(write_proof(proof)).decode(),
            header=base64.b64encode(sign(head)).decode(),
        )
