"""The attributes of an Access-Accept: what fits into 32 bits, and what tells nobody who somebody is."""

from __future__ import annotations

from operatord.reply import INTERIM_INTERVAL_S, chargeable_identity, reply_attributes
from tests.operatord.world import ALICE, BOB, NOW_S, PARTNER, PROVIDER, SECRET, grant
from wire.qos import Qos
from wire.units import U32_MAX

OWN = PROVIDER.public.provider_id


def test_an_accept_says_what_was_bought() -> None:
    permit = grant()
    assert reply_attributes(permit, NOW_S, SECRET, PARTNER.public.provider_id) == {
        "User-Name": str(ALICE.public),
        "Class": (
            "0x" + permit.permit_id.hex(),
            "0x" + f"sold-by:{PROVIDER.public.provider_id.hex()}".encode().hex(),
            "0x" + f"served-by:{PARTNER.public.provider_id.hex()}".encode().hex(),
        ),
        "Chargeable-User-Identity": chargeable_identity(permit, SECRET),
        "Session-Timeout": 3_540,
        "Termination-Action": 0,
        "Acct-Interim-Interval": INTERIM_INTERVAL_S,
        "WISPr-Bandwidth-Max-Up": 5_000_000,
        "WISPr-Bandwidth-Max-Down": 10_000_000,
    }


def test_a_rate_beyond_32_bits_is_said_as_the_most_there_is() -> None:
    for bps, said in (
        (U32_MAX - 1, U32_MAX - 1),
        (U32_MAX, U32_MAX),
        (U32_MAX + 1, U32_MAX),
        (10**11, U32_MAX),
    ):
        attributes = reply_attributes(grant(qos=Qos(0, bps, 0, bps)), NOW_S, SECRET, OWN)
        assert (attributes["WISPr-Bandwidth-Max-Up"], attributes["WISPr-Bandwidth-Max-Down"]) == (said, said)


def test_several_units_are_said_together() -> None:
    assert (
        reply_attributes(grant(allocations=3), NOW_S, SECRET, OWN)["WISPr-Bandwidth-Max-Down"] == 30_000_000
    )


def test_a_session_lasts_at_least_a_second_and_at_most_what_32_bits_say() -> None:
    assert reply_attributes(grant(), NOW_S + 10**6, SECRET, OWN)["Session-Timeout"] == 1
    assert (
        reply_attributes(grant(duration_s=U32_MAX), NOW_S - 10**6, SECRET, OWN)["Session-Timeout"] == U32_MAX
    )


def test_the_pseudonym_is_stable_for_account_and_provider_and_nothing_else() -> None:
    mine = chargeable_identity(grant(number=1), SECRET)
    assert chargeable_identity(grant(number=2), SECRET) == mine
    others = {
        chargeable_identity(grant(BOB), SECRET),
        chargeable_identity(grant(provider=PARTNER), SECRET),
        chargeable_identity(grant(), b"another operator's secret"),
    }
    assert len(others | {mine}) == 4
    assert str(ALICE.public) not in mine
