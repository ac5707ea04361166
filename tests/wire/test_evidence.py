"""Evidence: a record with what proves it, and nothing half."""

from dataclasses import astuple, replace

import pytest

from tests.wire.examples import ATTESTATION, MESSAGES
from wire.cbor import write_cbor
from wire.errors import DecodeError
from wire.evidence import SOFTWARE_DOMAIN, read_evidence, write_evidence
from wire.keys import verify

EVIDENCE = MESSAGES["evidence"]
SOFTWARE = EVIDENCE.example
QUOTED = replace(SOFTWARE, attest=b"quote")
CERTIFIED = replace(QUOTED, certify=b"certificate", certify_signature=bytes(64))


def test_a_software_key_signs_the_record_for_this_purpose_only() -> None:
    assert not SOFTWARE.attested
    verify(ATTESTATION.public, SOFTWARE.signature, SOFTWARE_DOMAIN + SOFTWARE.record)


@pytest.mark.parametrize("evidence", [SOFTWARE, QUOTED, CERTIFIED], ids=["software", "quoted", "certified"])
def test_read_back(evidence: object) -> None:
    assert read_evidence(write_evidence(evidence)) == evidence  # type: ignore[arg-type]


def test_a_quote_attests() -> None:
    assert QUOTED.attested


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"key_id": bytes(7)}, "key id or signature has the wrong size"),
        ({"signature": bytes(63)}, "key id or signature has the wrong size"),
        ({"attest": bytes(401)}, "more than 400 bytes"),
        ({"certify": bytes(401)}, "more than 400 bytes"),
        ({"certify_signature": b""}, "certify and its signature go together"),
        ({"certify": b""}, "certify and its signature go together"),
        ({"attest": b""}, "a software key certifies no counter"),
    ],
)
def test_refused(change: dict[str, bytes], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_evidence(write_evidence(replace(CERTIFIED, **change)))


@pytest.mark.parametrize("items", [[], list(astuple(SOFTWARE))[:5], [*astuple(SOFTWARE), b""], [0] * 6, {}])
def test_not_six_byte_strings(items: object) -> None:
    with pytest.raises(DecodeError, match="not an array of six byte strings"):
        read_evidence(write_cbor(items))  # type: ignore[arg-type]  # a list is a value
