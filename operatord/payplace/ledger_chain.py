"""A ledger as the chain on which payments settle: reads its pages, sends signed transactions over MQTT.

What is read is the contract's own entries. A page is believed as far as the ledger that was asked is; whoever wants to
believe no single machine asks his own. Raises ShellError if it is away.
"""

import base64
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager

from ledger.client import LedgerClient, LedgerReader
from ledger.entries import read_entry
from ledger.genesis import Genesis
from ledger.pages import TransactionListPage, TransactionPage
from ledger.payplace.entries import (
    Channel,
    PayMerchant,
    PayOperator,
    channel_key,
    merchant_key,
    operator_key,
)
from ledger.payplace.pages import (
    MAX_NUMBERS,
    PayChannelListPage,
    PayChannelPage,
    PayMerchantListPage,
    PayMerchantPage,
    PayNumberPage,
    PayOperatorPage,
)
from wire.errors import DecodeError, ShellError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.micropayment import instance_of
from wire.payplace_actions import PayplaceAction
from wire.payplace_notarisation import MarkMissing
from wire.payplace_registration import RegisterOperator
from wire.payplace_withdrawal import ForceExit, WithdrawPayout
from wire.receipt import read_receipt
from wire.transaction import NONCE_SIZE, Transaction, read_transaction, sign_transaction

VALIDITY_S = 60
_OF_HISTORY = {"mark_missing", "withdraw_payout", "force_exit"}


class LedgerChain:
    """One operator on one ledger, as the account of `key` sees it. `connect` opens a connection for a submission."""

    def __init__(
        self,
        reader: LedgerReader,
        connect: Callable[[], AbstractContextManager[LedgerClient]],
        genesis: Genesis,
        operator: PublicKey,
        key: PrivateKey,
    ) -> None:
        self._reader = reader
        self._connect = connect
        self._genesis = genesis
        self._operator = operator
        self._key = key
        self._path = f"payplace/{operator}"

    @property
    def instance(self) -> bytes:
        return instance_of(self._genesis.ledger_id, self._operator.octets)

    @property
    def account(self) -> PublicKey:
        return self._key.public

    def time_s(self) -> int:
        return self._reader.read(PayOperatorPage, self._path).now_s

    def operator(self) -> PayOperator:
        page = self._reader.read(PayOperatorPage, self._path)
        entry = _read(operator_key(self._operator.key_id), page.entry)
        if not isinstance(entry, PayOperator) or entry.key != self._operator.octets:
            raise ShellError(self._reader.url, f"what is shown of {self._operator} is no operator")
        return entry

    def merchants(self) -> Mapping[bytes, PayMerchant]:
        found, after = dict[bytes, PayMerchant](), ""
        while True:
            page = self._reader.read(PayMerchantListPage, f"{self._path}/merchants", after=after)
            for shown in page.merchants:
                found[bytes.fromhex(shown.merchant)] = self._merchant(shown)
            if page.after is None:
                return found
            after = page.after

    def merchant(self, merchant_id: bytes) -> PayMerchant | None:
        try:
            return self._merchant(
                self._reader.read(PayMerchantPage, f"{self._path}/merchants/{merchant_id.hex()}")
            )
        except LookupError:
            return None

    def channel(self, number: int) -> Channel | None:
        try:
            page = self._reader.read(PayChannelPage, f"{self._path}/channels/{number}")
        except LookupError:
            return None
        entry = _read(channel_key(self._operator.key_id, number), page.entry)
        if not isinstance(entry, Channel):
            raise ShellError(self._reader.url, f"what is shown of channel {number} is none")
        return entry

    def channels(self, numbers: Iterable[int]) -> Mapping[int, Channel]:
        wanted, found = sorted(set(numbers)), dict[int, Channel]()
        for at in range(0, len(wanted), MAX_NUMBERS):
            asked = ",".join(str(number) for number in wanted[at : at + MAX_NUMBERS])
            page = self._reader.read(PayChannelListPage, f"{self._path}/channels", numbers=asked)
            for shown in page.channels:
                entry = _read(channel_key(self._operator.key_id, shown.number), shown.entry)
                if not isinstance(entry, Channel):
                    raise ShellError(self._reader.url, f"what is shown of channel {shown.number} is none")
                found[shown.number] = entry
        return {number: found[number] for number in wanted if number in found}

    def number_of(self, consumer: PublicKey) -> int | None:
        try:
            return self._reader.read(PayNumberPage, f"{self._path}/consumers/{consumer}").number
        except LookupError:
            return None

    def history(self) -> Iterator[PayplaceAction]:
        of_operator, ledger_id = str(self._operator), self._genesis.ledger_id
        for listed in self._reader.listed(
            TransactionListPage, "transactions", "transactions", account=of_operator
        ):
            if listed.action not in _OF_HISTORY:
                continue
            page = self._reader.read(TransactionPage, f"transactions/{listed.id}")
            if page.transaction is None:
                raise ShellError(self._reader.url, f"transaction {listed.id} is too long to be shown")
            try:
                signed = read_transaction(base64.b64decode(page.transaction, validate=True), ledger_id)
            except (ValueError, DecodeError) as error:
                raise ShellError(self._reader.url, f"transaction {listed.id}: {error}") from error
            match signed.transaction.action:
                case MarkMissing() | ForceExit() as own if signed.issuer_key_id == self._operator.key_id:
                    yield own
                case WithdrawPayout(operator) as withdrawal if operator == self._operator:
                    yield withdrawal
                case _:
                    pass

    def register(self, action: RegisterOperator) -> str:
        """`submit` for who is no operator yet, and of whom the ledger has no page that says what time it is."""
        return self._submit(action, self._reader.said_s or self._genesis.time_s)

    def submit(self, action: PayplaceAction) -> str:
        return self._submit(action, self.time_s())

    def _submit(self, action: PayplaceAction, now_s: int) -> str:
        transaction = Transaction(action, secrets.token_bytes(NONCE_SIZE), now_s + VALIDITY_S)
        signed = sign_transaction(transaction, self._key, self._genesis.ledger_id)
        try:
            with self._connect() as client:
                reply = client.submit(signed.envelope.encoded)
            receipt = read_receipt(
                reply.receipt, self._genesis.signer(reply.receipt), self._genesis.ledger_id
            )
        except DecodeError as error:
            raise ShellError(self._reader.url, f"no receipt: {error}") from error
        if receipt.subject != signed.transaction_id:
            raise ShellError(self._reader.url, "the receipt is for another transaction")
        return receipt.reason

    def _merchant(self, page: PayMerchantPage) -> PayMerchant:
        entry = _read(merchant_key(self._operator.key_id, bytes.fromhex(page.merchant)), page.entry)
        if not isinstance(entry, PayMerchant):
            raise ShellError(self._reader.url, f"what is shown of merchant {page.merchant} is none")
        return entry


def _read(key: bytes, text: str) -> object:
    try:
        return read_entry(key, base64.b64decode(text, validate=True))
    except (ValueError, DecodeError) as error:
        raise ShellError("ledger", f"no entry of the contract: {error}") from error
