"""The modules that answer the papers' claims, by name. A chapter that is not listed answers nothing."""

from __future__ import annotations

from lab.papers import (
    bandcoin,
    cell,
    cell_crowd,
    datanet,
    drawings,
    learners,
    learning,
    leasing,
    payplace,
    sdo_hourly,
    sdo_monthly,
    tokens,
    ubid,
    wlan,
)
from lab.papers.exhibit import Chapter

CHAPTERS: dict[str, Chapter] = {
    "cell": cell.findings,
    "cell-crowd": cell_crowd.findings,
    "learners": learners.findings,
    "learning": learning.findings,
    "bandcoin": bandcoin.findings,
    "payplace": payplace.findings,
    "ubid": ubid.findings,
    "sdo-hourly": sdo_hourly.findings,
    "sdo-monthly": sdo_monthly.findings,
    "datanet": datanet.findings,
    "leasing": leasing.findings,
    "tokens": tokens.findings,
    "wlan": wlan.findings,
    "drawings": drawings.findings,
}
"""Those that take longest come first, so that two processes end together."""

ALONE = {"wlan": "packets are timed, for two minutes"}
"""Those that run before the others and with nothing beside them, and why."""
