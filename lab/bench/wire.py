"""How large the signed messages are, and how fast they are made and read, beside JSON and an independent COSE
library.

The sizes are of one realistic offer of 100 Mbit/s with a data cap and everything derived from it. The rival envelopes
carry the same fields: JSON with the names of the architecture and bytes in hex, signed with the same kind of key; and
the same COSE structure made by python-cwt over cbor2 (whose codec is C; ours is Python, strict, and small enough for
a box).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from enum import Enum

import cbor2
from cwt import COSE, COSEAlgs, COSEHeaders, COSEKey

from lab.bench.result import Against, Figure
from lab.bench.timing import rates
from wire.allocate import Allocate
from wire.band import Band
from wire.cbor import read_cbor, write_cbor
from wire.cose import read_envelope
from wire.grant import Grant, grant_id_of, read_grant, write_grant
from wire.ids import MacAddress, PublicKey
from wire.join_request import JoinPurpose, JoinRequest, write_join_request
from wire.keys import PrivateKey, verify
from wire.offer import EXTERNAL as OFFER_EXTERNAL
from wire.offer import Offer, read_offer, write_offer
from wire.post_offer import PostOffer
from wire.qos import LatencyClass, Qos
from wire.receipt import Receipt, write_receipt
from wire.transaction import Transaction, read_transaction, sign_transaction

SAWTOOTH_BATCH_BYTES = 1_892
"""A plain Sawtooth batch with one `allocate`, as Bandcoin's public reference code sends it."""

LEDGER_ID = bytes(range(32))
NOW_S = 1_790_000_000

provider, consumer, ledger = (PrivateKey.from_secret(secret) for secret in (11, 22, 33))

BAND = Band(5_170_000, 5_250_000, 80_000)
QOS = Qos(
    floor_down_bps=20_000_000,
    ceil_down_bps=100_000_000,
    floor_up_bps=5_000_000,
    ceil_up_bps=20_000_000,
    data_cap_bytes=2_000_000_000,
    latency_class=LatencyClass.INTERACTIVE,
)
OFFER = Offer(41, 250_000, 600, BAND, QOS, MacAddress.parse("02:00:00:00:00:01"), NOW_S + 3600)
ALLOCATE = Allocate(provider.public, 250_000, BAND, 41)
TRANSACTION = Transaction(ALLOCATE, bytes(8), NOW_S + 60)


def run(progress: Callable[[str], None]) -> list[Figure]:
    """All figures: sizes in bytes, then rates per second."""
    progress("sizes")
    figures = sizes()
    progress("signing and verifying, side by side")
    figures += signature_rates()
    progress("encoding and decoding, side by side")
    return figures + codec_rates()


# ---- Sizes


def sizes() -> list[Figure]:
    """The goals of the architecture for offer and grant; the rest to know."""
    signed = sign_transaction(TRANSACTION, consumer, LEDGER_ID)
    grant = the_grant(signed.transaction_id)
    offer_bytes, grant_bytes = write_offer(OFFER, provider), write_grant(grant, ledger, LEDGER_ID)
    request = JoinRequest(
        JoinPurpose.JOIN, grant.grant_id, MacAddress.parse("02:00:00:00:00:aa"), OFFER.bssid, bytes(16)
    )
    posted = Transaction(PostOffer(OFFER.price_ubc, BAND, 10, 600, QOS), bytes(8), NOW_S + 60)
    receipt = Receipt(signed.transaction_id, 1234, NOW_S)
    others: Mapping[str, tuple[int, object, PrivateKey]] = {
        "transaction that buys one unit (allocate)": (len(signed.envelope.encoded), TRANSACTION, consumer),
        "transaction that posts an offer": (
            len(sign_transaction(posted, provider, LEDGER_ID).envelope.encoded),
            posted,
            provider,
        ),
        "receipt": (len(write_receipt(receipt, ledger, LEDGER_ID)), receipt, ledger),
        "join request": (len(write_join_request(request, consumer)), request, consumer),
    }
    return [
        _size("signed offer", len(offer_bytes), len(json_envelope(OFFER, provider)), goal=160),
        _size("signed grant", len(grant_bytes), len(json_envelope(grant, ledger)), goal=220),
        Figure(
            "signed grant, beside Bandcoin's receipt",
            len(grant_bytes),
            "bytes",
            220,
            "lower",
            Against("plain Sawtooth batch, as published", SAWTOOTH_BATCH_BYTES),
        ),
        *(
            _size(f"signed {name}", size, len(json_envelope(fields, key)))
            for name, (size, fields, key) in others.items()
        ),
    ]


def the_grant(transaction_id: bytes) -> Grant:
    """What the ledger answers to TRANSACTION."""
    grant_id = grant_id_of(transaction_id)
    return Grant(consumer.public, provider.public.provider_id, grant_id, 41, NOW_S, 600, BAND, QOS)


def _size(what: str, size: int, rival: int, goal: float | None = None) -> Figure:
    return Figure(what, size, "bytes", goal, "lower", Against("the same as JSON with hex", rival))


# ---- Rates


def signature_rates() -> list[Figure]:
    """Messages per second on one core, with everything that belongs to a message: fields, encoding, signature."""
    offer, grant = write_offer(OFFER, provider), write_grant(the_grant(bytes(32)), ledger, LEDGER_ID)
    transaction = sign_transaction(TRANSACTION, consumer, LEDGER_ID).envelope.encoded
    json_offer = json_envelope(OFFER, provider)
    rival = CwtRival(provider, read_envelope(offer).payload)
    json_name, cwt_name = "JSON with hex, the same signature", "python-cwt with cbor2"
    seen = rates(
        {
            "sign": lambda: write_offer(OFFER, provider),
            "sign json": lambda: json_envelope(OFFER, provider),
            "sign cwt": rival.sign,
            "read": lambda: read_offer(offer, provider.public),
            "read json": lambda: read_json_envelope(json_offer, provider.public),
            "read cwt": rival.read,
            "grant": lambda: read_grant(grant, ledger.public, LEDGER_ID),
            "transaction": lambda: read_transaction(transaction, LEDGER_ID).verify(consumer.public),
            "bare": lambda: provider.sign(offer),
        }
    )
    per_s = "1/s"
    return [
        Figure("offer: made and signed", seen["sign"], per_s, against=Against(cwt_name, seen["sign cwt"])),
        Figure(
            "offer: made and signed, the same",
            seen["sign"],
            per_s,
            against=Against(json_name, seen["sign json"]),
        ),
        Figure("offer: read and verified", seen["read"], per_s, against=Against(cwt_name, seen["read cwt"])),
        Figure(
            "offer: read and verified, the same",
            seen["read"],
            per_s,
            against=Against(json_name, seen["read json"]),
        ),
        Figure("grant: read and verified", seen["grant"], per_s),
        Figure("transaction: read and verified", seen["transaction"], per_s),
        Figure("bare P-256 signature of the same library, no message", seen["bare"], per_s),
    ]


def codec_rates() -> list[Figure]:
    """The CBOR codec alone, on the payload of an offer."""
    payload = read_envelope(write_offer(OFFER, provider)).payload
    value = read_cbor(payload)
    seen = rates(
        {
            "write": lambda: write_cbor(value),
            "write cbor2": lambda: cbor2.dumps(value, canonical=True),
            "read": lambda: read_cbor(payload),
            "read cbor2": lambda: cbor2.loads(payload),
        }
    )
    name = "cbor2 (compiled, less strict)"
    return [
        Figure(
            "CBOR of an offer's payload: written",
            seen["write"],
            "1/s",
            against=Against(name, seen["write cbor2"]),
        ),
        Figure(
            "CBOR of an offer's payload: read", seen["read"], "1/s", against=Against(name, seen["read cbor2"])
        ),
    ]


# ---- Rivals


def json_envelope(message: object, key: PrivateKey) -> bytes:
    """The same fields under their names, bytes in hex, with algorithm, key id and signature: compact, sorted JSON."""
    payload = _as_json(message)
    signed = {"alg": "ES256", "kid": key.public.key_id.hex(), "payload": payload}
    signature = key.sign(_dump(signed))
    return _dump(signed | {"signature": signature.hex()})


def read_json_envelope(data: bytes, key: PublicKey) -> object:
    """The payload of `json_envelope` after its signature held; VerificationError otherwise."""
    signed = json.loads(data)
    verify(key, bytes.fromhex(signed.pop("signature")), _dump(signed))
    return signed["payload"]


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _as_json(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (PublicKey, MacAddress)):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value):
        return {field.name: _as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


class CwtRival:
    """The same COSE_Sign1 by python-cwt: payload bytes from cbor2, signature with the same key and external data."""

    def __init__(self, key: PrivateKey, payload: bytes) -> None:
        self._key = COSEKey.from_pem(key.to_pem(), kid=key.public.key_id)
        self._cose = COSE.new()
        self._protected = {COSEHeaders.ALG: COSEAlgs.ES256, COSEHeaders.KID: key.public.key_id}
        self._fields = cbor2.loads(payload)
        self._signed = self.sign()

    def sign(self) -> bytes:
        """Encode the fields and sign them."""
        payload = cbor2.dumps(self._fields, canonical=True)
        return bytes(self._cose.encode(payload, self._key, self._protected, external_aad=OFFER_EXTERNAL))

    def read(self) -> object:
        """Verify and decode what `sign` made."""
        return cbor2.loads(self._cose.decode(self._signed, self._key, external_aad=OFFER_EXTERNAL))
