"""Every message: written and read back; cut, garbled, spliced: a value or a DecodeError; and no message looks alike."""

from __future__ import annotations

import gc
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire import fuzz
from tests.wire.examples import (
    ENVELOPES,
    LEDGER_ID,
    MESSAGES,
    SIGNED,
    Message,
    sign_raw,
)
from wire.cbor import read_cbor_with_booleans, write_cbor, write_head
from wire.cose import read_envelope
from wire.errors import DecodeError, VerificationError
from wire.keys import PrivateKey
from wire.transaction import read_transaction

EVERY = pytest.mark.parametrize("name", MESSAGES)
EVERY_SIGNED = pytest.mark.parametrize("name", SIGNED)
EVERY_ENVELOPE = pytest.mark.parametrize("name", ENVELOPES)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def refuses(message: Message, data: bytes, why: str = "") -> None:
    with pytest.raises(DecodeError, match=why or None):
        message.read(data)


def payload_of(message: Message) -> bytes:
    return read_envelope(message.golden[message.offset :], 1 << 21).payload


@EVERY
@given(data=st.data())
@FEW
def test_reading_gives_back_what_was_written(name: str, data: st.DataObject) -> None:
    message = MESSAGES[name]
    value = data.draw(message.values)
    encoded = message.write(value)
    assert len(encoded) <= message.max_bytes
    assert message.read(encoded) == value


@EVERY
def test_every_truncation_is_refused(name: str) -> None:
    message = MESSAGES[name]
    for size in range(len(message.golden)):
        refuses(message, message.golden[:size])


@EVERY
def test_a_byte_too_many_is_refused(name: str) -> None:
    message = MESSAGES[name]
    refuses(message, message.golden + b"\0", "after the value|at most")


@EVERY_SIGNED
def test_every_single_bit_counts(name: str) -> None:
    """Envelope, payload or signature: no bit can be changed by anybody but the signer."""
    message = MESSAGES[name]
    for position in range(len(message.golden)):
        for bit in (0, 3, 7):
            garbled = bytearray(message.golden)
            garbled[position] ^= 1 << bit
            refuses(message, bytes(garbled))


def test_the_fuzz_target_keeps_its_promise() -> None:
    """A short run with a fixed seed; `python -m tests.wire.fuzz 3600` is the long one."""
    inputs, values = fuzz.run(20_261_121, lambda done: done < 4_000)
    assert inputs == 4_000
    assert 50 < values < 1_000


def test_the_fuzz_target_would_find_a_leak() -> None:
    message = MESSAGES["anchor_record"]

    def careless(data: bytes) -> Any:
        return message.read(data) if len(data) != 52 else int(data[0:1].decode("ascii"))

    with pytest.raises(UnicodeDecodeError):
        fuzz.check(replace(message, read=careless), message.golden)


def test_the_fuzz_target_would_find_a_second_form() -> None:
    message = MESSAGES["anchor_record"]
    other = message.write(replace(message.example, sequence=9))
    with pytest.raises(AssertionError, match="two forms"):
        fuzz.check(replace(message, read=lambda _: message.example), other)


@EVERY
@given(data=st.data())
@FEW
def test_splices_of_two_messages(name: str, data: st.DataObject) -> None:
    head, tail = MESSAGES[name].golden, data.draw(st.sampled_from(list(MESSAGES.values()))).golden
    cut, join = data.draw(st.integers(0, len(head))), data.draw(st.integers(0, len(tail)))
    fuzz.check(MESSAGES[name], head[:cut] + tail[join:])


# ---- Criticality


@EVERY_SIGNED
def test_an_unknown_label_is_critical(name: str) -> None:
    message = MESSAGES[name]
    fields = decoded(message)
    for label in {0, 23, 24, 255, 2**64 - 1, "x", b"x", ""} - set(fields):
        refuses(message, resigned(message, fields | {label: 1}), "unknown and critical")


KNOWN_EXTENSIONS = {("network", -1)}
"""A network's tariff (wire/tariff.py)."""


@EVERY_SIGNED
@pytest.mark.parametrize("label", [-1, -2, -24, -25, -(2**64)])
def test_an_unknown_negative_label_is_an_extension(name: str, label: int) -> None:
    message = MESSAGES[name]
    if (name, label) in KNOWN_EXTENSIONS:
        refuses(message, resigned(message, decoded(message) | {label: ["whatever"]}), "tariff")
        return
    assert message.read(resigned(message, decoded(message) | {label: ["whatever"]})) == message.example


@EVERY_SIGNED
def test_every_mandatory_field_is_missed_by_name(name: str) -> None:
    message = MESSAGES[name]
    for label in decoded(message):
        rest = {key: value for key, value in decoded(message).items() if key != label}
        try:
            value = message.read(resigned(message, rest))
        except DecodeError:
            continue
        assert value != message.example, f"field {label} means nothing"


@EVERY_SIGNED
@pytest.mark.parametrize("wrong", [True, None, "text", -1, 2**64 - 1, [], {}, [[]]])
def test_a_field_of_another_kind_is_refused(name: str, wrong: Any) -> None:
    message = MESSAGES[name]
    for label in decoded(message):
        changed = resigned(message, decoded(message) | {label: wrong})
        try:
            value = message.read(changed)
        except DecodeError:
            continue
        assert isinstance(wrong, str), f"field {label} of {name} took {wrong!r}"
        assert wrong in repr(value)


@EVERY
def test_true_is_one_nowhere(name: str) -> None:
    """To Python it is, and a pattern that wants an integer takes it."""
    message = MESSAGES[name]
    payload = read_cbor_with_booleans(message.golden if message.signer is None else payload_of(message))
    for bent in fuzz.with_true(payload):
        data = write_cbor(bent) if message.signer is None else resigned(message, bent)
        with pytest.raises(DecodeError):
            message.read(data)
    if message.offset:
        with pytest.raises(DecodeError):
            message.read(write_cbor([True, message.golden[message.offset :]]))


def decoded(message: Message) -> dict[Any, Any]:
    fields = read_cbor_with_booleans(payload_of(message))
    assert isinstance(fields, dict)
    return dict(fields)


def resigned(message: Message, fields: dict[Any, Any]) -> bytes:
    assert message.signer is not None
    envelope = sign_raw(write_cbor(fields), message.signer, message.external)
    return envelope if message.offset == 0 else write_cbor([1, envelope])


# ---- One signature, one meaning


@EVERY_SIGNED
def test_no_message_can_be_read_as_another(name: str) -> None:
    for other in SIGNED:
        if MESSAGES[other].external == MESSAGES[name].external:
            continue
        with pytest.raises(DecodeError):
            MESSAGES[other].read(MESSAGES[name].golden)


@EVERY_SIGNED
def test_not_even_with_the_same_key_and_the_same_payload(name: str) -> None:
    """What tells the meanings apart is the external data alone."""
    message = MESSAGES[name]
    for other in SIGNED:
        external = MESSAGES[other].external
        if external == message.external:
            continue
        assert message.signer is not None
        envelope = sign_raw(payload_of(message), message.signer, external)
        forged = envelope if message.offset == 0 else write_cbor([1, envelope])
        with pytest.raises(VerificationError, match="does not belong"):
            message.read(forged)


@pytest.mark.parametrize("name", [name for name in SIGNED if LEDGER_ID in MESSAGES[name].external])
def test_another_ledgers_signature_is_refused(name: str) -> None:
    message = MESSAGES[name]
    assert message.signer is not None
    foreign = message.external.replace(LEDGER_ID, bytes(32))
    envelope = sign_raw(payload_of(message), message.signer, foreign)
    forged = envelope if message.offset == 0 else write_cbor([1, envelope])
    with pytest.raises(VerificationError):
        message.read(forged)


@EVERY_SIGNED
def test_another_signer_is_refused(name: str) -> None:
    message = MESSAGES[name]
    mallory = PrivateKey.from_secret(666)
    envelope = sign_raw(payload_of(message), mallory, message.external)
    with pytest.raises(VerificationError, match="signed by key id"):
        message.read(envelope if message.offset == 0 else write_cbor([1, envelope]))


@EVERY_SIGNED
def test_another_signer_under_the_right_key_id_is_refused(name: str) -> None:
    message = MESSAGES[name]
    assert message.signer is not None
    envelope = message.golden[message.offset :]
    parts = read_envelope(envelope, 1 << 21)
    forged = PrivateKey.from_secret(666).sign(parts.signed_bytes(message.external))
    with pytest.raises(VerificationError, match="does not belong"):
        message.read(message.golden[:-64] + forged)


@EVERY_ENVELOPE
def test_a_malleable_signature_verifies_and_names_the_same_thing(name: str) -> None:
    """(r, n - s) is as valid as (r, s): nothing may be called after the bytes of a signature."""
    message = MESSAGES[name]
    twin = malleated(message.golden)
    assert twin != message.golden
    assert message.read(twin) == message.example
    one, two = read_envelope(message.golden, 1 << 21), read_envelope(twin, 1 << 21)
    assert one.digest(message.external) == two.digest(message.external)


@pytest.mark.parametrize("name", ["create", "deposit", "withdraw", "transfer", "post_offer", "allocate"])
def test_a_malleable_signature_gives_no_second_transaction_id(name: str) -> None:
    golden = MESSAGES[name].golden
    assert (
        read_transaction(golden, LEDGER_ID).transaction_id
        == read_transaction(malleated(golden), LEDGER_ID).transaction_id
    )


def test_what_is_signed_gives_the_transaction_id() -> None:
    message = MESSAGES["transfer"]
    again = message.write(message.example)  # another signature by chance, or by another r
    other_nonce = message.write(replace(message.example, nonce=bytes(8)))
    ids = [read_transaction(data, LEDGER_ID).transaction_id for data in (message.golden, again, other_nonce)]
    assert ids[0] == ids[1] != ids[2]
    assert read_transaction(message.golden, bytes(32)).transaction_id != ids[0]


def malleated(data: bytes) -> bytes:
    return data[:-32] + (ORDER - int.from_bytes(data[-32:], "big")).to_bytes(32, "big")


# ---- Size and time


@EVERY
def test_an_oversized_message_is_refused_unread(name: str) -> None:
    message = MESSAGES[name]
    refuses(
        message,
        b"\xff" * (message.max_bytes + 1),
        f"{message.max_bytes + 1} bytes, at most {message.max_bytes}",
    )


@EVERY
def test_a_deeply_nested_message_is_refused(name: str) -> None:
    message = MESSAGES[name]
    for opening in (b"\x81", b"\xd2", b"\xa1\x00", b"\xd8\x12"):
        refuses(message, (opening * message.max_bytes)[: message.max_bytes])


@pytest.mark.parametrize(
    "item", [b"\x00", b"\x80", b"\xa0", b"\x40", b"\x81\x00", b"\xf6"], ids=lambda item: item.hex()
)
def test_time_grows_as_the_input(item: bytes) -> None:
    """Four times the bytes in a good deal less than sixteen times the time: nothing is quadratic. The time is what this
    process got of a core, as others may be at work, and without the garbage collector, which walks all that the other
    tests left.
    """

    def took_ns(count: int) -> int:
        data = write_head(4, count) + item * count
        times = []
        for _ in range(3):
            began = time.process_time_ns()
            read_cbor_with_booleans(data)
            times.append(time.process_time_ns() - began)
        return min(times)

    gc.disable()
    try:
        assert took_ns(160_000) < 12 * took_ns(40_000)
    finally:
        gc.enable()
