"""How the commands speak: ways, tables, a peer's words."""

from ipaddress import ip_address

import pytest
from rich.console import Console

from device.choice import ANYTHING, Unsuitable, weigh
from device.console import add_way, describe_offer, make_parser, plain, print_offers, read_way
from device.events import ShowOffer
from device.fake_access_point import QOS, FakeAccessPoint
from device.library import Over, Way
from device.wpa import DEFAULT_FOLDER
from tests.device.playbook import BUYER
from wire.errors import ConfigError
from wire.qos import Qos
from wire.usage_terms import UsageTerms

NOW_S = 1_700_000_000


OF_USE = Qos(2_000_000, 20_000_000, 500_000, 5_000_000, usage=UsageTerms(2 * 10**9, 10**6, 500, 200_000))


def offer(qos: Qos = QOS) -> ShowOffer:
    shop = FakeAccessPoint(BUYER.public, lambda: NOW_S, ssid=b"air\xffgrant", qos=qos)
    return ShowOffer(weigh(shop.announcement(), "ap", ANYTHING, None, NOW_S, -61), "ap")


def show(offers: list[ShowOffer]) -> str:
    console = Console(width=200, record=True)
    print_offers(console, offers)
    return console.export_text()


def test_a_way() -> None:
    parser = make_parser("x", "y", "z")
    add_way(parser)
    assert read_way(parser.parse_args(["--interface", "wlan0"])) == Way("wlan0", Over.AUTO, DEFAULT_FOLDER)
    arguments = ["--interface", "wlan0", "--over", "air", "--control", "/x"]
    way = read_way(parser.parse_args(arguments))
    assert (way.over, str(way.socket_path)) == (Over.AIR, "/x/wlan0")


def test_a_cell_is_asked_at_its_address_and_not_on_the_air() -> None:
    parser = make_parser("try", "", "")
    add_way(parser)
    words = ["--interface", "wwan0", "--cell", "10.45.0.1"]
    way = read_way(parser.parse_args(words))
    assert (way.over, way.cell) == (Over.LOBBY, ip_address("10.45.0.1"))
    with pytest.raises(ConfigError, match="--cell: 'here' does not appear to be"):
        read_way(parser.parse_args([*words[:3], "here"]))
    with pytest.raises(ConfigError, match="leave out --over air"):
        read_way(parser.parse_args([*words, "--over", "air"]))


def test_a_table_of_offers() -> None:
    text = show([offer(), ShowOffer(Unsuitable("bad_offer", "signature\x1b[31m"), "02:00:00:00:00:09")])
    for said in ("1 BC", "2 Mbit/s", "-61 dBm", "10 min", "bad_offer", "signature?[31m", "02:00:00:00:00:09"):
        assert said in text


def test_what_use_may_cost_afterwards_stands_beside_the_price() -> None:
    assert "1 BC + up to 0.2 BC beyond 2 GB" in show([offer(OF_USE)])
    assert "up to" not in show([offer()])
    assert (describe_offer(offer(OF_USE))["most_ubc"], describe_offer(offer())["most_ubc"]) == (
        1_200_000,
        1_000_000,
    )


def test_an_offer_for_scripts() -> None:
    told = describe_offer(offer())
    assert told["signal_dbm"] == -61
    network = told["network"]
    assert isinstance(network, dict)
    assert network["ssid"] == "air\\xffgrant"


@pytest.mark.parametrize(("text", "said"), [("a\x1b[2Jb", "a?[2Jb"), ("[red]x", "\\[red]x"), ("ok", "ok")])
def test_a_peer_s_words_do_nothing(text: str, said: str) -> None:
    assert plain(text) == said
