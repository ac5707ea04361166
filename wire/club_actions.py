"""`found_club` and `spend_tokens`: operators that share a band by tokens, which have no price and are nobody's money.

A club is named by its founder and a number that the founder gives it. Its members, what a token is and how many each
begins with are fixed when it is founded. What a member spends goes to the other members (market/tokens/sharing.py).
Reference: token sharing (002), II D.   Units: kHz x s.
"""

from collections.abc import Callable
from enum import IntEnum

from wire.cbor import Key, Value
from wire.create import read_public_key
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PUBLIC_KEY_SIZE, PublicKey
from wire.units import U32_MAX

MAX_MEMBERS = 64
"""A club is one entry of the state, of 2.9 KB at most, which every spending writes anew."""
MAX_CLUB_NUMBER = 255
"""One byte in the club's key. It limits a founder, and nobody: accounts are free."""

_FOUNDER, _NUMBER, _QUANTUM, _TOKENS, _MEMBERS = 3, 4, 5, 6, 7


@dataclass(frozen=True, slots=True)
class FoundClub:
    """The issuer founds a club of the accounts `member_keys` (33 octets each), with `tokens` for each of them.

    A token is the use of `quantum_khz_s` kHz for one second. Whether the members will do, the contract says.
    """

    number: int
    quantum_khz_s: int
    tokens: int
    member_keys: bytes

    def __post_init__(self) -> None:
        check_range("found_club", "number", self.number, 0, MAX_CLUB_NUMBER)
        check_range("found_club", "quantum_khz_s", self.quantum_khz_s, 1, U32_MAX)
        check_range("found_club", "tokens", self.tokens)
        size = len(self.member_keys)
        if size % PUBLIC_KEY_SIZE or not 0 < size <= MAX_MEMBERS * PUBLIC_KEY_SIZE:
            raise DecodeError(
                f"found_club: {size} bytes are not 1 to {MAX_MEMBERS} public keys of {PUBLIC_KEY_SIZE}"
            )
        if self.member_keys[::PUBLIC_KEY_SIZE].translate(None, b"\x02\x03"):
            raise DecodeError("found_club: a member is not a compressed public key")

    @property
    def members(self) -> list[PublicKey]:
        """In the order of the list."""
        keys = self.member_keys
        return [PublicKey(keys[at : at + PUBLIC_KEY_SIZE]) for at in range(0, len(keys), PUBLIC_KEY_SIZE)]


@dataclass(frozen=True, slots=True)
class SpendTokens:
    """The issuer, a member of that club, has used so much of the band."""

    founder: PublicKey
    number: int
    tokens: int

    def __post_init__(self) -> None:
        check_range("spend_tokens", "number", self.number, 0, MAX_CLUB_NUMBER)
        check_range("spend_tokens", "tokens", self.tokens)


ClubAction = FoundClub | SpendTokens


class ClubCode(IntEnum):
    """Field 0 of a transaction, after those of PayPlace."""

    FOUND_CLUB = 27
    SPEND_TOKENS = 28


def write_club_action(action: ClubAction) -> tuple[ClubCode, dict[Key, Value]]:
    match action:
        case FoundClub(number, quantum_khz_s, tokens, member_keys):
            return ClubCode.FOUND_CLUB, {
                _NUMBER: number,
                _QUANTUM: quantum_khz_s,
                _TOKENS: tokens,
                _MEMBERS: member_keys,
            }
        case SpendTokens(founder, number, tokens):
            return ClubCode.SPEND_TOKENS, {_FOUNDER: founder.octets, _NUMBER: number, _TOKENS: tokens}


def read_found_club(fields: FieldReader) -> FoundClub:
    return FoundClub(
        fields.integer(_NUMBER, "number", 0, MAX_CLUB_NUMBER),
        fields.integer(_QUANTUM, "quantum_khz_s", 1, U32_MAX),
        fields.integer(_TOKENS, "tokens"),
        fields.octets(_MEMBERS, "members", maximum=MAX_MEMBERS * PUBLIC_KEY_SIZE),
    )


def read_spend_tokens(fields: FieldReader) -> SpendTokens:
    return SpendTokens(
        read_public_key(fields, _FOUNDER, "founder"),
        fields.integer(_NUMBER, "number", 0, MAX_CLUB_NUMBER),
        fields.integer(_TOKENS, "tokens"),
    )


CLUB_READERS: dict[int, Callable[[FieldReader], ClubAction]] = {
    ClubCode.FOUND_CLUB: read_found_club,
    ClubCode.SPEND_TOKENS: read_spend_tokens,
}
