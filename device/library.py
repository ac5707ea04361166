"""Buying for applications: `buy` blocks until the station is in, and gives back the session. A shell: it owns the loop.

    with buy(load_wallet(path), "wlan0", Wish(floor_down_bps=2_000_000, floor_up_bps=500_000)) as session:
        ...                      # the network is there, until session.ends_s
        session.leave()

The loop reads the clock, the socket and randomness, signs what the core (device/agent.py) orders, and decides nothing.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeAlias

from device.agent import next_deadline, step
from device.choice import Wish
from device.events import (
    Command,
    DatagramReceived,
    DeadlineReached,
    Event,
    Failure,
    LeaveWanted,
    PinLedger,
    PurchaseSigned,
    RequestSigned,
    Send,
    SendFailed,
    ShowOffer,
    SignPurchase,
    SignRequest,
    Started,
    Tell,
)
from device.state import Phase, Settings, State
from device.udp import LobbySocket, read_clock
from device.wallet import Wallet, pin_ledger
from nas_tunnel.lobby import write_lobby
from wire.errors import ConfigError, ShellError
from wire.grant import Grant, read_grant
from wire.join_request import JoinRequest, write_join_request
from wire.transaction import NONCE_SIZE, Transaction, sign_transaction
from wire.units import NS_PER_S, U63_MAX

Progress: TypeAlias = Callable[[ShowOffer | Tell | PinLedger], None]
"""Called for every offer that is read, every step that takes time, and a ledger that is trusted on first use."""

DEFAULT_SETTINGS = Settings()
_OVER = frozenset({Phase.ENDED, Phase.FAILED})


class PurchaseFailed(Exception):
    """It came to no session. `failure` says why; `grant` is not empty if one was paid for: keep it, and `rejoin`."""

    def __init__(self, failure: Failure, grant: bytes) -> None:
        super().__init__(f"{failure.reason}: {failure.detail}")
        self.failure = failure
        self.grant = grant


class Session:
    """A station that is in. Leaving the `with` block closes the socket, not the session: that takes `leave`."""

    def __init__(self, loop: "_Loop") -> None:
        state = loop.state
        assert state.grant is not None
        assert state.chosen is not None
        self._loop = loop
        self.grant: Grant = state.grant
        self.encoded_grant = state.grant_bytes
        self.ends_s = state.ends_s
        self.price_ubc = state.allocate.price_ubc if state.allocate else None
        """What was charged, in micro-bandcoin; None for a session that was rejoined."""
        self.provider = state.chosen.announcement.provider
        self.bssid = state.chosen.offer.bssid
        self.station = state.station
        self.transaction_id = state.purchase.transaction_id if state.purchase else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    @property
    def ended(self) -> bool:
        return self._loop.state.phase is not Phase.JOINED

    def wait(self, at_most_s: float) -> bool:
        """Listens until the session has ended or the time is up; says whether it has ended. Raises ShellError."""
        self._loop.run(lambda state: state.phase in _OVER, at_most_s)
        return self.ended

    def leave(self) -> None:
        """Ends the session now; returns when the access point confirmed it or would not answer. Raises ShellError."""
        if not self.ended:
            self._loop.feed(LeaveWanted())
            self._loop.run(lambda state: state.phase in _OVER)

    def close(self) -> None:
        self._loop.socket.close()


def buy(
    wallet: Wallet,
    interface: str,
    wish: Wish,
    progress: Progress | None = None,
    settings: Settings = DEFAULT_SETTINGS,
) -> Session:
    """Finds, buys and joins. Raises PurchaseFailed, or ShellError if the interface is not there."""
    return _run(interface, wallet, progress, lambda state: replace(state, wish=wish, settings=settings))


def rejoin(
    wallet: Wallet,
    interface: str,
    encoded_grant: bytes,
    progress: Progress | None = None,
    settings: Settings = DEFAULT_SETTINGS,
) -> Session:
    """Joins with a grant that was bought before. Raises DecodeError too, and ConfigError if no ledger is pinned."""
    if wallet.pinned is None:
        raise ConfigError(f"{wallet.path}: no ledger is pinned, and without one a grant cannot be verified")
    grant = read_grant(encoded_grant, wallet.pinned.key, wallet.pinned.ledger_id)
    return _run(
        interface,
        wallet,
        progress,
        lambda state: replace(state, grant=grant, grant_bytes=encoded_grant, settings=settings),
    )


def _run(
    interface: str, wallet: Wallet, progress: Progress | None, prepare: Callable[[State], State]
) -> Session:
    socket = LobbySocket(interface)
    try:
        state = prepare(State(wallet.account, socket.read_station(), None, wallet.pinned))
        loop = _Loop(socket, wallet, state, progress or (lambda _: None))
        return _begin(loop)
    except BaseException:
        socket.close()
        raise


def _begin(loop: "_Loop") -> Session:
    try:
        loop.feed(Started())
        loop.run(lambda state: state.phase is Phase.JOINED or state.phase in _OVER)
    except KeyboardInterrupt:  # says what may have been charged, and asks to be let out
        loop.feed(LeaveWanted())
        raise
    if loop.state.failure is not None:
        raise PurchaseFailed(loop.state.failure, loop.state.grant_bytes)
    return Session(loop)


class _Loop:
    """Feeds the core with what the world says, and does what the core orders."""

    def __init__(self, socket: LobbySocket, wallet: Wallet, state: State, progress: Progress) -> None:
        self.socket = socket
        self.state = state
        self._wallet = wallet
        self._progress = progress

    def run(self, until: Callable[[State], bool], at_most_s: float | None = None) -> None:
        """Until the core is in a wanted state, or so many seconds are over."""
        end_ns = U63_MAX if at_most_s is None else read_clock().mono_ns + int(at_most_s * NS_PER_S)
        while not until(self.state) and (now := read_clock()).mono_ns < end_ns:
            deadline_ns = next_deadline(self.state, now)
            due_ns = end_ns if deadline_ns is None else min(end_ns, deadline_ns)
            received = (
                self.socket.receive((due_ns - now.mono_ns) / NS_PER_S) if due_ns > now.mono_ns else None
            )
            if received is not None:
                self.feed(DatagramReceived(*received))
            if read_clock().mono_ns >= due_ns:
                self.feed(DeadlineReached())

    def feed(self, event: Event) -> None:
        events = [event]
        while events:
            self.state, commands = step(self.state, events.pop(0), read_clock())
            events += [answer for command in commands if (answer := self._obey(command)) is not None]

    def _obey(self, command: Command) -> Event | None:
        match command:
            case Send(message, address):
                return self._send(write_lobby(message), address)
            case SignPurchase(allocate, valid_until_s, ledger_id):
                transaction = Transaction(allocate, os.urandom(NONCE_SIZE), valid_until_s)
                signed = sign_transaction(transaction, self._wallet.key, ledger_id)
                return PurchaseSigned(signed.envelope.encoded, signed.transaction_id)
            case SignRequest(purpose, grant_id, station, bssid, challenge):
                request = JoinRequest(purpose, grant_id, station, bssid, challenge)
                return RequestSigned(write_join_request(request, self._wallet.key))
            case PinLedger(ledger):
                self._wallet = pin_ledger(self._wallet, ledger)
                self._progress(command)
            case ShowOffer() | Tell():
                self._progress(command)
        return None

    def _send(self, data: bytes, address: str | None) -> Event | None:
        try:
            self.socket.send(data, address)
        except ShellError as error:
            return SendFailed(error.detail)
        return None
