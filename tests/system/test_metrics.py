"""Metrics of a real box, read by Debian's Prometheus: every query of the dashboard and of the rules is asked of it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest

from apd.shells.web import MAX_CONNECTIONS
from lab.box import BOX_MAC, BoxSite, box_site
from lab.namespaces import Namespace, Port, namespaces, plug
from lab.processes import Child, wait_until
from ledger import metrics as ledger_metrics
from operatord.metrics import Timing, measure
from operatord.status import describe
from tests.conftest import missing
from tests.ledger.test_metrics import PAGE
from tests.metrics_page import documented
from tests.operatord.test_channels import joined
from tests.operatord.world import NOW_S, state
from wire.metrics_text import format_metrics

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "images" / "prometheus" / "airgrant.rules.yml"
EXAMPLE = ROOT / "images" / "prometheus" / "prometheus.yml"
DASHBOARD = json.loads((ROOT / "images" / "grafana" / "airgrant.json").read_text())
PORT, LEDGER_PORT, OPERATOR_PORT, PROMETHEUS_PORT = 8_470, 8_573, 8_574, 9_090
ULA = "fd00:a19::"
HOME = "solo-home"
DEADLINE_S = 30
PROGRAMS = ("prometheus", "promtool", "mosquitto", "nft", "ip", "ethtool")
ONLY_ON_AIR = ("hostapd", "airtime", "stations_associated", "stations_served", "purchases_heard")
"""What a wired box, as this one, does not have."""
QUICK = "report_interval_s = 1\n\n[web]\nlisten = [%s]\n"
PLAYED_PAGE = """
import http.server, sys
page = open(sys.argv[1], "rb").read()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(page)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""


def test_it_does_not_start_where_stations_are(tmp_path) -> None:
    """Before the others, which share a box of the same name."""
    with box_site(tmp_path, settings=QUICK % '"fd00:5::1"') as made:
        made.namespace.ip("addr add fd00:5::1/64 dev wlan0 nodad")
        child = made.start(ready=False)
        assert child.wait(DEADLINE_S) == 3
        assert "apd: web: listen: fd00:5::1 is of wlan0, and stations are there" in child.said


@pytest.fixture(autouse=True, scope="module")
def _programs() -> None:
    absent = [one for one in PROGRAMS if shutil.which(one, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if absent:
        missing(f"{', '.join(absent)}: run lab/set-up.sh")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoxSite]:
    """A box that listens at loopback and at an address of its owner's network, with one session."""
    addresses = f'"127.0.0.1", "{ULA}1"'
    folder = tmp_path_factory.mktemp("site")
    with namespaces() as make, box_site(folder, settings=QUICK % addresses) as made:
        home = Port(make(HOME), "eth0", None, (ip_interface(f"{ULA}2/64"),))
        plug(Port(made.namespace, "home0", None, (ip_interface(f"{ULA}1/64"),)), home)
        made.start()
        made.wait_until_it_sells()
        made.join(made.grant())
        made.say(b"no message")
        made.wait_for_status("refused", {"lobby_garbage": 1})
        made.process.wait_for(
            lambda: [one["phase"] for one in made.status()["sessions"]] == ["active"], "a session", DEADLINE_S
        )
        yield made


@pytest.fixture(scope="module")
def prometheus(site: BoxSite) -> Child:
    """Scrapes the box, and pages that the operator's and the ledger's code made, four times a second."""
    made = state()
    made.metered = joined()
    counters = {"accepted": 1, "rejected: unknown_box": 2}
    timing = Timing().with_question(3_000_000)
    operator = format_metrics(measure(describe(made, counters, NOW_S, connected=True), timing))
    ledger = format_metrics(ledger_metrics.measure(PAGE, {"broker lost": 1}, PAGE.time_s))
    for name, text, port in (("operator", operator, OPERATOR_PORT), ("ledger", ledger, LEDGER_PORT)):
        page = site.folder / f"{name}.txt"
        page.write_text(text)
        words: list[str | Path] = [sys.executable, "-c", PLAYED_PAGE, page, str(port)]
        site.household.start(name, words, namespace=site.namespace)
    config = site.folder / "prometheus.yml"
    example = EXAMPLE.read_text().replace("192.168.1.1", "127.0.0.1").replace("15s", "250ms")
    config.write_text(example.replace("- airgrant.rules.yml", f"- {RULES}"))
    child = site.household.start(
        "prometheus",
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={site.folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{PROMETHEUS_PORT}",
        ],
        namespace=site.namespace,
        environment={"GOMAXPROCS": "1"},
    )
    child.wait_for_line("Server is ready to receive web requests", DEADLINE_S)
    # Rates want two scrapes of each, and a rule its turn.
    query = 'count_over_time(up{job=~"airgrant-.*"}[1m]) > 2 and up == 1'
    child.wait_for(lambda: len(ask(site, query)) == 3, "scrapes of all", DEADLINE_S)
    child.wait_for(lambda: bool(ask(site, "instance:airgrant_box_floor_sold:ratio")), "a rule", DEADLINE_S)
    return child


def fetch(namespace: Namespace, url: str) -> bytes:
    """What it answers, to somebody in this namespace; urllib's errors."""

    def get() -> bytes:
        with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
            return bytes(answer.read())

    return namespace.call(get)


def ask(site: BoxSite, query: str) -> list[dict[str, Any]]:
    """Samples now; an error of Prometheus is ours."""
    words = urllib.parse.urlencode({"query": query})
    answer = json.loads(fetch(site.namespace, f"http://127.0.0.1:{PROMETHEUS_PORT}/api/v1/query?{words}"))
    assert answer["status"] == "success", answer
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def expressions() -> list[str]:
    """Of every panel, with the variables as Grafana would fill them in."""
    targets = [target for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    return [one["expr"].replace("$__rate_interval", "1m").replace("$box", ".*") for one in targets]


def test_promtool_finds_nothing_to_mend(site: BoxSite, prometheus: Child) -> None:
    assert prometheus.running
    for port in (PORT, OPERATOR_PORT, LEDGER_PORT):
        page = fetch(site.namespace, f"http://127.0.0.1:{port}/metrics")
        done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    for kind, file in (("rules", RULES), ("config", EXAMPLE)):
        held = subprocess.run(["promtool", "check", kind, file], capture_output=True, text=True, check=False)
        assert held.returncode == 0, held.stdout + held.stderr


def test_every_query_of_the_dashboard_has_an_answer(site: BoxSite, prometheus: Child) -> None:
    assert prometheus.running
    silent = {query for query in expressions() if not ask(site, query)}
    assert silent == {query for query in silent if any(word in query for word in ONLY_ON_AIR)}
    assert len(silent) < len(expressions()) // 2


def test_every_rule_is_evaluated_and_wakes_nobody_for_nothing(site: BoxSite, prometheus: Child) -> None:
    assert prometheus.running
    page = fetch(site.namespace, f"http://127.0.0.1:{PROMETHEUS_PORT}/api/v1/rules")
    rules = [rule for group in json.loads(page)["data"]["groups"] for rule in group["rules"]]
    assert len(rules) == RULES.read_text().count("expr:")
    for rule in rules:
        ask(site, rule["query"])
        assert (rule["health"], rule.get("lastError", "")) in (("ok", ""), ("unknown", "")), rule
    firing = [rule["name"] for rule in rules if rule.get("alerts")]
    assert set(firing) <= {"AirgrantOperatorClockWrong"}, "the played operator has no ledger"


def test_only_documented_names_are_asked_for(site: BoxSite, prometheus: Child) -> None:
    assert prometheus.running
    asked = " ".join([*expressions(), RULES.read_text()])
    names = {re.sub(r"_bucket$", "", name) for name in re.findall(r"(?<!:)\bairgrant_\w+", asked)}
    assert names <= set(documented("airgrant_"))
    values = fetch(site.namespace, f"http://127.0.0.1:{PROMETHEUS_PORT}/api/v1/label/__name__/values")
    scraped = {name for name in json.loads(values)["data"] if name.startswith("airgrant_")}
    plain = {re.sub(r"_seconds_(bucket|sum|count)$", "_seconds", name) for name in scraped}
    assert plain <= set(documented("airgrant_"))


def test_prometheus_has_the_box_as_it_is_and_nobody_by_name(site: BoxSite, prometheus: Child) -> None:
    assert prometheus.running
    (active,) = ask(site, 'airgrant_box_sessions{phase="active"}')
    assert active["value"][1] == "1"
    (floor,) = ask(site, 'airgrant_box_floor_bytes_per_second{direction="down"}')
    assert floor["value"][1] == "250000"
    page = fetch(site.namespace, f"http://127.0.0.1:{PORT}/metrics").decode()
    for private in (site.consumer.public, site.provider.public, BOX_MAC, "02:00:00:00:77:01"):
        assert str(private) not in page


def test_its_owner_reaches_it_and_a_station_does_not(site: BoxSite) -> None:
    shown = site.namespace.run(["ip", "-6", "-o", "addr", "show", "dev", "wlan0", "scope", "link"])
    router = shown.split()[3].partition("/")[0]
    site.station.ip(f"route replace {ULA}1/128 via {router} dev wlan0")
    site.station.ip("addr replace fd00:b::2/64 dev wlan0 nodad")
    site.namespace.ip("route replace fd00:b::/64 dev wlan0")
    assert "1 received" in site.station.run(["ping", "-6", "-c", "1", "-W", "5", f"{ULA}1"]), (
        "the way is open"
    )

    def knock() -> str:
        with socket.socket(socket.AF_INET6) as client:
            client.settimeout(DEADLINE_S)
            client.connect((f"{ULA}1", PORT))
            return "in"

    assert b"airgrant_box" in fetch(Namespace(HOME), f"http://[{ULA}1]:{PORT}/metrics"), "its owner does"
    with pytest.raises(ConnectionRefusedError):
        site.station.call(knock)


def test_the_daemon_lives_through_those_who_never_end(site: BoxSite) -> None:
    """More connections than it takes, each left in the middle of a word."""

    def knock() -> list[socket.socket]:
        made = []
        for _ in range(4 * MAX_CONNECTIONS):
            client = socket.create_connection(("127.0.0.1", PORT), DEADLINE_S)
            client.send(b"GET /met")
            made.append(client)
        return made

    clients = site.namespace.call(knock)
    try:
        wait_until(lambda: answers(site), "the page again", DEADLINE_S)
    finally:
        for client in clients:
            client.close()
    assert site.process.running


def answers(site: BoxSite) -> bool:
    try:
        return b"airgrant_box_enrolled 1" in fetch(site.namespace, f"http://127.0.0.1:{PORT}/metrics")
    except OSError:
        return False
