"""Every message against the size that it promises, and the sizes that the project set out to reach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.wire.examples import (
    ATTESTATION,
    BSSID,
    CONSUMER,
    GRANT_VALUE,
    LEDGER,
    LEDGER_ID,
    MESSAGES,
    PROVIDER,
    QOS,
    UTC_S,
)
from wire.allocate import MAX_CONSUMERS, Allocate
from wire.attestation_result import AttestationResult
from wire.band import Band
from wire.enrolment import EnrolmentRequest
from wire.evidence import MAX_ATTEST_BYTES, Evidence
from wire.grant import MAX_GRANT_BYTES, Grant, write_grant
from wire.grant_price import GrantPrice
from wire.ledger_reply import MAX_GRANTS, LedgerReply
from wire.meter_record import MAX_METER_RECORD_BYTES, MAX_ROWS, BootRecord, UsageReport, UsageRow
from wire.network import Network
from wire.offer import Offer, write_offer
from wire.offer_state import OfferState
from wire.post_offer import AuctionShare, PostOffer, Reservation
from wire.qos import MAX_RATE_BPS, LatencyClass, Qos, RateLayer
from wire.receipt import MAX_RECEIPT_BYTES, Receipt
from wire.registration import MAX_REGISTRATION_BYTES, Registration
from wire.revocation import Revocation
from wire.transaction import Transaction
from wire.units import U32_MAX, U63_MAX
from wire.usage_terms import UsageTerms

BIG_BAND = Band(299_000_000, 300_000_000, 1_000_000)
MAX = MAX_RATE_BPS
BIG_USE = UsageTerms(U63_MAX - 1, U63_MAX, U63_MAX, U63_MAX)
BIG_QOS = Qos(MAX, MAX, MAX, MAX, U63_MAX, LatencyClass.INTERACTIVE, RateLayer.ETHERNET, BIG_USE)
BELOW_4G = Qos(U32_MAX, U32_MAX, U32_MAX, U32_MAX, U32_MAX, LatencyClass.INTERACTIVE, RateLayer.ETHERNET)
KEY = CONSUMER.public


def test_a_realistic_offer_fits_160_bytes() -> None:
    assert len(MESSAGES["offer"].golden) <= 160


def test_a_realistic_grant_fits_220_bytes() -> None:
    assert len(MESSAGES["grant"].golden) <= 220


def test_every_offer_below_four_gigabits_fits_160_bytes() -> None:
    """For prices below 4,294 bandcoins, 65,535 offers of a provider, 18 hours, and until the year 2106."""
    offer = Offer(
        0xFFFF, U32_MAX, 0xFFFF, BIG_BAND, replace(BELOW_4G, rate_layer=RateLayer.IP), BSSID, U32_MAX
    )
    assert len(write_offer(offer, PROVIDER)) <= 160


def test_every_grant_below_four_gigabits_fits_220_bytes() -> None:
    grant = replace(
        GRANT_VALUE, epoch=0xFFFF, starts_s=U32_MAX, duration_s=0xFFFF, band=BIG_BAND,
        qos=replace(BELOW_4G, rate_layer=RateLayer.IP),
    )  # fmt: skip
    assert len(write_grant(grant, LEDGER, LEDGER_ID)) <= 220


def test_terms_below_four_gigabytes_and_bandcoins_fit_20_bytes_more() -> None:
    """Where use is paid for there need not be a data cap, which is one byte then."""
    usage = UsageTerms(U32_MAX, U32_MAX, U32_MAX, U32_MAX)
    qos = replace(BELOW_4G, data_cap_bytes=0, usage=usage)
    offer = Offer(0xFFFF, U32_MAX, 0xFFFF, BIG_BAND, qos, BSSID, U32_MAX)
    assert len(write_offer(offer, PROVIDER)) <= 180
    grant = replace(
        GRANT_VALUE, epoch=0xFFFF, starts_s=U32_MAX, duration_s=0xFFFF, band=BIG_BAND, qos=qos, allocations=1
    )
    assert len(write_grant(grant, LEDGER, LEDGER_ID)) <= 240


def test_plain_offer_and_grant_are_smaller_still() -> None:
    plain = Qos(5_000_000, 20_000_000, 1_000_000, 5_000_000)
    assert len(write_offer(replace(MESSAGES["offer"].example, qos=plain), PROVIDER)) <= 152
    assert len(write_grant(replace(GRANT_VALUE, qos=plain), LEDGER, LEDGER_ID)) <= 210


BIG_TEXT = "\N{SNOWMAN}" * 500
BIGGEST: dict[str, Any] = {
    "offer": Offer(U63_MAX, U63_MAX, U32_MAX, BIG_BAND, BIG_QOS, BSSID, U63_MAX),
    "grant": Grant(
        KEY, bytes(16), bytes(16), U63_MAX, U63_MAX - U32_MAX, U32_MAX, BIG_BAND,
        Qos(1, MAX_RATE_BPS // U32_MAX, 1, MAX_RATE_BPS // U32_MAX, 1, LatencyClass.INTERACTIVE), U32_MAX,
    ),
    "grant of one unit": Grant(
        KEY, bytes(16), bytes(16), U63_MAX, U63_MAX - U32_MAX, U32_MAX, BIG_BAND, BIG_QOS,
    ),
    "receipt": Receipt(bytes(32), U63_MAX, U63_MAX, BIG_TEXT, BIG_TEXT),
    "revocation": Revocation(bytes(16), BIG_TEXT),
    "offer_state": OfferState(KEY, U63_MAX, U63_MAX, U63_MAX, BIG_BAND, U32_MAX, BIG_QOS, U32_MAX),
    "attestation_result": AttestationResult(ATTESTATION.public, bytes(34), KEY, bytes(32), U63_MAX),
    "grant_price": GrantPrice(bytes(16), KEY, U63_MAX),
    "registration": Registration(KEY, U63_MAX, U63_MAX),
    "network": Network(BSSID, bytes(32), KEY, U63_MAX, bytes(MAX_REGISTRATION_BYTES)),
    "boot_record": BootRecord(U63_MAX, bytes(32), U63_MAX, bytes(320), bytes(32), "\N{SNOWMAN}" * 100),
    "usage_report": UsageReport(
        U63_MAX, bytes(32), U63_MAX, U63_MAX, (UsageRow(bytes(16), *[U63_MAX] * 6),) * MAX_ROWS
    ),
    "evidence": Evidence(
        bytes(8), bytes(MAX_METER_RECORD_BYTES), bytes(MAX_ATTEST_BYTES), bytes(64), bytes(MAX_ATTEST_BYTES), bytes(64)
    ),
    "ledger_reply": LedgerReply(bytes(MAX_RECEIPT_BYTES), (bytes(MAX_GRANT_BYTES),) * MAX_GRANTS),
    "enrolment_request": EnrolmentRequest(PROVIDER.public, None, bytes(512), bytes(4_096)),
    "allocate": Transaction(
        Allocate(KEY, U63_MAX, BIG_BAND, U63_MAX, U32_MAX, U63_MAX, U63_MAX, KEY.octets * MAX_CONSUMERS),
        bytes(8), U63_MAX,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BIGGEST)
def test_the_largest_legal_value_fits_and_is_read(name: str) -> None:
    message = MESSAGES[name.split(" ", maxsplit=1)[0]]
    encoded = message.write(BIGGEST[name])
    assert len(encoded) <= message.max_bytes
    message.read(encoded)


def test_long_texts_are_cut_where_a_character_ends() -> None:
    receipt = MESSAGES["receipt"].read(MESSAGES["receipt"].write(BIGGEST["receipt"]))
    assert (receipt.reason, receipt.detail) == ("\N{SNOWMAN}" * 20, "\N{SNOWMAN}" * 50)
    revocation = MESSAGES["revocation"].read(MESSAGES["revocation"].write(BIGGEST["revocation"]))
    assert revocation.reason == "\N{SNOWMAN}" * 66


def test_a_large_post_offer_fits_a_transaction() -> None:
    """10,000 periods and 20,000 winners of an auction."""
    reservations = {period: Reservation(U63_MAX, U63_MAX) for period in range(2**40, 2**40 + 10_000)}
    winners = {
        type(KEY)(b"\x02" + number.to_bytes(32, "big")): AuctionShare(U32_MAX, U63_MAX)
        for number in range(20_000)
    }
    action = PostOffer(1, BIG_BAND, 1, 1, QOS, reservations=reservations, consumers=winners)
    message = MESSAGES["post_offer"]
    transaction = Transaction(action, bytes(8), UTC_S)
    encoded = message.write(transaction)
    assert len(encoded) <= message.max_bytes
    assert message.read(encoded) == transaction
