"""What is said of a record to somebody who was not there: a word, its tone, and what follows. Pure.

The words are those of `airgrant report` (ledger/reports/words.py). What a statement disputes out of what an auditor
knows, or of several meters together, the page does not know (docs/page.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.findings import RecordVerdict, Severity
from ledger.reports.rows import Standing
from ledger.reports.words import CHECKS, STANDINGS

_STANDINGS = {
    Severity.FORGERY: Standing.FORGED,
    Severity.BREAK: Standing.BREAK,
    Severity.CLAIM: Standing.CLAIM,
    Severity.NOTE: Standing.CLAIM,
}
_TONES = {Standing.HOLDS: "good", Standing.FORGED: "bad", Standing.BREAK: "plain", Standing.CLAIM: "plain"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """`tone` is good, plain or bad; `follows` says what each check that failed means."""

    tone: str
    word: str
    sentence: str
    follows: tuple[str, ...] = ()


def standing_of(verdict: RecordVerdict) -> Standing:
    """The worst that was found about a record."""
    found = {finding.severity for finding in verdict.failures}
    return next((standing for severity, standing in _STANDINGS.items() if severity in found), Standing.HOLDS)


def judge_standing(standing: Standing, checks: Iterable[str] = (), *, attested: bool = True) -> Judgement:
    """`counts: everything that can be checked of it holds`, in two parts, and what follows from each failed check."""
    word, _, sentence = STANDINGS[standing].partition(": ")
    if standing is Standing.HOLDS and not attested:
        return Judgement("plain", word, f"{sentence}; a software key signed it, no TPM vouches for it")
    follows = tuple(f"{CHECKS[name].asks} No. {CHECKS[name].otherwise}" for name in checks if name in CHECKS)
    return Judgement(_TONES[standing], word, sentence, follows)
