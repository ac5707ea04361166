"""The payer on a real socket against a real cashier: what is kept, what is paid, and what ends it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from device.attesting import SoftwareAttester
from device.counters import Meter
from device.payer import Payer
from device.paying import Purse
from device.purse import Channel, load_channel
from device.wallet import Wallet
from operatord import channels
from operatord.attested import Attestation, Enrolled, Policy, Vouched
from operatord.cashier import Cashier
from operatord.channel import Channels, Rules, Terms
from tests.operatord.metered_world import INSTANCE, use
from tests.operatord.world import ALICE, BSSIDS, OPERATOR, PROVIDER
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.qos import Qos
from wire.tariff import Tariff, terms_id

LIMIT_UBC = 1_000_000
INCREMENT_UBC = 1_000

VOUCHER = PrivateKey.from_secret(9)


class Operator:
    """A cashier behind a socket on loopback, in a thread."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.tariff = Tariff(
            60_000,
            0,
            1,
            Qos(0, 1_000_000, 0, 1_000_000),
            IPv4Address("127.0.0.1"),
            self.socket.getsockname()[1],
        )
        terms = Terms(self.tariff, terms_id(self.tariff, INSTANCE, BSSIDS["roof"]), PROVIDER.public)
        self.book = Channels(INSTANCE, Rules(), {("roof", BSSIDS["roof"].octets): terms})
        channels.hear_channel(self.book, ALICE.public, 0, LIMIT_UBC)
        enrolled = {ALICE.public: Enrolled(VOUCHER.public)}
        self.cashier = Cashier(self.book, OPERATOR, Attestation(Policy.REMEMBER, enrolled))
        self.silent = False
        self.out: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while not self._over.is_set():
            now_ms = time.monotonic_ns() // 1_000_000
            self.out += [type(one).__name__ for one in channels.pass_time(self.book, now_ms)]
            try:
                data, address = self.socket.recvfrom(2_000)
            except TimeoutError:
                continue
            answered = self.cashier.take(data, time.monotonic_ns() // 1_000_000)
            if answered.datagram and not self.silent:
                self.socket.sendto(answered.datagram, address)

    def let_in(self) -> None:
        channels.begin(self.book, use(), 0, time.monotonic_ns() // 1_000_000)

    @contextmanager
    def open(self) -> Iterator[Operator]:
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()
            self.socket.close()


@pytest.fixture
def operator() -> Iterator[Operator]:
    with Operator().open() as running:
        yield running


@pytest.fixture
def wallet(tmp_path: Path) -> Wallet:
    return Wallet(tmp_path / "w.pem", ALICE)


def payer(operator: Operator, wallet: Wallet, attester: SoftwareAttester | None = None) -> Payer:
    channel = load_channel(wallet.path, INSTANCE, OPERATOR.public, LIMIT_UBC)
    return Payer(wallet, channel, operator.tariff, BSSIDS["roof"], Meter("lo"), "", attester)


def test_it_pays_each_interval_and_keeps_what_it_paid(operator: Operator, wallet: Wallet) -> None:
    operator.let_in()
    with payer(operator, wallet) as paying:
        assert paying.run(2.6) is None
        assert paying.intervals == 3
        kept = load_channel(wallet.path, INSTANCE, OPERATOR.public, LIMIT_UBC)
        assert kept.purse.paid_ubc == paying.paid_ubc == 3 * INCREMENT_UBC
        assert kept.micropayment == operator.book.channels[ALICE.public].micropayment
    after = load_channel(wallet.path, INSTANCE, OPERATOR.public, LIMIT_UBC)
    assert after.purse == Purse(3_000, 3_000, 3_000, LIMIT_UBC)
    assert operator.out == []


def test_where_nobody_answers_one_increment_is_lost(operator: Operator, wallet: Wallet) -> None:
    operator.let_in()
    operator.silent = True
    with payer(operator, wallet) as paying:
        ended = paying.run(10)
    assert ended is not None
    assert ended.reason == "not_served"
    assert paying.paid_ubc == INCREMENT_UBC
    assert load_channel(wallet.path, INSTANCE, OPERATOR.public, LIMIT_UBC).lost == 1


def test_a_disk_that_was_lost_is_made_good_by_the_operator(operator: Operator, wallet: Wallet) -> None:
    operator.let_in()
    with payer(operator, wallet) as paying:
        paying.run(1.6)
    (wallet.path.with_suffix(".kept") / f"{INSTANCE.hex()}.channel").unlink()
    book = operator.book
    channels.end(book, ALICE.public, time.monotonic_ns() // 1_000_000)
    operator.let_in()
    with payer(operator, wallet) as paying:
        assert paying.run(0.5) is None
        assert paying.paid_ubc == 3 * INCREMENT_UBC
    assert book.channels[ALICE.public].paid_ubc == 3 * INCREMENT_UBC


def test_an_attester_vouches_for_each_statement(operator: Operator, wallet: Wallet) -> None:
    operator.let_in()
    with payer(operator, wallet, SoftwareAttester(VOUCHER)) as paying:
        paying.run(0.6)
    assert operator.cashier.attested[ALICE.public].by is Vouched.SOFTWARE


@pytest.mark.parametrize("attester", [SoftwareAttester(VOUCHER), None])
def test_where_evidence_is_required_a_session_goes_on_only_with_it(
    operator: Operator, wallet: Wallet, attester: SoftwareAttester | None
) -> None:
    enrolled = {ALICE.public: Enrolled(VOUCHER.public)}
    operator.cashier = Cashier(operator.book, OPERATOR, Attestation(Policy.REQUIRE, enrolled))
    operator.let_in()
    with payer(operator, wallet, attester) as paying:
        ended = paying.run(2.6)
    if attester is None:
        assert ended is not None
        assert ended.reason == "ended"
    else:
        assert ended is None
        assert operator.cashier.attested[ALICE.public].interval >= 2


def test_it_stops_when_it_is_told(operator: Operator, wallet: Wallet) -> None:
    operator.let_in()
    with payer(operator, wallet) as paying:
        paying.run(0.2)
        paying.stop("left", "the film is over")
        ended = paying.run(5)
    assert ended is not None
    assert (ended.reason, paying.paid_ubc) == ("left", INCREMENT_UBC)


def test_an_interface_that_is_not_there(operator: Operator, wallet: Wallet) -> None:
    channel = Channel(INSTANCE, OPERATOR.public, Purse(limit_ubc=LIMIT_UBC))
    nowhere = replace(operator.tariff, address=IPv4Address("127.0.0.1"))
    with pytest.raises(ShellError, match="paying by nowhere0"):
        Payer(wallet, channel, nowhere, BSSIDS["roof"], Meter("lo"), "nowhere0")
