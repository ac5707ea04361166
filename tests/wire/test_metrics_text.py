"""The exposition format: what is written, and what is refused; Prometheus itself reads it in tests/system."""

import pytest

from wire.metrics_text import Buckets, Family, Kind, Sample, count_words, format_metrics


def gauge(*samples: Sample, name: str = "airgrant_box_sessions", told: str = "Sessions.") -> Family:
    return Family(name, Kind.GAUGE, told, samples)


def test_a_page_as_prometheus_wants_it():
    counter = Family(
        "airgrant_box_refused_total",
        Kind.COUNTER,
        "What was\nrefused \\ why.",
        (Sample(3, (("reason", "a"),)),),
    )
    assert format_metrics([gauge(Sample(2), Sample(1, (("phase", "active"),))), counter]) == (
        "# HELP airgrant_box_sessions Sessions.\n"
        "# TYPE airgrant_box_sessions gauge\n"
        "airgrant_box_sessions 2\n"
        'airgrant_box_sessions{phase="active"} 1\n'
        "# HELP airgrant_box_refused_total What was\\nrefused \\\\ why.\n"
        "# TYPE airgrant_box_refused_total counter\n"
        'airgrant_box_refused_total{reason="a"} 3\n'
    )
    assert format_metrics([]) == ""


def test_a_label_cannot_end_its_line():
    page = format_metrics([gauge(Sample(1, (("reason", 'a"} 9\nevil 1 \\'),)))])
    assert page.splitlines()[2] == 'airgrant_box_sessions{reason="a\\"} 9\\nevil 1 \\\\"} 1'


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [(1_250, 3, "1.25"), (-5, 2, "-0.05"), (7, 0, "7"), (3_000, 3, "3"), (0, 6, "0"), (2**64, 0, str(2**64))],
)
def test_numbers_are_exact(value, decimals, written):
    assert format_metrics([gauge(Sample(value, (), decimals))]).split()[-1] == written


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Airgrant", Kind.GAUGE),
        ("airgrant__box", Kind.GAUGE),
        ("airgrant:box", Kind.GAUGE),
        ("", Kind.GAUGE),
        ("9boxes", Kind.GAUGE),
        ("airgrant_box\n", Kind.GAUGE),
        ("airgrant_refused", Kind.COUNTER),
        ("airgrant_refused_total", Kind.GAUGE),
        ("airgrant_refused_count", Kind.GAUGE),
        ("airgrant_wait_ms", Kind.GAUGE),
        ("airgrant_rate_bps", Kind.GAUGE),
        ("airgrant_rate_bits_per_second", Kind.GAUGE),
    ],
)
def test_a_name_that_says_something_else_is_refused(name, kind):
    with pytest.raises(ValueError, match=r"not a name|base unit|not called so"):
        Family(name, kind, "What.", ())


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ((Sample(1), Sample(2)), "twice"),
        ((Sample(1, (("a", "1"), ("b", "2"))), Sample(2, (("b", "2"), ("a", "1")))), "twice"),
        ((Sample(1, (("a", "1"), ("a", "2"))),), "twice"),
        ((Sample(1, (("le", "1"),)),), "out of place"),
        ((Sample(1, (("__name__", "1"),)),), "not the name of a label"),
        ((Sample(1, (("a", "x" * 65),)),), "more than 64"),
        ((Sample(1, suffix="_sum"),), "is not of a gauge"),
    ],
)
def test_samples_that_prometheus_would_not_take(samples, reason):
    with pytest.raises(ValueError, match=reason):
        gauge(*samples)


def test_counters_do_not_count_below_nothing():
    with pytest.raises(ValueError, match="below 0"):
        Family("airgrant_x_total", Kind.COUNTER, "X.", (Sample(-1),))


def test_nothing_comes_twice_or_without_a_word():
    with pytest.raises(ValueError, match="comes twice"):
        format_metrics([gauge(Sample(1)), gauge(Sample(2))])
    with pytest.raises(ValueError, match="nothing says"):
        gauge(told=" ")


def test_a_histogram_is_cumulative_and_in_seconds():
    buckets = Buckets((5, 100))
    for duration_ns in (5_000_000, 5_000_001, 2_000_000_000):
        buckets = buckets.with_one(duration_ns)
    page = format_metrics([Family("airgrant_wait_seconds", Kind.HISTOGRAM, "W.", buckets.samples())])
    assert page.splitlines()[2:] == [
        'airgrant_wait_seconds_bucket{le="0.005"} 1',
        'airgrant_wait_seconds_bucket{le="0.1"} 2',
        'airgrant_wait_seconds_bucket{le="+Inf"} 3',
        "airgrant_wait_seconds_sum 2.010000001",
        "airgrant_wait_seconds_count 3",
    ]
    assert Buckets((1,)).samples()[-1].value == 0, "before anything lasted"


def test_sentences_become_words_and_what_is_nobodys_word_is_counted_only():
    counted = {"Interim-Update": 1, "enrolment: DecodeError": 2, "lost with the broker": 3, "decode_error": 4}
    counted |= {"02ab" * 8: 10, "aa:bb:cc:dd:ee:ff": 10, 'x"} 1\n': 10, "ü": 10, "a" * 49: 10, "": 10}
    family = count_words("airgrant_x_total", "what", counted, "X.")
    assert {sample.labels[0][1]: sample.value for sample in family.samples} == {
        "interim_update": 1,
        "enrolment_decode_error": 2,
        "lost_with_the_broker": 3,
        "decode_error": 4,
        "other": 60,
    }
