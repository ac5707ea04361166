"""Requests to a gNB byte for byte, and its answers, whatever they hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ran_slicing.messages import (
    MAX_MESSAGE_BYTES,
    MAX_REQUEST_BYTES,
    OtherReport,
    Refusal,
    Reply,
    read_message,
    write_policy,
    write_subscribe,
)
from ran_slicing.metrics import CellReport
from ran_slicing.share import PAUSED, Ratio
from ran_slicing.snssai import Snssai
from tests.ran_slicing.metrics_examples import report, ue_entry
from wire.errors import DecodeError

A = Snssai(1, 1)


def test_the_request_of_the_reference():
    """Section 1.3 of the notes on gNBs, key for key: one object of policies, and a resource type of PRB."""
    assert json.loads(write_policy("00101", [A], Ratio(30, 60))) == {
        "cmd": "rrm_policy_ratio_set",
        "policies": {
            "resourceType": "PRB",
            "rRMPolicyMemberList": [{"plmn": "00101", "sst": 1, "sd": 1}],
            "min_prb_policy_ratio": 30,
            "max_prb_policy_ratio": 60,
            "dedicated_ratio": 0,
        },
    }


def test_both_ratios_are_always_sent():
    """A missing maximum would mean 100: a paused slice would be let loose."""
    policies = json.loads(write_policy("00101", [A], PAUSED))["policies"]
    assert (policies["min_prb_policy_ratio"], policies["max_prb_policy_ratio"]) == (0, 0)


def test_no_differentiator_is_left_out():
    members = json.loads(write_policy("00101", [Snssai(1)], PAUSED))["policies"]["rRMPolicyMemberList"]
    assert members == [{"plmn": "00101", "sst": 1}]


def test_sixteen_slices_and_no_more():
    sixteen = [Snssai(255, 0xFFFFF0 - number) for number in range(16)]
    assert len(write_policy("001001", sixteen, Ratio(100, 100))) < MAX_REQUEST_BYTES
    with pytest.raises(AssertionError):
        write_policy("00101", [*sixteen, A], PAUSED)
    with pytest.raises(AssertionError):
        write_policy("00101", [], PAUSED)


def test_answers():
    assert read_message(b'{"cmd":"rrm_policy_ratio_set","timestamp":"t"}') == Reply("rrm_policy_ratio_set")
    refused = b'{"error":"Unknown command type: x","cmd":"x","timestamp":"t"}'
    assert read_message(refused) == Refusal("x", "Unknown command type: x")
    nameless = b'{"error":"This WebSocket server only supports opcode TEXT messages","timestamp":"t"}'
    assert read_message(nameless) == Refusal(None, "This WebSocket server only supports opcode TEXT messages")


def test_metrics_of_cells_and_of_other_layers():
    assert isinstance(read_message(json.dumps(report(ue_entry())).encode()), CellReport)
    assert read_message(b'{"timestamp":"t","du":{"du_high":{}}}') == OtherReport(("du",))
    assert read_message(b'{"timestamp":"t","rlc_metrics":{}}') == OtherReport(("rlc_metrics",))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b"{",
        b"\xff",
        b'{"cmd":1}',
        b'{"error":1}',
        b'{"error":"x","cmd":[]}',
        b'{"timestamp":"t","cells":[{"ue_list":[{"rnti":NaN}]}]}',
        b'{"x":' + b"[" * 100_000,
        b'{"x":' + b"9" * 5_000 + b"}",
        b'"' + b"x" * MAX_MESSAGE_BYTES + b'"',
    ],
)
def test_what_is_no_message(text):
    with pytest.raises(DecodeError):
        read_message(text)


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.integers() | st.floats(), lambda inner: (
    st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["cmd", "error", "cells", "timestamp", "ue_list", "cell_metrics", "event_list", "rnti", "pci"]
    ), inner, max_size=6)
)).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_text_is_a_message_or_a_decode_error(text):
    try:
        read_message(text)
    except DecodeError:
        return


def test_subscribing():
    assert json.loads(write_subscribe()) == {"cmd": "metrics_subscribe"}
