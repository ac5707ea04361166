"""What docs/ says to an operator, an owner, a customer and an auditor, typed one after the other at real programs.

One ledger, one broker, one box and one cable, in namespaces; times that a page gives in minutes are seconds here. What
is not typed stands in tests/docs/stories.py, with its reason.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator

import pytest

from lab.processes import wait_until
from tests.docs.markdown import ROOT, block
from tests.docs.shop import LEDGER, Shop, shop
from tests.docs.terminal import COMMANDS, filled
from tests.operatord.test_detail import GRANT, T, packet

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

DOOR = "--authority authority.pem --certificate"
URL = "http://127.0.0.1:8573"
DEVICE, REPORTS = "docs/device.md", "docs/reports.md"
OPERATOR = "docs/guides/operator.md"


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Shop]:
    with shop(tmp_path_factory.mktemp("shop")) as opened:
        yield opened


def test_a_ledger_and_its_first_purchase(running) -> None:
    assert re.search(r"charged +0.0025 BC", running.bought)
    said = running.operator.follow(LEDGER, "ledger-look")
    assert running.values["ledger_id"] in said
    assert re.search(r"ledger.db: \d+ blocks hold", said)


def test_the_device(running) -> None:
    """The wallet of the page is alice's."""
    another_station(running, 2)
    running.operator.type("cp alice.key wallet.pem && cp alice.pem wallet.crt")
    (running.folder / "wallet.agent.toml").write_text(block(DEVICE, "agent-settings"))
    shorter = {"20m": "1s", "5M": "2M", "run video": "run video for 1s"}
    said = running.customer.follow(DEVICE, "device-commands", shorter)
    assert re.search(r"charged +0.0025 BC", said)
    assert "paid 0 BC in all, for 1 s of 1 s" in said, "what was bought before is used"
    assert re.search(r"\d s left +2 Mbit/s down", said)
    said = running.customer.follow(DEVICE, "device-agent", {"20m": "1s"})
    assert "20 min of video is worth 0.4 BC" in said
    assert re.search(r"everything in this cycle +4 BC", said)


def test_who_is_reliable(running) -> None:
    another_station(running, 3)
    running.operator.type("rm -r wallet.kept")
    values = {"02c1...9f": running.values["roof"], "20m": "1s", "http://ledger.example:8573": URL}
    running.customer.type(filled(DEVICE, "device-scores", values).strip().split("\n")[-1])
    said = running.customer.follow(DEVICE, "device-scores", values)
    assert running.values["roof"][:10] in said


def test_reports(running) -> None:
    ledger_id, grant = running.values["ledger_id"], running.values["grant"]
    verified = json.loads(running.operator.type(f"airgrant report verify --ledger {URL} --json"))
    key_id = re.findall(r'"key_id": "(\w{16})"', json.dumps(verified))[0]
    (running.folder / "detail-20261122").write_text(packet("Start", T).replace(GRANT.hex(), grant))
    values = {
        "https://ledger.example": URL,
        "6f3d000000000000": key_id,
        "7d0a...": ledger_id,
        " --vendors makers.pem": "",
    }
    said = running.operator.follow(REPORTS, "reports-hour", values)
    assert "1 of 1 files hold" in said
    assert re.search(r"\d of \d grants agree", said)
    assert (running.folder / "rows.csv").read_text().count(grant) > 0
    assert "<html" in (running.folder / "statement.html").read_text()


def test_the_box(running) -> None:
    said = running.operator.follow(
        "docs/apd.md", "box-commands", {"CONFIG": "apd.toml", "[--json]": "--json"}
    )
    assert '"enrolled": true' in said


def test_a_club(running) -> None:
    roof = f"{DOOR} roof.pem"
    values = {
        "02c1...9f": running.values["roof"],
        "03ab...11": running.values["alice"],
        "founder.pem ...": f"roof.key {roof}",
        "roof.pem ...": f"roof.key {roof} --ledger {URL}",
        "FOUNDER": running.values["roof"],
    }
    said = running.operator.follow(LEDGER, "ledger-club", values)
    assert re.search(rf"{running.values['alice']} +967", said), "18,000 kHz, 67 tokens for a minute of 20 MHz"


def test_operatord(running) -> None:
    folder = running.folder / "srv" / "operator"
    folder.mkdir(parents=True)
    page = "docs/operatord.md"
    running.operator.follow(page, "operator-keys", {"/srv/operator": str(folder)})
    running.operator.type(f"cd {folder}")
    running.operator.follow(page, "operator-secret")
    settings = block(page, "operator-settings").replace("192.0.2.7", "127.0.0.1")
    for name, account in {"key": "key", "provider": "roof", "ledger_id": "ledger_id"}.items():
        settings = re.sub(
            rf'^{name} = "(02)?\.\.\."', f'{name} = "{running.values[account]}"', settings, flags=re.MULTILINE
        )
    (folder / "operatord.toml").write_text(settings)
    said = running.operator.follow(page, "operator-start")
    assert "auth_server_addr=192.0.2.1" in said
    assert (folder / "radius" / "radiusd.conf").exists()


def test_a_lease(running) -> None:
    quote, *shown = block("docs/markets.md", "lease-quote").strip().split("\n")
    said = running.operator.type(quote)
    assert [line.split() for line in said.strip().split("\n")] == [line.split() for line in shown]


def test_the_guides(running) -> None:
    """What they type that no page before did, and again what they repeat, in their order."""
    another_station(running, 4)
    running.operator.type(f"mkdir -p {running.folder}/guides && cd {running.folder}/guides && rm -f *")
    guide = "docs/guides/device.md"
    assert re.search(r"account +\w{66}", running.operator.follow(guide, "guide-device-key"))
    running.operator.type(
        "cd .. && airgrant keygen --out login.key && issue login && cp login.* authority.pem guides && cd guides"
    )
    opened = running.operator.follow(guide, "guide-device-account", {"HOST": "127.0.0.1"})
    assert "executed in block" in opened
    running.customer.type(f"cd {running.folder}/guides && cp ../alice.key wallet.pem")
    assert re.search(r"charged +0.0025 BC", running.customer.follow(guide, "guide-device-buy"))

    guide = "docs/guides/auditor.md"
    verified = running.operator.type(f"airgrant report verify --ledger {URL} --json")
    key_id = re.findall(r'"key_id": "(\w{16})"', verified)[0]
    running.operator.follow(
        guide, "guide-auditor-fetch", {"https://ledger.example": URL, "6f3d000000000000": key_id}
    )
    values = {"7d0a...": running.values["ledger_id"], "2026-10-01": "2001-10-01", "2026-11-01": "2001-11-01"}
    said = running.operator.follow(guide, "guide-auditor-verify", values)
    assert "1 of 1 files hold" in said

    guide = "docs/guides/protocol.md"
    shutil.copy(ROOT / "tests/nas_tunnel/captures/gas_purchase.pcapng", running.folder / "guides/air.pcapng")
    assert "offer" in running.operator.follow(guide, "guide-protocol-pcap")
    said = running.operator.type(
        f"cd {ROOT}\n{filled(guide, 'guide-protocol-scapy', {})}\ncd {running.folder}"
    )
    assert "challenge" in said


def test_an_operators_day(running) -> None:
    """After `test_operatord`, which made its settings: it serves, and nothing is to be held against anything."""
    folder = running.folder / "srv" / "operator"
    (line,) = [
        one for one in block("docs/operatord.md", "operator-commands").split("\n") if "operatord run" in one
    ]
    words = line.replace("CONFIG", str(folder / "operatord.toml")).split("#")[0].split()
    household = running.operator.household
    daemon = household.start(
        "operatord", [COMMANDS / words[0], *words[1:]], namespace=running.operator.namespace
    )
    daemon.wait_for_line("operatord ready", 20)
    running.operator.type(f"cd {folder}")
    said = running.operator.follow(OPERATOR, "guide-operator-day")
    assert running.values["ledger_id"] in said
    daemon.stop()


def test_many_boxes(running) -> None:
    """After `test_operatord`; nothing here has to be restarted."""
    folder = running.folder / "srv" / "operator"
    with (folder / "operatord.toml").open("a") as settings:
        settings.write(
            '[enrolment]\naddress = "192.0.2.1"\nreload_broker = "true"\nradius_folder = "radius"\n'
            'restart_radius = "true"\n'
        )
    (folder / "boxes").write_text("tower 192.0.2.11\nharbour 192.0.2.12\n")
    running.operator.type(f"cd {folder}")
    said = running.operator.follow(OPERATOR, "guide-operator-boxes")
    assert re.search(r"harbour.*\n(.*\n)*.*tower|tower.*\n(.*\n)*.*harbour", said), said
    for name in ("tower", "harbour"):
        assert (folder / f"{name}.invitation").read_text().startswith("airgrant-enrol/1/")


def test_systemd_takes_the_unit_of_the_ledger(tmp_path, needs) -> None:
    needs("systemd-analyze")
    text = (ROOT / OPERATOR).read_text()
    found = re.search(r"    # /etc/systemd/system/airgrant-ledger\.service\n(?:(?:    .*)?\n)+", text)
    assert found
    unit = textwrap.dedent(found[0]).replace("/opt/airgrant/bin", str(COMMANDS))
    assert unit.index("[Unit]") < unit.index("[Service]") < unit.index("[Install]")
    (tmp_path / "airgrant-ledger.service").write_text(unit)
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "airgrant-ledger.service"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    ).stderr
    assert not [line for line in told.splitlines() if str(tmp_path) in line], told


def test_what_became_of_a_grant(running) -> None:
    """After `test_reports` and `test_an_operators_day`, which left a report file and the operator's log."""
    logs, grant = running.operator.household.logs, running.values["grant"]
    shutil.copy(logs / "apd-run-apd.toml.log", running.folder / "apd.log")
    shutil.copy(logs / "operatord.log", running.folder / "operatord.log")
    counted = {"grant": grant, "from_utc_s": 0, "to_utc_s": 1, "down_bytes": 0, "up_bytes": 0}
    page = {"airgrant device counters": 1, "sessions": [counted]}
    (running.folder / "phone.json").write_text(json.dumps(page))
    running.operator.type(f"cd {running.folder}")
    values = {"GRANT": grant, "LEDGER_ID": running.values["ledger_id"]}
    said = running.operator.follow("docs/logs.md", "logs-trace", values)
    assert all(step in said for step in ("bought", "session_active", "metered", "acknowledged"))


def test_the_commands_of_the_readme(running) -> None:
    said = running.operator.type(f"cd {ROOT}\n{filled('README.md', 'readme-try', {})}\ncd {running.folder}")
    assert said.count("usage:") >= 4


def test_a_gnbs_file_and_a_ledger_to_share(running) -> None:
    """Nothing of these needs a cell or other operators yet."""
    folder = running.folder / "others"
    folder.mkdir()
    shutil.copy(ROOT / "lab/compose/srsran/gnb.yaml", folder / "gnb.yaml")
    running.operator.type(f"cd {folder}")
    assert "1-0000ff" in running.operator.follow("docs/cellular.md", "cell-plan")
    assert "validator = " in running.operator.follow(LEDGER, "ledger-joins")
    running.operator.type(f"cd {running.folder}")


def test_an_owners_own_commands(running) -> None:
    """An account, an offer, and one for auctions, by a certificate that is the owner's and not the box's."""
    running.operator.type(
        "airgrant keygen --out provider.pem && airgrant keygen --out owner.key && issue owner"
    )
    said = running.operator.follow("docs/install.md", "install-owner", {"HOST": "127.0.0.1"})
    said += running.operator.follow("docs/apd.md", "box-auction-offer", {"HOST": "127.0.0.1"})
    assert said.count("executed in block") == 3


def test_use_that_is_paid_afterwards(running) -> None:
    """Last: nobody buys on these terms unasked."""
    terms = "--price 0.0025 --units 10 --for 10m --down 2M-20M --up 1M-5M --band 5170000-5250000/80000"
    said = running.operator.follow(
        LEDGER, "ledger-usage-terms", {"...": f"--key roof.key {DOOR} roof.pem {terms}"}
    )
    assert said.count("executed in block") == 2
    values = {"GRANT": running.values["grant"], "ACCOUNT": running.values["alice"]}
    charge, *owed = filled(LEDGER, "ledger-usage", values).strip().split("\n")
    assert "no terms" in running.operator.type(charge, status=1), "it was bought before there were any"
    running.operator.type("\n".join(owed))


def another_station(running: Shop, number: int) -> None:
    """The cable's other end comes back as somebody else: a station has one session."""
    mac = f"02:00:00:00:d0:{number:02x}"
    running.customer.type(f"ip link set wlan0 down; ip link set wlan0 address {mac}; ip link set wlan0 up")
    wait_until(lambda: "fe80:" in running.customer.type("ip -6 route show dev wlan0"), "an address", 10)
