"""What is wrong with a box, in words for its owner: from the status that it shows to ailments, the worst first; pure.

Read by the status page of [web], and by whoever else asks the daemon how it is. A word of `what` is fixed, to search
for; a text says what it means and what to do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

MANY_RECORDS = 10
"""More that wait are no matter of a moment: a box makes one in a minute, or one for a session that ends."""


class Severity(IntEnum):
    """How bad it is."""

    WATCH = 1
    """It sells, and somebody should look when it suits."""
    STOPS = 2
    """Nothing new is sold, or what was sold is not kept."""


@dataclass(frozen=True, slots=True)
class Ailment:
    """One thing that is wrong."""

    what: str
    text: str
    severity: Severity


def judge(status: Mapping[str, Any]) -> tuple[Ailment, ...]:
    """Of apd/status.py's describe(); empty: it sells, and all is well."""
    return tuple(sorted(_found(status), key=lambda one: -one.severity))


def _found(status: Mapping[str, Any]) -> Iterator[Ailment]:
    yield from _stopping(status)
    records = status["records"]
    if not status["attested"]:
        yield _watch(
            "unattested", "No TPM signs what is delivered: reports are marked so, for everybody to see."
        )
    if records["unsigned"] > MANY_RECORDS:
        yield _watch(
            "records_unsigned",
            f"{records['unsigned']} reports wait for the TPM: does another program hold it?",
        )
    if status["ledger_connected"] and records["unacknowledged"] > MANY_RECORDS:
        text = f"The ledger has not acknowledged {records['unacknowledged']} reports: they stay on disk; see the log."
        yield _watch("records_unacknowledged", text)
    refused = sum(1 for refund in status["refunds"] if refund["refused"])
    if refused:
        text = f"{refused} refunds were refused by the ledger: is there money in the provider's account?"
        yield _watch("refunds_refused", text)
    if status.get("airtime", {}).get("exceeded"):
        text = "More of the air is promised than may be: stations moved away. Nothing is sold until it fits again."
        yield Ailment("airtime_exceeded", text, Severity.STOPS)


def _stopping(status: Mapping[str, Any]) -> Iterator[Ailment]:
    if status["disk_failing"]:
        text = "The disk keeps nothing, and sessions end within a minute: make room, or replace it."
        yield Ailment("disk_failing", text, Severity.STOPS)
    if not status["ledger_connected"]:
        text = "The ledger is out of reach: nothing new is sold, and reports wait here. Is the broker of [ledger] up?"
        yield Ailment("ledger_away", text, Severity.STOPS)
    elif not status["enrolled"]:
        text = "The ledger does not know the key that signs reports, and takes none until it does; the log says why."
        yield Ailment("not_enrolled", text, Severity.STOPS)
    elif status["offer"] is None:
        yield Ailment("no_offer", "Nothing is on offer: airgrant offer post.", Severity.STOPS)
    elif not status["offer"]["allocations_left"] and "auction" not in status:
        yield _watch("sold_out", "Everything on offer is sold.")
    if not status.get("air", {}).get("hostapd_connected", True):
        text = "hostapd does not answer: nobody new is let in. Does it run? See hostapd_socket of [air]."
        yield Ailment("hostapd_away", text, Severity.STOPS)


def _watch(what: str, text: str) -> Ailment:
    return Ailment(what, text, Severity.WATCH)
