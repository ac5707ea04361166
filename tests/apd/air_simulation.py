"""The simulated world with a hostapd in it: stations come, go and borrow addresses, hostapd restarts, the operator
vouches early, late and not at all, and strangers buy over the air.

hostapd's events reach the core in order and late, as over its socket. `check` holds the core against what hostapd says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from apd import air, known_grants
from apd.commands import Command, Deauthenticate, PublishGrant, SetElement, SignNetwork, StoreGrant
from apd.events import (
    AdmissionReceived,
    Event,
    HostapdConnected,
    HostapdLost,
    NetworkSigned,
    PurchaseHeard,
    StationAssociated,
    StationLeft,
)
from apd.session import Phase
from nas_tunnel.anqp import MAX_ELEMENT_BYTES
from tests.apd.air_world import AIR, OPERATOR, SSID
from tests.apd.playbook import join
from tests.apd.simulation import KEYS, SETTINGS, STATIONS, World
from tests.apd.world import BSSID, PROVIDER, STRANGER, grant, purchase, signed_grant
from wire.admission import Admission, write_admission
from wire.grant import Grant
from wire.ids import MacAddress, PublicKey
from wire.keys import PrivateKey
from wire.network import write_network
from wire.qos import Qos

PURCHASES = [purchase(nonce).envelope.encoded for nonce in range(6)]


class AirWorld(World):
    """One run."""

    settings = replace(SETTINGS, air=AIR)

    def _start(self) -> None:
        self.on_air: dict[MacAddress, PublicKey | None] = getattr(self, "on_air", {})
        self.events: deque[Event] = deque()
        self.networks: deque[SignNetwork] = deque()
        self.knows_hostapd = False
        super()._start()
        self.restart_hostapd(keep=True)

    def acts_on_air(self) -> list[Callable[[], None]]:
        return (
            [self.come] * 4 + [self.go] + [self.hostapd_speaks] * 10 + [self.vouch] * 8 + [self.buy_on_air] * 2
            + [self.restart_hostapd_sometimes]
        )  # fmt: skip

    # ---- turns

    def come(self) -> None:
        """A station joins; it may have come a moment ago, or be another device with its address."""
        station = self.random.choice(STATIONS)
        account = self.random.choice([*(key.public for key in KEYS), STRANGER.public, None])
        self.on_air[station] = account
        self.events.append(StationAssociated(station, account))

    def go(self) -> None:
        if self.on_air:
            self._leave(self.random.choice(list(self.on_air)))

    def leave_air(self) -> None:
        """It is hostapd that says so here."""

    def ask_to_join(self) -> None:
        """In the lobby, where it is refused."""
        made, key = self._made()
        self._say(join(self.box, made, self.random.choice(STATIONS), key))

    def _made(self) -> tuple[Grant, PrivateKey]:
        """One of the few grants that there are, and its consumer's key."""
        number = self.random.randrange(1, 8)
        key = KEYS[number % 2]
        made = grant(
            number,
            consumer=key.public,
            qos=Qos(2_000_000, 4_000_000, 500_000, 1_000_000, 1_500_000 if number == 3 else 0),
            starts_s=1_700_000_000 + 15 * number,
            duration_s=30 + 10 * number,
        )
        self.grants[made.grant_id] = made
        return made, key

    def vouch(self) -> None:
        made, key = self._made()
        mine = [station for station, account in self.on_air.items() if account == key.public]
        used = [session.station for session in self.box.state.sessions.values() if session.holds_slot]
        idle = [station for station in mine if station not in used]
        if self.random.random() < 0.1:
            idle = list(STATIONS)
        if not idle:
            return
        word = Admission(
            signed_grant(made),
            self.random.choice(idle),
            BSSID,
            self.random.randrange(900_000),
            self.now.utc_s + 30,
        )
        signer = OPERATOR if self.random.random() < 0.9 else STRANGER
        self.feed(AdmissionReceived(write_admission(word, signer)))

    def buy_on_air(self) -> None:
        bought = self.random.choice(PURCHASES)
        noise = self.random.randbytes(self.random.randrange(1, 60))
        self.feed(PurchaseHeard(self.random.choice(STATIONS), self.random.choice((bought, bought, noise))))

    def hostapd_speaks(self) -> None:
        """The next thing that it has said reaches us; or a signature is made."""
        if self.networks:
            network = self.networks.popleft().network
            self.feed(NetworkSigned(write_network(network, PROVIDER)))
        elif self.events:
            event = self.events.popleft()
            self.feed(event)
            self.knows_hostapd = isinstance(event, HostapdConnected) or (
                self.knows_hostapd and not isinstance(event, HostapdLost)
            )

    def restart_hostapd_sometimes(self) -> None:
        if self.random.random() < 0.2:
            self.restart_hostapd(keep=self.random.random() < 0.5)

    def restart_hostapd(self, *, keep: bool) -> None:
        """Its stations have to come again; or only we lost it, and they are still there."""
        if not keep:
            self.on_air.clear()
        self.events.clear()
        self.knows_hostapd = False
        there = tuple(StationAssociated(*one) for one in self.on_air.items())
        self.events += [HostapdLost("restarts"), HostapdConnected(SSID, BSSID, there)]

    def _leave(self, station: MacAddress) -> None:
        del self.on_air[station]
        self.events.append(StationLeft(station))

    # ---- the daemon

    def _take(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case Deauthenticate(station) if station in self.on_air:
                    self._leave(station)
                case SignNetwork():
                    self.networks.append(command)
                case SetElement(_, payload):
                    assert len(payload) <= MAX_ELEMENT_BYTES
                case PublishGrant(encoded):
                    kept = [one.grant for one in self.orders["disk"] if isinstance(one, StoreGrant)]
                    stored = [known.encoded for known in self.disk.known_grants.values()]
                    in_memory = [one.encoded for one in self.box.state.on_air.grants.values()]
                    assert encoded in [*kept, *stored, *in_memory]
        super()._take(commands)

    def _is_busy(self) -> bool:
        waiting = any(one.patience_ns is not None for one in self.box.state.on_air.associations.values())
        return bool(waiting or self.events or self.networks or super()._is_busy())

    def wait(self) -> None:
        """In the end hostapd is heard before time goes by."""
        if self.calm and (self.events or self.networks):
            self.hostapd_speaks()
        else:
            super().wait()

    # ---- what has to hold

    def check(self) -> None:
        super().check()
        state = self.box.state
        on_air = state.on_air
        assert len(on_air.grants) <= known_grants.MAX_GRANTS
        assert len(on_air.heard) <= air.MAX_HEARD
        assert len(on_air.busy_until_ns) <= air.MAX_STATIONS
        served = {station: one.grant_id for station, one in on_air.associations.items() if one.grant_id}
        assert len(set(served.values())) == len(served), "a grant serves two stations"
        running = {
            session.station: session.grant_id
            for session in state.sessions.values()
            if session.phase in (Phase.ADMITTED, Phase.ACTIVE)
        }
        if self.knows_hostapd:
            assert running == served, "a slice without its station, or a station without its slice"
        for one in on_air.associations.values():
            assert not one.grant_id or one.patience_ns is None, "served, and about to be thrown out"

    def check_stations(self) -> None:
        """After `settle`: whoever is on the air is served by a grant of its own account."""
        state = self.box.state
        for station, account in self.on_air.items():
            one = state.on_air.associations[station]
            assert one.account == account
            assert one.grant_id, f"{station} is neither served nor thrown out: {one}"
            assert state.sessions[one.grant_id].grant.consumer == account
