"""What a ledger shows of usage summaries over HTTP: what publishers said of an access point or device, and a score.

Whoever asks names the publishers whose word counts for it, its operators perhaps: a score over everybody would be
whatever somebody with many accounts wants it to be. Changes nothing.
Reference: Datanet 5.5.5.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Protocol

from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, Field

from ledger.http import KEY_PATTERN
from ledger.payplace.entries import UsageSummary
from ledger.payplace.summaries import reliability_permille
from ledger.payplace.views import read_summary
from ledger.state import State
from wire.ids import PublicKey

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
