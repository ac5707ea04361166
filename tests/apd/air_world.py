"""A box with [air], and what hostapd, the monitor and the operator say to it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from apd.commands import SignNetwork
from apd.events import (
    AdmissionReceived,
    HostapdConnected,
    NetworkSigned,
    PurchaseHeard,
    SessionInstalled,
    StationAssociated,
)
from apd.settings import AirSettings
from tests.apd.playbook import Box, sells, settings, start_box
from tests.apd.world import (
    BSSID,
    CONSUMER,
    LEDGER_ID,
    PROVIDER,
    QOS,
    START_S,
    STATION,
    grant,
    purchase,
    signed_grant,
)
from wire.admission import Admission, write_admission
from wire.grant import Grant
from wire.ids import MacAddress, PublicKey
from wire.keys import PrivateKey
from wire.metered_pass import NO_BAND, write_metered_pass
from wire.network import write_network
from wire.tariff import Tariff

OPERATOR = PrivateKey.from_secret(17)
PARTNER = PrivateKey.from_secret(19)
SSID = b"airgrant"
TARIFF = Tariff(30_000, 0, 60, QOS, IPv4Address("192.0.2.7"))
AIR = AirSettings(OPERATOR.public, Path("/run/hostapd/wlan0"), partners=(PARTNER.public,))


def air_box(**changes: Any) -> Box:
    """A box that sells on the air, with hostapd there and the network signed."""
    box = start_box(settings(air=AIR, **changes))
    box.feed(HostapdConnected(SSID, BSSID))
    sign_network(box)
    sells(box)
    sign_network(box)
    return box


def metered_box(**changes: Any) -> Box:
    """One where whoever has money with the operator pays as it goes."""
    return air_box(tariff=TARIFF, **changes)


def channel_pass(number: int = 1, operator: PrivateKey = OPERATOR, **changes: Any) -> Grant:
    """What an operator says of a consumer's channel: ten minutes from START."""
    made = grant(900 + number, provider_id=operator.public.provider_id, band=NO_BAND, epoch=1)
    return replace(made, **changes)


def pass_admission(
    made: Grant | None = None,
    station: MacAddress = STATION,
    signer: PrivateKey = OPERATOR,
    bssid: MacAddress = BSSID,
    ledger_id: bytes = LEDGER_ID,
) -> AdmissionReceived:
    """The operator's word on a station that pays as it goes; `signer` has signed the pass inside."""
    made = made or channel_pass()
    encoded = write_metered_pass(made, signer, ledger_id)
    return AdmissionReceived(write_admission(Admission(encoded, station, bssid, 0, made.ends_s), OPERATOR))


def serve_metered(box: Box, made: Grant | None = None, station: MacAddress = STATION) -> bytes:
    """As `serve`, by a pass."""
    made = made or channel_pass()
    box.feed(pass_admission(made, station))
    box.feed(associates(station, made.consumer))
    box.feed(SessionInstalled(made.grant_id))
    return made.grant_id


def sign_network(box: Box) -> None:
    """What the daemon does with the last SignNetwork."""
    box.feed(NetworkSigned(write_network(box.last(SignNetwork).network, PROVIDER)))


def bought(nonce: int = 1, station: MacAddress = STATION) -> PurchaseHeard:
    """The consumer's purchase on the air."""
    return PurchaseHeard(station, purchase(nonce).envelope.encoded)


def admission(
    made: Grant | None = None,
    station: MacAddress = STATION,
    used_bytes: int = 0,
    key: PrivateKey = OPERATOR,
    bssid: MacAddress = BSSID,
    expires_s: int = START_S + 30,
) -> AdmissionReceived:
    """The operator's word on a station that comes with this grant."""
    word = Admission(signed_grant(made or grant()), station, bssid, used_bytes, expires_s)
    return AdmissionReceived(write_admission(word, key))


def associates(
    station: MacAddress = STATION, account: PublicKey | None = CONSUMER.public
) -> StationAssociated:
    return StationAssociated(station, account)


def serve(box: Box, made: Grant | None = None, station: MacAddress = STATION, **words: Any) -> bytes:
    """Makes a session active as it happens on the air; its grant id."""
    made = made or grant()
    box.feed(admission(made, station, **words))
    box.feed(associates(station, made.consumer))
    box.feed(SessionInstalled(made.grant_id))
    return made.grant_id
