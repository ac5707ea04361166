"""A policy control function that answers as the one of Open5GS does, with its limits: N5 requests in, QoS flows out.

It grants what a rule of the subscriber's document allows and refuses the rest in the words of the original; it adds
rates up over packet filters; where the original stops with a failed assertion, it loses its memory and its connections
(`None` instead of a response). A consent is given before the session management function was asked: a flow that does
not fit into the session is granted and never made. What the gNB would be told is in `flows`.
Reference: Open5GS src/pcf/npcf-handler.c, pcf-sm.c, lib/proto/types.c, lib/dbi/session.c.   Units: bit/s.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from ran_slicing.http_message import Request, Response

MOST_FILTERS = 8
"""Packet filters of a media sub-component, and of a rule."""
MOST_COMPONENTS = 16
MOST_DATABASE_RULES = 8
MOST_SESSION_RULES = 8
MOST_FLOWS = 4
"""QoS flows of one PDU session, with the default flow."""
DEFAULT_FLOW_5QI = 9
_MEDIA_5QI = {"AUDIO": 1, "VIDEO": 2, "CONTROL": 5}
_RATE = re.compile(r"^(\d+(?:\.\d+)?) (bps|Kbps|Mbps|Gbps|Tbps)$")
_THOUSANDS = {"bps": 0, "Kbps": 1, "Mbps": 2, "Gbps": 3, "Tbps": 4}

Subscriber = Mapping[str, Any]


class StoppedError(Exception):
    """An assertion of the original fails here."""


class RefusedError(Exception):
    """A problem report instead of consent."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status, self.title = status, title


@dataclass(frozen=True, slots=True)
class PduSession:
    """What the PCF knows of a PDU session since it was established; `sd` as hexadecimal digits, ffffff for none."""

    supi: str
    sst: int
    sd: str
    dnn: str
    ipv4: str | None = None
    ipv6: str | None = None
    psi: int = 1


@dataclass(frozen=True, slots=True)
class Flow:
    """A rule as the session management function hears of it: 5QI, guaranteed and maximum rates."""

    qos_index: int
    gbr_down_bps: int = 0
    gbr_up_bps: int = 0
    mbr_down_bps: int = 0
    mbr_up_bps: int = 0


@dataclass(slots=True)
class _AppSession:
    session: PduSession
    rules: dict[int, Flow] = field(default_factory=dict)
    """By 5QI: a second component of the same 5QI changes the rule of the first."""


class PcfSimulator:
    """`answer` is what Http2Server asks. `subscriber` finds a document by its IMSI."""

    def __init__(
        self,
        subscriber: Callable[[str], Subscriber | None],
        qos_profiles: Mapping[str, int] | None = None,
        *,
        behind_scp: bool = False,
    ) -> None:
        self.sessions: list[PduSession] = []
        self.busy = False
        """Answers 503 to everything."""
        self.stops = 0
        """How often an assertion failed."""
        self._subscriber, self._qos_profiles, self._behind_scp = subscriber, qos_profiles or {}, behind_scp
        self._app_sessions: dict[str, _AppSession] = {}
        self._names = count(1)

    @property
    def app_sessions(self) -> int:
        return len(self._app_sessions)

    def restart(self) -> None:
        """It forgets application sessions, and PDU sessions too: no UE's is known until it is established anew."""
        self._app_sessions.clear()
        self.sessions.clear()

    def flows(self, session: PduSession) -> list[Flow]:
        """The default flow, and as many of those granted as the session has room for."""
        granted = [
            rule
            for app in self._app_sessions.values()
            if app.session == session
            for rule in app.rules.values()
        ]
        return [Flow(DEFAULT_FLOW_5QI), *granted[:MOST_SESSION_RULES][: MOST_FLOWS - 1]]

    def answer(self, request: Request) -> Response | None:
        """The response; None where the original would have stopped."""
        try:
            return self._answer(request)
        except RefusedError as refused:
            return _problem(refused.status, refused.title)
        except StoppedError:
            self.stops += 1
            self.restart()
            return None

    def _answer(self, request: Request) -> Response:
        if self._behind_scp and not re.match(
            r"(AF|AMF|SMF|PCF|NEF|P-CSCF)\b", request.header("user-agent") or ""
        ):
            raise RefusedError(400, "No User-Agent")
        if self.busy:
            response = _problem(503, "Congestion")
            return Response(503, (*response.headers, ("retry-after", "2")), response.body)
        parts = request.path.strip("/").split("/")
        if parts[0] != "npcf-policyauthorization":
            raise RefusedError(400, "Invalid API name")
        if parts[1:2] != ["v1"]:
            raise RefusedError(400, "Not supported version")
        body = _parse(request)
        match (request.method, parts[2:]):
            case ("POST", ["app-sessions"]):
                return self._create(body)
            case ("POST", ["app-sessions", name, "delete"]):
                self._find(name)
                del self._app_sessions[name]
                return Response(204)
            case ("PATCH", ["app-sessions", name]):
                return self._update(name, body)
            case (_, ["app-sessions", *_]):
                raise RefusedError(403, "Invalid HTTP method")
        raise RefusedError(404, "Not found")

    # ---- Application sessions

    def _create(self, body: Mapping[str, Any]) -> Response:
        asked = body.get("ascReqData") or {}
        session = self._find_session(asked)
        for name, told in (
            ("suppFeat", "AscReqData->suppFeat"),
            ("notifUri", "AscReqData->notifUri"),
            ("medComponents", "AscReqData->MediaCompoenent"),
        ):
            if not asked.get(name):
                raise RefusedError(400, f"[{session.supi}:{session.psi}] No {told}")
        if not re.match(r"https?://(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\])(:\d+)?(/|$)", asked["notifUri"]):
            raise RefusedError(400, f"[{session.supi}:{session.psi}] Invalid URI [{asked['notifUri']}]")
        app = _AppSession(session)
        self._authorise(app, asked["medComponents"])
        name = str(next(self._names))
        self._app_sessions[name] = app
        location = f"http://127.0.0.13:7777/npcf-policyauthorization/v1/app-sessions/{name}"
        headers = (("location", location), ("content-type", "application/json"))
        return Response(201, headers, json.dumps({"ascReqData": {**asked, "suppFeat": "0"}}).encode())

    def _update(self, name: str, body: Mapping[str, Any]) -> Response:
        app = self._find(name)
        asked = body.get("ascReqData") or {}
        if not asked.get("medComponents"):
            raise RefusedError(
                400, f"[{app.session.supi}:{app.session.psi}] No AscUpdateData->MediaCompoenent"
            )
        self._authorise(app, asked["medComponents"])
        return Response(200, (("content-type", "application/json"),), json.dumps(body).encode())

    def _find(self, name: str) -> _AppSession:
        if name not in self._app_sessions:
            raise RefusedError(404, "Not found")
        return self._app_sessions[name]

    def _find_session(self, asked: Mapping[str, Any]) -> PduSession:
        """By the address alone: slice and network of the request are not looked at."""
        for session in self.sessions:
            if asked.get("ueIpv4") and asked["ueIpv4"] == session.ipv4:
                return session
        for session in self.sessions:
            if asked.get("ueIpv6") and session.ipv6 and _prefix(asked["ueIpv6"]) == _prefix(session.ipv6):
                return session
        raise RefusedError(404, "Not found")

    # ---- What is granted

    def _authorise(self, app: _AppSession, components: Mapping[str, Any]) -> None:
        """All components or none."""
        if len(components) > MOST_COMPONENTS:
            raise StoppedError
        session, told = app.session, f"[{app.session.supi}:{app.session.psi}]"
        subscriber = self._subscriber(session.supi.removeprefix("imsi-"))
        found = None if subscriber is None else _session_of(subscriber, session)
        if found is None:
            raise RefusedError(404, f"{told} Cannot find SUPI in DB")
        rules = found.get("pcc_rule") or []
        if len(rules) > MOST_DATABASE_RULES:
            raise StoppedError
        granted: dict[int, Flow] = {}
        for component in components.values():
            qos_index = self._qos_index(component, told)
            rule = next(
                (rule for rule in rules if _int32((rule.get("qos") or {}).get("index")) == qos_index), None
            )
            if rule is None:
                raise RefusedError(
                    403,
                    f"{told} CHECK WEBUI : No PCC Rule in DB [QoS Index:{qos_index}] - Please add PCC Rule using WEBUI",
                )
            granted[qos_index] = _flow(qos_index, component, rule["qos"], told)
        app.rules.update(granted)

    def _qos_index(self, component: Mapping[str, Any], told: str) -> int:
        reference = component.get("qosReference")
        if reference is not None:
            if reference not in self._qos_profiles:
                raise RefusedError(403, f"{told} Unknown qosReference [{reference}]")
            return self._qos_profiles[reference]
        if component.get("medType") not in _MEDIA_5QI:
            raise RefusedError(500, f"{told} Not implemented : [Media-Type:{component.get('medType')}]")
        return _MEDIA_5QI[component["medType"]]


def _flow(qos_index: int, component: Mapping[str, Any], stored: Mapping[str, Any], told: str) -> Flow:
    """Rates once for each filter; of nothing said the maximum is the guarantee, and the document has the rest."""
    rates = {"gbr": {"Dl": 0, "Ul": 0}, "mbr": {"Dl": 0, "Ul": 0}}
    words = {"gbr": "mirBw", "mbr": "marBw"}
    for way in _filter_ways(component, told):
        for kind, word in words.items():
            rates[kind][way] += _rate(component.get(f"{word}{way}"))
    for way in ("Dl", "Ul"):
        rates["mbr"][way] = rates["mbr"][way] or _rate(component.get(f"marBw{way}"))
        rates["gbr"][way] = rates["gbr"][way] or rates["mbr"][way]
        for kind in words:
            rates[kind][way] = rates[kind][way] or _stored_rate(stored, kind, way)
    return Flow(qos_index, rates["gbr"]["Dl"], rates["gbr"]["Ul"], rates["mbr"]["Dl"], rates["mbr"]["Ul"])


def _filter_ways(component: Mapping[str, Any], told: str) -> list[str]:
    """The direction of each packet filter."""
    ways = []
    for sub_component in (component.get("medSubComps") or {}).values():
        filters = sub_component.get("fDescs") or []
        if len(filters) > MOST_FILTERS:
            raise StoppedError
        for filter_ in filters:
            if filter_.startswith("permit out"):
                ways.append("Dl")
            elif not filter_.startswith("permit in"):
                raise RefusedError(403, f"{told} install_flow() failed")
            elif " from " not in filter_ or " to " not in filter_:
                raise StoppedError
            else:
                ways.append("Ul")
    if len(ways) > MOST_FILTERS:
        raise RefusedError(403, f"{told} install_flow() failed")
    return ways


def _rate(text: str | None) -> int:
    match = _RATE.match(text or "")
    return int(float(match[1]) * 1_000 ** _THOUSANDS[match[2]]) if match else 0


def _stored_rate(qos: Mapping[str, Any], kind: str, way: str) -> int:
    rate = (qos.get(kind) or {}).get({"Dl": "downlink", "Ul": "uplink"}[way]) or {}
    return (_int32(rate.get("value")) or 0) * int(1_024 ** (_int32(rate.get("unit")) or 0))


# ---- The subscriber's document


def _session_of(subscriber: Subscriber, wanted: PduSession) -> Mapping[str, Any] | None:
    for slice_ in subscriber.get("slice") or []:
        if _int32(slice_.get("sst")) != wanted.sst:
            continue
        sd = str(slice_.get("sd") or "ffffff").lower()
        if "ffffff" not in {sd, wanted.sd.lower()} and sd != wanted.sd.lower():
            continue
        sessions: Sequence[Mapping[str, Any]] = slice_.get("session") or []
        for session in sessions:
            if wanted.dnn.lower().startswith(session["name"].lower()):
                return session
    return None


def _int32(value: object) -> int | None:
    """Integers of 32 bits are read, and others are as if they were not there."""
    return value if type(value) is int else None


# ---- Requests and responses


def _parse(request: Request) -> Mapping[str, Any]:
    if not request.body:
        return {}
    if (request.header("content-type") or "") not in {"application/json", "application/merge-patch+json"}:
        raise RefusedError(400, "cannot parse HTTP message")
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise RefusedError(400, "cannot parse HTTP message") from error
    if not isinstance(body, dict):
        raise RefusedError(400, "cannot parse HTTP message")
    return body


def _problem(status: int, title: str) -> Response:
    body = json.dumps({"title": title, "status": status}).encode()
    return Response(status, (("content-type", "application/problem+json"),), body)


def _prefix(address: str) -> ipaddress.IPv6Network:
    return ipaddress.IPv6Network((address, 64), strict=False)
