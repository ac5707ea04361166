"""How fast messages of system information are made and read, beside pycrate, and how long late joiners wait for them.

Both sides do whole messages as they are on the air (BCCH-DL-SCH-Message), from values to bytes and back. pycrate is
general and generated from the standard; ours does these few blocks by hand, because a box has no room for 250 MB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.bench.contest import Contest, codec_figures
from lab.bench.result import Against, Figure
from lab.bench.wire import LEDGER_ID, OFFER, ledger, provider
from lab.ran.late_joiner import LOSS, PERIOD_MS, Acquisition, acquire
from nas_tunnel.carriage import CARRIAGES, Form
from nas_tunnel.cell_offer import cell_offer, write_beacon_name, write_cell_offer
from nas_tunnel.lte_sib import Sib9, Sib12, read_lte_system_information, write_lte_system_information
from nas_tunnel.nr_sib import Sib8, Sib10, read_nr_system_information, write_nr_system_information
from nas_tunnel.segments import plan_broadcast
from nas_tunnel.warning_sib import WarningSegment
from wire.offer import write_offer

SEED = 20_261_122
SHARES = (0.5, 0.99)
SIGNED_OFFER = write_offer(OFFER, provider)
"""Once, as every signature differs."""


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Every figure of broadcasts in cells."""
    progress("encoding and decoding system information, side by side with pycrate")
    figures = codec_figures(contests())
    progress(f"late joiners who lose {LOSS:.0%} of the segments")
    return figures + late_joiner_figures()


# ---- Codecs


def contests() -> list[Contest]:
    """A name and a signed offer in LTE and in NR, and the largest segment of each."""
    # Half a second and 50 MB each, and so not before somebody asks.
    from pycrate_asn1dir.RRCLTE import EUTRA_RRC_Definitions
    from pycrate_asn1dir.RRCNR import NR_RRC_Definitions

    lte, nr = EUTRA_RRC_Definitions.BCCH_DL_SCH_Message, NR_RRC_Definitions.BCCH_DL_SCH_Message
    rows = [
        _contest("LTE SIB9, a beacon", lte, Sib9(the_name()), ("sib9", {"hnb-Name": the_name()})),
        _contest("NR SIB10, a beacon", nr, Sib10((the_name(),)), ("sib10-v1610", _named(the_name()))),
    ]
    largest = {name: CARRIAGES[name].segment_bytes - 1 for name in ("lte-sib12", "nr-sib8")}
    for what, sizes in (("a signed offer", {}), ("the largest segment", largest)):
        lte_segment, nr_segment = (
            plan_broadcast(bytes(sizes[name]) if sizes else the_content(), CARRIAGES[name]).segment(0)
            for name in ("lte-sib12", "nr-sib8")
        )
        rows += [
            _contest(
                f"LTE SIB12, {what}", lte, Sib12(lte_segment), ("sib12-v920", _values(lte_segment, "-r9"))
            ),
            _contest(f"NR SIB8, {what}", nr, Sib8(nr_segment), ("sib8", _values(nr_segment, ""))),
        ]
    return rows


def the_content() -> bytes:
    """What a cell broadcasts of one realistic offer."""
    return write_cell_offer(cell_offer(SIGNED_OFFER, provider.public, ledger.public, LEDGER_ID))


def the_name() -> bytes:
    """The beacon of the same offer."""
    floor_bps = OFFER.qos.floor_down_bps
    return write_beacon_name(SIGNED_OFFER, OFFER.price_ubc, OFFER.allocation_duration_s, floor_bps)


def _contest(
    name: str, rival: Any, sib: Sib9 | Sib12 | Sib8 | Sib10, block: tuple[str, dict[str, Any]]
) -> Contest:
    blocks = {"sib-TypeAndInfo": [block]}
    if isinstance(sib, (Sib9, Sib12)):
        critical, lte_sib = ("systemInformation-r8", blocks), sib
        encode: Callable[[], bytes] = lambda: write_lte_system_information([lte_sib])  # noqa: E731
        decode: Callable[[bytes], object] = read_lte_system_information
    else:
        critical, nr_sib = ("systemInformation", blocks), sib
        encode, decode = lambda: write_nr_system_information([nr_sib]), read_nr_system_information
    value = {"message": ("c1", ("systemInformation", {"criticalExtensions": critical}))}

    def encode_theirs() -> bytes:
        rival.set_val(value)
        return bytes(rival.to_uper())

    def decode_theirs(data: bytes) -> object:
        rival.from_uper(data)
        return rival.get_val()

    return Contest(name, encode, decode, encode_theirs, decode_theirs)


def _values(segment: WarningSegment, suffix: str) -> dict[str, Any]:
    values = {
        "messageIdentifier": (segment.message_identifier, 16),
        "serialNumber": (segment.serial_number, 16),
        "warningMessageSegmentType": "lastSegment" if segment.is_last else "notLastSegment",
        "warningMessageSegmentNumber": segment.number,
        "warningMessageSegment": segment.octets,
        "dataCodingScheme": bytes((segment.data_coding_scheme or 0,)),
    }
    return {f"{name}{suffix}": value for name, value in values.items()}


def _named(name: bytes) -> dict[str, Any]:
    return {"hrnn-List-r16": [{"hrnn-r16": name}]}


# ---- Late joiners


def late_joiner_figures() -> list[Figure]:
    """For each carriage: the waits that half and 99 of 100 joiners do not exceed, against the bound."""
    return [
        Figure(
            f"offer heard on {found.carriage} by {share:.0%} ({found.content_bytes} bytes in {found.segments}, "
            f"every {found.period_ms} ms)",
            found.wait_ms(share),
            "ms",
            None,
            "lower",
            Against("each segment sent once", found.bound_ms),
        )
        for found in acquisitions()
        for share in SHARES
    ]


def acquisitions(period_ms: int = PERIOD_MS) -> list[Acquisition]:
    """Late joiners on each carriage: a name where it takes names, the signed offer elsewhere."""
    return [
        acquire(row, the_name() if row.form is Form.NAME else the_content(), SEED, period_ms=period_ms)
        for row in CARRIAGES.values()
    ]
