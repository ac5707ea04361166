"""FreeRADIUS's question: what is read of it, and that nothing but a DecodeError comes of anything else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operatord.request import AuthoriseRequest, read_authorise_request
from tests.operatord.world import ALICE, BSSIDS, PHONE
from wire.errors import DecodeError

PAGE = {
    "issuer": f"/UID={ALICE.public}/CN=airgrant account",
    "subject": "/CN=whatever a device likes/UID=0",
    "station": "02-00-00-00-01-00",
    "called_station": "02-00-00-00-00-00:a network: with colons",
    "nas_identifier": "roof",
    "address": "192.0.2.7",
}


def test_a_question_is_read() -> None:
    assert read_authorise_request(PAGE) == AuthoriseRequest(
        ALICE.public, PHONE, BSSIDS["roof"], "roof", "192.0.2.7"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "/CN=airgrant account"},
        {"issuer": f"/UID={ALICE.public}/CN=airgrant account/CN=airgrant account"},
        {"issuer": None},
        {"station": "02-00-00-00-01"},
        {"station": ""},
        {"station": "01-00-5E-00-00-01"},
        {"called_station": "ff-ff-ff-ff-ff-ff:airgrant"},
        {"called_station": "airgrant"},
        {"nas_identifier": 7},
        {"nas_identifier": ""},
        {"address": ""},
        {"address": "roof"},
    ],
)
def test_what_is_no_question_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(DecodeError):
        read_authorise_request({**PAGE, **changes})


values = st.none() | st.integers() | st.text(max_size=100) | st.lists(st.text(max_size=3), max_size=2)


@given(st.dictionaries(st.sampled_from(sorted(PAGE)), values), values)
def test_nothing_but_a_decode_error_comes_of_garbage(changes: dict[str, object], other: object) -> None:
    for page in ({**PAGE, **changes}, other):
        with contextlib.suppress(DecodeError):
            read_authorise_request(page)
