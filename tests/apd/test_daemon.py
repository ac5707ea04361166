"""The daemon's wiring: each command reaches the one shell that obeys it, and what a shell cannot do becomes an event.

The shells are twins (kernel, TPM), the real ones (disk, control socket) or, for lobby and broker, lists of what was
sent. What is decided is tested elsewhere.
"""

import asyncio
import json
import sqlite3
import time
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from apd.airtime import StationMeasurement
from apd.auction_state import SoldShare
from apd.commands import AskHouse, SignAuction, SignAuctionOffer, StoreAuctionOffer, StoreRefund
from apd.config import Config
from apd.daemon import AirShells, Daemon
from apd.events import (
    AdmissionReceived,
    AuctionOfferSigned,
    AuctionSigned,
    BrokerConnected,
    DeadlineReached,
    LedgerReplied,
    LobbyDatagramReceived,
    OfferStateReceived,
    ProviderCommanded,
    PurchaseHeard,
    Saved,
)
from apd.refund import Refund
from apd.session import Phase
from apd.settings import AuctionSettings, Files, LedgerLinkSettings, MeterSettings
from apd.shells.control import ControlSocket
from apd.shells.fake_hostapd import FakeHostapd
from apd.shells.fake_tpm import FakeTpm, FakeVendor
from apd.shells.hostapd import Hostapd
from apd.shells.meter import SoftwareMeter, TpmMeter
from apd.shells.software_key import SoftwareKey
from apd.shells.store import Store
from ledger.enrolling import Enrolling
from ledger.enrolment import Vendors
from nas_tunnel.anqp import VENDOR, answer_id, read_air_offer, read_answers
from nas_tunnel.lobby import (
    Announcement,
    Discover,
    Join,
    Joined,
    Leave,
    Left,
    Outcome,
    Purchase,
    Refused,
    read_lobby,
    write_lobby,
)
from tc_shaper.fake import FakeShaper
from tc_shaper.tree import Direction
from tests.apd.air_world import AIR, OPERATOR
from tests.apd.auction_world import session_auction
from tests.apd.playbook import registration_of
from tests.apd.world import (
    BAND,
    BSSID,
    DEVICE,
    LEDGER,
    LEDGER_ID,
    OTHER_STATION,
    PROVIDER,
    QOS,
    SETTINGS,
    STATION,
    STRANGER,
    grant,
    purchase,
    receipt,
    reply,
    request,
    revocation,
    signed_grant,
    signed_state,
)
from wire.admission import Admission, write_admission
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.auction import read_auction
from wire.enrolment import EnrolmentReply, read_enrolment, write_enrolment_reply
from wire.errors import ShellError
from wire.evidence import read_evidence
from wire.grant import Grant
from wire.grant_price import MAX_QUESTION_BYTES, GrantPrice, read_price_question, write_grant_price
from wire.ids import MacAddress
from wire.join_request import JoinPurpose
from wire.keys import PrivateKey
from wire.meter_record import UsageReport, read_meter_record, record_hash
from wire.money_actions import Transfer
from wire.network import read_network
from wire.post_offer import PostOffer
from wire.registration import read_registration, read_registration_question
from wire.transaction import Transaction, read_transaction


@dataclass
class LobbyWire:
    """What was said to strangers."""

    sent: list = field(default_factory=list)

    def listen(self, receive) -> None:
        self.receive = receive

    def send(self, to, data: bytes) -> None:
        self.sent.append((to, read_lobby(data)))

    def check(self) -> None:
        """The device is there."""

    def close(self) -> None:
        self.sent.append("closed")


@dataclass
class LedgerWire:
    """What was published, and a ledger behind it that says yes."""

    enrolling: Enrolling
    published: list = field(default_factory=list)
    answers: bool = True
    report: Any = None
    grants: tuple[bytes, ...] = ()
    lost: tuple[str, ...] = ()
    """Kinds that get no answer."""

    def start(self, report) -> None:
        self.report = report

    def publish(self, kind: str, data: bytes, correlation: bytes) -> None:
        self.published.append((kind, data, correlation))
        if self.answers and kind not in self.lost:
            asyncio.get_running_loop().call_soon(self._answer, kind, data, correlation)

    def close(self) -> None:
        self.published.append("closed")

    def _answer(self, kind: str, data: bytes, correlation: bytes) -> None:
        if kind == "report":
            answer = reply(record_hash(read_evidence(data).record))
        elif kind == "transaction":
            answer = reply(read_transaction(data, LEDGER_ID).transaction_id, *self.grants)
        elif kind == "query" and len(data) > MAX_QUESTION_BYTES:
            answer = registration_of(read_registration_question(data), int(time.time()))
        elif kind == "query":
            price = GrantPrice(read_price_question(data), STRANGER.public, 250_000)
            answer = write_grant_price(price, LEDGER, LEDGER_ID)
        elif kind == "grant":
            return  # the operator's
        else:
            word = self.enrolling.take(read_enrolment(data, LEDGER_ID), bytes(32), int(time.time()))
            if isinstance(word, AttestationResult):
                result = write_attestation_result(word, LEDGER, LEDGER_ID)
                answer = write_enrolment_reply(EnrolmentReply(attestation_result=result))
            else:
                answer = write_enrolment_reply(EnrolmentReply(challenge=word))
        self.report(LedgerReplied(correlation, answer))


class Place:
    """A daemon with everything around it; `restart` keeps the kernel, the disk and the TPM."""

    settings = SETTINGS

    def __init__(self, tmp_path, tpm: FakeTpm | None = None, vendors: Vendors | None = None) -> None:
        self.folder, self.tpm = tmp_path, tpm
        self.shaper = FakeShaper(SETTINGS.shaper)
        self.link = LedgerWire(Enrolling(vendors, accept_software_keys=tpm is None))
        self.make()

    def make(self) -> None:
        self.lobby = LobbyWire()
        self.link.report = None
        self.store = Store(self.folder / "apd.sqlite")
        key = SoftwareKey(PrivateKey.from_secret(13))
        self.daemon = Daemon(
            config=self._config(),
            shaper=self.shaper,
            meter=SoftwareMeter(key) if self.tpm is None else TpmMeter(self.tpm),
            store=self.store,
            link=self.link,
            lobby=self.lobby,
            control=ControlSocket(self.folder / "apd.sock"),
            air=self.air(),
        )

    def air(self) -> AirShells | None:
        """A wired box."""
        return None

    def restart(self) -> None:
        self.shaper = FakeShaper(SETTINGS.shaper, kernel=self.shaper.kernel)
        self.make()

    def _config(self) -> Config:
        nowhere = self.folder / "nowhere"
        link = LedgerLinkSettings("host", nowhere, nowhere, nowhere, LEDGER.public, LEDGER_ID)
        meter = MeterSettings(tpm="device:none")
        return Config(self.settings, link, meter, Files(nowhere), PROVIDER)

    # ---- a story

    async def begin(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self.daemon.run())
        await self.until(lambda: self.link.report is not None, "the start")
        self.link.report(BrokerConnected())
        self.link.report(OfferStateReceived(signed_state()))

    async def end(self) -> None:
        self.daemon.stop()
        await self.task

    async def until(self, fact, what: str) -> None:
        """Lets others work until it is so."""
        async with asyncio.timeout(10):
            while not fact():
                if self.task.done():
                    self.task.result()
                    pytest.fail(f"the daemon ended before {what}")
                await asyncio.sleep(0)

    def say(self, message) -> object:
        """To the lobby; what was answered at once."""
        before = len(self.lobby.sent)
        self.lobby.receive(DEVICE, write_lobby(message))
        return self.lobby.sent[-1][1] if len(self.lobby.sent) > before else None

    def grant(self, number: int = 1) -> Grant:
        return Grant(
            consumer=PrivateKey.from_secret(5).public,
            provider_id=PROVIDER.public.provider_id,
            grant_id=number.to_bytes(16, "big"),
            epoch=3,
            starts_s=int(time.time()),
            duration_s=600,
            band=BAND,
            qos=QOS,
        )

    def join(self, made: Grant, purpose: JoinPurpose = JoinPurpose.JOIN) -> object:
        announcement = self.say(Discover())
        assert isinstance(announcement, Announcement)
        asked = request(announcement.challenge, made, purpose=purpose, bssid=BSSID)
        if purpose is JoinPurpose.JOIN:
            return self.say(Join(signed_grant(made), asked))
        return self.say(Leave(made.grant_id, asked))

    def reports(self) -> list[UsageReport]:
        records = [
            read_meter_record(read_evidence(entry[1]).record)
            for entry in self.link.published
            if entry[0] == "report"
        ]
        return [record for record in records if isinstance(record, UsageReport)]


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_from_a_discovery_to_a_report(place, run_async):
    async def story():
        await place.begin()
        assert isinstance(place.say(Discover()), Announcement)
        bought = purchase()
        place.say(Purchase(bought.envelope.encoded))
        await place.until(lambda: isinstance(place.lobby.sent[-1][1], Outcome), "the outcome")
        made = place.grant()
        assert isinstance(place.join(made), Joined)
        assert place.shaper.sessions() == {16: STATION}
        assert place.store.sessions()[0].phase is Phase.ACTIVE, "on disk when it is answered"
        place.shaper.carry(Direction.DOWN, STATION, packets=10)
        assert isinstance(place.join(made, JoinPurpose.LEAVE), Left)
        assert place.shaper.sessions() == {}
        await place.until(lambda: place.daemon._state.link.enrolled, "enrolment")
        await place.until(lambda: not place.daemon._state.meter.outbox, "the receipts")
        await place.end()

    run_async(story())
    assert place.link.published[-1] == "closed"
    assert place.lobby.sent[-1] == "closed"
    assert place.shaper.calls[-1] == "close"


def test_a_restart_adopts_what_is_in_the_kernel(place, run_async):
    async def first():
        await place.begin()
        assert isinstance(place.join(place.grant()), Joined)
        place.shaper.carry(Direction.DOWN, STATION, packets=10)
        await place.end()

    async def second():
        await place.begin()
        (session,) = place.daemon._state.sessions.values()
        assert session.phase is Phase.ACTIVE
        assert isinstance(place.join(session.grant, JoinPurpose.LEAVE), Left)
        (session,) = place.daemon._state.sessions.values()
        assert session.used.down_bytes == 15_000
        await place.end()

    run_async(first())
    assert place.shaper.sessions() == {16: STATION}
    place.restart()
    run_async(second())
    assert "install" not in place.shaper.calls


OWED = Refund(grant(), signed_grant(grant()), 15_000_000, 7_500_000)


def transfers(place: Place) -> list:
    """What was sent to the ledger to pay it back."""
    return [entry for entry in place.link.published if entry[0] == "transaction"]


def test_what_is_owed_is_paid_back_once_over_a_restart(place, run_async):
    async def first():
        """The price is asked, the transfer sent; its answer is lost."""
        await place.begin()
        await place.until(lambda: place.store.refunds()[0].transfer, "the transfer on disk")
        await place.until(lambda: transfers(place), "the transfer")
        place.link.answers = False
        await place.end()

    async def second():
        await place.begin()
        await place.until(lambda: place.store.refunds() == [], "the end of it")
        await place.end()

    place.store.save([StoreRefund(OWED)])
    place.link.lost = ("transaction",)
    run_async(first())
    place.link.answers, place.link.lost = True, ()
    place.restart()
    run_async(second())
    sent = transfers(place)
    assert len(sent) == 2
    assert sent[0] == sent[1], "the same bytes"
    signed = read_transaction(sent[0][1], LEDGER_ID)
    signed.verify(PROVIDER.public)
    assert signed.transaction.action == Transfer(STRANGER.public, 25_000)


def test_a_kernel_that_was_emptied_gets_its_sessions_again(place, run_async):
    async def first():
        await place.begin()
        assert isinstance(place.join(place.grant()), Joined)
        await place.end()

    async def second():
        await place.begin()
        assert place.shaper.sessions() == {16: STATION}
        await place.end()

    run_async(first())
    place.shaper.tear_down()
    place.restart()
    run_async(second())


def test_a_kernel_that_fails(place, run_async):
    async def story():
        await place.begin()
        place.shaper.fail_next("install")
        refused = place.join(place.grant())
        assert isinstance(refused, Refused)
        assert refused.reason == "shaper_failed"
        assert isinstance(place.join(place.grant()), Joined)
        place.shaper.fail_next("remove")
        assert place.join(place.grant(), JoinPurpose.LEAVE) is None, "not yet out"
        await place.until(lambda: isinstance(place.lobby.sent[-1][1], Left), "a second attempt")
        await place.end()

    run_async(story())


def test_a_disk_that_is_full(place, run_async, capsys):
    async def story():
        await place.begin()
        place.store._db.execute("PRAGMA max_page_count = 1")
        made, answer = place.grant(), object()
        for number in range(1, 200):  # the file has a little room left
            made = place.grant(number)
            answer = place.join(made)
            if isinstance(answer, Refused):
                break
            place.join(made, JoinPurpose.LEAVE)
        assert isinstance(answer, Refused)
        assert answer.reason == "not_metered"
        assert place.daemon._state.disk.failing_ns is not None
        place.store._db.execute("PRAGMA max_page_count = 1073741823")
        await place.until(lambda: place.daemon._state.disk.failing_ns is None, "the disk to work again")
        assert isinstance(place.join(made), Joined)
        await place.end()

    run_async(story())
    told = capsys.readouterr().err
    assert '"disk_failed"' in told
    assert '"disk_works"' in told


class _Locked:
    """Somebody else writes to the store, so that it keeps nothing, until the box has answered so often."""

    def __init__(self, place: Place, answers: int) -> None:
        self._place, self._left, self._send = place, answers, place.lobby.send
        place.store._db.execute("PRAGMA busy_timeout = 0")
        self._other = sqlite3.connect(place.folder / "apd.sqlite", isolation_level=None)
        self._other.execute("BEGIN IMMEDIATE")
        place.lobby.send = self.send  # type: ignore[method-assign]

    def send(self, to, data: bytes) -> None:
        self._send(to, data)
        self._left -= 1
        if not self._left:
            self._other.execute("ROLLBACK")


@pytest.mark.parametrize("failures", [1, 2])
def test_what_the_disk_did_not_keep_is_not_forgotten_when_it_keeps_what_came_later(
    place, run_async, failures
):
    """Two are let in within one burst; the first order fails, or both do."""

    async def story():
        await place.begin()
        made = [place.grant(1), place.grant(2)]
        announcement = place.say(Discover())
        joins = [
            Join(signed_grant(one), request(announcement.challenge, one, station=station, bssid=BSSID))
            for one, station in zip(made, (STATION, OTHER_STATION), strict=True)
        ]
        _Locked(place, failures)
        place.daemon._events.append(LobbyDatagramReceived(DEVICE, write_lobby(joins[0])))
        place.lobby.receive(DEVICE, write_lobby(joins[1]))
        assert [type(message) for _, message in place.lobby.sent[-2:]] == [Joined, Joined]
        unsaved = [order.session.grant_id for order in place.daemon._state.disk.unsaved]
        assert unsaved == [one.grant_id for one in made], "in the order in which it was to be kept"
        await place.until(lambda: place.daemon._state.disk.failing_ns is None, "the disk to work again")
        assert {session.grant.grant_id for session in place.store.sessions()} == {
            one.grant_id for one in made
        }
        await place.end()

    run_async(story())


def test_a_tpm_is_enrolled_by_its_maker_and_signs(tmp_path, run_async):
    vendor = FakeVendor()
    tpm = vendor.make_tpm()
    place = Place(tmp_path, tpm, Vendors((vendor.root,)))

    async def story():
        await place.begin()
        await place.until(lambda: place.daemon._state.link.enrolled, "enrolment")
        await place.until(lambda: place.daemon._state.meter.sequence == 2, "the anchor")
        await place.until(lambda: not place.daemon._state.meter.outbox, "the receipts")
        await place.end()

    run_async(story())
    assert tpm.anchor_counter() == 2
    place.restart()

    async def again():
        await place.begin()
        assert place.daemon._state.link.enrolled, "it is on disk"
        await place.end()

    run_async(again())


def test_another_tpm_has_to_enrol_anew(tmp_path, run_async, capsys):
    vendor = FakeVendor()
    place = Place(tmp_path, vendor.make_tpm(), Vendors((vendor.root,)))

    async def story():
        await place.begin()
        await place.until(lambda: place.daemon._state.link.enrolled, "enrolment")
        await place.end()

    run_async(story())
    place.tpm = vendor.make_tpm()
    place.restart()
    run_async(story())
    assert '"enrolment_stale"' in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage",
        write_enrolment_reply(EnrolmentReply(receipt=receipt(bytes(32), "unknown_vendor"))),
        write_enrolment_reply(EnrolmentReply(receipt=receipt(bytes(32), "no", key=PROVIDER))),
        write_enrolment_reply(EnrolmentReply(attestation_result=b"nonsense")),
        write_enrolment_reply(
            EnrolmentReply(
                attestation_result=write_attestation_result(
                    AttestationResult(PROVIDER.public, b"", PROVIDER.public, b"", 1), LEDGER, LEDGER_ID
                )
            )
        ),
    ],
    ids=["empty", "garbage", "refused", "not the ledger's", "no result", "of another key"],
)
def test_an_enrolment_that_is_answered_with_no(place, run_async, capsys, answer):
    async def story():
        place.link.answers = False
        await place.begin()
        await place.until(lambda: place.link.published, "the request")
        _, _, correlation = place.link.published[0]
        place.link.report(LedgerReplied(b"e\0\0\0\0", answer))
        assert '"enrolment_failed"' not in capsys.readouterr().err, "an answer to another question"
        place.link.report(LedgerReplied(correlation, answer))
        assert not place.daemon._state.link.enrolled
        assert '"enrolment_failed"' in capsys.readouterr().err
        await place.end()

    run_async(story())


def test_a_mistake_of_our_own_ends_the_daemon(place, run_async):
    async def story():
        await place.begin()
        asyncio.get_running_loop().call_soon(place.daemon.take, object())
        await place.task

    with pytest.raises(AssertionError):
        run_async(story())
    assert place.lobby.sent[-1] == "closed", "everything is closed all the same"


def test_a_kernel_that_cannot_be_set_up_ends_it_at_once(place, run_async):
    place.shaper.fail_next("set_up")
    with pytest.raises(ShellError, match="set_up"):
        run_async(place.daemon.run())


def test_every_note_is_a_line_of_json(place, run_async, capsys):
    async def story():
        await place.begin()
        await place.end()

    run_async(story())
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert "ready" in [line["what"] for line in lines]
    assert all(set(line) == {"utc_ms", "what", "text"} for line in lines)


class AirPlace(Place):
    """The same with a hostapd and a radio."""

    settings = replace(SETTINGS, air=AIR)

    def air(self) -> AirShells:
        self.hostapd = FakeHostapd(self.folder / "wlan0", bssid=BSSID)
        shell = Hostapd(self.folder / "wlan0", self.folder)
        self.weights: list[tuple[str, MacAddress, int]] = []
        self.stations: tuple[StationMeasurement, ...] | None = None
        return AirShells(shell, self, self.weigh, self.measure)

    def start(self, report) -> None:
        """As a monitor."""
        self.hear = report

    def close(self) -> None:
        self.hear = None

    def weigh(self, interface: str, station, weight: int) -> bool:
        self.weights.append((interface, station, weight))
        return False

    def measure(self, interface: str) -> tuple[StationMeasurement, ...]:
        if self.stations is None:
            raise ShellError("nl80211", "has no stations")
        return self.stations

    async def begin(self) -> None:
        self.hostapd.start()
        await super().begin()
        await self.until(lambda: self.hostapd.beacons, "the offer is on the air")

    async def end(self) -> None:
        await super().end()
        self.hostapd.kill()

    def element(self, info_id: int) -> bytes:
        return self.hostapd.elements.get(info_id, b"")


@pytest.fixture
def air_place(tmp_path):
    return AirPlace(tmp_path)


def test_from_a_purchase_on_the_air_to_a_slice_and_out_again(air_place, run_async):
    place = air_place

    async def story():
        await place.begin()
        shown = read_air_offer(place.element(VENDOR))
        network = read_network(shown.network, PROVIDER.public)
        assert network.ssid == b"airgrant"
        assert network.registration == place.store.registration()
        assert read_registration(network.registration, LEDGER.public, LEDGER_ID).account == OPERATOR.public
        bought, made = purchase(), place.grant()
        place.link.grants = (signed_grant(made),)
        place.hear(PurchaseHeard(STATION, bought.envelope.encoded))
        answer = answer_id(bought.transaction_id)
        await place.until(lambda: place.element(answer), "the outcome is on the air")
        (outcome,) = read_answers(place.element(answer))
        assert isinstance(outcome, Outcome)
        assert [entry[1] for entry in place.link.published if entry[0] == "grant"] == [outcome.grant]
        assert [known.encoded for known in place.store.known_grants()] == [outcome.grant], (
            "on disk when it is answered"
        )
        word = Admission(outcome.grant, STATION, BSSID, 0, int(time.time()) + 30)
        place.link.report(AdmissionReceived(write_admission(word, OPERATOR)))
        place.hostapd.let_in(STATION, str(made.consumer))
        await place.until(place.shaper.sessions, "the slice")
        place.link.report(ProviderCommanded(revocation(made.grant_id)))
        await place.until(lambda: not place.hostapd.stations, "it is thrown out")
        assert place.shaper.sessions() == {}
        await place.end()

    run_async(story())
    assert place.hear is None


def test_stations_are_measured_by_the_kernel_and_else_by_hostapd(air_place, run_async, capsys):
    place = air_place

    def due() -> None:
        """As if five seconds had gone by."""
        state = place.daemon._state
        place.daemon._state = replace(state, airtime=replace(state.airtime, measure_due_ns=0))
        place.daemon.take(DeadlineReached())

    async def story():
        await place.begin()
        made = place.grant()
        word = Admission(signed_grant(made), STATION, BSSID, 0, int(time.time()) + 30)
        place.link.report(AdmissionReceived(write_admission(word, OPERATOR)))
        place.hostapd.let_in(STATION, str(made.consumer))
        await place.until(lambda: place.weights, "the slice and its weight")
        place.stations = (StationMeasurement(STATION, signal_dbm=-42),)
        due()
        assert place.daemon._state.airtime.stations[STATION].last.signal_dbm == -42
        place.stations = None
        due()
        await place.until(
            lambda: place.daemon._state.airtime.stations[STATION].last.signal_dbm == -30, "hostapd's word"
        )
        await place.end()

    run_async(story())
    assert place.weights == [(SETTINGS.shaper.interface, STATION, 3_840)]
    notes = [json.loads(line)["what"] for line in capsys.readouterr().err.splitlines()]
    assert notes.count("no_airtime_weights") == notes.count("stations_by_hostapd") == 1


def test_the_operator_vouches_and_a_restart_goes_on_with_who_is_there(air_place, run_async):
    place = air_place

    async def first():
        await place.begin()
        made = place.grant()
        word = Admission(signed_grant(made), STATION, BSSID, 700, int(time.time()) + 30)
        place.link.report(AdmissionReceived(write_admission(word, OPERATOR)))
        place.hostapd.let_in(STATION, str(made.consumer))
        await place.until(place.shaper.sessions, "the slice")
        await place.end()

    async def second():
        place.hostapd.stations = {STATION: str(place.grant().consumer)}
        await place.begin()
        (session,) = place.daemon._state.sessions.values()
        assert (session.phase, session.elsewhere_bytes) == (Phase.ACTIVE, 700)
        assert place.daemon._state.on_air.associations[STATION].grant_id == session.grant_id
        assert "install" not in str(place.shaper.calls)
        await place.end()

    run_async(first())
    place.restart()
    run_async(second())


def test_an_offer_that_changes_is_on_the_air_at_once(air_place, run_async):
    """The way from the ledger's word to hostapd's answer: two signatures, one SET."""
    place, took_s = air_place, []

    async def story():
        await place.begin()
        for epoch in range(4, 14):
            before = place.element(VENDOR)
            began = time.perf_counter()
            place.link.report(OfferStateReceived(signed_state(height=10 + epoch, epoch=epoch)))
            await place.until(lambda before=before: place.element(VENDOR) != before, "the new offer")
            took_s.append(time.perf_counter() - began)
        await place.end()

    run_async(story())
    assert sorted(took_s)[len(took_s) // 2] < 0.05


class AuctionPlace(Place):
    """A box that holds auctions; its house is silent."""

    settings = replace(SETTINGS, auction=AuctionSettings())

    def make(self) -> None:
        super().make()
        self.link.lost = ("auction",)


def test_what_an_auction_sells_is_on_disk_before_the_house_is_told_and_after_a_restart(tmp_path, run_async):
    place = AuctionPlace(tmp_path)
    shares = (SoldShare(STRANGER.public, int(time.time()) + 600, QOS.times(2), 2),)

    async def first():
        await place.begin()
        place.daemon._obey([StoreAuctionOffer(b"i" * 32, shares), AskHouse(b"a12345678", b"answer")])
        assert ("auction", b"answer", b"a12345678") in place.link.published
        assert place.store.sold() == {b"i" * 32: shares}
        (kept,) = [event for event in place.daemon._events if isinstance(event, Saved)]
        assert kept.auctions == (b"i" * 32,)
        place.daemon.take(DeadlineReached())
        await place.end()

    async def second():
        await place.begin()
        assert place.daemon._state.on_auction.sold == {b"i" * 32: shares}
        await place.end()

    run_async(first())
    place.restart()
    run_async(second())


def test_auctions_and_their_offers_are_signed_by_the_provider(tmp_path, run_async):
    place = AuctionPlace(tmp_path)
    made = session_auction()
    transaction = Transaction(PostOffer(1, BAND, 0, 60, QOS), bytes(8), made.settle_by_s)

    async def story():
        await place.begin()
        place.daemon._obey([SignAuction(made), SignAuctionOffer(made.auction_id, transaction)])
        (encoded,) = [event.encoded for event in place.daemon._events if isinstance(event, AuctionSigned)]
        (offer,) = [event.offer for event in place.daemon._events if isinstance(event, AuctionOfferSigned)]
        place.daemon.take(DeadlineReached())
        await place.end()
        return encoded, offer

    encoded, offer = run_async(story())
    assert read_auction(encoded, LEDGER_ID) == made
    sent = read_transaction(offer, LEDGER_ID)
    sent.verify(PROVIDER.public)
    assert sent.transaction == transaction
