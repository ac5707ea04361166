"""Playbooks: the whole core without a loop, a socket or a clock.

    assert Playbook(box) >> event << command << command >> seconds(30) >> other_event << a(SendLobby, to=DEVICE)

`>>` is a fact, or time that passes; each `<<` is the next command that the core gives, in order, and all of them have
to be named. `a(Type, field=value)` stands for any command with these fields, however deep, and `note("word")` for a
Note. Nothing runs until it is asserted; one that is never asserted is an error at the end of the test. On a mismatch
both columns are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from apd import core, joins
from apd.address import UdpAddress
from apd.commands import Command, Note, SendLobby, SignOffer
from apd.events import (
    BrokerConnected,
    Event,
    LobbyDatagramReceived,
    OfferSigned,
    OfferStateReceived,
    SessionInstalled,
)
from apd.metering import StoredChain, TpmFound
from apd.refund import Refund
from apd.session import Phase, Session
from apd.settings import BoxSettings
from apd.state import CellState, KnownGrant, State
from nas_tunnel.lobby import Join, Leave, LobbyMessage, write_lobby
from tests.apd.world import (
    CONSUMER,
    DEVICE,
    LEDGER,
    LEDGER_ID,
    PROVIDER,
    SETTINGS,
    START,
    STATION,
    grant,
    request,
    signed_grant,
    signed_state,
)
from wire.grant import Grant
from wire.ids import MacAddress, PublicKey, Station
from wire.join_request import JoinPurpose
from wire.keys import PrivateKey
from wire.meter_record import FIRST_PREVIOUS
from wire.offer import write_offer
from wire.registration import Registration, write_registration
from wire.units import NS_PER_S, Now

if TYPE_CHECKING:  # a test looks what is imported without [auction]
    from apd.auction_state import SoldShare

EMPTY_CHAIN = StoredChain(0, FIRST_PREVIOUS, b"", 0, (), ())
TPM = TpmFound(bytes(range(10)) * 32, bytes(32))
_UNREAD: list[Playbook] = []


@dataclass(frozen=True)
class Passed:
    """So much time goes by on both clocks."""

    ns: int


def seconds(count: float) -> Passed:
    return Passed(round(count * NS_PER_S))


class a:  # noqa: N801 - reads as the article that it is
    """Equal to every value of this type whose named fields are equal to these."""

    def __init__(self, kind: type, **fields: Any) -> None:
        self.kind, self.fields = kind, fields

    def __eq__(self, other: object) -> bool:
        return isinstance(other, self.kind) and all(
            getattr(other, name) == value for name, value in self.fields.items()
        )

    __hash__ = None  # type: ignore[assignment]  # a pattern is no key

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.fields.items())
        return f"a({self.kind.__name__}{', ' if fields else ''}{fields})"


def note(what: str) -> a:
    return a(Note, what=what)


def heard(message: LobbyMessage, source: tuple[str, int, int, int] = DEVICE) -> LobbyDatagramReceived:
    """This message arrives in the lobby."""
    return LobbyDatagramReceived(source, write_lobby(message))


def told(kind: type, to: tuple[str, int, int, int] = DEVICE, **fields: Any) -> a:
    """A message of this type is sent in the lobby."""
    return a(SendLobby, to=to, message=a(kind, **fields))


@dataclass
class Box:
    """A core, the instant it lives in, and everything that it ever ordered."""

    state: State
    now: Now
    ordered: list[Any] = field(default_factory=list)
    """Commands, of any kind: a test knows which."""

    def feed(self, event: Event) -> list[Any]:
        """One event, outside of any playbook."""
        self.state, commands = core.step(self.state, event, self.now)
        core.next_deadline_ns(self.state, self.now)
        self.ordered += commands
        return commands

    def pass_time(self, passed: Passed) -> None:
        self.now = Now(self.now.mono_ns + passed.ns, self.now.utc_ms + passed.ns // 1_000_000)

    def challenge(self) -> bytes:
        """One that this box would give now."""
        return joins.challenge(self.state.lobby, self.now)[1]

    def last(self, kind: type) -> Any:
        """The last command of this type."""
        return next(command for command in reversed(self.ordered) if isinstance(command, kind))


def start_box(
    settings: BoxSettings = SETTINGS,
    sessions: Iterable[Session] = (),
    chain: StoredChain = EMPTY_CHAIN,
    tpm: TpmFound | None = None,
    *,
    revoked: Iterable[bytes] = (),
    offer_state: bytes = b"",
    known_grants: Iterable[KnownGrant] = (),
    owed: Iterable[Refund] = (),
    registered: bytes | None = None,
    cell: CellState | None = None,
    sold: Mapping[bytes, tuple[SoldShare, ...]] | None = None,
    kernel_kept: bool = True,
    enrolled: bool = True,
    now: Now = START,
) -> Box:
    """A box that begins; what it ordered at once is in `ordered`. On the air the ledger just said that it knows the
    operator, unless `registered` is what it said.
    """
    if registered is None:
        registered = registration_of(settings.air.operator, now.utc_s) if settings.air else b""
    state, commands = core.start(
        settings,
        sessions,
        chain,
        tpm,
        revoked=revoked,
        offer_state=offer_state,
        known_grants=known_grants,
        owed=owed,
        registered=registered,
        cell=cell,
        sold=sold,
        kernel_kept=kernel_kept,
        enrolled=enrolled,
        secret=bytes(32),
        software="test",
        now=now,
    )
    return Box(state, now, list(commands))


def registration_of(operator: PublicKey, utc_s: int) -> bytes:
    """The ledger's word on it."""
    return write_registration(Registration(operator, 1, utc_s), LEDGER, LEDGER_ID)


def settings(**changes: Any) -> BoxSettings:
    """The usual settings but for these; `shaper_...` changes the shaper's."""
    of_shaper = {
        name.removeprefix("shaper_"): value for name, value in changes.items() if name[:7] == "shaper_"
    }
    own = {name: value for name, value in changes.items() if name[:7] != "shaper_"}
    return replace(SETTINGS, shaper=replace(SETTINGS.shaper, **of_shaper), **own)


class Playbook:
    """See the module."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._script: list[tuple[str, Any]] = []
        _UNREAD.append(self)

    def __rshift__(self, event: Event | Passed) -> Playbook:
        self._script.append((">>", event))
        return self

    def __lshift__(self, command: object) -> Playbook:
        assert self._script, "a playbook begins with an event"
        self._script.append(("<<", command))
        return self

    def __bool__(self) -> bool:
        _UNREAD.remove(self)
        rows: list[tuple[str, str, str]] = []
        good = True
        while self._script:
            _, event = self._script.pop(0)
            wanted: list[object] = []
            while self._script and self._script[0][0] == "<<":
                wanted.append(self._script.pop(0)[1])
            rows.append((">>", _short(event), _short(event)))
            found = self._step(event)
            for at in range(max(len(wanted), len(found))):
                want = wanted[at] if at < len(wanted) else None
                find = found[at] if at < len(found) else None
                same = want is not None and want == find
                good = good and same
                rows.append(
                    ("<<" if same else "!!", _short(want) if want else "-", _short(find) if find else "-")
                )
        if not good:
            raise AssertionError("the core did something else\n" + _columns(rows))
        return True

    def _step(self, event: Event | Passed) -> list[Command]:
        if isinstance(event, Passed):
            self._box.pass_time(event)
            return []
        return self._box.feed(event)


def unread() -> list[str]:
    """Playbooks that nobody asserted; forgets them."""
    left = [" ".join(f"{arrow} {_short(step)}" for arrow, step in play._script) for play in _UNREAD]
    _UNREAD.clear()
    return left


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 150 else f"{text[:147]}..."


def _columns(rows: list[tuple[str, str, str]]) -> str:
    """What was written beside what happened; lines that differ begin with !!."""
    lines = [f"   {'written':<75}  happened"]
    for mark, want, find in rows:
        lines += [
            f"{mark if at == 0 else '  '} {want[at : at + 75]:<75}  {find[at : at + 75]}"
            for at in range(0, max(len(want), len(find), 1), 75)
        ]
    return "\n".join(lines)


def sells(box: Box, **changes: Any) -> Box:
    """The box once it is connected, knows what it sells and has signed it."""
    box.feed(BrokerConnected())
    box.feed(OfferStateReceived(signed_state(**changes)))
    offer = box.last(SignOffer).offer
    box.feed(OfferSigned(write_offer(offer, PROVIDER), offer.expires_s))
    return box


def join(
    box: Box,
    made: Grant | None = None,
    station: Station = STATION,
    key: PrivateKey = CONSUMER,
    source: UdpAddress = DEVICE,
) -> LobbyDatagramReceived:
    """The datagram that asks for a session, well-formed."""
    made = made or grant()
    asked = request(box.challenge(), made, station=station, key=key)
    return heard(Join(signed_grant(made), asked), source)


def leave(
    box: Box, made: Grant | None = None, station: Station = STATION, key: PrivateKey = CONSUMER
) -> LobbyDatagramReceived:
    """The datagram that ends it, well-formed."""
    made = made or grant()
    asked = request(box.challenge(), made, purpose=JoinPurpose.LEAVE, station=station, key=key)
    return heard(Leave(made.grant_id, asked))


def run_session(
    box: Box, made: Grant | None = None, station: MacAddress = STATION, key: PrivateKey = CONSUMER
) -> bytes:
    """Makes a session active; its grant id."""
    made = made or grant()
    box.feed(join(box, made, station, key))
    box.feed(SessionInstalled(made.grant_id))
    assert box.state.sessions[made.grant_id].phase is Phase.ACTIVE
    return made.grant_id
