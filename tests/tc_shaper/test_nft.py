"""The `nft` program as it answers here: what it prints, what it refuses, and what may be missing."""

import pytest

from tc_shaper.nft import run_nft
from wire.errors import ShellError

TABLE = "table inet nft_test"


@pytest.mark.system
def test_a_table_is_loaded_listed_and_taken_away(needs) -> None:
    needs("nft")
    run_nft(f"{TABLE} {{\n set idle {{ type ipv4_addr; elements = {{ 10.45.0.2 }}; }}\n}}\n")
    try:
        assert "10.45.0.2" in run_nft(f"list {TABLE}")
        assert "10.45.0.2" not in run_nft(f"list {TABLE}", "--terse")
    finally:
        run_nft(f"delete {TABLE}\n")
    assert run_nft(f"list {TABLE}", missing_is_fine=True) == ""
    with pytest.raises(ShellError, match="No such file"):
        run_nft(f"list {TABLE}")


@pytest.mark.system
def test_what_it_does_not_understand_it_says_in_its_own_words(needs) -> None:
    needs("nft")
    with pytest.raises(ShellError, match="syntax error") as refused:
        run_nft("table table\n", missing_is_fine=True)
    assert refused.value.what == "nft"


def test_without_the_program_the_package_is_named(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ShellError, match="package nftables"):
        run_nft("list ruleset\n")
