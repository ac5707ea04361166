"""The settings of the agent: what is read, and each fault named with file, section and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.agent_settings import Application, read_agent_settings
from market.agent.choosing import PlanTerms
from market.agent.envelopes import DAY_S, Budget, Caps
from market.agent.quotes import Need
from wire.errors import ConfigError

FILE = Path("agent.toml")
ALL = """
[budget]
cycle = "4"
day = "0.5"
cycle_days = 28
cycle_begins = 2026-11-01
utc_offset = "+01:00"
look_every = "2m"
[plan]
per_megabyte = "0.002"
[applications.video]
rate = "2M/500k"
time = "30m"
minute = "0.02"
away_minute = "0.05"
expect = "8MB"
wait = "10m"
at_most = "0.3"
day = "0.4"
plan_worth = 30
[applications.mail]
rate = "64k"
minute = "0.001"
"""
LEAST = """
[budget]
cycle = "4"
[applications.video]
rate = "2M"
minute = "0.02"
"""


def test_everything_that_can_be_said() -> None:
    settings = read_agent_settings(ALL, FILE)
    assert settings.budget == Budget(
        Caps(500_000, 4_000_000), {"video": Caps(400_000, None), "mail": Caps()},
        1_793_491_200 - 3_600, 28, 3_600,
    )  # fmt: skip
    video = settings.applications["video"]
    assert video == Application(
        "video", 2_000_000, 500_000, 1_800, 20_000, 50_000, 8_000_000, 600, 300_000, 300_000
    )
    assert settings.plan_for(video) == PlanTerms(300_000, 2_000)
    assert settings.look_every_s == 120
    assert video.need(90, paid_ubc=100_000) == Need("video", 90, 20_000, 12_000_000, 50_000, 200_000)
    assert video.need(90, paid_ubc=400_000).at_most_ubc == 0


def test_the_least_that_has_to_be_said() -> None:
    settings = read_agent_settings(LEAST, FILE)
    assert settings.budget == Budget(Caps(None, 4_000_000), {"video": Caps()}, 0, 30, 0)
    video = settings.applications["video"]
    assert (video.duration_s, video.away_minute_ubc, video.wait_s) == (1_200, 20_000, 0)
    assert video.minute_bytes == 15_000_000, "the full rate"
    assert video.need(60).at_most_ubc is None
    assert settings.budget.cycle_begins_s % DAY_S == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[budget]", "[budget", "agent.toml: Expected"),
        ('cycle = "4"', "", "agent.toml: budget.cycle: is needed"),
        ('cycle = "4"', "cycle = 4.5", "agent.toml: budget.cycle: 4.5 is not a text: write it in quotes"),
        ('cycle = "4"', 'cycle = "-4"', "agent.toml: budget.cycle: '-4' is not an amount"),
        ('cycle = "4"', 'cycle = "99999999999999"', "agent.toml: budget.cycle: '99999999999999' is not an amount"),
        ('cycle = "4"', 'cycle = "4"\nweek = "1"', "agent.toml: budget.week: there is no such setting"),
        ('cycle = "4"', 'cycle = "4"\ncycle_days = 0', "budget.cycle_days: 0 is not a number of days"),
        ('cycle = "4"', 'cycle = "4"\ncycle_days = true', "budget.cycle_days: True is not a number of days"),
        ('cycle = "4"', 'cycle = "4"\ncycle_begins = "1 May"', "budget.cycle_begins: '1 May' is not a date"),
        ('cycle = "4"', 'cycle = "4"\ncycle_begins = 2026-11-01T00:00:00', "budget.cycle_begins: datetime"),
        ('cycle = "4"', 'cycle = "4"\nutc_offset = "CET"', "budget.utc_offset: 'CET' is not an offset"),
        ('cycle = "4"', 'cycle = "4"\nutc_offset = "+15:00"', "budget.utc_offset: '+15:00' is not an offset"),
        ('cycle = "4"', 'cycle = "4"\nutc_offset = 1', "budget.utc_offset: 1 is not an offset"),
        ('cycle = "4"', 'cycle = "4"\nlook_every = "0s"', "budget.look_every: is more than 0"),
        ("[budget]", "[spending]\n[budget]", "agent.toml: spending: there is no such section"),
        ("[budget]", "plan = 3\n[budget]", "agent.toml: plan: is not a section"),
        ("[budget]", '[plan]\nprice = "1"\n[budget]', "agent.toml: plan.price: there is no such setting"),
        ("[applications.video]", "[applications.everything]", "applications.everything: is no name"),
        ("[applications.video]", '[applications."Vi deo"]', "applications.Vi deo: is no name"),
        ('rate = "2M"', "", "agent.toml: applications.video.rate: is needed"),
        ('rate = "2M"', 'rate = "fast"', "applications.video.rate: 'fast' is not a rate"),
        ('rate = "2M"', 'rate = "2M/x"', "applications.video.rate: 'x' is not a rate"),
        ('rate = "2M"', 'rate = "2M"\ntime = "0s"', "applications.video.time: is more than 0"),
        ('rate = "2M"', 'rate = "2M"\nwait = "soon"', "applications.video.wait: 'soon' is not a duration"),
        ('rate = "2M"', 'rate = "2M"\nplan_worth = 101', "applications.video.plan_worth: 101 is not a percentage"),
        ('rate = "2M"', 'rate = "2M"\ncolour = 1', "applications.video.colour: there is no such setting"),
        ('minute = "0.02"', "", "applications.video.minute: is needed"),
    ],
)  # fmt: skip
def test_a_fault_is_named(old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_agent_settings(LEAST.replace(old, new), FILE)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["", '[budget]\ncycle = "4"\n', 'applications = 1\n[budget]\ncycle = "4"\n'])
def test_without_an_application_there_is_nothing_to_do(text: str) -> None:
    with pytest.raises(ConfigError, match="applications: say at least one"):
        read_agent_settings(text, FILE)
    with pytest.raises(ConfigError, match=r"applications\.video: is not a section"):
        read_agent_settings('[applications]\nvideo = "2M"\n', FILE)
