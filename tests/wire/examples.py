"""One realistic value of each message with fixed keys, how it is written and read, and values of every legal kind.

Keys are secrets that everybody knows. `golden` gives the same bytes at every run: it signs as RFC 6979 says, where our
own signatures carry chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import strategies as st

from tests.wire.proving import Sold, consumer_row, prove
from wire.admission import EXTERNAL as ADMISSION
from wire.admission import MAX_ADMISSION_BYTES, Admission, read_admission, write_admission
from wire.allocate import Allocate
from wire.attestation_result import EXTERNAL as RESULT
from wire.attestation_result import (
    MAX_ATTESTATION_RESULT_BYTES,
    AttestationResult,
    read_attestation_result,
    write_attestation_result,
)
from wire.auction import EXTERNAL as AUCTION
from wire.auction import MAX_AUCTION_BYTES, Auction, read_auction, write_auction
from wire.auction_list import EXTERNAL as AUCTION_LIST
from wire.auction_list import (
    MAX_AUCTION_LIST_BYTES,
    AuctionList,
    ListedAuction,
    read_auction_list,
    write_auction_list,
)
from wire.auction_receipt import EXTERNAL as AUCTION_RECEIPT
from wire.auction_receipt import (
    AuctionReceipt,
    Status,
    read_auction_receipt,
    write_auction_receipt,
)
from wire.auction_terms import (
    MAX_AUCTION_RECEIPT_BYTES,
    MAX_SLOTS,
    MAX_UNITS,
    AuctionKind,
    AuctionMark,
    AuctionTerms,
    Ruling,
)
from wire.band import MAX_KHZ, Band
from wire.block_header import EXTERNAL as BLOCK
from wire.block_header import write_header
from wire.cbor import read_cbor, write_cbor
from wire.club_actions import FoundClub, SpendTokens
from wire.cose import Envelope, join_envelope, read_envelope
from wire.create import Create
from wire.enrolment import (
    EXTERNAL as ENROLMENT,
)
from wire.enrolment import (
    MAX_ENROLMENT_BYTES,
    EnrolmentAnswer,
    EnrolmentChallenge,
    EnrolmentReply,
    EnrolmentRequest,
    prove_software_key,
    read_enrolment,
    read_enrolment_reply,
    write_enrolment_answer,
    write_enrolment_reply,
    write_enrolment_request,
)
from wire.enrolment import (
    SOFTWARE_DOMAIN as ENROLMENT_PROOF,
)
from wire.evidence import MAX_EVIDENCE_BYTES, SOFTWARE_DOMAIN, Evidence, read_evidence, write_evidence
from wire.generate_offer import EXTERNAL as GENERATE_OFFER
from wire.generate_offer import (
    MAX_GENERATE_OFFER_BYTES,
    GenerateOffer,
    read_generate_offer,
    write_generate_offer,
)
from wire.grant import EXTERNAL as GRANT
from wire.grant import MAX_GRANT_BYTES, Grant, read_grant, write_grant
from wire.grant_price import EXTERNAL as GRANT_PRICE
from wire.grant_price import MAX_GRANT_PRICE_BYTES, GrantPrice, read_grant_price, write_grant_price
from wire.grant_proof import MAX_GRANT_PROOF_BYTES, GrantProof, read_grant_proof, write_grant_proof
from wire.ids import MacAddress, PublicKey
from wire.join_request import EXTERNAL as JOIN
from wire.join_request import (
    MAX_JOIN_REQUEST_BYTES,
    JoinPurpose,
    JoinRequest,
    read_join_request,
    write_join_request,
)
from wire.key_agreement import seal
from wire.keys import PrivateKey
from wire.lease_quote import EXTERNAL as LEASE_QUOTE
from wire.lease_quote import MAX_LEASE_QUOTE_BYTES, LeaseQuote, read_lease_quote, write_lease_quote
from wire.ledger_reply import MAX_LEDGER_REPLY_BYTES, LedgerReply, read_ledger_reply, write_ledger_reply
from wire.meter_record import (
    FIRST_PREVIOUS,
    MAX_METER_RECORD_BYTES,
    AnchorRecord,
    BootRecord,
    UsageReport,
    UsageRow,
    read_meter_record,
    write_meter_record,
)
from wire.money_actions import Deposit, Transfer, Withdraw
from wire.network import EXTERNAL as NETWORK
from wire.network import MAX_NETWORK_BYTES, MAX_SSID_BYTES, Network, read_network, write_network
from wire.offer import EXTERNAL as OFFER
from wire.offer import MAX_OFFER_BYTES, Offer, read_offer, write_offer
from wire.offer_state import EXTERNAL as OFFER_STATE
from wire.offer_state import MAX_OFFER_STATE_BYTES, OfferState, read_offer_state, write_offer_state
from wire.post_offer import AuctionShare, PostOffer, Reservation
from wire.qos import MAX_RATE_BPS, LatencyClass, Qos, RateLayer
from wire.receipt import EXTERNAL as RECEIPT
from wire.receipt import MAX_RECEIPT_BYTES, Receipt, read_receipt, write_receipt
from wire.registration import EXTERNAL as REGISTRATION
from wire.registration import (
    MAX_REGISTRATION_BYTES,
    Registration,
    read_registration,
    write_registration,
)
from wire.revocation import EXTERNAL as REVOCATION
from wire.revocation import MAX_REVOCATION_BYTES, Revocation, read_revocation, write_revocation
from wire.ruling import sign_ruling
from wire.sale_leaf import SaleTerms
from wire.sealed_bid import (
    EXTERNAL as SEALED_BID,
)
from wire.sealed_bid import (
    MAX_SEALED_BID_BYTES,
    Lock,
    SealedBid,
    _associated,
    _pad,
    _seal,
    _ticket_bytes,
    read_sealed_bid,
    write_sealed_bid,
)
from wire.time_key import EXTERNAL as TIME_KEY
from wire.time_key import MAX_TIME_KEY_BYTES, TimeKey, read_time_key, write_time_key
from wire.transaction import EXTERNAL as TRANSACTION
from wire.transaction import MAX_TRANSACTION_BYTES, Transaction, read_transaction, sign_transaction
from wire.units import PPM, U32_MAX, U63_MAX
from wire.usage_bill import EXTERNAL as USAGE_BILL
from wire.usage_bill import MAX_USAGE_BILL_BYTES, UsageBill, read_usage_bill, write_usage_bill
from wire.usage_terms import UsageTerms

PROVIDER, CONSUMER, LEDGER, EXCHANGE, ATTESTATION, OPERATOR = (
    PrivateKey.from_secret(secret) for secret in range(1, 7)
)
LEDGER_ID = bytes(range(0xA0, 0xC0))
UTC_S = 1_766_000_000
NONCE = bytes.fromhex("0102030405060708")
STATION, BSSID = MacAddress.parse("02:00:00:00:00:01"), MacAddress.parse("02:00:00:00:00:fe")
BAND = Band(5_170_000, 5_250_000, 80_000)
QOS = Qos(5_000_000, 20_000_000, 1_000_000, 5_000_000, 2_000_000_000, LatencyClass.INTERACTIVE)
GRANT_ID = bytes([*range(14), 0, 7])

QOS_OF_USE = replace(QOS, data_cap_bytes=0, usage=UsageTerms(2_000_000_000, 1_000_000, 500, 200_000))
OFFER_VALUE = Offer(12, 1_500_000, 1_200, BAND, QOS, BSSID, UTC_S + 120)
GRANT_VALUE = Grant(CONSUMER.public, PROVIDER.public.provider_id, GRANT_ID, 12, UTC_S, 1_200, BAND, QOS)


@dataclass(frozen=True)
class Message:
    """A message type: how a value is written and read, who signs what for which purpose, and its largest legal size."""

    name: str
    example: Any
    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]
    values: st.SearchStrategy[Any]
    max_bytes: int
    signer: PrivateKey | None = None
    external: bytes = b""
    offset: int = 0
    """Where the envelope begins, in a message that carries one."""

    @property
    def golden(self) -> bytes:
        """The example's bytes, the same in every run."""
        encoded = self.write(self.example)
        if self.signer is None:
            return encoded
        return encoded[: self.offset] + sign_again(encoded[self.offset :], self.signer, self.external)


def sign_again(envelope: bytes, key: PrivateKey, external: bytes) -> bytes:
    """The same content with the deterministic signature of RFC 6979."""
    parts = read_envelope(envelope, 1 << 21)
    return envelope[:-64] + sign_deterministically(sig_structure(parts, external), key)


def sig_structure(parts: Envelope, external: bytes) -> bytes:
    """RFC 9052 clause 4.4, written by another library than ours."""
    return cbor2.dumps(["Signature1", parts.protected, external, parts.payload])


def sign_deterministically(message: bytes, key: PrivateKey) -> bytes:
    der = key.key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def sign_raw(payload: bytes, key: PrivateKey, external: bytes) -> bytes:
    """A valid envelope around a payload that our writers would not write."""
    protected = write_cbor({1: -9, 4: key.public.key_id})
    parts = Envelope(b"", protected, payload, b"", b"")
    signature = key.sign(parts.signed_bytes(external))
    return b"\xd2" + write_cbor([protected, {}, payload, signature])


def resign_payload(message: Message, extra: dict[Any, Any], leave_out: tuple[int, ...] = ()) -> bytes:
    """The example with other fields, signed by who should."""
    assert message.signer is not None
    fields = read_cbor(read_envelope(message.golden[message.offset :], MAX_TRANSACTION_BYTES).payload)
    assert isinstance(fields, dict)
    changed = {label: value for label, value in fields.items() if label not in leave_out} | extra
    envelope = sign_raw(write_cbor(changed), message.signer, message.external)
    return envelope if message.offset == 0 else write_cbor([1, envelope])


# ---- Values of every legal kind


def octets(minimum: int, maximum: int | None = None) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=minimum, max_size=minimum if maximum is None else maximum)


def up_to(maximum: int, minimum: int = 0) -> st.SearchStrategy[int]:
    """Small and large alike: the number of bytes is what matters."""
    return st.one_of(
        st.integers(minimum, min(maximum, 30)),
        st.integers(minimum, maximum),
        st.just(maximum),
        st.just(minimum),
    )


def qos_of(
    rates: list[int], cap: int, latency: LatencyClass, layer: RateLayer, usage: UsageTerms | None
) -> Qos:
    down, up = sorted(rates[:2]), sorted(rates[2:])
    if usage is not None and cap <= usage.included_bytes:
        cap = 0
    return Qos(down[0], max(1, down[1]), up[0], max(1, up[1]), cap, latency, layer, usage)


def band_of(low: int, width: int, used: int) -> Band:
    high = min(MAX_KHZ, low + width)
    return Band(low, high, min(used, high - low))


u63, u32 = up_to(U63_MAX), up_to(U32_MAX)
epochs, durations = up_to(U63_MAX, 1), up_to(U32_MAX, 1)
keys = st.builds(lambda sign, x: PublicKey(bytes((sign,)) + x), st.sampled_from((2, 3)), octets(32))
macs = st.builds(MacAddress, octets(6))
stations = st.builds(lambda o: MacAddress(bytes((o[0] & 0xFE,)) + o[1:]), octets(6))
bands = st.builds(band_of, up_to(MAX_KHZ - 1, 1), up_to(10**6, 1), up_to(10**6, 1))
qoses = st.builds(
    qos_of,
    st.lists(up_to(MAX_RATE_BPS), min_size=4, max_size=4),
    u63,
    st.sampled_from(LatencyClass),
    st.sampled_from(RateLayer),
    st.none() | st.builds(UsageTerms, u63, epochs, epochs, epochs),
)
texts = st.text(st.characters(codec="utf-8"), max_size=30)
names = st.from_regex(r"[a-z][a-z_]{0,58}", fullmatch=True)
offers = st.builds(Offer, epochs, u63, durations, bands, qoses, macs, u63)
grants = st.builds(
    Grant, keys, octets(16), octets(16), epochs, up_to(U63_MAX - U32_MAX), durations, bands, qoses, st.just(1)
)
terms_of_sales = st.builds(
    SaleTerms, octets(16), epochs, up_to(U63_MAX - U32_MAX), durations, bands, qoses, up_to(U32_MAX)
)


@st.composite
def grant_proofs(draw: st.DrawFn) -> GrantProof:
    """Of any shape; what it leads to is nothing."""
    terms, count = draw(terms_of_sales), draw(st.integers(1, 65_536))
    position = draw(st.integers(0, count - 1))
    entries = min(4, count - position // 4 * 4) * (33 if terms.allocations else 37)
    steps, above = draw(st.integers(0, 14)), draw(st.integers(0, 5))
    signed = draw(st.booleans())
    return GrantProof(
        position, draw(octets(entries)), tuple(draw(octets(32)) for _ in range(steps)), draw(octets(14)), count,
        terms, draw(st.integers(0, (1 << above) - 1)), tuple(draw(octets(32)) for _ in range(above)), draw(u63),
        draw(octets(32)), draw(u63), draw(octets(32)), draw(u63), draw(octets(32)),
        draw(octets(8)) if signed else b"", draw(octets(64)) if signed else b"",
    )  # fmt: skip


periods = st.tuples(u63, u63).map(sorted)
allocates = st.one_of(
    st.builds(Allocate, keys, u63, bands, epochs, up_to(U32_MAX, 1)),
    st.builds(
        lambda key, price, band, epoch, pair, consumers: Allocate(
            key, price, band, epoch, 1, pair[0], pair[1], b"".join(consumer.octets for consumer in consumers)
        ),
        keys, u63, bands, epochs, periods, st.lists(keys, max_size=4),
    ),
    st.builds(
        lambda key, price, band, units, auction, slots: Allocate(
            key, price, band, 0, units, auction=auction, slots=slots
        ),
        keys, u63, bands, up_to(U32_MAX, 1), octets(32), up_to(MAX_SLOTS),
    ),
)  # fmt: skip
forecasts = st.lists(up_to(MAX_UNITS), min_size=1, max_size=MAX_SLOTS).map(tuple)
marks = st.builds(
    AuctionMark, st.sampled_from([AuctionKind.VICKREY, AuctionKind.PROPSHARE]), epochs, u63
) | st.builds(AuctionMark, st.just(AuctionKind.SESSION), epochs, u63, forecasts)
shares = st.builds(AuctionShare, durations, u63)
shares_of_slots = st.builds(AuctionShare, durations, u63, up_to(MAX_SLOTS))
post_offers = st.builds(
    PostOffer,
    u63,
    bands,
    u32,
    durations,
    qoses,
    up_to(PPM, 1),
    up_to(PPM, 1),
    st.dictionaries(u63, st.builds(Reservation, u63, u63), max_size=4),
    st.dictionaries(keys, shares, max_size=4),
) | st.builds(
    lambda price, band, some, mark, ruling: PostOffer(
        price, band, 9, 60, QOS, consumers=some, auction=mark, ruling=ruling
    ),
    u63, bands, st.dictionaries(keys, shares_of_slots, min_size=1, max_size=4), marks,
    st.none() | st.builds(Ruling, keys, octets(32), octets(64)),
)  # fmt: skip
founded_clubs = st.builds(
    lambda number, quantum, tokens, members: FoundClub(
        number, quantum, tokens, b"".join(member.octets for member in members)
    ),
    st.integers(0, 255), up_to(U32_MAX, 1), u63, st.lists(keys, min_size=1, max_size=5),
)  # fmt: skip
spent_tokens = st.builds(SpendTokens, keys, st.integers(0, 255), u63)
actions = st.one_of(
    st.builds(Create, keys),
    st.builds(Deposit, keys, u63),
    st.builds(Withdraw, keys, u63),
    st.builds(Transfer, keys, u63),
    allocates,
    post_offers,
    founded_clubs,
    spent_tokens,
)
rows = st.builds(UsageRow, octets(16), u63, u63, u63, u63, u63, u63)
records = st.one_of(
    st.builds(
        lambda sequence, previous, at, pcrs, text: BootRecord(
            sequence, previous, at, pcrs[0], pcrs[1], text
        ),
        epochs, octets(32), u63, st.one_of(st.just((b"", b"")), st.tuples(octets(320), octets(32))), texts,
    ),
    st.builds(
        lambda sequence, previous, pair, some: UsageReport(
            sequence, previous, pair[0], pair[1], tuple(some)
        ),
        epochs, octets(32), periods, st.lists(rows, max_size=5),
    ),
    st.builds(AnchorRecord, epochs, octets(32), u63, u63),
)  # fmt: skip
evidences = st.one_of(
    st.builds(Evidence, octets(8), octets(0, 300), st.just(b""), octets(64)),
    st.builds(Evidence, octets(8), octets(0, 300), octets(1, 400), octets(64)),
    st.builds(Evidence, octets(8), octets(0, 300), octets(1, 400), octets(64), octets(1, 400), octets(64)),
)
results = st.one_of(
    st.builds(AttestationResult, keys, octets(34), keys, octets(32), u63, octets(0, 200)),
    st.builds(AttestationResult, keys, st.just(b""), keys, st.just(b""), u63),
)
replies = st.builds(
    LedgerReply, octets(0, MAX_RECEIPT_BYTES), st.lists(octets(0, MAX_GRANT_BYTES), max_size=16).map(tuple)
)
receipts = st.one_of(
    st.builds(Receipt, octets(32), u63, u63), st.builds(Receipt, octets(32), u63, u63, names, texts)
)
provider_key = st.just(PROVIDER.public)
BIDDING = PrivateKey.from_secret(7)
"""A key that was made for one bid."""
_encoded_keys = st.lists(octets(1, MAX_TIME_KEY_BYTES), min_size=1, max_size=16)


def _auction_of(
    mark: AuctionMark, band: Band, numbers: list[int], qos: Qos, time_keys: list[bytes]
) -> Auction:
    units, duration_s, epoch, threshold = numbers
    callback = "" if mark.kind is AuctionKind.SESSION and epoch % 2 else "http://[::1]:8/a"
    return Auction(
        AuctionTerms(PROVIDER.public, mark, band, max(units, *mark.forecast, 0), duration_s, qos), epoch, callback,
        OPERATOR.public,
        min(threshold, len(time_keys)), tuple(time_keys),
    )  # fmt: skip


auctions = st.builds(
    _auction_of, marks, bands,
    st.tuples(durations, durations, epochs, up_to(16, 1)).map(list), qoses, _encoded_keys,
)  # fmt: skip
sealed_bids = st.builds(
    lambda auction, key, ticket, count, content: SealedBid(
        auction, BIDDING.public, key, ticket, bytes(16 * count), content
    ),
    octets(32), keys, octets(125), st.integers(1, 16), octets(348),
)  # fmt: skip
auction_receipts = st.one_of(
    st.builds(AuctionReceipt, octets(32), st.sampled_from(Status), st.one_of(st.none(), keys)),
    st.builds(
        AuctionReceipt, octets(32), st.sampled_from(Status), keys, epochs, u63, octets(32), names, texts
    ),
    st.builds(
        AuctionReceipt,
        octets(32),
        st.just(Status.CANCELLED),
        keys,
        epochs,
        u63,
        octets(32),
        names,
        texts,
        u63,
    ),
)
auction_lists = st.builds(
    AuctionList,
    st.lists(
        st.builds(
            ListedAuction, octets(0, 300), st.sampled_from((Status.ACTIVE, Status.INACTIVE)), epochs, st.integers(0, 9),
            st.just("") | names,
        ),
        max_size=3,
    ).map(tuple),
    u63,
)  # fmt: skip
generate_offers = st.builds(
    GenerateOffer, octets(0, 300), u63, st.dictionaries(keys, shares_of_slots, min_size=1, max_size=4), u63, octets(64),
    octets(32),
)  # fmt: skip


def _software_request(secret: int) -> EnrolmentRequest:
    key = PrivateKey.from_secret(secret)
    proof = prove_software_key(key, PROVIDER.public)
    return EnrolmentRequest(PROVIDER.public, key.public, software_proof=proof)


requests = st.one_of(
    st.builds(_software_request, st.integers(1, 2**64)),
    st.builds(EnrolmentRequest, provider_key, st.none(), octets(1, 512), octets(1, 4_096)),
)
enrolment_replies = st.one_of(
    st.builds(EnrolmentReply, st.builds(EnrolmentChallenge, octets(0, 200), octets(0, 300))),
    st.builds(EnrolmentReply, st.none(), octets(1, 400), st.just(b"")),
    st.builds(EnrolmentReply, st.none(), st.just(b""), octets(1, 400)),
)


# ---- The messages


def _transaction(name: str, action: object, issuer: PrivateKey, values: st.SearchStrategy[Any]) -> Message:
    def read(data: bytes) -> Transaction:
        signed = read_transaction(data, LEDGER_ID)
        signed.verify(issuer.public)
        return signed.transaction

    return Message(
        name=name,
        example=Transaction(action, NONCE, UTC_S + 60),  # type: ignore[arg-type]  # an Action
        write=lambda transaction: sign_transaction(transaction, issuer, LEDGER_ID).envelope.encoded,
        read=read,
        values=st.builds(Transaction, values, octets(8), u63),
        max_bytes=MAX_TRANSACTION_BYTES,
        signer=issuer,
        external=TRANSACTION + LEDGER_ID,
    )


RESERVATIONS = {1_962_222: Reservation(900_000, 20), 1_962_223: Reservation(800_000, 0)}
SHARES = {CONSUMER.public: AuctionShare(2, 1_700_000)}

_GRANT = sign_again(write_grant(GRANT_VALUE, LEDGER, LEDGER_ID), LEDGER, GRANT + LEDGER_ID)
_REGISTRATION_VALUE = Registration(OPERATOR.public, 4_711, UTC_S - 3_600)
_REGISTRATION = sign_again(
    write_registration(_REGISTRATION_VALUE, LEDGER, LEDGER_ID), LEDGER, REGISTRATION + LEDGER_ID
)
_TIME_KEY_VALUE = TimeKey(OPERATOR.public, UTC_S + 600, PrivateKey.from_secret(8).public)
_TIME_KEY = sign_again(write_time_key(_TIME_KEY_VALUE, OPERATOR), OPERATOR, TIME_KEY)
_AUCTION_VALUE = Auction(
    AuctionTerms(
        PROVIDER.public, AuctionMark(AuctionKind.VICKREY, UTC_S + 600, 1_000_000), BAND, 40, 1_200, QOS
    ),
    13,
    "https://roof.example/offer",
    OPERATOR.public,
    1,
    (_TIME_KEY,),
)
_AUCTION = sign_again(write_auction(_AUCTION_VALUE, PROVIDER, LEDGER_ID), PROVIDER, AUCTION + LEDGER_ID)
WON = {CONSUMER.public: AuctionShare(1, 1_600_000)}
RULING = sign_ruling(OPERATOR, LEDGER_ID, _AUCTION_VALUE.auction_id, bytes(range(32)), 1_600_000, WON)
_SESSION_VALUE = Auction(
    AuctionTerms(
        PROVIDER.public,
        AuctionMark(AuctionKind.SESSION, UTC_S + 600, 1_000, (3, 3, 6, 30)),
        BAND,
        30,
        60,
        QOS,
    ),
    13,
    "",
    OPERATOR.public,
    1,
    (_TIME_KEY,),
)
_SESSION = sign_again(write_auction(_SESSION_VALUE, PROVIDER, LEDGER_ID), PROVIDER, AUCTION + LEDGER_ID)
WON_SLOTS = {CONSUMER.public: AuctionShare(3, 40_000, 2)}
SESSION_RULING = sign_ruling(
    OPERATOR, LEDGER_ID, _SESSION_VALUE.auction_id, bytes(range(32)), 1_000, WON_SLOTS
)
LOCK = Lock(_AUCTION_VALUE.auction_id, OPERATOR.public, (_TIME_KEY_VALUE.key,), 1, LEDGER_ID)
BID_VALUE = Transaction(
    Allocate(PROVIDER.public, 1_700_000, BAND, 0, auction=LOCK.auction_id), NONCE, UTC_S + 1_200
)
BID = sign_again(
    sign_transaction(BID_VALUE, CONSUMER, LEDGER_ID).envelope.encoded, CONSUMER, TRANSACTION + LEDGER_ID
)


def seal_the_same_again(lock: Lock, transaction: bytes) -> SealedBid:
    """As `seal_bid` does, with the deterministic signature in the ticket."""
    content = len(transaction).to_bytes(2, "big") + transaction.ljust(318, b"\0")
    shared, cut, sealed = _seal(lock, BIDDING.public, bytes(range(16)), content)
    voucher = CONSUMER.public.octets + sign_deterministically(_ticket_bytes(lock, BIDDING.public), CONSUMER)
    pad = _pad(shared, shared.public, lock.house, b"ticket")
    ticket = seal(pad, voucher, _associated(lock, BIDDING.public))
    return SealedBid(lock.auction_id, BIDDING.public, shared.public, ticket, b"".join(cut), sealed)


_RECEIPT = Receipt(bytes(range(32)), 4_711, UTC_S, "insufficient_funds", "12 BC, and 15 BC are wanted")
_SIGNED = [
    Message(
        "offer", OFFER_VALUE,
        lambda value: write_offer(value, PROVIDER), lambda data: read_offer(data, PROVIDER.public),
        offers, MAX_OFFER_BYTES, PROVIDER, OFFER,
    ),
    Message(
        "grant", GRANT_VALUE,
        lambda value: write_grant(value, LEDGER, LEDGER_ID), lambda data: read_grant(data, LEDGER.public, LEDGER_ID),
        grants, MAX_GRANT_BYTES, LEDGER, GRANT + LEDGER_ID,
    ),
    Message(
        "receipt", _RECEIPT,
        lambda value: write_receipt(value, LEDGER, LEDGER_ID),
        lambda data: read_receipt(data, LEDGER.public, LEDGER_ID),
        receipts, MAX_RECEIPT_BYTES, LEDGER, RECEIPT + LEDGER_ID,
    ),
    Message(
        "join_request", JoinRequest(JoinPurpose.JOIN, GRANT_VALUE.grant_id, STATION, BSSID, bytes(range(16))),
        lambda value: write_join_request(value, CONSUMER), lambda data: read_join_request(data, CONSUMER.public),
        st.builds(JoinRequest, st.sampled_from(JoinPurpose), octets(16), stations, macs, octets(16)),
        MAX_JOIN_REQUEST_BYTES, CONSUMER, JOIN,
    ),
    Message(
        "revocation", Revocation(GRANT_VALUE.grant_id, "abuse"),
        lambda value: write_revocation(value, PROVIDER), lambda data: read_revocation(data, PROVIDER.public),
        st.builds(Revocation, octets(16), texts), MAX_REVOCATION_BYTES, PROVIDER, REVOCATION,
    ),
    Message(
        "offer_state", OfferState(PROVIDER.public, 4_711, 12, 1_500_000, BAND, 1_200, QOS, 17),
        lambda value: write_offer_state(value, LEDGER, LEDGER_ID),
        lambda data: read_offer_state(data, LEDGER.public, LEDGER_ID),
        st.builds(OfferState, keys, u63, epochs, u63, bands, durations, qoses, u32),
        MAX_OFFER_STATE_BYTES, LEDGER, OFFER_STATE + LEDGER_ID,
    ),
    Message(
        "attestation_result",
        AttestationResult(ATTESTATION.public, b"\0\x0b" + bytes(range(32)), PROVIDER.public, bytes(range(32)), UTC_S),
        lambda value: write_attestation_result(value, LEDGER, LEDGER_ID),
        lambda data: read_attestation_result(data, LEDGER.public, LEDGER_ID),
        results, MAX_ATTESTATION_RESULT_BYTES, LEDGER, RESULT + LEDGER_ID,
    ),
    Message(
        "network", Network(BSSID, b"airgrant", OPERATOR.public, UTC_S + 120, _REGISTRATION),
        lambda value: write_network(value, PROVIDER), lambda data: read_network(data, PROVIDER.public),
        st.builds(Network, macs, octets(1, MAX_SSID_BYTES), keys, u63, octets(0, MAX_REGISTRATION_BYTES)),
        MAX_NETWORK_BYTES, PROVIDER, NETWORK,
    ),
    Message(
        "admission", Admission(_GRANT, STATION, BSSID, 250_000_000, UTC_S + 30),
        lambda value: write_admission(value, OPERATOR), lambda data: read_admission(data, OPERATOR.public),
        st.builds(Admission, octets(1, MAX_GRANT_BYTES), stations, macs, u63, u63),
        MAX_ADMISSION_BYTES, OPERATOR, ADMISSION,
    ),
    Message(
        "grant_price", GrantPrice(GRANT_VALUE.grant_id, CONSUMER.public, 1_500_000),
        lambda value: write_grant_price(value, LEDGER, LEDGER_ID),
        lambda data: read_grant_price(data, LEDGER.public, LEDGER_ID),
        st.builds(GrantPrice, octets(16), keys, u63), MAX_GRANT_PRICE_BYTES, LEDGER, GRANT_PRICE + LEDGER_ID,
    ),
    Message(
        "registration", _REGISTRATION_VALUE,
        lambda value: write_registration(value, LEDGER, LEDGER_ID),
        lambda data: read_registration(data, LEDGER.public, LEDGER_ID),
        st.builds(Registration, keys, u63, u63), MAX_REGISTRATION_BYTES, LEDGER, REGISTRATION + LEDGER_ID,
    ),
    Message(
        "usage_bill", UsageBill(PROVIDER.public.provider_id, GRANT_VALUE.grant_id, 12, 2_345_678_901, 173_000),
        lambda value: write_usage_bill(value, PROVIDER, LEDGER_ID),
        lambda data: read_usage_bill(data, PROVIDER.public, LEDGER_ID),
        st.builds(UsageBill, st.just(PROVIDER.public.provider_id), octets(16), epochs, u63, epochs),
        MAX_USAGE_BILL_BYTES, PROVIDER, USAGE_BILL + LEDGER_ID,
    ),
    Message(
        "lease_quote", LeaseQuote(CONSUMER.public, BAND, 22_680_000, 3_600, UTC_S + 600),
        lambda value: write_lease_quote(value, PROVIDER, LEDGER_ID),
        lambda data: read_lease_quote(data, PROVIDER.public, LEDGER_ID),
        st.builds(LeaseQuote, keys, bands, epochs, durations, u63),
        MAX_LEASE_QUOTE_BYTES, PROVIDER, LEASE_QUOTE + LEDGER_ID,
    ),
    Message(
        "offer_of_use", replace(OFFER_VALUE, qos=QOS_OF_USE),
        lambda value: write_offer(value, PROVIDER), lambda data: read_offer(data, PROVIDER.public),
        offers, MAX_OFFER_BYTES, PROVIDER, OFFER,
    ),
    Message(
        "grant_of_use", replace(GRANT_VALUE, qos=QOS_OF_USE),
        lambda value: write_grant(value, LEDGER, LEDGER_ID), lambda data: read_grant(data, LEDGER.public, LEDGER_ID),
        grants, MAX_GRANT_BYTES, LEDGER, GRANT + LEDGER_ID,
    ),
    Message(
        "time_key", _TIME_KEY_VALUE, lambda value: write_time_key(value, OPERATOR), read_time_key,
        st.builds(TimeKey, st.just(OPERATOR.public), epochs, keys), MAX_TIME_KEY_BYTES, OPERATOR, TIME_KEY,
    ),
    Message(
        "auction", _AUCTION_VALUE,
        lambda value: write_auction(value, PROVIDER, LEDGER_ID), lambda data: read_auction(data, LEDGER_ID),
        auctions, MAX_AUCTION_BYTES, PROVIDER, AUCTION + LEDGER_ID,
    ),
    Message(
        "session_auction", _SESSION_VALUE,
        lambda value: write_auction(value, PROVIDER, LEDGER_ID), lambda data: read_auction(data, LEDGER_ID),
        auctions, MAX_AUCTION_BYTES, PROVIDER, AUCTION + LEDGER_ID,
    ),
    Message(
        "sealed_bid", seal_the_same_again(LOCK, BID),
        lambda value: write_sealed_bid(value, BIDDING, LEDGER_ID), lambda data: read_sealed_bid(data, LEDGER_ID),
        sealed_bids, MAX_SEALED_BID_BYTES, BIDDING, SEALED_BID + LEDGER_ID,
    ),
    Message(
        "auction_receipt",
        AuctionReceipt(LOCK.auction_id, Status.PENDING, BIDDING.public, 2, UTC_S * 10**9, bytes(range(32))),
        lambda value: write_auction_receipt(value, OPERATOR, LEDGER_ID),
        lambda data: read_auction_receipt(data, OPERATOR.public, LEDGER_ID),
        auction_receipts, MAX_AUCTION_RECEIPT_BYTES, OPERATOR, AUCTION_RECEIPT + LEDGER_ID,
    ),
    Message(
        "outbid_receipt",
        AuctionReceipt(
            _SESSION_VALUE.auction_id, Status.CANCELLED, BIDDING.public, 2, UTC_S * 10**9, bytes(range(32)), "outbid",
            "would have won with more than 0.05", 50_000,
        ),
        lambda value: write_auction_receipt(value, OPERATOR, LEDGER_ID),
        lambda data: read_auction_receipt(data, OPERATOR.public, LEDGER_ID),
        auction_receipts, MAX_AUCTION_RECEIPT_BYTES, OPERATOR, AUCTION_RECEIPT + LEDGER_ID,
    ),
    Message(
        "auction_list", AuctionList((ListedAuction(_AUCTION, Status.ACTIVE, 1, 1),)),
        lambda value: write_auction_list(value, OPERATOR, LEDGER_ID),
        lambda data: read_auction_list(data, OPERATOR.public, LEDGER_ID),
        auction_lists, MAX_AUCTION_LIST_BYTES, OPERATOR, AUCTION_LIST + LEDGER_ID,
    ),
    Message(
        "generate_offer",
        GenerateOffer(_AUCTION, 1_600_000, WON, UTC_S + 1_200, RULING.signature, RULING.head),
        lambda value: write_generate_offer(value, OPERATOR, LEDGER_ID),
        lambda data: read_generate_offer(data, OPERATOR.public, LEDGER_ID),
        generate_offers, MAX_GENERATE_OFFER_BYTES, OPERATOR, GENERATE_OFFER + LEDGER_ID,
    ),
]  # fmt: skip
_TRANSACTIONS = [
    _transaction("create", Create(CONSUMER.public), CONSUMER, st.builds(Create, keys)),
    _transaction("deposit", Deposit(CONSUMER.public, 50_000_000), EXCHANGE, st.builds(Deposit, keys, u63)),
    _transaction("withdraw", Withdraw(PROVIDER.public, 20_000_000), EXCHANGE, st.builds(Withdraw, keys, u63)),
    _transaction("transfer", Transfer(PROVIDER.public, 250_000), CONSUMER, st.builds(Transfer, keys, u63)),
    _transaction(
        "post_offer",
        PostOffer(1_500_000, BAND, 40, 1_200, QOS, 950_000, 900_000, RESERVATIONS, SHARES),
        PROVIDER,
        post_offers,
    ),
    _transaction("allocate", Allocate(PROVIDER.public, 1_500_000, BAND, 12), CONSUMER, allocates),
    _transaction("bid", BID_VALUE.action, CONSUMER, allocates),
    _transaction(
        "session_bid",
        Allocate(PROVIDER.public, 90_000, BAND, 0, 3, auction=_SESSION_VALUE.auction_id, slots=2), CONSUMER, allocates,
    ),
    _transaction(
        "session_offer",
        PostOffer(
            1_000, BAND, 30, 60, QOS,
            consumers=WON_SLOTS, auction=_SESSION_VALUE.terms.mark, ruling=SESSION_RULING,
        ),
        PROVIDER, post_offers,
    ),
    _transaction(
        "settling_offer",
        PostOffer(
            1_600_000, BAND, 40, 1_200, QOS,
            consumers=WON, auction=_AUCTION_VALUE.terms.mark,
            ruling=RULING,
        ),
        PROVIDER, post_offers,
    ),
    _transaction(
        "found_club", FoundClub(1, 18_000, 900, PROVIDER.public.octets + CONSUMER.public.octets), OPERATOR,
        founded_clubs,
    ),
    _transaction("spend_tokens", SpendTokens(OPERATOR.public, 1, 300), PROVIDER, spent_tokens),
]  # fmt: skip
_GOLDEN = {message.name: message.golden for message in _SIGNED}
_REPORT = UsageReport(
    2, bytes(range(32)), UTC_S * 1_000, UTC_S * 1_000 + 60_000,
    (UsageRow(GRANT_VALUE.grant_id, 37_500_000, 7_500_000, 81_000_000, 7_500_000),),
)  # fmt: skip
_SHORT = UsageReport(
    2, bytes(range(32)), UTC_S * 1_000, UTC_S * 1_000 + 60_000,
    (UsageRow(GRANT_VALUE.grant_id, 31_250_000, 7_500_000, 81_000_000, 7_500_000, 6_250_000, 0),),
)  # fmt: skip
_BOOT = BootRecord(1, FIRST_PREVIOUS, UTC_S * 1_000, bytes(320), bytes(32), "apd 0.1.0")
_RECORD_BYTES = write_meter_record(_REPORT)


def _grant_proof() -> GrantProof:
    """The example grant as the last of six consumers, in a block of two purchases."""
    terms = SaleTerms(PROVIDER.public.provider_id, 12, UTC_S, 1_200, BAND, QOS, 1)
    sold = Sold(bytes(range(14)), consumer_row(5) + CONSUMER.public.octets, terms)
    proof = prove([sold, Sold(b"o" * 14, consumer_row(1), terms)], 0, 5)
    unsigned = join_envelope(write_header(proof.header), LEDGER.public.key_id, b"")
    signature = sign_deterministically(sig_structure(unsigned, BLOCK + LEDGER_ID), LEDGER)
    return replace(proof, key_id=LEDGER.public.key_id, signature=signature)


_UNSIGNED = [
    Message("boot_record", _BOOT, write_meter_record, read_meter_record, records, MAX_METER_RECORD_BYTES),
    Message("usage_report", _REPORT, write_meter_record, read_meter_record, records, MAX_METER_RECORD_BYTES),
    Message(
        "usage_report_short", _SHORT, write_meter_record, read_meter_record, records, MAX_METER_RECORD_BYTES,
    ),
    Message(
        "anchor_record", AnchorRecord(3, bytes(range(32)), UTC_S * 1_000 + 60_000, 8),
        write_meter_record, read_meter_record, records, MAX_METER_RECORD_BYTES,
    ),
    Message(
        "evidence",
        Evidence(
            ATTESTATION.public.key_id, _RECORD_BYTES, b"",
            sign_deterministically(SOFTWARE_DOMAIN + _RECORD_BYTES, ATTESTATION),
        ),
        write_evidence, read_evidence, evidences, MAX_EVIDENCE_BYTES,
    ),
    Message(
        "ledger_reply", LedgerReply(_GOLDEN["receipt"], (_GOLDEN["grant"],)),
        write_ledger_reply, read_ledger_reply, replies, MAX_LEDGER_REPLY_BYTES,
    ),
    Message(
        "grant_proof", _grant_proof(), write_grant_proof, read_grant_proof, grant_proofs(), MAX_GRANT_PROOF_BYTES,
    ),
    Message(
        "enrolment_request", EnrolmentRequest(
            PROVIDER.public, ATTESTATION.public,
            software_proof=sign_deterministically(ENROLMENT_PROOF + PROVIDER.public.octets, ATTESTATION),
        ),
        lambda value: write_enrolment_request(value, PROVIDER, LEDGER_ID),
        lambda data: read_enrolment(data, LEDGER_ID), requests, MAX_ENROLMENT_BYTES, PROVIDER, ENROLMENT + LEDGER_ID, 4,
    ),
    Message(
        "enrolment_answer", EnrolmentAnswer(ATTESTATION.public.key_id, bytes(range(32))),
        write_enrolment_answer, lambda data: read_enrolment(data, LEDGER_ID),
        st.builds(EnrolmentAnswer, octets(8), octets(0, 64)), MAX_ENROLMENT_BYTES,
    ),
    Message(
        "enrolment_reply", EnrolmentReply(attestation_result=_GOLDEN["attestation_result"]),
        write_enrolment_reply, read_enrolment_reply, enrolment_replies, MAX_ENROLMENT_BYTES,
    ),
]  # fmt: skip
MESSAGES: dict[str, Message] = {message.name: message for message in (*_SIGNED, *_TRANSACTIONS, *_UNSIGNED)}
SIGNED = [name for name, message in MESSAGES.items() if message.signer is not None]
ENVELOPES = [name for name in SIGNED if MESSAGES[name].offset == 0]
