"""`airgrant ran`: what a person sees, and the exit status."""

import airgrant
from ran_slicing.ran_cli import OK, UNSOUND, USAGE, main
from tests.ran_slicing.gnb_files import BARE, SOUND


def test_from_a_bare_file_to_one_that_can_be_sold(tmp_path, capsys):
    path = tmp_path / "gnb.yml"
    path.write_text(BARE)
    assert main(["check", "--gnb", str(path)]) == UNSOUND
    assert "WRONG" in capsys.readouterr().out
    assert main(["plan", "--gnb", str(path), "--slots", "3"]) == OK
    assert path.read_text() == BARE
    assert main(["plan", "--gnb", str(path), "--slots", "3", "--write"]) == OK
    shown = capsys.readouterr().out
    assert "+    - sst: 1" in shown
    assert 'slots = ["1-00a600", "1-00a601", "1-00a602"]' in shown
    assert (tmp_path / "gnb.yml.orig").read_text() == BARE
    assert main(["check", "--gnb", str(path)]) == OK
    assert "106 PRBs, 1000 downlink slots/s" in capsys.readouterr().out


def test_the_owners_file_stays_as_it_was_however_often_slots_are_added(tmp_path):
    path = tmp_path / "gnb.yml"
    path.write_text(BARE)
    path.chmod(0o640)
    for slots in ("2", "4"):
        assert main(["plan", "--gnb", str(path), "--slots", slots, "--write"]) == OK
    assert (tmp_path / "gnb.yml.orig").read_text() == BARE
    assert "42499" in path.read_text()
    assert {file.name for file in tmp_path.iterdir()} == {"gnb.yml", "gnb.yml.orig"}
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o640}


def test_a_lobby_that_nobody_would_be_admitted_to(tmp_path, capsys):
    path = tmp_path / "gnb.yml"
    path.write_text(BARE)
    lobby = ["--lobby", "1-0000ff"]
    assert main(["plan", "--gnb", str(path), "--write"]) == OK
    assert main(["check", "--gnb", str(path), *lobby]) == UNSOUND
    assert "lacks 1-0000ff for PLMN" in capsys.readouterr().out
    assert main(["plan", "--gnb", str(path), "--write", *lobby]) == OK
    assert 'lobby_slice = "1-0000ff"' in capsys.readouterr().out
    assert main(["check", "--gnb", str(path), *lobby]) == OK
    assert main(["plan", "--gnb", str(path), "--lobby", "1-00a600"]) == USAGE
    assert "lobby: 1-00a600 is one of the slots" in capsys.readouterr().err


def test_planning_again_says_so(tmp_path, capsys):
    path = tmp_path / "gnb.yml"
    path.write_text(SOUND)
    assert main(["plan", "--gnb", str(path), "--slots", "2"]) == OK
    assert "127.0.0.1" in capsys.readouterr().out  # the address is written down
    main(["plan", "--gnb", str(path), "--slots", "2", "--write"])
    capsys.readouterr()
    assert main(["plan", "--gnb", str(path), "--slots", "2"]) == OK
    assert "has these slots already" in capsys.readouterr().out


def test_several_files_and_a_network(tmp_path, capsys):
    base, more = tmp_path / "gnb.yml", tmp_path / "more.yml"
    base.write_text(SOUND)
    more.write_text("remote_control:\n  bind_addr: 10.53.1.3\n")
    files = ["--gnb", str(base), "--gnb", str(more)]
    assert main(["check", *files]) == UNSOUND
    assert main(["check", *files, "--network", "10.53.1.0/24"]) == OK
    assert "ws://10.53.1.3:8001" in capsys.readouterr().out


def test_what_cannot_be_read(tmp_path, capsys):
    path = tmp_path / "gnb.yml"
    path.write_text("a: &x 1\n")
    assert main(["check", "--gnb", str(path)]) == USAGE
    assert main(["check", "--gnb", str(tmp_path / "none.yml")]) == USAGE
    assert main(["plan", "--gnb", str(path), "--slots", "0"]) == USAGE
    errors = capsys.readouterr().err
    assert "gnb.yml:1: " in errors
    assert "none.yml" in errors
    assert "slots: 0 is outside" in errors


def test_the_command_finds_it():
    assert airgrant.SUBCOMMANDS["ran"].module == "ran_slicing.ran_cli"
