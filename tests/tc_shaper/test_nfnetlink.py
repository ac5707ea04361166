"""Element messages: the bytes that nft 1.0.6 sends for the same, and answers as Linux 6.18 gives them."""

from hypothesis import given
from hypothesis import strategies as st

from tc_shaper import nfnetlink
from tc_shaper.attributes import Message, attribute, nested, read_attributes
from tc_shaper.counters import ElementCounters
from tc_shaper.tree import Direction
from wire.ids import MacAddress

STATION = MacAddress.parse("02:aa:bb:cc:dd:ee")


def test_an_element_names_table_map_station_and_class():
    (message,) = nfnetlink.add_elements("airgrant", Direction.DOWN, [(STATION, 0x10, 0)])
    assert message.kind == 0x0A0C
    assert message.body[:4] == bytes([5, 0, 0, 0])
    found = read_attributes(message.body, 4)
    assert (found[1], found[2]) == (b"airgrant\0", b"down\0")
    element = read_attributes(read_attributes(found[3])[1])
    assert read_attributes(element[1]) == {1: STATION.octets}
    assert read_attributes(element[2]) == {1: bytes.fromhex("10004741")}
    assert 4 not in element


def test_an_element_with_an_end_gives_milliseconds_and_one_of_the_uplink_names_its_own_tree():
    (message,) = nfnetlink.add_elements("airgrant", Direction.UP, [(STATION, 0x10, 90)])
    element = read_attributes(read_attributes(read_attributes(message.body, 4)[3])[1])
    assert element[4] == (90_000).to_bytes(8, "big")
    assert read_attributes(element[2]) == {1: bytes.fromhex("10004841")}


def test_a_batch_is_framed_as_one_transaction_of_nftables():
    begin, change, end = nfnetlink.batch(list(nfnetlink.remove_elements("t", Direction.UP, [STATION])))
    assert (begin.kind, change.kind, end.kind) == (16, 0x0A0E, 17)
    assert begin.body == end.body == bytes([0, 0, 0, 10])


@given(st.integers(0, 1_700))
def test_many_elements_are_cut_into_messages_whose_length_fits_16_bits(count):
    rows = [(MacAddress(b"\x02" + number.to_bytes(5, "big")), 16 + number, number) for number in range(count)]
    messages = list(nfnetlink.add_elements("airgrant", Direction.UP, rows))
    assert all(len(message.body) < 65_000 for message in messages)
    found = [element for message in messages for element in nfnetlink.read_elements(message)[1]]
    assert [(element.station, element.slot) for element in found] == [row[:2] for row in rows]


def counter(kind, byte_count, packets):
    values = attribute(1, byte_count.to_bytes(8, "big")) + attribute(2, packets.to_bytes(8, "big"))
    expression = attribute(1, b"counter\0") + nested(2, values)
    return nested(7, expression) if kind == "alone" else nested(11, nested(1, expression))


def answer(*extra):
    key = nested(1, attribute(1, STATION.octets))
    data = nested(2, attribute(1, bytes.fromhex("10004741")))
    body = bytes(4) + attribute(1, b"airgrant\0") + attribute(2, b"up\0")
    return Message(0x0A0C, 0, body + nested(3, nested(1, key, data, *extra)))


def test_the_counter_of_an_element_is_read_alone_and_from_a_list():
    for kind in ("alone", "list"):
        direction, elements = nfnetlink.read_elements(answer(counter(kind, 2**40, 2**33)))
        assert direction is Direction.UP
        assert elements == [nfnetlink.Element(STATION, 0x10, ElementCounters(2**40, 2**33))]


def test_an_element_without_a_counter_counts_nothing():
    assert nfnetlink.read_elements(answer())[1][0].counters == ElementCounters()


def test_a_named_counter_is_read():
    values = attribute(1, (700).to_bytes(8, "big")) + attribute(2, (7).to_bytes(8, "big"))
    body = bytes(4) + attribute(1, b"airgrant\0") + attribute(2, b"unpaid_in\0") + nested(4, values)
    assert nfnetlink.read_counter(Message(0x0A12, 0, body)) == (
        "unpaid_in",
        ElementCounters(700, 7),
    )
