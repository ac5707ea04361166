"""Figures that show how parts hang together, and tables of notation: they state no result; where ours is, is said."""

from __future__ import annotations

from lab.papers.exhibit import Effort, Finding, Findings, drawing

_DRAWINGS: dict[str, Finding] = {
    "001/figure-1": drawing("Nothing was built of miners; leasing is a quote and a price.", "docs/markets.md"),
    "001/figure-2": drawing("A lease is a function of its terms, no contract of its own.", "docs/markets.md"),
    "002/figure-1": drawing("Ours stands beside the access point, not in the core.", "docs/architecture.md"),
    "003/figure-1.1": drawing("The problem that floors in the kernel answer.", "README.md"),
    "003/figure-1.2": drawing("The stages are packages here.", "docs/architecture.md"),
    "003/figure-1.3": drawing("All three run: one box, several operators on a ledger, a market.", "README.md"),
    "003/figure-1.4": drawing("Each scenario has a lab.", "docs/testing.md"),
    "003/figure-2.1": drawing("A survey."),
    "003/table-3.1": drawing("Notation; ours stands in the docstrings.", "market/sdo/monthly.py"),
    "003/table-3.3": drawing("Notation; ours stands in the docstrings.", "market/sdo/choice.py"),
    "003/figure-4.9": drawing("Bundles by two policies.", "market/ubid/bundles.py"),
    "003/figure-4.10": drawing("The loop of an agent: bid, see, learn at the end of the day.", "docs/markets.md"),
    "003/figure-5.1": drawing("A device lists networks on the air and chooses.", "docs/device.md"),
    "003/figure-5.9": drawing("Deposit, directory, EAP-TLS with ledger keys, micropayments, attested reports.",
                              "docs/payments.md", "docs/operatord.md"),
    "003/figure-6.1": drawing("What the operator's period does.", "ledger/payplace/generating.py"),
    "003/figure-6.2": drawing("The same parties and steps.", "docs/payments.md"),
    "003/figure-6.3": drawing("A channel is one cumulative number.", "wire/micropayment.py"),
    "003/figure-6.4": drawing("One leaf for each merchant.", "ledger/payplace/payout_tree.py"),
}  # fmt: skip


def findings(effort: Effort) -> Findings:
    """They cost nothing, whatever the effort."""
    del effort
    return _DRAWINGS
