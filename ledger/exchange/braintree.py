"""Braintree's webhooks: `bt_signature` and `bt_payload` in, an event out.

The signature is `public_key|hex` (several joined by `&`): HMAC-SHA1, keyed with the SHA-1 of the private key, over
the payload as it was sent, base64 of an XML document with a timestamp, a kind and a subject. Notifications may come
twice, late and in any order. The buyer's account is the transaction's custom field `bandcoin_account`, which has to
be set up as *store and pass back* in the control panel. Raises VerificationError for what Braintree did not sign,
DecodeError for what it signed and nobody can read.

    transaction_settled, transaction_disbursed   sale through a merchant account that sells bandcoins: Payment;
                                                 credit of an earlier transaction: Reversal
    transaction_settlement_declined              Reversal of all of it: the bank took it back
    dispute_lost, _accepted, _auto_accepted, _expired    Reversal of what was disputed; an open dispute is a Notice
    disbursement_exception, refund_failed        Puzzle
    everything else                              Notice

Reference: Braintree developer documentation, Webhooks: Parse, and Reference: Webhooks: Transaction, Dispute,
Disbursement.
"""

import base64
import binascii
import calendar
import hashlib
import hmac
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import datetime

from ledger.exchange.events import Cash, Event, Notice, Payment, Puzzle, Reversal, check_id
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey

GATEWAY = "braintree"
ACCOUNT_FIELD = "bandcoin-account"
MAX_PAYLOAD_BYTES = 64 * 1024
"""A transaction has some 5 KB."""

_BASE64 = re.compile(r"[A-Za-z0-9+/=\n]+")
_CHALLENGE = re.compile(r"[a-f0-9]{20,32}")
_PAYING = ("transaction_settled", "transaction_disbursed")
_LOST = ("dispute_lost", "dispute_accepted", "dispute_auto_accepted", "dispute_expired")
_FOR_A_PERSON = {
    "disbursement_exception": "a disbursement to your bank failed",
    "refund_failed": "a refund failed after it was told",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """API keys of the merchant, and its merchant accounts through which bandcoins are sold, and nothing else: whoever
    buys anything else has it paid for by nobody.
    """

    public_key: str
    private_key: str
    merchant_accounts: frozenset[str]

    def __repr__(self) -> str:
        return f"Credentials(of {self.public_key})"


def answer_challenge(challenge: str, credentials: Credentials) -> str:
    """What Braintree wants to read when it tries the address of a new webhook. Raises DecodeError."""
    if not _CHALLENGE.fullmatch(challenge):
        raise DecodeError("bt_challenge: not 20 to 32 hexadecimal digits")
    return f"{credentials.public_key}|{_digest(challenge, credentials)}"


def read_notification(signature: str, payload: str, credentials: Credentials) -> Event:
    """Raises DecodeError, VerificationError."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise DecodeError(f"bt_payload: {len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are accepted")
    if not _BASE64.fullmatch(payload):
        raise DecodeError("bt_payload: not base64")
    _verify(signature, payload, credentials)
    try:
        document = base64.b64decode(payload)
        if b"<!" in document:
            raise DecodeError("notification: declares a document type")
        root = ET.fromstring(document)  # noqa: S314 signed by Braintree, and without a document type
    except (binascii.Error, ET.ParseError, ValueError) as error:
        raise DecodeError(f"notification: not XML: {error}") from error
    kind, time_s = _text(root, "kind"), _time(_text(root, "timestamp"))
    check_id("kind", kind)
    subject = root.find("subject")
    if subject is None:
        raise DecodeError("notification: subject is missing")
    try:
        return _read_subject(kind, time_s, subject, credentials.merchant_accounts)
    except DecodeError as error:  # signed, about money perhaps, and not as it should be: never lost
        digest = hashlib.sha256(document).hexdigest()[:32]
        return Puzzle(GATEWAY, kind, digest, str(error), time_s)


def _read_subject(kind: str, time_s: int, subject: ET.Element, accounts: frozenset[str]) -> Event:
    transaction, dispute = subject.find("transaction"), subject.find("dispute")
    if kind in _PAYING:
        return _read_transaction(_wanted(transaction, "transaction"), time_s, accounts)
    if kind == "transaction_settlement_declined":
        declined = _wanted(transaction, "transaction")
        payment_id = _text(declined, "id")
        return Reversal(GATEWAY, f"declined-{payment_id}", payment_id, _cash(declined, "amount"), time_s)
    if kind in _LOST:
        lost = _wanted(dispute, "dispute")
        payment_id = _text(_wanted(lost.find("transaction"), "dispute.transaction"), "id")
        amount = "amount-disputed" if lost.findtext("amount-disputed") else "amount"
        return Reversal(GATEWAY, f"dispute-{_text(lost, 'id')}", payment_id, _cash(lost, amount), time_s)
    about = next((one.text or "" for one in subject.iter("id")), "") or str(time_s)
    check_id("id", about)
    if kind in _FOR_A_PERSON:
        return Puzzle(GATEWAY, kind, about, _FOR_A_PERSON[kind], time_s)
    return Notice(GATEWAY, kind, about, time_s)


def _read_transaction(transaction: ET.Element, time_s: int, accounts: frozenset[str]) -> Event:
    transaction_id, what = _text(transaction, "id"), _text(transaction, "type")
    cash = _cash(transaction, "amount")
    if what == "credit":
        return Reversal(GATEWAY, transaction_id, _text(transaction, "refunded-transaction-id"), cash, time_s)
    if what != "sale":
        raise DecodeError(f"transaction {transaction_id}: type {what[:40]!r} is neither sale nor credit")
    through = _text(transaction, "merchant-account-id")
    if through not in accounts:
        raise DecodeError(
            f"transaction {transaction_id}: merchant account {through[:40]!r} sells no bandcoins"
        )
    fields = _wanted(transaction.find("custom-fields"), "transaction.custom-fields")
    return Payment(GATEWAY, transaction_id, _account(_text(fields, ACCOUNT_FIELD)), cash, time_s)


def _account(text: str) -> PublicKey:
    try:
        return PublicKey.parse(text)
    except ValueError as error:
        raise DecodeError(f"{ACCOUNT_FIELD}: {error}") from error


def _cash(element: ET.Element, name: str) -> Cash:
    return Cash(_text(element, name), _text(element, "currency-iso-code"))


def _wanted(element: ET.Element | None, name: str) -> ET.Element:
    if element is None:
        raise DecodeError(f"notification: {name} is missing")
    return element


def _text(element: ET.Element, name: str) -> str:
    text = (element.findtext(name) or "").strip()
    if not text:
        raise DecodeError(f"notification: {element.tag}.{name} is missing")
    return text


def _time(text: str) -> int:
    try:
        return calendar.timegm(datetime.fromisoformat(text).utctimetuple())
    except ValueError as error:
        raise DecodeError(f"notification: timestamp {text[:40]!r} is no instant") from error


def _verify(signature: str, payload: str, credentials: Credentials) -> None:
    given = [pair.partition("|") for pair in signature.split("&")]
    own = [digest for key, _, digest in given if key == credentials.public_key]
    if not own:
        raise VerificationError("bt_signature: none is for our public key")
    wanted = [_digest(text, credentials) for text in (payload, payload + "\n")]
    if not any(hmac.compare_digest(own[0].encode(), one.encode()) for one in wanted):
        raise VerificationError("bt_signature: does not belong to bt_payload")


def _digest(text: str, credentials: Credentials) -> str:
    key = hashlib.sha1(credentials.private_key.encode()).digest()  # noqa: S324 Braintree's choice; an HMAC key
    return hmac.new(key, text.encode(), hashlib.sha1).hexdigest()
