"""`create`: opens an account named by its issuer's public key, with a balance of 0. Reference: Bandcoin 5.1.1."""

from wire.cbor import Key, Value
from wire.fields import FieldReader
from wire.frozen import dataclass
from wire.ids import PUBLIC_KEY_SIZE, PublicKey

_ACCOUNT = 3


@dataclass(frozen=True, slots=True)
class Create:
    """The account is the issuer's own."""

    account: PublicKey


def write_create(action: Create) -> dict[Key, Value]:
    return {_ACCOUNT: action.account.octets}


def read_create(fields: FieldReader) -> Create:
    return Create(read_public_key(fields, _ACCOUNT, "account"))


def read_public_key(fields: FieldReader, label: int, name: str) -> PublicKey:
    octets = fields.octets(label, name, PUBLIC_KEY_SIZE)
    try:
        return PublicKey(octets)
    except ValueError as error:
        raise fields.error(f"{name}: {error}") from None
