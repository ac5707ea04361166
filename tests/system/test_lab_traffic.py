"""Real traffic gives typed rows, and three counts that share nothing agree on it."""

import os
import time

import pytest

from lab.air import BOX_V4, lab
from lab.counters import ByteCounter, Witness
from lab.processes import Household, wait_until
from lab.traffic import Stream, TrafficServers, latency, ping_once, start_flood, start_latency_probe
from lab.world import WORLD_V4, WORLD_V6
from wire.errors import ShellError

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        os.environ.get("AIRGRANT_SANDBOX") != "1", reason="needs network namespaces: lab/sandbox.sh"
    ),
]

AIR_BPS = 30_000_000


@pytest.fixture(scope="module")
def network():
    with lab(2, downlink_bps=AIR_BPS, uplink_bps=AIR_BPS) as made:
        yield made


@pytest.fixture
def home(tmp_path):
    with Household(tmp_path) as household:
        yield household


@pytest.fixture
def station(network):
    return network.station(1)


@pytest.mark.parametrize("direction", ["down", "up"])
@pytest.mark.parametrize("server", [WORLD_V4, WORLD_V6])
def test_tcp_fills_the_air_and_the_counts_agree(network, home, station, direction, server):
    stream = Stream("fill", direction, "tcp", duration_s=1.5)
    with ByteCounter(station.namespace, "wlan0") as counter, Witness(network.operator) as witness:
        before = counter.read()
        report = (
            TrafficServers(home, network.world, str(server.ip))
            .start_stream(station.namespace, stream)
            .finish()
        )
        after = counter.read()
        address = station.v4 if server.version == 4 else station.v6
        seen = witness.read()[str(address.ip)]
    at_station = {
        "down": after.rx_ip_bytes - before.rx_ip_bytes,
        "up": after.tx_ip_bytes - before.tx_ip_bytes,
    }[direction]
    at_operator = {"down": seen.to_bytes, "up": seen.from_bytes}[direction]
    assert report.payload_bps > AIR_BPS * 0.85
    assert at_operator == pytest.approx(at_station, rel=0.05), "what a full queue drops is in one count only"
    assert report.received_payload_bytes < at_station
    assert report.cut == ""


@pytest.mark.parametrize("direction", ["down", "up"])
def test_udp_rows_are_those_of_the_receiver(network, home, station, direction):
    """Offered twice what the air carries: the receiver counts half lost, the sender would count nothing lost."""
    stream = Stream("half", direction, "udp", duration_s=2, rate_bps=2 * AIR_BPS)
    report = (
        TrafficServers(home, network.world, str(WORLD_V4.ip)).start_stream(station.namespace, stream).finish()
    )
    lost = sum(row.lost_packets or 0 for row in report.rows)
    packets = sum(row.packets or 0 for row in report.rows)
    assert lost / packets == pytest.approx(0.5, abs=0.06)
    assert report.payload_bps == pytest.approx(AIR_BPS * 1400 / 1442, rel=0.06)
    assert all(row.jitter_ms is not None for row in report.rows)
    assert len(report.rows) in (4, 5)


def test_a_stream_that_is_cut_keeps_its_rows(network, home, station):
    stream = Stream("long", "down", "tcp", duration_s=60)
    with ByteCounter(station.namespace, "wlan0") as counter:
        before = counter.read().rx_ip_bytes
        running = TrafficServers(home, network.world, str(WORLD_V4.ip)).start_stream(
            station.namespace, stream
        )
        wait_until(lambda: counter.read().rx_ip_bytes > before + 3_000_000, "three megabytes", 10)
        report = running.cut()
    assert "terminated" in report.cut
    assert report.received_payload_bytes > 1_000_000


def test_a_stream_to_nobody_says_so(network, home, station):
    servers = TrafficServers(home, network.world, "10.79.0.99")
    running = servers.start_stream(station.namespace, Stream("lost", "up", "tcp", duration_s=1))
    with pytest.raises(ShellError, match="iperf3 lost: "):
        running.finish()


def test_a_flood_keeps_its_rate_and_is_counted_where_it_is_dropped(network, home, station):
    with Witness(network.world, 7000) as witness:
        start_flood(home, "steady", station.namespace, str(WORLD_V4.ip), 7000, 8_000_000)
        first, begun = read_flood(witness), time.monotonic()
        time.sleep(1.0)
        rate_bps = (read_flood(witness) - first) * 8 / (time.monotonic() - begun)
    assert rate_bps == pytest.approx(8_000_000, rel=0.05)


def read_flood(witness):
    seen = witness.read().get("10.77.0.11")
    return seen.from_bytes if seen else 0


def test_latency_is_sampled_and_losses_are_counted(network, home, station):
    probe = start_latency_probe(home, "calm", station.namespace, str(WORLD_V4.ip), interval_ms=10)
    wait_until(lambda: len(latency(probe).samples) > 20, "twenty answers", 5)
    network.operator.run(["nft", "add table inet cut"])
    network.operator.run(
        ["nft", "add chain inet cut f { type filter hook forward priority 0; policy drop; }"]
    )
    answered = len(latency(probe).samples)
    time.sleep(0.3)
    network.operator.run(["nft", "delete table inet cut"])
    wait_until(lambda: len(latency(probe).samples) > answered + 5, "answers again", 5)
    probe.stop()
    report = latency(probe)
    assert 0 < min(sample.rtt_ms for sample in report.samples) < 20
    assert 15 <= report.lost <= 60


def test_one_ping_from_a_station_to_its_box(station):
    assert 0 < ping_once(station.namespace, str(BOX_V4.ip)) < 100
