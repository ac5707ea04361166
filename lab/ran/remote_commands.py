"""What a gNB's remote control answers, and what it does: the pure half of the simulator, with every trap of a real one.

In: a frame's text. Out: the reply's text, what the gNB wrote into its log (nobody on the socket sees it), and changes
to the slices of a cell. It behaves as srsRAN Project 25.10 and OCUDU 26.04 were read to behave, faults included:
unknown slices and impossible pairs are answered with success, a request without both ratios does nothing, a dedicated
ratio is forgotten, the seventeenth change of a request is dropped, ratios are floored to whole PRBs.
Reference: ocudu/ocudu du_high_remote_commands.cpp, du_cell_manager.cpp (handle_cell_reconf_request), remote_server.cpp.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.ran.cell_model import Cell, SliceName

MOST_UPDATES = 16
"""Changed slices of one request that are applied; the rest is dropped with a line in the log."""
NO_SD = 0xFFFFFF
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply; whether the gNB then ends itself; whether the client takes or leaves the metrics."""

    text: str
    log: tuple[str, ...] = ()
    quits: bool = False
    subscribes: bool | None = None


class _RefusedError(Exception):
    """A request that is answered with an error."""


def answer(frame: str, cell: Cell, plmn: str, timestamp: str, *, metrics: bool = True) -> Answer:
    """Obey one frame. `metrics` is `enable_json`: without it there is no such command as metrics_subscribe."""
    try:
        request = json.loads(frame)
    except (ValueError, RecursionError) as error:
        return Answer(_error(f"parse error: {error}", None, timestamp))
    command = request.get("cmd") if isinstance(request, dict) else None
    if command is None:
        return Answer(_error("'cmd' object is missing and it is mandatory", None, timestamp))
    if not isinstance(command, str):
        return Answer(_error("'cmd' object value type should be a string", None, timestamp))
    try:
        return _obey(command, request, cell, plmn, timestamp, metrics=metrics)
    except _RefusedError as refused:
        return Answer(_error(str(refused), command, timestamp))


def _obey(command: str, request: Json, cell: Cell, plmn: str, timestamp: str, *, metrics: bool) -> Answer:
    done = json.dumps({"cmd": command, "timestamp": timestamp}, separators=(",", ":"))
    if command == "rrm_policy_ratio_set":
        return Answer(done, tuple(set_ratios(_policies(request), cell, plmn)))
    if command == "ssb_set":
        _check_ssb(request)
        return Answer(done)
    if command == "quit":
        return Answer(done, quits=True)
    if metrics and command in {"metrics_subscribe", "metrics_unsubscribe"}:
        return Answer(done, subscribes=command == "metrics_subscribe")
    raise _RefusedError(f"Unknown command type: {command}")


def _error(text: str, command: str | None, timestamp: str) -> str:
    page = {"error": text, **({"cmd": command} if command else {}), "timestamp": timestamp}
    return json.dumps(page, separators=(",", ":"))


# ---- rrm_policy_ratio_set


@dataclass(frozen=True, slots=True)
class Policies:
    """One request, read. None: the field was not there."""

    members: tuple[tuple[str, SliceName], ...]
    minimum: int | None
    maximum: int | None
    dedicated: int | None


def _policies(request: Json) -> Policies:
    policies = _field(request, "policies")
    if not isinstance(policies, dict):  # a list has no member of that name either: the same words
        raise _RefusedError("'resourceType' object is missing and it is mandatory")
    kind = _typed(policies, "resourceType", str, "a string")
    if kind != "PRB":
        raise _RefusedError("Only 'resourceType' PRB value is supported")
    members = _typed(policies, "rRMPolicyMemberList", list, "an array")
    return Policies(
        tuple(_member(each) for each in members),
        *(
            _ratio(policies, name)
            for name in ("min_prb_policy_ratio", "max_prb_policy_ratio", "dedicated_ratio")
        ),
    )


def _member(member: Any) -> tuple[str, SliceName]:
    page = member if isinstance(member, dict) else {}
    plmn = _typed(page, "plmn", str, "a string")
    if not (plmn.isascii() and plmn.isdigit() and len(plmn) in {5, 6}):
        raise _RefusedError("Invalid PLMN identity value")
    sst = _typed(page, "sst", int, "an integer") & 0xFF  # cast to eight bits without a look
    if "sd" not in page:
        return plmn, (sst, None)
    sd = _typed(page, "sd", int, "an integer")
    if not 0 <= sd <= NO_SD:
        raise _RefusedError("Invalid slice differentiator value")
    return plmn, (sst, None if sd == NO_SD else sd)


def _ratio(policies: Json, name: str) -> int | None:
    if name not in policies:
        return None
    value = int(_typed(policies, name, int, "an integer"))
    if not 0 <= value <= 100:
        raise _RefusedError(
            f"'{name}' value out of range, received '{value & 0xFFFFFFFF}', valid range is from 0 to 100"
        )
    return value


def _field(page: Json, name: str) -> Any:
    if name not in page:
        raise _RefusedError(f"'{name}' object is missing and it is mandatory")
    return page[name]


def _typed(page: Json, name: str, kind: type, words: str) -> Any:
    value = _field(page, name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _RefusedError(f"'{name}' object value type should be {words}")
    return value


def set_ratios(policies: Policies, cell: Cell, plmn: str) -> list[str]:
    """Change the slices; what the gNB logs about it."""
    if policies.minimum is None and policies.maximum is None:
        return []
    log: list[str] = []
    changed = 0
    low, high = policies.minimum or 0, 100 if policies.maximum is None else policies.maximum
    min_prb, max_prb = (int(1.0 * ratio / 100 * cell.carrier.prbs) for ratio in (low, high))
    for member_plmn, name in policies.members:
        found = cell.find_slice(name) if member_plmn == plmn else None
        if found is None:
            log.append(f"No RRM policy member found for {member_plmn} {name} in cell 0")
        elif min_prb > max_prb:
            log.append(
                f"Invalid min/max PRB policy ratio for {name}: {min_prb=} > {max_prb=}. Skipping update."
            )
        elif (found.min_prb, found.max_prb) != (min_prb, max_prb):
            found.min_prb, found.max_prb, found.dedicated_prb = min_prb, max_prb, 0
            changed += 1
        if changed == MOST_UPDATES:
            log.append("RRM policy update list is full. Discarding further updates for cell 0")
            break
    return log


# ---- ssb_set


def _check_ssb(request: Json) -> None:
    """The power of the synchronisation block is outside of the model; its words are not."""
    cells = _typed(request, "cells", list, "an array")
    if not cells:
        raise _RefusedError("'cells' object does not contain any cell entries")
    for each in cells:
        page = each if isinstance(each, dict) else {}
        _typed(page, "plmn", str, "a string")
        _typed(page, "nci", int, "an integer")
        power = _typed(page, "ssb_block_power_dbm", int, "an integer")
        if not -60 <= power <= 50:
            raise _RefusedError(
                f"'ssb_block_power_dbm' value out of range, received '{power}', valid range is from -60 to 50"
            )
