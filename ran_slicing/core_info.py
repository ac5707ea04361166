"""Who is in the core: which subscriber has which address in which slice, and by which numbers the gNB knows it.

In: pages of the lists that SMF and AMF of Open5GS show beside their metrics (`pdu-info`, `ue-info`). Out: the stays of
the one, the connections of the other. The two lists are taken one after the other, and a list may change between two
of its pages: what is missing may be there, and who concludes something from an absence looks twice. Only 5G sessions
are in it.
Reference: Open5GS src/smf/pdu-info.c, src/amf/ue-info.c, lib/metrics/prometheus/json_pager.h.
Promise: the readers return a value or raise DecodeError, whatever the bytes.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Any, NamedTuple

from ran_slicing.snssai import Snssai, parse_sd
from wire.errors import DecodeError

PDU_PATH = "/pdu-info"
UE_PATH = "/ue-info"
METRICS_PORT = 9090
PAGE_SIZE = 100
"""The most that a page has; more is asked for in vain."""
MAX_PAGES = 50
"""A small cell has some hundred UEs; a core that has more than this is not looked through."""


class Radio(NamedTuple):
    """By which numbers a gNB and the AMF know a connected UE: others with each connection. `ran_ue_ngap_id` is unique
    within its gNB only. Neither counts up: Open5GS takes its own from a ring, in the order in which others ended.
    """

    gnb_id: int
    cell_id: int
    ran_ue_ngap_id: int
    amf_ue_ngap_id: int


@dataclass(frozen=True, slots=True)
class Listed:
    """The AMF's list of connected subscribers: begun after `since_ns`, when the list before it was begun, and had by
    `by_ns`. `located_ns` is when each was heard last where it is now, as far as the AMF says: no earlier than it came.
    A list of the same connections is the same. Monotonic ns.
    """

    radios: Mapping[str, Radio]
    since_ns: int = field(compare=False)
    by_ns: int = field(compare=False)
    located_ns: Mapping[str, int] = field(default_factory=dict, compare=False)


class Stay(NamedTuple):
    """One PDU session of a subscriber: its addresses, its slice, its QoS flows as (QFI, 5QI)."""

    supi: str
    psi: int
    dnn: str
    snssai: Snssai
    ipv4: IPv4Address | None
    ipv6: IPv6Address | None
    flows: tuple[tuple[int, int], ...]
    active: bool

    def has_address(self, address: IPv4Address | IPv6Address) -> bool:
        """Any address below its prefix is an IPv6 UE's own."""
        if isinstance(address, IPv4Address):
            return address == self.ipv4
        return self.ipv6 is not None and address in IPv6Network((int(self.ipv6), 64), strict=False)

    def flows_of(self, qos_index: int) -> int:
        """How many of its QoS flows have this 5QI."""
        return sum(1 for _, known in self.flows if known == qos_index)


class Page(NamedTuple):
    """Items of a list as they came, whether there is another page, and whether something was left out."""

    items: tuple[Mapping[str, Any], ...]
    has_next: bool
    truncated: bool


def page_path(path: str, page: int) -> str:
    return f"{path}?page={page}&page_size={PAGE_SIZE}"


def read_page(body: bytes) -> Page:
    """One page of either list. Raises DecodeError."""
    try:
        root = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"info: no JSON: {str(error)[:80]}") from error
    items = root.get("items") if isinstance(root, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise DecodeError("info: no list of items")
    pager = root.get("pager")
    fields = pager if isinstance(pager, dict) else {}
    return Page(tuple(items), fields.get("next") is not None, fields.get("truncated") is True)


def read_radios(ues: Iterable[Mapping[str, Any]]) -> dict[str, Radio]:
    """Items of the AMF's list to the connection of each subscriber who has one. Raises DecodeError."""
    return {
        _text(item, "supi", "ue-info"): radio
        for item in ues
        if "supi" in item and (radio := _read_radio(item)) is not None
    }


def read_located(ues: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """When each subscriber of the AMF's list was heard last with a place, UTC ns; not those of whom it does not say."""
    located: dict[str, int] = {}
    for item in ues:
        location = item.get("location")
        stamp_us = location.get("timestamp") if isinstance(location, dict) else None
        if isinstance(supi := item.get("supi"), str) and isinstance(stamp_us, int) and stamp_us > 0:
            located[supi] = stamp_us * 1_000
    return located


def read_stays(pdus: Iterable[Mapping[str, Any]]) -> tuple[Stay, ...]:
    """Items of the SMF's list to stays, each (subscriber, session) once. Raises DecodeError."""
    stays: dict[tuple[str, int], Stay] = {}
    for item in pdus:
        supi = _text(item, "supi", "pdu-info")
        for session in _objects(item, "pdu", supi):
            if "psi" in session and "dnn" in session:  # else it is one of the older generation
                stay = _read_stay(supi, session)
                stays[stay.supi, stay.psi] = stay
    return tuple(stays.values())


def find_stays(stays: Iterable[Stay], address: IPv4Address | IPv6Address) -> tuple[Stay, ...]:
    """All that have the address: more than one where pools of two networks overlap; then nobody knows whose it is."""
    return tuple(stay for stay in stays if stay.has_address(address))


def _read_stay(supi: str, session: Mapping[str, Any]) -> Stay:
    flows = [(_number(flow, "qfi", supi), flow.get("5qi")) for flow in _objects(session, "qos_flows", supi)]
    try:
        return Stay(
            supi=supi,
            psi=_number(session, "psi", supi),
            dnn=_text(session, "dnn", supi),
            snssai=_snssai(session, supi),
            ipv4=IPv4Address(_text(session, "ipv4", supi)) if "ipv4" in session else None,
            ipv6=IPv6Address(_text(session, "ipv6", supi)) if "ipv6" in session else None,
            flows=tuple((qfi, qos_index) for qfi, qos_index in flows if isinstance(qos_index, int)),
            active=session.get("pdu_state") == "active",
        )
    except ValueError as error:
        raise DecodeError(f"info: {supi}: {str(error)[:80]}") from error


def _snssai(session: Mapping[str, Any], supi: str) -> Snssai:
    fields = session.get("snssai")
    if not isinstance(fields, dict):
        raise DecodeError(f"info: {supi}: no snssai")
    sd = fields.get("sd")
    return Snssai(_number(fields, "sst", supi), parse_sd(sd) if isinstance(sd, str) else None)


def _read_radio(item: Mapping[str, Any]) -> Radio | None:
    """None of one that is idle: it has no connection, and so no numbers."""
    fields = item.get("gnb")
    if not isinstance(fields, dict) or "ran_ue_ngap_id" not in fields:
        return None
    names = ("gnb_id", "cell_id", "ran_ue_ngap_id", "amf_ue_ngap_id")
    return Radio(*(_number(fields, name, str(item.get("supi"))) for name in names))


def _objects(fields: Mapping[str, Any], name: str, where: str) -> list[Mapping[str, Any]]:
    found = fields.get(name, [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise DecodeError(f"info: {where}: {name} is no list of objects")
    return found


def _number(fields: Mapping[str, Any], name: str, where: str) -> int:
    found = fields.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise DecodeError(f"info: {where}: {name} is {str(found)[:40]}, not a number")
    return found


def _text(fields: Mapping[str, Any], name: str, where: str) -> str:
    found = fields.get(name)
    if not isinstance(found, str) or not found:
        raise DecodeError(f"info: {where}: {name} is {str(found)[:40]}, not a text")
    return found
