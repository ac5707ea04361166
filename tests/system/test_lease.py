"""`airgrant lease pay` and `lease verify --transfer` against a real ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger import cli
from operatord.lease_cli import main
from wire.keys import PrivateKey

pytestmark = pytest.mark.system
BAND = ["--users", "1", "--top", "0.001", "--unit", "1000", "--band", "3700000-3900000/200000"]


def test_one_transfer_takes_one_quote(house, provider, buyer, tmp_path: Path, capsys) -> None:
    def door(key: PrivateKey) -> list[str]:
        files = house.authority.issue_client(str(key.public), key.key)
        return [
            "--key", str(files.key), "--broker", f"127.0.0.1:{house.port}", "--authority", str(files.authority),
            "--certificate", str(files.certificate), "--ledger", house.reader.url,
        ]  # fmt: skip

    def quote(name: str, lasts: str) -> str:
        pem, file = tmp_path / "holder.pem", str(tmp_path / name)
        pem.write_bytes(provider.to_pem())
        signing = ["--lessee", str(buyer.public), "--for", lasts, "--key", str(pem), "--out", file]
        assert main(["quote", *BAND, *signing, "--ledger", house.reader.url]) == 0
        return file

    def verify(file: str) -> int:
        capsys.readouterr()
        taken = ["--transfer", transfer, "--ledger", house.reader.url]
        return main(["verify", file, "--provider", str(provider.public), *taken, "--json"])

    def balance() -> int:
        capsys.readouterr()
        assert cli.account([str(buyer.public), "--json", "--ledger", house.reader.url]) == 0
        return int(json.loads(capsys.readouterr().out)["balance_ubc"])

    one, other, transfer = quote("one.quote", "1h"), quote("other.quote", "2h"), str(tmp_path / "transfer")
    paying = ["pay", one, "--provider", str(provider.public), "--out", transfer]
    before = balance()
    assert main([*paying, *door(provider)]) == 1
    assert "whose key takes it" in capsys.readouterr().err
    for _ in range(2):
        assert main([*paying, *door(buyer)]) == 0
    assert verify(one) == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["duration_s"], page["height"] > 0) == (3_600, True)
    assert balance() == before - page["price_ubc"]
    assert verify(other) == 1
    assert "for something else" in capsys.readouterr().err
