"""The genesis: what a ledger is from its first instant on, and what its id is the hash of.

Its id separates the signatures of one ledger from those of every other. Nothing in it ever changes.

    [ form 2, gateways in order, exchange, time_s, period_s, licensees in order or null ]
    [ form 3, the same, validators ]

A ledger that several share has form 3: who decides, and with how many votes, is in its id, so nobody is led to a chain
of other validators under the same id. `validators` is the 32 octets that CometBFT's headers name them by.

A *gateway* is an operator's door to the ledger: it signs receipts, grants, headers and attestation results. With one
operator there is one. With several each has its own; the word of any of them counts, and whoever trusts only one
operator asks that one's.
"""

import hashlib
from dataclasses import dataclass

from wire.cbor import Value, read_cbor, write_cbor
from wire.cose import read_envelope
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.units import U63_MAX

MAX_GENESIS_BYTES = 64 * 1024
MAX_PERIOD_S = 86_400
"""A day, so that the longest series of periods still fits a grant's duration of 32 bits."""

MAX_GATEWAYS = 100
MAX_SIGNED_BYTES = 8 * 1024
"""More than anything that a gateway signs: an attestation result with the request in it."""
VALIDATORS_SIZE = 32
_FORM_ALONE, _FORM_SHARED = 2, 3


@dataclass(frozen=True, slots=True)
class Genesis:
    """`gateways` sign for the ledger. `period_s` is the length of the time slots that reservations are sold by.
    `licensees` None: anybody may post offers. `validators` is empty where one operator decides alone.
    """

    gateways: tuple[PublicKey, ...]
    exchange: PublicKey
    time_s: int
    period_s: int = 900
    licensees: tuple[PublicKey, ...] | None = None
    validators: bytes = b""

    def __post_init__(self) -> None:
        if not 1 <= self.period_s <= MAX_PERIOD_S:
            raise DecodeError(f"genesis: period_s is {self.period_s}, outside 1..{MAX_PERIOD_S}")
        if not 0 <= self.time_s <= U63_MAX:
            raise DecodeError(f"genesis: time_s is {self.time_s}")
        if not 1 <= len(self.gateways) <= MAX_GATEWAYS:
            raise DecodeError(f"genesis: {len(self.gateways)} gateways, outside 1..{MAX_GATEWAYS}")
        if len({key.key_id for key in self.gateways}) != len(self.gateways):
            raise DecodeError("genesis: two gateways have one key id")
        if len(self.validators) not in (0, VALIDATORS_SIZE):
            raise DecodeError(f"genesis: validators has {len(self.validators)} bytes, not {VALIDATORS_SIZE}")

    @property
    def ledger_id(self) -> bytes:
        """32 octets: SHA-256 of the genesis' bytes."""
        return hashlib.sha256(write_genesis(self)).digest()

    def signer(self, encoded: bytes) -> PublicKey:
        """The gateway whose key id a signed thing names; the signature is still to be verified. Raises DecodeError,
        and VerificationError if it names no gateway of this ledger.
        """
        key_id = read_envelope(encoded, MAX_SIGNED_BYTES).key_id
        for gateway in self.gateways:
            if gateway.key_id == key_id:
                return gateway
        raise VerificationError(f"signed by key id {key_id.hex()}, which is no gateway of this ledger")

    def period_at(self, utc_s: int) -> int:
        """The slot of time that an instant lies in."""
        return utc_s // self.period_s


def write_genesis(genesis: Genesis) -> bytes:
    gateways: list[Value] = [key.octets for key in sorted(genesis.gateways)]
    licensees: Value = None
    if genesis.licensees is not None:
        licensees = [key.octets for key in sorted(set(genesis.licensees))]
    fields: list[Value] = [gateways, genesis.exchange.octets, genesis.time_s, genesis.period_s, licensees]
    if genesis.validators:
        return write_cbor([_FORM_SHARED, *fields, genesis.validators])
    return write_cbor([_FORM_ALONE, *fields])


def read_genesis(data: bytes) -> Genesis:
    """Raises DecodeError."""
    if len(data) > MAX_GENESIS_BYTES:
        raise DecodeError(f"genesis: {len(data)} bytes, at most {MAX_GENESIS_BYTES} are accepted")
    match read_cbor(data):
        case [2, list(gateways), bytes(exchange), int(time_s), int(period_s), (None | list()) as licensees]:
            validators = b""
        case [
            3,
            list(gateways),
            bytes(exchange),
            int(time_s),
            int(period_s),
            (None | list()) as licensees,
            bytes(validators),
        ] if validators:
            pass
        case [1, *_]:
            raise DecodeError("genesis: is of form 1, from before a ledger had gateways: make a new one")
        case _:
            raise DecodeError(
                "genesis: not [2 or 3, gateways, exchange, time_s, period_s, licensees or null, validators]"
            )
    allowed = None if licensees is None else _keys(licensees)
    return Genesis(_keys(gateways), _key(exchange), time_s, period_s, allowed, validators)


def _keys(items: list[Value]) -> tuple[PublicKey, ...]:
    keys = tuple(_key(item) for item in items if isinstance(item, bytes))
    if len(keys) != len(items) or list(keys) != sorted(set(keys)):
        raise DecodeError("genesis: keys that are not in order, or no keys")
    return keys


def _key(octets: bytes) -> PublicKey:
    try:
        return PublicKey(octets)
    except ValueError as error:
        raise DecodeError(f"genesis: {error}") from None
