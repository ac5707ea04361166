"""A keeper of time keys: one secret makes a key for every second, and each is told when its second has come.

Nothing is stored for it: the secret of a second follows from the keeper's secret, which never leaves the keeper. Pure:
what time it is comes in. A keeper that loses its secret can open nothing any more; one that tells it lets all bids be
read that were ever sealed to it.
"""

from wire.key_agreement import derive_key, extract
from wire.keys import PrivateKey
from wire.time_key import TIME_SECRET_SIZE, TimeKey, write_time_key

_SALT = b"airgrant/time-keys"
MAX_AHEAD_S = 30 * 86_400
"""Farther ahead no key is given out: there is no use for it, and each costs a signature."""


def time_secret(keeper: PrivateKey, time_s: int) -> bytes:
    """32 octets, of this keeper and this second."""
    return _secret_of(_derive(keeper, time_s))


def time_key(keeper: PrivateKey, time_s: int) -> bytes:
    """The public half, signed by the keeper."""
    return write_time_key(TimeKey(keeper.public, time_s, _derive(keeper, time_s).public), keeper)


def tell_time_secret(keeper: PrivateKey, time_s: int, now_s: int) -> bytes | None:
    """None before its second has come."""
    return time_secret(keeper, time_s) if time_s <= now_s else None


def _derive(keeper: PrivateKey, time_s: int) -> PrivateKey:
    return derive_key(extract(_SALT, _secret_of(keeper)), time_s.to_bytes(8, "big"))


def _secret_of(key: PrivateKey) -> bytes:
    return key.key.private_numbers().private_value.to_bytes(TIME_SECRET_SIZE, "big")
