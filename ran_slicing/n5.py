"""N5: what a sold rate is called towards the PCF of a 5G core, and what its answers mean.

In: an application session with its rates, or a response. Out: requests to create, change and end it, and the name that
the PCF gave it or why it did not. A session is one media component with one packet filter in each direction, which
match everything of one UE: the PCF of Open5GS adds the rates up over filters, so two in one direction would be twice
the rate. It takes a rate that is zero from its data base and a guarantee that is zero from the maximum; so the
smallest rate that we say is MIN_RATE_BPS.
Reference: 3GPP TS 29.514 V17 (Npcf_PolicyAuthorization), clauses 4.2 and 5; packet filters TS 29.214 clause 5.3.8;
Open5GS src/pcf/npcf-handler.c and lib/proto/types.c.   Units: bit/s.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import NamedTuple

from ran_slicing.http_message import Request, Response
from ran_slicing.snssai import Snssai, format_sd

COLLECTION = "/npcf-policyauthorization/v1/app-sessions"
DEFAULT_PORT = 7777
MIN_RATE_BPS = 1_000
"""The smallest that the core can tell the user plane, which counts in kbit/s (TS 29.244 clause 8.2.8)."""
MAX_RATE_BPS = 4_000_000_000_000
"""The largest that the core can tell the gNB (TS 38.413 clause 9.3.1.4); a double still counts it in bits."""
MAX_GUARANTEED_FLOWS = 3
"""A PDU session has four QoS flows in Open5GS, and one of them is the default flow."""

_MEDIA_5QI = {"AUDIO": 1, "VIDEO": 2}
"""The media types that Open5GS gives a guaranteed 5QI. CONTROL is 5, which is not one; it knows no other."""
_GUARANTEED_5QI = frozenset({1, 2, 3, 4, 65, 66, 67, 71, 72, 73, 74, 76, 82, 83, 84, 85, 86, 87, 88, 89, 90})
"""TS 23.501 table 5.7.4-1: resource types GBR and delay-critical GBR."""
_OPERATOR_5QI = range(128, 255)
"""The operator's own (TS 23.501 clause 5.7.2.1)."""
_REQUIRED_QOS_FEATURE = f"{1 << 16:x}"
"""AuthorizationWithRequiredQoS, the seventeenth feature (TS 29.514 table 5.8-1)."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The 5QI of a flow, and the word by which this PCF is asked for it: a media type, or a reference that stands in
    the PCF's own configuration. Raises ValueError for what gives no guarantee.
    """

    qos_index: int
    media_type: str | None = None
    reference: str | None = None

    def __post_init__(self) -> None:
        if (self.media_type is None) == (self.reference is None):
            raise ValueError("a quality has a media type or a reference, and not both")
        if self.media_type is not None and _MEDIA_5QI.get(self.media_type) != self.qos_index:
            known = ", ".join(f"{name} (5QI {index})" for name, index in _MEDIA_5QI.items())
            raise ValueError(
                f"media type {self.media_type} with 5QI {self.qos_index}: Open5GS guarantees {known} only"
            )
        if self.qos_index not in _GUARANTEED_5QI and self.qos_index not in _OPERATOR_5QI:
            raise ValueError(f"5QI {self.qos_index} guarantees no rate")


VIDEO = Quality(2, media_type="VIDEO")
AUDIO = Quality(1, media_type="AUDIO")


@dataclass(frozen=True, slots=True)
class Rates:
    """A guaranteed and a maximum rate in each direction, bit/s; ValueError names the one that cannot be."""

    floor_down_bps: int
    floor_up_bps: int
    ceiling_down_bps: int
    ceiling_up_bps: int

    def __post_init__(self) -> None:
        for way in ("down", "up"):
            floor, ceiling = getattr(self, f"floor_{way}_bps"), getattr(self, f"ceiling_{way}_bps")
            if not 0 <= floor <= ceiling <= MAX_RATE_BPS:
                raise ValueError(
                    f"{way}: a floor of {floor} bit/s under a ceiling of {ceiling}, of at most {MAX_RATE_BPS}"
                )


@dataclass(frozen=True, slots=True)
class AppSession:
    """A guaranteed rate for all packets of one UE's PDU session; the PCF finds it by the UE's address."""

    ue: IPv4Address | IPv6Address
    supi: str
    snssai: Snssai
    dnn: str
    rates: Rates
    quality: Quality = VIDEO


class Refusal(Enum):
    """What a response that is no consent means."""

    NO_RULE = "the subscriber has no rule of this 5QI"
    FORBIDDEN = "the PCF does not authorise it"
    UNKNOWN = "the PCF knows no such session"
    BUSY = "the PCF has no time for it"
    WRONG = "the PCF does not accept the request"
    SERVER = "the PCF failed"
    ELSEWHERE = "the PCF names another one"
    UNREADABLE = "the PCF's answer cannot be read"
    UNCHANGED = "the PCF consented, and kept the rates that it had"


class Refused(NamedTuple):
    """No consent: what it means, the HTTP status, what the PCF says of it, and when to ask again if it says so."""

    refusal: Refusal
    status: int
    detail: str
    retry_after_s: int | None = None


# ---- Requests


def write_creation(session: AppSession, notification_uri: str) -> Request:
    """POST to the collection. The host of the URI has to be a numeric address: the PCF resolves it at once, and refuses
    what it cannot.
    """
    ue = {"ueIpv4" if isinstance(session.ue, IPv4Address) else "ueIpv6": str(session.ue)}
    body = {
        "notifUri": notification_uri,
        "suppFeat": "0" if session.quality.reference is None else _REQUIRED_QOS_FEATURE,
        **ue,
        "supi": session.supi,
        "dnn": session.dnn,
        "sliceInfo": _slice(session.snssai),
        "medComponents": _components(session),
    }
    return _request("POST", COLLECTION, {"ascReqData": body}, "application/json")


def write_update(session_id: str, session: AppSession) -> Request:
    """PATCH of the session: rates, all of them, as the PCF of Open5GS takes a rate that is missing for zero."""
    body = {"ascReqData": {"medComponents": _components(session)}}
    return _request("PATCH", f"{COLLECTION}/{session_id}", body, "application/merge-patch+json")


def write_deletion(session_id: str) -> Request:
    return Request("POST", f"{COLLECTION}/{session_id}/delete", (("accept", _ACCEPTED),))


_ACCEPTED = "application/json,application/problem+json"


def _request(method: str, path: str, body: Mapping[str, object], content_type: str) -> Request:
    headers = (("accept", _ACCEPTED), ("content-type", content_type))
    return Request(method, path, headers, json.dumps(body, separators=(",", ":")).encode())


def _slice(snssai: Snssai) -> dict[str, object]:
    return {"sst": snssai.sst} if snssai.sd is None else {"sst": snssai.sst, "sd": format_sd(snssai.sd)}


_RATE_NAMES = frozenset({"marBwDl", "marBwUl", "mirBwDl", "mirBwUl"})


def _components(session: AppSession) -> dict[str, dict[str, object]]:
    rates, quality = session.rates, session.quality
    kind = (
        {"medType": quality.media_type} if quality.reference is None else {"qosReference": quality.reference}
    )
    return {
        "1": {
            "medCompN": 1,
            **kind,
            "fStatus": "ENABLED",
            "marBwDl": _rate(rates.ceiling_down_bps),
            "marBwUl": _rate(rates.ceiling_up_bps),
            "mirBwDl": _rate(rates.floor_down_bps),
            "mirBwUl": _rate(rates.floor_up_bps),
            "medSubComps": {"1": {"fNum": 1, "fDescs": _filters(session.ue), "fStatus": "ENABLED"}},
        }
    }


def _rate(rate_bps: int) -> str:
    """In bits per second: older versions of Open5GS take a Kbps for 1,024 of them."""
    return f"{max(rate_bps, MIN_RATE_BPS)} bps"


def _filters(ue: IPv4Address | IPv6Address) -> list[str]:
    """One for each direction; of an IPv6 UE all addresses, as it makes them up itself below its prefix."""
    address = str(ue) if isinstance(ue, IPv4Address) else str(IPv6Network((int(ue), 64), strict=False))
    return [f"permit out ip from any to {address}", f"permit in ip from {address} to any"]


# ---- Responses


def read_creation(response: Response) -> str | Refused:
    """The name of the new session, or why there is none."""
    if response.status != 201:
        return _refused(response)
    name = (response.header("location") or "").rpartition("/app-sessions/")[2].rstrip("/")
    if not re.fullmatch(r"[A-Za-z0-9._~-]{1,128}", name):
        return Refused(Refusal.UNREADABLE, 201, f"a session was made, and its location is {name[:80]!r}")
    return name


def read_consent(response: Response) -> Refused | None:
    """None if an update or deletion was done, or why it was not."""
    return None if response.status in {200, 204} else _refused(response)


def read_update(response: Response, session: AppSession) -> Refused | None:
    """None if the session is now as asked for. Some PCF answers with the session as it is, and has not understood what
    it consented to: release 15 has the body of an update without `ascReqData` around it.
    """
    refused = read_consent(response)
    if refused is not None or response.status != 200:
        return refused
    asked = _components(session)
    try:
        told = json.loads(response.body)["ascReqData"]["medComponents"]
        same = all(
            _bps(told[number].get(name, value)) in {None, _bps(value)}
            for number, component in asked.items()
            for name, value in component.items()
            if name in _RATE_NAMES
        )
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None  # it does not tell
    return None if same else Refused(Refusal.UNCHANGED, response.status, "")


_UNITS_BPS = {"bps": 1, "Kbps": 10**3, "Mbps": 10**6, "Gbps": 10**9, "Tbps": 10**12}


def _bps(rate: object) -> int | None:
    """A bit rate in words (TS 29.571 clause 5.2.2), rounded; None if it is none."""
    match = re.fullmatch(r"(\d{1,15})(?:\.(\d{1,6}))? ([KMGT]?bps)", rate) if isinstance(rate, str) else None
    if match is None:
        return None
    unit_bps = _UNITS_BPS[match[3]]
    return int(match[1]) * unit_bps + int((match[2] or "0").ljust(6, "0")) * unit_bps // 1_000_000


def _refused(response: Response) -> Refused:
    words = _problem_words(response.body)
    wait = response.header("retry-after")
    match response.status:
        case 403 if "No PCC Rule" in words:
            refusal = Refusal.NO_RULE
        case 403 | 401:
            refusal = Refusal.FORBIDDEN
        case 404:
            refusal = Refusal.UNKNOWN
        case 429 | 503:
            refusal = Refusal.BUSY
        case 303 | 307 | 308:
            refusal, words = Refusal.ELSEWHERE, (response.header("location") or words)[:_MOST_WORDS]
        case status if 400 <= status < 500:
            refusal = Refusal.WRONG
        case status if status >= 500:
            refusal = Refusal.SERVER
        case _:
            refusal = Refusal.UNREADABLE
    retry_after_s = int(wait) if wait and wait.isascii() and wait.isdigit() and len(wait) < 6 else None
    return Refused(refusal, response.status, words, retry_after_s)


_MOST_WORDS = 200


def _problem_words(body: bytes) -> str:
    """What a problem report says to a person (TS 29.571 clause 5.2.4.1); empty if it is none."""
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    fields = problem if isinstance(problem, dict) else {}
    words = (fields.get(name) for name in ("title", "detail", "cause"))
    return "; ".join(word for word in words if isinstance(word, str) and word)[:_MOST_WORDS]
