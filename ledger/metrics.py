"""What the ledger's service measures of itself, as families of metrics (docs/metrics.md); pure.

In: what the page of the ledger says (ledger/pages.py), the service's counters, and the time. Out: families for
wire/metrics_text.py. Labels are words of ours: never an account, or what somebody wrote.
"""

from collections.abc import Mapping

from ledger.pages import LedgerPage
from wire.metrics_text import Family, Kind, Sample, count_words


def measure(page: LedgerPage, counters: Mapping[str, int], now_s: int) -> list[Family]:
    """All that a ledger shows."""
    behind_s = max(0, now_s - page.time_s)
    return [
        _gauge("height", page.height, "The last block."),
        _gauge("block_age_seconds", behind_s, "How long ago that was; nothing happens while nobody sends."),
        _gauge("deposited_ubc", page.deposited_ubc, "All that ever came in, micro-bandcoin."),
        _gauge("withdrawn_ubc", page.withdrawn_ubc, "All that ever went out, micro-bandcoin."),
        count_words(
            "airgrant_ledger_events_total", "what", counters, "What the service counts, as its page does."
        ),
    ]


def _gauge(name: str, value: int, told: str) -> Family:
    return Family(f"airgrant_ledger_{name}", Kind.GAUGE, told, (Sample(value),))
