"""Reading a message's map of labelled fields, one at a time, each with its limits.

A label is a small integer. A label of zero or more that a reader does not know is critical: the message is refused.
A negative label is an extension that readers who do not know it may pass over; the signature covers it all the same.
"""

from wire.cbor import Key, Value, read_cbor_with_booleans
from wire.errors import DecodeError
from wire.units import U63_MAX

MAX_SHOWN_CHARACTERS = 40
"""How much of a peer's value an error repeats: the value itself may be two megabytes."""


class FieldReader:
    """Takes fields out of a message's map; `finish` refuses what is left. Every method raises DecodeError only."""

    def __init__(self, payload: bytes, message: str) -> None:
        self._message = message
        value = read_cbor_with_booleans(payload)  # a field that is unknown and not critical may be anything
        if not isinstance(value, dict):
            raise self.error("the payload is not a map")
        self._fields: dict[Key, Value] = value

    def error(self, text: str) -> DecodeError:
        return DecodeError(f"{self._message}: {text}")

    def __contains__(self, label: int) -> bool:
        return label in self._fields

    def integer(self, label: int, name: str, minimum: int = 0, maximum: int = U63_MAX) -> int:
        value = self._take(label, name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.error(f"{name} is not an integer")
        if not minimum <= value <= maximum:
            raise self.error(f"{name} is {value}, outside {minimum}..{maximum}")
        return value

    def octets(self, label: int, name: str, size: int | None = None, maximum: int = 1_024) -> bytes:
        value = self._take(label, name)
        if not isinstance(value, bytes):
            raise self.error(f"{name} is not a byte string")
        if size is not None and len(value) != size:
            raise self.error(f"{name} has {len(value)} bytes, not {size}")
        if size is None and len(value) > maximum:
            raise self.error(f"{name} has {len(value)} bytes, at most {maximum} are accepted")
        return value

    def text(self, label: int, name: str, maximum: int = 200) -> str:
        value = self._take(label, name)
        if not isinstance(value, str) or len(value) > maximum:
            raise self.error(f"{name} is not a text of at most {maximum} characters")
        return value

    def integers(self, label: int, name: str, minimum_items: int, maximum_items: int) -> list[int]:
        """An array of non-negative integers."""
        value = self._take(label, name)
        if not isinstance(value, list) or not minimum_items <= len(value) <= maximum_items:
            raise self.error(f"{name} is not an array of {minimum_items} to {maximum_items} items")
        numbers = [item for item in value if isinstance(item, int) and not isinstance(item, bool)]
        if len(numbers) != len(value) or any(not 0 <= number <= U63_MAX for number in numbers):
            raise self.error(f"{name} has an item that is not an integer within 0..{U63_MAX}")
        return numbers

    def value(self, label: int, name: str) -> Value:
        """A field that the message checks by itself; what is in it has no boolean, which would pass for 0 or 1."""
        value = self._take(label, name)
        if _holds_boolean(value):
            raise self.error(f"{name} has a boolean in it")
        return value

    def finish(self) -> None:
        for label in self._fields:
            if not isinstance(label, int) or label >= 0:
                raise self.error(f"field {format_value(label)} is unknown and critical")

    def _take(self, label: int, name: str) -> Value:
        try:
            return self._fields.pop(label)
        except KeyError:
            raise self.error(f"{name} (field {label}) is missing") from None


def _holds_boolean(value: Value) -> bool:
    """In an array or a map, however deep; not that it is one."""
    if isinstance(value, list):
        return any(item is True or item is False or _holds_boolean(item) for item in value)
    if isinstance(value, dict):
        return any(item is True or item is False or _holds_boolean(item) for item in value.values())
    return False


def check_range(message: str, name: str, value: int, minimum: int = 0, maximum: int = U63_MAX) -> None:
    """For constructors: a value is refused where it is made, and so where it is read. Raises DecodeError."""
    if not minimum <= value <= maximum:
        raise DecodeError(f"{message}: {name} is {value}, outside {minimum}..{maximum}")


def cut_text(text: str, max_bytes: int) -> str:
    """The longest beginning of a text that fits into so many bytes of UTF-8; what has no UTF-8 becomes `?`."""
    return text.encode(errors="replace")[:max_bytes].decode(errors="ignore")


def format_value(value: object) -> str:
    """A peer's value for an error's text: printable, and cut to a bearable length."""
    text = repr(value[:MAX_SHOWN_CHARACTERS] if isinstance(value, (bytes, str)) else value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "..."
