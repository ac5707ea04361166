"""A purchase in configuration options of LTE, in clear, before authentication: containers of 244 octets, and the buyer.

    1kH, tag 4                          version 1 and kind k; the tag names the purchase
    1 Piece    total 2, at 2, contents  buyer -> cell: a part of the signed transaction
    2 Ask      at 2                     buyer -> cell: the answer from there on, please
    3 Have     at 2                     cell -> buyer: so much of it is here; no answer yet
    4 Part     total 2, at 2, contents  cell -> buyer: a part of the answer (Outcome or Refused of the lobby)

One container travels up in each ATTACH REQUEST and one down in the ATTACH REJECT that may follow, so a purchase of 165
octets takes one attempt and its answer two more. A phone need not believe a reject, or hand it on, and need not come
back soon: after cause 19 it may wait 12 minutes (T3402). Whoever hears nothing begins again, and the ledger executes a
transaction once.

Everybody within reach can read this. So it is only for an account that its owner uses in this network and nowhere else
(docs/decisions/0020): `begin` refuses any other, and purchases for others. The purchase proves no possession to this
cell; the join that follows over IP does (wire/join_request.py), so a copied transaction serves nobody.
Reference: 3GPP TS 24.008 clause 10.5.6.3, TS 24.301 clauses 4.4.4.3 and 6.6.1.2. Numbers are big endian.
Promise: `read_container` returns a value or raises DecodeError, whatever the bytes.
"""

import hashlib
from dataclasses import replace
from typing import assert_never

from nas_tunnel.lobby import MAX_LOBBY_BYTES, MAX_PURCHASE_BYTES, Outcome, Refused, read_lobby
from nas_tunnel.pco import MAX_OPERATOR_BYTES
from nas_tunnel.plmn import Plmn
from wire.allocate import Allocate
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.transaction import read_transaction

UNIT = 0xFF00
"""The operator unit that we use, of those that the operator has."""
TAG_SIZE = 4
MAX_CONTENTS_BYTES = MAX_OPERATOR_BYTES - 1 - TAG_SIZE - 4
"""235: what one container has of a purchase or an answer."""

_VERSION = 0x10
_PIECE, _ASK, _HAVE, _PART = range(1, 5)


@dataclass(frozen=True, slots=True)
class Piece:
    """`contents` stand at octet `at` of a purchase of `total` octets."""

    tag: bytes
    total: int
    at: int
    contents: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """The answer, from octet `at` on."""

    tag: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Have:
    """The first `at` octets of the purchase are here."""

    tag: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Part:
    """`contents` stand at octet `at` of an answer of `total` octets."""

    tag: bytes
    total: int
    at: int
    contents: bytes


Container = Piece | Ask | Have | Part


def tag_of(purchase: bytes) -> bytes:
    return hashlib.sha256(purchase).digest()[:TAG_SIZE]


def write_container(container: Container) -> bytes:
    """What an operator unit has after MCC and MNC, at most 244 octets."""
    match container:
        case Piece(tag, total, at, contents):
            return _write_part(_PIECE, tag, total, at, contents)
        case Ask(tag, at):
            return bytes((_VERSION | _ASK,)) + tag + at.to_bytes(2, "big")
        case Have(tag, at):
            return bytes((_VERSION | _HAVE,)) + tag + at.to_bytes(2, "big")
        case Part(tag, total, at, contents):
            return _write_part(_PART, tag, total, at, contents)
        case _:
            assert_never(container)


def _write_part(kind: int, tag: bytes, total: int, at: int, contents: bytes) -> bytes:
    assert 1 <= len(contents) <= MAX_CONTENTS_BYTES, f"{len(contents)} bytes in one container"
    return bytes((_VERSION | kind,)) + tag + total.to_bytes(2, "big") + at.to_bytes(2, "big") + contents


def read_container(data: bytes) -> Container:
    """Raises DecodeError."""
    start = 1 + TAG_SIZE
    if len(data) < start + 2 or len(data) > MAX_OPERATOR_BYTES:
        raise DecodeError(f"pco purchase: {len(data)} bytes, not {start + 2} to {MAX_OPERATOR_BYTES}")
    kind, tag, first = data[0] ^ _VERSION, data[1:start], int.from_bytes(data[start : start + 2], "big")
    if kind in (_ASK, _HAVE):
        if len(data) != start + 2:
            raise DecodeError(f"pco purchase: {len(data) - start - 2} bytes too many")
        return Ask(tag, first) if kind == _ASK else Have(tag, first)
    if kind not in (_PIECE, _PART):
        raise DecodeError(f"pco purchase: begins with {data[0]:02x}, which is no container of ours")
    limit = MAX_PURCHASE_BYTES if kind == _PIECE else MAX_LOBBY_BYTES
    at, contents = int.from_bytes(data[start + 2 : start + 4], "big"), data[start + 4 :]
    if not 1 <= first <= limit or not contents or at + len(contents) > first:
        raise DecodeError(
            f"pco purchase: {len(contents)} bytes at {at} of {first}, which may be 1 to {limit}"
        )
    return (Piece if kind == _PIECE else Part)(tag, first, at, contents)


# ---- The buyer


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """Its owner's word that this account buys in this network, and is used nowhere else."""

    account: PublicKey
    plmn: Plmn


@dataclass(frozen=True, slots=True)
class NotSent:
    """Why this is not for everybody's ears, or cannot be said here."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Sale:
    """A purchase under way: sent up to `at`, `had` by the cell as far as it said, and what came of the answer.

    `refused` is what was said last, by anybody: it is not signed, the purchase may have run, and who buys anew may pay
    twice. Only the ledger's receipt in `answer` tells; when the purchase's time is over, it is `expired` at the latest.
    """

    purchase: bytes
    tag: bytes
    at: int = 0
    had: int = 0
    total: int | None = None
    received: bytes = b""
    answer: Outcome | None = None
    refused: Refused | None = None


def begin(purchase: bytes, ledger_id: bytes, plmn: Plmn, pseudonym: Pseudonym) -> Sale | NotSent:
    """A sale, or why there is none. Raises DecodeError if the purchase is no transaction of this ledger."""
    if len(purchase) > MAX_PURCHASE_BYTES:
        return NotSent("too_long", f"{len(purchase)} bytes, at most {MAX_PURCHASE_BYTES} are carried")
    signed = read_transaction(purchase, ledger_id)
    if pseudonym.plmn != plmn:
        return NotSent("other_network", f"the account is for {pseudonym.plmn}, and this is {plmn}")
    if signed.issuer_key_id != pseudonym.account.key_id:
        return NotSent(
            "other_account", "the transaction is another account's than the one that may be seen here"
        )
    action = signed.transaction.action
    if not isinstance(action, Allocate):
        return NotSent("not_a_purchase", f"{type(action).__name__.lower()} is no business of this cell's")
    if action.consumer_keys not in (b"", pseudonym.account.octets):
        return NotSent("names_others", "it names consumers, who would be seen here too")
    return Sale(purchase, tag_of(purchase))


def next_container(sale: Sale) -> tuple[Sale, bytes]:
    """What the next ATTACH REQUEST carries. Where nothing is heard, the pieces go round."""
    assert sale.answer is None, "the answer is here"
    if sale.had == len(sale.purchase):
        return sale, write_container(Ask(sale.tag, len(sale.received)))
    at = sale.at if sale.at < len(sale.purchase) else sale.had
    contents = sale.purchase[at : at + MAX_CONTENTS_BYTES]
    piece = Piece(sale.tag, len(sale.purchase), at, contents)
    return replace(sale, at=at + len(contents)), write_container(piece)


def hear(sale: Sale, data: bytes) -> Sale:
    """What an ATTACH REJECT, or what came later, said. Only receipt and grant in the answer are signed: whoever finds
    them wrong begins with `ask_again`. A refusal is not: it is kept, and the answer asked for again. Raises
    DecodeError.
    """
    container = read_container(data)
    if isinstance(container, Piece | Ask):
        raise DecodeError(f"pco purchase: {type(container).__name__} comes from a buyer")
    if container.tag != sale.tag:
        raise DecodeError("pco purchase: the tag of another purchase")
    if isinstance(container, Have):
        had = min(container.at, len(sale.purchase))
        return replace(sale, at=had, had=had)
    return _hear_part(sale, container)


def ask_again(sale: Sale) -> Sale:
    """The answer was not what the ledger signed: forget it, and ask for it from the beginning."""
    return replace(sale, total=None, received=b"", answer=None)


def _hear_part(sale: Sale, part: Part) -> Sale:
    sale = replace(sale, had=len(sale.purchase))
    received = sale.received if sale.total in (None, part.total) else b""
    if part.at > len(received):
        return replace(sale, total=part.total, received=received)
    received = received[: part.at] + part.contents
    sale = replace(sale, total=part.total, received=received)
    if len(received) < part.total:
        return sale
    anew = ask_again(sale)
    try:
        answer = read_lobby(received)
    except DecodeError:
        return anew  # parts of two answers: once more
    match answer:
        case Outcome():
            return replace(sale, answer=answer)
        case Refused():
            return replace(anew, refused=answer)
        case _:
            return anew
