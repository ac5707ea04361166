"""Every table, figure, proposition and algorithm of the four papers, and the modules that answer them.

Complete by intent: what no chapter answers yet is shown as not built. Definitions are left out, as they claim nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.papers.exhibit import NOT_BUILT, Claim, Exhibit, Finding, Kind


@dataclass(frozen=True, slots=True)
class Paper:
    """One of the four documents; a thesis has chapters, and `parts` names them by the beginning of their numbers."""

    key: str
    name: str
    about: str
    parts: Mapping[str, str]


PAPERS = (
    Paper(
        "000",
        "Bandcoin",
        "Smart bandwidth contracts on a ledger: actions, auctions, bulk allocations. Ours is ledger/ and market/.",
        {},
    ),
    Paper(
        "001",
        "Micro-operator leasing",
        "A micro-operator leases spectrum from an operator and divides it between users and mining.",
        {},
    ),
    Paper(
        "002", "Token sharing", "Operators share an unlicensed band by a stock of tokens that circulates.", {}
    ),
    Paper(
        "003",
        "The thesis",
        "Sessions in wireless networks: offers, auctions, roaming and payments.",
        {
            "1": "Chapters 1 and 2: the frame",
            "3": "Chapter 3: supplemental discount offers (SDO)",
            "4": "Chapter 4: session auctions (UBid)",
            "5": "Chapter 5: access to closed hotspots (Datanet)",
            "6": "Chapter 6: off-chain payments (PayPlace)",
        },
    ),
)

_KINDS = {
    "Figure": Kind.FIGURE,
    "Table": Kind.TABLE,
    "Algorithm": Kind.ALGORITHM,
    "Text": Kind.NUMBER,
}
"""By the first word of the name; all else is a proposition, theorem, lemma or corollary."""


def _read_claims(text: str) -> tuple[Claim, ...]:
    """`Figure 3.4` of 003 becomes 003/figure-3.4."""
    return tuple(
        Claim(
            f"{paper}/{name.lower().replace(' ', '-')}",
            _KINDS.get(name.split(maxsplit=1)[0], Kind.STATEMENT),
            name,
            title,
            theirs,
        )
        for paper, claims in tomllib.loads(text).items()
        for name, (title, theirs) in claims.items()
    )


CLAIMS = _read_claims(Path(__file__).with_name("claims.toml").read_text(encoding="utf-8"))


def assemble(found: Mapping[str, Finding]) -> list[Exhibit]:
    """Every claim with its finding, in the papers' order. KeyError names a finding that belongs to no claim."""
    strangers = found.keys() - {claim.id for claim in CLAIMS}
    if strangers:
        raise KeyError(f"no such claim: {', '.join(sorted(strangers))}")
    return [Exhibit(claim, found.get(claim.id, NOT_BUILT)) for claim in CLAIMS]


def part_of(claim: Claim) -> str:
    """The chapter of the thesis that a claim is from, by its number; "" for the papers without chapters."""
    if claim.paper != "003":
        return ""
    return _CHAPTERS[claim.id]


def _chapters(claims: Iterable[Claim]) -> dict[str, str]:
    """Theorems and lemmas have no chapter in their number: they stand where the paper has them."""
    chapters, current = {}, "1"
    for claim in claims:
        number = claim.name.split()[1]
        if "." in number:
            current = "1" if number[0] in "12" else number[0]
        chapters[claim.id] = current
    return chapters


_CHAPTERS = _chapters(claim for claim in CLAIMS if claim.paper == "003")
