"""Who came: one and one are the same, two who come together are nobody's."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from ran_slicing.arrivals import UNSEEN_NS, Arrivals, forget, list_ues, look, lose
from ran_slicing.core_info import Listed, Radio
from wire.units import NS_PER_S

ANNA, BERT, CARL = "imsi-1", "imsi-2", "imsi-3"
PERIOD_NS = NS_PER_S // 10


@dataclass
class World:
    """A gNB that reports each tenth of a second, and a core whose list is taken each five seconds."""

    arrivals: Arrivals = field(default_factory=Arrivals)
    now_ns: int = 0
    rntis: set[int] = field(default_factory=set)
    radios: dict[str, Radio] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)
    located_ns: dict[str, int] = field(default_factory=dict)
    registering: list[tuple[int, str, int]] = field(default_factory=list)
    ring: deque[int] = field(default_factory=lambda: deque(random.Random(1).sample(range(1, 65), 64)))
    """The AMF's numbers, as they are given anew: they say nothing of who came first."""
    looked_ns: int = 0
    answers: bool = True
    stamps: bool = True

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            before_ns, self.now_ns = self.now_ns, self.now_ns + PERIOD_NS
            self.arrivals = list_ues(self.arrivals, self.rntis, self.left, before_ns, self.now_ns)
            self.left = set()
            self.connect_due()
            if self.now_ns % (5 * NS_PER_S) == 0 and self.answers:
                located_ns = dict(self.located_ns) if self.stamps else {}
                listed = Listed(dict(self.radios), self.looked_ns, self.now_ns, located_ns)
                self.arrivals, self.looked_ns = look(self.arrivals, listed), self.now_ns

    def come(self, supi: str, rnti: int, gnb_id: int = 411, after_s: float = 0.0) -> None:
        """An RNTI now, and the connection after a while."""
        self.rntis.add(rnti)
        self.registering.append((self.now_ns + round(after_s * NS_PER_S), supi, gnb_id))
        self.connect_due()

    def connect_due(self) -> None:
        for entry in [entry for entry in self.registering if entry[0] <= self.now_ns]:
            self.registering.remove(entry)
            self.connect(*entry[1:])

    def connect(self, supi: str, gnb_id: int = 411) -> None:
        number = self.ring.popleft()
        self.radios[supi] = Radio(gnb_id, 1, number, number)
        self.located_ns[supi] = self.now_ns

    def go(self, supi: str, rnti: int) -> None:
        self.rntis.remove(rnti)
        self.left.add(rnti)
        self.registering = [entry for entry in self.registering if entry[1] != supi]
        if supi in self.radios:
            self.ring.append(self.radios.pop(supi).amf_ue_ngap_id)

    def establish_again(self, old: int, rnti: int) -> None:
        """The UE lost its radio link for a moment: another RNTI, the same connection."""
        self.rntis.remove(old)
        self.left.add(old)
        self.rntis.add(rnti)

    @property
    def known(self) -> Mapping[str, int]:
        return self.arrivals.rnti_of


def running() -> World:
    """With a UE and a connection that were there before."""
    world = World()
    world.come("imsi-9", 99)
    world.run(15.5)
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


def test_those_who_come_one_after_the_other_are_told_by_when_they_were_heard() -> None:
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


@pytest.mark.parametrize("numbers", [(900, 17), (17, 900)])
def test_the_numbers_of_connections_order_nothing(numbers: tuple[int, int]) -> None:
    world = running()
    world.ring.extendleft(reversed(numbers))
    world.come(ANNA, 7)
    world.run(2)
    world.come(BERT, 8)
    world.run(5)
    assert world.known == {ANNA: 7, BERT: 8}


def test_where_the_core_says_no_instants_only_one_alone_is_known() -> None:
    world = running()
    world.stamps = False
    world.come(ANNA, 7)
    world.run(2)
    world.come(BERT, 8)
    world.run(5)
    assert world.known == {}
    world.come(CARL, 9)
    world.run(5)
    assert world.known == {CARL: 9}


def test_who_was_heard_late_may_be_either() -> None:
    """The first of two speaks with the core again after the second came: his instant tells nothing any more."""
    world = running()
    world.come(ANNA, 7)
    world.run(1.5)
    world.come(BERT, 8)
    world.run(1.5)
    world.located_ns[ANNA] = world.now_ns
    world.run(5)
    assert world.known == {}


def test_nobody_is_an_rnti_that_came_after_he_was_heard() -> None:
    """Anna registers slowly, and somebody else's RNTI is new meanwhile."""
    world = running()
    world.run(3)
    world.come(ANNA, 7, after_s=1.9)
    world.run(4)
    world.establish_again(99, 98)
    world.run(5)
    assert world.known in ({}, {ANNA: 7})


def test_one_who_registers_slowly_is_no_reason_to_believe_another_pair() -> None:
    world = running()
    world.run(1.5)
    world.come(ANNA, 7, after_s=4)
    world.run(3)
    world.establish_again(99, 98)
    world.run(6)
    assert world.known == {}


def test_who_came_before_anybody_looked_may_be_whom_the_core_lists() -> None:
    """The gNB was away when Anna came, and Bert's connection is not made yet."""
    world = running()
    world.run(1.5)
    world.arrivals = lose(world.arrivals)
    world.come(ANNA, 7)
    world.run(2.5)
    world.come(BERT, 8, after_s=2)
    world.run(1)
    assert world.known == {}
    world.run(20)
    assert world.known == {}


def test_a_core_that_did_not_answer_lists_who_came_meanwhile() -> None:
    """Connections of fifty seconds, and so RNTIs of fifty seconds."""
    world = running()
    world.answers = False
    world.run(10)
    world.come(ANNA, 7)
    world.run(43.5)
    world.answers = True
    world.come(BERT, 8, after_s=3)
    world.run(2)
    assert world.known == {}


def test_with_several_cells_nobody_is_known() -> None:
    world = running()
    world.radios[BERT] = Radio(411, 2, 1, 50)
    world.run(5)
    world.come(ANNA, 7)
    world.run(10)
    assert world.known == {}


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
    world.run(11)
    assert world.known == {}
    world.come(BERT, 8)
    world.run(6)
    assert world.known == {BERT: 8}


@pytest.mark.parametrize("stamps", [True, False])
def test_nobody_is_ever_taken_for_another_however_they_come_and_go(stamps: bool) -> None:
    """Registrations take from a tenth of a second to some seconds, some are turned away, the core does not always
    answer, the gNB is away now and then.
    """
    chance, found = random.Random(4), 0
    for _ in range(40):
        world, at = running(), dict[str, int]()
        world.stamps, rnti = stamps, 100
        for _ in range(60):
            supi = f"imsi-{chance.randrange(10, 18)}"
            rnti += 1
            if supi in at:
                world.go(supi, at.pop(supi))
            elif chance.random() < 0.1:
                world.rntis.add(rnti)
            else:
                at[supi] = rnti
                slow = chance.random() < 0.1
                world.come(supi, rnti, after_s=chance.uniform(1, 5) if slow else chance.uniform(0.1, 0.6))
            world.answers = chance.random() > 0.1
            if chance.random() < 0.02:
                world.arrivals = lose(world.arrivals)
            world.run(chance.choice((0.1, 0.3, 1.2, 4.0, 9.0, 12.0)))
            assert all(at.get(supi) == one for supi, one in world.known.items() if supi in at)
            found += len(world.known)
    assert found > 100


def test_a_new_rnti_without_a_connection_beside_one_who_took_very_long_deceives() -> None:
    """What is known here is likely and no more: its bytes have to agree before anybody's money depends on it."""
    world = running()
    world.run(1)
    world.come(ANNA, 7, after_s=11)
    world.run(11)
    world.establish_again(99, 98)
    world.run(10)
    assert world.known == {ANNA: 98}
