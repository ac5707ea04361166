"""Boxes that were invited: what is kept of each, and who is given a certificate for one.

Pure: a record, a question and the time come in; a record to keep comes out, or Rejected with the first rule that is
broken. What a record says of money, airtime or meters is nothing: the ledger knows those by the account's key.

    invited   a token is out; nobody has, or nobody has any more, a certificate under this name
    enrolled  one key has a certificate; the same key may ask again with the same token, and gets the same
    revoked   nobody gets anything, ever: the name is kept so that nobody takes it by mistake

Kept as JSON, one file for each box. Reference: docs/enrolment.md; docs/decisions/0053.
"""

import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from enum import Enum
from typing import Any

from wire.errors import ConfigError, DecodeError
from wire.ids import PublicKey
from wire.invitation import BOX_NAME, EnrolmentQuestion, hash_token, read_secret, verify_box

MAX_RECORD_BYTES = 256 * 1024
RESERVED = frozenset({"ledger", "operator", "exchange", "broker", "authority", "owner"})
"""Names that the docs give to others at the same broker: an answer of theirs is addressed by such a name."""
RESERVED_BEGINNINGS = ("apd-", "ledger-", "operator-")
"""Of client ids that programs choose. A box's client id is its name, and the broker knows one client by each."""
DEFAULT_LIFETIME_S = 3 * 86_400
"""Of an invitation: over a weekend, and a day for who unpacks the box late."""
MAX_LIFETIME_S = 30 * 86_400


class Standing(Enum):
    """Where a box stands, as the top of this file says."""

    INVITED = "invited"
    ENROLLED = "enrolled"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Revocation:
    """A certificate that the broker takes no more: its serial number, and since when (UTC seconds)."""

    serial: int
    since_s: int


@dataclass(frozen=True, slots=True)
class BoxRecord:
    """One box. `account` is empty until it has enrolled; `address` for good, if it has no radio that FreeRADIUS knows.

    `token_hash` and `until_s` are its last invitation's; `key_hash` the SHA-256 of the public key that used it (empty:
    nobody has); `certificate` (PEM) and `serial` what that key was given.
    """

    name: str
    standing: Standing
    address: str
    das_port: int
    account: str
    token_hash: str
    until_s: int
    key_hash: str = ""
    certificate: str = ""
    serial: int = 0
    revoked: tuple[Revocation, ...] = ()

    @property
    def provider(self) -> PublicKey | None:
        return PublicKey.parse(self.account) if self.account else None


@dataclass(frozen=True, slots=True)
class Damaged:
    """What is kept of a box cannot be read, so that nobody lets it in; the other boxes go on."""

    name: str
    reason: str
    """Which file, and what is wrong with it."""

    def __str__(self) -> str:
        return (
            f"box {self.name}: is shut out by operatord and FreeRADIUS, though not by the broker, as what is kept of "
            f"it cannot be used: {self.reason}. Put the file back from your copy of the folder, as its owner's, and "
            "restart operatord (docs/enrolment.md)"
        )


@dataclass(frozen=True, slots=True)
class Rejected:
    """The first rule that is broken, and a sentence for whoever asked."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A question whose request for a certificate was read: `public_key` is its SubjectPublicKeyInfo (DER), P-256, and
    signed the request.
    """

    question: EnrolmentQuestion
    public_key: bytes
    key_hash: str


_NO_INVITATION = Rejected("not_invited", "there is no such invitation: ask your operator for a new one")


def judge(claim: Claim, records: Iterable[BoxRecord], now_s: int) -> BoxRecord | Rejected:
    """The record whose box is to be given a certificate, or has it already (`has_certificate`). In this order:

    not_invited    a record of this name has this token, and is not revoked: nobody learns which of these is wrong
    expired        the invitation is good until its second
    bad_account    the account is a key, and signed for this token and this box's key
    used           no other key has used the token
    other_account  a box that takes another's place sells for the same account
    account_sells  no other box sells for it: an account has one meter (decision 0007)
    """
    question, known = claim.question, {record.name: record for record in records}
    record = known.get(question.box)
    try:
        token = read_secret(question.token)
    except DecodeError:
        return _NO_INVITATION
    if record is None or record.standing is Standing.REVOKED:
        return _NO_INVITATION
    if not hmac.compare_digest(hash_token(token), record.token_hash):
        return _NO_INVITATION
    if now_s > record.until_s:
        return Rejected("expired", "the invitation is no longer good: ask your operator for a new one")
    try:
        account = PublicKey.parse(question.account)
        verify_box(account, question.proof, token, claim.public_key)
    except (ValueError, DecodeError) as error:
        return Rejected("bad_account", f"the account did not sign for this box: {error}")
    if record.key_hash and record.key_hash != claim.key_hash:
        return Rejected(
            "used", "another key has used this invitation; if that was not you, tell your operator now"
        )
    if record.account and record.account != str(account):
        return Rejected(
            "other_account",
            f"this box takes the place of one that sells for account {record.account}: put that account's key "
            "(provider.pem) where this box's would be, and ask again",
        )
    for other in known.values():
        if (
            other.name != record.name
            and other.account == str(account)
            and other.standing is not Standing.REVOKED
        ):
            return Rejected(
                "account_sells", f"box {other.name} sells for this account: each box needs its own"
            )
    return replace(record, account=str(account), key_hash=claim.key_hash)


def has_certificate(record: BoxRecord) -> bool:
    """Whether the key that the record names was given one."""
    return record.standing is Standing.ENROLLED and bool(record.certificate)


def enrolled(record: BoxRecord, certificate: str, serial: int) -> BoxRecord:
    """After its certificate was made."""
    return replace(record, standing=Standing.ENROLLED, certificate=certificate, serial=serial)


def invited(
    name: str, token: bytes, until_s: int, *, address: str = "", das_port: int, account: str = ""
) -> BoxRecord:
    return BoxRecord(name, Standing.INVITED, address, das_port, account, hash_token(token), until_s)


def invited_again(record: BoxRecord, token: bytes, until_s: int, now_s: int) -> BoxRecord:
    """A new box under the same name, for the same account; what the old one had ends. Raises ConfigError."""
    if record.standing is Standing.REVOKED:
        raise ConfigError(f"box {record.name}: is revoked, and a revoked name stays so: choose another")
    fresh = replace(record, standing=Standing.INVITED, token_hash=hash_token(token), until_s=until_s)
    return replace(_without_certificate(fresh, now_s), key_hash="")


def ended(record: BoxRecord, now_s: int) -> BoxRecord:
    """Shut out for good; its last certificate, if it has one, counts no more, nor does its invitation."""
    return replace(_without_certificate(record, now_s), standing=Standing.REVOKED, token_hash="", until_s=0)


def _without_certificate(record: BoxRecord, now_s: int) -> BoxRecord:
    if not record.serial:
        return record
    return replace(
        record, certificate="", serial=0, revoked=(*record.revoked, Revocation(record.serial, now_s))
    )


def revocations(records: Iterable[BoxRecord]) -> list[Revocation]:
    """For the list that the broker reads."""
    return sorted((one for record in records for one in record.revoked), key=lambda one: one.serial)


def check_name(name: str) -> None:
    """Raises ConfigError for one that cannot be a box's, or is somebody else's."""
    if not BOX_NAME.fullmatch(name):
        raise ConfigError(f"{name!r}: a box's name has 1 to 20 letters, digits, dots, dashes or underscores")
    if name.lower() in RESERVED or name.lower().startswith(RESERVED_BEGINNINGS):
        raise ConfigError(f"{name!r}: is not a box's name: the broker knows somebody else by it")


# ---- As a file


def format_record(record: BoxRecord) -> str:
    page = asdict(record) | {"standing": record.standing.value}
    return json.dumps(page, indent=1) + "\n"


def read_record(content: bytes, name: str, origin: str) -> BoxRecord:
    """Of the box of this name. Raises ConfigError that names the file."""
    try:
        page: Any = json.loads(content[: MAX_RECORD_BYTES + 1])
        page = {**page, "standing": Standing(page["standing"])}
        page["revoked"] = tuple(Revocation(**one) for one in page["revoked"])
        record = BoxRecord(**page)
        if record.account:
            PublicKey.parse(record.account)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ConfigError(f"{origin}: is no record of a box: {type(error).__name__}: {error}") from None
    for one in fields(record):
        if one.type in {str, int} and type(getattr(record, one.name)) is not one.type:
            raise ConfigError(f"{origin}: {one.name}: is not of its type")
    if not BOX_NAME.fullmatch(record.name) or not re.fullmatch(r"([0-9a-f]{64})?", record.token_hash):
        raise ConfigError(f"{origin}: name or token_hash: is none")
    if record.name != name:
        raise ConfigError(f"{origin}: name: is {record.name}, another box's")
    return record
