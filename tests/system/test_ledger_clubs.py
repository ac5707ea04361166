"""`airgrant club` against a real ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger.clubs.club_cli import main, read_quantum
from market.tokens.quantum import CARRIER, RESOURCE_BLOCK, Quantum
from wire.keys import PrivateKey

pytestmark = pytest.mark.system


def test_a_club_from_the_command_line(house, provider, buyer, tmp_path: Path, capsys) -> None:
    members = [str(key.public) for key in (provider, buyer)]

    def door(key: PrivateKey) -> list[str]:
        files = house.authority.issue_client(str(key.public), key.key)
        return [
            "--key", str(files.key), "--broker", f"127.0.0.1:{house.port}", "--authority", str(files.authority),
            "--certificate", str(files.certificate), "--ledger", house.reader.url,
        ]  # fmt: skip

    def balances() -> list[int]:
        assert main([members[0], "7", "--json", "--ledger", house.reader.url]) == 0
        (club,) = json.loads(capsys.readouterr().out)["clubs"]
        return [member["tokens"] for member in club["members"]]

    founding = ["found", "7", *members, "--tokens", "900", "--token", "carrier"]
    assert main([*founding, *door(provider)]) == 0
    assert "executed in block" in capsys.readouterr().out
    assert balances() == [900, 900]
    assert main([*founding, *door(provider)]) == 1
    assert "club_exists" in capsys.readouterr().out
    assert main(["spend", members[0], "7", "--khz", "540000", "--for", "10s", *door(buyer)]) == 0
    capsys.readouterr()
    assert balances() == [1_200, 600]
    assert main(["spend", members[0], "7", "601", *door(buyer)]) == 1
    assert "too_few_tokens: 600 tokens, 601 needed" in capsys.readouterr().out
    assert main(["spend", members[0], "7", "200", *door(provider)]) == 0
    capsys.readouterr()
    assert balances() == [1_000, 800]
    assert main([members[0], "--ledger", house.reader.url]) == 0
    assert "18,000 kHz" in capsys.readouterr().out
    assert main([members[0], "7", "--ledger", house.reader.url]) == 0
    assert "club 7: a token is 18,000 kHz for 1 s" in capsys.readouterr().out
    for wrong in (["--khz", "5"], ["5", "--khz", "5", "--for", "1s"], [], ["--khz", "-5", "--for", "1s"]):
        assert main(["spend", members[0], "7", *wrong, *door(buyer)]) == 2
    assert main(["found", "256", *members, "--tokens", "1", "--token", "rb", *door(provider)]) == 2
    assert "256 is outside 0..255" in capsys.readouterr().err
    assert main([members[0], "8", "--ledger", house.reader.url]) == 1
    assert "has founded no club 8" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["", "0", "-1", "20M", "carriers", "٣", "9" * 15, "9" * 30])
def test_what_is_no_token(wrong: str, capsys) -> None:
    argv = ["found", "1", "02" + "11" * 32, "--tokens", "1", f"--token={wrong}"]
    assert main(argv) == 2
    assert "is neither carrier, rb nor a number of kHz" in capsys.readouterr().err


def test_what_is_a_token() -> None:
    assert [read_quantum(text) for text in ("carrier", "rb", "1000")] == [
        CARRIER,
        RESOURCE_BLOCK,
        Quantum(1_000),
    ]
