"""A short run of the fuzzer, and proof that it would find what it looks for."""

from __future__ import annotations

import pytest

from nas_tunnel.lobby import Refused
from tests.nas_tunnel import fuzz
from tests.nas_tunnel.fuzz import READERS, SAMPLES


def test_the_readers_keep_their_promise() -> None:
    """`python -m tests.nas_tunnel.fuzz 3600` is the long run."""
    inputs, values = fuzz.run(20_261_121, lambda done: done < 1_500)
    assert inputs == 1_500
    assert 500 < values < 20_000


def test_every_reader_reads_a_sample() -> None:
    for name in READERS:
        assert any(fuzz.check(name, sample) for sample in SAMPLES), f"{name} has no sample"


def test_a_leak_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, "query", (lambda data: data[2_000], None))
    with pytest.raises(IndexError) as leaked:
        fuzz.run(1, lambda done: done < 50)
    assert "seed 1, input 0: bytes.fromhex" in leaked.value.__notes__[0]


def test_a_second_form_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, "lobby", (lambda _: Refused(b"", "r", ""), READERS["lobby"][1]))
    with pytest.raises(AssertionError, match="two forms"):
        fuzz.check("lobby", b"")
