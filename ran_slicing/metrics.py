"""What a gNB says of its cells once per report period: each UE's rates, link and waiting data.

Fields that we do not need are passed over, as there are many and their set changes with every release; those that we
need are strict. What differs between releases: `cqi` is missing or -1 where the UE reported none, `ue` is missing in
old ones, rates are floats, numbers may be null. A UE is named by its RNTI and by its index in the DU: there is no
slice and no subscriber in it (ran_slicing/join.py).
Reference: srsRAN Project 25.10 and OCUDU 26.04, json_generators/du_high/scheduler.cpp.
Promise: a value or DecodeError, whatever the document, in time linear in it. Units: bit/s, bytes.
"""

from typing import Any, NamedTuple

from wire.errors import DecodeError
from wire.units import PPM, U63_MAX

MAX_CELLS, MAX_UES, MAX_EVENTS = 16, 4_096, 16_384
MAX_RNTI = 0xFFFF
MAX_CQI = 15


class UeReport(NamedTuple):
    """One UE in one period. `dl_*` is towards it. None: the gNB did not say."""

    rnti: int
    ue: int | None
    cqi: int | None
    dl_mcs: int | None
    dl_layers_ppm: int
    dl_bps: int
    dl_ok: int
    dl_lost: int
    dl_waiting_bytes: int
    ul_bps: int
    ul_waiting_bytes: int
    ul_mcs: int | None = None
    ul_layers_ppm: int = PPM
    ul_ok: int = 0
    ul_lost: int = 0


class UeEvent(NamedTuple):
    """A UE came (`ue_create`), changed (`ue_reconf`: it got or lost a bearer) or went (`ue_rem`)."""

    rnti: int
    kind: str


class CellMetrics(NamedTuple):
    """One cell in one period. `dl_prbs` are the PRBs used in each slot of the TDD pattern, where the gNB says it."""

    pci: int | None
    ues: tuple[UeReport, ...]
    events: tuple[UeEvent, ...]
    dl_prbs: tuple[int, ...]


class CellReport(NamedTuple):
    """All cells of a DU in one period, at the gNB's own time."""

    timestamp: str
    cells: tuple[CellMetrics, ...]


def read_cells(document: dict[str, Any]) -> CellReport:
    """From an object that has `cells`. Raises DecodeError."""
    timestamp = document.get("timestamp")
    if not isinstance(timestamp, (str, int, float)) or isinstance(timestamp, bool):
        raise DecodeError(f"metrics: timestamp is {timestamp!r:.50}")
    cells = _list(document, "cells", MAX_CELLS)
    return CellReport(str(timestamp)[:64], tuple(_read_cell(cell) for cell in cells))


def _read_cell(cell: dict[str, Any]) -> CellMetrics:
    about = cell.get("cell_metrics") or {}
    if not isinstance(about, dict):
        raise DecodeError("metrics: cell_metrics is no object")
    ues = tuple(_read_ue(ue) for ue in _list(cell, "ue_list", MAX_UES))
    pci = _optional(about, "pci")
    if pci is None and ues:
        pci = _optional(cell["ue_list"][0], "pci")
    used = about.get("pdsch_prbs_used_per_tdd_slot_idx") or []
    if not isinstance(used, list) or len(used) > 256:
        raise DecodeError("metrics: pdsch_prbs_used_per_tdd_slot_idx is no short list")
    return CellMetrics(
        pci,
        ues,
        tuple(_read_event(event) for event in _list(cell, "event_list", MAX_EVENTS)),
        tuple(_whole("pdsch_prbs_used_per_tdd_slot_idx", value) for value in used),
    )


def _read_ue(ue: dict[str, Any]) -> UeReport:
    cqi = _optional(ue, "cqi")
    return UeReport(
        rnti=_rnti(ue),
        ue=_optional(ue, "ue"),
        cqi=cqi if cqi is not None and 0 <= cqi <= MAX_CQI else None,
        dl_mcs=_optional(ue, "dl_mcs"),
        dl_layers_ppm=_layers_ppm(ue, "dl_ri"),
        dl_bps=_counted(ue, "dl_brate"),
        dl_ok=_counted(ue, "dl_nof_ok"),
        dl_lost=_counted(ue, "dl_nof_nok"),
        dl_waiting_bytes=_counted(ue, "dl_bs"),
        ul_bps=_counted(ue, "ul_brate"),
        ul_waiting_bytes=_counted(ue, "bsr"),
        ul_mcs=_optional(ue, "ul_mcs"),
        ul_layers_ppm=_layers_ppm(ue, "ul_ri"),
        ul_ok=_counted(ue, "ul_nof_ok"),
        ul_lost=_counted(ue, "ul_nof_nok"),
    )


def _layers_ppm(ue: dict[str, Any], key: str) -> int:
    layers = ue.get(key)
    return PPM if layers is None else _whole(key, layers, scale=PPM)


def _read_event(event: dict[str, Any]) -> UeEvent:
    kind = event.get("event_type")
    if not isinstance(kind, str):
        raise DecodeError(f"metrics: event_type is {kind!r:.50}")
    return UeEvent(_rnti(event), kind[:32])


def _rnti(item: dict[str, Any]) -> int:
    rnti = _counted(item, "rnti")
    if rnti > MAX_RNTI:
        raise DecodeError(f"metrics: rnti {rnti} is above {MAX_RNTI}")
    return rnti


def _list(item: dict[str, Any], key: str, limit: int) -> list[dict[str, Any]]:
    """The objects of a list; missing and null are none."""
    values = item.get(key)
    if values is None:
        return []
    if not isinstance(values, list) or len(values) > limit:
        raise DecodeError(f"metrics: {key} is not a list of at most {limit}")
    if not all(isinstance(value, dict) for value in values):
        raise DecodeError(f"metrics: {key} holds something that is no object")
    return values


def _optional(item: dict[str, Any], key: str) -> int | None:
    """A whole number, which may be missing, null or negative (-1: unknown)."""
    value = item.get(key)
    if value is None or value == -1:
        return None
    return _whole(key, value)


def _counted(item: dict[str, Any], key: str) -> int:
    if key not in item:
        raise DecodeError(f"metrics: {key} is missing")
    value = item[key]
    return 0 if value is None else _whole(key, value)


def _whole(key: str, value: object, scale: int = 1) -> int:
    """Not negative, rounded down."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DecodeError(f"metrics: {key} is {value!r:.50}, not a number")
    if not 0 <= value <= U63_MAX // scale:
        raise DecodeError(f"metrics: {key} is {value!r:.50}, outside what it can be")
    return int(value * scale)
