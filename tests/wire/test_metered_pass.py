"""A pass is a grant's twin that an operator signs: neither is ever taken for the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wire.examples import GRANT_VALUE, LEDGER, LEDGER_ID, OPERATOR, PROVIDER
from wire.cose import read_envelope
from wire.errors import DecodeError, VerificationError
from wire.grant import MAX_GRANT_BYTES, parse_grant, read_grant, write_grant
from wire.metered_pass import NO_BAND, read_metered_pass, write_metered_pass

PASS = replace(GRANT_VALUE, provider_id=OPERATOR.public.provider_id, band=NO_BAND, epoch=1)


def test_it_comes_back_and_looks_like_a_grant_to_who_does_not_verify() -> None:
    encoded = write_metered_pass(PASS, OPERATOR, LEDGER_ID)
    assert len(encoded) <= MAX_GRANT_BYTES
    assert read_metered_pass(encoded, OPERATOR.public, LEDGER_ID) == PASS
    assert parse_grant(read_envelope(encoded)) == PASS


def test_nobody_else_signs_it_and_it_is_no_grant() -> None:
    encoded = write_metered_pass(PASS, OPERATOR, LEDGER_ID)
    for key, ledger_id in ((PROVIDER.public, LEDGER_ID), (OPERATOR.public, bytes(32))):
        with pytest.raises(VerificationError):
            read_metered_pass(encoded, key, ledger_id)
    with pytest.raises(VerificationError):
        read_grant(encoded, OPERATOR.public, LEDGER_ID)
    grant = write_grant(replace(PASS, provider_id=LEDGER.public.provider_id), LEDGER, LEDGER_ID)
    with pytest.raises(VerificationError):
        read_metered_pass(grant, LEDGER.public, LEDGER_ID)


def test_an_operator_vouches_for_its_own_channels_on_no_band() -> None:
    with pytest.raises(AssertionError):
        write_metered_pass(GRANT_VALUE, OPERATOR, LEDGER_ID)
    on_air = write_metered_pass(replace(PASS, band=GRANT_VALUE.band), OPERATOR, LEDGER_ID)
    with pytest.raises(DecodeError, match="band"):
        read_metered_pass(on_air, OPERATOR.public, LEDGER_ID)
    foreign = write_metered_pass(replace(PASS, provider_id=PROVIDER.public.provider_id), PROVIDER, LEDGER_ID)
    with pytest.raises(DecodeError):
        read_metered_pass(foreign, OPERATOR.public, LEDGER_ID)
