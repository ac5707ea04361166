"""`airgrant agent`: applications say what they want, and it is bought within a budget. A shell: argv, terminal.

    run      have it: buys, pays as it goes, waits, or stays with the plan         ask      what it would do now
    receipt  what a cycle cost, and what else it would have cost                   budget   how the envelopes stand

All that happens on the way goes to standard error, the answer to standard output. How it speaks, and what its exit
status means: device/console.py.
"""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from device.agent_files import load_book, read_lines
from device.agent_pages import describe_decision, read_log
from device.agent_settings import AgentSettings, Application
from device.connect_cli import Follow, add_ledger, known_deposits
from device.console import (
    DONE,
    INTERRUPTED,
    NO,
    USAGE,
    Show,
    add_way,
    complain,
    make_parser,
    plain,
    print_json,
    read_way,
    run_command,
    stderr,
)
from device.going import TIME_IS_UP, Funds, HavingInterrupted, Stay
from device.metered_choice import Manner
from device.udp import read_clock
from device.user_agent import Decided, Told, ask, load_settings, run
from device.wallet import Wallet, load_wallet
from market.agent.choosing import Choice, Decision, Weighed
from market.agent.envelopes import Budget, Envelope, advance, cycle_of, cycle_span_s, envelopes
from market.agent.quotes import PostedPrice
from market.agent.receipt import Had, Receipt, receipt_of
from wire.errors import ConfigError
from wire.units import PPM, format_duration, format_money, format_size, parse_duration

EXAMPLES = """\
usage: airgrant agent run|ask|receipt|budget [OPTION...]

Applications say what they want and what it is worth; the agent buys it within a budget that is never exceeded.

examples:
  airgrant agent ask video --wallet wallet.pem --interface wlan0          what it would do now, and why; buys nothing
  airgrant agent run video for 20m --wallet wallet.pem --interface wlan0  have it
  airgrant agent receipt --wallet wallet.pem                              this cycle, and what else it would have cost
  airgrant agent receipt --wallet wallet.pem --cycle last --json
  airgrant agent budget --wallet wallet.pem                               what is left today and in this cycle

Settings are beside the wallet (wallet.agent.toml) unless --settings says where:

  [budget]
  cycle = "4"                  # bandcoins in 30 days: nothing is signed that may come to more
  day = "0.5"
  [applications.video]
  rate = "2M/500k"
  time = "20m"
  minute = "0.02"              # what a minute of it is worth to you
  wait = "10m"                 # so long it may be put off for a better quote

docs/device.md has all of them. Ctrl-C leaves, and pays no more.

exit status: 0 had, would buy, something was bought; 1 not so; 2 usage, settings or wallet; 3 the disk, no such
interface, another agent at work; 130 Ctrl-C
"""


def agent(argv: list[str]) -> int:
    """Does what the first word says; returns the exit status."""
    commands = {"run": _parse_run, "ask": _parse_ask, "receipt": _parse_receipt, "budget": _parse_budget}
    if not argv or argv[0] in {"-h", "--help"}:
        sys.stdout.write(EXAMPLES)
        return DONE if argv else USAGE
    if argv[0] not in commands:
        stderr().print(f"airgrant agent: {plain(argv[0])} is none of {', '.join(commands)}")
        return USAGE
    parser, command = commands[argv[0]]()
    return run_command(parser, argv[1:], command)


Parsed = tuple[argparse.ArgumentParser, Callable[[argparse.Namespace], int]]


def _parse_run() -> Parsed:
    return _parse_wish("run", "Have what an application is set up for, within the budget."), _run


def _parse_ask() -> Parsed:
    return _parse_wish("ask", "Look once, and say what would be done and why. Buys nothing."), _ask


def _parse_receipt() -> Parsed:
    parser = make_parser(
        "airgrant agent receipt", "What a cycle cost, and what else it would have cost.", EXAMPLES
    )
    _add_wallet(parser)
    parser.add_argument(
        "--cycle", default="this", metavar="WHICH", help="`this`, `last`, or the number of a cycle"
    )
    return parser, _receipt


def _parse_budget() -> Parsed:
    parser = make_parser("airgrant agent budget", "How the envelopes stand.", EXAMPLES)
    _add_wallet(parser)
    return parser, _budget


def _parse_wish(name: str, text: str) -> argparse.ArgumentParser:
    parser = make_parser(f"airgrant agent {name}", text, EXAMPLES)
    parser.add_argument("wish", nargs="+", metavar="APPLICATION [for TIME]", help="as the settings call it")
    _add_wallet(parser)
    add_way(parser)
    add_ledger(parser)
    return parser


def _add_wallet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wallet", type=Path, required=True, metavar="FILE", help="the key file that `keygen` made"
    )
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="what applications want; default: wallet.agent.toml"
    )


def _load(arguments: argparse.Namespace) -> tuple[Wallet, AgentSettings]:
    wallet = load_wallet(arguments.wallet)
    return wallet, load_settings(arguments.settings or wallet.path.with_suffix(".agent.toml"))


def _read_wish(arguments: argparse.Namespace, settings: AgentSettings) -> tuple[Application, int]:
    name, *rest = " ".join(arguments.wish).split()
    application = settings.applications.get(name)
    if application is None:
        raise ConfigError(f"{name!r} is none of the applications: {', '.join(settings.applications)}")
    if not rest:
        return application, application.duration_s
    if len(rest) != 2 or rest[0] != "for":
        raise ConfigError(f"{' '.join(arguments.wish)!r} is not an application and a time: video for 20m")
    try:
        duration_s = parse_duration(rest[1])
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if not duration_s:
        raise ConfigError(f"{rest[1]!r} is over before it begins")
    return application, duration_s


# ---- run and ask


class FollowAgent:
    """Tells a person what happens, decisions too."""

    def __init__(self, show: Show) -> None:
        self._show, self._follow = show, Follow(show)

    def tell(self, told: Told) -> None:
        if not isinstance(told, Decided):
            self._follow.tell(told)
        elif told.decision.taken is None:
            self._show.note(f"{_CHOICES[told.decision.choice]}: {told.decision.why}")
            if told.decision.choice is Choice.WAIT:
                self._show.say("waiting for a better quote; Ctrl-C leaves")


_CHOICES = {
    Choice.BUY: "a grant",
    Choice.METERED: "paying as it goes",
    Choice.WAIT: "waiting",
    Choice.PLAN: "staying with the plan",
}


def _ask(arguments: argparse.Namespace) -> int:
    wallet, settings = _load(arguments)
    application, duration_s = _read_wish(arguments, settings)
    with Show(quiet=arguments.json) as show:
        show.say("looking who sells")
        funds = Funds(known_deposits(arguments, wallet, show), {}, arguments.ledger or "")
        decided = ask(wallet, read_way(arguments), settings, application, duration_s, funds, show.progress)
    decision = decided.decision
    if arguments.json:
        page = describe_decision(0, read_clock().utc_s, decided.need, decision)
        del page["number"]
        print_json({"ok": decision.taken is not None, **page})
    else:
        _print_decision(Console(highlight=False), decided)
    return DONE if decision.taken is not None else NO


def _print_decision(console: Console, decided: Decided) -> None:
    need, decision = decided.need, decided.decision
    if decision.alternatives:
        console.print(_table_of(decision))
    worth, time = format_money(need.worth_ubc), format_duration(need.duration_s)
    console.print(f"[dim]{time} of {plain(need.application)} is worth[/] {worth}")
    said = _CHOICES[decision.choice]
    place = "" if decision.taken is None else f" at {plain(decision.taken.quote.place)}"
    console.print(f"[bold]{said}[/]{place}: {plain(decision.why)}", soft_wrap=True)


def _table_of(decision: Decision) -> Table:
    """For 80 columns; --json and the log have all of it."""
    table = Table(box=None, header_style="dim")
    table.add_column("", min_width=1)
    for heading in ("access point", "how"):
        table.add_column(heading, no_wrap=True)
    for heading in ("price", "at worst", "gain"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for one in decision.alternatives:
        table.add_row(*_cells(one, taken=one is decision.taken))
    return table


def _cells(one: Weighed, *, taken: bool) -> tuple[str, ...]:
    manner = _HOW[Manner.GRANT if isinstance(one.quote.terms, PostedPrice) else Manner.METERED]
    worst = "unknown" if one.worst_ubc is None else format_money(one.worst_ubc)
    served = f"[dim]serves {one.quote.served_ppm * 100 // PPM} %[/]"
    return (
        "[green]›[/]" if taken else "", plain(one.quote.place), manner, format_money(one.expected_ubc), worst,
        format_money(one.gain_ubc), f"[yellow]{one.refused}[/]" if one.refused else served,
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    wallet, settings = _load(arguments)
    application, duration_s = _read_wish(arguments, settings)
    interrupted, decided = False, None
    with Show(quiet=arguments.json) as show:
        funds = Funds(known_deposits(arguments, wallet, show), {}, arguments.ledger or "")
        try:
            ran = run(
                wallet, read_way(arguments), settings, application, duration_s, funds, show.progress,
                tell=FollowAgent(show).tell,
            )  # fmt: skip
            stays, decided = list(ran.stays), ran.decided
        except HavingInterrupted as error:
            if error.grant or error.transaction_id:
                raise
            stays, interrupted = list(error.stays), True
    return _print_run(arguments, wallet, settings, stays, decided, interrupted=interrupted)


def _print_run(
    arguments: argparse.Namespace,
    wallet: Wallet,
    settings: AgentSettings,
    stays: list[Stay],
    decided: Decided | None,
    *,
    interrupted: bool,
) -> int:
    had = bool(stays) and stays[-1].reason == TIME_IS_UP and not interrupted
    status = INTERRUPTED if interrupted else DONE if had else NO
    reason = "interrupted" if interrupted else stays[-1].reason if stays else "not_bought"
    detail = decided.decision.why if decided is not None and not had else (stays[-1].detail if stays else "")
    left = _stand(wallet, settings)
    if arguments.json:
        print_json({
            "ok": had, "reason": reason, "detail": detail, "source": "device",
            "paid_ubc": sum(stay.paid_ubc for stay in stays), "had_s": sum(stay.seconds for stay in stays),
            "stays": [_describe_stay(stay) for stay in stays], "envelopes": _describe_envelopes(left),
        })  # fmt: skip
        return status
    if not stays and not interrupted:
        return complain(arguments, NO, "not_bought", detail)
    console = Console(highlight=False)
    if stays:
        console.print(_table_of_stays(stays))
    paid = format_money(sum(stay.paid_ubc for stay in stays))
    rest = "; ".join(f"{format_money(one.left_ubc)} left for {plain(one.name)}" for one in left)
    console.print(f"paid [bold]{paid}[/]; {rest}", soft_wrap=True)
    return status


def _table_of_stays(stays: list[Stay]) -> Table:
    table = Table(box=None, header_style="dim")
    for heading in ("access point", "how"):
        table.add_column(heading, no_wrap=True)
    for heading in ("for", "down", "up", "paid"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("ended")
    for stay in stays:
        table.add_row(
            str(stay.bssid), _HOW[stay.manner], format_duration(stay.seconds), format_size(stay.down_bytes),
            format_size(stay.up_bytes), format_money(stay.paid_ubc), plain(stay.reason),
        )  # fmt: skip
    return table


_HOW = {Manner.GRANT: "a grant", Manner.METERED: "as it goes"}


def _describe_stay(stay: Stay) -> dict[str, object]:
    return {
        "bssid": str(stay.bssid), "manner": stay.manner.value, "seconds": stay.seconds, "paid_ubc": stay.paid_ubc,
        "unknown_ubc": stay.unknown_ubc, "up_bytes": stay.up_bytes, "down_bytes": stay.down_bytes,
        "reason": stay.reason, "detail": stay.detail,
    }  # fmt: skip


# ---- receipt


def _receipt(arguments: argparse.Namespace) -> int:
    wallet, settings = _load(arguments)
    budget = settings.budget
    cycle = _read_cycle(arguments.cycle, _this_cycle(wallet, budget))
    lines = [*read_lines(wallet.path, cycle), *read_lines(wallet.path, cycle + 1)]
    had, damaged = read_log(lines)
    receipt = receipt_of(one for one in had if cycle_of(budget, one.at_s) == cycle)
    if arguments.json:
        print_json(
            {
                "ok": bool(receipt.sessions),
                "damaged_lines": damaged,
                **_describe_receipt(budget, cycle, receipt),
            }
        )
    else:
        _print_receipt(Console(highlight=False), budget, cycle, receipt)
        if damaged:
            stderr().print(f"{damaged} lines are damaged, and are not counted here; the envelopes count them")
    return DONE if receipt.sessions else NO


def _this_cycle(wallet: Wallet, budget: Budget) -> int:
    return cycle_of(budget, advance(load_book(wallet.path).book, read_clock().utc_s).latest_s)


def _read_cycle(text: str, this: int) -> int:
    named = {"this": this, "last": this - 1}
    if text in named:
        return named[text]
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"--cycle: {text!r} is neither this, last nor a number") from None


def _print_receipt(console: Console, budget: Budget, cycle: int, receipt: Receipt) -> None:
    begins_s, ends_s = cycle_span_s(budget, cycle)
    first, last = _local_date(budget, begins_s), _local_date(budget, ends_s - 1)
    console.print(f"[bold]cycle {cycle}[/], {first} to {last}")
    if not receipt.sessions:
        console.print("nothing was bought")
        return
    table = Table(box=None, header_style="dim")
    for heading in ("when", "application", "seller"):
        table.add_column(heading, no_wrap=True)
    for heading in ("for", "at worst", "paid"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("ended")
    for one in receipt.sessions:
        table.add_row(*_session_cells(budget, one))
    console.print(table)
    for total in receipt.totals:
        console.print(
            f"{plain(total.application)}: {format_money(total.paid_ubc)} in {total.sessions} "
            f"{_times(total.sessions)}, {format_duration(total.seconds)}, {format_size(total.ip_bytes)}"
        )
    console.print(f"paid [bold]{format_money(receipt.paid_ubc)}[/] in all")
    if receipt.counterfactuals:
        console.print(_counterfactual_table(receipt))


def _session_cells(budget: Budget, one: Had) -> tuple[str, ...]:
    when = datetime.fromtimestamp(one.at_s + budget.utc_offset_s, UTC).strftime("%d %b %H:%M")
    return (
        when, plain(one.application), plain(one.seller), format_duration(one.seconds), format_money(one.worst_ubc),
        format_money(one.paid_ubc), plain(one.reason),
    )  # fmt: skip


def _counterfactual_table(receipt: Receipt) -> Table:
    table = Table("what else it would have cost", box=None, header_style="dim")
    for heading in ("sessions", "would be", "was paid", "saved"):
        table.add_column(heading, justify="right")
    for one in receipt.counterfactuals:
        colour = "green" if one.saved_ubc >= 0 else "red"
        table.add_row(
            plain(one.name), str(one.sessions), format_money(one.would_ubc), format_money(one.paid_ubc),
            f"[{colour}]{format_money(one.saved_ubc)}[/]",
        )  # fmt: skip
    return table


def _describe_receipt(budget: Budget, cycle: int, receipt: Receipt) -> dict[str, object]:
    begins_s, ends_s = cycle_span_s(budget, cycle)
    return {
        "cycle": cycle, "begins_s": begins_s, "ends_s": ends_s, "paid_ubc": receipt.paid_ubc,
        "sessions": [
            {
                "at_s": one.at_s, "application": one.application, "seller": one.seller, "manner": one.manner,
                "seconds": one.seconds, "bytes": one.ip_bytes, "expected_ubc": one.expected_ubc,
                "worst_ubc": one.worst_ubc, "paid_ubc": one.paid_ubc, "reason": one.reason,
            }
            for one in receipt.sessions
        ],
        "counterfactuals": [
            {
                "name": one.name, "sessions": one.sessions, "would_ubc": one.would_ubc,
                "paid_ubc": one.paid_ubc, "saved_ubc": one.saved_ubc,
            }
            for one in receipt.counterfactuals
        ],
    }  # fmt: skip


def _times(count: int) -> str:
    return "session" if count == 1 else "sessions"


def _local_date(budget: Budget, at_s: int) -> str:
    return datetime.fromtimestamp(at_s + budget.utc_offset_s, UTC).strftime("%Y-%m-%d")


# ---- budget


def _budget(arguments: argparse.Namespace) -> int:
    wallet, settings = _load(arguments)
    stand = _stand(wallet, settings)
    book = load_book(wallet.path).book
    reserved_ubc, behind_s = sum(one.most_ubc for one in book.open), book.latest_s - read_clock().utc_s
    some = any(one.left_ubc for one in stand)
    if arguments.json:
        print_json({
            "ok": some, "envelopes": _describe_envelopes(stand), "reserved_ubc": reserved_ubc,
            "clock_behind_s": max(0, behind_s),
        })  # fmt: skip
        return DONE if some else NO
    table = Table("envelope", box=None, header_style="dim")
    for heading in ("of", "used", "left"):
        table.add_column(heading, justify="right")
    for one in stand:
        colour = "green" if one.left_ubc else "red"
        table.add_row(
            plain(one.name), format_money(one.cap_ubc), format_money(one.used_ubc),
            f"[{colour}]{format_money(one.left_ubc)}[/]",
        )  # fmt: skip
    console = Console(highlight=False)
    console.print(table)
    if reserved_ubc:
        console.print(
            f"[yellow]{format_money(reserved_ubc)} is reserved[/] for what is under way, or is not known yet"
        )
    if behind_s > 0:
        behind = f"[yellow]the clock is {behind_s} s behind the latest that it said[/]"
        console.print(f"{behind}: no new day begins before it has caught up", soft_wrap=True)
    return DONE if some else NO


def _stand(wallet: Wallet, settings: AgentSettings) -> list[Envelope]:
    book = advance(load_book(wallet.path).book, read_clock().utc_s)
    rows = [one for name in (None, *settings.applications) for one in envelopes(book, settings.budget, name)]
    return list({one.name: one for one in rows}.values())


def _describe_envelopes(rows: list[Envelope]) -> list[dict[str, object]]:
    return [
        {"name": one.name, "cap_ubc": one.cap_ubc, "used_ubc": one.used_ubc, "left_ubc": one.left_ubc}
        for one in rows
    ]
