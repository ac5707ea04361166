"""Saleor's webhooks, signed as Saleor signs them (PyJWT, detached), and as nobody may sign them.

The bodies are ours, in the shapes that docs.saleor.io documents. Nothing here was recorded from a running shop.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from ledger.exchange.events import Cash, Notice, Payment, Puzzle, RefundTotal
from ledger.exchange.saleor import Keys, Shop, read_jwks, read_webhook
from wire.errors import DecodeError, VerificationError
from wire.keys import PrivateKey

ACCOUNT = PrivateKey.from_secret(4).public
SIGNER = rsa.generate_private_key(65_537, 2_048)
JWKS = {"keys": [json.loads(RSAAlgorithm.to_jwk(SIGNER.public_key())) | {"use": "sig", "kid": "1"}]}
PACKS = frozenset({"BANDCOINS-100", "BANDCOINS-500"})
SHOP = Shop(read_jwks(json.dumps(JWKS).encode()), PACKS)
VECTORS = json.loads((Path(__file__).parent / "vectors" / "saleor.json").read_text())


def page(kind: str = "OrderFullyPaid", **changes: Any) -> dict[str, Any]:
    order: dict[str, Any] = {
        "id": "T3JkZXI6MQ==",
        "number": "17",
        "chargeStatus": "FULL",
        "total": {"gross": {"amount": 25.5, "currency": "EUR"}},
        "totalRefunded": {"amount": 5, "currency": "EUR"},
        "metadata": [{"key": "bandcoin_account", "value": str(ACCOUNT)}, {"key": "other", "value": "x"}],
        "lines": [{"productSku": "BANDCOINS-100", "quantity": 2}, {"productSku": "BANDCOINS-500"}],
        "isShippingRequired": False,
    }
    return {"__typename": kind, "issuedAt": "2026-11-22T05:00:00.123456+00:00", "order": order | changes}


def signed(content: object, key: rsa.RSAPrivateKey = SIGNER, kid: str = "1") -> tuple[bytes, str]:
    """As saleor/core/jwt_manager.py does it."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return body, jwt.api_jws.encode(body, key, "RS256", {"kid": kid}, is_payload_detached=True)


def write_header(header: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")


@pytest.mark.parametrize("vector", VECTORS["webhooks"], ids=lambda one: one["name"])
def test_bodies_of_ours_signed_by_the_library_that_the_shop_signs_with(vector: dict[str, Any]):
    keys = (
        Keys({}, vector["secret"]) if "secret" in vector else read_jwks(json.dumps(VECTORS["jwks"]).encode())
    )
    body, signature = vector["body"].encode(), vector["signature"]
    event = read_webhook(body, signature, Shop(keys, PACKS))
    assert {"type": type(event).__name__, "key": event.key, "time_s": event.time_s} == vector["event"]
    if "secret" not in vector:  # the independent opinion
        key = jwt.PyJWK(VECTORS["jwks"]["keys"][0])
        assert jwt.api_jws.decode(signature, key, ["RS256"], detached_payload=body) == body


def test_a_paid_order_is_a_payment_of_its_total():
    event = read_webhook(*signed(page()), SHOP)
    assert isinstance(event, Payment)
    assert (event.payment_id, event.account, event.cash) == ("T3JkZXI6MQ==", ACCOUNT, Cash("25.5", "EUR"))
    assert event.time_s == 1_795_323_600


def test_both_shapes_that_saleor_documents_are_read():
    """docs.saleor.io, Subscription Webhook Payloads (saleor-docs at 0a4c3994): what a subscription to `event` asks for
    stands at the top, what one with a field of its own asks for under `data` and that field. The values are ours.
    """
    assert isinstance(read_webhook(*signed(page()), SHOP), Payment)
    assert isinstance(read_webhook(*signed({"data": {"orderFullyPaid": page()}}), SHOP), Payment)


@pytest.mark.parametrize(
    "content",
    [
        {"product": {"id": "UHJvZHVjdDox", "name": "Juice"}},
        {"data": {"orderCreated": {"order": {"id": "T3JkZXI6MQ==", "lines": [{"id": "T3JkZXJMaW5lOjE="}]}}}},
        {
            "notify_event": "order_confirmation",
            "payload": {"order": {"id": "T3JkZXI6MQ==", "currency": "EUR"}},
        },
        [
            {
                "type": "Order",
                "id": "T3JkZXI6MQ==",
                "charge_status": "fully-charged",
                "total_gross_amount": "25.50",
            }
        ],
    ],
    ids=[
        "another subscription",
        "one with a field of its own",
        "a notification",
        "a payload without a subscription",
    ],
)
def test_what_the_shop_signs_for_other_subscriptions_is_no_event_of_ours(content: object):
    """The same page, and its sister Webhook Payloads: genuine, and refused: it does not say what happened, or when."""
    with pytest.raises(DecodeError, match=r"__typename is missing|not an event"):
        read_webhook(*signed(content), SHOP)


@pytest.mark.parametrize("kind", ["OrderRefunded", "OrderFullyRefunded"])
def test_a_refund_says_what_was_given_back_so_far(kind: str):
    event = read_webhook(*signed(page(kind)), SHOP)
    assert isinstance(event, RefundTotal)
    assert event.cash == Cash("5", "EUR")


def test_the_body_says_what_happened_and_not_a_header():
    assert isinstance(read_webhook(*signed(page("OrderCreated")), SHOP), Notice)


@pytest.mark.parametrize(
    "changes",
    [
        {"chargeStatus": "PARTIAL"},
        {"chargeStatus": "NONE"},
        {"metadata": []},
        {"metadata": [{"key": "bandcoin_account", "value": str(ACCOUNT)}] * 2},
        {"metadata": [{"key": "bandcoin_account", "value": "02ff"}]},
        {"total": {"gross": {"amount": -1, "currency": "EUR"}}},
        {"total": {"gross": {"amount": 1e30, "currency": "EUR"}}},
        {"total": {"gross": {"amount": "25", "currency": "euro"}}},
        {"total": None},
        {"lines": None},
        {"lines": []},
        {"lines": [{"productSku": "T-SHIRT"}]},
        {"lines": [{"productSku": "BANDCOINS-100"}, {"productSku": "T-SHIRT"}]},
        {"lines": [{"productSku": None}]},
        {"isShippingRequired": True},
        {"isShippingRequired": None},
        {"id": "with space"},
    ],
)
def test_what_is_genuine_and_not_as_it_should_be_is_for_a_person(changes: dict[str, Any]):
    assert isinstance(read_webhook(*signed(page(**changes)), SHOP), Puzzle)


def test_signatures_of_nobody_are_refused():
    body, signature = signed(page())
    other = rsa.generate_private_key(65_537, 2_048)
    header, _, digest = signature.split(".")
    none, shared = (write_header({"alg": name, "kid": "1", "b64": False}) for name in ("none", "HS256"))
    headers = {"kid": "1", "crit": ["exp"], "exp": 1}
    critical = jwt.api_jws.encode(body, SIGNER, "RS256", headers, is_payload_detached=True)
    for wrong in (
        "",
        "..",
        f"{header}.{base64.urlsafe_b64encode(body).decode()}.{digest}",
        f"{header}..{digest[:-2]}AA",
        f"{none}..",
        f"{shared}..{digest}",
        f"{header}..!",
        f"{header}.",
        critical,
        signed(page(), other)[1],
        signed(page(), SIGNER, "2")[1],
    ):
        with pytest.raises(VerificationError):
            read_webhook(body, wrong, SHOP)
    with pytest.raises(VerificationError):
        read_webhook(body + b" ", signature, SHOP)


def test_the_deprecated_secret():
    body = json.dumps(page()).encode()
    keys = Keys({}, "shared secret")
    shop = Shop(keys, PACKS)
    assert isinstance(
        read_webhook(body, hmac.new(b"shared secret", body, hashlib.sha256).hexdigest(), shop), Payment
    )
    for wrong in ("", "0" * 64, signed(page())[1]):
        with pytest.raises(VerificationError):
            read_webhook(body, wrong, shop)
    assert "shared secret" not in repr(keys)


def test_with_keys_the_secret_is_not_accepted_nor_an_empty_one():
    body = json.dumps(page()).encode()
    with pytest.raises(VerificationError):
        read_webhook(body, hmac.new(b"", body, hashlib.sha256).hexdigest(), SHOP)


def test_a_payload_in_base64_is_verified_too():
    """RFC 7515 appendix F without RFC 7797."""
    body = json.dumps(page()).encode()
    whole = jwt.api_jws.encode(body, SIGNER, "RS256", {"kid": "1"})
    header, _, digest = whole.split(".")
    assert isinstance(read_webhook(body, f"{header}..{digest}", SHOP), Payment)


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b'{"keys": []}', b'{"keys": [{"kty": "RSA", "kid": "1"}]}']
)
def test_key_sets_without_a_key_are_refused(text: bytes):
    with pytest.raises(DecodeError, match="JWK set"):
        read_jwks(text)


def test_a_short_key_is_refused():
    short = json.loads(RSAAlgorithm.to_jwk(rsa.generate_private_key(65_537, 1_024).public_key()))
    with pytest.raises(DecodeError, match="1024 bits"):
        read_jwks(json.dumps({"keys": [short | {"kid": "1"}]}).encode())


EVENTS = st.from_regex(r'\A\{"__typename": "[A-Za-z]{1,9}", "issuedAt": ".{0,30}"\}\Z').map(str.encode)


@given(st.one_of(st.binary(max_size=100), EVENTS))
def test_whatever_is_signed_is_read_or_refused(body: bytes):
    digest = hmac.new(b"s", body, hashlib.sha256).hexdigest()
    try:
        event = read_webhook(body, digest, Shop(Keys({}, "s"), PACKS))
    except DecodeError:
        return
    assert isinstance(event, Notice | Puzzle)
