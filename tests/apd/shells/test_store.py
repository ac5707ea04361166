"""The disk: what is kept is found again, whole or not at all, whatever kills the daemon; damage is told."""

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from apd.auction_state import SoldShare
from apd.commands import (
    DropUnsigned,
    ForgetAuctionOffer,
    ForgetGrant,
    ForgetRecord,
    ForgetRefund,
    ForgetSession,
    StoreAuctionOffer,
    StoreGrant,
    StoreOfferState,
    StoreRecord,
    StoreRefund,
    StoreRegistration,
    StoreRevocation,
    StoreSession,
)
from apd.metering import StoredChain
from apd.refund import Refund
from apd.session import EndReason, Phase, Usage, restore
from apd.sessions import MAX_REVOKED
from apd.shells.software_key import SoftwareKey
from apd.shells.store import Store
from apd.state import KnownGrant, OutboxEntry
from tests.apd.test_session import session
from tests.apd.world import (
    CONSUMER,
    OTHER_CONSUMER,
    OTHER_STATION,
    QOS,
    START,
    STATION,
    grant,
    proved_grant,
    signed_grant,
)
from wire.cbor import Value, write_cbor
from wire.errors import ShellError
from wire.evidence import read_evidence, write_evidence
from wire.grant import grant_id_of
from wire.ids import station_octets
from wire.keys import PrivateKey
from wire.meter_record import FIRST_PREVIOUS, UsageReport, UsageRow, record_hash, write_meter_record
from wire.qos import LatencyClass

SIGNER = SoftwareKey(PrivateKey.from_secret(13))


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "deep" / "apd.sqlite")
    yield made
    made.close()


def record(sequence: int, previous: bytes = FIRST_PREVIOUS, sessions=(), reported_utc_ms: int = 5_000):
    rows = tuple(UsageRow(one.grant_id, 1, 2, 3, 4) for one in sessions)
    made = UsageReport(sequence, previous, 1_000, 5_000, rows)
    return StoreRecord(made, write_meter_record(made), tuple(sessions), reported_utc_ms)


def sign(store: Store, stored: StoreRecord, pcr: bytes = b"p" * 32) -> None:
    store.save_evidence(stored.record.sequence, SIGNER.sign_record(stored.encoded), pcr)


SOLD = (
    SoldShare(CONSUMER.public, 1_700_000_060, QOS.times(3), 3),
    SoldShare(OTHER_CONSUMER.public, 1_700_000_020, replace(QOS, latency_class=LatencyClass.INTERACTIVE), 1),
)


class TestSold:
    def test_what_auctions_sold_is_found_again_and_forgotten(self, tmp_path):
        first = Store(tmp_path / "apd.sqlite")
        assert first.sold() == {}
        first.save([StoreAuctionOffer(b"a" * 32, SOLD), StoreAuctionOffer(b"b" * 32, SOLD[:1])])
        first.close()
        again = Store(tmp_path / "apd.sqlite")
        assert again.sold() == {b"a" * 32: SOLD, b"b" * 32: SOLD[:1]}
        again.save([ForgetAuctionOffer(b"a" * 32)])
        assert again.sold() == {b"b" * 32: SOLD[:1]}
        again.close()

    @pytest.mark.parametrize(
        "value",
        [
            b"junk",
            write_cbor(5),
            write_cbor([[CONSUMER.public.octets, 7]]),
            write_cbor([[bytes(33), 7, [1, 2, 1, 2], 1]]),
            write_cbor([[CONSUMER.public.octets, 7, [1, 2, "1", 2], 1]]),
            write_cbor([[CONSUMER.public.octets, 7, [2, 1, 1, 2], 1]]),
        ],
    )
    def test_damage_is_told(self, store, tmp_path, value):
        with sqlite3.connect(tmp_path / "deep" / "apd.sqlite") as db:
            db.execute("INSERT INTO auction_offer VALUES (?, ?)", (b"a", value))
        db.close()
        with pytest.raises(ShellError, match="what an auction sold is damaged"):
            store.sold()


OWED = Refund(grant(), signed_grant(grant()), 15_000_000, 2**40)
FIXED = replace(OWED, transfer=b"signed", transaction_id=b"t" * 32, amount_ubc=25_000)


class TestRefunds:
    def test_what_is_owed_and_what_was_signed_are_found_again(self, tmp_path):
        first = Store(tmp_path / "apd.sqlite")
        first.save([StoreRefund(OWED)])
        assert first.refunds() == [OWED]
        first.save([StoreRefund(replace(FIXED, due_ns=5, refused="insufficient_funds"))])
        first.close()
        again = Store(tmp_path / "apd.sqlite")
        assert again.refunds() == [replace(FIXED, stored=True)]
        again.save([ForgetRefund(OWED.grant_id)])
        assert again.refunds() == []
        again.close()


class TestSessions:
    @pytest.mark.parametrize("phase", [Phase.ADMITTED, Phase.ACTIVE, Phase.EXPIRING, Phase.CLOSED])
    @pytest.mark.parametrize("reason", [EndReason.NONE, EndReason.REVOKED])
    def test_every_field_is_found_again(self, store, phase, reason):
        kept = session(
            phase,
            reason=reason,
            slot=65_000,
            baseline=Usage(1, 2, 3, 4),
            used=Usage(2**40, 6, 7, 8, 2**40, 14),
            unreported=Usage(9, 10, 11, 12, 13, 14),
        )
        store.save([StoreSession(kept)])
        (found,) = store.sessions()
        again = restore(found, START, kept=True)
        assert again == replace(kept, last_heard_ns=START.mono_ns)

    def test_what_was_shown_with_a_proof_is_found_again(self, store):
        made = grant(grant_id=grant_id_of(bytes(32), 6))
        kept = session(grant=made, encoded_grant=proved_grant(made))
        owed = Refund(made, kept.encoded_grant, 1, 2)
        store.save([StoreSession(kept), StoreRefund(owed)])
        (found,) = store.sessions()
        assert (found.grant, found.encoded_grant) == (made, kept.encoded_grant)
        assert [one.grant for one in store.refunds()] == [made]

    def test_the_last_word_counts(self, store):
        store.save([StoreSession(session(slot=20)), StoreSession(session(slot=21))])
        store.save([StoreSession(session(slot=22))])
        assert [found.slot for found in store.sessions()] == [22]

    @pytest.mark.parametrize("baseline", [Usage(1, 2, 3, 4), Usage(9, 2, 3, 4), Usage()])
    @pytest.mark.parametrize("used", [Usage(1, 2, 3, 4), Usage(1, 2, 3, 4, 5, 6)])
    @pytest.mark.parametrize("unreported", [Usage(), Usage(up_shortfall_bytes=1)])
    def test_usages_that_are_left_out_are_found_again(self, store, baseline, used, unreported):
        store.save([StoreSession(session(baseline=baseline, used=used, unreported=unreported))])
        (found,) = store.sessions()
        assert (found.baseline, found.used, found.unreported) == (baseline, used, unreported)

    def test_one_that_came_back_elsewhere_is_kept_so_by_a_report_too(self, store):
        """A report also has sessions that were never stored as they are now: admitted again, to another slot."""
        store.save([StoreSession(session(slot=20))])
        store.save([record(1, sessions=[session(Phase.ADMITTED, slot=33, station=OTHER_STATION)])])
        (found,) = store.sessions()
        assert (found.phase, found.slot, found.station) == (Phase.ADMITTED, 33, OTHER_STATION)

    def test_many_come_and_go_and_none_gets_the_usage_of_another(self, store):
        for moment in range(12):
            store.save([StoreSession(numbered(number)) for number in range(moment, moment + 5)])
            store.save([ForgetSession(grant(moment).grant_id)])
            kept = {found.grant.grant_id: found.used.down_bytes for found in store.sessions()}
            assert kept == {grant(n).grant_id: n for n in range(moment + 1, moment + 5)}
            assert store._query("SELECT count(*) FROM session_usage", ()) == [(4,)]

    def test_a_forgotten_one_is_gone(self, store):
        store.save([StoreSession(session()), ForgetSession(grant().grant_id)])
        assert store.sessions() == []
        store.save([ForgetSession(grant().grant_id)])

    def test_it_is_there_after_the_file_was_closed(self, tmp_path):
        first = Store(tmp_path / "x.sqlite")
        first.save([StoreSession(session()), StoreRevocation(b"g" * 16), StoreOfferState(b"word")])
        first.close()
        second = Store(tmp_path / "x.sqlite")
        assert len(second.sessions()) == 1
        assert (second.revoked(), second.offer_state()) == ([b"g" * 16], b"word")
        second.close()


class TestChain:
    def test_an_empty_one(self, store):
        assert store.chain() == StoredChain(0, FIRST_PREVIOUS, b"", 0, (), ())
        assert (store.attestation(), store.offer_state(), store.revoked()) == (b"", b"", [])

    def test_unsigned_signed_acknowledged(self, store):
        one, two, three = record(1), record(2), record(3)
        store.save([one, two, three])
        assert store.chain() == StoredChain(
            0, FIRST_PREVIOUS, b"", 5_000, (one.encoded, two.encoded, three.encoded), ()
        )
        sign(store, one)
        sign(store, two, b"q" * 32)
        outbox = tuple(OutboxEntry(at.record.sequence, record_hash(at.encoded)) for at in (one, two))
        assert store.chain() == StoredChain(
            2, record_hash(two.encoded), b"q" * 32, 5_000, (three.encoded,), outbox
        )
        store.save([ForgetRecord(1)])
        assert store.chain().outbox == outbox[1:]
        store.save([ForgetRecord(2)])
        assert (store.chain().sequence, store.chain().outbox) == (2, ())

    def test_evidence_is_kept_as_it_was_signed_until_it_is_acknowledged(self, store):
        one, two = record(1), record(2)
        store.save([one, two])
        sign(store, one)
        assert read_evidence(store.evidence(1)).record == one.encoded
        sign(store, two)
        store.save([ForgetRecord(1), StoreOfferState(b"state")])
        with pytest.raises(ShellError, match="no evidence of record 1"):
            store.evidence(1)
        with pytest.raises(ShellError, match="no evidence of record 9"):
            store.evidence(9)

    def test_what_is_acknowledged_is_forgotten_with_the_next_record(self, tmp_path):
        """Not before: that would be a write to the flash for nothing. A kill between has it sent once more."""
        path = tmp_path / "apd.sqlite"
        store, other = Store(path), sqlite3.connect(path)
        one, two = record(1), record(2)
        store.save([one])
        sign(store, one)
        store.save([ForgetRecord(1)])
        assert _kept(other) == ([1], [1])
        store.save([two])
        assert _kept(other) == ([2], [1]), "the next one names the hash of the last"
        sign(store, two)
        assert _kept(other) == ([2], [2])
        store.save([ForgetRecord(2)])
        store.close()
        assert _kept(other) == ([], [2]), "an orderly end loses none"
        other.close()

    def test_an_acknowledgement_that_the_disk_refused_waits(self, tmp_path, store):
        store.save([record(1)])
        sign(store, record(1))
        store.save([ForgetRecord(1)])
        other = sqlite3.connect(tmp_path / "deep" / "apd.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        store._db.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(ShellError, match="locked"):
            store.save([record(2)])
        other.execute("ROLLBACK")
        store.save([record(2)])
        assert _kept(other) == ([2], [1])
        other.close()

    def test_many_acknowledgements_do_not_wait(self, tmp_path):
        """The reports of an outage, acknowledged one after the other."""
        path = tmp_path / "apd.sqlite"
        store, other = Store(path), sqlite3.connect(path)
        store.save([record(number) for number in range(1, 101)])
        for number in range(1, 101):
            sign(store, record(number))
        for number in range(1, 101):
            store.save([ForgetRecord(number)])
        records, evidence = _kept(other)
        assert len(records) == len(evidence) < 100
        assert [entry.sequence for entry in store.chain().outbox] == [], (
            "nor is any sent again in an orderly start"
        )
        assert _kept(other) == ([], [100])
        other.close()
        store.close()

    def test_what_is_not_signed_yet_nobody_can_have_acknowledged(self, store):
        store.save([record(1), ForgetRecord(1)])
        assert store.chain().unsigned == (record(1).encoded,)

    def test_only_what_somebody_was_told_is_synchronous(self, store):
        """A record is heard of with its evidence, whose commit brings it to the disk, too."""
        assert _synchronous_after(store, [record(1)]) == NORMAL
        sign(store, record(1))
        assert store._query("PRAGMA synchronous", ()) == [(FULL,)]
        assert _synchronous_after(store, [record(2), StoreSession(session())]) == FULL
        assert _synchronous_after(store, [ForgetSession(grant().grant_id), record(3)]) == NORMAL

    def test_a_record_and_the_sessions_that_it_empties_are_kept_together(self, store):
        emptied = session(unreported=Usage(), used=Usage(1, 2, 3, 4))
        store.save([record(1, sessions=[emptied])])
        assert store.sessions()[0].used == Usage(1, 2, 3, 4)

    def test_dropped_ones_are_gone_and_their_numbers_free(self, store):
        one, two = record(1), record(2)
        store.save([one])
        sign(store, one)
        store.save([two, DropUnsigned()])
        assert (store.chain().sequence, store.chain().unsigned) == (1, ())
        assert [entry.sequence for entry in store.chain().outbox] == [1]
        again = record(2, previous=b"x" * 32)
        store.save([again])
        assert store.chain().unsigned == (again.encoded,)

    def test_what_is_reported_is_what_the_record_says(self, store):
        store.save([record(1, reported_utc_ms=7)])
        assert store.chain().reported_utc_ms == 7

    def test_an_attestation_result(self, store):
        store.save_attestation(b"one")
        store.save_attestation(b"two")
        assert store.attestation() == b"two"

    def test_the_ledgers_last_words_on_the_offer_and_on_the_operator(self, store):
        assert (store.offer_state(), store.registration()) == (b"", b"")
        store.save([StoreOfferState(b"offer"), StoreRegistration(b"one"), StoreRegistration(b"two")])
        assert (store.offer_state(), store.registration()) == (b"offer", b"two")


class TestGrants:
    def test_the_last_word_counts_until_it_is_forgotten(self, store):
        one, two = (signed_grant(grant(number)) for number in (1, 2))
        store.save([StoreGrant(b"1" * 16, one, 0), StoreGrant(b"2" * 16, two, 7, bought=True)])
        store.save([StoreGrant(b"1" * 16, one, 2**40, STATION)])
        kept = [KnownGrant(grant(1), one, 2**40, STATION), KnownGrant(grant(2), two, 7, bought=True)]
        assert store.known_grants() == kept
        store.save([ForgetGrant(b"1" * 16), ForgetGrant(b"9" * 16)])
        assert store.known_grants() == kept[1:]

    def test_a_damaged_one_stops_the_start(self, store):
        store.save([StoreGrant(b"1" * 16, b"no grant", 0)])
        with pytest.raises(ShellError, match="a known grant is damaged"):
            store.known_grants()


class TestRevocations:
    def test_once_each_in_order(self, store):
        store.save([StoreRevocation(b"b" * 16), StoreRevocation(b"a" * 16), StoreRevocation(b"b" * 16)])
        assert store.revoked() == [b"b" * 16, b"a" * 16]

    def test_the_oldest_are_forgotten(self, store):
        numbers = [number.to_bytes(16, "big") for number in range(MAX_REVOKED + 3)]
        store.save([StoreRevocation(number) for number in numbers])
        assert store.revoked() == numbers[3:]


class TestDamage:
    def test_all_or_nothing(self, store):
        broken = replace(record(1), record=replace(record(1).record, sequence=2**70))
        with pytest.raises((ShellError, OverflowError)):
            store.save([StoreSession(session()), broken])
        assert store.sessions() == []
        store.save([StoreSession(session())])
        assert len(store.sessions()) == 1

    def test_a_file_that_is_no_store(self, tmp_path):
        (tmp_path / "x.sqlite").write_bytes(b"this is not a database" * 100)
        with pytest.raises(ShellError, match=r"x\.sqlite: file is not a database"):
            Store(tmp_path / "x.sqlite")

    def test_a_place_where_nothing_can_be(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(ShellError, match="store"):
            Store(tmp_path / "file" / "apd.sqlite")

    @pytest.mark.parametrize("value", [b"", b"\x80", b"\x85\x41a\x80\x40\x40\x00"])
    def test_a_damaged_refund_stops_the_start(self, tmp_path, value):
        store = Store(tmp_path / "apd.sqlite")
        with sqlite3.connect(tmp_path / "apd.sqlite") as db:
            db.execute("INSERT INTO refund VALUES (?, ?)", (b"g", value))
        db.close()
        with pytest.raises(ShellError, match="refund is damaged"):
            store.refunds()
        store.close()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE session SET held = x''",
            "UPDATE session SET held = x'80'",
            "UPDATE session SET held = x'8340460000'",
            "UPDATE session_usage SET usage = x'67'",
            "UPDATE session_usage SET usage = x'826061'",
            "UPDATE session_usage SET usage = x'82666163746976656060'",
            "UPDATE session_usage SET usage = x'826661637469766560'",
            "DELETE FROM session_usage",
        ],
    )
    def test_a_damaged_session_stops_the_start(self, tmp_path, statement):
        store = Store(tmp_path / "x.sqlite")
        store.save([StoreSession(session())])
        _tamper(tmp_path / "x.sqlite", statement)
        with pytest.raises(ShellError, match="a session is damaged"):
            store.sessions()
        store.close()

    @pytest.mark.parametrize(
        ("statement", "told"),
        [
            ("UPDATE record SET encoded = x'67' WHERE sequence = 2", "an unsigned record is damaged"),
            ("UPDATE evidence SET proof = x'80'", "evidence is damaged"),
        ],
    )
    def test_a_damaged_record_stops_the_start(self, tmp_path, statement, told):
        """A chain that silently began anew would look like another box."""
        store = Store(tmp_path / "x.sqlite")
        store.save([record(1), record(2)])
        sign(store, record(1))
        _tamper(tmp_path / "x.sqlite", statement)
        with pytest.raises(ShellError, match=told):
            store.evidence(store.chain().sequence)
        store.close()

    def test_after_the_end_nothing_can_be_kept(self, tmp_path):
        store = Store(tmp_path / "x.sqlite")
        store.close()
        with pytest.raises(ShellError):
            store.save([StoreSession(session())])
        with pytest.raises(ShellError):
            store.chain()

    def test_somebody_who_holds_the_file_for_too_long(self, tmp_path, store):
        path = tmp_path / "deep" / "apd.sqlite"
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ShellError, match="locked"):
            store.save([StoreSession(session())])
        other.execute("ROLLBACK")
        other.close()
        store.save([StoreSession(session())])


def test_alone_it_keeps_no_index_on_the_disk_and_lets_nobody_in(tmp_path):
    path = tmp_path / "apd.sqlite"
    store = Store(path, alone=True)
    store.save([StoreSession(session())])
    assert sorted(one.name for one in tmp_path.iterdir()) == ["apd.sqlite", "apd.sqlite-wal"]
    opening = (
        "import sys; from pathlib import Path; from apd.shells.store import Store; Store(Path(sys.argv[1]))"
    )
    second = subprocess.run(
        [sys.executable, "-c", opening, path], check=False, capture_output=True, text=True
    )
    assert "database is locked" in second.stderr
    store.close()
    again = Store(path)
    assert [one.grant for one in again.sessions()] == [session().grant]
    again.close()


class TestLayouts:
    def test_a_store_of_the_first_one_goes_on(self, tmp_path):
        """Three sessions under way, of which one counted no shortfalls yet; what is acknowledged, sent and unsigned."""
        path = tmp_path / "apd.sqlite"
        links = [record(number) for number in range(1, 6)]
        kept = _old_store(path, links)
        store = Store(path, alone=True)
        chain = store.chain()
        outbox = [OutboxEntry(link.record.sequence, record_hash(link.encoded)) for link in links[2:4]]
        unsigned = (links[4].encoded,)
        assert chain == StoredChain(
            4, record_hash(links[3].encoded), b"p" * 32, 9_000, unsigned, tuple(outbox)
        )
        assert [store.evidence(n) for n in (3, 4)] == [_old_evidence(link) for link in links[2:4]]
        assert {found.grant.grant_id: restore(found, START, kept=True) for found in store.sessions()} == {
            one.grant_id: replace(one, last_heard_ns=START.mono_ns) for one in kept
        }
        assert store.offer_state() == b"word"
        store.save([StoreSession(replace(kept[1], slot=77))])
        sign(store, links[4], b"q" * 32)
        store.save([ForgetRecord(number) for number in (3, 4, 5)])
        store.close()
        again = Store(path)
        assert again.chain() == StoredChain(5, record_hash(links[4].encoded), b"q" * 32, 9_000, (), ())
        assert sorted(found.slot for found in again.sessions()) == [20, 20, 77]
        again.close()

    def test_two_that_find_it_at_once_upgrade_it_once(self, tmp_path):
        path = tmp_path / "apd.sqlite"
        _old_store(path, [record(1)])
        first, second = Store(path), Store(path)
        sessions = first.sessions()
        second._transact(second._lay_out)  # as if it had found the first layout a moment before
        assert second.sessions() == sessions
        first.close()
        second.close()

    def test_one_whose_last_link_is_acknowledged_knows_its_head(self, tmp_path):
        path, links = tmp_path / "apd.sqlite", [record(1), record(2)]
        _old_store(path, links, acknowledged=2, unsigned=3)
        store = Store(path)
        assert store.chain() == StoredChain(2, record_hash(links[1].encoded), b"p" * 32, 9_000, (), ())
        store.close()

    def test_a_damaged_one_is_told_and_left_as_it_is(self, tmp_path):
        path = tmp_path / "apd.sqlite"
        _old_store(path, [record(1)])
        _tamper(path, "UPDATE session SET value = x'80' WHERE grant_id = (SELECT max(grant_id) FROM session)")
        store = Store(path)
        for _ in range(2):
            with pytest.raises(ShellError, match="a session is damaged"):
                store.chain()
        store.close()
        assert _tables(path) >= {("record", 1), ("session", 3)}

    def test_who_only_looks_changes_nothing(self, tmp_path):
        """`apd sib`, beside a daemon that has not been started anew since the upgrade."""
        path = tmp_path / "apd.sqlite"
        _old_store(path, [record(1)])
        before = _tables(path)
        store = Store(path)
        assert store.offer_state() == b"word"
        store.close()
        assert {table for table in _tables(path) if table[1]} == before

    def test_an_apd_of_before_does_not_begin_a_chain_anew_in_a_store_of_now(self, tmp_path, store):
        """It is told that it does not know the columns."""
        store.save([record(1)])
        with (
            sqlite3.connect(tmp_path / "deep" / "apd.sqlite") as db,
            pytest.raises(sqlite3.OperationalError, match="no such column"),
        ):
            db.executescript(OLD_SCHEMA).execute(
                "SELECT sequence, record FROM record WHERE evidence IS NOT NULL"
            )
        db.close()

    def test_one_of_a_newer_apd_is_refused(self, tmp_path):
        _tamper(tmp_path / "x.sqlite", "PRAGMA user_version = 2")
        store = Store(tmp_path / "x.sqlite")
        with pytest.raises(ShellError, match="a newer apd made it"):
            store.chain()
        store.close()


def numbered(number: int, **changes):
    return session(grant=grant(number), encoded_grant=signed_grant(grant(number)), **changes).counted(
        Usage(number, 2, 3, 4), START.mono_ns
    )


OLD_SCHEMA = """
CREATE TABLE IF NOT EXISTS session (grant_id BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (sequence INTEGER PRIMARY KEY, record BLOB NOT NULL, evidence BLOB, acknowledged
INTEGER NOT NULL); CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""


def _old_store(path: Path, links, acknowledged: int = 2, unsigned: int = 5):
    """As an apd of before layouts left it, with three sessions, which are returned."""
    first = session(Phase.CLOSED, reason=EndReason.LEFT, unreported=Usage(1, 1, 1, 1), used=Usage(1, 2, 3, 4))
    kept = [first, numbered(2), numbered(3, place="7 imsi-001 internet", unreported=Usage(0, 0, 0, 0, 5, 6))]
    with sqlite3.connect(path) as db:
        db.executescript(OLD_SCHEMA)
        rows = [(one.grant_id, _old_session(one, n)) for one, n in zip(kept, (4, 6, 6), strict=True)]
        db.executemany("INSERT INTO session VALUES (?, ?)", rows)
        for link in links:
            sequence = link.record.sequence
            evidence = _old_evidence(link) if sequence < unsigned else None
            row = (sequence, link.encoded, evidence, int(sequence <= acknowledged))
            db.execute("INSERT INTO record VALUES (?, ?, ?, ?)", row)
        reported = (9_000).to_bytes(8, "big")
        meta = [("meter_pcr", b"p" * 32), ("reported_utc_ms", reported), ("offer_state", b"word")]
        db.executemany("INSERT INTO meta VALUES (?, ?)", meta)
    db.close()
    return kept


def _old_evidence(link: StoreRecord) -> bytes:
    return write_evidence(replace(OLD_EVIDENCE, record=link.encoded))


OLD_EVIDENCE = SIGNER.sign_record(b"")
"""A signature is another each time, and nobody verifies one here."""


def _old_session(one, counts: int) -> bytes:
    def write(usage: Usage) -> Value:
        down, up = usage.down_shortfall_bytes, usage.up_shortfall_bytes
        items: list[Value] = [usage.down_bytes, usage.up_bytes, usage.down_offered_bytes]
        return [*items, usage.up_offered_bytes, down, up][:counts]

    head: list[Value] = [one.encoded_grant, station_octets(one.station), one.slot]
    place: list[Value] = [one.place] if one.place else []
    usages = map(write, (one.baseline, one.used, one.unreported))
    return write_cbor([*head, one.phase.value, one.reason.value, *usages, *place])


def _tables(path: Path) -> set[tuple[str, int]]:
    """Each with how many rows it has."""
    with sqlite3.connect(path) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found = {(name, db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]) for name in names}
    db.close()
    return found


class TestFlash:
    """What a minute may write: pages of 512 octets, as the log of the write has them (decision 0047)."""

    @pytest.mark.parametrize(("sessions", "pages"), [(0, 2), (3, 3), (20, 6)])
    def test_a_minute_writes_few_pages(self, tmp_path, sessions, pages):
        """The record one or two, its evidence one, the usage of fourteen sessions one; and which pages are free."""
        path = tmp_path / "apd.sqlite"
        store = Store(path, alone=True)
        present = [numbered(number) for number in range(1, sessions + 1)]
        store.save([StoreSession(one) for one in present])
        written = []
        for number in range(1, 11):
            before = _log_bytes(path)
            present = [replace(_served(one), unreported=Usage()) for one in present]
            rows = tuple(UsageRow(one.grant_id, 7_500_000, 700_000, 7_500_000, 700_000) for one in present)
            report = UsageReport(number, FIRST_PREVIOUS, 1_790_000_000_000, 1_790_000_060_000, rows)
            store.save([made := StoreRecord(report, write_meter_record(report), tuple(present), 5_000)])
            sign(store, made)
            store.save([ForgetRecord(number)])
            written.append((_log_bytes(path) - before) / (512 + 24))
        store.close()
        assert sorted(written)[5] <= pages


def _served(one):
    return one.counted(one.baseline.plus(Usage(7_500_000, 700_000, 7_500_000, 700_000)), 0)


def _log_bytes(path: Path) -> int:
    return path.with_name(f"{path.name}-wal").stat().st_size


def test_a_power_cut_loses_nothing_that_anybody_was_told(tmp_path):
    """Whatever the disk kept of the log beyond the last synchronous write, and it keeps a part of it at will."""
    path = tmp_path / "apd.sqlite"
    store = Store(path)
    store._db.execute("PRAGMA wal_autocheckpoint = 0")
    moments: list[tuple[int, tuple[object, ...]]] = []

    def done() -> None:
        moments.append((_log_bytes(path), _all_of(store)))

    store.save([StoreSession(one) for one in (numbered(1), numbered(2))])
    done()
    store.save([record(1, sessions=[numbered(1, used=Usage(7, 7, 7, 7)), numbered(2)])])
    done()
    store.save([ForgetSession(grant(2).grant_id), record(2)])
    done()
    sign(store, record(1))
    told_bytes = _log_bytes(path)
    done()
    store.save([ForgetRecord(1)])
    store.save([ForgetSession(grant(1).grant_id), record(3)])
    done()
    log = path.with_name("apd.sqlite-wal").read_bytes()
    for kept in range(told_bytes, len(log) + 1, 97):
        (cut := tmp_path / str(kept)).mkdir()
        (cut / "apd.sqlite").write_bytes(path.read_bytes())
        (cut / "apd.sqlite-wal").write_bytes(log[:kept])
        found = Store(cut / "apd.sqlite")
        assert _all_of(found) == max((at for at in moments if at[0] <= kept), key=lambda at: at[0])[1]
        found.close()
    assert moments[-1][0] > told_bytes, "the last of them was told to nobody, and waits"
    store.close()


def _all_of(store: Store) -> tuple[object, ...]:
    rows = store._query("SELECT sequence FROM record UNION ALL SELECT -sequence FROM evidence", ())
    return store.sessions(), rows


def _kept(database: sqlite3.Connection) -> tuple[list[int], list[int]]:
    """What another process sees: sequences of records, and of evidence."""
    records, evidence = (
        [sequence for (sequence,) in database.execute(f"SELECT sequence FROM {name} ORDER BY sequence")]
        for name in ("record", "evidence")
    )
    return records, evidence


NORMAL, FULL = 1, 2
"""PRAGMA synchronous."""


def _synchronous_after(store: Store, commands) -> int:
    store.save(commands)
    ((level,),) = store._query("PRAGMA synchronous", ())
    return int(level)


def _tamper(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as database:
        database.execute(statement)
    database.close()


WRITER = """
import sys
from pathlib import Path
from apd.shells.store import Store
from tests.apd.shells.test_store import SIGNER, record, sign
from tests.apd.test_session import session
from apd.commands import ForgetRecord, StoreSession
from apd.session import Usage
from wire.meter_record import FIRST_PREVIOUS, record_hash

store = Store(Path(sys.argv[1]))
chain = store.chain()
at, previous = chain.sequence, chain.head
for encoded in chain.unsigned:
    at, previous = at + 1, record_hash(encoded)
    store.save_evidence(at, SIGNER.sign_record(encoded), b"p" * 32)
last = None
while True:
    at += 1
    made = record(at, previous, [session(used=Usage(at, at, at, at))])
    store.save([made])
    sys.stdout.write(f"{at}\\n"); sys.stdout.flush()
    if last is not None:
        sign(store, last, at.to_bytes(32, "big"))
    previous, last = record_hash(made.encoded), made
"""


def test_killed_at_any_instant_it_holds_everything_that_was_said_to_be_kept(tmp_path):
    """SIGKILL again and again: the chain stands, and the session is the one of the last record."""
    path, root = tmp_path / "apd.sqlite", Path(__file__).resolve().parents[3]
    for round_number in range(8):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdout=subprocess.PIPE,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        assert writer.stdout is not None
        before = [writer.stdout.readline() for _ in range(5 + 7 * round_number)]
        writer.send_signal(signal.SIGKILL)
        said = [int(line) for line in [*before, *writer.stdout.read().split(b"\n")] if line.strip().isdigit()]
        writer.stdout.close()
        writer.wait()
        store = Store(path)
        chain = store.chain()
        stored = max(chain.sequence, _last_sequence(path))
        assert stored >= max(said), "what was said to be kept is gone"
        assert store.sessions()[0].used.down_bytes == stored, "record and session are of one moment"
        assert _links(path) == stored
        store.close()


def _last_sequence(path: Path) -> int:
    with sqlite3.connect(path) as database:
        (last,) = database.execute("SELECT max(sequence) FROM record").fetchone()
    database.close()
    return int(last)


def _links(path: Path) -> int:
    """How many records hang together, from the first."""
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT * FROM record LEFT JOIN evidence USING (sequence)").fetchall()
    database.close()
    previous = FIRST_PREVIOUS
    for number, (sequence, encoded, _, proof, *_rest) in enumerate(sorted(rows), start=1):
        assert sequence == number
        assert previous in encoded
        assert proof is None or read_evidence(proof).signature
        previous = record_hash(encoded)
    return len(rows)
