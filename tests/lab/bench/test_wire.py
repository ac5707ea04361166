"""The rivals are real: they carry the same fields, and their signatures hold or fail as ours do."""

from __future__ import annotations

import json

import pytest

from lab.bench.wire import OFFER, CwtRival, json_envelope, provider, read_json_envelope, sizes
from wire.cose import read_envelope
from wire.errors import VerificationError
from wire.offer import read_offer, write_offer


def test_offer_and_grant_reach_their_goals() -> None:
    goals = {figure.what: (figure.goal, figure.ok) for figure in sizes() if figure.goal}
    assert goals["signed offer"] == (160, True)
    assert goals["signed grant"] == (220, True)


def test_json_carries_every_field_and_is_verified() -> None:
    data = json_envelope(OFFER, provider)
    payload = read_json_envelope(data, provider.public)
    assert isinstance(payload, dict)
    assert payload["price_ubc"] == OFFER.price_ubc
    assert payload["qos"]["floor_down_bps"] == OFFER.qos.floor_down_bps
    forged = json.loads(data)
    forged["payload"]["price_ubc"] = 1
    with pytest.raises(VerificationError):
        read_json_envelope(json.dumps(forged).encode(), provider.public)


def test_cwt_makes_and_reads_the_same_payload() -> None:
    ours = write_offer(OFFER, provider)
    rival = CwtRival(provider, read_envelope(ours).payload)
    theirs = rival.sign()
    assert read_envelope(theirs).payload == read_envelope(ours).payload
    assert read_offer(theirs, provider.public) == OFFER
    assert isinstance(rival.read(), dict)
