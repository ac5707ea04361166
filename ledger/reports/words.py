"""What every check asks, and what it means if it does not hold, in words for somebody who was not there.

One table, held against every check in the code by tests/ledger/reports/test_words.py. A finding's own text says what
was found; this says why anybody should care.
"""

from dataclasses import dataclass

from ledger.findings import Severity
from ledger.reports.rows import Standing


@dataclass(frozen=True, slots=True)
class Words:
    """A question that the check answers with yes, and what follows from a no."""

    asks: str
    otherwise: str


CHECKS: dict[str, Words] = {
    "format": Words(
        "Can the record be read?",
        "Nobody can say what it was. It proves nothing, and the time it was about is unmetered.",
    ),
    "signature": Words(
        "Did the enrolled key sign it?",
        "Somebody else made it, or it was changed afterwards. It proves nothing.",
    ),
    "quote": Words(
        "Did the TPM vouch for exactly this record? (A software key has none: then it is unattested.)",
        "The key signed something else. It proves nothing about this record.",
    ),
    "pcr": Words(
        "Does the TPM's memory replay from the records that are shown?",
        "A record is hidden, or something was extended that is not shown: the report does not count.",
    ),
    "sequence": Words(
        "Is it number one more than the record before?",
        "Records are missing, or the box went back to an old state.",
    ),
    "chain": Words(
        "Does it name the record before it?",
        "Another record stood there when it was signed: one was exchanged or left out.",
    ),
    "clock": Words(
        "Did the TPM's clock go on, without a reset that nobody reported?",
        "The TPM was put back to an old state, or was reset behind the meter's back.",
    ),
    "boot record": Words(
        "Does every start of the box begin with a record that fits the TPM's count of resets?",
        "The box ran without a meter in between, or hides that it did.",
    ),
    "anchor": Words(
        "Did the counter that cannot go back rise by exactly one?",
        "An old state of the TPM was put back, or an anchor is missing.",
    ),
    "interval": Words(
        "Does the report begin where the one before it ended, or later?",
        "The same time is reported twice.",
    ),
    "totals": Words(
        "Are the bytes within what was bought: time, rates, data cap, once each; and, of several boxes, all together?",
        "A box, or several together, claim more than the grant allows, or a grant that is not here: the ledger never "
        "made it, or whoever made the file left it out.",
    ),
    "ahead": Words(
        "Had the time come that it tells of, when the ledger signed that it had the record?",
        "The box's clock is wrong, or it tells of time that it has not measured. That time is not metered.",
    ),
    "complete": Words(
        "Is the record there at which the ledger's signed state, as of the block that is named, ends the chain?",
        "Records are withheld: what is shown may hold, and is not all.",
    ),
    "maker": Words(
        "Does the TPM's certificate lead to a maker that the auditor trusts? (That the key is in that TPM, only the "
        "ledger saw, when it was enrolled.)",
        "It may be no TPM at all: the key could be anywhere. None of its rows counts.",
    ),
    "revoked": Words(
        "Was the key still good when the record was made, by the record's own time? (Whoever has the key writes it.)",
        "Whoever held the key by then was not its box. It proves nothing.",
    ),
    "accounting": Words(
        "Do the box's meter and the other witness say the same, within 3 % and 5 % of the time?",
        "One of the two is wrong; which, neither can prove alone.",
    ),
}

SEVERITIES: dict[Severity, str] = {
    Severity.NOTE: "for the reader: nothing follows",
    Severity.CLAIM: "genuine, but what it claims cannot be so",
    Severity.BREAK: "genuine, but the chain has a hole here, went back, or lost its anchor",
    Severity.FORGERY: "nothing vouches for it: it proves nothing",
}

STANDINGS: dict[Standing, str] = {
    Standing.HOLDS: "counts: everything that can be checked of it holds",
    Standing.CLAIM: "disputed: " + SEVERITIES[Severity.CLAIM],
    Standing.BREAK: "disputed: " + SEVERITIES[Severity.BREAK],
    Standing.FORGED: "void: " + SEVERITIES[Severity.FORGERY],
}
