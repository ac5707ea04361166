"""The gas figures of PayPlace: the promised one, and that what is compared is the same work."""

from __future__ import annotations

import pytest

from lab.bench.payplace_evm import (
    GOAL_GAS,
    Missing,
    libraries,
    measure_missing,
    missing_signers,
    notarisations,
    per_merchant,
    rollup,
)
from ledger.evm.node import run_node
from ledger.evm.settlement_costs import Measured


@pytest.fixture
def _built(evm_contracts: None) -> None:
    """The contracts and the node."""


@pytest.mark.usefixtures("_built")
def test_a_notarisation_that_everybody_signs_is_within_the_goal() -> None:
    with run_node() as node:
        figures = libraries(node) + notarisations(node)
    assert all(figure.ok for figure in figures)
    assert next(figure.value for figure in figures if figure.goal == GOAL_GAS) > 150_000


@pytest.mark.usefixtures("_built")
def test_marking_is_cheaper_than_the_plain_form_and_naming_than_marking() -> None:
    with run_node(capped=False) as node:
        one, three = measure_missing(node, 1), measure_missing(node, 3)
    each = [
        (getattr(three, name) - getattr(one, name)) // 2
        for name in ("printed", "records", "marking", "naming")
    ]
    assert each == sorted(each, reverse=True)
    assert abs(one.notarising - three.notarising) < 1_000, "constant in missing signers"


def test_tables_say_what_was_measured() -> None:
    measured = [
        Missing(0, 174, 174, 0, 0, 0, 0, 174, 174),
        Missing(1, 400, 300, 180, 30, 90, 1, 174, 174),
        Missing(10, 3_000, 2_000, 900, 120, 90, 1, 174, 174),
    ]
    assert per_merchant(measured) == Measured(174, 80, 10, 100, 20), (
        "each that is one more, and to begin at all"
    )
    texts = [figure.what for figure in missing_signers(measured) + rollup(measured)]
    assert len(texts) == 4 + 7 + 7 + 14 + 3
    assert "EVM: 10 newly missing, 10 consumers each: named only, in one transaction" in texts
