"""What an auditor brings along: which ledgers he trusts, which makers of TPMs, and which keys he knows to be revoked.

    { "airgrant trust": 1,
      "ledgers": ["<ledger id, 64 hexadecimal digits>", ...],
      "vendors": "<certificates of TPM makers in PEM, or empty: the ledger's word on them is taken>",
      "revoked_keys": [ { "key_id": "<16 digits>", "since_utc_s": 1790000000, "why": "stolen" }, ... ] }

Nobody signs it: it is his own word, and its SHA-256 is shown with every verdict. A ledger's id is the hash of its
genesis, so the genesis that a report file brings need not be here. Pure.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ledger.enrolment import Vendors, check_asked_for, check_endorsement_certificate, read_vendors
from ledger.findings import Finding, Severity, note
from ledger.reports.rows import MAKER, Revoked
from wire.attestation_result import AttestationResult
from wire.enrolment import read_request
from wire.errors import ConfigError, DecodeError, VerificationError
from wire.units import U63_MAX

MAX_TRUST_BYTES = 4 * 1024 * 1024
"""Certificates of all makers there are take a tenth of it."""
MAX_SINCE_S = U63_MAX // 1_000
MAX_WHY_CHARACTERS = 200
_FORM = 1
_KEYS = {"airgrant trust", "ledgers", "vendors", "revoked_keys"}


@dataclass(frozen=True, slots=True)
class Trust:
    """`vendors` None: what the ledger said of makers is believed. `digest` is the SHA-256 of `text`."""

    ledgers: frozenset[bytes]
    vendors: Vendors | None
    revoked: tuple[Revoked, ...]
    text: str

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.text.encode()).digest()

    def find_revoked(self, key_id: bytes) -> Revoked | None:
        """The earliest revocation of a key."""
        named = [one for one in self.revoked if one.key_id == key_id]
        return min(named, key=lambda one: one.since_utc_s, default=None)


def unused_revocations(trust: Trust, key_ids: Iterable[str]) -> list[str]:
    """Key ids that are named as revoked, and that none of these boxes has: perhaps a slip of the pen."""
    return sorted({one.key_id.hex() for one in trust.revoked} - set(key_ids))


def format_trust(ledgers: list[bytes], vendors_pem: str = "", revoked: tuple[Revoked, ...] = ()) -> str:
    page = {
        "airgrant trust": _FORM,
        "ledgers": [ledger_id.hex() for ledger_id in ledgers],
        "vendors": vendors_pem,
        "revoked_keys": [
            {"key_id": one.key_id.hex(), "since_utc_s": one.since_utc_s, "why": one.why} for one in revoked
        ],
    }
    return json.dumps(page, indent=2) + "\n"


def parse_trust(text: str, origin: str) -> Trust:
    """Raises ConfigError that names the `origin`, which is the file, and the key."""
    if len(text) > MAX_TRUST_BYTES:
        raise ConfigError(f"{origin}: more than {MAX_TRUST_BYTES} characters")
    try:
        page = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{origin}: is no JSON: {error}") from None
    if not isinstance(page, dict) or page.get("airgrant trust") != _FORM or set(page) != _KEYS:
        raise ConfigError(
            f"{origin}: is no trust file of form {_FORM} (`airgrant report trust` makes one): wants the keys "
            f"{', '.join(sorted(_KEYS))} and no others"
        )
    ledgers = [_hex(one, 32, f"{origin}: ledgers") for one in _list(page["ledgers"], f"{origin}: ledgers")]
    if not ledgers:
        raise ConfigError(f"{origin}: ledgers: names none, so that nothing could be believed")
    revoked = [_revoked(one, origin) for one in _list(page["revoked_keys"], f"{origin}: revoked_keys")]
    return Trust(frozenset(ledgers), _vendors(page["vendors"], origin), tuple(revoked), text)


def judge_ledger(trust: Trust, ledger_id: bytes) -> None:
    """Raises VerificationError: the file is a report to another ledger than those that are trusted."""
    if ledger_id not in trust.ledgers:
        trusted = ", ".join(sorted(one.hex() for one in trust.ledgers))
        raise VerificationError(f"this is a report to ledger {ledger_id.hex()}, not to {trusted}")


def judge_maker(trust: Trust, enrolment: AttestationResult, ledger_id: bytes) -> Finding:
    """Whether the TPM's certificate leads to a maker that the auditor trusts, as of the day it was enrolled. That the
    attestation key is in the TPM of that certificate, credential activation showed the ledger at enrolment, and
    nothing in a file shows it again.
    """
    if not enrolment.in_tpm:
        return note(MAKER, "a software key: there is no TPM, and no maker")
    if trust.vendors is None:
        return note(MAKER, "the trust file names no makers: that it is a genuine TPM is the ledger's word")
    try:
        check_asked_for(enrolment, ledger_id)
        certificate = read_request(enrolment.request, ledger_id).endorsement_certificate
        check_endorsement_certificate(certificate, trust.vendors, enrolment.enrolled_s)
    except DecodeError as error:
        return Finding(MAKER, ok=False, severity=Severity.FORGERY, text=str(error))
    return note(
        MAKER,
        "a TPM's certificate leads to a maker that is trusted; that the key is in that TPM is the ledger's word",
    )


def _vendors(value: Any, origin: str) -> Vendors | None:
    if not isinstance(value, str):
        raise ConfigError(f"{origin}: vendors: is no text")
    if not value:
        return None
    try:
        return read_vendors(value.encode())
    except ValueError as error:
        raise ConfigError(f"{origin}: vendors: {error}") from None


def _revoked(value: Any, origin: str) -> Revoked:
    where = f"{origin}: revoked_keys"
    match value:
        case {"key_id": key_id, "since_utc_s": int(since_utc_s), "why": str(why)} if len(value) == 3:
            pass
        case _:
            raise ConfigError(f"{where}: wants key_id, since_utc_s and why, and nothing else")
    if isinstance(since_utc_s, bool) or not 0 <= since_utc_s <= MAX_SINCE_S:
        raise ConfigError(f"{where}: since_utc_s is outside 0..{MAX_SINCE_S}")
    if len(why) > MAX_WHY_CHARACTERS:
        raise ConfigError(f"{where}: why has more than {MAX_WHY_CHARACTERS} characters")
    return Revoked(_hex(key_id, 8, where), since_utc_s, why)


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigError(f"{where}: is no list")
    return value


def _hex(value: Any, size: int, where: str) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", value):
        raise ConfigError(f"{where}: {value!r} is not {2 * size} hexadecimal digits")
    return bytes.fromhex(value)
