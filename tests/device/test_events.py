"""Events and commands are values, and each of them is used."""

import dataclasses
from typing import get_args

import pytest

from device import events
from device.agent import HANDLERS


@pytest.mark.parametrize("kind", [*get_args(events.Event), *get_args(events.Command)])
def test_frozen(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert kind.__doc__


def test_every_event_is_listened_to_somewhere() -> None:
    everywhere = {
        events.DatagramReceived,
        events.MessageHeard,
        events.SendFailed,
    }  # step() takes these in every phase
    assert {kind for _, kind in HANDLERS} >= set(get_args(events.Event)) - everywhere
