"""Command lines for iperf3 and what is made of its JSON."""

import json

import pytest

from lab.traffic import LatencyReport, LatencySample, Stream, client_argv, parse_iperf, parse_ping
from wire.errors import ShellError

DOWN = Stream("ada", "down", "tcp", duration_s=2)
UP = Stream("ada", "up", "udp", duration_s=2, rate_bps=5_000_000)


def interval(start, bps, **more):
    return {"sum": {"start": start, "seconds": 0.5, "bits_per_second": bps, **more}}


def test_downlink_is_pulled_by_the_station():
    words = client_argv(DOWN, "10.79.0.2", 5201)
    assert words[:5] == ["iperf3", "--client", "10.79.0.2", "--port", "5201"]
    assert "--reverse" in words
    assert "--bitrate" not in words


def test_udp_uplink_asks_the_receiver_for_its_rows():
    words = client_argv(UP, "10.79.0.2", 5201)
    assert "--get-server-output" in words
    assert words[words.index("--bitrate") + 1] == "5000000"


def test_rows_carry_times_of_the_machine():
    text = json.dumps(
        {"intervals": [interval(0, 4e6), interval(0.5, 6e6)], "end": {"sum_received": {"bytes": 625_000}}}
    )
    report = parse_iperf(text, DOWN, started_s=100.0)
    assert [row.t_s for row in report.rows] == [100.0, 100.5]
    assert report.payload_bps == 5e6
    assert (report.received_payload_bytes, report.cut) == (625_000, "")


def test_the_receivers_rows_win_over_the_senders():
    server = {"intervals": [interval(0, 1e6, jitter_ms=0.2, lost_packets=5, packets=10)]}
    text = json.dumps({"intervals": [interval(0, 9e6, packets=10)], "server_output_json": server})
    row = parse_iperf(text, UP, 0.0).rows[0]
    assert (row.payload_bps, row.jitter_ms, row.lost_packets, row.packets) == (1e6, 0.2, 5, 10)


def test_a_cut_stream_keeps_what_it_had():
    text = json.dumps({"intervals": [interval(0, 8e6)], "end": {}, "error": "interrupt"})
    report = parse_iperf(text, DOWN, 0.0)
    assert (report.cut, report.received_payload_bytes) == ("interrupt", 500_000)


@pytest.mark.parametrize("text", ["", "iperf3: not found", json.dumps({"error": "unable to connect"})])
def test_a_stream_without_rows_is_an_error(text):
    with pytest.raises(ShellError, match="iperf3 ada"):
        parse_iperf(text, DOWN, 0.0)


def test_a_stream_without_time_has_no_rate():
    assert parse_iperf(json.dumps({"intervals": []}), DOWN, 0.0).payload_bps == 0


def test_a_growing_log_of_pings_is_read_up_to_its_last_whole_line():
    growing = parse_ping("1 5.000000 0.400\n3 5.020000 0.500\n4 5.03")
    assert growing == LatencyReport((LatencySample(5.0, 0.4), LatencySample(5.02, 0.5)), lost=1)


def test_a_finished_log_of_pings_counts_all_losses():
    assert parse_ping("1 5.0 0.4\nsent 4\n").lost == 3
    assert parse_ping("") == LatencyReport((), 0)


def test_iperf_that_complains_before_its_json_is_read_all_the_same() -> None:
    """iperf3 3.16 (Ubuntu 24.04) prints a line of its own when it is cut."""
    text = 'iperf_json_finish: pthread_mutex_lock: Success\n{"intervals": [], "end": {}}'
    assert parse_iperf(text, Stream("cut", "down", "tcp", 1.0), 0.0).rows == ()
