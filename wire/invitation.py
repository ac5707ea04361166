"""The invitation: the line by which an operator lets one new box enrol itself, and the words of that enrolment.

    airgrant-enrol/1/HOST/PORT/BOX/UNTIL/PIN/TOKEN

`PIN` is the SHA-256 of the public key (SubjectPublicKeyInfo, DER) that the operator's door shows by TLS; `TOKEN` is
good for one key of one box until `UNTIL` (UTC seconds). Both are base64url without padding. No character of it means
anything to a shell, and there is no private key in it. The box asks with an EnrolmentQuestion and gets an
EnrolmentAnswer, each one JSON object. Largest legal size: 400 characters of invitation, 16 KiB of either message.
Reference: RFC 7469 clause 2.4 (pins of public keys); RFC 2986 (certification requests).
"""

import base64
import binascii
import json
import re
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import Any, TypeVar

from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.keys import SIGNATURE_SIZE, PrivateKey, verify

DOMAIN = b"airgrant/box-enrolment/"
MAX_INVITATION_CHARACTERS = 400
MAX_MESSAGE_BYTES = 16 * 1024
SECRET_SIZE = 32
"""Octets of a token, and of a pin."""
BOX_NAME = re.compile(r"[A-Za-z0-9._-]{1,20}")
"""One topic level and one word of a RADIUS configuration; the box's client id at the broker has its first 20."""
DOOR_PATH = "/v1/enrol"
_SCHEME, _VERSION = "airgrant-enrol", "1"
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,200}")

M = TypeVar("M", "EnrolmentQuestion", "EnrolmentAnswer")


@dataclass(frozen=True, slots=True)
class Invitation:
    """Where the box asks (`host`, `port`), under which name, by whom the answer has to be, and until when."""

    host: str
    port: int
    box: str
    until_s: int
    pin: bytes
    token: bytes

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host):
            raise DecodeError(f"invitation: {self.host!r} is no host")
        if not 0 < self.port < 65_536:
            raise DecodeError(f"invitation: {self.port} is no port")
        if not BOX_NAME.fullmatch(self.box):
            raise DecodeError(f"invitation: {self.box!r} is no name of a box")
        if len(self.pin) != SECRET_SIZE or len(self.token) != SECRET_SIZE:
            raise DecodeError("invitation: pin and token have 32 octets each: was it cut?")


@dataclass(frozen=True, slots=True)
class EnrolmentQuestion:
    """A box's. `request` is a PKCS #10 request for the box's own key, in PEM; `proof` the account's word, by
    `prove_box`.
    """

    box: str
    token: str
    account: str
    proof: str
    request: str


@dataclass(frozen=True, slots=True)
class EnrolmentAnswer:
    """The operator's: a certificate for the broker, and everything that the box needs to reach it.

    `authority` is who signs the *broker's* certificate; `operator` the operator's account; `hostapd` the RADIUS lines
    of the box's hostapd.conf with their secret, empty for a box without a radio.
    """

    certificate: str
    authority: str
    host: str
    port: int
    ledger_key: str
    ledger_id: str
    operator: str
    hostapd: str


def parse_invitation(text: str) -> Invitation:
    """From the line. Raises DecodeError."""
    if len(text) > MAX_INVITATION_CHARACTERS:
        raise DecodeError(f"invitation: {len(text)} characters, and none has more than 400")
    match text.strip().split("/"):
        case [scheme, version, host, port, box, until, pin, token] if (scheme, version) == (
            _SCHEME,
            _VERSION,
        ):
            numbers = [_parse_number(one) for one in (port, until)]
            return Invitation(host, numbers[0], box, numbers[1], read_secret(pin), read_secret(token))
    raise DecodeError(
        f"invitation: is not like {_SCHEME}/{_VERSION}/HOST/PORT/BOX/UNTIL/PIN/TOKEN: was it cut?"
    )


def format_invitation(invitation: Invitation) -> str:
    numbers = invitation.host, invitation.port, invitation.box, invitation.until_s
    secrets = write_secret(invitation.pin), write_secret(invitation.token)
    return "/".join(map(str, (_SCHEME, _VERSION, *numbers, *secrets)))


def is_invitation(text: str) -> bool:
    """Whether somebody means one, rather than a file."""
    return text.strip().startswith(f"{_SCHEME}/")


def write_secret(octets: bytes) -> str:
    """As base64url without padding (RFC 4648 clause 5)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def read_secret(text: str) -> bytes:
    """32 octets. Raises DecodeError."""
    try:
        octets = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        octets = b""
    if len(octets) != SECRET_SIZE or write_secret(octets) != text:
        raise DecodeError("invitation: pin and token are 32 octets in base64url: was it cut?")
    return octets


def hash_token(token: bytes) -> str:
    """What the operator keeps of it."""
    return sha256(token).hexdigest()


def prove_box(account: PrivateKey, token: bytes, public_key: bytes) -> str:
    """The account's word that the box with this public key (SubjectPublicKeyInfo, DER) is its own, in hex."""
    return account.sign(_proved(token, public_key)).hex()


def verify_box(account: PublicKey, proof: str, token: bytes, public_key: bytes) -> None:
    """Raises DecodeError, VerificationError."""
    try:
        signature = bytes.fromhex(proof)
    except ValueError:
        signature = b""
    if len(signature) != SIGNATURE_SIZE:
        raise DecodeError("enrolment question: proof is not 128 hexadecimal digits")
    verify(account, signature, _proved(token, public_key))


def write_message(message: EnrolmentQuestion | EnrolmentAnswer) -> bytes:
    return json.dumps(asdict(message)).encode()


def read_question(data: bytes) -> EnrolmentQuestion:
    """Raises DecodeError."""
    return _read(EnrolmentQuestion, data, "enrolment question")


def read_answer(data: bytes) -> EnrolmentAnswer:
    """Raises DecodeError."""
    return _read(EnrolmentAnswer, data, "enrolment answer")


def _proved(token: bytes, public_key: bytes) -> bytes:
    return DOMAIN + sha256(token).digest() + sha256(public_key).digest()


def _parse_number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise DecodeError(f"invitation: {text!r} is no number")
    return int(text)


def _read(kind: type[M], data: bytes, what: str) -> M:
    """Every field, and no other, with its type."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise DecodeError(f"{what}: {len(data)} bytes, at most {MAX_MESSAGE_BYTES} are accepted")
    try:
        page: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"{what}: is no JSON ({type(error).__name__})") from None
    wanted = {one.name: one.type for one in fields(kind)}
    if not isinstance(page, dict) or page.keys() != wanted.keys():
        raise DecodeError(f"{what}: its fields are not {', '.join(wanted)}")
    for name, value in page.items():
        if type(value) is not wanted[name] or (isinstance(value, str) and not value.isascii()):
            raise DecodeError(f"{what}: {name} is not of its type, or not ASCII")
    return kind(**page)
