"""The remote control of a gNB, as texts: what we ask for, and what it answers.

    {"cmd":"rrm_policy_ratio_set","policies":{"resourceType":"PRB","rRMPolicyMemberList":[{"plmn":..,"sst":..,"sd":..}],
     "min_prb_policy_ratio":..,"max_prb_policy_ratio":..,"dedicated_ratio":0}}
    -> {"cmd":..,"timestamp":..}   or   {"error":..,"cmd":..,"timestamp":..}

An answer carries no number: answers come in the order of the requests on one connection, with metrics between them. An
answer without an error says that the gNB took the request, not that a slice changed: it says the same of a slice
that it does not have. Both ratios are always sent, as a missing minimum means 0 and a missing maximum 100, and the
dedicated ratio is always 0, as the gNB drops it and sets the slice's dedicated PRBs to 0 at any change.
Reference: srsRAN Project 25.10 and OCUDU 26.04, remote_server.cpp and du_high_remote_commands.cpp.
Promise: `read_message` returns a value or raises DecodeError, in time linear in the text.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ran_slicing.metrics import CellReport, read_cells
from ran_slicing.share import Ratio
from ran_slicing.snssai import Snssai
from wire.errors import DecodeError

MAX_REQUEST_BYTES = 16 * 1024
"""The gNB closes the connection on more."""
MAX_MESSAGE_BYTES = 1024 * 1024
"""Metrics of 256 UEs are a quarter of this."""
MAX_SLICES_PER_REQUEST = 16
"""The gNB changes no more in one request and cell."""
POLICY, SUBSCRIBE = "rrm_policy_ratio_set", "metrics_subscribe"


@dataclass(frozen=True, slots=True)
class Reply:
    """The gNB took the request."""

    command: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """It did not; it names no command if it could read none."""

    command: str | None
    error: str


@dataclass(frozen=True, slots=True)
class OtherReport:
    """Metrics of another layer (RLC, MAC, radio, the machine): nothing for us."""

    kinds: tuple[str, ...]


Message = Reply | Refusal | CellReport | OtherReport


def write_policy(plmn: str, slices: Sequence[Snssai], ratio: Ratio) -> bytes:
    """One request: these slices (1 to 16) get this pair of ratios."""
    assert 1 <= len(slices) <= MAX_SLICES_PER_REQUEST, f"{len(slices)} slices in one request"
    members = [
        {"plmn": plmn, "sst": item.sst} | ({} if item.sd is None else {"sd": item.sd}) for item in slices
    ]
    policies = {
        "resourceType": "PRB",
        "rRMPolicyMemberList": members,
        "min_prb_policy_ratio": ratio.min_prb_policy_ratio,
        "max_prb_policy_ratio": ratio.max_prb_policy_ratio,
        "dedicated_ratio": 0,
    }
    return _written({"cmd": POLICY, "policies": policies})


def write_subscribe() -> bytes:
    """One object of metrics per report period, from now on and on this connection."""
    return _written({"cmd": SUBSCRIBE})


def read_message(text: bytes) -> Message:
    """Anything that the gNB sends. Raises DecodeError."""
    document = _read_object(text)
    if "error" in document:
        return Refusal(_text(document, "cmd") if "cmd" in document else None, _text(document, "error")[:500])
    if "cmd" in document:
        return Reply(_text(document, "cmd"))
    if "cells" in document:
        return read_cells(document)
    return OtherReport(tuple(sorted(key[:50] for key in document if key != "timestamp"))[:16])


def _written(document: dict[str, Any]) -> bytes:
    text = json.dumps(document, separators=(",", ":")).encode()
    assert len(text) <= MAX_REQUEST_BYTES, f"a request of {len(text)} bytes"
    return text


def _read_object(text: bytes) -> dict[str, Any]:
    if len(text) > MAX_MESSAGE_BYTES:
        raise DecodeError(f"gNB: {len(text)} bytes, at most {MAX_MESSAGE_BYTES} are accepted")
    try:
        document = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"gNB: not JSON: {str(error)[:100]}") from error
    if not isinstance(document, dict):
        raise DecodeError(f"gNB: a {type(document).__name__}, not an object")
    return document


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _text(document: dict[str, Any], key: str) -> str:
    value = document[key]
    if not isinstance(value, str):
        raise DecodeError(f"gNB: {key} is {value!r:.50}, not a text")
    return value
