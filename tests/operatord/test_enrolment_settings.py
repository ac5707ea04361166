"""[enrolment]: defaults, and what is refused."""

from pathlib import Path

import pytest

from ledger.section import Section
from operatord.enrolment_settings import EnrolmentSettings, parse_enrolment
from wire.errors import ConfigError


def parse(**values: object) -> EnrolmentSettings:
    return parse_enrolment(
        Section({"address": "192.0.2.1", **values}, "enrolment", Path("/srv/operatord.toml"))
    )


def test_an_address_is_enough() -> None:
    settings = parse()
    assert (settings.listen, settings.port, settings.folder) == ("0.0.0.0", 8576, Path("/srv/enrolment"))
    assert (settings.broker_host, settings.broker_port) == ("192.0.2.1", 8884)
    assert (settings.reload_broker, settings.radius_folder, settings.restart_radius) == ((), None, ())


def test_commands_are_words_for_no_shell() -> None:
    settings = parse(
        reload_broker="systemctl reload 'my broker'", radius_folder="radius", radius_user="freerad"
    )
    assert settings.reload_broker == ("systemctl", "reload", "my broker")
    assert (settings.radius_folder, settings.radius_user) == (Path("/srv/radius"), "freerad")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("address", "roof"),
        ("listen", "everywhere"),
        ("port", 70_000),
        ("reload_broker", "it's"),
        ("folder", 1),
    ],
)
def test_what_is_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"enrolment.{key}"):
        parse(**{key: value})
