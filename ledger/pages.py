"""What the HTTP service shows: the shape of every answer, made from the state and the log.

Pure functions from entries to pydantic models, which are also the OpenAPI schema. Keys, ids and hashes are
hex, signed things base64 as they were signed, quantities integers whose names end in their unit, instants UTC
seconds.
"""

import base64

from pydantic import BaseModel, Field

from ledger.block import Item, ItemKind
from ledger.entries import Account, ReservationOffer, StandingOffer
from ledger.genesis import Genesis, write_genesis
from ledger.granting import read_sale
from wire.allocate import Allocate
from wire.attestation_result import AttestationResult
from wire.band import Band
from wire.block_header import Header
from wire.club_actions import FoundClub, SpendTokens, write_club_action
from wire.create import Create
from wire.grant import Grant
from wire.grant_price import GrantPrice
from wire.grant_proof import GrantProof
from wire.ids import PublicKey
from wire.money_actions import Deposit, Transfer, Withdraw
from wire.payplace_actions import write_payplace_action
from wire.post_offer import PostOffer
from wire.qos import Qos
from wire.transaction import Action, ActionCode, read_transaction
from wire.usage_terms import UsageTerms


class ErrorPage(BaseModel):
    """What went wrong, in a word and in a sentence."""

    error: str
    detail: str


class LedgerPage(BaseModel):
    """The ledger as of its last block. `ledger_key` is the one of `gateways` that signs these answers."""

    ledger_id: str
    ledger_key: str
    gateways: list[str]
    exchange: str
    period_s: int
    licensees: list[str] | None
    genesis: str = Field(description="base64 of its canonical CBOR, whose SHA-256 is the ledger id")
    height: int
    time_s: int
    app_hash: str
    head: str = Field(description="base64 of the block header, signed by the ledger (COSE_Sign1)")
    deposited_ubc: int
    withdrawn_ubc: int


class AccountPage(BaseModel):
    """An account's money."""

    account: str
    balance_ubc: int
    height: int


class BandPage(BaseModel):
    """A band in kHz."""

    from_frequency_khz: int
    to_frequency_khz: int
    bandwidth_khz: int


class UsageTermsPage(BaseModel):
    """What use of one unit beyond what it includes costs, paid afterwards."""

    included_bytes: int
    step_bytes: int
    price_ubc: int
    most_ubc: int


class QosPage(BaseModel):
    """What one allocation unit gets."""

    floor_down_bps: int
    ceil_down_bps: int
    floor_up_bps: int
    ceil_up_bps: int
    data_cap_bytes: int
    latency_class: str
    rate_layer: str
    usage: UsageTermsPage | None = None


class ReservationPage(BaseModel):
    """Units of one future period that may be bought now."""

    period: int
    starts_s: int
    price_ubc: int
    capacity: int


class OfferPage(BaseModel):
    """A provider's current offer, and what is left of it now."""

    provider: str
    epoch: int
    price_ubc: int
    band: BandPage
    max_allocations: int
    allocations_left: int
    allocation_duration_s: int
    qos: QosPage
    volume_discount_multiplier_ppm: int
    reservation_discount_multiplier_ppm: int
    cleared: bool
    height: int
    reservations: list[ReservationPage] = []


class OfferListPage(BaseModel):
    """Offers in the order of their providers' keys; `after` continues."""

    offers: list[OfferPage]
    after: str | None


class GrantPage(BaseModel):
    """A grant, spelled out and as signed."""

    grant_id: str
    transaction: str
    consumer: str
    provider_id: str
    epoch: int
    starts_s: int
    ends_s: int
    band: BandPage
    qos: QosPage
    allocations: int
    price_ubc: int | None = Field(
        default=None, description="its part of what was charged; where one grant is asked for"
    )
    payer: str | None = None
    grant: str = Field(description="base64 of the grant, signed by the ledger (COSE_Sign1)")


class GrantListPage(BaseModel):
    """A provider's grants that have not ended, in the order in which they were bought; `after` continues."""

    grants: list[GrantPage]
    after: str | None
    reached: str = Field(description="for `after` of a later request: what was bought since")


class TransactionPage(BaseModel):
    """An executed transaction. `charged_ubc`, `consumers` and `starts_s` of an allocate only."""

    number: int
    id: str
    height: int
    action: str
    issuer_key_id: str
    provider: str | None = None
    price_ubc: int | None = None
    epoch: int | None = None
    charged_ubc: int | None = None
    consumers: int | None = None
    starts_s: int | None = None
    duration_s: int | None = None
    nonce: str = Field(
        default="", description="hexadecimal; of a refund the beginning of SHA-256 of the grant's id"
    )
    valid_until_s: int
    bytes: int
    transaction: str | None = Field(default=None, description="base64, left out in lists and above 64 KiB")


class TransactionListPage(BaseModel):
    """Executed transactions in their order; `after` continues."""

    transactions: list[TransactionPage]
    after: int | None


class InclusionPage(BaseModel):
    """Proof that an item is in the log: hash (00, kind, item) up the path to items_root of the signed header."""

    transaction: TransactionPage
    index: int
    item_count: int
    path: list[str]
    header: str


class GrantProofPage(BaseModel):
    """Proof that a block sold a grant, for a station to show: no grant of the same purchase is asked for again."""

    grant_id: str
    consumer: str
    height: int
    app_hash: str = Field(description="of that block; of a shared ledger in the header of the next one, too")
    bytes: int
    proof: str = Field(description="base64 of docs/wire/grant_proof.md, signed by the ledger")


class ProofPage(BaseModel):
    """Proof of an account in the state: `entry` lies under `key` in the app hash of the signed header."""

    account: str
    key: str
    entry: str | None = Field(description="base64 of the canonical entry; null if there is none")
    proof: str = Field(description="base64 of ledger.state_tree's form")
    header: str


class ChainProofPage(BaseModel):
    """Proof of where a metering chain ends: `entry` lies under `key` in the app hash of the signed header."""

    key_id: str
    key: str
    entry: str = Field(
        description="base64 of the canonical entry: sequence, hash of the last record, retired_s"
    )
    proof: str = Field(description="base64 of ledger.state_tree's form")
    header: str


class RecordPage(BaseModel):
    """A meter record as the log has it."""

    sequence: int
    height: int
    evidence: str = Field(description="base64 of wire.evidence's form")


class RecordListPage(BaseModel):
    """Records of one attestation key in the order of their sequence; `after` continues."""

    records: list[RecordPage]
    after: int | None


class AttestationPage(BaseModel):
    """That an attestation key lives in a TPM of a provider's box, signed by the ledger."""

    key_id: str
    attestation_key: str
    provider: str
    in_tpm: bool
    enrolled_s: int
    retired_s: int | None = Field(description="since when another key took its place; null while it is live")
    attestation_result: str = Field(description="base64 of wire.attestation_result's form")


class AttestationListPage(BaseModel):
    """Everything that is enrolled, in the order of key ids; `after` continues."""

    attestations: list[AttestationPage]
    after: str | None


class CountersPage(BaseModel):
    """Bad input since the service started, by where and what."""

    counters: dict[str, int]


def show_ledger(
    genesis: Genesis,
    key: PublicKey,
    head: Header,
    signed_head: bytes,
    deposited_ubc: int,
    withdrawn_ubc: int,
) -> LedgerPage:
    """As the gateway with this key shows it."""
    licensees = None if genesis.licensees is None else [str(key) for key in genesis.licensees]
    return LedgerPage(
        ledger_id=genesis.ledger_id.hex(),
        ledger_key=str(key),
        gateways=[str(gateway) for gateway in genesis.gateways],
        exchange=str(genesis.exchange),
        period_s=genesis.period_s,
        licensees=licensees,
        genesis=to_base64(write_genesis(genesis)),
        height=head.height,
        time_s=head.time_s,
        app_hash=head.app_hash.hex(),
        head=to_base64(signed_head),
        deposited_ubc=deposited_ubc,
        withdrawn_ubc=withdrawn_ubc,
    )


def show_account(account: Account, height: int) -> AccountPage:
    return AccountPage(account=account.key.hex(), balance_ubc=account.balance_ubc, height=height)


def show_offer(provider: bytes, offer: StandingOffer, allocations_left: int, height: int) -> OfferPage:
    return OfferPage(
        provider=provider.hex(),
        epoch=offer.epoch,
        price_ubc=offer.price_ubc,
        band=show_band(offer.band),
        max_allocations=offer.max_allocations,
        allocations_left=allocations_left,
        allocation_duration_s=offer.allocation_duration_s,
        qos=show_qos(offer.qos),
        volume_discount_multiplier_ppm=offer.volume_multiplier_ppm,
        reservation_discount_multiplier_ppm=offer.reservation_multiplier_ppm,
        cleared=offer.cleared,
        height=height,
    )


def show_reservation(period: int, reservation: ReservationOffer, period_s: int) -> ReservationPage:
    return ReservationPage(
        period=period,
        starts_s=period * period_s,
        price_ubc=reservation.price_ubc,
        capacity=reservation.capacity,
    )


def show_band(band: Band) -> BandPage:
    return BandPage(
        from_frequency_khz=band.from_frequency_khz,
        to_frequency_khz=band.to_frequency_khz,
        bandwidth_khz=band.bandwidth_khz,
    )


def show_qos(qos: Qos) -> QosPage:
    return QosPage(
        floor_down_bps=qos.floor_down_bps,
        ceil_down_bps=qos.ceil_down_bps,
        floor_up_bps=qos.floor_up_bps,
        ceil_up_bps=qos.ceil_up_bps,
        data_cap_bytes=qos.data_cap_bytes,
        latency_class=qos.latency_class.name.lower(),
        rate_layer=qos.rate_layer.name.lower(),
        usage=None if qos.usage is None else show_usage_terms(qos.usage),
    )


def show_usage_terms(terms: UsageTerms) -> UsageTermsPage:
    return UsageTermsPage(
        included_bytes=terms.included_bytes,
        step_bytes=terms.step_bytes,
        price_ubc=terms.price_ubc,
        most_ubc=terms.most_ubc,
    )


def show_grant(grant: Grant, signed: bytes, price: GrantPrice | None = None) -> GrantPage:
    return GrantPage(
        grant_id=grant.grant_id.hex(),
        transaction=grant.transaction.hex(),
        consumer=str(grant.consumer),
        provider_id=grant.provider_id.hex(),
        epoch=grant.epoch,
        starts_s=grant.starts_s,
        ends_s=grant.ends_s,
        band=show_band(grant.band),
        qos=show_qos(grant.qos),
        allocations=grant.allocations,
        price_ubc=None if price is None else price.price_ubc,
        payer=None if price is None else str(price.payer),
        grant=to_base64(signed),
    )


def show_grant_proof(proof: GrantProof, encoded: bytes) -> GrantProofPage:
    grant, header = proof.grant, proof.header
    return GrantProofPage(
        grant_id=grant.grant_id.hex(),
        consumer=str(grant.consumer),
        height=header.height,
        app_hash=header.app_hash.hex(),
        bytes=len(encoded),
        proof=to_base64(encoded),
    )


def show_record(sequence: int, item: Item) -> RecordPage:
    return RecordPage(sequence=sequence, height=item.height, evidence=to_base64(item.encoded))


def show_attestation(result: AttestationResult, signed: bytes, retired_s: int) -> AttestationPage:
    return AttestationPage(
        key_id=result.attestation_key.key_id.hex(),
        attestation_key=str(result.attestation_key),
        provider=str(result.provider),
        in_tpm=result.in_tpm,
        enrolled_s=result.enrolled_s,
        retired_s=retired_s or None,
        attestation_result=to_base64(signed),
    )


MAX_SHOWN_BYTES = 64 * 1024


def show_transaction(item: Item, ledger_id: bytes, *, whole: bool) -> TransactionPage:
    """A logged transaction; `whole`: with its bytes."""
    signed = read_transaction(item.encoded, ledger_id)
    action = signed.transaction.action
    page = TransactionPage(
        number=item.number,
        id=item.id.hex(),
        height=item.height,
        action=_action_name(action),
        issuer_key_id=signed.issuer_key_id.hex(),
        nonce=signed.transaction.nonce.hex(),
        valid_until_s=item.valid_until_s,
        bytes=len(item.encoded),
    )
    if whole and len(item.encoded) <= MAX_SHOWN_BYTES:
        page.transaction = to_base64(item.encoded)
    match action:
        case Create():
            page.provider = str(action.account)
        case PostOffer():
            page.price_ubc = action.price_ubc
        case Deposit() | Withdraw() | Transfer() | Allocate():
            page.provider, page.price_ubc = str(action.provider), action.price_ubc
        case _:
            pass  # of PayPlace and clubs the bytes are shown, and the state by its own pages
    if isinstance(action, Allocate):
        sale = read_sale(item.result)
        page.epoch, page.charged_ubc = sale.epoch, sale.charged_ubc
        page.consumers = len(action.consumers) or 1
        page.starts_s, page.duration_s = sale.starts_s, sale.duration_s
    return page


def is_transaction(item: Item) -> bool:
    return item.kind == ItemKind.TRANSACTION


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _action_name(action: Action) -> str:
    if isinstance(action, PostOffer):
        return ActionCode.OFFER.name.lower()
    if isinstance(action, (Create, Deposit, Withdraw, Transfer, Allocate)):
        return type(action).__name__.lower()
    if isinstance(action, (FoundClub, SpendTokens)):
        return write_club_action(action)[0].name.lower()
    return write_payplace_action(action)[0].name.lower()
