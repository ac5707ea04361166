"""Section [cell]: what it refuses, and by which name."""

from pathlib import Path

import pytest

from ran_slicing.settings import CellSettings
from ran_slicing.share import CellShape
from ran_slicing.snssai import Snssai

FILES = (Path("gnb.yml"),)


def test_the_least_that_has_to_be_said():
    settings = CellSettings(FILES, ("1-00a600", "2"))
    assert settings.snssais == (Snssai(1, 0xA600), Snssai(2))
    assert settings.shape is None
    assert settings.controller.sell_ratio == 70


def test_a_size_that_the_gnbs_file_does_not_tell():
    settings = CellSettings(FILES, ("1",), prbs=51, downlink_slots_per_s=1_400)
    assert settings.shape == CellShape(51, 1_400)


def test_where_the_gnb_may_be():
    for host in ("127.0.0.1", "::1", "localhost"):
        assert CellSettings(FILES, ("1",), remote_host=host).remote_host == host
    compose = CellSettings(FILES, ("1",), remote_host="10.53.1.3", remote_networks=("10.53.1.0/24",))
    assert compose.remote_host == "10.53.1.3"


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"gnb_files": ()}, "gnb_files"),
        ({"slots": ()}, "slots"),
        ({"slots": ("x",)}, "slots"),
        ({"slots": ("1", "1-ffffff")}, "slots"),
        ({"remote_networks": ("8.8.8.0/24",)}, "remote_networks"),
        ({"remote_networks": ("0.0.0.0/0",)}, "remote_networks"),
        ({"remote_networks": ("x",)}, "remote_networks"),
        ({"remote_host": "10.53.1.3"}, "remote_host"),
        ({"remote_host": "gnb"}, "remote_host"),
        ({"header_ppm": -1}, "header_ppm"),
        ({"idle_max_prb_policy_ratio": 101}, "idle_max_prb_policy_ratio"),
        ({"sell_ratio": 95}, "sell_ratio"),
        ({"keep_ratio": 100}, "keep_ratio"),
        ({"prbs": 51}, "downlink_slots_per_s"),
        ({"prbs": 300, "downlink_slots_per_s": 1_000}, "prbs"),
    ],
)
def test_what_is_refused(changes, names):
    given = {"gnb_files": FILES, "slots": ("1",)} | changes
    with pytest.raises(ValueError, match=f"^{names}: "):
        CellSettings(**given)
