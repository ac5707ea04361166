"""TPMS_ATTEST: vectors from a real software TPM, agreement with tpm2-pytss, and every way to be malformed."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wire.errors import DecodeError
from wire.tpm_attest import (
    ALGORITHM_SHA256,
    MAX_ATTEST_BYTES,
    Attest,
    ClockInfo,
    NvCertified,
    PcrSelection,
    Quoted,
    compute_pcr_digest,
    extend_pcr,
    read_attest,
    write_attest,
)

# Made by swtpm 0.7.1 / libtpms 0.9.2 with an owner-hierarchy key, extra data 32 times "h", PCRs 0 to 9 and 14.
QUOTE = bytes.fromhex(
    "ff54434780180022000bcdf708ed886f6d8aa48d0b126a0c5189cc0e7c79c1eb9aa6e910da189aaf1ebc0020686868686868"
    "6868686868686868686868686868686868686868686868686868000000000000011cb429d3fad656ef97015f612b5fa52b14"
    "3a00000001000b03ff4300002009a78b65caf84323ffe5aef31ec00117216e2e455940d33a4a24ef84fc1f86f9"
)
CERTIFY = bytes.fromhex(
    "ff54434780140022000bcdf708ed886f6d8aa48d0b126a0c5189cc0e7c79c1eb9aa6e910da189aaf1ebc0020686868686868"
    "6868686868686868686868686868686868686868686868686868000000000000011db429d3fad656ef97015f612b5fa52b14"
    "3a0022000b272b504835f79424cc5278244080c4031bb40fee0d079a69abe500a1dd7502af000000080000000000000002"
)

names = st.binary(max_size=66)
selections = st.builds(
    PcrSelection,
    st.integers(0, 0xFFFF),
    st.frozensets(st.integers(0, 23)).map(lambda indices: tuple(sorted(indices))),
)
quoteds = st.builds(Quoted, st.lists(selections, max_size=16).map(tuple), st.binary(max_size=64))
certifieds = st.builds(NvCertified, names, st.integers(0, 0xFFFF), st.binary(max_size=512))
u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
clocks = st.builds(ClockInfo, u64, u32, u32, st.booleans())
attests = st.builds(Attest, names, names, clocks, u64, quoteds | certifieds)


def test_a_quote_of_a_software_tpm_is_read_whole():
    attest = read_attest(QUOTE)
    assert attest.extra_data == b"h" * 32
    assert attest.clock == ClockInfo(284, 3022640122, 3596021655, safe=True)
    expected = {index: bytes(32) for index in range(10)} | {14: extend_pcr(bytes(32), b"h" * 32)}
    indices = (*range(10), 14)
    assert attest.attested == Quoted(
        (PcrSelection(ALGORITHM_SHA256, indices),), compute_pcr_digest(indices, expected)
    )


def test_a_certified_counter_of_a_software_tpm_is_read_whole():
    attest = read_attest(CERTIFY)
    assert isinstance(attest.attested, NvCertified)
    assert attest.attested.contents == (2).to_bytes(8, "big")
    assert attest.attested.offset == 0
    assert attest.qualified_signer == read_attest(QUOTE).qualified_signer


@pytest.mark.parametrize("vector", [QUOTE, CERTIFY])
def test_every_truncation_and_every_trailing_byte_is_refused(vector):
    for end in range(len(vector)):
        with pytest.raises(DecodeError):
            read_attest(vector[:end])
    with pytest.raises(DecodeError, match="1 bytes after its end"):
        read_attest(vector + b"\0")


@pytest.mark.parametrize(
    ("vector", "why"),
    [
        (b"\xfe" + QUOTE[1:], "magic fe544347"),
        (QUOTE[:4] + b"\x80\x17" + QUOTE[6:], "type 8017"),
        (QUOTE[:6] + b"\x00\x43" + QUOTE[8:], "qualified signer has 67 bytes"),
        (
            write_attest(Attest(b"", b"", ClockInfo(0, 0, 0, False), 0, Quoted((), b"")))[:-1] + b"\x41",
            "65 bytes",
        ),
        (bytes(MAX_ATTEST_BYTES + 1), "at most 1024"),
    ],
)
def test_what_is_not_an_attest_is_refused_by_name(vector, why):
    with pytest.raises(DecodeError, match=why):
        read_attest(vector)


def test_safe_is_yes_or_no():
    at = 6 + 2 + 34 + 2 + 32 + 8 + 4 + 4
    assert QUOTE[at] in (0, 1)
    with pytest.raises(DecodeError, match="safe is 2"):
        read_attest(QUOTE[:at] + b"\2" + QUOTE[at + 1 :])


def test_a_selection_of_another_size_is_refused():
    at = QUOTE.index(bytes.fromhex("000b03ff43")) + 2
    with pytest.raises(DecodeError, match="PCR selection of 4 bytes"):
        read_attest(QUOTE[:at] + b"\4" + QUOTE[at + 1 :])


@given(attests)
def test_reading_undoes_writing(attest):
    data = write_attest(attest)
    if len(data) <= MAX_ATTEST_BYTES:
        assert read_attest(data) == attest


@given(st.binary(max_size=300))
@example(b"\xffTCG\x80\x18" + bytes(200))
@example(b"\xffTCG\x80\x18\0\0\0\0" + bytes(25) + b"\xff\xff\xff\xff")
def test_any_bytes_are_an_attest_or_a_decode_error(data):
    for candidate in (data, b"\xffTCG\x80\x18" + data, b"\xffTCG\x80\x14" + data):
        try:
            attest = read_attest(candidate)
        except DecodeError:
            continue
        assert write_attest(attest) == candidate


@given(st.sampled_from([QUOTE, CERTIFY]), st.data())
def test_a_garbled_attest_is_read_differently_or_refused(vector, data):
    at = data.draw(st.integers(0, len(vector) - 1))
    garbled = vector[:at] + bytes((vector[at] ^ data.draw(st.integers(1, 255)),)) + vector[at + 1 :]
    with suppress(DecodeError):
        assert read_attest(garbled) != read_attest(vector)


@given(attests)
def test_tpm2_pytss_reads_the_same(attest):
    types = pytest.importorskip("tpm2_pytss.types", reason="tpm2-pytss is not installed")
    data = write_attest(attest)
    theirs, used = types.TPMS_ATTEST.unmarshal(data)
    assert used == len(data)
    assert theirs.marshal() == data
    assert bytes(theirs.extraData) == attest.extra_data
    assert bytes(theirs.qualifiedSigner) == attest.qualified_signer
    clock = theirs.clockInfo
    assert (clock.clock, clock.resetCount, clock.restartCount, bool(clock.safe)) == (
        attest.clock.clock_ms,
        attest.clock.reset_count,
        attest.clock.restart_count,
        attest.clock.safe,
    )
    if isinstance(attest.attested, Quoted):
        assert bytes(theirs.attested.quote.pcrDigest) == attest.attested.digest
    else:
        assert bytes(theirs.attested.nv.nvContents) == attest.attested.contents
        assert theirs.attested.nv.offset == attest.attested.offset
