"""What a part of the core hands back: the state as it is now and what is to be done, or why there is no room."""

from apd.commands import Command
from apd.state import State
from wire.frozen import dataclass

Outcome = tuple[State, list[Command]]


@dataclass(frozen=True, slots=True)
class NoCapacity:
    """Why a floor cannot be promised, and the word for it."""

    detail: str
    reason: str = "no_capacity"
