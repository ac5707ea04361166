"""The user's agent against access points on a fake air with operators' real books: bounded, settled, crashed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from device.agent_files import keep_book, load_book, only_agent, read_lines
from device.agent_pages import Kept, read_log
from device.agent_settings import AgentSettings, read_agent_settings
from device.choice import ANYTHING, PinnedLedger
from device.deposits import keep_deposits
from device.going import Funds, HavingInterrupted
from device.keeping import kept_folder, write_kept
from device.library import Over, Way, buy
from device.metered_choice import Manner
from device.paying import Purse
from device.purse import Channel, keep_channel
from device.user_agent import Decided, Ran, Told, ask, load_settings, run
from device.wallet import Wallet, pin_ledger
from market.agent.choosing import Choice
from market.agent.envelopes import Book, advance, cycle_of, reserve
from operatord import channels
from tests.device.metered_seller import DEPOSIT_UBC, INCREMENT_UBC, LEDGER, LEDGER_ID, QOS, Seller
from tests.device.playbook import BUYER
from tests.device.wpa_world import INTERFACE, WpaWorld, running
from wire.errors import ConfigError, ShellError
from wire.usage_terms import UsageTerms

ROOT = Path(__file__).parents[2]
SETTINGS = """
[budget]
cycle = "4"
day = "1.5"
look_every = "1s"
[applications.video]
rate = "0"
time = "2s"
minute = "3"
expect = "0B"
away_minute = "0"
"""
"""A second is worth 0.05 BC."""


@pytest.fixture
def world() -> Iterator[WpaWorld]:
    with running() as made:
        yield made


@dataclass
class Shop:
    """Everything around one agent."""

    world: WpaWorld
    wallet: Wallet
    sellers: list[Seller]
    text: str = SETTINGS
    told: list[Told] = field(default_factory=list)
    pauses: int = 0
    later: Callable[[], None] = lambda: None
    """What happens at the second pause."""

    @property
    def settings(self) -> AgentSettings:
        return read_agent_settings(self.text, Path("agent.toml"))

    @property
    def funds(self) -> Funds:
        return Funds({one.key.public: DEPOSIT_UBC for one in self.sellers}, {})

    @property
    def way(self) -> Way:
        return Way(INTERFACE, Over.AIR, self.world.folder)

    @property
    def book(self) -> Book:
        return load_book(self.wallet.path).book

    def run(self, seconds: int = 2) -> Ran:
        settings = self.settings
        return run(
            self.wallet, self.way, settings, settings.applications["video"], seconds, self.funds,
            tell=self.told.append, pause=self.pause,
        )  # fmt: skip

    def ask(self) -> Decided:
        settings = self.settings
        return ask(self.wallet, self.way, settings, settings.applications["video"], 2, self.funds)

    def pause(self, _: float) -> None:
        self.pauses += 1
        if self.pauses == 2:
            self.later()

    def log(self) -> list[bytes]:
        return read_lines(self.wallet.path, cycle_of(self.settings.budget, self.book.latest_s))


def shop(world: WpaWorld, folder: Path, *sellers: Seller) -> Shop:
    path = folder / "w.pem"
    path.write_bytes(BUYER.to_pem())
    path.chmod(0o600)
    return Shop(world, pin_ledger(Wallet(path, BUYER), PinnedLedger(LEDGER.public, LEDGER_ID)), list(sellers))


def test_it_pays_as_it_goes_and_what_was_reserved_is_free_again(world: WpaWorld, tmp_path: Path) -> None:
    seller = Seller(world, 1, 60_000)
    with seller.open():
        made = shop(world, tmp_path, seller)
        ran = made.run()
    assert [(stay.manner, stay.reason) for stay in ran.stays] == [(Manner.METERED, "time_is_up")]
    (settled,) = made.book.settled
    assert settled.paid_ubc == ran.stays[0].paid_ubc == seller.book.channels[BUYER.public].paid_ubc
    assert made.book.open == ()
    (had,), damaged = read_log(made.log())
    assert damaged == 0
    assert (had.paid_ubc, had.reason, len(had.alternatives)) == (settled.paid_ubc, "time_is_up", 2)
    assert had.worst_ubc == 2 * INCREMENT_UBC


def test_before_anything_is_paid_the_reservation_is_on_disk(world: WpaWorld, tmp_path: Path) -> None:
    seen: list[int] = []
    seller = Seller(world, 1, 60_000, heard=lambda: seen.extend(one.most_ubc for one in made.book.open))
    with seller.open():
        made = shop(world, tmp_path, seller)
        made.run()
    assert seen[0] == 2 * INCREMENT_UBC


def test_what_does_not_fit_into_the_envelope_is_not_bought_and_told(world: WpaWorld, tmp_path: Path) -> None:
    seller = Seller(world, 1, 60_000)
    with seller.open():
        made = shop(world, tmp_path, seller)
        made.text = SETTINGS.replace('day = "1.5"', 'day = "0.001"')
        ran = made.run()
    assert ran.stays == ()
    assert ran.decided is not None
    assert ran.decided.decision.choice is Choice.PLAN
    assert ran.decided.decision.why.endswith(": over_envelope")
    assert BUYER.public not in seller.book.sessions
    assert [json.loads(line)["choice"] for line in made.log()] == ["plan"]


def used_but_for(seller: Seller, left_ubc: int) -> Channel:
    used_ubc = DEPOSIT_UBC - left_ubc
    return Channel(seller.instance, seller.key.public, Purse(used_ubc, used_ubc, used_ubc, DEPOSIT_UBC))


def test_what_counts_is_what_is_left_in_the_channel_and_not_all_that_is_deposited(
    world: WpaWorld, tmp_path: Path
) -> None:
    """Two seconds cost 2,000; the last is paid ahead for all that it can carry, and that is 14,500."""
    seller = Seller(world, 1, 60_000, per_megabyte_ubc=10_000)
    with seller.open():
        made = shop(world, tmp_path, seller)
        assert made.ask().decision.choice is Choice.METERED, "nothing is used yet"
        keep_channel(made.wallet.path, used_but_for(seller, 14_499))
        decision = made.ask().decision
        keep_channel(made.wallet.path, used_but_for(seller, 14_500))
        enough = made.ask().decision.taken
    assert decision.choice is Choice.PLAN
    assert {one.refused for one in decision.alternatives} == {"deposit_used", "over_envelope"}
    assert enough is not None
    assert enough.worst_ubc == 14_500, "no more can be signed, and no more is reserved"


def test_what_is_not_worth_its_price_is_not_bought(world: WpaWorld, tmp_path: Path) -> None:
    seller = Seller(world, 1, 6_000_000)
    with seller.open():
        made = shop(world, tmp_path, seller)
        assert made.run().stays == ()
    assert made.book == advance(Book(), made.book.latest_s), "nothing was reserved"


def test_who_can_wait_looks_again_and_takes_the_better_price(world: WpaWorld, tmp_path: Path) -> None:
    """It has seen cheaper ones here; after some looks the price falls. A pause takes no time."""
    seller = Seller(world, 1, 10**9, price_ubc=40_000)
    with seller.open():
        made = shop(world, tmp_path, seller)
        made.text = SETTINGS.replace('time = "2s"', 'time = "2s"\nwait = "10m"')
        keep_book(made.wallet.path, Kept(seen={"video": (60_000,) * 50}))
        made.later = lambda: setattr(world.fake.air.cells[seller.bssid].shop, "price_ubc", 500)
        ran = made.run()
    decisions = [one.decision.choice for one in made.told if isinstance(one, Decided)]
    assert decisions == [Choice.WAIT, Choice.WAIT, Choice.BUY]
    assert [(stay.reason, stay.paid_ubc) for stay in ran.stays] == [("time_is_up", 500)]
    assert [json.loads(line).get("choice") for line in made.log()] == ["wait", "wait", "buy", None]
    assert len(load_book(made.wallet.path).seen["video"]) == 50, "as many as are remembered"


def test_when_its_patience_is_over_it_takes_what_is_there(world: WpaWorld, tmp_path: Path) -> None:
    seller = Seller(world, 1, 10**9, price_ubc=40_000)
    with seller.open():
        made = shop(world, tmp_path, seller)
        keep_book(made.wallet.path, Kept(seen={"video": (60_000,) * 50}))
        assert [stay.paid_ubc for stay in made.run().stays] == [40_000]


def test_the_next_one_when_the_first_does_not_serve_each_within_the_budget(
    world: WpaWorld, tmp_path: Path
) -> None:
    cheap, dear = Seller(world, 1, 60_000, silent=True), Seller(world, 2, 120_000)
    with ExitStack() as open_ones:
        for one in (cheap, dear):
            open_ones.enter_context(one.open())
        made = shop(world, tmp_path, cheap, dear)
        ran = made.run(4)
    assert [stay.reason for stay in ran.stays] == ["not_served", "time_is_up"]
    assert [one.paid_ubc for one in made.book.settled] == [stay.paid_ubc for stay in ran.stays]
    had, _ = read_log(made.log())
    assert len(had) == 2


def test_a_grant_is_bought_from_whom_it_was_decided_and_paid_once(world: WpaWorld, tmp_path: Path) -> None:
    near, far = Seller(world, 1, 10**9, price_ubc=20_000), Seller(world, 2, 10**9, price_ubc=19_000)
    with ExitStack() as open_ones:
        for one in (near, far):
            open_ones.enter_context(one.open())
        made = shop(world, tmp_path, near, far)
        ran = made.run()
        again = made.run()
    assert [(stay.bssid, stay.paid_ubc) for stay in ran.stays] == [(far.bssid, 19_000)]
    assert [stay.paid_ubc for stay in again.stays] == [0], "it was paid for before"
    assert [one.paid_ubc for one in made.book.settled] == [19_000, 0]
    assert again.decided is not None
    taken = again.decided.decision.taken
    assert taken is not None
    assert (taken.expected_ubc, taken.worst_ubc) == (0, 0), "and nothing has to be left for it"


def test_a_grant_whose_use_is_billed_is_not_used_though_it_was_paid_for(
    world: WpaWorld, tmp_path: Path
) -> None:
    """It was bought beside the agent; what its use comes to nobody has reserved."""
    seller = Seller(world, 1, 10**9, price_ubc=20_000)
    with seller.open():
        made = shop(world, tmp_path, seller)
        sells = world.fake.air.cells[seller.bssid].shop
        sells.qos = replace(QOS, usage=UsageTerms(0, 1_000, 10, 300_000_000))
        buy(made.wallet, made.way, ANYTHING).close()
        sells.qos = QOS
        ran = made.run()
    assert [stay.paid_ubc for stay in ran.stays] == [20_000]
    assert len(list(kept_folder(made.wallet.path).glob("*.grant"))) == 2


def test_asking_signs_and_keeps_nothing(world: WpaWorld, tmp_path: Path) -> None:
    seller = Seller(world, 1, 60_000)
    with seller.open():
        made = shop(world, tmp_path, seller)
        decided = made.ask()
    assert decided.decision.choice is Choice.METERED
    assert not kept_folder(made.wallet.path).exists()
    assert BUYER.public not in seller.book.sessions


def test_two_agents_with_one_wallet_are_one_too_many(world: WpaWorld, tmp_path: Path) -> None:
    made = shop(world, tmp_path)
    with only_agent(made.wallet.path), pytest.raises(ShellError, match="another agent"):
        made.run()


# ---- Crashes


def program(made: Shop) -> list[str]:
    made.wallet.path.with_suffix(".agent.toml").write_text(made.text)
    keep_deposits(made.wallet.path, made.funds.deposited_ubc)
    return [
        sys.executable, str(ROOT / "airgrant.py"), "agent", "run", "video", "for", "1m",
        "--wallet", str(made.wallet.path), "--interface", INTERFACE, "--over", "air",
        "--control", str(made.world.folder), "--json",
    ]  # fmt: skip


def test_killed_in_mid_session_the_reservation_stays_and_the_next_run_finds_out_what_was_paid(
    world: WpaWorld, tmp_path: Path
) -> None:
    children: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        for one in children:
            one.kill()

    seller = Seller(world, 1, 60_000, heard=kill)
    with seller.open():
        made = shop(world, tmp_path, seller)
        children.append(subprocess.Popen(program(made), stdout=subprocess.DEVNULL))
        assert children[0].wait(60) == -9
        children.clear()
        crashed = made.book
        (left,) = crashed.open
        assert (left.most_ubc, crashed.settled) == (60 * INCREMENT_UBC, ())
        channels.end(
            seller.book, BUYER.public, time.monotonic_ns() // 1_000_000
        )  # as its access point saw it go
        ran = made.run()
    assert [stay.reason for stay in ran.stays] == ["time_is_up"]
    first, second = made.book.settled
    assert (first.number, first.paid_ubc) == (left.number, INCREMENT_UBC), "as its channel says"
    assert second.paid_ubc > 0
    assert first.paid_ubc + second.paid_ubc == seller.book.channels[BUYER.public].paid_ubc
    had, _ = read_log(made.log())
    assert [one.reason for one in had] == ["crashed", "time_is_up"]


def with_open_reservation(made: Shop, at_s: int) -> None:
    reserved = reserve(Book(), made.settings.budget, "video", 70_000, at_s)
    assert isinstance(reserved, tuple)
    keep_book(made.wallet.path, Kept(reserved[0]))


def test_a_purchase_of_which_nobody_signed_the_outcome_stays_reserved(
    world: WpaWorld, tmp_path: Path
) -> None:
    made = shop(world, tmp_path)
    with_open_reservation(made, int(time.time()))
    path = kept_folder(made.wallet.path) / "ab.purchase"
    write_kept(path, b"")
    made.run()
    assert [one.most_ubc for one in made.book.open] == [70_000]
    path.unlink()
    made.run()
    assert [one.paid_ubc for one in made.book.settled] == [0], "it was rejected: there is no grant"


@pytest.mark.parametrize(
    ("age_s", "grant", "spent"), [(5, True, 70_000), (5, False, 0), (90_000, False, 70_000)]
)
def test_a_crash_is_settled_by_what_is_beside_the_wallet_and_after_a_day_as_the_worst(
    world: WpaWorld, tmp_path: Path, age_s: int, *, grant: bool, spent: int
) -> None:
    made = shop(world, tmp_path)
    with_open_reservation(made, int(time.time()) - age_s)
    if grant:
        write_kept(kept_folder(made.wallet.path) / "ab.grant", b"")
    made.run()
    assert [one.paid_ubc for one in made.book.settled] == [spent]


def test_a_disk_that_takes_no_reservation_has_nothing_signed(world: WpaWorld, tmp_path: Path) -> None:
    seller = Seller(world, 1, 60_000)
    with seller.open():
        made = shop(world, tmp_path, seller)
        (kept_folder(made.wallet.path) / ".agent.json.new").mkdir(parents=True)
        with pytest.raises(ShellError):
            made.run()
    assert BUYER.public not in seller.book.sessions


def test_ctrl_c_while_it_waits_keeps_what_was_had(world: WpaWorld, tmp_path: Path) -> None:
    made = shop(world, tmp_path)
    made.text = SETTINGS.replace('time = "2s"', 'time = "2s"\nwait = "1h"')

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    settings = made.settings
    with pytest.raises(HavingInterrupted) as caught:
        run(made.wallet, made.way, settings, settings.applications["video"], 2, made.funds, pause=interrupt)
    assert caught.value.stays == ()


def test_settings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        load_settings(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"bad\.toml: 'utf-8'"):
        load_settings(tmp_path / "bad.toml")
