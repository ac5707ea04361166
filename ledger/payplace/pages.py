"""What a ledger shows of PayPlace over HTTP: the contract's entries as they lie in its state.

An entry is the base64 of the octets that the app hash covers (ledger/payplace/entries.py), so that a program reads it
as the contract does; what people want to know stands beside it. Merchants come in pages, without their keys. Changes
nothing. An error is {"error": word, "detail": sentence}, as on the other pages.
"""

import base64
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Annotated, Protocol

from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, Field

from ledger.entries import Entry, write_entry
from ledger.http import KEY_PATTERN, NotFoundError
from ledger.payplace.entries import Channel, PayMerchant
from ledger.payplace.views import find_channel, read_channel, read_merchant, read_operator
from ledger.state import State
from wire.ids import PublicKey

PAGE = 100_000
"""Merchants, of 250 bytes each."""
MAX_NUMBERS = 500
"""Channels that are asked for at once."""
Key = Annotated[str, Path(pattern=KEY_PATTERN, description="account: compressed public key in hex")]
MerchantId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="merchant id in hex")]
Number = Annotated[int, Path(ge=0, lt=1 << 32)]
After = Annotated[
    str, Query(pattern="^([0-9a-f]{2}){0,32}$", description="the last merchant id of the page before")
]
Numbers = Annotated[
    str,
    Query(
        pattern="^[0-9]{1,10}(,[0-9]{1,10})*$",
        max_length=11 * MAX_NUMBERS,
        description=f"channel numbers with commas between them, at most {MAX_NUMBERS}",
    ),
]
Limit = Annotated[int, Query(ge=1, le=PAGE)]
_Entry = Field(description="base64 of the entry's canonical CBOR, as it lies in the state")


class Shown(Protocol):
    """An application (ledger/application.py), as far as it is looked at here."""

    @property
    def lock(self) -> AbstractContextManager[object]: ...

    @property
    def state(self) -> State: ...


class PayOperatorPage(BaseModel):
    """An operator: its times, aggregate keys and last notarised root. `now_s`: UTC at this ledger."""

    operator: str
    now_s: int
    height: int = Field(description="how many of its blocks are notarised")
    root: str
    channels: int
    entry: str = _Entry


class PayMerchantPage(BaseModel):
    """One merchant of an operator."""

    merchant: str
    payout: str
    status: str
    entry: str = _Entry


class PayMerchantListPage(BaseModel):
    """Merchants in the order of their ids, their keys left out of the entries; `after` asks for the next page."""

    merchants: list[PayMerchantPage]
    after: str | None


class PayChannelPage(BaseModel):
    """What a consumer deposited with an operator, and what was withdrawn of it."""

    number: int
    consumer: str
    deposited_ubc: int
    withdrawn_ubc: int
    shifting_ubc: int
    entry: str = _Entry


class PayChannelListPage(BaseModel):
    """Several, ascending, each once; numbers that no channel has are left out."""

    channels: list[PayChannelPage]


class PayNumberPage(BaseModel):
    """Under which number an operator's leaves name a consumer."""

    consumer: str
    number: int


def add_payplace_pages(app: FastAPI, application: Shown, now_s: Callable[[], int]) -> None:
    """To the pages of a ledger."""
    _add_merchants(app, application)
    _add_channels(app, application)

    @app.get("/v1/payplace/{operator}")
    def get_operator(operator: Key) -> PayOperatorPage:
        """An operator of PayPlace."""
        with application.lock:
            found = read_operator(application.state, PublicKey.parse(operator))
        if found is None:
            raise NotFoundError("no_such_operator", f"{operator} is no operator")
        return PayOperatorPage(
            operator=operator, now_s=now_s(), height=found.height, root=found.root.hex(), channels=found.channels,
            entry=_to_base64(found),
        )  # fmt: skip


def _add_merchants(app: FastAPI, application: Shown) -> None:
    @app.get("/v1/payplace/{operator}/merchants")
    def get_merchants(operator: Key, after: After = "", limit: Limit = PAGE) -> PayMerchantListPage:
        """All that were ever registered, a page at a time."""
        prefix = b"q" + PublicKey.parse(operator).key_id
        with application.lock:
            keys = application.state.keys_listed(prefix, bytes.fromhex(after), limit + 1)
            page = [(key[9:], application.state.entries[key]) for key in keys[:limit]]
        shown = [_show(one, replace(entry, key=b"")) for one, entry in page if isinstance(entry, PayMerchant)]
        return PayMerchantListPage(merchants=shown, after=shown[-1].merchant if len(keys) > limit else None)

    @app.get("/v1/payplace/{operator}/merchants/{merchant}")
    def get_merchant(operator: Key, merchant: MerchantId) -> PayMerchantPage:
        """One of them, with its key."""
        with application.lock:
            found = read_merchant(application.state, PublicKey.parse(operator), bytes.fromhex(merchant))
        if found is None:
            raise NotFoundError("not_registered", f"no merchant {merchant}")
        return _show(bytes.fromhex(merchant), found)


def _add_channels(app: FastAPI, application: Shown) -> None:
    @app.get("/v1/payplace/{operator}/channels/{number}")
    def get_channel(operator: Key, number: Number) -> PayChannelPage:
        """A consumer's money with this operator."""
        with application.lock:
            found = read_channel(application.state, PublicKey.parse(operator), number)
        if found is None:
            raise NotFoundError("unknown_channel", f"no channel {number}")
        return _show_channel(number, found)

    @app.get("/v1/payplace/{operator}/channels")
    def get_channels(operator: Key, numbers: Numbers) -> PayChannelListPage:
        """Several of them."""
        wanted = sorted({int(number) for number in numbers.split(",")})[:MAX_NUMBERS]
        with application.lock:
            read = [(one, read_channel(application.state, PublicKey.parse(operator), one)) for one in wanted]
        return PayChannelListPage(
            channels=[_show_channel(one, found) for one, found in read if found is not None]
        )

    @app.get("/v1/payplace/{operator}/consumers/{consumer}")
    def get_number(operator: Key, consumer: Key) -> PayNumberPage:
        """Which channel is this consumer's."""
        with application.lock:
            number = find_channel(application.state, PublicKey.parse(operator), PublicKey.parse(consumer))
        if number is None:
            raise NotFoundError("unknown_channel", f"{consumer} has deposited nothing with this operator")
        return PayNumberPage(consumer=consumer, number=number)


def _show(merchant: bytes, entry: PayMerchant) -> PayMerchantPage:
    return PayMerchantPage(
        merchant=merchant.hex(),
        payout=entry.payout.hex(),
        status=entry.status.name.lower(),
        entry=_to_base64(entry),
    )


def _show_channel(number: int, channel: Channel) -> PayChannelPage:
    return PayChannelPage(
        number=number, consumer=channel.consumer.hex(), deposited_ubc=channel.deposited_ubc,
        withdrawn_ubc=channel.withdrawn_ubc, shifting_ubc=channel.shift.amount_ubc if channel.shift else 0,
        entry=_to_base64(channel),
    )  # fmt: skip


def _to_base64(entry: Entry) -> str:
    return base64.b64encode(write_entry(entry)).decode()
