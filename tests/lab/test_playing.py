"""What every lab that plays a story does alike: exit status, terminal, folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.playing import Finding, Lab, Told, main
from wire.errors import ShellError

HELD = Finding("nobody [loses]", True, "0 of 3")
BROKEN = Finding("nobody waits", False, "one did")


def lab(*findings: Finding, fault: BaseException | None = None) -> Lab:
    def play(told: Told) -> list[Finding]:
        told.tell("it begins")
        (told.out / "logs").mkdir(parents=True)
        if fault is not None:
            raise fault
        return list(findings)

    return Lab("lab-play", "lab.play", "A story.", play)


@pytest.mark.system  # outside of the sandbox it would begin again inside
@pytest.mark.parametrize(
    ("played", "status", "said"),
    [
        (lab(HELD), 0, "held  nobody [loses]  0 of 3"),
        (lab(HELD, BROKEN), 1, "BROKEN  nobody waits    one did"),
        (lab(fault=ShellError("broker", "is away")), 3, "lab-play: broker: is away"),
        (lab(fault=TimeoutError("no grant within 9 s")), 3, "no grant within 9 s"),
        (lab(fault=KeyboardInterrupt()), 130, "everything that was started is gone"),
    ],
)
def test_its_exit_status_says_how_it_went(
    played: Lab, status: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "of the last run").touch()
    assert main(played, ["--out", str(tmp_path)]) == status
    shown = capsys.readouterr().out
    assert "it begins" in shown
    assert said in shown
    assert list((tmp_path / "logs").iterdir()) == []


def test_help_says_how_to_run_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(lab(), ["--help"])
    assert stopped.value.code == 0
    assert "make lab-play ARGS='--out /tmp/lab-play'" in capsys.readouterr().out


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(lab(), ["--fast"])
    assert stopped.value.code == 2
    assert "unrecognized arguments: --fast" in capsys.readouterr().err
