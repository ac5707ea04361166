"""Every command of ours on every page is one that the present parsers take."""

from __future__ import annotations

import pytest

from tests.docs.markdown import Command, commands, pages, read_page
from tests.docs.parsing import complaint


@pytest.mark.parametrize("page", pages())
def test_the_parsers_take_every_command_of_the_page(page) -> None:
    wrong = [f"{one}\n    {said}" for one in commands(page, read_page(page)) if (said := complaint(one))]
    assert not wrong, "\n".join(wrong)


def test_commands_are_found() -> None:
    """As many as there were when this was written, or more: a reader of pages that finds nothing finds no fault."""
    assert sum(len(commands(page, read_page(page))) for page in pages()) > 300


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("airgrant offer --prices 3", "unrecognized arguments: --prices 3"),
        ("airgrant report verifies FILE", "verifies"),
        ("airgrant ofer post", "did you mean 'offer'?"),
        ("airgrant buy --wallet w.pem --interface wlan0 --downs 5M", "unrecognized arguments: --downs 5M"),
        ("airgrant buy --wallet w.pem --interface wlan0 --down fast", "--down"),
        ("airgrant buy --interface wlan0 --down 5M", "required: --wallet"),
        ("airgrant ledger usage pay GRANT --key alice.key --bil FILE ...", ""),
        ("airgrant ledger usage pay GRANT --key alice.key --invoice FILE ...", "--invoice"),
        ("airgrant account refund ... --keep", "has no option --keep"),
        ("apd serve CONFIG", "invalid choice: 'serve'"),
        ("operatord hostapd CONFIG --nas roof", "required: --box"),
        ("make lab-wlan", "no goal lab-wlan"),
        ("make bench NAME=wires", "no benchmark wires"),
        ("make lab-ran ARGS=--fast", "unrecognized arguments: --fast"),
        ("make test ARGS='tests/wired -k offer'", "no tests/wired"),
        ("lab/compose/run.sh start", "knows no start"),
        ("lab/nothing.sh", "no file"),
        (".venv/bin/python -m lab.nothing", "no module lab.nothing"),
        (".venv/bin/python -m lab.ran.gnb_process --ports 8001", "--ports"),
    ],
)
def test_a_stale_command_is_named(line, says) -> None:
    (found,) = commands("page.md", f"Say:\n\n    {line}\n")
    said = complaint(found)
    assert (says in said) if says else not said, said


def test_a_line_is_read_as_a_shell_reads_it() -> None:
    page = """Text `airgrant keygen` and `make
    check`, `airgrant payplace voucher 1`.

    door="--authority a.pem --certificate"
    airgrant keygen --out b.key && issue b   # a key | of ours
    airgrant account create --key b.key $door \\
        b.pem | tee said > file
    [Service]
    ExecStart=/opt/bin/apd run /etc/apd.toml
"""
    door = ("--authority", "a.pem", "--certificate", "b.pem")
    assert commands("p.md", page) == [
        Command("p.md", 5, ("airgrant", "keygen", "--out", "b.key"), inline=False),
        Command("p.md", 6, ("airgrant", "account", "create", "--key", "b.key", *door), inline=False),
        Command("p.md", 9, ("apd", "run", "/etc/apd.toml"), inline=False),
        Command("p.md", 1, ("airgrant", "keygen"), inline=True),
        Command("p.md", 1, ("make", "check"), inline=True),
    ]  # fmt: skip
