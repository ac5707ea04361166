"""`dataclass(frozen=True, slots=True)` as the standard library has it, for a third of the memory.

The standard library compiles a `__repr__`, `__eq__`, `__hash__`, `__setattr__` and `__delattr__` of its own for every
class, and its `slots=True` keeps each class twice, as a descriptor of the first stays behind in the second
(python/cpython#135228). The box has hundreds of small classes and little memory: here they share one of each, and the
first class goes. Type checkers see the standard library's decorator. Compiled ones compare and hash faster, by some
tenths of a microsecond: what is looked up in dictionaries all day (wire/ids.py) has those.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]
_COMPARED = "_compared"
"""Where a class has what reads the fields that count."""

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """Of this one kind."""
        assert (frozen, slots) == (True, True), "the standard library has all others"
        return _make


_STANDARD = dataclasses.dataclass(frozen=True, slots=True, eq=False, repr=False)


def _make(plain: type) -> Any:
    said = plain.__dict__
    plain.__doc__ = plain.__doc__ or " "  # else the signature of __init__ is found out for it
    made: Any = _STANDARD(plain)
    compared = [item.name for item in fields(made) if item.compare]
    shared = {"__eq__": _equal, "__hash__": _hash, "__repr__": _repr}
    for name, function in shared.items():
        if name not in said:
            setattr(made, name, function)
    made.__setattr__, made.__delattr__ = _refuse_setting, _refuse_deleting
    setattr(made, _COMPARED, attrgetter(*compared or ["__class__"]))
    if "__weakref__" in made.__dict__:
        del made.__weakref__
    return made


def _equal(one: Any, other: object) -> Any:
    if other.__class__ is not one.__class__:
        return NotImplemented
    compared = getattr(one, _COMPARED)
    return bool(compared(one) == compared(other))


def _hash(one: Any) -> int:
    return hash(getattr(one, _COMPARED)(one))


def _repr(one: Any) -> str:
    shown = (f"{item.name}={getattr(one, item.name)!r}" for item in fields(one) if item.repr)
    return f"{type(one).__qualname__}({', '.join(shown)})"


def _refuse_setting(_one: Any, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(_one: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")
