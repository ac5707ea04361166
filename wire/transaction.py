"""The signed transaction: one action of Bandcoin, PayPlace or a club, once, on one ledger, until a time.

Sent by anybody, tunnelled by anybody: the issuer's signature is all that counts. The random nonce tells two equal
purchases apart; the ledger executes an id once and refuses it after `valid_until_s`, so a signed transaction may wait
(a bid) and many may be under way, but none runs twice. The id covers what was signed, not the signature,
which others could replace by an equivalent one. Largest legal size 2 MiB (50,000 consumers).
Reference: Bandcoin 5.1.1, 5.2.2.
"""

from collections.abc import Callable
from dataclasses import field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from wire.allocate import Allocate, read_allocate, write_allocate
from wire.cbor import Key, Value
from wire.cose import Envelope, read_envelope, sign_envelope
from wire.create import Create, read_create, write_create
from wire.errors import DecodeError
from wire.fields import FieldReader
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import (
    Deposit,
    Transfer,
    Withdraw,
    read_deposit,
    read_transfer,
    read_withdraw,
    write_money_action,
)
from wire.post_offer import PostOffer, read_post_offer, write_post_offer

if TYPE_CHECKING:  # a box does without
    from wire.club_actions import ClubAction, ClubCode
    from wire.payplace_actions import PayplaceAction, PayplaceCode

EXTERNAL = b"airgrant/transaction/"
MAX_TRANSACTION_BYTES = 2 * 1024 * 1024
NONCE_SIZE = 8

_ACTION, _NONCE, _VALID_UNTIL = 0, 1, 2

OwnAction = Create | Deposit | Withdraw | Transfer | PostOffer | Allocate
"""Of Bandcoin itself; the others are found in their modules when one of them comes."""
if TYPE_CHECKING:
    Action = OwnAction | PayplaceAction | ClubAction
else:

    def __getattr__(name: str) -> Any:
        """All actions, for whoever asks for them (PEP 562)."""
        if name != "Action":
            raise AttributeError(f"module {__name__} has no {name}")
        from wire.club_actions import ClubAction
        from wire.payplace_actions import PayplaceAction

        return OwnAction | PayplaceAction | ClubAction


class ActionCode(IntEnum):
    """Field 0 of a transaction of Bandcoin; PayPlace's are in wire/payplace_actions.py, clubs' in club_actions.py."""

    CREATE = 0
    DEPOSIT = 1
    WITHDRAW = 2
    TRANSFER = 3
    OFFER = 4
    ALLOCATE = 5


_READERS: dict[int, Callable[[FieldReader], OwnAction]] = {
    ActionCode.CREATE: read_create,
    ActionCode.DEPOSIT: read_deposit,
    ActionCode.WITHDRAW: read_withdraw,
    ActionCode.TRANSFER: read_transfer,
    ActionCode.OFFER: read_post_offer,
    ActionCode.ALLOCATE: read_allocate,
}


@dataclass(frozen=True, slots=True)
class Transaction:
    """What is signed. `nonce` is 8 random octets; `valid_until_s` is UTC."""

    action: "Action"
    nonce: bytes
    valid_until_s: int

    def __post_init__(self) -> None:
        if len(self.nonce) != NONCE_SIZE:
            raise DecodeError(f"transaction: the nonce has {len(self.nonce)} bytes, not {NONCE_SIZE}")


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction, its envelope and its id. Unverified until `verify` returned.

    `verified_by` is a key whose signature was verified elsewhere, and is no part of what is equal.
    """

    envelope: Envelope
    transaction: Transaction
    transaction_id: bytes
    external: bytes
    verified_by: PublicKey | None = field(default=None, compare=False)

    @property
    def issuer_key_id(self) -> bytes:
        return self.envelope.key_id

    def verify(self, issuer: PublicKey) -> None:
        """Raises VerificationError unless `issuer` signed it for this ledger."""
        if self.verified_by != issuer:
            self.envelope.verify(issuer, self.external)

    def vouched(self, issuer: PublicKey) -> "SignedTransaction":
        """The same, for whoever has verified that `issuer` signed it."""
        return SignedTransaction(self.envelope, self.transaction, self.transaction_id, self.external, issuer)


def sign_transaction(transaction: Transaction, issuer: PrivateKey, ledger_id: bytes) -> SignedTransaction:
    code, fields = _write_action(transaction.action)
    fields |= {_ACTION: int(code), _NONCE: transaction.nonce, _VALID_UNTIL: transaction.valid_until_s}
    external = EXTERNAL + ledger_id
    envelope = sign_envelope(fields, issuer, external)
    return SignedTransaction(envelope, transaction, envelope.digest(external), external)


def read_transaction(
    data: bytes, ledger_id: bytes, max_bytes: int = MAX_TRANSACTION_BYTES
) -> SignedTransaction:
    """The transaction in `data`; its signature is not checked yet. Raises DecodeError."""
    envelope, external = read_envelope(data, max_bytes), EXTERNAL + ledger_id
    return SignedTransaction(envelope, parse_transaction(envelope), envelope.digest(external), external)


def parse_transaction(envelope: Envelope) -> Transaction:
    """What an envelope says, for whoever knows its id already. Raises DecodeError."""
    fields = FieldReader(envelope.payload, "transaction")
    code = fields.integer(_ACTION, "action", 0, 255)
    read_action = _READERS.get(code) or _other_reader(code)
    if read_action is None:
        raise fields.error(
            "action is none of create, deposit, withdraw, transfer, offer, allocate, or of PayPlace or a club"
        )
    nonce, valid_until_s = (
        fields.octets(_NONCE, "nonce", NONCE_SIZE),
        fields.integer(_VALID_UNTIL, "valid_until_s"),
    )
    transaction = Transaction(read_action(fields), nonce, valid_until_s)
    fields.finish()
    return transaction


def _other_reader(code: int) -> "Callable[[FieldReader], PayplaceAction | ClubAction] | None":
    """Of an action of PayPlace or of a club."""
    from wire.club_actions import CLUB_READERS
    from wire.payplace_actions import PAYPLACE_READERS

    return PAYPLACE_READERS.get(code) or CLUB_READERS.get(code)


def _write_action(action: "Action") -> "tuple[ActionCode | PayplaceCode | ClubCode, dict[Key, Value]]":
    match action:
        case Create():
            return ActionCode.CREATE, write_create(action)
        case Deposit():
            return ActionCode.DEPOSIT, write_money_action(action)
        case Withdraw():
            return ActionCode.WITHDRAW, write_money_action(action)
        case Transfer():
            return ActionCode.TRANSFER, write_money_action(action)
        case PostOffer():
            return ActionCode.OFFER, write_post_offer(action)
        case Allocate():
            return ActionCode.ALLOCATE, write_allocate(action)
        case _:
            return _write_other_action(action)


def _write_other_action(
    action: "PayplaceAction | ClubAction",
) -> "tuple[PayplaceCode | ClubCode, dict[Key, Value]]":
    from wire.club_actions import FoundClub, SpendTokens, write_club_action
    from wire.payplace_actions import write_payplace_action

    if isinstance(action, FoundClub | SpendTokens):
        return write_club_action(action)
    return write_payplace_action(action)
