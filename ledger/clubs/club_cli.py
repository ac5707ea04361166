"""`airgrant club`: founds a club of operators that share a band by tokens, shows it, and spends its tokens.

A shell: argv, terminal, key files, the ledger over HTTP and MQTT. Speaks as `airgrant account` does (ledger/cli.py).
Reference: token sharing (002), II D.
"""

import argparse
from collections.abc import Sequence

from rich.table import Table

from ledger.cli import (
    EXIT_CODES,
    add_reading_options,
    add_subcommand,
    add_submitting_options,
    command_parser,
    parse_account,
    reader_of,
    run_options,
    show_page,
    submit_action,
    typed,
    whole_number,
    with_default,
)
from ledger.clubs.pages import ClubListPage, ClubPage, ClubRow
from market.tokens.quantum import MS_PER_S, PRESETS, Quantum
from wire.band import MAX_KHZ
from wire.club_actions import MAX_CLUB_NUMBER, FoundClub, SpendTokens
from wire.errors import ConfigError
from wire.keys import PrivateKey
from wire.units import U32_MAX, parse_duration

_NUMBER, _TOKENS = typed(whole_number, 0, MAX_CLUB_NUMBER), typed(whole_number, 1)
EXAMPLES = f"""\
examples:
  airgrant club found 1 02c1...9f 03ab...11 --tokens 900 --token carrier --key regulator.pem ...
  airgrant club show 02dd...07                               the clubs of this founder
  airgrant club show 02dd...07 1                             one of them: who has how many tokens
  airgrant club spend 02dd...07 1 30 --key roof.pem ...      30 tokens, in equal parts to the others
  airgrant club spend 02dd...07 1 --khz 20000 --for 1m --key roof.pem ...    what 20 MHz for a minute cost, rounded up

A token is so many kHz for one second: `carrier` 18000, `rb` 180, or a number. Its members and what a token is are fixed
when a club is founded. Tokens have no price; who has none left waits until others spend.

{EXIT_CODES}"""


def main(argv: list[str]) -> int:
    """`airgrant club`; returns the exit status."""
    parser, commands = command_parser("airgrant club", "Operators that share a band by tokens.", EXAMPLES)
    found = add_subcommand(commands, "found", "found a club under a number of yours", _found)
    found.add_argument("number", type=_NUMBER, metavar="NUMBER", help="0 to 255")
    found.add_argument("members", nargs="+", type=parse_account, metavar="MEMBER")
    found.add_argument(
        "--tokens", type=_TOKENS, required=True, metavar="N", help="that each member begins with"
    )
    found.add_argument(
        "--token",
        type=read_quantum,
        required=True,
        metavar="KHZ",
        help="kHz for one second: carrier, rb or a number",
    )
    add_submitting_options(found)
    show = add_subcommand(commands, "show", "who has how many tokens", _clubs)
    show.add_argument("founder", type=parse_account, metavar="FOUNDER")
    show.add_argument("number", type=_NUMBER, nargs="?", metavar="NUMBER")
    add_reading_options(show)
    spend = add_subcommand(commands, "spend", "pay the others for what you use of the band", _spend)
    spend.add_argument("founder", type=parse_account, metavar="FOUNDER")
    spend.add_argument("number", type=_NUMBER, metavar="NUMBER")
    spend.add_argument("tokens", type=_TOKENS, nargs="?", metavar="TOKENS", help="or --khz and --for")
    spend.add_argument("--khz", type=typed(whole_number, 1, MAX_KHZ), help="how much of the band")
    spend.add_argument("--for", dest="duration_s", type=typed(parse_duration), help="for how long: 10s, 1m")
    add_submitting_options(spend)
    return run_options(parser, with_default(argv, commands, "show"))


def read_quantum(text: str) -> Quantum:
    """`carrier`, `rb` or kHz x s. Raises argparse.ArgumentTypeError."""
    if text in PRESETS:
        return PRESETS[text]
    try:
        khz_s = whole_number(text)
    except ValueError:
        khz_s = 0
    if not 0 < khz_s <= U32_MAX:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither {', '.join(PRESETS)} nor a number of kHz, 1 to {U32_MAX}"
        )
    return Quantum(khz_s)


def _found(options: argparse.Namespace) -> int:
    keys = b"".join(member.octets for member in options.members)
    return submit_action(
        options, lambda _key: FoundClub(options.number, options.token.khz_s, options.tokens, keys)
    )


def _spend(options: argparse.Namespace) -> int:
    tokens = _charge(options)

    def spend(_key: PrivateKey) -> SpendTokens:
        return SpendTokens(options.founder, options.number, tokens)

    return submit_action(options, spend)


def _charge(options: argparse.Namespace) -> int:
    """What was typed, or what so much of the band costs in this club. Raises ConfigError."""
    given = [options.tokens is not None, options.khz is not None, options.duration_s is not None]
    if given == [True, False, False]:
        return int(options.tokens)
    if given != [False, True, True]:
        raise ConfigError("spend takes a number of tokens, or --khz and --for")
    page = reader_of(options).read(ClubPage, f"clubs/{options.founder}/{options.number}")
    return Quantum(page.quantum_khz_s).charge(options.khz, options.duration_s * MS_PER_S)


def _clubs(options: argparse.Namespace) -> int:
    reader, about = reader_of(options), f"clubs/{options.founder}"
    if options.number is not None:
        club = reader.read(ClubPage, f"{about}/{options.number}")
        return show_page(options, {"clubs": [club.model_dump()]}, lambda: [_table(club)])
    rows = list(reader.listed(ClubListPage, "clubs", about))
    return show_page(options, {"clubs": [row.model_dump() for row in rows]}, lambda: [_list_table(rows)])


def _list_table(rows: Sequence[ClubRow]) -> Table:
    table = Table("club", "members", "a token is, for 1 s", box=None, header_style="dim")
    for row in rows:
        table.add_row(str(row.number), str(row.member_count), f"{row.quantum_khz_s:,} kHz")
    return table


def _table(club: ClubPage) -> Table:
    title = f"club {club.number}: a token is {club.quantum_khz_s:,} kHz for 1 s"
    table = Table("member", "tokens", box=None, header_style="dim", title=title, title_justify="left")
    for member in club.members:
        table.add_row(member.account, f"{member.tokens:,}")
    return table
