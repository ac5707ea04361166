"""How long the main job takes a device: offer read, bought, joined, and the first packet through, everything real.

Each journey is a new account on a station that is let out again afterwards; ledger, broker, TPM, kernel and access
point are those of the demo's stage. The clock runs from the first discovery to the answer of a host beyond the
access point.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from device.choice import Wish
from device.library import buy
from device.wallet import Wallet, create_wallet
from lab.bench.result import Against, Figure
from lab.demo.cast import ADA, UNIT
from lab.demo.stage import Stage, set_stage
from lab.percentile import percentile
from lab.traffic import ping_once
from lab.world import WORLD_V4

JOURNEYS = 25
"""As many as the stage's offer has units for, and more than the twenty that a 95th percentile needs."""
SEED_PURCHASE_S = 0.75
"""The paper measured 0.5 to 1 s for the ledger's part alone (Bandcoin, section 7, note 13)."""
GOAL_S = 1.0


def run(progress: Callable[[str], None]) -> list[Figure]:
    """The figures of this benchmark."""
    with TemporaryDirectory() as folder, set_stage(Path(folder) / "logs", progress) as stage:
        wallets = {f"journey{number}": _wallet(stage, Path(folder), number) for number in range(JOURNEYS)}
        stage.bank.open_accounts(wallets)
        joined_s, through_s = [], []
        for number, wallet in enumerate(wallets.values(), 1):
            progress(f"journey {number} of {JOURNEYS}")
            joined, through = _journey(stage, wallet)
            joined_s.append(joined)
            through_s.append(through)
    against = Against("the paper's ledger alone, as published", SEED_PURCHASE_S)
    return [
        Figure(
            "offer read, bought and enforced, end to end, p95",
            percentile(through_s, 0.95),
            "s",
            GOAL_S,
            "lower",
            against,
        ),
        Figure(
            "offer read, bought and enforced, end to end, p50",
            statistics.median(through_s),
            "s",
            None,
            "lower",
        ),
        Figure("offer read, bought and joined, p50", statistics.median(joined_s), "s", None, "lower"),
    ]


def _journey(stage: Stage, wallet: Wallet) -> tuple[float, float]:
    """Seconds until joined, and until the world answered."""
    station = stage.network.station(ADA.number)
    began = time.monotonic()
    session = station.namespace.call(
        lambda: buy(wallet, station.interface, Wish(UNIT.floor_down_bps, UNIT.floor_up_bps))
    )
    with session:
        joined_s = time.monotonic() - began
        ping_once(station.namespace, str(WORLD_V4.ip))
        through_s = time.monotonic() - began
        session.leave()
    return joined_s, through_s


def _wallet(stage: Stage, folder: Path, number: int) -> Wallet:
    pinned = stage.wallet(ADA).pinned
    return create_wallet(folder / f"journey{number}.pem", pinned)
