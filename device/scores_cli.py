"""`airgrant scores`: what is known of sellers, and whose word counts. A shell: argv, terminal.

How it speaks, and what its exit status means: device/console.py. What a score is: market/reliability.py.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from device.asking_around import ask_around
from device.connect_cli import LEDGER_VARIABLE
from device.console import DONE, NO, make_parser, print_json, run_command, stderr
from device.deposits import load_deposits
from device.experience import keep_reputation, load_reputation
from device.reputation import MAX_TRUSTED, Reputation, explain, publishers_for, score_of
from device.udp import read_clock
from device.wallet import Wallet, load_wallet
from market.reliability import Score
from wire.errors import ConfigError
from wire.ids import PublicKey

EXAMPLES = f"""\
examples:
  airgrant scores --wallet wallet.pem                                            who served how well
  airgrant scores --wallet wallet.pem --trust 02c1...9f                          and believe what this account publishes
  airgrant scores --wallet wallet.pem --ledger http://127.0.0.1:8573 03ab...77   ask what is said of this seller

One's own sessions count most; then what operators publish with whom something is deposited, and who is trusted by name
(a magazine, a club). An operator counts little for sellers of its own network, which `airgrant connect` sees in their
offers, and this list does not. Strangers count nothing. {LEDGER_VARIABLE} says which ledger, too.

exit status: 0 something is known, 1 nothing is, 2 usage or wallet, 3 the disk
"""


def scores(argv: list[str]) -> int:
    """Shows what is known of sellers; returns the exit status."""
    parser = make_parser("airgrant scores", "How far sellers kept their word.", EXAMPLES)
    parser.add_argument("sellers", nargs="*", metavar="SELLER", help="accounts of providers to ask about")
    parser.add_argument("--wallet", type=Path, required=True, metavar="FILE", help="whose experience")
    parser.add_argument("--trust", action="append", default=[], metavar="ACCOUNT", help="its word counts")
    parser.add_argument(
        "--distrust", action="append", default=[], metavar="ACCOUNT", help="its word counts no more"
    )
    parser.add_argument(
        "--ledger",
        default=os.environ.get(LEDGER_VARIABLE),
        metavar="URL",
        help=f"ask this ledger what others say; default: {LEDGER_VARIABLE}, else what was kept",
    )
    return run_command(parser, argv, _scores)


def _scores(arguments: argparse.Namespace) -> int:
    wallet, now_s = load_wallet(arguments.wallet), read_clock().utc_s
    before = load_reputation(wallet.path)
    known = _choose(before, _read(arguments.trust), _read(arguments.distrust))
    operators = load_deposits(wallet.path)
    sellers = list(dict.fromkeys([*_read(arguments.sellers), *known.sellers]))
    if arguments.ledger is not None:
        pairs = [(one, publisher) for one in sellers for publisher in publishers_for(known, operators, None)]
        known = _ask(arguments.ledger, wallet, pairs, known, now_s)
    if known != before:
        keep_reputation(wallet.path, known)
    made = {one: score_of(known, one, None, operators, now_s) for one in sellers}
    if arguments.json:
        _print_json(known, made)
    else:
        _print(known, made)
    return DONE if known.sellers else NO


def _choose(known: Reputation, more: list[PublicKey], fewer: list[PublicKey]) -> Reputation:
    trusted = tuple(one for one in dict.fromkeys([*known.trusted, *more]) if one not in fewer)
    if len(trusted) > MAX_TRUSTED:
        raise ConfigError(f"--trust: {len(trusted)} accounts, and {MAX_TRUSTED} are asked at most")
    return replace(known, trusted=trusted)


def _ask(
    url: str, wallet: Wallet, pairs: list[tuple[PublicKey, PublicKey]], known: Reputation, now_s: int
) -> Reputation:
    if wallet.pinned is None:
        raise ConfigError(
            f"{wallet.path}: no ledger is pinned, and without one nothing that is said is proved"
        )
    asked = ask_around(url, wallet.pinned, pairs, known, now_s)
    if asked.trouble:
        stderr().print(f"not all could be asked: {asked.trouble}", markup=False)
    return asked.known


def _read(texts: list[str]) -> list[PublicKey]:
    try:
        return [PublicKey.parse(text) for text in texts]
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _print(known: Reputation, made: dict[PublicKey, Score]) -> None:
    console = Console(highlight=False)
    for seller, score in sorted(made.items(), key=lambda pair: (-pair[1].ppm, pair[0])):
        console.print(f"{seller}  {explain(score)}", soft_wrap=True)
    for one in known.trusted:
        console.print(f"{one}  its word counts", soft_wrap=True)
    if not made:
        stderr().print("nothing is known of any seller")


def _print_json(known: Reputation, made: dict[PublicKey, Score]) -> None:
    shown = [
        {
            "seller": str(seller), "ppm": score.ppm, "own_sessions": score.own_sessions,
            "own_completed": score.own_completed, "told_sessions": score.told_sessions,
            "told_completed": score.told_completed, "publishers": score.publishers,
        }
        for seller, score in made.items()
    ]  # fmt: skip
    print_json({"ok": bool(known.sellers), "sellers": shown, "trusted": [str(one) for one in known.trusted]})
