"""The difference: applied to what is present it gives what is wanted, and no packet is in a foreign class meanwhile."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tc_shaper.diff import AddElement, RemoveElement, RemoveLeaf, SetClass, SetLeaf, diff
from tc_shaper.settings import ShaperSettings
from tc_shaper.tree import FIRST_SLOT, IDLE, Capabilities, Direction, Half, SessionShape, Tree, plan_tree
from wire.ids import MacAddress

SETTINGS = ShaperSettings(
    interface="wlan0",
    downlink_capacity_bps=50_000_000,
    uplink_capacity_bps=20_000_000,
    pool_size=6,
    pool_chunk=2,
)


def mac(number):
    return MacAddress(b"\x02" + number.to_bytes(5, "big"))


def shape(slot, station, rate_bps=1_000_000):
    return SessionShape(slot, mac(station), rate_bps, 2 * rate_bps, rate_bps, rate_bps)


@st.composite
def trees(draw):
    """Up to six sessions of eight stations in eight slots, at one of three rates, on one of two kinds of leaf."""
    slots = draw(st.lists(st.integers(FIRST_SLOT, FIRST_SLOT + 7), unique=True, max_size=6))
    stations = draw(st.permutations(range(8)))
    rates = draw(st.lists(st.sampled_from([0, 1_000_000, 5_000_000]), min_size=6, max_size=6))
    shapes = [shape(*row) for row in zip(slots, stations, rates, strict=False)]
    return plan_tree(SETTINGS, Capabilities(leaf=draw(st.sampled_from(["bfifo", "fq_codel"]))), shapes)


@st.composite
def broken_trees(draw):
    """What a crash may leave: any of the parts of a tree is missing."""
    tree = draw(trees())

    def some(mapping):
        kept = draw(st.sets(st.sampled_from(sorted(mapping)))) if mapping else set()
        return {key: mapping[key] for key in kept}

    return Tree(
        *(Half(some(half.classes), some(half.leaves), some(half.elements)) for half in (tree.down, tree.up))
    )


def owners(half):
    return {slot: station for station, slot in half.elements.items()}


def apply(tree, steps, wanted):
    """What the kernel would do, checking at each step what a packet could meet."""
    halves = {Direction.DOWN: copy(tree.down), Direction.UP: copy(tree.up)}
    queue_of = {direction: dict(owners(half)) for direction, half in halves.items()}
    for step in steps:
        half, whose = halves[step.direction], queue_of[step.direction]
        match step:
            case RemoveElement(_, station):
                del half.elements[station]
            case RemoveLeaf(_, slot):
                in_use = slot in half.elements.values()
                new_kind = in_use and wanted.half(step.direction).leaves[slot].kind != half.leaves[slot].kind
                assert not in_use or new_kind, "a queue is taken from under a station"
                del half.leaves[slot]
                whose.pop(slot, None)
            case SetClass(_, slot, wanted):
                half.classes[slot] = wanted
            case SetLeaf(_, slot, leaf):
                assert slot not in half.leaves or half.leaves[slot].kind == leaf.kind, (
                    "kinds do not change in place"
                )
                if slot not in half.leaves:
                    whose.pop(slot, None)  # the kernel throws away what the class held before
                half.leaves[slot] = leaf
            case AddElement(_, station, slot):
                assert slot in half.classes, "packets to a class that is not there"
                assert slot in half.leaves, "packets to a class without its queue"
                assert slot not in half.elements.values(), "two stations in one class"
                assert whose.setdefault(slot, station) == station, "a queue is inherited"
                half.elements[station] = slot
    return Tree(halves[Direction.DOWN], halves[Direction.UP])


def copy(half):
    return Half(dict(half.classes), dict(half.leaves), dict(half.elements))


@given(trees() | broken_trees(), trees())
def test_applied_to_present_it_gives_wanted(present, wanted):
    result = apply(present, diff(present, wanted), wanted)
    for one, other in ((result.down, wanted.down), (result.up, wanted.up)):
        assert (one.leaves, one.elements) == (other.leaves, other.elements)
        assert {**dict.fromkeys(one.classes, IDLE), **other.classes} == one.classes


@given(trees())
def test_nothing_is_to_do_where_nothing_differs(tree):
    assert diff(tree, tree) == []


@given(trees(), trees())
def test_an_unchanged_session_is_not_touched(present, wanted):
    steps = diff(present, wanted)
    for direction in Direction:
        before, after = present.half(direction), wanted.half(direction)
        for station, slot in after.elements.items():
            same = (
                before.elements.get(station) == slot
                and before.classes[slot] == after.classes[slot]
                and before.leaves[slot] == after.leaves[slot]
            )
            if same:
                touched = [
                    step
                    for step in steps
                    if step.direction is direction
                    and (getattr(step, "slot", None) == slot or getattr(step, "station", None) == station)
                ]
                assert touched == []


@given(trees(), trees())
def test_removals_come_first_and_elements_last(present, wanted):
    order = [RemoveElement, RemoveLeaf, SetClass, SetLeaf, AddElement]
    ranks = [order.index(type(step)) for step in diff(present, wanted)]
    assert ranks == sorted(ranks)


def test_a_slot_that_changes_hands_gets_a_new_queue():
    present = plan_tree(SETTINGS, Capabilities(), [shape(16, 1)])
    wanted = plan_tree(SETTINGS, Capabilities(), [shape(16, 2)])
    leaf = wanted.up.leaves[16]
    assert [step for step in diff(present, wanted) if step.direction is Direction.UP] == [
        RemoveElement(Direction.UP, mac(1)),
        RemoveLeaf(Direction.UP, 16),
        SetLeaf(Direction.UP, 16, leaf),
        AddElement(Direction.UP, mac(2), 16),
    ]


def test_a_lifetime_is_given_to_new_elements_only():
    present = plan_tree(SETTINGS, Capabilities(), [replace(shape(16, 1), lifetime_s=5)])
    shapes = [replace(shape(16, 1), lifetime_s=50), replace(shape(17, 2), lifetime_s=60)]
    steps = diff(present, plan_tree(SETTINGS, Capabilities(), shapes))
    added = [step for step in steps if isinstance(step, AddElement)]
    assert added == [AddElement(direction, mac(2), 17, 60) for direction in Direction]


def test_a_new_rate_changes_class_and_queue_in_place():
    present = plan_tree(SETTINGS, Capabilities(), [shape(16, 1)])
    wanted = plan_tree(SETTINGS, Capabilities(), [shape(16, 1, 9_000_000)])
    assert {type(step) for step in diff(present, wanted)} == {SetClass, SetLeaf}


def test_classes_beyond_the_wanted_pool_become_idle_but_stay():
    wide = plan_tree(SETTINGS, Capabilities(), [shape(FIRST_SLOT + 7, 1)])
    narrow = plan_tree(replace(SETTINGS, pool_size=2), Capabilities(), [])
    steps = [step for step in diff(wide, narrow) if isinstance(step, SetClass)]
    assert steps == [SetClass(direction, FIRST_SLOT + 7, IDLE) for direction in Direction]
