"""`python -m apd run` as a process, on the real kernel, with a real broker and a software TPM: what a crash, a dead
broker, a ledger that is away, a full disk and garbage do to it, and what they do not.
"""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from lab.box import BOX_MAC, QOS, STATION_MAC, BoxSite, box_site, station_mac, wait_for_records
from lab.namespaces import Port, plug, run
from lab.processes import wait_until
from ledger.evidence import verify_chain
from nas_tunnel.lobby import Joined, Left, Refused
from wire.meter_record import AnchorRecord, BootRecord, UsageReport
from wire.revocation import Revocation, write_revocation

pytestmark = pytest.mark.system

QUICK = "report_interval_s = 1\nanchor_interval_s = 3\nsubmit_timeout_s = 1"
PROGRAMS = ("mosquitto", "nft", "ip", "ethtool")
IP_HEADERS = 40 + 8
PORT = 9_000


@pytest.fixture
def site(tmp_path, needs):
    """A box with a software key, running."""
    needs(*PROGRAMS)
    with box_site(tmp_path, settings=QUICK) as made:
        made.start()
        made.wait_until_it_sells()
        yield made


@pytest.fixture
def tpm_site(tmp_path, needs):
    """A box with a TPM, running."""
    needs(*PROGRAMS, "swtpm", "swtpm_setup")
    with box_site(tmp_path, tpm=True, settings=QUICK) as made:
        made.start()
        made.wait_until_it_sells()
        yield made


def notes(site: BoxSite) -> list[str]:
    """What apd told the operator, by its fixed words."""
    lines = [line for line in site.process.said.splitlines() if line.startswith("{")]
    return [json.loads(line)["what"] for line in lines]


def wait_for_note(site: BoxSite, what: str, deadline_s: float = 15) -> None:
    site.process.wait_for(lambda: what in notes(site), f"the note {what}", deadline_s)


def link_local(namespace) -> str:
    shown = namespace.run(["ip", "-6", "-o", "addr", "show", "dev", "wlan0", "scope", "link"])
    return shown.split()[3].partition("/")[0]


def is_let_in(site: BoxSite) -> bool:
    """What the kernel says of station 1."""
    return str(station_mac(1)) in site.namespace.run(["nft", "list", "map", "netdev", "airgrant", "down"])


class Stream:
    """Datagrams from the box to its station, one at a time; `lost` are those that did not arrive."""

    def __init__(self, site: BoxSite) -> None:
        self.index = site.namespace.call(lambda: socket.if_nametoindex("wlan0"))
        self.to = (link_local(site.station), PORT, 0, self.index)
        self.sender = site.namespace.call(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        self.ear = site.station.call(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        self.ear.bind(("::", PORT))
        self.ear.settimeout(2)
        self.sent = self.sent_bytes = 0

    def send(self, count: int, payload_bytes: int = 1_000) -> None:
        """Each is heard before the next is sent."""
        for _ in range(count):
            self.sent += 1
            self.sent_bytes += IP_HEADERS + payload_bytes
            self.sender.sendto(self.sent.to_bytes(4, "big") + bytes(payload_bytes - 4), self.to)
            assert int.from_bytes(self.ear.recv(2_000)[:4], "big") == self.sent, "a packet was lost"

    def close(self) -> None:
        self.sender.close()
        self.ear.close()


@pytest.fixture
def stream(tpm_site):
    made = Stream(tpm_site)
    yield made
    made.close()


def reported_down_bytes(site: BoxSite, grant_id: bytes) -> int:
    rows = [
        row
        for record, _ in site.ledger.records().values()
        if isinstance(record, UsageReport)
        for row in record.rows
    ]
    return sum(row.down_bytes for row in rows if row.grant_id == grant_id)


def test_killed_in_mid_session_the_traffic_goes_on_and_the_meter_is_continuous(tpm_site, stream):
    """The main promise: SIGKILL at any moment costs a session nothing and the provider not an octet."""
    site, grant = tpm_site, tpm_site.grant()
    assert isinstance(site.join(grant), Joined)
    stream.send(50)
    for _ in range(2):
        site.process.kill()
        stream.send(50)
        site.start()
        stream.send(50)
        assert isinstance(site.join(grant), Joined), "the session was adopted"
        assert site.status()["sessions"][0]["phase"] == "active"
    assert isinstance(site.leave(grant), Left)
    wait_until(
        lambda: reported_down_bytes(site, grant.grant_id) >= stream.sent_bytes, "every octet is reported", 15
    )
    metered = reported_down_bytes(site, grant.grant_id)
    assert metered <= stream.sent_bytes + 2_000, "some neighbour discovery, and no more"
    site.wait_for_status("enrolled", True)
    verdict = verify_chain(site.ledger.unique_evidence(), site.ledger.enrolment, {grant.grant_id: grant}.get)
    assert not verdict.failures
    kinds = {type(record) for record, _ in site.ledger.records().values()}
    assert kinds == {BootRecord, UsageReport, AnchorRecord}
    assert verdict.unmetered_ms == 0


def test_killed_the_moment_it_has_answered_it_knows_the_session(site):
    for number in range(1, 6):
        grant = site.grant(number)
        assert isinstance(site.join(grant), Joined)
        site.process.kill()
        assert is_let_in(site)
        site.start()
        assert [
            session["phase"]
            for session in site.status()["sessions"]
            if session["grant"] == grant.grant_id.hex()
        ]
        assert is_let_in(site)
        assert isinstance(site.leave(grant), Left)


def test_a_tpm_that_was_reset_begins_anew_and_the_time_between_is_not_claimed(tpm_site):
    site, grant = tpm_site, tpm_site.grant()
    assert isinstance(site.join(grant), Joined)
    wait_for_records(site, 3)
    site.process.kill()
    site.tpm.reset()
    before = len(site.ledger.records())
    site.start()
    wait_for_records(site, before + 3)
    verdict = verify_chain(site.ledger.unique_evidence(), site.ledger.enrolment, {grant.grant_id: grant}.get)
    assert not verdict.failures
    boots = [record for record, _ in site.ledger.records().values() if isinstance(record, BootRecord)]
    assert boots[-1].meter_pcr == bytes(32)
    assert verdict.unmetered_ms > 0


def test_a_tpm_that_was_rolled_back_is_seen_by_whoever_verifies(tpm_site, tmp_path):
    """The box cannot know, and reports as always; its counter and its clock give it away."""
    site = tpm_site
    wait_for_records(site, 3)
    site.tpm.copy_state(tmp_path / "copy")
    wait_for_records(site, 9)
    site.process.kill()
    site.tpm.restore_state(tmp_path / "copy")
    before = len(site.ledger.records())
    site.start()
    wait_for_records(site, before + 4)
    verdict = verify_chain(site.ledger.unique_evidence(), site.ledger.enrolment, lambda _: None)
    found = {finding.check for sequence, finding in verdict.failures if sequence > before}
    assert found & {"anchor", "clock"}
    assert not [finding for sequence, finding in verdict.failures if sequence <= before]


def test_sigterm_leaves_sessions_and_the_next_run_ends_them_on_time(site):
    grant = site.grant(duration_s=4)
    assert isinstance(site.join(grant), Joined)
    assert site.process.stop() == 0
    assert is_let_in(site)
    site.start()
    site.process.wait_for(
        lambda: site.status()["sessions"] == [] or site.status()["sessions"][0]["phase"] == "closed",
        "the end of the session",
        10,
    )
    assert not is_let_in(site)


def test_when_nobody_starts_it_again_the_kernel_itself_ends_what_was_paid_for(tmp_path, needs):
    needs(*PROGRAMS)
    with box_site(tmp_path, settings=QUICK, shaper="grace_s = 1") as site:
        site.start()
        site.wait_until_it_sells()
        assert isinstance(site.join(site.grant(duration_s=3)), Joined)
        site.process.kill()
        assert is_let_in(site)
        wait_until(lambda: not is_let_in(site), "the end of the session", 10)
        site.start()
        assert not is_let_in(site)
        wait_until(lambda: site.status()["sessions"][0]["phase"] == "closed", "the end in the books", 10)


def test_a_broker_that_dies_and_comes_back(site):
    grant = site.grant()
    assert isinstance(site.join(grant), Joined)
    wait_for_records(site, 2)
    site.broker.kill()
    wait_for_note(site, "broker_lost")
    site.process.wait_for(lambda: site.status()["records"]["unacknowledged"] >= 3, "reports to queue", 15)
    assert isinstance(site.join(grant), Joined), "who bought already is served"
    site.ledger.disconnect()
    site.broker.start()
    site.ledger.connect(site.broker.port)
    site.sell()
    site.wait_for_status("ledger_connected", True)
    site.process.wait_for(lambda: site.status()["records"]["unacknowledged"] <= 1, "the outbox to empty", 15)
    records = site.ledger.records()
    assert sorted(records) == list(range(1, len(records) + 1)), "none is missing"


def test_a_ledger_that_is_away_gets_everything_once_it_is_back(site):
    wait_for_records(site, 2)
    site.ledger.answers = False
    site.process.wait_for(lambda: site.status()["records"]["unacknowledged"] >= 4, "reports to queue", 15)
    site.ledger.answers = True

    def complete() -> bool:
        records = site.ledger.records()
        return len(records) >= 6 and sorted(records) == list(range(1, len(records) + 1))

    site.process.wait_for(complete, "every record, without a gap", 15)
    site.process.wait_for(lambda: site.status()["records"]["unacknowledged"] <= 1, "the outbox to empty", 15)


def test_garbage_on_every_way_in_is_counted_and_nothing_else_happens(site):
    grant = site.grant()
    assert isinstance(site.join(grant), Joined)
    for size in (0, 1, 7, 300, 1_200):
        site.say(os.urandom(size))
    site.say(b"\x81\x01" * 600)
    provider = site.provider.public
    for topic in (f"down/{provider}/reply", f"down/{provider}/command", f"offer/{provider}"):
        for size in (0, 3, 5_000):
            site.ledger.publish(f"airgrant/v1/{topic}", os.urandom(size))
    wait_for_note(site, "command_invalid")
    wait_for_note(site, "offer_state_invalid")
    site.process.wait_for(lambda: site.status()["refused"].get("lobby_garbage", 0) >= 5, "its count", 5)
    assert site.status()["sessions"][0]["phase"] == "active"
    assert isinstance(site.join(grant), Joined)
    assert "fault" not in notes(site)


def test_the_provider_ends_a_session(site):
    grant = site.grant()
    assert isinstance(site.join(grant), Joined)
    data = write_revocation(Revocation(grant.grant_id, "does not pay"), site.provider)
    site.ledger.publish(f"airgrant/v1/down/{site.provider.public}/command", data)
    wait_for_note(site, "session_ends")
    answer = site.join(grant)
    assert isinstance(answer, Refused)
    assert answer.reason == "grant_used"


def test_a_revocation_while_the_box_is_away_waits_at_the_broker(site):
    grant = site.grant()
    assert isinstance(site.join(grant), Joined)
    site.process.kill()
    data = write_revocation(Revocation(grant.grant_id, "does not pay"), site.provider)
    site.ledger.publish(f"airgrant/v1/down/{site.provider.public}/command", data)
    site.start()
    wait_for_note(site, "session_ends")
    site.process.kill()
    site.start()
    answer = site.join(grant)
    assert isinstance(answer, Refused)
    assert answer.reason == "grant_used", "also after one more restart"


def test_a_grant_that_was_altered_is_refused(site):
    grant = site.grant()
    other = replace(grant, qos=replace(QOS, floor_down_bps=8_000_000))
    assert isinstance(site.join(grant), Joined)
    stranger = replace(other, consumer=site.provider.public)
    answer = site.join(stranger, station_mac(2))
    assert isinstance(answer, Refused)
    assert answer.reason == "not_the_consumer"


def test_a_full_disk_is_told_lets_nobody_new_in_and_passes(tmp_path, needs):
    needs(*PROGRAMS)
    folder = tmp_path / "small"
    folder.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)])
    try:
        with box_site(tmp_path, settings=QUICK) as site:
            text = site.config.read_text().replace('store = "apd.sqlite"', 'store = "small/apd.sqlite"')
            site.config.write_text(text)
            site.start()
            site.wait_until_it_sells()
            grant = site.grant()
            assert isinstance(site.join(grant), Joined)
            _fill(folder / "ballast")
            wait_for_note(site, "disk_failed")
            answer = site.join(site.grant(2), station_mac(2))
            assert isinstance(answer, Refused)
            assert answer.reason == "not_metered"
            assert isinstance(site.join(grant), Joined), "who is in stays in for a while"
            (folder / "ballast").unlink()
            wait_for_note(site, "disk_works")
            assert isinstance(site.join(site.grant(2), station_mac(2)), Joined)
            before = len(site.ledger.records())
            wait_for_records(site, before + 2)
            records = site.ledger.records()
            assert sorted(records) == list(range(1, len(records) + 1)), "no record is missing"
    finally:
        run(["umount", "-l", str(folder)])


def _fill(path) -> None:
    def write() -> None:
        with path.open("wb", buffering=0) as ballast:
            while ballast.write(bytes(65_536)):
                pass

    with pytest.raises(OSError, match="No space"):
        write()


def test_an_interface_that_was_replaced_is_set_up_anew_by_the_next_run(site):
    """With the device its queues and rules are gone: it would be open to everybody for ever."""
    grant = site.grant()
    assert isinstance(site.join(grant), Joined)
    site.namespace.ip("link del wlan0")
    plug(Port(site.namespace, "wlan0", BOX_MAC), Port(site.station, "wlan0", STATION_MAC))
    assert site.process.wait(15) == 3
    wait_until(lambda: "fe80" in site.station.run(["ip", "-6", "route"]), "a link", 10)
    site.start()
    assert is_let_in(site)
    assert isinstance(site.join(grant), Joined)


@pytest.mark.parametrize(("store", "why"), [("apd.sqlite", "file"), ("other.sqlite", "interface")])
def test_a_second_daemon_on_the_same_store_or_interface_is_refused(site, store, why):
    site.process  # noqa: B018 - the first one
    other = site.config.with_name("other.toml")
    other.write_text(site.config.read_text().replace("apd.sqlite", store))
    words = [sys.executable, "-m", "apd", "run", str(other)]
    second = subprocess.run(
        site.namespace.argv(words), capture_output=True, text=True, timeout=20, check=False
    )
    assert second.returncode == 3
    assert f"is another apd on this {why}?" in second.stderr
    assert isinstance(site.join(site.grant()), Joined), "the first one does not mind"


def test_status_for_people_and_for_scripts(site):
    assert isinstance(site.join(site.grant()), Joined)
    words = [sys.executable, "-m", "apd", "status", "--socket", str(site.control_socket)]
    shown = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True).stdout
    assert "02:00:00:00:77:01  active" in shown
    parsed = subprocess.run([*words, "--json"], capture_output=True, text=True, timeout=20, check=True).stdout
    assert json.loads(parsed)["sessions"][0]["station"] == "02:00:00:00:77:01"
