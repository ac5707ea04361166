"""The core's settings: what is made of them, and what is refused by its name."""

from __future__ import annotations

from typing import Any

import pytest

from ran_slicing.core_settings import CoreSettings
from ran_slicing.n5 import VIDEO, Quality
from ran_slicing.store_address import StoreAddress
from ran_slicing.subscriber import Priority

HOSTS: dict[str, Any] = {"pcf_host": "127.0.0.13", "smf_host": "127.0.0.4"}


def test_as_open5gs_is_installed() -> None:
    settings = CoreSettings(**HOSTS)
    assert settings.store == StoreAddress("127.0.0.1", 27_017, "open5gs")
    assert settings.quality == VIDEO
    assert settings.priority == Priority(8)


def test_a_profile_of_the_pcf() -> None:
    settings = CoreSettings(**HOSTS, qos_reference="gold", qos_index=4, notification_uri="http://[fd00::1]/x")
    assert settings.quality == Quality(4, reference="gold")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pcf_host": ""}, "pcf_host: no host"),
        ({"smf_host": "a/b"}, "smf_host: no host"),
        ({"amf_host": "a b"}, "amf_host: no host"),
        ({"pcf_port": 0}, r"pcf_port: outside 1\.\.65535"),
        ({"look_s": 0}, r"look_s: outside 1\.\.300"),
        ({"notification_uri": "http://box.lan/"}, "notification_uri: not http://ADDRESS"),
        ({"notification_uri": "http://1.2.3/"}, "notification_uri: not http://ADDRESS"),
        ({"notification_uri": "https://127.0.0.1/"}, "notification_uri: not http://ADDRESS"),
        ({"store_uri": "mongodb://a:b@c/d"}, "store_uri: .* accounts, options"),
        ({"qos_index": 9, "qos_reference": "x"}, "qos_index: 5QI 9 guarantees no rate"),
        ({"media_type": "CONTROL"}, "qos_index: media type CONTROL with 5QI 2"),
        ({"arp_level": 0}, "arp_level: level: 0 is outside"),
    ],
)
def test_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}"):
        CoreSettings(**{**HOSTS, **changes})
