"""Every fault of the register stands on the page with the tests of its name."""

from __future__ import annotations

from lab.papers.faults import FAULTS, read_faults, read_tests, tests_by_fault

tests_by_fault.__test__ = False  # type: ignore[attr-defined]  # pytest takes its name for a test


def test_the_register_is_whole() -> None:
    wanted = {"B": 6, "M": 3, "T": 3, "S": 9, "U": 11, "P": 11}
    assert [fault.id for fault in FAULTS] == [
        f"{row}{n}" for row, last in wanted.items() for n in range(1, last + 1)
    ]
    assert {fault.severity for fault in FAULTS} == {"H", "M", "L"}


def test_a_test_belongs_to_the_fault_that_it_is_named_after() -> None:
    text = "def test_u4_oversells() -> None:\n    pass\n\n\ndef test_p256_is_a_curve():\n    pass\n"
    text += "\ndef test_u10_lies():\n"
    found = tests_by_fault({"tests/a.py": text, "tests/b.py": "def test_u4_again(): pass\n"})
    assert [(each.path, each.line, each.name) for each in found["U4"]] == [
        ("tests/a.py", 1, "test_u4_oversells"),
        ("tests/b.py", 1, "test_u4_again"),
    ]
    assert found.keys() == {"U4", "U10"}


def test_the_grave_ones_have_tests() -> None:
    """Those of the mechanisms that run on the box and the ledger, at least."""
    named = tests_by_fault(read_tests())
    grave = {fault.id for fault in FAULTS if fault.severity == "H" and fault.id[0] in "BMTUP"} - {"U11"}
    assert grave - named.keys() == set()


def test_every_fault_of_a_market_has_a_test() -> None:
    named = tests_by_fault(read_tests())
    assert {fault.id for fault in FAULTS if fault.id[0] in "BMTSU"} - named.keys() == set()


def test_what_has_no_test_may_say_where_it_is() -> None:
    text = "[P11]\nseverity='L'\nwhere='w'\nwhat='x'\nexample='y'\nours='z'\nelsewhere='the page'\n"
    assert read_faults(text)[0].elsewhere == "the page"
