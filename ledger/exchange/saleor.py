"""Saleor's webhooks: the body and its `Saleor-Signature` in, an event out.

The signature is a JWS with a detached payload (RFC 7515 appendix F; `b64` false, RFC 7797), RS256, by the key in the
shop's `/.well-known/jwks.json`; or, where the webhook has a `secretKey` (deprecated by Saleor), HMAC-SHA256 in hex.
It covers the body alone: the header `Saleor-Event` is anybody's word, so what happened is read from `__typename` in
the body, and a body of one event cannot be passed off as another. The body is the answer to the subscription that
docs/exchange.md has. The buyer's account is the order's metadata `bandcoin_account`.

    OrderFullyPaid                     Payment of the order's total, if the shop says that all of it is charged, every
                                       line is a pack of bandcoins (its SKU is in `packs`), and nothing is shipped
    OrderRefunded, OrderFullyRefunded  RefundTotal
    everything else                    Notice

Reference: Saleor documentation, Webhooks: Payload Signature, Asynchronous Events; objects OrderFullyPaid, Order.
"""

import base64
import binascii
import calendar
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ledger.exchange.events import Cash, Event, Notice, Payment, Puzzle, RefundTotal, check_id
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey

GATEWAY = "saleor"
ACCOUNT_METADATA = "bandcoin_account"
MAX_BODY_BYTES = 256 * 1024
MIN_RSA_BITS = 2_048
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_CHARGED = ("FULL", "OVERCHARGED")


@dataclass(frozen=True, slots=True)
class Keys:
    """RSA keys of the shop by their ids; or the webhook's secret, and then no key."""

    by_id: Mapping[str, rsa.RSAPublicKey]
    secret: str = ""

    def __repr__(self) -> str:
        return f"Keys({sorted(self.by_id)}{', a secret' if self.secret else ''})"


@dataclass(frozen=True, slots=True)
class Shop:
    """`packs`: the SKUs that are sold for bandcoins. Whoever buys anything else with them has it paid for by nobody."""

    keys: Keys
    packs: frozenset[str]


def read_jwks(text: bytes) -> Keys:
    """From a JWK set (RFC 7517): every RSA key that may sign. Raises DecodeError if there is none."""
    try:
        listed = json.loads(text)["keys"]
        keys = {
            str(one["kid"]): _read_rsa(one)
            for one in listed
            if one.get("kty") == "RSA" and one.get("use", "sig") == "sig"
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DecodeError(f"JWK set: {error!r}") from error
    if not keys:
        raise DecodeError("JWK set: no RSA key that signs")
    return Keys(keys)


def read_webhook(body: bytes, signature: str, shop: Shop) -> Event:
    """Raises DecodeError, VerificationError."""
    if len(body) > MAX_BODY_BYTES:
        raise DecodeError(f"body: {len(body)} bytes, at most {MAX_BODY_BYTES} are accepted")
    if shop.keys.secret:
        _verify_secret(body, signature, shop.keys.secret)
    else:
        verify_detached(body, signature, shop.keys)
    page = _event_page(body)
    kind, time_s = _text(page, "__typename"), _time(_text(page, "issuedAt"))
    check_id("__typename", kind)
    try:
        return _read_event(kind, time_s, page, body, shop.packs)
    except DecodeError as error:  # signed, about money perhaps, and not as it should be: never lost
        return Puzzle(GATEWAY, kind, hashlib.sha256(body).hexdigest()[:32], str(error), time_s)


def verify_detached(body: bytes, signature: str, keys: Keys) -> None:
    """Returns if this JWS with a detached payload is of one of the keys over this body. Raises VerificationError."""
    parts = signature.split(".")
    if len(parts) != 3 or parts[1]:
        raise VerificationError("Saleor-Signature: not a JWS with a detached payload")
    header = _read_header(parts[0])
    if header.get("alg") != "RS256":
        raise VerificationError(
            f"Saleor-Signature: algorithm {str(header.get('alg'))[:20]!r}, only RS256 is accepted"
        )
    if any(name != "b64" for name in header.get("crit", [])):
        raise VerificationError("Saleor-Signature: a critical header that nobody here knows")
    key = keys.by_id.get(str(header.get("kid")))
    if key is None:
        raise VerificationError(
            f"Saleor-Signature: key id {str(header.get('kid'))[:40]!r} is none of the shop's"
        )
    payload = body if header.get("b64") is False else base64.urlsafe_b64encode(body).rstrip(b"=")
    try:
        key.verify(_decode(parts[2]), parts[0].encode() + b"." + payload, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise VerificationError("Saleor-Signature: does not belong to this body") from None


def _verify_secret(body: bytes, signature: str, secret: str) -> None:
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted.encode(), signature.encode()):
        raise VerificationError("Saleor-Signature: does not belong to this body")


def _read_event(kind: str, time_s: int, page: Mapping[str, Any], body: bytes, packs: frozenset[str]) -> Event:
    if kind not in ("OrderFullyPaid", "OrderRefunded", "OrderFullyRefunded"):
        return Notice(GATEWAY, kind, hashlib.sha256(body).hexdigest()[:32], time_s)
    order = _map(page, "order")
    order_id = _text(order, "id")
    if kind != "OrderFullyPaid":
        return RefundTotal(GATEWAY, order_id, _cash(_map(order, "totalRefunded")), time_s)
    if _text(order, "chargeStatus") not in _CHARGED:
        raise DecodeError(f"order.chargeStatus is {order['chargeStatus'][:40]!r}: not all of it is charged")
    _check_goods(order, packs)
    accounts = [
        str(one.get("value")) for one in _list(order, "metadata") if one.get("key") == ACCOUNT_METADATA
    ]
    if len(accounts) != 1:
        raise DecodeError(f"order.metadata has {len(accounts)} entries {ACCOUNT_METADATA}, not one")
    try:
        account = PublicKey.parse(accounts[0].strip())
    except ValueError as error:
        raise DecodeError(f"{ACCOUNT_METADATA}: {error}") from error
    return Payment(GATEWAY, order_id, account, _cash(_map(_map(order, "total"), "gross")), time_s)


def _check_goods(order: Mapping[str, Any], packs: frozenset[str]) -> None:
    """Its total is deposited, so there may be nothing in it that is not sold for bandcoins."""
    skus = [str(line.get("productSku")) for line in _list(order, "lines")]
    if not skus:
        raise DecodeError("order.lines is empty")
    others = sorted(set(skus) - packs)
    if others:
        raise DecodeError(f"order.lines has {others[0][:40]!r}, which is no pack of bandcoins")
    if order.get("isShippingRequired") is not False:
        raise DecodeError("order.isShippingRequired is not false: its total may have shipping in it")


def _event_page(body: bytes) -> Mapping[str, Any]:
    """The event's fields; a subscription with a field of its own, such as orderFullyPaid, wraps them in `data`."""
    try:
        page = json.loads(body, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"body: not JSON: {error}") from error
    if isinstance(page, dict) and isinstance(page.get("data"), dict) and len(page["data"]) == 1:
        page = next(iter(page["data"].values()))
    if not isinstance(page, dict):
        raise DecodeError("body: not an event")
    return page


def _cash(money: Mapping[str, Any]) -> Cash:
    return Cash(_text(money, "amount"), _text(money, "currency"))


def _map(page: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = page.get(name)
    if not isinstance(value, dict):
        raise DecodeError(f"body: {name} is missing")
    return value


def _list(page: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = page.get(name)
    if not isinstance(value, list):
        raise DecodeError(f"body: {name} is missing")
    return [one for one in value if isinstance(one, dict)]


def _text(page: Mapping[str, Any], name: str) -> str:
    value = page.get(name)
    if not isinstance(value, str) or not value:
        raise DecodeError(f"body: {name} is missing")
    return value


def _time(text: str) -> int:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise DecodeError(f"body: issuedAt {text[:40]!r} is no instant") from error
    return calendar.timegm(instant.utctimetuple())


def _read_header(text: str) -> dict[str, Any]:
    try:
        header = json.loads(_decode(text))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or not isinstance(header.get("crit", []), list):
        raise VerificationError("Saleor-Signature: has no readable header")
    return header


def _decode(text: str) -> bytes:
    try:
        if not _BASE64URL.fullmatch(text):
            raise VerificationError("Saleor-Signature: not base64url")
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise VerificationError(f"Saleor-Signature: not base64url: {error}") from error


def _read_rsa(jwk: Mapping[str, str]) -> rsa.RSAPublicKey:
    modulus, exponent = (int.from_bytes(_decode(jwk[name]), "big") for name in ("n", "e"))
    if modulus.bit_length() < MIN_RSA_BITS:
        raise ValueError(f"an RSA key of {modulus.bit_length()} bits, at least {MIN_RSA_BITS} are needed")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()
