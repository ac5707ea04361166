"""Numbers as people read them, and markup that keeps plain words plain."""

import pytest

from lab.markup import (
    bullets,
    figure,
    format_axis_rate,
    format_change,
    legend,
    percentile,
    section,
    table,
    text,
)


@pytest.mark.parametrize(("ubc", "words"), [(0, "0 BC"), (2_000_000, "+2 BC"), (-2_000_000, "−2 BC")])
def test_changes_of_money(ubc, words):
    assert format_change(ubc) == words


@pytest.mark.parametrize(("bps", "words"), [(0, "0"), (2_500_000, "2.5 M")])
def test_axis_rates(bps, words):
    assert format_axis_rate(bps) == words


def test_percentiles_are_values_that_occurred():
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (
        51.0,
        100.0,
        100.0,
    )
    assert percentile([], 0.5) == 0.0


def test_plain_words_stay_plain():
    assert text("<b>&'\"") == "&lt;b&gt;&amp;&#x27;&quot;"
    assert "<b>" not in legend(("l-x", "<b>"))
    assert "<b>" not in figure("<b>", "<b>", str, 500)


def test_a_figure_is_drawn_for_a_screen_and_for_a_telephone():
    drawn = figure("Ada", "", lambda width: f"[{width}]", 500)
    assert '<div class="wide">[500]</div><div class="narrow">[330]</div>' in drawn


def test_a_section_opens_more_only_where_there_is_more():
    assert section("A", "", "x") == "<section><h2>A</h2>x</section>"
    assert "<details><summary>all</summary>y</details>" in section("A", "b", "x", ("all", "y"))


def test_a_table_sets_numbers_to_the_right_and_knows_its_total():
    drawn = table(("who", "n"), [("Ada", "1")], numeric=(1,), total=("all", "1"), caption="c")
    assert '<td class="num">1</td>' in drawn
    assert "<tfoot><tr><td>all</td>" in drawn
    assert "<caption>c</caption>" in drawn
    with pytest.raises(ValueError, match="longer"):
        table(("who", "n"), [("Ada",)])


def test_bullets_keep_their_order():
    assert bullets(("a", "b"), "x") == '<ul class="x"><li>a</li><li>b</li></ul>'
