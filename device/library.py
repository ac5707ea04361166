"""Buying for applications: `buy` blocks until the station is in, and gives back the session. A shell: it owns the loop.

    with buy(load_wallet(path), "wlan0", Wish(floor_down_bps=2_000_000, floor_up_bps=500_000)) as session:
        ...                      # the network is there, until session.ends_s
        session.leave()

Offers are looked for in the lobby, over the air by wpa_supplicant, or where wpa_supplicant is: on the air first.
A purchase is kept beside the wallet before it is sent, a grant as soon as it is there (device/keeping.py). The loop
reads the clock, the sockets and randomness, signs what the core (device/agent.py) orders, and decides nothing.
"""

import contextlib
import os
import select
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from device.agent import next_deadline, step
from device.buying import is_unanswered, purchase_unanswered
from device.choice import Wish
from device.deposits import load_deposits
from device.events import (
    Associate,
    AssociationFailed,
    Command,
    DatagramReceived,
    DeadlineReached,
    Disassociate,
    Event,
    Failure,
    ForgetPurchase,
    KeepGrant,
    LeaveWanted,
    Obstacle,
    PinLedger,
    PurchaseSigned,
    RequestSigned,
    Send,
    SendFailed,
    ShowOffer,
    SignPurchase,
    SignRequest,
    Source,
    Started,
    Tell,
)
from device.experience import load_reputation
from device.keeping import forget_purchase, keep_grant, keep_purchase, load_kept
from device.retry import Backoff
from device.state import COME_BACK, Phase, Settings, State
from device.supplicant import Supplicant, restore
from device.udp import LONGEST_WAIT_S, LobbySocket, read_clock
from device.wallet import Wallet, load_wallet, pin_ledger
from device.wpa import DEFAULT_FOLDER, WpaControl, control_path
from nas_tunnel.lobby import write_lobby
from wire.errors import ConfigError, ShellError
from wire.grant import Grant, read_grant
from wire.ids import MacAddress
from wire.join_request import JoinRequest, write_join_request
from wire.transaction import NONCE_SIZE, SignedTransaction, Transaction, sign_transaction
from wire.units import NS_PER_S, U63_MAX

Progress: TypeAlias = Callable[[ShowOffer | Tell | PinLedger], None]
"""Called for every offer that is read, every step that takes time, and a ledger that is trusted on first use."""

DEFAULT_SETTINGS = Settings()
AIR_SETTINGS = Settings(
    discover=Backoff(first_ms=8_000, longest_ms=16_000, tries=3), market_tries=1, collect_ms=8_000
)
"""Over the air a question is a scan of several seconds, and its end is known: nobody waits for these to pass."""
_IN = frozenset({Phase.JOINED, Phase.ASSOCIATED})
_OVER = frozenset({Phase.ENDED, Phase.FAILED})


class Over(Enum):
    """By what offers are looked for and bought."""

    AIR = "air"
    """ANQP, before anything is associated: wpa_supplicant asks."""
    LOBBY = "lobby"
    """Datagrams on the interface, as it is."""
    AUTO = "auto"
    """Over the air if wpa_supplicant works this interface, and where nobody sells there, or else, in the lobby."""


@dataclass(frozen=True, slots=True)
class Way:
    """To the access point: the interface, and the folder where wpa_supplicant has its control sockets."""

    interface: str
    over: Over = Over.AUTO
    control: Path = DEFAULT_FOLDER
    cell: IPv4Address | IPv6Address | None = None
    """On a cell: at which address the box is. Then there is no air and no neighbour to ask."""

    @property
    def socket_path(self) -> Path:
        return control_path(self.control, self.interface)


class Before(Enum):
    """What is done with what the wallet has kept, before anything is bought."""

    USE = "use"
    """A grant that serves the wish is used instead of buying; and as ASK."""
    ASK = "ask"
    """If a purchase was sent and nobody signed what became of it, that is asked for first."""
    NOTHING = "nothing"
    """It stays as it is; who has paid may pay again."""


class PurchaseFailed(Exception):
    """It came to no session. `failure` says why; `grant` is not empty if one was paid for: it is kept beside the
    wallet, and `rejoin` takes it. `transaction_id` is of the last purchase that was sent, empty if none was, and
    `price_ubc` its price, whether it was charged or not.
    """

    def __init__(
        self, failure: Failure, grant: bytes, transaction_id: bytes = b"", price_ubc: int = 0
    ) -> None:
        super().__init__(f"{failure.reason}: {failure.detail}")
        self.failure = failure
        self.grant = grant
        self.transaction_id = transaction_id
        self.price_ubc = price_ubc

    @property
    def unanswered_ubc(self) -> int:
        """What may have been charged: a purchase was sent, and nobody signed what became of it."""
        signed = bool(self.grant) or self.failure.source is Source.LEDGER
        return 0 if signed or not self.transaction_id else self.price_ubc


class PurchaseInterrupted(KeyboardInterrupt):
    """Ctrl-C after something was sent or paid for. The text says what to do; the rest as in PurchaseFailed."""

    def __init__(self, text: str, grant: bytes, transaction_id: bytes) -> None:
        super().__init__(text)
        self.grant = grant
        self.transaction_id = transaction_id


class Session:
    """A station that is in. Leaving the `with` block closes the sockets, not the session: that takes `leave`."""

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
        self.station = state.station
        self.network = state.chosen.network
        """How the station joined by Wi-Fi; None if a Join in the lobby let it in."""
        self.transaction_id = state.purchase.transaction_id if state.purchase else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    @property
    def bssid(self) -> MacAddress:
        """Of the access point; it changes as the station roams."""
        state = self._loop.state
        assert state.chosen is not None
        return state.bssid or state.chosen.offer.bssid

    @property
    def dropped(self) -> dict[str, int]:
        """What was heard and not obeyed on the way, by reason."""
        return self._loop.dropped

    @property
    def ended(self) -> bool:
        return self._loop.state.phase not in _IN

    @property
    def failure(self) -> Failure | None:
        """Why it ended, if that was not its time."""
        return self._loop.state.failure

    def wait(self, at_most_s: float) -> bool:
        """Listens until the session has ended or the time is up; says whether it has ended. Raises ShellError."""
        self._loop.run(lambda state: state.phase in _OVER, at_most_s)
        return self.ended

    def leave(self) -> None:
        """Ends the session now; returns when that is confirmed, or nobody would answer. Raises ShellError."""
        if not self.ended:
            self._loop.feed(LeaveWanted())
            self._loop.run(lambda state: state.phase in _OVER)

    def close(self) -> None:
        self._loop.close()


def buy(
    wallet: Wallet,
    interface: str | Way,
    wish: Wish,
    progress: Progress | None = None,
    settings: Settings | None = None,
    before: Before = Before.ASK,
) -> Session:
    """Finds, buys and joins. Raises PurchaseFailed, ShellError if interface or wpa_supplicant are not there,
    ConfigError for a damaged file beside the wallet.
    """

    def prepare(state: State) -> State:
        state = replace(
            state,
            wish=wish,
            known=load_reputation(wallet.path),
            operators=tuple(load_deposits(wallet.path)),
        )
        if before is Before.NOTHING:
            return state
        now_s = read_clock().utc_s
        known = (
            wallet if wallet.pinned else load_wallet(wallet.path)
        )  # pinned since, perhaps: what is kept is signed by it
        kept = load_kept(known, now_s)
        held = kept.grants if before is Before.USE else ()
        unanswered = tuple(signed for signed in kept.purchases if signed.matters_until_s > now_s)
        return replace(state, pinned=known.pinned, held=held, unanswered=unanswered)

    return _run(_way(interface), wallet, progress, settings, prepare)


def rejoin(
    wallet: Wallet,
    interface: str | Way,
    encoded_grant: bytes,
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> Session:
    """Joins with a grant that was bought before. Raises DecodeError too, and ConfigError if no ledger is pinned."""
    if wallet.pinned is None:
        raise ConfigError(f"{wallet.path}: no ledger is pinned, and without one a grant cannot be verified")
    grant = read_grant(encoded_grant, wallet.pinned.key, wallet.pinned.ledger_id)
    return _run(
        _way(interface),
        wallet,
        progress,
        settings,
        lambda state: replace(state, grant=grant, grant_bytes=encoded_grant),
    )


def _way(interface: str | Way) -> Way:
    return interface if isinstance(interface, Way) else Way(interface)


def _run(
    way: Way,
    wallet: Wallet,
    progress: Progress | None,
    settings: Settings | None,
    prepare: Callable[[State], State],
) -> Session:
    progress = progress or (lambda _: None)
    if way.over is Over.AUTO and way.cell is None and hears_wpa_supplicant(way, progress):
        try:
            return _try(replace(way, over=Over.AIR), wallet, progress, settings, prepare)
        except PurchaseFailed as error:
            if error.failure.reason != "no_access_point":
                raise
            progress(Tell("nobody sells on the air; asking in the lobby"))
    over = Over.AIR if way.over is Over.AIR else Over.LOBBY
    return _try(replace(way, over=over), wallet, progress, settings, prepare)


def hears_wpa_supplicant(way: Way, progress: Progress = lambda _: None) -> bool:
    """Whether one works this interface, and we may ask it."""
    try:
        WpaControl(way.socket_path).close()
    except ShellError as error:
        progress(Tell(f"asking in the lobby, not on the air; {error}"))
        return False
    return True


def _try(
    way: Way, wallet: Wallet, progress: Progress, settings: Settings | None, prepare: Callable[[State], State]
) -> Session:
    loop = _Loop(way, wallet, progress)
    try:
        chosen = settings or (AIR_SETTINGS if way.over is Over.AIR else DEFAULT_SETTINGS)
        loop.state = replace(prepare(loop.state), settings=chosen)
        return _begin(loop)
    except BaseException:
        loop.close()
        raise


def _begin(loop: "_Loop") -> Session:
    try:
        loop.feed(Started())
        loop.run(lambda state: state.phase in _IN or state.phase in _OVER)
    except (
        BaseException
    ) as error:  # says what may have been charged, asks to be let out, and puts networks back
        was = loop.state
        with contextlib.suppress(ShellError):
            loop.feed(LeaveWanted())
        _raise_with_what_was_paid(was, error)
        raise
    if loop.state.failure is not None:
        state = loop.state
        raise PurchaseFailed(loop.state.failure, state.grant_bytes, _transaction_id(state), _price_ubc(state))
    return Session(loop)


def _raise_with_what_was_paid(state: State, error: BaseException) -> None:
    """Nothing, if nothing was sent."""
    if not state.grant_bytes and not is_unanswered(state):
        return
    next_step = COME_BACK if state.grant_bytes else purchase_unanswered(state).detail
    if isinstance(error, ShellError):
        reason = "shell_error" if state.grant_bytes else "outcome_unknown"
        failure = Failure(reason, f"{error}. {next_step}", Source.MACHINE)
        raise PurchaseFailed(failure, state.grant_bytes, _transaction_id(state), _price_ubc(state)) from error
    if isinstance(error, KeyboardInterrupt):
        raise PurchaseInterrupted(next_step, state.grant_bytes, _transaction_id(state)) from error


def _transaction_id(state: State) -> bytes:
    return state.purchase.transaction_id if state.purchase else b""


def _price_ubc(state: State) -> int:
    return state.allocate.price_ubc if state.allocate else 0


def leave_network(way: Way) -> bool:
    """Ends a session that another process left in wpa_supplicant, and puts back what was there; whether there was one.
    Raises ShellError.
    """
    with WpaControl(way.socket_path) as control:
        return restore(control)


class _Loop:
    """Feeds the core with what the world says, and does what the core orders."""

    def __init__(self, way: Way, wallet: Wallet, progress: Progress) -> None:
        self._way = way
        self._wallet = wallet
        self._progress = progress
        self._lobby = LobbySocket(way.interface, way.cell)
        self._supplicant: Supplicant | None = None
        try:
            self.state = State(wallet.account, self._lobby.read_station(), None, wallet.pinned)
            if way.over is Over.AIR:
                self._supplicant = Supplicant(way.socket_path)
        except BaseException:
            self._lobby.close()
            raise

    def close(self) -> None:
        self._lobby.close()
        if self._supplicant is not None:
            self._supplicant.close()

    @property
    def dropped(self) -> dict[str, int]:
        return {**self.state.dropped, **(self._supplicant.dropped if self._supplicant else {})}

    def run(self, until: Callable[[State], bool], at_most_s: float | None = None) -> None:
        """Until the core is in a wanted state, or so many seconds are over."""
        end_ns = U63_MAX if at_most_s is None else read_clock().mono_ns + int(at_most_s * NS_PER_S)
        while not until(self.state) and (now := read_clock()).mono_ns < end_ns:
            deadline_ns = next_deadline(self.state, now)
            due_ns = end_ns if deadline_ns is None else min(end_ns, deadline_ns)
            self._listen(due_ns)
            if read_clock().mono_ns >= due_ns:
                self.feed(DeadlineReached())

    def feed(self, event: Event) -> None:
        events = [event]
        while events:
            self.state, commands = step(self.state, events.pop(0), read_clock())
            for command in commands:
                events += self._obey(command)

    def _listen(self, due_ns: int) -> None:
        """Until then, or something was heard."""
        ports: list[LobbySocket | Supplicant] = [self._lobby]
        if self._supplicant is not None:
            ports.append(self._supplicant)
            due_ns = min(due_ns, self._supplicant.due_ns)
        wait_s = min(max(0, due_ns - read_clock().mono_ns) / NS_PER_S, LONGEST_WAIT_S)
        readable = select.select(ports, [], [], wait_s)[0]
        if self._lobby in readable and (received := self._lobby.receive(0)) is not None:
            self.feed(DatagramReceived(*received))
        if self._supplicant is None:
            return
        events = self._supplicant.receive() if self._supplicant in readable else []
        if read_clock().mono_ns >= self._supplicant.due_ns:
            events += self._supplicant.wake()
        for event in events:
            self.feed(event)

    def _obey(self, command: Command) -> list[Event]:
        match command:
            case Send():
                return self._send(command)
            case SignPurchase(allocate, valid_until_s, ledger_id):
                transaction = Transaction(allocate, os.urandom(NONCE_SIZE), valid_until_s)
                signed = sign_transaction(transaction, self._wallet.key, ledger_id)
                self._keep_purchase(signed)
                return [PurchaseSigned(signed.envelope.encoded, signed.transaction_id)]
            case SignRequest(purpose, grant_id, station, bssid, challenge):
                request = JoinRequest(purpose, grant_id, station, bssid, challenge)
                return [RequestSigned(write_join_request(request, self._wallet.key))]
            case KeepGrant():
                self._keep_grant(command)
            case ForgetPurchase(transaction_id):
                forget_purchase(self._wallet.path, transaction_id)
            case Associate():
                return self._associate(command)
            case Disassociate():
                self._disassociate()
            case PinLedger(ledger):
                self._wallet = pin_ledger(self._wallet, ledger)
                self._progress(command)
            case ShowOffer() | Tell():
                self._progress(command)
        return []

    def _keep_purchase(self, signed: SignedTransaction) -> None:
        """Before it is sent: so that it can be asked for, whatever happens to this process. Raises ShellError."""
        chosen = self.state.chosen
        assert chosen is not None
        transaction, announcement = signed.envelope.encoded, chosen.announcement
        keep_purchase(
            self._wallet.path, signed.transaction_id, transaction, announcement.offer, announcement.provider
        )

    def _keep_grant(self, command: KeepGrant) -> None:
        """Where that fails the purchase is still there, and the session goes on."""
        try:
            keep_grant(self._wallet.path, command.grant_id, command.encoded)
            forget_purchase(self._wallet.path, command.transaction_id)
        except ShellError as error:
            self._progress(Tell(f"the grant could not be kept: {error}"))

    def _send(self, command: Send) -> list[Event]:
        if self._supplicant is not None and self._way.over is Over.AIR:
            return self._supplicant.send(command)
        try:
            self._lobby.send(write_lobby(command.message), command.address)
        except ShellError as error:
            return [SendFailed(error.detail)]
        return []

    def _associate(self, command: Associate) -> list[Event]:
        try:
            self._supplicant = self._supplicant or Supplicant(self._way.socket_path)
        except ShellError as error:
            return [AssociationFailed(Obstacle.NO_SUPPLICANT, str(error))]
        return self._supplicant.associate(command, self._wallet.key)

    def _disassociate(self) -> None:
        if self._supplicant is None:
            return
        try:
            self._supplicant.disassociate()
        except ShellError as error:
            self._progress(Tell(f"the networks that were there before are not put back: {error}"))
