"""The settings of the user's agent: what applications want and are worth, and what may be spent. Pure.

    [budget]
    cycle = "4"                     # bandcoins; nothing is signed that may come to more, whatever goes wrong
    day = "0.5"
    cycle_days = 30
    cycle_begins = 2026-11-01
    utc_offset = "+01:00"           # when a day begins
    [plan]                          # what you have anyway; left out: nothing
    per_megabyte = "0.002"
    [applications.video]
    rate = "2M/500k"
    time = "20m"
    minute = "0.02"                 # what a minute of it is worth
    away_minute = "0.05"            # what a minute without a network costs you while you want it; default: `minute`
    expect = "8MB"                  # transferred in a minute; default: the full rate
    wait = "10m"                    # so long it may be put off for a better quote
    at_most = "0.3"                 # for one time
    day = "0.4"                     # envelopes of its own
    plan_worth = 30                 # per cent of its worth that the plan gives

Raises ConfigError, "file: section.key: reason". Money and rates are texts, as everywhere (wire/units.py): a TOML number
with a point is a float, and no float is ever money.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from market.agent.choosing import PlanTerms
from market.agent.envelopes import DAY_S, Budget, Caps
from market.agent.quotes import Need
from market.metered import MINUTE_S
from wire.errors import ConfigError
from wire.units import PPM, parse_duration, parse_money, parse_rate, parse_size

EVERYTHING = "everything"
LOOK_EVERY_S = 60
"""Between looks while it waits: a scan takes seconds of the radio's time."""
MAX_OFFSET_S = 14 * 3_600
T = TypeVar("T")

_BUDGET = frozenset({"cycle", "day", "cycle_days", "cycle_begins", "utc_offset", "look_every"})
_PLAN = frozenset({"per_megabyte"})
_APPLICATION = frozenset(
    {"rate", "time", "minute", "away_minute", "expect", "wait", "at_most", "day", "cycle", "plan_worth"}
)


@dataclass(frozen=True, slots=True)
class Application:
    """What one wants, is worth, and may be put off for. Rates in bit/s, `minute_ubc` is what a minute is worth."""

    name: str
    floor_down_bps: int
    floor_up_bps: int
    duration_s: int
    minute_ubc: int
    away_minute_ubc: int
    minute_bytes: int
    """What is transferred in a minute, as far as one can tell."""
    wait_s: int = 0
    at_most_ubc: int | None = None
    plan_worth_ppm: int = 0

    def need(self, duration_s: int, paid_ubc: int = 0) -> Need:
        """Of what is left of one time, of which so much was paid."""
        left_ubc = None if self.at_most_ubc is None else max(0, self.at_most_ubc - paid_ubc)
        expected = -(-self.minute_bytes * duration_s // MINUTE_S)
        return Need(self.name, duration_s, self.minute_ubc, expected, self.away_minute_ubc, left_ubc)


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """All of a file."""

    budget: Budget
    applications: Mapping[str, Application]
    plan_per_megabyte_ubc: int = 0
    look_every_s: int = LOOK_EVERY_S

    def plan_for(self, application: Application) -> PlanTerms:
        return PlanTerms(application.plan_worth_ppm, self.plan_per_megabyte_ubc)


def read_agent_settings(text: str, file: Path) -> AgentSettings:
    """Raises ConfigError that names file, section and key."""
    try:
        page = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: {error}") from None
    for name in page:
        if name not in {"budget", "plan", "applications"}:
            raise ConfigError(f"{file}: {name}: there is no such section")
    applications = page.get("applications", {})
    if not isinstance(applications, dict) or not applications:
        raise ConfigError(f"{file}: applications: say at least one, such as [applications.video]")
    sections = {name: _section(values, f"applications.{name}", file) for name, values in applications.items()}
    budget = _section(page.get("budget", {}), "budget", file)
    plan = _section(page.get("plan", {}), "plan", file)
    plan.refuse_unknown(_PLAN)
    return AgentSettings(
        _read_budget(budget, sections),
        {name: _read_application(name, section) for name, section in sections.items()},
        plan.parsed("per_megabyte", parse_money, 0),
        budget.positive("look_every", parse_duration, LOOK_EVERY_S),
    )


def _read_budget(section: "_Section", applications: Mapping[str, "_Section"]) -> Budget:
    section.refuse_unknown(_BUDGET)
    offset_s = _read_offset(section)
    everything = Caps(section.maybe("day", parse_money), section.parsed("cycle", parse_money))
    own = {
        name: Caps(one.maybe("day", parse_money), one.maybe("cycle", parse_money))
        for name, one in applications.items()
    }
    days = section.values.get("cycle_days", 30)
    if type(days) is not int or not 1 <= days <= 366:
        raise section.error("cycle_days", f"{days!r} is not a number of days from 1 to 366")
    begins_s = section.midnight_s("cycle_begins") - offset_s
    return Budget(everything, own, begins_s, days, offset_s)


def _read_application(name: str, section: "_Section") -> Application:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,30}", name) or name == EVERYTHING:
        raise ConfigError(
            f"{section.file}: {section.name}: is no name for an application: small letters and digits"
        )
    section.refuse_unknown(_APPLICATION)
    down, _, up = section.text("rate").partition("/")
    down_bps, up_bps = section.read("rate", down, parse_rate), section.read("rate", up or "0", parse_rate)
    minute_ubc = section.parsed("minute", parse_money)
    worth = section.values.get("plan_worth", 0)
    if type(worth) is not int or not 0 <= worth <= 100:
        raise section.error("plan_worth", f"{worth!r} is not a percentage from 0 to 100")
    return Application(
        name,
        down_bps,
        up_bps,
        section.positive("time", parse_duration, 1_200),
        minute_ubc,
        section.parsed("away_minute", parse_money, minute_ubc),
        section.parsed("expect", parse_size, (down_bps + up_bps) * MINUTE_S // 8),
        section.parsed("wait", parse_duration, 0),
        section.maybe("at_most", parse_money),
        worth * PPM // 100,
    )


def _read_offset(section: "_Section") -> int:
    text = section.values.get("utc_offset", "+00:00")
    match = re.fullmatch(r"([+-])(\d\d):([0-5]\d)", text) if isinstance(text, str) else None
    offset_s = int(match[2]) * 3_600 + int(match[3]) * 60 if match else MAX_OFFSET_S + 1
    if match is None or offset_s > MAX_OFFSET_S:
        raise section.error("utc_offset", f"{text!r} is not an offset such as +01:00")
    return -offset_s if match[1] == "-" else offset_s


# ---- One section


@dataclass(frozen=True, slots=True)
class _Section:
    """Its values, and how to name it in an error."""

    values: Mapping[str, Any]
    name: str
    file: Path

    def refuse_unknown(self, known: frozenset[str]) -> None:
        for key in self.values:
            if key not in known:
                raise self.error(key, "there is no such setting")

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if value is None:
            raise self.error(key, "is needed")
        if not isinstance(value, str):
            raise self.error(key, f"{value!r} is not a text: write it in quotes")
        return value

    def read(self, key: str, text: str, parse: Callable[[str], T]) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise self.error(key, str(error)) from None

    def parsed(self, key: str, parse: Callable[[str], int], default: int | None = None) -> int:
        if default is not None and key not in self.values:
            return default
        return self.read(key, self.text(key), parse)

    def maybe(self, key: str, parse: Callable[[str], int]) -> int | None:
        return self.parsed(key, parse) if key in self.values else None

    def positive(self, key: str, parse: Callable[[str], int], default: int) -> int:
        value = self.parsed(key, parse, default)
        if value <= 0:
            raise self.error(key, "is more than 0")
        return value

    def midnight_s(self, key: str) -> int:
        """Of a TOML date; without one, of the first day there was."""
        day = self.values.get(key, date(1970, 1, 1))
        if not isinstance(day, date) or isinstance(day, datetime):
            raise self.error(key, f"{day!r} is not a date such as 2026-11-01, without quotes")
        return (day - date(1970, 1, 1)).days * DAY_S

    def error(self, key: str, text: str) -> ConfigError:
        return ConfigError(f"{self.file}: {self.name}.{key}: {text}")


def _section(values: Any, name: str, file: Path) -> _Section:
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: {name}: is not a section")
    return _Section(values, name, file)
