"""`python -m apd run` with a section [air], as a process: real kernel, broker and software key, and a hostapd without a
radio. tests/guest has radios.
"""

import pytest

from lab.air_side import AirSide, air_side
from lab.box import BoxSite, box_site, station_mac
from nas_tunnel.anqp import ADVICE_OF_CHARGE, VENDOR, read_air_offer
from wire.ids import MacAddress
from wire.network import read_network
from wire.registration import read_registration
from wire.revocation import Revocation, write_revocation

pytestmark = pytest.mark.system

QUICK = "report_interval_s = 1\nanchor_interval_s = 3\nsubmit_timeout_s = 1"


@pytest.fixture
def air(tmp_path, needs):
    needs("mosquitto", "nft", "ip", "ethtool")
    with box_site(tmp_path, settings=QUICK) as site, air_side(site) as made:
        site.start()
        site.wait_until_it_sells()
        site.process.wait_for(lambda: made.hostapd.beacons > 0, "the offer on the air", 10)
        yield made


def is_let_in(site: BoxSite, station: MacAddress) -> bool:
    """What the kernel says."""
    return str(station) in site.namespace.run(["nft", "list", "map", "netdev", "airgrant", "down"])


def wait_until_served(air: AirSide, station: MacAddress, *, served: bool = True) -> None:
    air.site.process.wait_for(
        lambda: is_let_in(air.site, station) is served, f"{station} served: {served}", 10
    )


def test_the_offer_is_on_the_air_with_the_network_that_it_leads_to(air):
    shown = read_air_offer(air.hostapd.elements[VENDOR])
    network = read_network(shown.network, air.site.provider.public)
    assert (network.ssid, network.operator) == (b"airgrant", air.operator.public)
    word = read_registration(network.registration, shown.ledger, shown.ledger_id)
    assert (word.account, shown.ledger) == (network.operator, air.site.ledger.key.public)
    assert b"bandcoin" in air.hostapd.elements[ADVICE_OF_CHARGE]
    status = air.site.status()["air"]
    assert (status["hostapd_connected"], status["ssid"], status["stations_served"]) == (True, "airgrant", 0)


def test_a_purchase_is_heard(air):
    air.send_purchase(b"no transaction", station_mac(3))
    air.site.process.wait_for(
        lambda: air.site.status()["refused"].get("transaction_invalid") == 1, "what was no purchase", 10
    )


def test_who_is_vouched_for_is_served_and_thrown_out_when_revoked(air):
    site, station = air.site, station_mac(3)
    grant = site.grant()
    air.vouch(grant, station)
    air.let_in(station, str(grant.consumer))
    wait_until_served(air, station)
    word = write_revocation(Revocation(grant.grant_id, "does not pay"), site.provider)
    site.ledger.publish(f"airgrant/v1/down/{site.provider.public}/command", word)
    wait_until_served(air, station, served=False)
    site.process.wait_for(lambda: station not in air.hostapd.stations, "it is thrown out", 10)


def test_who_has_no_grant_is_thrown_out_and_gets_nothing_meanwhile(air):
    station = station_mac(4)
    air.let_in(station, str(air.site.consumer.public))
    air.site.process.wait_for(lambda: station not in air.hostapd.stations, "it is thrown out", 10)
    assert air.site.status()["refused"]["no_grant"] == 1


def test_killed_and_started_anew_it_goes_on_with_who_is_there(air):
    site, stays, goes = air.site, station_mac(3), station_mac(4)
    for number, station in ((1, stays), (2, goes)):
        grant = site.grant(number)
        air.vouch(grant, station)
        air.let_in(station, str(grant.consumer))
        wait_until_served(air, station)
    site.process.kill()
    air.ask(lambda: air.hostapd.stations.pop(goes))
    air.ask(air.hostapd._listeners.clear)
    assert is_let_in(site, stays), "the kernel goes on"
    site.start()
    wait_until_served(air, goes, served=False)
    assert is_let_in(site, stays)
    site.process.wait_for(lambda: site.status()["air"]["stations_served"] == 1, "it is known again", 10)
    air.leave(stays)
    wait_until_served(air, stays, served=False)
