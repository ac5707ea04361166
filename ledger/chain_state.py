"""What a verifier remembers of a box's metering chain between two records, and its form in a store.

Frozen; made anew by each step of `ledger/evidence.py`. A chain belongs to one attestation key. It starts empty;
what is not known yet (before the first boot record, say) is None or empty. Byte form: deterministic CBOR, for the
ledger's own store only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wire.cbor import Value, read_cbor_with_booleans, write_cbor
from wire.errors import DecodeError
from wire.meter_record import FIRST_PREVIOUS
from wire.tpm_attest import ClockInfo
from wire.units import U63_MAX


@dataclass(frozen=True, slots=True)
class GrantUsage:
    """What all records together say that a grant has got, both directions; when it ends; until when it was reported."""

    used_bytes: int
    ends_s: int
    to_utc_ms: int

    def __post_init__(self) -> None:
        assert 0 <= self.used_bytes <= U63_MAX, f"{self.used_bytes} bytes used"


@dataclass(frozen=True, slots=True)
class ChainState:
    """The end of a chain. A fresh one waits for the record of sequence 1."""

    sequence: int = 0
    head: bytes = FIRST_PREVIOUS
    """Hash of the last record."""
    meter_pcr: bytes = b""
    """What PCR 14 has to be now; empty when it cannot be known until the next boot record."""
    boot_pcrs: bytes = b""
    first_meter_pcr: bytes = b""
    """PCR 14 as the first boot record found it: what firmware leaves there at each boot."""
    clock: ClockInfo | None = None
    counter: int | None = None
    """The NV counter at the last anchor."""
    anchor_due: bool = False
    """The TPM was reset and no anchor followed yet."""
    last_from_utc_ms: int | None = None
    """When the last report began: a long report comes in parts of the same interval."""
    covered_to_utc_ms: int | None = None
    """Until when it is known what was metered, or that nothing was."""
    since_anchor: int = 0
    """Usage reports of this boot that no anchor secures yet: what a box could still withhold by rebooting."""
    usage: Mapping[bytes, GrantUsage] = field(default_factory=dict)


def write_chain_state(state: ChainState) -> bytes:
    """As `read_chain_state`."""
    clock: Value = None
    if state.clock:
        times = state.clock
        clock = [times.clock_ms, times.reset_count, times.restart_count, times.safe]
    usage: list[Value] = [
        [grant, use.used_bytes, use.ends_s, use.to_utc_ms] for grant, use in sorted(state.usage.items())
    ]
    return write_cbor(
        [
            state.sequence,
            state.head,
            state.meter_pcr,
            state.boot_pcrs,
            state.first_meter_pcr,
            clock,
            state.counter,
            state.anchor_due,
            state.last_from_utc_ms,
            state.covered_to_utc_ms,
            state.since_anchor,
            usage,
        ]
    )


def read_chain_state(data: bytes) -> ChainState:
    """A state that `write_chain_state` wrote. Raises DecodeError if it is something else: the store is damaged."""
    match read_cbor_with_booleans(data):
        case [
            int(sequence), bytes(head), bytes(meter_pcr), bytes(boot_pcrs), bytes(first), clock, None | int() as
            counter, bool(due), None | int() as last_from, None | int() as covered, int(since), list(usage),
        ] if not _has_boolean([sequence, counter, last_from, covered, since]):  # fmt: skip
            return ChainState(
                sequence, head, meter_pcr, boot_pcrs, first, _read_clock(clock), counter, due, last_from, covered,
                since, dict(map(_read_usage, usage)),
            )  # fmt: skip
    raise DecodeError("chain state: not twelve items of the right kinds")


def _read_usage(value: Value) -> tuple[bytes, GrantUsage]:
    match value:
        case [bytes(grant), int(used_bytes), int(ends_s), int(to_utc_ms)] if not _has_boolean(value):
            return grant, GrantUsage(used_bytes, ends_s, to_utc_ms)
    raise DecodeError("chain state: usage is not a grant id, bytes and two times")


def _read_clock(value: Value) -> ClockInfo | None:
    match value:
        case None:
            return None
        case [int(clock_ms), int(reset_count), int(restart_count), bool(safe)] if not _has_boolean(value[:3]):
            return ClockInfo(clock_ms, reset_count, restart_count, safe)
    raise DecodeError("chain state: clock is not four values")


def _has_boolean(values: Sequence[Value]) -> bool:
    return any(isinstance(one, bool) for one in values)
