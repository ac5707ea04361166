"""What a gNB's own file says of slices, and whether they can be sold: the traps, before anything is promised.

In: the files that the gNB is started with, in that order (a later one wins, mapping by mapping). Out: the slots, the
cell's size, the address of the remote control, and findings. A fatal finding is something that would be taken in
silence and then not kept: the gNB says "success" to a slice that it does not have, and UEs are not admitted to a slice
that the AMF was not told of. The daemon does not start with one.
Reference: srsRAN Project 25.10 and OCUDU 26.04, du_high_config_cli11_schema.cpp and configs/; 3GPP TS 38.101-1
table 5.3.2-1.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ran_slicing.link import McsTable
from ran_slicing.settings import is_private
from ran_slicing.share import CellShape
from ran_slicing.snssai import Snssai
from ran_slicing.yaml_text import Yaml, read_yaml
from wire.errors import ConfigError
from wire.warning_id import own_identifier

_WARNING_DEFAULTS = {"cmas": 0x1112, "etws": 0x1104}
"""What the gNB broadcasts as where its file names no `message_id`: a presidential alert, and an earthquake test."""
LONGEST_PERIOD_MS = 200
"""A floor is kept within a second only if the loop hears of a fade a few times in it; 100 is what the plan writes."""
_DEFAULT_PERIOD_MS = 1_000

_PRBS: dict[int, dict[int, int]] = {
    15: {5: 25, 10: 52, 15: 79, 20: 106, 25: 133, 30: 160, 35: 188, 40: 216, 45: 242, 50: 270},
    30: {
        5: 11, 10: 24, 15: 38, 20: 51, 25: 65, 30: 78, 35: 92, 40: 106, 45: 119, 50: 133, 60: 162, 70: 189, 80: 217,
        90: 245, 100: 273,
    },
    60: {10: 11, 15: 18, 20: 24, 25: 31, 30: 38, 40: 51, 50: 65, 60: 79, 70: 93, 80: 107, 90: 121, 100: 135},
}  # fmt: skip
"""PRBs by subcarrier spacing in kHz and bandwidth in MHz (TS 38.101-1 table 5.3.2-1)."""
_TDD_BANDS = frozenset({34, 38, 39, 40, 41, 46, 47, 48, 50, 51, 53, 77, 78, 79, 90, 96, 101, 102, 104})
_TDD_DEFAULT = {
    "dl_ul_tx_period": 10, "nof_dl_slots": 6, "nof_dl_symbols": 8, "nof_ul_slots": 3, "nof_ul_symbols": 0,
}  # fmt: skip
"""The gNB's own pattern where its file has none."""


class Finding(NamedTuple):
    """Something in the file that is wrong (`fatal`) or deserves a look: where, and what to write instead."""

    fatal: bool
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


class SliceEntry(NamedTuple):
    """One element of `cell_cfg.slicing`."""

    snssai: Snssai
    min_prb_policy_ratio: int
    max_prb_policy_ratio: int
    ded_prb_policy_ratio: int
    priority: int
    keeps_gbr: bool
    """`policy.qos_sched` with `combine_function: gbr_prioritized`: a GBR flow of the core counts inside the slice."""


class GnbConfig(NamedTuple):
    """What we need of the file. `shape` is None where it cannot be told from it."""

    plmn: str
    slices: tuple[SliceEntry, ...]
    host: str
    port: int
    period_ms: int
    shape: CellShape | None
    mcs_table: McsTable
    up_mcs_table: McsTable
    radiates: bool


def read_gnb_files(
    files: Sequence[tuple[str, str]], networks: Sequence[str] = (), lobby: Snssai | None = None
) -> tuple[GnbConfig, tuple[Finding, ...]]:
    """From (name, text) of each file. `networks` (CIDR) are those to which the remote control may be bound beside the
    loopback: that of a compose lab. `lobby` is the slice of UEs that bought nothing. Raises ConfigError for what cannot
    be read at all.
    """
    tree: dict[str, Yaml] = {}
    for name, text in files:
        document = read_yaml(text, name)
        if not isinstance(document, dict):
            raise ConfigError(f"{name}: is not a mapping, as a gNB's file is")
        tree = _merged(tree, document)
    reader = _TreeReader(" + ".join(name for name, _ in files), tree)
    return reader.config(networks, lobby), tuple(reader.findings)


def refuse_fatal(findings: Iterable[Finding]) -> None:
    """Raises ConfigError with every fatal finding."""
    fatal = [str(finding) for finding in findings if finding.fatal]
    if fatal:
        raise ConfigError("\n".join(fatal))


def _merged(below: Mapping[str, Yaml], above: Mapping[str, Yaml]) -> dict[str, Yaml]:
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        both = isinstance(known, dict) and isinstance(value, dict)
        merged[key] = _merged(known, value) if both else value  # type: ignore[arg-type]
    return merged


class _TreeReader:
    """Looks values up by their path, and collects findings."""

    def __init__(self, name: str, tree: dict[str, Yaml]) -> None:
        self.name, self.tree = name, tree
        self.findings: list[Finding] = []

    def config(self, networks: Sequence[str], lobby: Snssai | None) -> GnbConfig:
        self._old_places()
        self._one_cell()
        self._no_public_warning()
        plmn = self._text("cell_cfg.plmn", "00101")
        slices = self._slices()
        self._admitted(plmn, [*(entry.snssai for entry in slices), *([] if lobby is None else [lobby])])
        host, port = self._remote(networks)
        return GnbConfig(
            plmn=plmn,
            slices=slices,
            host=host,
            port=port,
            period_ms=self._metrics(),
            shape=self._shape(),
            mcs_table=self._mcs_table("pdsch"),
            up_mcs_table=self._mcs_table("pusch"),
            radiates=self._radiates(),
        )

    # ---- what was found

    def _fatal(self, path: str, text: str) -> None:
        self.findings.append(Finding(fatal=True, where=f"{self.name}: {path}", text=text))

    def _note(self, path: str, text: str) -> None:
        self.findings.append(Finding(fatal=False, where=f"{self.name}: {path}", text=text))

    # ---- looking values up

    def _find(self, path: str) -> Yaml:
        at: Yaml = self.tree
        for key in path.split("."):
            if not isinstance(at, dict) or key not in at:
                return None
            at = at[key]
        return at

    def _has(self, path: str) -> bool:
        parent, _, key = path.rpartition(".")
        at = self._find(parent) if parent else self.tree
        return isinstance(at, dict) and key in at

    def _text(self, path: str, default: str) -> str:
        value = self._find(path)
        if value is None:
            return default
        if not isinstance(value, str):
            raise ConfigError(f"{self.name}: {path}: has to be a single value")
        return value

    def _number(self, path: str, default: int) -> int:
        value = self._find(path)
        return default if value is None else self._whole(path, value)

    def _whole(self, path: str, value: Yaml) -> int:
        try:
            return parse_whole(value)
        except ValueError as error:
            raise ConfigError(f"{self.name}: {path}: {error}") from error

    def _flag(self, path: str, *, default: bool) -> bool:
        value = self._text(path, "true" if default else "false").lower()
        if value not in {"true", "false", "yes", "no", "on", "off", "1", "0", "enable", "disable"}:
            raise ConfigError(f"{self.name}: {path}: {value!r} is neither true nor false")
        return value in {"true", "yes", "on", "1", "enable"}

    def _items(self, path: str) -> list[dict[str, Yaml]]:
        value = self._find(path)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ConfigError(f"{self.name}: {path}: has to be a list of mappings")
        return [item for item in value if isinstance(item, dict)]

    # ---- the traps

    def _old_places(self) -> None:
        """Where older releases had things; the gNB of today refuses some of them and passes over others."""
        if self._has("slicing"):
            self._fatal("slicing", "stands at the top; it belongs under cell_cfg (cell_cfg.slicing)")
        if self._has("amf"):
            self._fatal("amf", "stands at the top; since 24.10 it belongs under cu_cp (cu_cp.amf)")

    def _one_cell(self) -> None:
        """A request names no cell: it changes the slice in every cell of the DU."""
        cells = self._items("cells")
        if len(cells) > 1:
            self._fatal(
                "cells", f"{len(cells)} cells in one DU would share each change; sell one cell per DU"
            )
        if any("slicing" in cell for cell in cells):
            self._fatal(
                "cells",
                "slicing stands in a cell of the list; write it under cell_cfg, where it is looked for",
            )

    def _no_public_warning(self) -> None:
        """Of the cell, and of each one of the list, which has from the cell what it does not say itself. Whatever is
        not an operator's own is refused: nations have warnings that no list of ours has.
        """
        cells = self._items("cells")
        for kind, default in _WARNING_DEFAULTS.items():
            common = self._warning_block("cell_cfg", self._find("cell_cfg"), kind)
            if common is not None:
                self._refuse_public_warning(f"cell_cfg.sib.{kind}", common, default)
            for index, cell in enumerate(cells):
                own = self._warning_block(f"cells[{index}]", cell, kind)
                if own is not None:
                    self._refuse_public_warning(f"cells[{index}].sib.{kind}", (common or {}) | own, default)

    def _warning_block(self, path: str, cell: Yaml, kind: str) -> dict[str, Yaml] | None:
        """None if there is none. Without a value it is one of defaults only."""
        blocks = cell.get("sib") if isinstance(cell, dict) else None
        if not isinstance(blocks, dict) or kind not in blocks:
            return None
        block = blocks[kind]
        if block is not None and not isinstance(block, dict):
            raise ConfigError(f"{self.name}: {path}.sib.{kind}: has to be a mapping")
        return block or {}

    def _refuse_public_warning(self, path: str, block: Mapping[str, Yaml], default: int) -> None:
        named = block.get("message_id")
        number = default if named is None else self._whole(f"{path}.message_id", named)
        try:
            own_identifier(number, "message_id" if named is not None else "message_id is not given, and then")
        except ConfigError as error:
            self._fatal(path, str(error))

    def _slices(self) -> tuple[SliceEntry, ...]:
        entries: list[SliceEntry] = []
        for index, item in enumerate(self._items("cell_cfg.slicing")):
            path = f"cell_cfg.slicing[{index}]"
            entry = self._slice(path, item)
            if any(known.snssai == entry.snssai for known in entries):
                self._fatal(path, f"slice {entry.snssai} stands in the list twice")
                continue
            entries.append(entry)
            self._check_slice(path, entry)
        if not entries:
            self._fatal(
                "cell_cfg.slicing", "no slice: there is nothing to sell; `airgrant ran plan` writes them"
            )
        return tuple(entries)

    def _slice(self, path: str, item: dict[str, Yaml]) -> SliceEntry:
        sched = item.get("sched_cfg") or {}
        if not isinstance(sched, dict):
            raise ConfigError(f"{self.name}: {path}.sched_cfg: has to be a mapping")
        numbers = {
            key: self._whole(f"{path}.sched_cfg.{key}", sched[key]) if sched.get(key) is not None else default
            for key, default in (
                ("min_prb_policy_ratio", 0),
                ("max_prb_policy_ratio", 100),
                ("ded_prb_policy_ratio", 0),
                ("priority", 0),
            )
        }
        return SliceEntry(self._snssai(path, item), **numbers, keeps_gbr=_keeps_gbr(sched.get("policy")))

    def _snssai(self, path: str, item: Mapping[str, Yaml]) -> Snssai:
        if item.get("sst") is None:
            raise ConfigError(f"{self.name}: {path}.sst: is missing")
        sd = item.get("sd")
        try:
            return Snssai(parse_whole(item["sst"]), None if sd is None else parse_whole(sd))
        except ValueError as error:
            raise ConfigError(f"{self.name}: {path}: {error}") from error

    def _check_slice(self, path: str, entry: SliceEntry) -> None:
        low, high, own = entry.min_prb_policy_ratio, entry.max_prb_policy_ratio, entry.ded_prb_policy_ratio
        if not own <= low <= high <= 100 or high < 1:
            text = f"dedicated {own} <= minimum {low} <= maximum {high}, and a maximum of 1..100, has to hold"
            self._fatal(path, text)
        if own:
            self._fatal(
                f"{path}.sched_cfg.ded_prb_policy_ratio",
                f"{own}: the first live change sets it to 0, and with it what was promised by it; use the minimum",
            )
        if not 0 <= entry.priority <= 254:
            self._fatal(f"{path}.sched_cfg.priority", f"{entry.priority} is outside 0..254")

    def _admitted(self, plmn: str, slices: Sequence[Snssai]) -> None:
        """UEs come only into slices of which the AMF was told."""
        areas = self._items("cu_cp.amf.supported_tracking_areas")
        if not areas:
            self._note("cu_cp.amf.supported_tracking_areas", "is not in these files: give the CU's file too")
            return
        path = "cu_cp.amf.supported_tracking_areas"
        supported: set[Snssai] = set()
        for area in areas:
            for entry in _mappings(area.get("plmn_list")):
                if entry.get("plmn") == plmn:
                    found = _mappings(entry.get("tai_slice_support_list"))
                    supported |= {self._snssai(f"{path}..tai_slice_support_list", item) for item in found}
        missing = [snssai for snssai in slices if snssai not in supported]
        if missing:
            names = ", ".join(map(str, missing))
            self._fatal(
                f"{path}..tai_slice_support_list",
                f"lacks {names} for PLMN {plmn}: no UE would be admitted there",
            )

    def _remote(self, networks: Sequence[str]) -> tuple[str, int]:
        host = self._text("remote_control.bind_addr", "127.0.0.1")
        port = self._number("remote_control.port", 8_001)
        if not self._flag("remote_control.enabled", default=False):
            self._fatal("remote_control.enabled", "has to be true")
        if not 0 < port < 65_536:
            self._fatal("remote_control.port", f"{port} is not a port")
        if not is_private(host, networks):
            self._fatal(
                "remote_control.bind_addr",
                f"{host}: whoever reaches it commands the gNB, without a password; bind it to 127.0.0.1",
            )
        return host, port

    def _metrics(self) -> int:
        if not self._flag("metrics.enable_json", default=False):
            self._fatal("metrics.enable_json", "has to be true: without metrics no floor can be kept")
        if not self._flag("metrics.layers.enable_sched", default=True):
            self._fatal("metrics.layers.enable_sched", "has to be true: it is the layer that counts each UE")
        path = "metrics.periodicity.du_report_period"
        period_ms = self._number(path, _DEFAULT_PERIOD_MS)
        if period_ms < 1:
            self._fatal(path, f"{period_ms}: nothing would be reported")
        elif period_ms > LONGEST_PERIOD_MS:
            self._note(
                path,
                f"{period_ms} ms: a fade is answered too late to keep a floor within a second; write 100",
            )
        return period_ms

    def _radiates(self) -> bool:
        driver = self._text("ru_sdr.device_driver", "") or ("an O-RU" if self._has("ru_ofh") else "")
        if driver in {"", "zmq"}:
            return False
        self._note(
            "ru_sdr.device_driver", f"{driver}: this cell radiates, which needs a licence or a shielded room"
        )
        return True

    # ---- the cell's size

    def _shape(self) -> CellShape | None:
        spacing = self._number("cell_cfg.common_scs", 15)
        prbs = _PRBS.get(spacing, {}).get(self._number("cell_cfg.channel_bandwidth_MHz", 20))
        downlink, uplink = self._slots_per_s(spacing)
        if prbs is None or not downlink:
            self._note(
                "cell_cfg", "its size cannot be told: give prbs and downlink_slots_per_s in the daemon's file"
            )
            return None
        return CellShape(prbs, downlink, uplink_slots_per_s=uplink)

    def _slots_per_s(self, spacing: int) -> tuple[int, int]:
        """Slots per second of each direction; the parts of the slot between them count by their symbols. 0: cannot be
        told.
        """
        per_s = 1_000 * spacing // 15
        has_pattern = self._has("cell_cfg.tdd_ul_dl_cfg")
        band = self._number("cell_cfg.band", 0)
        if not has_pattern and band == 0:
            return 0, 0
        if not has_pattern and band not in _TDD_BANDS:
            return per_s, per_s
        period, *counts = (
            self._number(f"cell_cfg.tdd_ul_dl_cfg.{key}", default) for key, default in _TDD_DEFAULT.items()
        )
        down, down_symbols, up, up_symbols = counts
        if down < 1 or min(counts) < 0 or (down + up) * 14 + down_symbols + up_symbols > period * 14:
            raise ConfigError(
                f"{self.name}: cell_cfg.tdd_ul_dl_cfg: {down} and {up} slots are not a pattern of {period}"
            )
        whole = period * 14
        return per_s * (down * 14 + down_symbols) // whole, per_s * (up * 14 + up_symbols) // whole

    def _mcs_table(self, channel: str) -> McsTable:
        name = self._text(f"cell_cfg.{channel}.mcs_table", McsTable.QAM256.value)
        try:
            return McsTable(name)
        except ValueError:
            self._note(f"cell_cfg.{channel}.mcs_table", f"{name} is not known here; qam64 is assumed")
            return McsTable.QAM64


def parse_whole(value: Yaml) -> int:
    """A whole number as the gNB reads it: decimal or 0x hexadecimal. Raises ValueError."""
    text = value if isinstance(value, str) else ""
    if text.isascii() and text.isdigit() and (text == "0" or text[0] != "0") and len(text) < 12:
        return int(text)
    if text[:2] in {"0x", "0X"} and len(text) < 12:
        return int(text, 16)
    raise ValueError(f"{value!r} is not a whole number (decimal without leading zeros, or 0x..)")


def _mappings(value: Any) -> list[dict[str, Yaml]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _keeps_gbr(policy: Yaml) -> bool:
    sched = policy.get("qos_sched") if isinstance(policy, dict) else None
    return isinstance(sched, dict) and sched.get("combine_function") == "gbr_prioritized"
