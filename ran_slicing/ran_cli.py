"""`airgrant ran plan` and `airgrant ran check`: slots into a gNB's file, and whether what stands there can be sold.

It reads and writes the files that it is given, speaks to a person, and decides nothing: plan_config and gnb_config do.
Exit status: 0 done or sound, 1 a finding that stops a sale, 2 usage or a file that cannot be read.
"""

import argparse
import difflib
import os
import shutil
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

from ran_slicing.gnb_config import GnbConfig, read_gnb_files
from ran_slicing.plan_config import FIRST_SD, SlotPlan, plan_gnb_file
from ran_slicing.snssai import Snssai, parse_snssai
from wire.errors import ConfigError

OK, UNSOUND, USAGE = 0, 1, 2


def main(argv: list[str]) -> int:
    """Run `airgrant ran ARGV`; returns the exit status."""
    options = _parser().parse_args(argv)
    try:
        return _plan(options) if options.command == "plan" else _check(options)
    except (ConfigError, OSError) as error:
        print(f"airgrant ran: {error}", file=sys.stderr)
        return USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="airgrant ran", description="Slots of a gNB: plan them, check them."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    plan = commands.add_parser("plan", help="write slots into the gNB's file; without --write only show them")
    plan.add_argument("--gnb", type=Path, required=True, metavar="FILE", help="the YAML that the gNB reads")
    plan.add_argument("--slots", type=int, default=8, help="how many stays can be served at once (default 8)")
    plan.add_argument("--sst", type=_whole, default=1, help="slice/service type of the slots (default 1)")
    plan.add_argument(
        "--first-sd",
        type=_whole,
        default=FIRST_SD,
        help="differentiator of the first (default 0x00a600)",
    )
    plan.add_argument(
        "--priority", type=int, default=0, help="the gNB's priority of these, a tier of its own (0..254)"
    )
    plan.add_argument(
        "--write", action="store_true", help="change the file; the first one stays beside it, with .orig"
    )
    for command in (
        plan,
        check := commands.add_parser("check", help="whether what the gNB is started with can be sold"),
    ):
        command.add_argument(
            "--lobby",
            type=parse_snssai,
            metavar="SST-SD",
            help="the slice of UEs that bought nothing, as 1-0000ff",
        )
    check.add_argument(
        "--gnb",
        type=Path,
        required=True,
        action="append",
        metavar="FILE",
        help="again for each -c of the gNB",
    )
    check.add_argument(
        "--network",
        action="append",
        default=[],
        metavar="CIDR",
        help="to which the remote control may be bound",
    )
    return parser


def _plan(options: argparse.Namespace) -> int:
    path: Path = options.gnb
    plan = SlotPlan(options.slots, options.sst, options.first_sd, options.priority, options.lobby)
    before = path.read_text(encoding="utf-8")
    after = plan_gnb_file(before, str(path), plan)
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), str(path), "planned", lineterm="", n=2
    )
    print("\n".join(lines) or f"{path}: has these slots already")
    print(f"\nFor the daemon's file:\n{format_section([path], plan.names, plan.lobby)}")
    if options.write and after != before:
        original = path.with_name(path.name + ".orig")
        if not original.exists():
            _write(original, before, like=path)
        _write(path, after, like=path)
        print(f"\nWritten to {path}; restart the gNB to have them.")
    return OK


def _write(path: Path, text: str, like: Path) -> None:
    """Whole or not at all, with the permissions of another file."""
    path, like = path.resolve(), like.resolve()
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            shutil.copymode(like, file.name)
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink()
            raise


def _check(options: argparse.Namespace) -> int:
    files = [(str(path), path.read_text(encoding="utf-8")) for path in options.gnb]
    config, findings = read_gnb_files(files, options.network, options.lobby)
    for finding in findings:
        print(f"{'WRONG' if finding.fatal else 'note '} {finding}")
    print(format_config(config))
    return UNSOUND if any(finding.fatal for finding in findings) else OK


def format_config(config: GnbConfig) -> str:
    """What was read, for a person."""
    shape = config.shape
    size = f"{shape.prbs} PRBs, {shape.downlink_slots_per_s} downlink slots/s" if shape else "of unknown size"
    slices = ", ".join(str(entry.snssai) for entry in config.slices) or "none"
    return (
        f"cell    PLMN {config.plmn}, {size}, {config.mcs_table.value}\n"
        f"slices  {slices}\n"
        f"remote  ws://{config.host}:{config.port}, metrics every {config.period_ms} ms"
    )


def format_section(files: list[Path], slots: tuple[Snssai, ...], lobby: Snssai | None) -> str:
    """The section of the daemon's configuration that sells these slots."""
    names = ", ".join(f'"{snssai}"' for snssai in slots)
    paths = ", ".join(f'"{path.resolve()}"' for path in files)
    section = f"[cell]\ngnb_files = [{paths}]\nslots = [{names}]"
    return section if lobby is None else f'{section}\n\n[cell.user_plane]\nlobby_slice = "{lobby}"'


def _whole(text: str) -> int:
    return int(text, 0)
