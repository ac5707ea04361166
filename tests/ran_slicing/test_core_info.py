"""The join table: two lists of the core to stays, what is left out, and what cannot be read."""

from __future__ import annotations

import contextlib
import copy
import json
import random
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from ran_slicing.core_info import (
    PDU_PATH,
    Page,
    Radio,
    Stay,
    find_stays,
    page_path,
    read_located,
    read_page,
    read_radios,
    read_stays,
)
from ran_slicing.snssai import Snssai
from tests.wire.fuzz import mutate
from wire.errors import DecodeError

PDU: dict[str, Any] = {
    "supi": "imsi-231510000114763",
    "pdu": [
        {
            "psi": 1,
            "dnn": "internet",
            "ipv4": "10.45.0.11",
            "ipv6": "2001:db8:cafe::b",
            "snssai": {"sst": 1, "sd": "ffffff"},
            "qos_flows": [{"qfi": 1, "5qi": 9}, {"qfi": 2, "5qi": 2}, {"qfi": 3}],
            "n3": {"gnb": {"teid": 76, "addr": "[192.168.168.100]:2152"}},
            "pdu_state": "active",
        },
        {"ebi": 5, "apn": "ims", "ipv4": "10.46.0.2", "snssai": {"sst": 0, "sd": "000000"}, "qos_flows": []},
    ],
    "ue_activity": "active",
}
UE = {
    "supi": "imsi-231510000114763",
    "gnb": {"ostream_id": 1, "amf_ue_ngap_id": 2, "ran_ue_ngap_id": 39, "gnb_id": 100, "cell_id": 1},
}
STAY = Stay(
    "imsi-231510000114763",
    1,
    "internet",
    Snssai(1),
    IPv4Address("10.45.0.11"),
    IPv6Address("2001:db8:cafe::b"),
    ((1, 9), (2, 2)),
    True,
)


def test_the_stays() -> None:
    assert read_stays([PDU]) == (STAY,)
    assert STAY.flows_of(2) == 1
    assert STAY.flows_of(1) == 0


@pytest.mark.parametrize(
    "ues",
    [
        [],
        [{"supi": PDU["supi"], "gnb": {"ostream_id": 0, "status": "not-connected"}}],
        [{"supi": PDU["supi"]}],
        [{"suci": "suci-0-001-01-0000-0-0-1", "gnb": UE["gnb"]}],
    ],
    ids=["not in the list", "idle", "no gNB", "not identified yet"],
)
def test_a_ue_without_radio(ues: list[dict[str, Any]]) -> None:
    assert read_radios([*ues, UE | {"supi": "imsi-2"}]) == {"imsi-2": Radio(100, 1, 39, 2)}


def test_a_subscriber_that_two_pages_show_is_there_once() -> None:
    assert read_stays([PDU, copy.deepcopy(PDU)]) == (STAY,)


def test_whose_address_it_is() -> None:
    stays = read_stays([PDU])
    for address in (
        IPv4Address("10.45.0.11"),
        IPv6Address("2001:db8:cafe::b"),
        IPv6Address("2001:db8:cafe::77"),
    ):
        assert find_stays(stays, address) == stays
    for address in (IPv4Address("10.45.0.12"), IPv6Address("2001:db8:cafe:1::b")):
        assert find_stays(stays, address) == ()
    bare = copy.deepcopy(PDU)
    del bare["pdu"][0]["ipv6"], bare["pdu"][0]["ipv4"]
    assert find_stays(read_stays([bare]), IPv6Address("::1")) == ()
    other = copy.deepcopy(PDU) | {"supi": "imsi-999990000000001"}
    assert len(find_stays(read_stays([PDU, other]), IPv4Address("10.45.0.11"))) == 2  # overlapping pools


@pytest.mark.parametrize(
    ("pager", "page"),
    [
        ({"page": 0, "page_size": 100, "count": 1}, Page((PDU,), has_next=False, truncated=False)),
        ({"next": "/pdu-info?page=1&page_size=100"}, Page((PDU,), has_next=True, truncated=False)),
        ({"truncated": True}, Page((PDU,), has_next=False, truncated=True)),
        ("?", Page((PDU,), has_next=False, truncated=False)),
    ],
)
def test_pages(pager: Any, page: Page) -> None:
    assert read_page(json.dumps({"items": [PDU], "pager": pager}).encode()) == page


def test_the_next_page() -> None:
    assert page_path(PDU_PATH, 1) == "/pdu-info?page=1&page_size=100"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no JSON"),
        (b'{"items": [', "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no list of items"),
        (b'{"items": {}}', "no list of items"),
        (b'{"items": [1]}', "no list of items"),
    ],
)
def test_pages_that_are_refused(body: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_page(body)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"psi": "1"}, "psi is 1, not a number"),
        ({"psi": True}, "psi is True"),
        ({"dnn": None}, "dnn is None, not a text"),
        ({"snssai": None}, "no snssai"),
        ({"snssai": {"sst": 256}}, "sst: 256 is outside"),
        ({"snssai": {"sst": 1, "sd": "xyz"}}, "not six hexadecimal digits"),
        ({"ipv4": "10.45.0.256"}, "imsi-231510000114763"),
        ({"ipv6": 7.5}, "ipv6 is 7.5, not a text"),
        ({"ipv4": 7}, "ipv4 is 7, not a text"),
        ({"qos_flows": {}}, "qos_flows is no list"),
        ({"qos_flows": [{"5qi": 2}]}, "qfi is None"),
    ],
)
def test_sessions_that_are_refused(changes: dict[str, Any], why: str) -> None:
    wrong = copy.deepcopy(PDU)
    wrong["pdu"][0].update(changes)
    with pytest.raises(DecodeError, match=why):
        read_stays([wrong])


def test_radios_that_are_refused() -> None:
    with pytest.raises(DecodeError, match="gnb_id is None"):
        read_radios([{"supi": PDU["supi"], "gnb": {"ran_ue_ngap_id": 1, "cell_id": 1}}])


@pytest.mark.parametrize("supi", [["x"], {}, 7, "", None, True])
def test_names_that_are_refused(supi: Any) -> None:
    with pytest.raises(DecodeError, match=r"ue-info: supi is .*, not a text"):
        read_radios([UE | {"supi": supi}])
    with pytest.raises(DecodeError, match=r"pdu-info: supi is .*, not a text"):
        read_stays([PDU | {"supi": supi}])


def test_items_of_any_kind_give_stays_or_a_decode_error() -> None:
    """Each value of both lists in turn becomes one of each kind that JSON has."""
    kinds: list[Any] = [None, True, -1, 7.5, "x", [], ["x"], [[]], {}, {"x": 1}, 10**400]
    for kind in kinds:
        pdu, ue = copy.deepcopy(PDU), copy.deepcopy(UE)
        for fields, at in [*_places(pdu), *_places(ue)]:
            before, fields[at] = fields[at], kind
            with contextlib.suppress(DecodeError):
                read_stays([pdu])
                read_radios([ue])
            fields[at] = before


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Each container in a value, with each key or index of it."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for at in keys for place in ((value, at), *_places(value[at]))]


def test_garbled_pages_give_stays_or_a_decode_error() -> None:
    chance = random.Random(3)
    example = json.dumps({"items": [PDU], "pager": {}}).encode()
    tables = 0
    for _ in range(2_000):
        try:
            read_stays(read_page(mutate(example, example, chance)).items)
        except DecodeError:
            continue
        tables += 1
    assert tables


def test_when_each_was_heard_last_as_far_as_the_core_says() -> None:
    heard = UE | {"location": {"timestamp": 1758733375895512}}
    silent = UE | {"supi": "imsi-2", "location": {"timestamp": 0}}
    assert read_located([heard, silent, UE | {"supi": "imsi-3"}, {"location": 7}]) == {
        UE["supi"]: 1758733375895512000
    }
