"""One contract for the shaper and its twin in memory: the same calls, the same answers."""

from dataclasses import replace

import pytest

from lab.namespaces import Port, create, delete, plug
from tc_shaper.fake import FakeShaper
from tc_shaper.kernel import Shaper
from tc_shaper.settings import ShaperSettings
from tc_shaper.tree import FIRST_SLOT, SessionShape, plan_tree
from wire.errors import ShellError
from wire.ids import MacAddress

pytestmark = pytest.mark.system

SETTINGS = ShaperSettings(
    interface="wlan0",
    downlink_capacity_bps=50_000_000,
    uplink_capacity_bps=50_000_000,
    leaf="bfifo",
    grace_s=1,
    pool_size=4,
    pool_chunk=4,
)


def mac(number):
    return MacAddress(b"\x02" + number.to_bytes(5, "big"))


def shape(slot, station, rate_bps=1_000_000):
    return SessionShape(slot, mac(station), rate_bps, 2 * rate_bps, rate_bps, rate_bps)


class Real:
    """The real shaper in a namespace: every call is made from inside."""

    def __init__(self, box):
        self.box = box

    def start(self):
        made = Shaper(SETTINGS)
        assert self.box.call(made.set_up).leaf == "bfifo"
        return made

    def end(self, shaper):
        self.box.call(shaper.tear_down)

    def pass_time(self, shaper, seconds):
        """It passes by itself."""


class Twin:
    """The twin, whose kernel outlives it."""

    kernel = None

    def start(self):
        made = FakeShaper(SETTINGS, self.kernel)
        self.kernel = made.kernel
        assert made.set_up().leaf == "bfifo"
        return made

    def end(self, shaper):
        shaper.tear_down()

    def pass_time(self, shaper, seconds):
        shaper.pass_time(seconds)


@pytest.fixture(params=["kernel", "fake"])
def world(request):
    if request.param == "fake":
        yield Twin()
        return
    box, air = create("contractbox"), create("contractair")
    try:
        plug(Port(box, "wlan0"), Port(air, "wlan0"))
        yield Real(box)
    finally:
        delete(box)
        delete(air)


@pytest.fixture
def shaper(world):
    made = world.start()
    yield made
    world.end(made)


def wanted(shaper, *shapes):
    return plan_tree(SETTINGS, shaper.capabilities, shapes)


def test_install_change_and_remove_make_the_planned_tree(shaper):
    assert shaper.present() == wanted(shaper)
    shaper.install(shape(16, 1))
    shaper.install(shape(18, 2))
    assert shaper.sessions() == {16: mac(1), 18: mac(2)}
    assert shaper.present() == wanted(shaper, shape(16, 1), shape(18, 2))
    shaper.change(shape(16, 1, 4_000_000))
    assert shaper.present() == wanted(shaper, shape(16, 1, 4_000_000), shape(18, 2))
    final = shaper.remove(16, mac(1))
    assert (final.slot, final.station, final.up.delivered_bytes) == (16, mac(1), 0)
    assert shaper.present() == wanted(shaper, shape(18, 2))
    assert [found.slot for found in shaper.read_counters()] == [18]


def test_an_interactive_session_has_the_shorter_queue(shaper):
    plain, quick = shape(16, 1), replace(shape(17, 2), interactive=True)
    shaper.install(plain)
    shaper.install(quick)
    present = shaper.present()
    assert present == wanted(shaper, plain, quick)
    assert present.up.leaves[17].limit * 2 == max(present.up.leaves[16].limit, 12_000)
    shaper.change(replace(plain, interactive=True))
    assert shaper.present().up.leaves[16] == present.up.leaves[17]


def test_a_lifetime_is_no_part_of_the_tree(shaper):
    shaper.install(replace(shape(16, 1), lifetime_s=100))
    assert shaper.present() == wanted(shaper, shape(16, 1))
    assert shaper.resynchronise([replace(shape(16, 1), lifetime_s=7), replace(shape(17, 2), lifetime_s=9)])
    assert shaper.resynchronise([shape(16, 1), shape(17, 2)]) == []


def test_what_outlives_its_grace_is_ended_by_the_kernel(world, shaper, eventually):
    shaper.install(shape(16, 1))
    shaper.install(replace(shape(17, 2), lifetime_s=1))
    shaper.resynchronise([shape(16, 1), shape(17, 2), replace(shape(18, 3), lifetime_s=2)])
    assert set(shaper.present().down.elements) == {mac(1), mac(2), mac(3)}
    world.pass_time(shaper, 3)
    eventually(
        lambda: set(shaper.present().down.elements) == {mac(1)} == set(shaper.present().up.elements), "over"
    )
    shaper.remove(17, mac(2))
    shaper.install(replace(shape(17, 2), lifetime_s=50))
    assert set(shaper.present().up.elements) == {mac(1), mac(2)}


def test_a_slot_or_a_station_is_not_given_twice(shaper):
    shaper.install(shape(16, 1))
    with pytest.raises(AssertionError, match="slot 16 is in use"):
        shaper.install(shape(16, 2))
    with pytest.raises(ShellError, match=r"slot 17: .*EEXIST"):
        shaper.install(shape(17, 1))
    assert shaper.present() == wanted(shaper, shape(16, 1))


def test_changing_what_is_not_there_is_our_own_mistake(shaper):
    with pytest.raises(AssertionError, match="not in slot 16"):
        shaper.change(shape(16, 1))


def test_removing_what_is_not_there_changes_nothing(shaper):
    assert shaper.remove(17, mac(9)).down.offered_bytes == 0
    assert shaper.present() == wanted(shaper)


def test_a_slot_beyond_the_pool_makes_it_grow(shaper):
    shaper.install(shape(FIRST_SLOT + 9, 1))
    assert shaper.present() == wanted(shaper, shape(FIRST_SLOT + 9, 1))


def test_a_resynchronisation_takes_the_same_steps(shaper):
    shaper.install(shape(16, 1))
    shaper.install(shape(17, 2))
    target = [shape(16, 3), shape(17, 2), shape(18, 1)]
    steps = shaper.resynchronise(target)
    assert len(steps) == 14, (
        "two directions of: two elements and a queue gone, a class, two queues, two elements"
    )
    assert shaper.present() == wanted(shaper, *target)
    assert shaper.resynchronise(target) == []
    assert shaper.sessions() == {16: mac(3), 17: mac(2), 18: mac(1)}


def test_a_restart_finds_what_was_left(world, shaper):
    shaper.install(shape(16, 1))
    shaper.close()
    again = world.start()
    try:
        assert again.sessions() == {16: mac(1)}
        assert again.read_counters()[0].station == mac(1)
        again.remove(16, mac(1))
        assert again.present() == wanted(again)
    finally:
        again.close()


def test_refusals_have_the_same_names(world, shaper):
    assert set(shaper.read_refusals()) == {
        "lobby_in",
        "lobby_out",
        "lobby_limited",
        "unpaid_in",
        "unpaid_out",
        "tagged",
    }
