"""The registration: the ledger's word that an account exists, for whoever cannot ask it.

A device without a network has to know, before it pays, that the operator whose RADIUS server it will meet is known to
the ledger. The box asks and passes the answer on inside the network (wire/network.py). The question is the CBOR array
`[account]` on the ledger's query topic. Largest legal size of the answer 160 bytes.
"""

from wire.cbor import Key, Value, read_cbor, write_cbor
from wire.cose import read_envelope, sign_envelope
from wire.create import read_public_key
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/registration/"
MAX_REGISTRATION_BYTES = 160

_ACCOUNT, _HEIGHT, _UTC = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Registration:
    """`account` exists as of block `height`; said at `utc_s` by the ledger's clock."""

    account: PublicKey
    height: int
    utc_s: int

    def __post_init__(self) -> None:
        check_range("registration", "height", self.height)
        check_range("registration", "utc_s", self.utc_s)


def write_registration(registration: Registration, ledger: PrivateKey, ledger_id: bytes) -> bytes:
    fields: dict[Key, Value] = {
        _ACCOUNT: registration.account.octets,
        _HEIGHT: registration.height,
        _UTC: registration.utc_s,
    }
    return sign_envelope(fields, ledger, EXTERNAL + ledger_id).encoded


def read_registration(data: bytes, ledger: PublicKey, ledger_id: bytes) -> Registration:
    """The ledger's own word. Raises DecodeError, VerificationError. Whether it is too old is for the caller, who has a
    clock.
    """
    envelope = read_envelope(data, MAX_REGISTRATION_BYTES)
    envelope.verify(ledger, EXTERNAL + ledger_id)
    fields = FieldReader(envelope.payload, "registration")
    registration = Registration(
        account=read_public_key(fields, _ACCOUNT, "account"),
        height=fields.integer(_HEIGHT, "height"),
        utc_s=fields.integer(_UTC, "utc_s"),
    )
    fields.finish()
    return registration


def write_registration_question(account: PublicKey) -> bytes:
    return write_cbor([account.octets])


def read_registration_question(data: bytes) -> PublicKey:
    """The account that is asked about. Raises DecodeError."""
    match read_cbor(data):
        case [bytes(octets)]:
            try:
                return PublicKey(octets)
            except ValueError as error:
                raise DecodeError(f"registration question: {error}") from None
    raise DecodeError("registration question: not one account")
