"""The entry that a club has in the ledger's state, and its byte form.

    u founder(8) number(1)                    Club: what a token is, whose they are, and how many each has

One entry, so that a spending reaches everybody or nobody. Tokens are no money and are in no sum of balances: what a
club's members have, and what they owe the others and does not divide yet, is together what they began with, always.
Reference: token sharing (002), II D.   Units: kHz x s.
"""

from collections.abc import Callable
from dataclasses import dataclass

from wire.cbor import Value
from wire.ids import PUBLIC_KEY_SIZE


@dataclass(frozen=True, slots=True)
class Club:
    """`balances` in the order of `members` (33 octets each), as is `owed`: spent, and not divided yet
    (market/tokens/sharing.py); less than there are other members.
    """

    founder: bytes
    quantum_khz_s: int
    tokens: int
    members: bytes
    balances: tuple[int, ...]
    owed: tuple[int, ...]

    @property
    def member_keys(self) -> list[bytes]:
        keys = self.members
        return [keys[at : at + PUBLIC_KEY_SIZE] for at in range(0, len(keys), PUBLIC_KEY_SIZE)]


def club_key(founder_key_id: bytes, number: int) -> bytes:
    return b"u" + founder_key_id + bytes((number,))


def club_items(club: Club) -> list[Value]:
    """The fields in their order, for one CBOR array."""
    balances: list[Value] = list(club.balances)
    owed: list[Value] = list(club.owed)
    return [club.founder, club.quantum_khz_s, club.tokens, club.members, balances, owed]


def _read_club(items: list[Value]) -> Club:
    match items:
        case [bytes(founder), int(quantum_khz_s), int(tokens), bytes(members), list(balances), list(owed)]:
            count = len(members) // PUBLIC_KEY_SIZE
            return Club(
                founder, quantum_khz_s, tokens, members, _numbers(balances, count), _numbers(owed, count)
            )
    raise ValueError("not a club")


def _numbers(items: list[Value], count: int) -> tuple[int, ...]:
    numbers = tuple([one for one in items if isinstance(one, int)])
    if not len(numbers) == len(items) == count:
        raise ValueError(f"not a number for each of {count} members")
    return numbers


CLUB_ENTRY_READERS: dict[bytes, Callable[[list[Value]], Club]] = {b"u": _read_club}
