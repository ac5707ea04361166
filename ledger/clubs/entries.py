"""The entry that a club has in the ledger's state, and its byte form.

    u founder(8) number(1)                    Club: what a token is, whose they are, and how many each has

One entry, so that a spending reaches everybody or nobody. Tokens are no money and are in no sum of balances: what a
club's members have together is what they began with, always.
Reference: token sharing (002), II D.   Units: kHz x s.
"""

from collections.abc import Callable
from dataclasses import dataclass

from wire.cbor import Value
from wire.ids import PUBLIC_KEY_SIZE


@dataclass(frozen=True, slots=True)
class Club:
    """`balances` in the order of `members` (33 octets each); `turn`: whose turn the next odd token is."""

    founder: bytes
    quantum_khz_s: int
    tokens: int
    members: bytes
    balances: tuple[int, ...]
    turn: int = 0

    @property
    def member_keys(self) -> list[bytes]:
        keys = self.members
        return [keys[at : at + PUBLIC_KEY_SIZE] for at in range(0, len(keys), PUBLIC_KEY_SIZE)]


def club_key(founder_key_id: bytes, number: int) -> bytes:
    return b"u" + founder_key_id + bytes((number,))


def club_items(club: Club) -> list[Value]:
    """The fields in their order, for one CBOR array."""
    balances: list[Value] = list(club.balances)
    return [club.founder, club.quantum_khz_s, club.tokens, club.members, balances, club.turn]


def _read_club(items: list[Value]) -> Club:
    match items:
        case [bytes(founder), int(quantum_khz_s), int(tokens), bytes(members), list(balances), int(turn)]:
            numbers = [one for one in balances if isinstance(one, int)]
            if len(numbers) == len(balances) == len(members) // PUBLIC_KEY_SIZE:
                return Club(founder, quantum_khz_s, tokens, members, tuple(numbers), turn)
    raise ValueError("not a club")


CLUB_ENTRY_READERS: dict[bytes, Callable[[list[Value]], Club]] = {b"u": _read_club}
