"""The live view: what a person reads while the demo runs."""

from dataclasses import dataclass, field
from io import StringIO
from typing import cast

from rich.console import Console

from lab.demo.live import View
from lab.demo.watch import Sample, Watch
from lab.result import Moment


@dataclass
class Seen:
    """As much of a Watch as the view looks at."""

    moments: list[Moment] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def now_s(self) -> float:
        return 12.5


def render(seen: Seen) -> str:
    console = Console(record=True, width=150, file=StringIO())
    console.print(View(cast("Watch", seen), console))
    return console.export_text()


def test_rates_are_those_of_the_last_second() -> None:
    samples = [Sample(t, int(t * 1_000_000), int(t * 500_000), int(t * 250_000)) for t in (1.0, 1.5, 2.0)]
    text = render(Seen(samples={"sta1": samples}))
    ada = next(line for line in text.splitlines() if line.startswith("ada"))
    assert "8 Mbit/s to 16 Mbit/s" in ada
    down, bar, up, pushed = ada.split("16 Mbit/s")[1].replace(" Mbit/s", "").split()
    assert (down, set(bar), up, pushed) == ("8", {"█"}, "2", "4")


def test_freeloader_bought_nothing_and_the_story_is_told() -> None:
    text = render(Seen(moments=[Moment(1.5, "finn", "pushes"), Moment(2.5, "ada", "buys")]))
    assert "nothing" in next(line for line in text.splitlines() if line.startswith("finn"))
    assert text.splitlines()[-2:] == ["   1.5 s  finn     pushes", "   2.5 s  ada      buys"]


def test_flush_prints_each_moment_once() -> None:
    seen = Seen(moments=[Moment(1.0, "ada", "one")])
    console = Console(record=True, width=80, file=StringIO())
    view = View(cast("Watch", seen), console)
    view.flush()
    seen.moments.append(Moment(2.0, "ada", "two"))
    view.flush()
    assert console.export_text().split() == ["1.0", "s", "ada", "one", "2.0", "s", "ada", "two"]
