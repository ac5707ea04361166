"""`operatord box`: what is written, what is printed where, and what is refused. Broker and FreeRADIUS are away here;
tests/system/test_enrolment.py has them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from operatord.__main__ import main
from operatord.box_authority import pin_of
from operatord.boxes import Standing, enrolled
from operatord.shells.enrolment_files import EnrolmentFiles
from tests.operatord.test_settings import TEXT
from wire.invitation import hash_token, parse_invitation
from wire.keys import PrivateKey

ENROLMENT = '[enrolment]\naddress = "192.0.2.1"\n'
Box = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "operatord.toml"
    settings = TEXT.partition("[boxes.roof]")[0].replace("/var/lib/operatord", str(tmp_path / "state"))
    settings = settings.replace('host = "broker"', 'host = "127.0.0.1"\nport = 1')
    file.write_text(f"{settings}{ENROLMENT}broker_port = 1\n")
    return file


@pytest.fixture
def files(config: Path) -> EnrolmentFiles:
    return EnrolmentFiles(config.parent / "enrolment")


@pytest.fixture
def box(config: Path, capsys) -> Box:
    """(status, standard output, standard error) of one command."""

    def run(verb: str, *words: str) -> tuple[int, str, str]:
        status = main(["box", verb, str(config), *words])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_only_the_invitation_is_printed_and_its_token_is_kept_by_its_hash(
    box: Box, files: EnrolmentFiles
) -> None:
    status, line, said = box("add", "roof", "--for", "1h")
    assert (status, said) == (0, "")
    invitation = parse_invitation(line)
    (record,) = files.records()
    assert (invitation.host, invitation.port, invitation.box) == ("192.0.2.1", 8576, "roof")
    assert (record.token_hash, record.until_s) == (hash_token(invitation.token), invitation.until_s)
    assert invitation.pin == pin_of(files.open_door_key(1_790_000_000))
    assert (record.standing, files.secret_file("roof").exists()) == (Standing.INVITED, False)


def test_asked_again_before_it_enrolled_the_first_line_is_dead(box: Box, files: EnrolmentFiles) -> None:
    first, second = (parse_invitation(box("add", "roof")[1]) for _ in range(2))
    assert first.token != second.token
    assert files.records()[0].token_hash == hash_token(second.token)


def test_what_is_left_to_do_is_said_and_the_line_is_there_all_the_same(
    box: Box, files: EnrolmentFiles
) -> None:
    status, line, said = box("add", "roof", "--address", "192.0.2.7")
    assert status == 3
    assert "radius_folder is not set" in said
    assert parse_invitation(line).box == "roof"
    assert files.secret_file("roof").exists()


def test_revoking_without_the_broker_is_written_and_not_called_done(box: Box, files: EnrolmentFiles) -> None:
    box("add", "roof")
    (record,) = files.records()
    files.keep(enrolled(record, "PEM", 7))
    status, line, said = box("revoke", "roof")
    assert (status, line) == (3, "")
    assert "may still be connected" in said
    assert "shut out." not in said
    assert files.records()[0].standing is Standing.REVOKED
    assert b"X509 CRL" in files.list.read_bytes()
    assert json.loads(box("list", "--json")[1])[0]["certificates_revoked"] == 1
    assert "revoked" in box("list")[1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("add", "ledger"), "somebody else"),
        (("add", "a/b"), "1 to 20 letters"),
        (("add", "roof", "--address", "x"), "--address"),
        (("add", "roof", "--address", "fe80::1%x"), "--address"),
        (("add", "roof", "--for", "1s"), "--for"),
        (("add", "roof", "--for", "31d"), "--for"),
        (("replace", "cellar"), "ever invited"),
        (("revoke", "cellar"), "ever invited"),
        (("add", "gone"), "is revoked already"),
        (("replace", "gone"), "stays so"),
    ],
)
def test_what_is_refused_writes_nothing(
    words: tuple[str, ...], why: str, box: Box, files: EnrolmentFiles
) -> None:
    box("add", "gone")
    box("revoke", "gone")
    before = files.records()
    status, line, said = box(*words)
    assert (status, line) == (2, "")
    assert why in said
    assert files.records() == before


def test_two_boxes_have_two_addresses_and_none_is_by_hand_too(box: Box, config: Path) -> None:
    box("add", "roof", "--address", "192.0.2.7")
    assert "is box roof's" in box("add", "attic", "--address", "192.0.2.7")[2]
    hand = "[boxes.roof]" + TEXT.partition("[boxes.roof]")[2]
    config.write_text(config.read_text() + hand)
    assert "remove one of them" in box("list")[2]


def test_without_its_section_there_is_no_enrolment(box: Box, config: Path) -> None:
    config.write_text(config.read_text().replace("[enrolment]", "[unknown]"))
    assert box("list")[0] == 2
    config.write_text(config.read_text().partition("[unknown]")[0])
    assert "no such section" in box("list")[2]


def test_where_operatord_does_not_run_no_session_is_said_to_end(box: Box, files: EnrolmentFiles) -> None:
    box("add", "roof")
    box("revoke", "roof")
    said = box("replace", "roof")[2]
    assert "stays so" in said
    box("add", "attic")
    said = box("replace", "attic")[2]
    assert "operatord does not run: sessions there were told to end by nobody" in said
    assert files.records()[0].standing is Standing.INVITED


METERED = """
[metered]
address = "192.0.2.1"
floor_down = "2Mbit/s"
ceil_down = "20Mbit/s"
floor_up = "500k"
ceil_up = "5Mbit/s"
[tariffs.roof]
bssids = ["02:00:00:00:00:01"]
per_minute_ubc = 1000
"""


@pytest.mark.parametrize("metered", ["", METERED])
def test_one_damaged_record_stops_nothing_but_its_box(
    box: Box, config: Path, files: EnrolmentFiles, metered: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("roof", "yard"):
        box("add", name)
    config.write_text(config.read_text() + metered)
    file = files.folder / "box" / "roof.json"
    file.write_bytes(file.read_bytes()[:50])
    for words in ((), ("--json",)):
        status, shown, said = box("list", *words)
        assert status == 3
        assert "yard" in shown
        assert "box roof: is shut out" in said
        assert f"{file}: is no record of a box" in said
        assert "Put the file back from your copy" in said
    told = {row["name"]: row for row in json.loads(box("list", "--json")[1])}
    assert (told["yard"]["damaged"], told["roof"]["standing"]) == ("", "unknown")
    assert str(file) in told["roof"]["damaged"]

    status, line, said = box("add", "inn")
    assert (status, parse_invitation(line).box, "roof" in said) == (0, "inn", True)
    assert box("replace", "yard")[1], "an invitation"
    box("revoke", "yard")
    assert {one.name: one.standing for one in files.records()} == {
        "inn": Standing.INVITED,
        "yard": Standing.REVOKED,
    }
    for verb in ("add", "replace", "revoke"):
        status, line, said = box(verb, "roof")
        assert (status, line) == (2, "")
        assert "nothing is done with it until it is mended" in said
    (config.parent / "operator.key").write_bytes(PrivateKey.generate().to_pem())
    (config.parent / "operator.key").chmod(0o600)
    capsys.readouterr()
    assert main(["check", str(config)]) == 3
    assert "box roof: is shut out" in capsys.readouterr().err
    assert len(file.read_bytes()) == 50, "left to be looked at"


def test_a_secret_that_is_damaged_shuts_its_box_out_until_it_is_replaced(
    box: Box, files: EnrolmentFiles
) -> None:
    box("add", "roof", "--address", "192.0.2.7")
    files.secret_file("roof").write_text("3f2a")
    status, shown, said = box("list")
    assert (status, "damaged" in shown, "roof.secret: is no secret" in said) == (3, True, True)
    box("replace", "roof")
    status, shown, said = box("list")
    assert (status, said) == (0, "")
