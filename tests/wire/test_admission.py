"""The admission: the operator's word to a box."""

from dataclasses import replace

import pytest

from tests.wire.examples import LEDGER, LEDGER_ID, MESSAGES, OPERATOR, PROVIDER, resign_payload
from wire.admission import read_admission
from wire.errors import DecodeError, VerificationError
from wire.grant import read_grant
from wire.ids import MacAddress
from wire.units import U63_MAX

ADMISSION = MESSAGES["admission"]
GROUP = MacAddress.parse("03:00:00:00:00:01")


def test_only_the_operator_signs_it() -> None:
    assert read_admission(ADMISSION.golden, OPERATOR.public) == ADMISSION.example
    with pytest.raises(VerificationError):
        read_admission(ADMISSION.golden, PROVIDER.public)


def test_the_grant_inside_is_the_ledgers() -> None:
    grant = read_admission(ADMISSION.golden, OPERATOR.public).grant
    assert read_grant(grant, LEDGER.public, LEDGER_ID) == MESSAGES["grant"].example


def test_no_group_of_stations_and_no_grant_too_large_can_be_admitted() -> None:
    with pytest.raises(DecodeError, match="03:00:00:00:00:01 is a group address"):
        replace(ADMISSION.example, station=GROUP)
    with pytest.raises(DecodeError, match="1 to 292 bytes, not 293"):
        replace(ADMISSION.example, grant=bytes(293))


def test_the_largest_fits() -> None:
    largest = replace(ADMISSION.example, grant=bytes(292), used_bytes=U63_MAX, expires_s=U63_MAX)
    encoded = ADMISSION.write(largest)
    assert len(encoded) <= ADMISSION.max_bytes
    assert ADMISSION.read(encoded) == largest


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        (1, b"", "1 to 292 bytes, not 0"),
        (1, bytes(293), "grant has 293 bytes, at most 292"),
        (2, GROUP.octets, "is a group address"),
        (2, bytes(7), "station has 7 bytes, not 6"),
        (3, bytes(5), "bssid has 5 bytes, not 6"),
        (4, -1, "used_bytes is -1"),
        (5, True, "expires_s is not an integer"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        ADMISSION.read(resign_payload(ADMISSION, {label: value}))
