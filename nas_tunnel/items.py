"""Reading a message that is one CBOR array: its items, taken from the front, each with its limits."""

from collections import deque

from wire.cbor import read_cbor_with_booleans
from wire.errors import DecodeError
from wire.ids import PUBLIC_KEY_SIZE, PublicKey
from wire.units import U63_MAX


class ItemReader:
    """Takes items from the front of an array; `finish` refuses what is left. Every method raises DecodeError only."""

    def __init__(self, data: bytes, message: str) -> None:
        self._message = message
        value = read_cbor_with_booleans(data)
        if not isinstance(value, list):
            raise self.error("not an array")
        self._items = deque(value)

    def error(self, text: str) -> DecodeError:
        return DecodeError(f"{self._message}: {text}")

    def more(self) -> bool:
        return bool(self._items)

    def octets(self, name: str, minimum: int, maximum: int) -> bytes:
        item = self._next(name)
        if not isinstance(item, bytes) or not minimum <= len(item) <= maximum:
            raise self.error(f"{name} is not a byte string of {minimum} to {maximum} bytes")
        return item

    def integer(self, name: str, maximum: int = U63_MAX) -> int:
        item = self._next(name)
        if not isinstance(item, int) or isinstance(item, bool) or not 0 <= item <= maximum:
            raise self.error(f"{name} is not an integer within 0..{maximum}")
        return item

    def text(self, name: str, minimum: int, maximum: int) -> str:
        item = self._next(name)
        if not isinstance(item, str) or not minimum <= len(item) <= maximum:
            raise self.error(f"{name} is not a text of {minimum} to {maximum} characters")
        return item

    def public_key(self, name: str) -> PublicKey:
        try:
            return PublicKey(self.octets(name, PUBLIC_KEY_SIZE, PUBLIC_KEY_SIZE))
        except ValueError as error:
            if isinstance(error, DecodeError):
                raise
            raise self.error(f"{name}: {error}") from None

    def finish(self) -> None:
        if self._items:
            raise self.error("more items than the message has")

    def _next(self, name: str) -> object:
        if not self._items:
            raise self.error(f"{name} is missing")
        return self._items.popleft()
