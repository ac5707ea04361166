"""Who came: one and one are the same, two who come together are nobody's."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from ran_slicing.arrivals import UNSEEN_NS, Arrivals, forget, list_ues, look, lose
from ran_slicing.core_info import Radio
from wire.units import NS_PER_S

ANNA, BERT, CARL = "imsi-1", "imsi-2", "imsi-3"
PERIOD_NS = NS_PER_S // 10
WITHIN_NS = 6 * NS_PER_S


@dataclass
class World:
    """A gNB that reports each tenth of a second, and a core whose list is taken each five seconds."""

    arrivals: Arrivals = field(default_factory=Arrivals)
    now_ns: int = 0
    rntis: set[int] = field(default_factory=set)
    radios: dict[str, Radio] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)
    connections: int = 0

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            before_ns, self.now_ns = self.now_ns, self.now_ns + PERIOD_NS
            self.arrivals = list_ues(self.arrivals, self.rntis, self.left, before_ns, self.now_ns)
            self.left = set()
            if self.now_ns % (5 * NS_PER_S) == 0:
                self.arrivals = look(self.arrivals, dict(self.radios), WITHIN_NS, self.now_ns)

    def come(self, supi: str, rnti: int, gnb_id: int = 411) -> None:
        self.rntis.add(rnti)
        self.connections += 1
        self.radios[supi] = Radio(gnb_id, 1, self.connections, self.connections)

    def go(self, supi: str, rnti: int) -> None:
        self.rntis.remove(rnti)
        self.left.add(rnti)
        del self.radios[supi]

    @property
    def known(self) -> Mapping[str, int]:
        return self.arrivals.rnti_of


def running() -> World:
    """With a UE and a connection that were there before."""
    world = World()
    world.come("imsi-9", 99)
    world.run(5.5)
    return world


def test_who_was_there_before_is_nobodys() -> None:
    world = running()
    world.run(10)
    assert world.known == {}


def test_one_who_comes_is_known_with_the_next_report_after_the_list() -> None:
    world = running()
    world.come(ANNA, 7)
    world.run(4.5)
    assert world.known == {}
    world.run(0.1)
    assert world.known == {ANNA: 7}


def test_those_who_come_one_after_the_other_are_told_by_their_order() -> None:
    world = running()
    world.come(BERT, 8)
    world.run(1.5)
    world.come(ANNA, 7)
    world.run(5)
    assert world.known == {ANNA: 7, BERT: 8}


def test_two_who_come_together_are_not_guessed_and_the_third_is_known() -> None:
    world = running()
    world.come(BERT, 8)
    world.run(0.5)
    world.come(ANNA, 7)
    world.run(2)
    world.come(CARL, 9)
    world.run(5)
    assert world.known == {CARL: 9}
    world.run(20)
    assert world.known == {CARL: 9}, "nor later"


def test_an_rnti_without_a_connection_makes_all_of_the_window_doubtful() -> None:
    """Somebody whom the core turned away."""
    world = running()
    world.rntis.add(6)
    world.run(1.5)
    world.come(ANNA, 7)
    world.run(5)
    assert world.known == {}


def test_and_a_connection_without_an_rnti_too() -> None:
    """A UE of another gNB whose name the list does not tell apart."""
    world = running()
    world.radios[BERT] = Radio(411, 1, 50, 50)
    world.come(ANNA, 7)
    world.run(5)
    assert world.known == {}


def test_with_several_gnbs_nobody_is_known() -> None:
    world = running()
    world.radios[BERT] = Radio(412, 1, 1, 50)
    world.run(5)
    world.come(ANNA, 7)
    world.run(10)
    assert world.known == {}


def test_who_comes_anew_has_the_new_rnti_and_the_old_one_is_nobodys() -> None:
    world = running()
    world.come(ANNA, 7)
    world.run(6)
    world.go(ANNA, 7)
    world.run(0.1)
    assert world.known == {}
    world.come(ANNA, 8)
    world.run(6)
    assert world.known == {ANNA: 8}


def test_an_rnti_that_is_given_to_somebody_else_at_once() -> None:
    world = running()
    world.come(ANNA, 7)
    world.run(6)
    world.go(ANNA, 7)
    world.come(BERT, 7)
    world.run(6)
    assert world.known == {BERT: 7}


def test_a_subscriber_who_is_idle_is_at_no_rnti() -> None:
    world = running()
    world.come(ANNA, 7)
    world.run(6)
    del world.radios[ANNA]
    world.run(5)
    assert world.known == {}


def test_an_rnti_that_no_report_lists_has_gone_after_a_while_and_not_at_once() -> None:
    world = running()
    world.come(ANNA, 7)
    world.run(6)
    world.rntis.remove(7)
    world.run(0.5)
    assert world.known == {ANNA: 7}
    world.run(UNSEEN_NS / NS_PER_S)
    assert world.known == {}


def test_what_was_wrong_once_is_not_thought_again() -> None:
    world = running()
    world.come(ANNA, 7)
    world.run(6)
    world.arrivals = forget(world.arrivals, 7)
    world.run(20)
    assert world.known == {}


def test_after_a_gnb_that_was_away_only_who_comes_then_is_known() -> None:
    world = running()
    world.come(ANNA, 7)
    world.run(6)
    world.arrivals = lose(world.arrivals)
    world.run(6)
    assert world.known == {}
    world.come(BERT, 8)
    world.run(6)
    assert world.known == {BERT: 8}


def test_nobody_is_ever_taken_for_another_however_they_come_and_go() -> None:
    """As long as everybody who has an RNTI is listed by the core a moment later."""
    chance = random.Random(4)
    for _ in range(30):
        world, at = running(), dict[str, int]()
        rnti = 100
        for _ in range(60):
            supi = f"imsi-{chance.randrange(10, 18)}"
            if supi in at:
                world.go(supi, at.pop(supi))
            else:
                rnti += 1
                at[supi] = rnti
                world.come(supi, rnti)
            world.run(chance.choice((0.1, 0.3, 1.2, 4.0, 9.0)))
            assert all(at.get(supi) == found for supi, found in world.known.items() if supi in at)
        assert world.arrivals.came
