"""The live view: who gets what right now, and what happened last. In a terminal a table that moves, elsewhere a
line each.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lab.demo.cast import CAST, PAYING, UNIT, Role
from lab.demo.watch import Sample, Watch
from lab.result import Moment
from wire.units import format_rate

LAST_MOMENTS = 9
BAR_CELLS = 24
_FULL_BAR_BPS = 34_000_000


class View:
    """What rich redraws; in a pipe, `flush` prints the moments that were not printed yet."""

    def __init__(self, watch: Watch, console: Console) -> None:
        self._watch = watch
        self._console = console
        self._printed = 0

    def __rich__(self) -> Group:
        return Group(self._stations(), Text(), *self._story())

    def flush(self) -> None:
        for moment in self._watch.moments[self._printed :]:
            self._console.print(_line(moment))
            self._printed += 1

    def _stations(self) -> Table:
        table = Table(title=f"{self._watch.now_s():5.1f} s", title_justify="left", box=None, pad_edge=False)
        for heading in ("station", "bought", "down now", "", "up now", "pushes up"):
            table.add_column(heading, justify="right" if "now" in heading or "push" in heading else "left")
        for role in CAST:
            samples = self._watch.samples.get(f"sta{role.number}", [])
            table.add_row(role.name, _bought(role), *_rates(samples))
        return table

    def _story(self) -> list[Text]:
        return [_line(moment) for moment in self._watch.moments[-LAST_MOMENTS:]]


@contextmanager
def show(watch: Watch, console: Console) -> Iterator[View]:
    """The view for the length of a block."""
    view = View(watch, console)
    if console.is_terminal:
        with Live(view, console=console, refresh_per_second=2, transient=True):
            yield view
    else:
        yield view
    view.flush()


def _line(moment: Moment) -> Text:
    return Text.assemble((f"{moment.t_s:6.1f} s  ", "dim"), (f"{moment.who:9}", "bold"), moment.what)


def _bought(role: Role) -> str:
    if role not in PAYING:
        return "nothing"
    units = role.wish_down_bps // UNIT.floor_down_bps
    return f"{format_rate(role.wish_down_bps)} to {format_rate(units * UNIT.ceil_down_bps)}"


def _rates(samples: list[Sample]) -> tuple[str, str, str, str]:
    if len(samples) < 3:
        return "", "", "", ""
    before, after = samples[-3], samples[-1]
    lasted_s = after.t_s - before.t_s
    down_bps = (after.arrived_bytes - before.arrived_bytes) * 8 / lasted_s
    up_bps = (after.through_bytes - before.through_bytes) * 8 / lasted_s
    pushed_bps = (after.pushed_bytes - before.pushed_bytes) * 8 / lasted_s
    bar = "█" * min(BAR_CELLS, round(down_bps / _FULL_BAR_BPS * BAR_CELLS))
    return format_rate(round(down_bps)), bar, format_rate(round(up_bps)), format_rate(round(pushed_bps))
