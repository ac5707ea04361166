"""The genesis: what a ledger is from its first instant on, and what its id is the hash of.

Its id separates the signatures of one ledger from those of every other. Nothing in it ever changes.
"""

import hashlib
from dataclasses import dataclass

from wire.cbor import Value, read_cbor, write_cbor
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.units import U63_MAX

MAX_GENESIS_BYTES = 64 * 1024
MAX_PERIOD_S = 86_400
"""A day, so that the longest series of periods still fits a grant's duration of 32 bits."""

_FORM = 1


@dataclass(frozen=True, slots=True)
class Genesis:
    """`period_s` is the length of the time slots that reservations are sold by. `licensees` None: anybody may
    post offers.
    """

    ledger: PublicKey
    exchange: PublicKey
    time_s: int
    period_s: int = 900
    licensees: tuple[PublicKey, ...] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.period_s <= MAX_PERIOD_S:
            raise DecodeError(f"genesis: period_s is {self.period_s}, outside 1..{MAX_PERIOD_S}")
        if not 0 <= self.time_s <= U63_MAX:
            raise DecodeError(f"genesis: time_s is {self.time_s}")

    @property
    def ledger_id(self) -> bytes:
        """32 octets: SHA-256 of the genesis' bytes."""
        return hashlib.sha256(write_genesis(self)).digest()

    def period_at(self, utc_s: int) -> int:
        """The slot of time that an instant lies in."""
        return utc_s // self.period_s


def write_genesis(genesis: Genesis) -> bytes:
    licensees: Value = None
    if genesis.licensees is not None:
        licensees = [key.octets for key in sorted(set(genesis.licensees))]
    return write_cbor(
        [_FORM, genesis.ledger.octets, genesis.exchange.octets, genesis.time_s, genesis.period_s, licensees]
    )


def read_genesis(data: bytes) -> Genesis:
    """Raises DecodeError."""
    if len(data) > MAX_GENESIS_BYTES:
        raise DecodeError(f"genesis: {len(data)} bytes, at most {MAX_GENESIS_BYTES} are accepted")
    match read_cbor(data):
        case [1, bytes(ledger), bytes(exchange), int(time_s), int(period_s), None]:
            return Genesis(_key(ledger), _key(exchange), time_s, period_s)
        case [1, bytes(ledger), bytes(exchange), int(time_s), int(period_s), list(items)]:
            licensees = tuple(_key(item) for item in items if isinstance(item, bytes))
            if len(licensees) == len(items) and list(licensees) == sorted(set(licensees)):
                return Genesis(_key(ledger), _key(exchange), time_s, period_s, licensees)
    raise DecodeError("genesis: not [1, ledger, exchange, time_s, period_s, licensees in order or null]")


def _key(octets: bytes) -> PublicKey:
    try:
        return PublicKey(octets)
    except ValueError as error:
        raise DecodeError(f"genesis: {error}") from None
