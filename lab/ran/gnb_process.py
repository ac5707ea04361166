"""A gNB to try things against: `python -m lab.ran.gnb_process --port 8001`, and a cell with UEs behind it.

Slots 1-000001 to 1-00000N stand in its file; UE number n of N holds slot n and asks for more than it can get, some more
UEs have none. It prints its port as soon as it listens, and lives until its standard input is closed.
"""

import argparse
import asyncio
import sys

from lab.ran.cell_model import Carrier, Cell
from lab.ran.fading import STATIC, FadingSettings
from lab.ran.gnb_simulator import GnbSettings, running_gnb
from lab.ran.sources import steady

FIRST_RNTI = 0x4601


def new_cell(slots: int, others: int, *, seed: int = 1, still: bool = False) -> Cell:
    """Each UE asks for 6 Mbit/s."""
    cell, fading = Cell(Carrier(), seed), STATIC if still else FadingSettings()
    for index in range(slots):
        cell.add_slice((1, index + 1), 0, cell.carrier.prbs)
    for index in range(slots + others):
        name = (1, index + 1) if index < slots else None
        cell.add_ue(FIRST_RNTI + index, name, 12.0 + index % 12, fading, steady(6e6, index))
    return cell


async def serve(arguments: argparse.Namespace) -> None:
    """Until the standard input ends."""
    settings = GnbSettings(
        host=arguments.host,
        port=arguments.port,
        du_report_period_ms=arguments.period_ms,
        speed=arguments.speed,
    )

    def made() -> Cell:
        return new_cell(arguments.slots, arguments.others, still=arguments.still)

    async with running_gnb(made, settings) as gnb:
        sys.stdout.write(f"{gnb.port}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


def main(argv: list[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser("python -m lab.ran.gnb_process", description="A gNB without a radio.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free (default)")
    parser.add_argument(
        "--slots", type=int, default=8, help="S-NSSAIs 1-000001 on, each with a UE in it (default 8)"
    )
    parser.add_argument("--others", type=int, default=4, help="UEs in the default slice (default 4)")
    parser.add_argument("--period-ms", type=int, default=100, help="du_report_period (default 100)")
    parser.add_argument(
        "--speed", type=float, default=1.0, help="seconds of the cell in one of ours (default 1)"
    )
    parser.add_argument("--still", action="store_true", help="links do not fade")
    arguments = parser.parse_args(argv)
    try:
        asyncio.run(serve(arguments))
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
