"""Braintree's notifications, as Braintree's own library makes and reads them, and as nobody may make them.

Its samples (WebhookTestingGateway) are what Braintree publishes for tests. No notification of a real merchant is here.
"""

from __future__ import annotations

import base64
import json
import re
import warnings
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.exchange.braintree import Credentials, answer_challenge, read_notification
from ledger.exchange.events import Cash, Event, Notice, Payment, Puzzle, Reversal
from wire.errors import DecodeError, VerificationError
from wire.keys import PrivateKey

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it warns of itself when it is imported
    import braintree as theirs
    from braintree.exceptions.invalid_signature_error import InvalidSignatureError

ACCOUNT = PrivateKey.from_secret(4).public
THROUGH = "ogaotkivejpfayqfeaimuktty"
"""The merchant account of the library's samples."""
KEYS = Credentials("integration_public_key", "integration_private_key", frozenset({THROUGH}))
GATEWAY = theirs.BraintreeGateway(
    theirs.Configuration(theirs.Environment.Development, "merchant", KEYS.public_key, KEYS.private_key)
)
VECTORS = json.loads((Path(__file__).parent / "vectors" / "braintree.json").read_text())


TIMESTAMP = re.compile('(?<=<timestamp type="datetime">)[^<]*')


def sample(kind: str, subject_id: str = "t1") -> tuple[str, str]:
    """Signed by Braintree's own library."""
    made = GATEWAY.webhook_testing.sample_notification(kind, subject_id)
    return made["bt_signature"], made["bt_payload"].decode()


def signed(document: str) -> tuple[str, str]:
    """A document of ours, signed by their library."""
    payload = base64.encodebytes(document.encode()).decode()
    digest = theirs.util.crypto.Crypto.sha1_hmac_hash(KEYS.private_key, payload)
    return f"{KEYS.public_key}|{digest}", payload


def with_account(payload: str, account: str = str(ACCOUNT)) -> tuple[str, str]:
    """A sample with the custom field that a merchant sets up."""
    field = f"<custom-fields><bandcoin-account>{account}</bandcoin-account></custom-fields></transaction>"
    return signed(base64.b64decode(payload).decode().replace("</transaction>", field))


@pytest.mark.parametrize("vector", VECTORS["notifications"], ids=lambda one: one["name"])
def test_samples_that_their_library_made_are_read_alike_by_us_and_by_it(vector: dict[str, Any]):
    event = read_notification(vector["bt_signature"], vector["bt_payload"], KEYS)
    assert describe(event) == vector["event"]
    notification = GATEWAY.webhook_notification.parse(vector["bt_signature"], vector["bt_payload"])
    assert notification.kind == vector["kind"]
    assert int(notification.timestamp.replace(tzinfo=UTC).timestamp()) == event.time_s
    if isinstance(event, Payment):
        assert str(notification.transaction.amount) == event.cash.amount
        assert notification.transaction.custom_fields == {"bandcoin_account": str(event.account)}


@pytest.mark.parametrize("vector", VECTORS["notifications"], ids=lambda one: one["name"])
def test_the_kept_samples_are_the_librarys_word_for_word_but_for_what_their_provenance_says(
    vector: dict[str, Any],
):
    """The timestamp and the custom field are ours; the rest is what WebhookTestingGateway gives."""
    kept = base64.b64decode(vector["bt_payload"]).decode()
    made = base64.b64decode(sample(vector["kind"], "my_id")[1]).decode()
    assert re.sub("<custom-fields>.*</custom-fields>", "", TIMESTAMP.sub("", kept)) == TIMESTAMP.sub("", made)
    assert ("<custom-fields>" in kept) == (vector["kind"] == "transaction_settled")


KINDS = sorted(
    value for name, value in vars(theirs.WebhookNotification.Kind).items() if not name.startswith("_")
)
LOST = {"dispute_lost", "dispute_accepted", "dispute_auto_accepted", "dispute_expired"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_sample_that_braintree_publishes_word_for_word(kind: str):
    """Unchanged, as their library makes it: none is a payment, as none has an account; what is lost is a reversal."""
    signature, payload = sample(kind)
    event = read_notification(signature, payload, KEYS)
    theirs_read = GATEWAY.webhook_notification.parse(signature, payload)
    assert int(theirs_read.timestamp.replace(tzinfo=UTC).timestamp()) == event.time_s
    reversal = kind in LOST or kind == "transaction_settlement_declined"
    assert isinstance(event, Reversal if reversal else Notice | Puzzle)
    if isinstance(event, Notice | Puzzle):
        assert event.kind == kind == theirs_read.kind


def describe(event: Event) -> dict[str, Any]:
    page: dict[str, Any] = {"type": type(event).__name__, "key": event.key, "time_s": event.time_s}
    if isinstance(event, Payment | Reversal):
        page |= {"amount": event.cash.amount, "currency": event.cash.currency}
    if isinstance(event, Payment):
        page["account"] = str(event.account)
    if isinstance(event, Reversal):
        page["payment_id"] = event.payment_id
    return page


def test_a_settled_sale_is_a_payment():
    event = read_notification(*with_account(sample("transaction_settled")[1]), KEYS)
    assert isinstance(event, Payment)
    assert (event.payment_id, event.account, event.cash) == ("t1", ACCOUNT, Cash("100.00", "USD"))


@pytest.mark.parametrize(
    ("kind", "reversal_id", "payment_id"),
    [
        ("transaction_settlement_declined", "declined-t1", "t1"),
        ("dispute_lost", "dispute-t1", "t1"),
        ("dispute_accepted", "dispute-t1", "t1"),
        ("dispute_auto_accepted", "dispute-t1", "t1"),
        ("dispute_expired", "dispute-t1", "t1"),
    ],
)
def test_what_is_lost_is_a_reversal(kind: str, reversal_id: str, payment_id: str):
    event = read_notification(*sample(kind), KEYS)
    assert isinstance(event, Reversal), event
    assert event.reversal_id == reversal_id
    if kind.startswith("transaction"):
        assert event.payment_id == payment_id
    assert event.cash == Cash("100.00", "USD")


def test_a_sale_that_is_told_to_be_settled_and_disbursed_is_one_payment():
    signature, payload = with_account(sample("transaction_settled")[1])
    settled = read_notification(signature, payload, KEYS)
    document = base64.b64decode(payload).decode().replace(">transaction_settled<", ">transaction_disbursed<")
    disbursed = read_notification(*signed(document), KEYS)
    assert isinstance(disbursed, Payment)
    assert disbursed == settled


def test_what_was_sold_through_another_merchant_account_is_no_bandcoins():
    event = read_notification(
        *with_account(sample("transaction_settled")[1]),
        replace(KEYS, merchant_accounts=frozenset({"bandcoins"})),
    )
    assert isinstance(event, Puzzle)
    assert f"merchant account '{THROUGH}' sells no bandcoins" in event.reason


def test_a_credit_of_an_earlier_transaction_is_a_refund():
    document = base64.b64decode(sample("transaction_settled")[1]).decode()
    credit = document.replace("<type>sale<", "<type>credit<").replace(
        "<tax-amount>", "<refunded-transaction-id>t0</refunded-transaction-id><tax-amount>"
    )
    event = read_notification(*signed(credit), KEYS)
    assert isinstance(event, Reversal)
    assert (event.reversal_id, event.payment_id) == ("t1", "t0")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("check", Notice),
        ("dispute_opened", Notice),
        ("dispute_won", Notice),
        ("disbursement", Notice),
        ("disbursement_exception", Puzzle),
        ("refund_failed", Puzzle),
        ("subscription_charged_successfully", Notice),
        ("transaction_disbursed", Puzzle),  # the library's sample has no currency: a person looks
        ("transaction_settled", Puzzle),  # nor an account
    ],
)
def test_what_we_do_not_decide_is_kept_all_the_same(kind: str, expected: type[Event]):
    event = read_notification(*sample(kind), KEYS)
    assert isinstance(event, expected)
    assert event.key == read_notification(*sample(kind), KEYS).key or isinstance(event, Puzzle)


@pytest.mark.parametrize("account", ["", "02", "nobody", str(ACCOUNT)[:-1] + "g"])
def test_an_account_that_is_none_is_for_a_person(account: str):
    event = read_notification(*with_account(sample("transaction_settled")[1], account), KEYS)
    assert isinstance(event, Puzzle)
    assert "bandcoin-account" in event.reason


def test_one_flipped_bit_and_it_is_nobodys():
    signature, payload = with_account(sample("transaction_settled")[1])
    for at in (0, 10, len(payload) - 4):
        changed = payload[:at] + ("A" if payload[at] != "A" else "B") + payload[at + 1 :]
        with pytest.raises(DecodeError):
            read_notification(signature, changed, KEYS)
    for wrong in (
        "",
        "x",
        signature[:-1] + ("0" if signature[-1] != "0" else "1"),
        signature.replace("|", "&"),
    ):
        with pytest.raises(VerificationError):
            read_notification(wrong, payload, KEYS)
        with pytest.raises(InvalidSignatureError):
            GATEWAY.webhook_notification.parse(wrong, payload)
    with pytest.raises(VerificationError):
        read_notification(signature, payload, Credentials(KEYS.public_key, "another", KEYS.merchant_accounts))


def test_of_several_signatures_ours_counts():
    signature, payload = sample("check")
    assert isinstance(read_notification(f"old_key|{'0' * 40}&{signature}", payload, KEYS), Notice)
    with pytest.raises(VerificationError, match="public key"):
        read_notification(f"old_key|{'0' * 40}", payload, KEYS)


def test_a_document_type_is_refused():
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><notification><kind>check</kind></notification>'
    with pytest.raises(DecodeError, match="document type"):
        read_notification(*signed(bomb), KEYS)


@given(st.binary(max_size=200))
def test_whatever_is_signed_is_read_or_refused(document: bytes):
    payload = base64.encodebytes(document or b" ").decode()
    digest = theirs.util.crypto.Crypto.sha1_hmac_hash(KEYS.private_key, payload)
    with pytest.raises(DecodeError):
        read_notification(f"{KEYS.public_key}|{digest}", payload, KEYS)


def test_the_challenge_is_answered_as_their_library_does():
    challenge = "20f9f8ed05f77439fe955c977e4c8a53"
    assert answer_challenge(challenge, KEYS) == GATEWAY.webhook_notification.verify(challenge)
    with pytest.raises(DecodeError):
        answer_challenge("bad", KEYS)


def test_secrets_are_not_shown():
    assert KEYS.private_key not in repr(KEYS)
