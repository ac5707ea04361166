"""What runs in the containers of ours: `python3 -m lab.compose COMMAND`. box.yaml says which where."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from lab.compose import bought_slice
from lab.compose.load import SINK_PORT, Address, run_sink, run_source
from lab.compose.sold_slice import compose_lab, play, run
from lab.compose.subscribers import ONE_SLICE, SUBSCRIBERS, store_subscribers
from ran_slicing.store_address import parse_store_address
from wire.errors import ShellError

ENDS = {signal.SIGINT, signal.SIGTERM}


def main(arguments: list[str] | None = None) -> int:
    parsed = _parser().parse_args(arguments)
    try:
        match parsed.command:
            case "subscribers":
                chosen = ONE_SLICE if parsed.one_slice else SUBSCRIBERS
                asyncio.run(store_subscribers(parsed.store, chosen))
                print(f"stored {', '.join(SUBSCRIBERS)}")
                if parsed.done is not None:
                    _wait(parsed.done)
            case "source":
                run_source(parsed.listen)
            case "sink":
                run_sink(("0.0.0.0", SINK_PORT), parsed.tell)
            case "test":
                return run(compose_lab(parsed.lab), bought_slice.play if parsed.lab == "apd" else play)
            case "shop":
                from lab.compose.shop import Place, open_shop  # it has what the other containers do without

                with open_shop(Place(parsed.folder)):
                    _wait(parsed.done)
            case "wait":
                _wait()
    except ShellError as error:
        print(f"lab.compose: {error}", file=sys.stderr)
        return 1
    return 0


def _wait(done: Path | None = None) -> None:
    """Touch the file, and return when somebody asks for the end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    if done is not None:
        done.touch()
    signal.sigwait(ENDS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab.compose", description="The parts of the compose labs that are ours."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    subscribers = commands.add_parser("subscribers", help="write the labs' subscribers into the core's store")
    subscribers.add_argument(
        "--store", type=parse_store_address, required=True, metavar="mongodb://HOST/DATABASE"
    )
    subscribers.add_argument(
        "--done", type=Path, metavar="FILE", help="touch this file then, and wait to be ended"
    )
    subscribers.add_argument("--one-slice", action="store_true", help="each in the lobby's slice only")
    shop = commands.add_parser(
        "shop", help="run a ledger with its broker, and write what apd and a buyer need"
    )
    shop.add_argument("--folder", type=Path, required=True)
    shop.add_argument("--done", type=Path, metavar="FILE", help="touch this file when all is there")
    source = commands.add_parser("source", help="send traffic to a UE while somebody asks for it")
    source.add_argument("--listen", type=_address, required=True, metavar="ADDRESS:PORT")
    sink = commands.add_parser("sink", help="count what arrives in a UE")
    sink.add_argument("--tell", type=_address, required=True, metavar="ADDRESS:PORT")
    test = commands.add_parser(
        "test",
        help="sell a slice in the running lab, or see what was bought from apd, and say what was measured",
    )
    test.add_argument("--lab", choices=("srsran", "ueransim", "apd"), required=True)
    commands.add_parser("wait", help="do nothing until told to end; commands are run beside it")
    return parser


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is not ADDRESS:PORT")
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main())
