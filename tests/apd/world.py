"""The parties around a box, with fixed keys: a ledger, its provider, consumers, strangers; and what they sign."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from apd.settings import BoxSettings
from tc_shaper.settings import ShaperSettings
from tests.wire.proving import Sold, consumer_row, prove, sign
from wire.allocate import Allocate
from wire.band import Band
from wire.create import Create
from wire.grant import Grant, write_grant
from wire.grant_proof import write_grant_proof
from wire.ids import GRANT_ID_SIZE, MacAddress, PublicKey, Station
from wire.join_request import JoinPurpose, JoinRequest, write_join_request
from wire.keys import PrivateKey
from wire.ledger_reply import LedgerReply, write_ledger_reply
from wire.offer_state import OfferState, write_offer_state
from wire.qos import Qos
from wire.receipt import Receipt, write_receipt
from wire.revocation import Revocation, write_revocation
from wire.sale_leaf import SaleTerms
from wire.transaction import Action, SignedTransaction, Transaction, sign_transaction
from wire.units import Now

LEDGER = PrivateKey.from_secret(2)
PROVIDER = PrivateKey.from_secret(3)
CONSUMER = PrivateKey.from_secret(5)
OTHER_CONSUMER = PrivateKey.from_secret(7)
STRANGER = PrivateKey.from_secret(11)
LEDGER_ID = bytes(range(32))
BSSID = MacAddress(b"\x02\0\0\0\x77\0")
STATION = MacAddress(b"\x02\0\0\0\x77\x01")
OTHER_STATION = MacAddress(b"\x02\0\0\0\x77\x02")
DEVICE = ("fe80::1", 40_000, 0, 7)
OTHER_DEVICE = ("fe80::2", 40_000, 0, 7)
BAND = Band(5_170_000, 5_250_000, 80_000)
QOS = Qos(2_000_000, 8_000_000, 1_000_000, 4_000_000)
START = Now(mono_ns=5_000_000_000_000, utc_ms=1_700_000_000_000)
START_S = START.utc_s

SETTINGS = BoxSettings(
    bssid=BSSID,
    provider=PROVIDER.public,
    ledger=LEDGER.public,
    ledger_id=LEDGER_ID,
    shaper=ShaperSettings("wlan0", downlink_capacity_bps=50_000_000, uplink_capacity_bps=20_000_000),
)


def offer_state(**changes: object) -> OfferState:
    """What the ledger says that we sell."""
    word = OfferState(
        provider=PROVIDER.public,
        height=10,
        epoch=3,
        price_ubc=250_000,
        band=BAND,
        allocation_duration_s=600,
        qos=QOS,
        allocations_left=5,
    )
    return replace(word, **changes)  # type: ignore[arg-type]  # a test names real fields


def signed_state(key: PrivateKey = LEDGER, ledger_id: bytes = LEDGER_ID, **changes: Any) -> bytes:
    return write_offer_state(offer_state(**changes), key, ledger_id)


def grant(number: int = 1, **changes: object) -> Grant:
    """The consumer's `number`-th purchase: ten minutes from START."""
    consumer = changes.get("consumer", CONSUMER.public)
    assert isinstance(consumer, PublicKey)
    made = Grant(
        consumer=consumer,
        provider_id=PROVIDER.public.provider_id,
        grant_id=hashlib.sha256(number.to_bytes(16, "big") + consumer.octets).digest()[:GRANT_ID_SIZE],
        epoch=3,
        starts_s=START_S,
        duration_s=600,
        band=BAND,
        qos=QOS,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


def signed_grant(made: Grant, key: PrivateKey = LEDGER, ledger_id: bytes = LEDGER_ID) -> bytes:
    return write_grant(made, key, ledger_id)


def proved_grant(made: Grant, key: PrivateKey = LEDGER, ledger_id: bytes = LEDGER_ID) -> bytes:
    """The same grant, proved to be one of a purchase for eight in a block beside another one."""
    terms = SaleTerms(
        made.provider_id, made.epoch, made.starts_s, made.duration_s, made.band, made.qos, made.allocations
    )
    keys = consumer_row(made.position % 8) + made.consumer.octets + consumer_row(7 - made.position % 8)
    block = [Sold(b"o" * 14, consumer_row(1), terms), Sold(made.transaction, keys, terms)]
    return write_grant_proof(sign(prove(block, 1, made.position % 8), key, ledger_id))


def request(
    challenge: bytes,
    made: Grant,
    *,
    purpose: JoinPurpose = JoinPurpose.JOIN,
    station: Station = STATION,
    bssid: MacAddress = BSSID,
    key: PrivateKey = CONSUMER,
) -> bytes:
    return write_join_request(JoinRequest(purpose, made.grant_id, station, bssid, challenge), key)


def transaction(action: Action, key: PrivateKey = CONSUMER, nonce: int = 1) -> SignedTransaction:
    return sign_transaction(Transaction(action, nonce.to_bytes(8, "big"), START_S + 300), key, LEDGER_ID)


def purchase(nonce: int = 1, **changes: object) -> SignedTransaction:
    """A spot purchase of one unit of what is on offer."""
    action = Allocate(PROVIDER.public, 250_000, BAND, epoch=3)
    return transaction(replace(action, **changes), nonce=nonce)  # type: ignore[arg-type]  # real fields


def create(nonce: int = 1) -> SignedTransaction:
    return transaction(Create(CONSUMER.public), nonce=nonce)


def receipt(
    subject: bytes, reason: str = "", key: PrivateKey = LEDGER, ledger_id: bytes = LEDGER_ID
) -> bytes:
    return write_receipt(Receipt(subject, 11, START_S, reason, "why" if reason else ""), key, ledger_id)


def reply(subject: bytes, *grants: bytes, reason: str = "", key: PrivateKey = LEDGER) -> bytes:
    return write_ledger_reply(LedgerReply(receipt(subject, reason, key), grants))


def revocation(grant_id: bytes, key: PrivateKey = PROVIDER) -> bytes:
    return write_revocation(Revocation(grant_id, "does not pay"), key)
