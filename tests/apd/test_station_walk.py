"""The walk over hostapd's stations: to the end, around those that go meanwhile, and never for ever."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from apd.station_walk import MAX_REPLIES, StationWalk, Step
from wire.ids import MacAddress


def station(number: int) -> MacAddress:
    return MacAddress(b"\x02\0\0" + number.to_bytes(3, "big"))


def parse(text: str) -> str | None:
    """As of one that is let in, if its number is even."""
    return None if int(text.split("\n", 1)[0][-2:], 16) % 2 else text


def answer(listed: list[MacAddress], question: str) -> str:
    """hostapd's, with these in its list."""
    command, _, after = question.partition(" ")
    if command == "STA-FIRST":
        return f"{listed[0]}\nflags=" if listed else ""
    at = MacAddress.parse(after)
    if at not in listed:
        return "FAIL"
    following = [*listed, None][listed.index(at) + 1]
    return "" if following is None else f"{following}\nflags="


def walked(listed: list[MacAddress], happens: dict[int, object]) -> tuple[Step, StationWalk[str]]:
    """`happens`: number of the question before which a station with that index goes, or, as MacAddress, comes."""
    walk, step = StationWalk(parse), Step.GO_ON
    for number in count():
        match happens.get(number):
            case MacAddress() as newcomer if newcomer not in listed:
                listed.insert(0, newcomer)
            case int(index) if index < len(listed):
                del listed[index]
        step = walk.take(answer(listed, walk.question))
        if step is not Step.GO_ON:
            return step, walk
    raise AssertionError("it has no end")


def test_everybody_who_is_let_in_is_found():
    everybody = [station(number) for number in range(5)]
    step, walk = walked(list(everybody), {})
    assert (step, list(walk.found)) == (Step.DONE, everybody[::2])
    assert walked([], {})[0] is Step.DONE


def test_one_that_goes_does_not_hide_those_behind_it():
    everybody = [station(number) for number in (2, 4, 6, 8)]
    step, walk = walked(list(everybody), {2: 1})  # the second goes before the question for the one after it
    assert (step, list(walk.found)) == (Step.DONE, [station(2), station(6), station(8)])


def test_all_that_were_seen_go():
    step, walk = walked([station(number) for number in (1, 3, 2, 4)], {1: 0, 2: 0})
    assert (step, list(walk.found)) == (Step.DONE, [station(2), station(4)])


stays = st.lists(st.integers(0, 60).map(lambda n: station(2 * n)), unique=True, max_size=20)
turns = st.dictionaries(
    st.integers(0, 60),
    st.integers(0, 20) | st.integers(2_000, 2_009).map(station),
    max_size=20,
)


@given(stays, turns)
def test_who_was_there_all_the_time_is_found_and_who_is_found_was_there(listed, happens):
    before = set(listed)
    step, walk = walked(listed, happens)
    newcomers = {one for one in happens.values() if isinstance(one, MacAddress)}
    assert step is Step.DONE
    assert before & set(listed) <= set(walk.found) <= before | newcomers


def test_strangers_that_come_and_go_without_end_make_it_fail():
    walk = StationWalk(parse)
    steps = [walk.take("FAIL" if number % 2 else f"{station(number)}\n") for number in range(MAX_REPLIES)]
    assert steps == [Step.GO_ON] * (MAX_REPLIES - 1) + [Step.FAILED]


def test_what_is_no_reply_of_a_walk_makes_it_fail():
    for reply in ("FAIL", "UNKNOWN COMMAND", "OK"):
        assert StationWalk(parse).take(reply) is Step.FAILED
