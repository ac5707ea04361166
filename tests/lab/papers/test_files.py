"""What stands on the page is in the data beside it."""

from __future__ import annotations

import csv
import json

from lab.papers.exhibit import Verdict
from lab.papers.files import chosen_rows, count_verdicts, data_files, stem_of
from lab.papers.registry import CLAIMS, assemble
from tests.lab.papers.paper_world import FINDING, RUN

EXHIBITS = assemble({"003/figure-3.4": FINDING})


def test_every_exhibit_has_a_file_and_its_tables_and_charts_too() -> None:
    files = data_files(EXHIBITS, RUN)
    assert {f"{stem_of(each)}.json" for each in EXHIBITS} <= files.keys()
    page = json.loads(files["003-figure-3.4.json"])
    assert (page["verdict"], page["seeds"], page["calibrated"]) == ("shape reproduced", 20, ["sigma"])
    table = list(csv.reader(files["003-figure-3.4-table-1.csv"].splitlines()))
    assert table == [["name", "value"], ["a", "1"], ["b", ""], ["c", "12345.0"]]
    chart = list(csv.reader(files["003-figure-3.4-chart-1.csv"].splitlines()))
    assert chart[1] == ["ours", "", "1.0", "2.0", "1.0", "3.0"]
    assert chart[-1] == ["the text", "yes", "10.0", "4.0", "3.0", "5.0"]


def test_the_summary_counts_and_says_synthetic() -> None:
    summary = json.loads(data_files(EXHIBITS, RUN)["summary.json"])
    assert summary["synthetic"] is True
    assert summary["verdicts"]["shape reproduced"] == 1
    assert sum(summary["verdicts"].values()) == len(CLAIMS)
    assert summary["exhibits"]["003/figure-3.3"] == {
        "verdict": "cannot be reproduced",
        "reason": "not built yet",
    }
    assert count_verdicts(EXHIBITS)[Verdict.CANNOT] == len(CLAIMS) - 1


def test_every_free_parameter_is_in_one_file() -> None:
    assert chosen_rows(EXHIBITS) == [("003/figure-3.4", "n", "8", "the text has none")]
    assert "003/figure-3.4,n,8,the text has none" in data_files(EXHIBITS, RUN)["parameters.csv"]
