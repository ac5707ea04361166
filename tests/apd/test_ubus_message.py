"""Messages of ubus: octets put together by hand from blob.h, blobmsg.h and ubusmsg.h, and what no octets may do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apd.ubus_message import (
    MAX_DEPTH,
    Attribute,
    Kind,
    Message,
    number,
    read_message,
    read_table,
    text,
    write_message,
    write_signature,
    write_table,
)
from wire.errors import DecodeError

DEL_CLIENT = Message(
    Kind.INVOKE,
    7,
    0x1234,
    {
        Attribute.OBJECT_ID: number(0x1234),
        Attribute.METHOD: text("del_client"),
        Attribute.DATA: write_table({"addr": "02:00:00:00:00:01", "reason": 2, "deauth": True}),
    },
)
DEL_CLIENT_OCTETS = bytes.fromhex(
    "00 05 0007 00001234"  # version, INVOKE, sequence, peer: the object
    "00000068"  # the blob around it all, 104 octets
    "03000008 00001234"  # OBJID
    "0400000f 64656c5f636c69656e7400 00"  # METHOD, with its NUL; filled up to four
    "0700004c"  # DATA
    "8300001e 0004 6164647200 00 30323a30303a30303a30303a30303a303100 0000"  # a named string
    "85000014 0006 726561736f6e00 000000 00000002"  # a named number of 32 bits
    "87000011 0006 64656175746800 000000 01 000000"  # a named truth value
)
HELLO_OCTETS = bytes.fromhex("00 00 0000 5f3759df 00000004")

tables = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=10), inner, max_size=4
        )
    ),
    max_leaves=20,
)


def test_a_call_and_the_greeting_octet_by_octet():
    assert write_message(DEL_CLIENT) == DEL_CLIENT_OCTETS
    assert read_message(DEL_CLIENT_OCTETS) == (DEL_CLIENT, len(DEL_CLIENT_OCTETS))
    assert read_message(HELLO_OCTETS) == (Message(Kind.HELLO, 0, 0x5F3759DF), 12)


def test_a_signature_names_types_by_number():
    assert read_table(
        write_signature({"revoke": {"grant": str, "times": int, "now": bool}, "health": {}})
    ) == {
        "revoke": {"grant": 3, "times": 5, "now": 7},
        "health": {},
    }


def test_numbers_of_every_width_have_a_sign():
    octets = bytes.fromhex(
        "85000010 0006 7369676e616c00 000000 ffffffe2"  # wrong length on purpose: 0x10 cuts the number off
    )
    with pytest.raises(DecodeError, match="a number of 0 octets, not 4"):
        read_table(octets[:16])
    assert read_table(bytes.fromhex("85000014 0006 7369676e616c00 000000 ffffffe2")) == {"signal": -30}
    assert read_table(bytes.fromhex("8600000a 0001 6100 fffe 0000")) == {"a": -2}
    assert read_table(bytes.fromhex("84000010 0001 6100 ffffffffffffffff")) == {"a": -1}
    assert read_table(bytes.fromhex("88000010 0001 6100 3ff8000000000000")) == {"a": 1.5}
    assert read_table(bytes.fromhex("80000008 0001 6100")) == {"a": None}


def test_what_is_not_known_is_left_out_and_money_may_need_64_bits():
    assert read_table(write_table({"a": None, "b": 5_000_000_000, "c": 2**31 - 1})) == {
        "b": 5_000_000_000,
        "c": 2**31 - 1,
    }


@given(st.dictionaries(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=10), tables))
def test_a_table_comes_back(table):
    assert read_table(write_table(table)) == table


@given(st.integers(0, len(DEL_CLIENT_OCTETS) - 1))
def test_a_message_that_is_cut_is_not_complete(length):
    assert read_message(DEL_CLIENT_OCTETS[:length]) is None


@given(st.integers(0, len(DEL_CLIENT_OCTETS) - 1), st.integers(0, 255), st.binary(max_size=40))
def test_garbage_is_a_decode_error_or_a_message(at, octet, more):
    for octets in (more, DEL_CLIENT_OCTETS[:at] + bytes([octet]) + DEL_CLIENT_OCTETS[at + 1 :]):
        try:
            found = read_message(octets)
            if found is not None:
                found[0].table(Attribute.DATA)
                found[0].text(Attribute.METHOD)
                found[0].number(Attribute.OBJECT_ID)
            read_table(octets)
        except DecodeError:
            continue


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        ("01 05 0007 00000000 00000004", "version 1"),
        ("00 05 0007 00000000 00000003", "a message of 3 octets"),
        ("00 05 0007 00000000 00100001", "a message of 1048577 octets"),
        ("00 05 0007 00000000 00000008 03000009", "an attribute of 9 octets where there are 4"),
    ],
)
def test_what_cannot_be_a_message(octets, told):
    with pytest.raises(DecodeError, match=told):
        read_message(bytes.fromhex(octets))


def test_tables_in_tables_end_somewhere():
    table: dict = {}
    for _ in range(MAX_DEPTH + 2):
        table = {"a": table}
    with pytest.raises(DecodeError, match="deep"):
        read_table(write_table(table))


def test_a_message_says_what_it_lacks():
    with pytest.raises(DecodeError, match="STATUS is missing"):
        Message(Kind.STATUS, 1).number(Attribute.STATUS)
    with pytest.raises(DecodeError, match="METHOD is missing"):
        Message(Kind.STATUS, 1).text(Attribute.METHOD)
