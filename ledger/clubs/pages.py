"""What a ledger shows of clubs over HTTP: who shares a band by tokens, and how many each has.

A list has a row for each club; members and tokens are on a club's own page. There the entry is as it lies in the state,
in base64, for programs; and a proof of it, for members who trust no machine of another's. Changes nothing. An error is
{"error": word, "detail": sentence}, as on the other pages.
"""

import base64
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import islice
from typing import Annotated, Protocol

from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, Field

from ledger.clubs.acting import read_club
from ledger.clubs.entries import Club, club_key
from ledger.entries import write_entry
from ledger.http import KEY_PATTERN, NotFoundError
from ledger.state import State
from ledger.state_tree import StateTree
from wire.block_header import Header
from wire.club_actions import MAX_CLUB_NUMBER
from wire.ids import PublicKey
from wire.state_proof import write_proof

Founder = Annotated[str, Path(pattern=KEY_PATTERN, description="account: compressed public key in hex")]
PAGE = 100
After = Annotated[int, Query(ge=-1, le=MAX_CLUB_NUMBER, description="`after` of an earlier answer")]
Limit = Annotated[int, Query(ge=1, le=PAGE)]
Number = Annotated[int, Path(ge=0, le=MAX_CLUB_NUMBER)]


class Shown(Protocol):
    """An application (ledger/application.py), as far as it is looked at here."""

    @property
    def lock(self) -> AbstractContextManager[object]: ...

    @property
    def state(self) -> State: ...


class Proving(Shown, Protocol):
    """An application whose state can be proved."""

    @property
    def tree(self) -> StateTree: ...

    @property
    def head(self) -> Header: ...


class ClubMemberPage(BaseModel):
    """One of those who share."""

    account: str
    tokens: int
    owed: int = Field(description="spent, and too little to be divided among the others yet")


class ClubPage(BaseModel):
    """A club: a token is `quantum_khz_s` kHz for one second, and each member began with `founding_tokens`."""

    founder: str
    number: int
    quantum_khz_s: int
    founding_tokens: int
    members: list[ClubMemberPage]
    entry: str = Field(description="base64 of the entry's canonical CBOR, as it lies in the state")


class ClubRow(BaseModel):
    """One club in a list; its own page has the rest."""

    number: int
    quantum_khz_s: int
    member_count: int


class ClubListPage(BaseModel):
    """Clubs of one founder, by number; `after` continues."""

    clubs: list[ClubRow]
    after: int | None


class ClubProofPage(BaseModel):
    """Proof of a club in the state: `entry` lies under `key` in the state root of the signed header."""

    key: str
    entry: str | None = Field(description="base64 of the entry's canonical CBOR; null: there is none")
    proof: str = Field(description="base64 of wire/state_proof.py's form")
    header: str = Field(description="base64 of the signed header")


def add_club_pages(app: FastAPI, application: Shown) -> None:
    """To the pages of a ledger."""

    @app.get("/v1/clubs/{founder}")
    def get_clubs(founder: Founder, after: After = -1, limit: Limit = PAGE) -> ClubListPage:
        """The clubs that somebody founded."""
        with application.lock:
            found = _clubs_after(application.state, PublicKey.parse(founder), after, limit)
        rows = [
            ClubRow(number=one, quantum_khz_s=club.quantum_khz_s, member_count=len(club.balances))
            for one, club in found
        ]
        return ClubListPage(clubs=rows, after=rows[-1].number if len(rows) == limit else None)

    @app.get("/v1/clubs/{founder}/{number}")
    def get_club(founder: Founder, number: Number) -> ClubPage:
        """One of them."""
        with application.lock:
            club = read_club(application.state, PublicKey.parse(founder), number)
        if club is None:
            raise NotFoundError("no_such_club", f"{founder} has founded no club {number}")
        return show_club(number, club)


def add_club_proofs(app: FastAPI, application: Proving, sign: Callable[[Header], bytes]) -> None:
    """To the pages of a ledger; `sign` signs a header as the ledger does."""

    @app.get("/v1/proofs/clubs/{founder}/{number}")
    def get_club_proof(founder: Founder, number: Number) -> ClubProofPage:
        """Proof of a club's balances, or that there is no such club, against the signed head."""
        key = club_key(PublicKey.parse(founder).key_id, number)
        with application.lock:
            entry, proof = application.state.get(key), application.tree.prove(key)
            head = application.head
        return ClubProofPage(
            key=key.hex(),
            entry=None if entry is None else _to_base64(write_entry(entry)),
            proof=_to_base64(write_proof(proof)),
            header=_to_base64(sign(head)),
        )


def _clubs_after(state: State, founder: PublicKey, after: int, limit: int) -> list[tuple[int, Club]]:
    """The next clubs with higher numbers, at most so many."""
    numbered = ((one, read_club(state, founder, one)) for one in range(after + 1, MAX_CLUB_NUMBER + 1))
    return list(islice(((one, club) for one, club in numbered if club is not None), limit))


def show_club(number: int, club: Club) -> ClubPage:
    rows = zip(club.member_keys, club.balances, club.owed, strict=True)
    return ClubPage(
        founder=club.founder.hex(),
        number=number,
        quantum_khz_s=club.quantum_khz_s,
        founding_tokens=club.tokens,
        members=[ClubMemberPage(account=key.hex(), tokens=tokens, owed=owed) for key, tokens, owed in rows],
        entry=_to_base64(write_entry(club)),
    )


def _to_base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
