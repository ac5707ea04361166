"""A box on a small cell without a socket or a clock: its gNB and its core answer here, or do not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from apd.commands import (
    ChangeSubscriber,
    ConfineUes,
    CountUe,
    FindSubscriber,
    FindSubscribersIn,
    Note,
    SendLobby,
    TellGnb,
    UncountUe,
    WantFlows,
)
from apd.events import (
    CoreReported,
    DeadlineReached,
    GnbHeard,
    SessionInstalled,
    SessionRemoved,
    SubscriberChanged,
    SubscriberFound,
    SubscribersFound,
    SubscribersUnknown,
)
from apd.session import Session, Usage
from apd.settings import UserPlaneSettings
from apd.state import CellState
from nas_tunnel.lobby import Discover
from ran_slicing import cell as ran
from ran_slicing.cell_events import GnbConnected, GnbLost, GnbSaid
from ran_slicing.core_info import Listed, Radio, Stay
from ran_slicing.core_plan import CoreReport
from ran_slicing.core_settings import CoreSettings
from ran_slicing.gnb import SendText
from ran_slicing.gnb_config import read_gnb_files
from ran_slicing.settings import CellSettings
from ran_slicing.share import EVERYTHING, Ratio
from ran_slicing.snssai import Snssai, format_sd, parse_snssai
from tests.apd.playbook import Box, heard, join, seconds, sells, start_box
from tests.apd.world import CONSUMER, SETTINGS, grant
from tests.ran_slicing.gnb_files import SOUND
from tests.ran_slicing.metrics_examples import report
from wire.errors import ShellError
from wire.grant import Grant
from wire.ids import Station
from wire.keys import PrivateKey
from wire.units import Now

A, B, LOBBY, ELSEWHERE = (parse_snssai(text) for text in ("1-00a600", "1-00a601", "1-000001", "2"))
UE, OTHER_UE = ip_address("10.45.0.2"), ip_address("10.45.0.3")
SUPI, OTHER_SUPI = "imsi-001010000000001", "imsi-001010000000002"
CORE = CoreSettings(pcf_host="127.0.0.13", smf_host="127.0.0.4", amf_host="127.0.0.5")
RNTI = 0x4601
IDLE = Ratio(0, 2)
"""One of 51 resource blocks: what a UE in a slot that nobody bought speaks to the lobby with."""
CELL_SETTINGS = replace(
    SETTINGS,
    shaper=replace(SETTINGS.shaper, interface="ogstun", downlink_capacity_bps=10**12),
    cell=UserPlaneSettings(),
)


def stay(snssai: Snssai = A, ue: Station = UE, supi: str = SUPI) -> Stay:
    """A UE's session as the core lists it."""
    return Stay(supi, 1, "internet", snssai, ue if ue.version == 4 else None, None, (), active=True)  # type: ignore[union-attr, arg-type]


def address(ue: Station = UE) -> tuple[str, int, int, int]:
    """Where a UE's datagrams come from, as a socket for both versions says it."""
    return (f"::ffff:{ue}", 40_000, 0, 0)


def cell_state(lobby: Snssai | None = None, **changes: Any) -> CellState:
    config, _ = read_gnb_files([("gnb.yml", SOUND)])
    given: dict[str, Any] = {
        "gnb_files": (Path("gnb.yml"),),
        "slots": ("1-00a600", "1-00a601"),
        "idle_max_prb_policy_ratio": IDLE.max_prb_policy_ratio,
    } | changes
    return CellState(ran.start(CellSettings(**given), config), CORE, lobby)


@dataclass
class CellBox:
    """The box, with a kernel that counts at once, a gNB that takes what it is told, a core that lists `stays`, and a
    store of subscribers that keeps `documents`.
    """

    box: Box
    answers: bool = True
    ratios: dict[Snssai, Ratio] = field(default_factory=dict)
    stays: list[Stay] = field(default_factory=list)
    radios: dict[str, Radio] = field(default_factory=dict)
    looked_ns: int = 0
    """Who is connected."""
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    served: dict[bytes, Any] = field(default_factory=dict)
    names: dict[bytes, str] = field(default_factory=dict)
    told: list[Any] = field(default_factory=list)
    """What strangers were told."""
    notes: list[Note] = field(default_factory=list)
    flows: dict[bytes, Any] = field(default_factory=dict)
    confined: set[Any] = field(default_factory=set)
    """Who reaches the lobby and nothing else."""
    store_is_away: bool = False
    """It does not say who is in a slot."""
    counters: dict[int, Usage] = field(default_factory=dict)

    def feed(self, event: Any) -> None:
        """One event, and what follows from what it made the core order."""
        events = [event]
        while events:
            for command in self.box.feed(events.pop(0)):
                events += self._obey(command)

    def _obey(self, command: Any) -> list[Any]:
        match command:
            case TellGnb(SendText(text)):
                return self._answer(json.loads(text))
            case CountUe(grant_id, slot):
                self.counters[slot] = Usage()
                return [SessionInstalled(grant_id)]
            case UncountUe(grant_id, slot):
                return [SessionRemoved(grant_id, self.counters.pop(slot, Usage()))]
            case SendLobby(message=message):
                self.told.append(message)
            case Note():
                self.notes.append(command)
            case WantFlows(flows):
                self.flows = dict(flows)
            case ConfineUes(ues):
                self.confined = set(ues)
            case FindSubscribersIn(slices):
                return self._list(slices)
            case FindSubscriber(supi):
                return [SubscriberFound(supi, self.documents.get(supi))]
            case ChangeSubscriber(change):
                slices = self.documents[change.supi]["slice"]
                changed: Any = change.update["$set"]
                for path, value in changed.items():
                    _, at, name = path.split(".")
                    slices[int(at)][name] = value
                return [SubscriberChanged(change.supi, done=True)]
        return []

    def _list(self, slices: tuple[Snssai, ...]) -> list[Any]:
        if self.store_is_away:
            return [SubscribersUnknown(ShellError("mongodb", "refused"))]
        names = {format_sd(one.sd) for one in slices}
        found = [
            document
            for document in self.documents.values()
            if any(one["sd"].lower() in names for one in document["slice"])
        ]
        return [SubscribersFound(tuple(found), whole=True)]

    def _answer(self, request: dict[str, Any]) -> list[Any]:
        if not self.answers:
            return []
        if request["cmd"] == "rrm_policy_ratio_set":
            policies = request["policies"]
            pair = Ratio(policies["min_prb_policy_ratio"], policies["max_prb_policy_ratio"])
            for member in policies["rRMPolicyMemberList"]:
                self.ratios[Snssai(member["sst"], member.get("sd"))] = pair
        return [GnbHeard(GnbSaid(json.dumps({"cmd": request["cmd"], "timestamp": "t"}).encode()))]

    def connect(self) -> None:
        """The gNB is there, and has forgotten everything."""
        self.ratios = {}
        self.feed(GnbHeard(GnbConnected()))

    def lose(self) -> None:
        self.feed(GnbHeard(GnbLost("gone")))

    def look(self, failed: str = "") -> None:
        """The core's lists as they are now."""
        listed = Listed(dict(self.radios), self.looked_ns, self.box.now.mono_ns)
        self.looked_ns = self.box.now.mono_ns
        self.feed(CoreReported(CoreReport(tuple(self.stays), self.served, self.names, failed, listed)))

    def pass_s(self, count: float) -> None:
        """Time goes by, a tenth of a second at once, with metrics of a gNB whose UEs do nothing."""
        for _ in range(round(count * 10)):
            self.box.pass_time(seconds(0.1))
            if self.ratios:
                self.report()
            self.feed(DeadlineReached())

    def report(self, *ues: dict[str, Any]) -> None:
        self.feed(GnbHeard(GnbSaid(json.dumps(report(*ues)).encode())))

    def join(
        self,
        made: Grant | None = None,
        ue: Station = UE,
        key: PrivateKey = CONSUMER,
        named: Station | None = None,
    ) -> Any:
        """What is told to whoever joins; None while it is not told anything, or not heard."""
        self.say(heard(Discover(), address(ue)), ue)  # each join has a challenge of its own
        self.told.clear()
        self.say(join(self.box, made, named or ue, key, address(ue)), ue)
        return self.told[-1] if self.told else None

    def say(self, datagram: Any, ue: Station = UE) -> None:
        """It passes the cell: of a UE whose slice may use nothing, nothing is heard."""
        slices = [one.snssai for one in self.stays if ue in (one.ipv4, one.ipv6)]
        if all(self.ratios.get(snssai, EVERYTHING).max_prb_policy_ratio for snssai in slices):
            self.feed(datagram)

    def session(self, made: Grant | None = None) -> Session:
        return self.box.state.sessions[(made or grant()).grant_id]

    def noted(self) -> list[str]:
        return [note.what for note in self.notes]


def cell_box(
    lobby: Snssai | None = None,
    sessions: tuple[Session, ...] = (),
    now: Now | None = None,
    documents: dict[str, dict[str, Any]] | None = None,
    **changes: Any,
) -> CellBox:
    """A box that sells, with a gNB and a core that are there."""
    given: dict[str, Any] = {"now": now} if now else {}
    box = start_box(CELL_SETTINGS, sessions, cell=cell_state(lobby, **changes), **given)
    made = CellBox(sells(box), documents=documents or {})
    made.connect()
    made.look()
    made.feed(DeadlineReached())
    return made
