"""The settings that mosquitto gets; what it does with them is tests/system/test_lab_broker.py."""

import pytest

from lab.broker import broker, format_configuration, format_topic_rules
from lab.certificates import Authority
from lab.namespaces import Namespace
from lab.processes import Household
from wire.errors import ShellError


def a_broker(tmp_path, **options):
    authority = Authority.create(tmp_path / "pki")
    home = Household(tmp_path / "logs")
    where = Namespace("operator")
    return broker(
        home, where, "10.78.0.1", authority=authority, ledger_account="02aa", folder=tmp_path, **options
    )


def test_every_listener_is_tls_with_certificates_from_both_sides(tmp_path):
    lines = format_configuration(a_broker(tmp_path)).splitlines()
    assert lines[0] == "per_listener_settings true"
    assert [line for line in lines if line.startswith("listener")] == ["listener 8883 10.78.0.1"]
    for needed in ("allow_anonymous false", "require_certificate true", "use_identity_as_username true"):
        assert lines.index(needed) > lines.index("listener 8883 10.78.0.1")
    assert "max_packet_size 4194304" in lines
    assert "persistence false" in lines


def test_sessions_are_kept_when_asked(tmp_path):
    assert "persistence true" in format_configuration(a_broker(tmp_path, keeps_sessions=True))


def test_only_the_ledger_and_the_operator_have_lines_of_their_own():
    rules = format_topic_rules("02aa")
    assert [line for line in rules.splitlines() if line.startswith("user")] == ["user 02aa", "user operator"]
    operators = rules.partition("user operator\n")[2].partition("\n\n")[0].splitlines()
    assert operators == [
        "topic read airgrant/v1/up/+/grant",
        "topic write airgrant/v1/down/+/admission",
        "topic write airgrant/v1/down/+/command",
    ]
    assert "pattern write airgrant/v1/up/%u/#" in rules


@pytest.mark.parametrize("name", ["", "+", "a/b", "a#", "a b", "a\nuser b"])
def test_a_ledger_name_that_would_widen_the_rules_is_refused(name):
    with pytest.raises(ValueError, match="topic level"):
        format_topic_rules(name)


def test_a_broker_that_never_started_cannot_be_killed(tmp_path):
    with pytest.raises(ShellError, match="never started"):
        a_broker(tmp_path).kill()
