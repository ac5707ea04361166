"""The `airgrant` command: finds the subcommand and hands it the rest of the line.

Each subcommand is a function `main(argv: list[str]) -> int` somewhere else, imported only when it is asked for;
this file knows its address and one line of help, and uses nothing but the standard library.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from dataclasses import dataclass

VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class Subcommand:
    """Where a subcommand lives (`module`, `function`) and what it does in one line."""

    module: str
    function: str
    help: str


SUBCOMMANDS = {
    "demo": Subcommand("lab.demo.__main__", "main", "run the main job here, with a report to look at"),
    "keygen": Subcommand("device.cli", "keygen", "make a key; its public half is your account"),
    "offer": Subcommand("ledger.cli", "offer", "read or post what a provider sells, and at what price"),
    "buy": Subcommand("device.cli", "buy", "buy a guaranteed rate from an access point and join it"),
    "bid": Subcommand("device.bid_cli", "bid", "bid for a guaranteed rate in the next auction, and join"),
    "connect": Subcommand(
        "device.connect_cli", "connect", "have a rate for a time, and pay for what is served"
    ),
    "agent": Subcommand("device.agent_cli", "agent", "let applications buy within a budget, and say why"),
    "offers": Subcommand("device.offers_cli", "offers", "list what access points around here sell"),
    "grants": Subcommand("device.offers_cli", "grants", "list what is paid for and still lasts"),
    "leave": Subcommand("device.offers_cli", "leave", "leave the Wi-Fi network that a purchase joined"),
    "deposit": Subcommand(
        "ledger.payplace.deposit_cli", "main", "put money behind channels with operators, shift it"
    ),
    "club": Subcommand("ledger.clubs.club_cli", "main", "share a band with other operators, by tokens"),
    "lease": Subcommand("operatord.lease_cli", "main", "quote spectrum to a micro-operator, check a quote"),
    "deposits": Subcommand(
        "device.connect_cli", "deposits", "list and keep what is deposited with operators"
    ),
    "scores": Subcommand("device.scores_cli", "scores", "list how far sellers kept their word"),
    "account": Subcommand("ledger.cli", "account", "show a balance, its history and its proof"),
    "report": Subcommand(
        "ledger.report_cli", "report", "verify signed meters, add them up, print statements"
    ),
    "trace": Subcommand("operatord.trace_cli", "main", "tell what became of a grant, by all who know of it"),
    "merchant": Subcommand(
        "operatord.payplace.merchant_cli", "main", "sign what an operator owes you, and withdraw it"
    ),
    "payouts": Subcommand(
        "operatord.payplace.payouts_cli", "main", "as an operator: pay merchants, a block every period"
    ),
    "ledger": Subcommand("ledger.cli", "ledger", "join a network, status, and what runs beside a ledger"),
    "pcap": Subcommand("nas_tunnel.pcap_cli", "main", "show the offers, purchases and verdicts in a capture"),
    "ran": Subcommand("ran_slicing.ran_cli", "main", "plan and check the slots of a gNB that are sold"),
    "bench": Subcommand("lab.bench.__main__", "main", "measure, and compare with the goals"),
}

EXIT_CODES = """\
exit status:
  0  done, and the answer is yes
  1  the answer is no: a verification failed, the ledger rejected it, a figure of the demo does not hold
  2  usage: the command line or a configuration is wrong
  3  the world failed: network, kernel, broker, TPM, disk
  130  interrupted
"""

EXAMPLES = """\
examples:
  airgrant demo                                             everything at once, on this machine
  airgrant keygen --out wallet.pem                          make a key, print the account
  airgrant buy --wallet wallet.pem --interface wlan0 --down 5M --at-least 10m
  airgrant report verify --help                             check a meter; status 1 if anything fails

`airgrant SUBCOMMAND --help` says more.
"""

OK, USAGE, INTERRUPTED = 0, 2, 130


def main(argv: list[str] | None = None) -> int:
    """Run `airgrant ARGV`; returns the exit status (see EXIT_CODES)."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        _say(help_text())
        return OK if arguments else USAGE
    name, *rest = arguments
    if name in {"-V", "--version"}:
        _say(f"airgrant {VERSION}\n")
        return OK
    if name not in SUBCOMMANDS:
        sys.stderr.write(f"airgrant: {unknown(name)}\n")
        return USAGE
    return run(SUBCOMMANDS[name], rest)


def run(subcommand: Subcommand, arguments: list[str]) -> int:
    """Import what the subcommand needs, and run it."""
    function = getattr(importlib.import_module(subcommand.module), subcommand.function)
    try:
        return int(function(arguments))
    except KeyboardInterrupt:
        sys.stderr.write("airgrant: interrupted\n")
        return INTERRUPTED


def help_text() -> str:
    """What `airgrant --help` prints."""
    width = max(map(len, SUBCOMMANDS))
    lines = [f"  {name:<{width}}  {subcommand.help}" for name, subcommand in SUBCOMMANDS.items()]
    return "\n".join(
        [
            "usage: airgrant SUBCOMMAND [OPTION...]",
            "",
            "Buy and sell guaranteed airtime, and check what was delivered.",
            "",
            "subcommands:",
            *lines,
            "",
            EXIT_CODES,
            EXAMPLES,
        ]
    )


def unknown(name: str) -> str:
    """One sentence about a word that is no subcommand."""
    if name.startswith("-"):
        return f"no option {name!r}: see `airgrant --help`"
    near = difflib.get_close_matches(name, SUBCOMMANDS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "see `airgrant --help`"
    return f"no subcommand {name!r}: {hint}"


def _say(text: str) -> None:
    sys.stdout.write(text)


if __name__ == "__main__":
    sys.exit(main())
