"""Every message against its golden vector, with cbor2 and `cryptography` as judges of the bytes."""

from __future__ import annotations

import json
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.wire.examples import MESSAGES, SIGNED
from tests.wire.make_vectors import diagnostic, vectors

FILE = json.loads((Path(__file__).parent / "vectors" / "messages.json").read_text())
EVERY = pytest.mark.parametrize("name", MESSAGES)


def golden(name: str) -> bytes:
    return bytes.fromhex(FILE["messages"][name]["hex"])


def test_the_file_is_what_the_script_writes() -> None:
    """After a change on purpose: python -m tests.wire.make_vectors."""
    assert vectors() == FILE


@EVERY
def test_read(name: str) -> None:
    assert MESSAGES[name].read(golden(name)) == MESSAGES[name].example


@EVERY
def test_written_but_for_the_signature(name: str) -> None:
    message = MESSAGES[name]
    written, wanted = message.write(message.example), golden(name)
    assert len(written) == len(wanted)
    end = -64 if name in SIGNED else None
    assert written[:end] == wanted[:end]


@EVERY
def test_cbor2_reads_the_same(name: str) -> None:
    assert diagnostic(MESSAGES[name]) == FILE["messages"][name]["diagnostic"]


@pytest.mark.parametrize("name", SIGNED)
def test_the_signature_holds_for_cryptography_alone(name: str) -> None:
    """Envelope taken apart by cbor2, Sig_structure built by cbor2, point and signature checked by `cryptography`."""
    message = MESSAGES[name]
    assert message.signer is not None
    protected, unprotected, payload, signature = cbor2.loads(golden(name)[message.offset :]).value
    assert unprotected == {}
    assert cbor2.loads(protected) == {1: -9, 4: message.signer.public.key_id}
    signed = cbor2.dumps(["Signature1", protected, message.external, payload])
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), message.signer.public.octets)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    point.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))


def test_no_two_purposes_share_their_external_data() -> None:
    """One signature, one meaning: transactions share theirs, and tell themselves apart by field 0."""
    kinds: dict[bytes, set[str]] = {}
    for name in SIGNED:
        kinds.setdefault(MESSAGES[name].external, set()).add(name)
    shared = [names for names in kinds.values() if len(names) > 1]
    assert shared == [
        {"offer", "offer_of_use"},
        {"grant", "grant_of_use"},
        {"auction", "session_auction"},
        {"auction_receipt", "outbid_receipt"},
        {"create", "deposit", "withdraw", "transfer", "post_offer", "allocate", "bid", "settling_offer"}
        | {"found_club", "spend_tokens", "session_bid", "session_offer"},
    ]
    assert all(external.startswith(b"airgrant/") for external in kinds)
