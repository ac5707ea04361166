"""A chain's state survives its store, and a damaged store is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain_state import ChainState, GrantUsage, read_chain_state, write_chain_state
from tests.wire.fuzz import with_true
from wire.cbor import Value, read_cbor_with_booleans, write_cbor
from wire.errors import DecodeError
from wire.tpm_attest import ClockInfo

count = st.integers(0, 2**63 - 1)
hashes = st.binary(min_size=32, max_size=32)
clocks = st.builds(ClockInfo, count, count, count, st.booleans())
states = st.builds(
    ChainState,
    sequence=count,
    head=hashes,
    meter_pcr=hashes | st.just(b""),
    boot_pcrs=st.binary(max_size=320),
    first_meter_pcr=hashes | st.just(b""),
    clock=st.none() | clocks,
    counter=st.none() | count,
    anchor_due=st.booleans(),
    last_from_utc_ms=st.none() | count,
    covered_to_utc_ms=st.none() | count,
    since_anchor=count,
    usage=st.dictionaries(
        st.binary(min_size=16, max_size=16), st.builds(GrantUsage, count, count, count), max_size=5
    ),
)


@given(states)
def test_reading_undoes_writing(state):
    assert read_chain_state(write_chain_state(state)) == state


@pytest.mark.parametrize(
    "value", [None, [], [0] * 12, [0, b"", b"", b"", b"", [1], None, False, None, None, 0, []]]
)
def test_something_else_is_refused(value):
    with pytest.raises(DecodeError, match="chain state: "):
        read_chain_state(write_cbor(value))


def test_true_is_one_nowhere():
    """It has booleans of its own."""
    usage = {bytes(16): GrantUsage(5, 6, 7)}
    clock = ClockInfo(1, 2, 3, safe=True)
    state = ChainState(1, b"", b"", b"", b"", clock, 4, True, 8, 9, 10, usage)
    bent = list(with_true(read_cbor_with_booleans(write_chain_state(state))))
    assert len(bent) == 11
    for value in bent:
        with pytest.raises(DecodeError):
            read_chain_state(write_cbor(value))


def test_damaged_usage_is_refused():
    value: list[Value] = [0, b"", b"", b"", b"", None, None, False, None, None, 0, [[b"grant", 1]]]
    with pytest.raises(DecodeError, match="usage"):
        read_chain_state(write_cbor(value))
