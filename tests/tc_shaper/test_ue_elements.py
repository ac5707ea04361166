"""Rules and elements that count UEs. That a kernel takes them: tests/system/test_shaper_ue_meter.py."""

from ipaddress import ip_address

from tc_shaper.attributes import NLM_F_EXCL, attribute, nested
from tc_shaper.counters import ElementCounters
from tc_shaper.tree import Direction
from tc_shaper.ue_elements import (
    CountedUe,
    UeElement,
    add_ue,
    counted_as,
    dump_ues,
    plan_ue_gate,
    plan_ue_rules,
    read_ues,
    remove_ue,
    set_idle,
)

UE4 = CountedUe(16, ip_address("10.45.0.2"))
UE6 = CountedUe(17, ip_address("2001:db8:cafe:7:1:2:3:4"))


def test_an_ipv6_ue_is_known_by_its_prefix() -> None:
    assert counted_as(UE4.address) == UE4.address
    assert counted_as(UE6.address) == ip_address("2001:db8:cafe:7::")


def test_the_rules_name_the_device_and_drop_nothing() -> None:
    text = plan_ue_rules("cell", "ogstun")
    assert 'oifname "ogstun" ip daddr @down4' in text
    assert 'iifname "ogstun" ip6 saddr & ffff:ffff:ffff:ffff:: @up6' in text
    assert "drop" not in text


def test_who_bought_nothing_reaches_the_lobby_by_both_addresses() -> None:
    text = plan_ue_gate("gate", "ogstun", 18_573)
    assert "set idle4 { type ipv4_addr; }" in text
    assert "set idle6 { type ipv6_addr; }" in text
    assert 'iifname "ogstun" ip saddr @idle4 drop' in text
    assert 'oifname "ogstun" ip6 daddr & ffff:ffff:ffff:ffff:: @idle6 drop' in text
    lobby = "fib daddr type local udp dport 18573 accept"
    assert text.index(lobby) < text.index("saddr @idle4 drop"), "at this machine, not through it"


def test_who_bought_nothing_takes_the_place_of_whoever_it_was() -> None:
    """Each set is emptied, then has its own by the addresses by which they are known."""
    changes = set_idle("gate", (UE4.address, UE6.address))
    expected = [
        (14, b"idle4\0", None),
        (12, b"idle4\0", bytes((10, 45, 0, 2))),
        (14, b"idle6\0", None),
        (12, b"idle6\0", ip_address("2001:db8:cafe:7::").packed),
    ]
    for change, (kind, name, key) in zip(changes, expected, strict=True):
        elements = b"" if key is None else nested(3, nested(1, nested(1, attribute(1, key))))
        assert (change.kind & 0xFF, change.body[4:]) == (
            kind,
            attribute(1, b"gate\0") + attribute(2, name) + elements,
        )
    assert [change.kind & 0xFF for change in set_idle("gate", ())] == [14, 14]


def test_many_who_bought_nothing_are_told_in_lists_that_fit() -> None:
    changes = set_idle("gate", (ip_address(f"10.45.{high}.{low}") for high in range(4) for low in range(256)))
    assert [change.kind & 0xFF for change in changes] == [14, 12, 12, 12, 14]
    assert all(len(change.body) < 1 << 15 for change in changes)


def test_an_element_comes_back_as_it_was_added() -> None:
    """The kernel's answer has the form of the request, and the counter beside it."""
    for ue in (UE4, UE6):
        messages = add_ue("cell", ue)
        assert all(message.flags & NLM_F_EXCL for message in messages)
        found = [element for message in messages for element in read_ues(message)]
        assert found == [
            UeElement(direction, counted_as(ue.address), ue.slot, ElementCounters())
            for direction in Direction
        ]


def test_a_removal_names_both_directions_and_no_slot() -> None:
    found = [element for message in remove_ue("cell", UE6.address) for element in read_ues(message)]
    assert [(element.direction, element.slot) for element in found] == [
        (Direction.DOWN, 0),
        (Direction.UP, 0),
    ]


def test_there_is_one_dump_for_each_set() -> None:
    asked = [message.body[4:] for message in dump_ues("cell")]
    assert len(asked) == 4
    for name, body in zip(("down4", "down6", "up4", "up6"), asked, strict=True):
        assert body == attribute(1, b"cell\0") + attribute(2, name.encode() + b"\0")


def test_a_comment_of_somebody_else_is_no_slot() -> None:
    made = add_ue("cell", UE4)[0]
    for words in (b"", b"mine", b"slot x\0", b"slot 1 2\0"):
        altered = made.body.replace(b"\0\x08slot 16\0", bytes((0, len(words))) + words)
        element = nested(1, nested(1, attribute(1, UE4.address.packed)), attribute(6, b"\0\x01" + words))
        body = made.body[:4] + attribute(1, b"cell\0") + attribute(2, b"down4\0") + nested(3, element)
        assert altered != made.body
        assert [found.slot for found in read_ues(made._replace(body=body))] == [0]


def test_other_answers_have_no_elements() -> None:
    assert list(read_ues(add_ue("cell", UE4)[0]._replace(kind=2))) == []
