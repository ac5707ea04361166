"""Reading a report file as a stream accepts what reading it at once does, and nothing else."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.bundle import read_bundle, write_bundle
from ledger.reports.filing import read_grant_at, read_grants, read_layout, read_records
from tests.ledger.test_bundle import bundle
from wire.cbor import write_cbor
from wire.errors import DecodeError

WHOLE = write_bundle(bundle())


def accepted(data: bytes) -> bool:
    try:
        read_layout(io.BytesIO(data))
    except DecodeError:
        return False
    return True


def test_all_parts_are_those_of_the_bundle() -> None:
    file, whole = io.BytesIO(WHOLE), read_bundle(WHOLE)
    layout = read_layout(file)
    assert layout.genesis == whole.genesis
    assert layout.attestation_result == whole.attestation_result
    assert layout.end == whole.end
    assert tuple(read_records(file, layout)) == whole.records
    grants = list(read_grants(file, layout))
    assert tuple(encoded for _, encoded in grants) == whole.grants
    assert [read_grant_at(file, at) for at, _ in reversed(grants)] == list(reversed(whole.grants))


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_a_changed_octet_is_judged_as_by_the_bundle(at: int, octet: int) -> None:
    changed = WHOLE[:at] + bytes((octet,)) + WHOLE[at + 1 :]
    try:
        read_bundle(changed)
    except DecodeError:
        assert not accepted(changed)
    else:
        assert accepted(changed)


def test_cut_files_and_long_ones_are_refused_with_the_place() -> None:
    for size in range(0, len(WHOLE), 3):
        assert not accepted(WHOLE[:size])
    with pytest.raises(DecodeError, match=f"at byte {len(WHOLE)}: something follows the end"):
        read_layout(io.BytesIO(WHOLE + b"\0"))
    with pytest.raises(DecodeError, match=f"at byte {len(WHOLE) - 5}: the file ends inside header"):
        read_layout(io.BytesIO(WHOLE[:-5]))


@given(st.binary(max_size=100))
def test_garbage_is_no_report_file(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_layout(io.BytesIO(data))


def test_a_record_that_is_too_long_is_refused_before_it_is_read() -> None:
    """Its length is a claim of the file's."""
    genesis = WHOLE[: read_layout(io.BytesIO(WHOLE)).records_at - 1]
    with pytest.raises(DecodeError, match="record 1 has 1073741824 bytes"):
        read_layout(io.BytesIO(genesis + b"\x81\x5a\x40\x00\x00\x00"))


def test_other_forms_are_named() -> None:
    for form, said in ((1, "does not say where the chain ends"), (3, "form 3 is not known here")):
        with pytest.raises(DecodeError, match=said):
            read_layout(io.BytesIO(write_cbor(["airgrant report", form, b"", b"", [], [], []])))
    with pytest.raises(DecodeError, match="is not a report file"):
        read_layout(io.BytesIO(write_cbor(["airgrant rapport"])))
