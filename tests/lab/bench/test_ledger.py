"""The ledger's benchmark in small: its shop sells, its rival stores, and its figures have the names of the
goals.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.bench import clearing
from lab.bench.ledger import Shop, Sizes, run
from lab.postgres import find_programs
from wire.ledger_reply import read_ledger_reply


def test_the_shop_answers_each_purchase_with_a_grant(tmp_path: Path) -> None:
    with Shop(tmp_path) as shop:
        replies = shop.commit(shop.sign_purchases(5))
        assert [len(read_ledger_reply(reply).grants) for reply in replies] == [1] * 5
        shop.commit_plain([b"a", b"b"])
        assert shop.plain.execute("SELECT count(*) FROM allocations").fetchone() == (2,)


def test_a_purchase_that_fails_fails_the_benchmark(tmp_path: Path) -> None:
    with Shop(tmp_path) as shop:
        twice = shop.sign_purchases(1) * 2
        with pytest.raises(AssertionError):
            shop.commit(twice)


@pytest.mark.skipif(find_programs() is None, reason="PostgreSQL is not installed: run lab/set-up.sh")
def test_the_figures_are_those_that_have_goals(tmp_path: Path) -> None:
    said: list[str] = []
    sizes = Sizes(1, 20, 20, 5, bulks=2, clearing=clearing.Sizes(20, 5, 3), network=None)
    figures = run(said.append, sizes, tmp_path)
    goals = {figure.what: figure.goal for figure in figures if figure.goal}
    assert sorted(goals.values()) == [1, 3, 3, 3, 10, 20, 1_000, 5_000, 300_000]
    assert any("bulk" in what for what in goals)
    assert any("single" in what for what in goals)
    assert [figure.what for figure in figures if figure.value <= 0] == []
    assert len(said) == 14
    assert len([figure for figure in figures if figure.what.startswith("PostgreSQL")]) == 4
    assert list(tmp_path.iterdir()) == [], "the ledger is taken away again"
