"""The time key: a keeper's signed word that the secret of this public key stays with it until a time, and then is told.

What is encrypted to it can be read by nobody but the keeper before that second, and by everybody after it. The secret
itself needs no envelope: 32 octets that anybody holds against the public key. Largest legal size 170 bytes.
"""

from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.create import read_public_key
from wire.errors import VerificationError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/time-key"
MAX_TIME_KEY_BYTES = 200
TIME_SECRET_SIZE = 32

_KEEPER, _TIME, _KEY = 1, 2, 3


@dataclass(frozen=True, slots=True)
class TimeKey:
    """`keeper` tells the secret of `key` at `time_s` (UTC) and not before."""

    keeper: PublicKey
    time_s: int
    key: PublicKey

    def __post_init__(self) -> None:
        check_range("time key", "time_s", self.time_s, 1)


def write_time_key(time_key: TimeKey, keeper: PrivateKey) -> bytes:
    assert keeper.public == time_key.keeper, "signed by its keeper"
    fields: dict[Key, Value] = {
        _KEEPER: time_key.keeper.octets,
        _TIME: time_key.time_s,
        _KEY: time_key.key.octets,
    }
    return sign_envelope(fields, keeper, EXTERNAL).encoded


def read_time_key(data: bytes) -> TimeKey:
    """A time key that the keeper in it signed. Raises DecodeError, VerificationError. Whether that keeper is to be
    trusted is for the caller.
    """
    envelope = read_envelope(data, MAX_TIME_KEY_BYTES)
    fields = FieldReader(envelope.payload, "time key")
    time_key = TimeKey(
        read_public_key(fields, _KEEPER, "keeper"),
        fields.integer(_TIME, "time_s"),
        read_public_key(fields, _KEY, "key"),
    )
    fields.finish()
    envelope.verify(time_key.keeper, EXTERNAL)
    return time_key


def read_time_secret(data: bytes, time_key: PublicKey) -> PrivateKey:
    """The secret of this time key. Raises VerificationError if it is not."""
    if len(data) != TIME_SECRET_SIZE:
        raise VerificationError(f"a time secret has {TIME_SECRET_SIZE} bytes, not {len(data)}")
    try:
        secret = PrivateKey.from_secret(int.from_bytes(data, "big"))
    except ValueError:
        raise VerificationError("a time secret is no secret of P-256") from None
    if secret.public != time_key:
        raise VerificationError(f"a time secret of {secret.public}, not of {time_key}")
    return secret
