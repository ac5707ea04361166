"""Writes slots into a gNB's own file: what `airgrant ran plan` does, as a function from text to text.

Comments and layout of the owner stay: lines are added, and a few values changed, where they belong. What the new text
says is then read again and held against what was meant; if it is not exactly that (flow style, an unusual layout),
nothing is written and the owner is told what to add. What is there already is left, so that planning twice changes
nothing.
A slot stands in the file with a maximum of 1 %: until this daemon has spoken, a slot is worth next to nothing.
"""

import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from ran_slicing.gnb_config import parse_whole
from ran_slicing.snssai import Snssai
from ran_slicing.yaml_text import Yaml, read_yaml
from wire.errors import ConfigError

REPORT_PERIOD_MS = 100
FIRST_SD = 0x00A600
"""Of the first slot, where nobody says otherwise: unlikely to be somebody's own slice."""
SWITCHES = (
    ("remote_control.enabled", "true"),
    ("remote_control.bind_addr", "127.0.0.1"),
    ("metrics.enable_json", "true"),
    ("metrics.periodicity.du_report_period", str(REPORT_PERIOD_MS)),
)
"""What has to be switched on, and where it is to listen. An address that stands there is the owner's choice (a compose
network), which `airgrant ran check` judges."""
_OWNERS_CHOICE = frozenset({"remote_control.bind_addr"})


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """`count` slots of one tier: S-NSSAIs with one `sst` and differentiators from `first_sd` on. `lobby` is the slice
    of UEs that bought nothing: it is admitted like them, and has no share of its own.
    """

    count: int
    sst: int = 1
    first_sd: int = FIRST_SD
    priority: int = 0
    lobby: Snssai | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 64:
            raise ConfigError(f"slots: {self.count} is outside 1..64")
        if not 0 <= self.priority <= 254:
            raise ConfigError(f"priority: {self.priority} is outside 0..254")
        try:
            assert self.names
        except ValueError as error:
            raise ConfigError(str(error)) from error
        if self.lobby in self.names:
            raise ConfigError(f"lobby: {self.lobby} is one of the slots")

    @property
    def names(self) -> tuple[Snssai, ...]:
        names = tuple(Snssai(self.sst, self.first_sd + number) for number in range(self.count))
        if names[-1].sd is None:
            raise ValueError(f"sd: {self.first_sd} leaves no room for {self.count} slots")
        return names


def plan_gnb_file(
    text: str, name: str, plan: SlotPlan, switches: Iterable[tuple[str, str]] = SWITCHES
) -> str:
    """The file with the slots in it. Raises ConfigError."""
    tree = read_yaml(text, name)
    if not isinstance(tree, dict) or not isinstance(tree.get("cell_cfg"), dict):
        raise ConfigError(f"{name}: cell_cfg: is missing; this is not a gNB's file")
    lines = _Lines(text)
    wanted = deepcopy(tree)
    _plan_slicing(lines, wanted, plan)
    _plan_support(lines, wanted, plan)
    for path, value in switches:
        known = _value_at(wanted, path)
        if known != value and not (known and path in _OWNERS_CHOICE):
            _set_value(wanted, path, value)
            lines.set_value(path, value)
    planned = lines.text
    if not _says(planned, name, wanted):
        raise ConfigError(
            f"{name}: is written in a way that cannot be edited safely; add by hand:\n{_by_hand(plan)}"
        )
    return planned


def _says(text: str, name: str, wanted: Yaml) -> bool:
    try:
        return read_yaml(text, name) == wanted
    except ConfigError:
        return False


def _plan_slicing(lines: "_Lines", tree: dict[str, Any], plan: SlotPlan) -> None:
    cell = tree["cell_cfg"]
    known = _names(cell.get("slicing") or [])
    missing = [snssai for snssai in plan.names if snssai not in known]
    if not missing:
        return
    cell["slicing"] = [*(cell.get("slicing") or []), *(_slice(snssai, plan.priority) for snssai in missing)]
    items = [line for snssai in missing for line in _slice_lines(snssai, plan.priority)]
    lines.append_items(["cell_cfg", "slicing"], items)


def _plan_support(lines: "_Lines", tree: dict[str, Any], plan: SlotPlan) -> None:
    """Each list of the cell's own PLMN: UEs come only into slices of which the AMF was told."""
    plmn = tree["cell_cfg"].get("plmn") or "00101"
    areas = ((tree.get("cu_cp") or {}).get("amf") or {}).get("supported_tracking_areas") or []
    entries = [entry for area in areas for entry in area.get("plmn_list") or [] if entry.get("plmn") == plmn]
    for place, entry in zip(lines.support_lists(plmn), entries, strict=False):
        known = entry.get("tai_slice_support_list") or []
        admitted = plan.names if plan.lobby is None else (*plan.names, plan.lobby)
        missing = [snssai for snssai in admitted if snssai not in _names(known)]
        entry["tai_slice_support_list"] = [*known, *(_support(snssai) for snssai in missing)]
        lines.append_at(place, [_support_line(snssai) for snssai in missing])


def _support(snssai: Snssai) -> dict[str, Yaml]:
    """One element of a support list as the tree has it; `_support_line` is the same as text."""
    sd: dict[str, Yaml] = {} if snssai.sd is None else {"sd": str(snssai.sd)}
    return {"sst": str(snssai.sst), **sd}


def _support_line(snssai: Snssai) -> str:
    return "- { " + ", ".join(f"{key}: {value}" for key, value in _support(snssai).items()) + " }"


def _slice(snssai: Snssai, priority: int) -> dict[str, Yaml]:
    """One element of `slicing` as the tree has it; `_slice_lines` is the same as text."""
    return {
        "sst": str(snssai.sst),
        "sd": str(snssai.sd),
        "sched_cfg": {
            "min_prb_policy_ratio": "0",
            "max_prb_policy_ratio": "1",
            "priority": str(priority),
            "policy": {"qos_sched": {"combine_function": "gbr_prioritized"}},
        },
    }


def _slice_lines(snssai: Snssai, priority: int) -> list[str]:
    return [
        f"- sst: {snssai.sst}",
        f"  sd: {snssai.sd}",
        "  sched_cfg:",
        "    min_prb_policy_ratio: 0",
        "    max_prb_policy_ratio: 1",
        f"    priority: {priority}",
        "    policy:",
        "      qos_sched:",
        "        combine_function: gbr_prioritized",
    ]


def _by_hand(plan: SlotPlan) -> str:
    slices = [f"    {line}" for snssai in plan.names for line in _slice_lines(snssai, plan.priority)]
    return "\n".join(
        ["cell_cfg:", "  slicing:", *slices, "and the same sst and sd in each tai_slice_support_list"]
    )


def _names(items: Iterable[dict[str, Yaml]]) -> set[Snssai]:
    return {
        Snssai(parse_whole(item.get("sst")), parse_whole(item["sd"]) if item.get("sd") is not None else None)
        for item in items
    }


def _value_at(tree: dict[str, Any], path: str) -> Any:
    at: Any = tree
    for key in path.split("."):
        at = at.get(key) if isinstance(at, dict) else None
    return at


def _set_value(tree: dict[str, Any], path: str, value: str) -> None:
    *parents, key = path.split(".")
    for parent in parents:
        if tree.get(parent) is None:
            tree[parent] = {}
        tree = tree[parent]
    tree[key] = value


class _Lines:
    """The text as lines, found by their keys; block style only (the caller holds the result against the tree)."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()

    @property
    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def append_items(self, path: list[str], items: list[str]) -> None:
        """To the list at `path`; its key is made where it is missing."""
        place = self._find(path)
        if place is None:
            parent = self._find(path[:-1])
            assert parent is not None, path
            indent = self._child_column(parent)
            self._lines.insert(parent + 1, f"{' ' * indent}{path[-1]}:")
            place = parent + 1
        self.append_at(place, items)

    def append_at(self, place: int, items: list[str]) -> None:
        """Behind the last item of the list whose key stands at `place`."""
        end = self._end(place)
        dashes = [line for line in self._lines[place + 1 : end] if line.lstrip().startswith("- ")]
        column = _indent(dashes[0]) if dashes else _column(self._lines[place]) + 2
        self._lines[end:end] = [" " * column + item for item in items]

    def set_value(self, path: str, value: str) -> None:
        """Change the value beside a key, or add the key below the part of its path that is there."""
        keys = path.split(".")
        place = self._find(keys)
        if place is not None:
            line = self._lines[place]
            match = re.fullmatch(r"(\s*[^:]+:)(\s*)([^#]*?)(\s*#.*)?", line)
            assert match is not None, line
            self._lines[place] = f"{match[1]} {value}{match[4] or ''}"
            return
        depth = next(
            depth
            for depth in range(len(keys) - 1, -1, -1)
            if not depth or self._find(keys[:depth]) is not None
        )
        parent = self._find(keys[:depth]) if depth else None
        column = self._child_column(parent) if parent is not None else 0
        added = [f"{' ' * (column + 2 * step)}{key}:" for step, key in enumerate(keys[depth:])]
        added[-1] += f" {value}"
        at = len(self._lines) if parent is None else parent + 1
        self._lines[at:at] = added

    def support_lists(self, plmn: str) -> Iterable[int]:
        """Places of each `tai_slice_support_list` of a PLMN, from the top; they move down as lines are added above."""
        at = 0
        while at < len(self._lines):
            if _key(self._lines[at]) == "tai_slice_support_list" and self._plmn_beside(at) == plmn:
                yield at
            at += 1

    def _plmn_beside(self, place: int) -> str | None:
        column = _column(self._lines[place])
        for step in (-1, 1):
            at = place + step
            while 0 <= at < len(self._lines):
                line = self._lines[at]
                if _key(line) == "plmn" and _column(line) == column:
                    return line.partition(":")[2].partition("#")[0].strip().strip("\"'")
                if line.strip() and _column(line) < column:
                    break
                at += step
        return None

    def _find(self, path: list[str]) -> int | None:
        """The line of a key below other keys, each of a block mapping."""
        start, end, column, place = 0, len(self._lines), 0, None
        for key in path:
            place = next(
                (
                    at
                    for at in range(start, end)
                    if _key(self._lines[at]) == key and _indent(self._lines[at]) == column
                ),
                None,
            )
            if place is None:
                return None
            start, end, column = place + 1, self._end(place), self._child_column(place)
        return place

    def _end(self, place: int) -> int:
        """The line after the last one that belongs to the key at `place`."""
        column = _column(self._lines[place])
        end = place + 1
        for at in range(place + 1, len(self._lines)):
            line = self._lines[at]
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            if _indent(line) < column or (_indent(line) == column and not line.lstrip().startswith("-")):
                break
            end = at + 1
        return end

    def _child_column(self, place: int) -> int:
        """Where the keys below a key stand."""
        for line in self._lines[place + 1 : self._end(place)]:
            if line.strip() and not line.lstrip().startswith("#"):
                return _indent(line)
        return _column(self._lines[place]) + 2


def _key(line: str) -> str | None:
    match = re.match(r"[\s-]*([A-Za-z_][A-Za-z0-9_]*):(\s|$)", line)
    return match[1] if match else None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _column(line: str) -> int:
    """Where the key of a line stands, behind the dashes of a list."""
    return len(line) - len(line.lstrip(" -"))
