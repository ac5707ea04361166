"""Our decorator does what the standard library's does, and a class is there once."""

import copy
import gc
from dataclasses import FrozenInstanceError, field, fields, replace
from dataclasses import dataclass as standard
from typing import Any

import pytest

from wire.frozen import dataclass
from wire.qos import Qos


@dataclass(frozen=True, slots=True)
class Ours:
    """As below."""

    number: int
    words: tuple[str, ...] = ()
    seen: int = field(default=0, compare=False)
    secret: bytes = field(default=b"", repr=False)


@standard(frozen=True, slots=True)
class Theirs:
    """As above."""

    number: int
    words: tuple[str, ...] = ()
    seen: int = field(default=0, compare=False)
    secret: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


@dataclass(frozen=True, slots=True)
class Alone:
    word: str

    def __repr__(self) -> str:
        return f"<{self.word}>"


VALUES: list[tuple[Any, ...]] = [(1,), (2,), (1, ("a",)), (1, (), 7), (1, (), 0, b"s")]


def test_it_compares_hashes_and_shows_as_the_standard_library_does() -> None:
    ours, theirs = [Ours(*values) for values in VALUES], [Theirs(*values) for values in VALUES]
    for one, other in zip(ours, theirs, strict=True):
        assert repr(one) == repr(other).replace("Theirs", "Ours")
        assert [one == third for third in ours] == [other == third for third in theirs]
        assert len({one, *ours}) == len({other, *theirs}) == 4, "what is not compared is not hashed"
    other_kinds: list[Any] = [Theirs(1), Nothing(), Alone("x")]
    assert Ours(1) not in other_kinds
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())
    assert repr(Alone("x")) == "<x>", "a class may say it by itself"


def test_it_cannot_be_changed() -> None:
    one: Any = Ours(1)
    for wrong in ("number", "unknown"):
        with pytest.raises(FrozenInstanceError, match=f"cannot assign to field '{wrong}'"):
            setattr(one, wrong, 2)
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'number'"):
        del one.number
    assert not hasattr(one, "__dict__")


def test_what_the_standard_library_does_with_it_works() -> None:
    one = Ours(1, ("a",), 2, b"s")
    assert replace(one, number=5) == Ours(5, ("a",), 9, b"s")
    assert [item.name for item in fields(one)] == ["number", "words", "seen", "secret"]
    assert copy.deepcopy(one) == copy.copy(one) == one
    match one:
        case Ours(1, (word,)):
            assert word == "a"
        case _:
            pytest.fail("no match")


def test_a_class_is_there_once_and_shares_what_is_common() -> None:
    """The standard library keeps the first of the two that it makes; ours goes with the next collection."""
    gc.unfreeze()  # what another test froze is not listed
    gc.collect()
    qualname = f"{Qos.__module__}.{Qos.__qualname__}"
    there = [one for one in gc.get_objects() if isinstance(one, type) and _name(one) == qualname]
    assert there == [Qos]
    assert Ours.__eq__ is Nothing.__eq__
    assert Ours.__hash__ is Nothing.__hash__


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def test_only_the_one_kind_is_made() -> None:
    make: Any = dataclass
    with pytest.raises(AssertionError, match="has all others"):
        make(frozen=False, slots=True)
