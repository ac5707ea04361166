"""[metered] and [tariffs.NAME]: what they mean, and what is refused with its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from operatord.attested import Attestation, Enrolled, Policy
from operatord.metered_settings import MeteredSettings, parse_metered
from wire.errors import ConfigError
from wire.ids import MacAddress, PublicKey
from wire.keys import PrivateKey
from wire.qos import Qos

FILE = Path("/srv/operatord.toml")
COMMON = {
    "address": "192.0.2.1", "interval_s": 60, "floor_down": "2Mbit/s", "ceil_down": "20Mbit/s", "floor_up": "500k",
    "ceil_up": "5Mbit/s",
}  # fmt: skip
BSSIDS = ["02:00:00:00:00:01", "02:00:00:00:00:02"]
ROOF: dict[str, Any] = {"bssids": BSSIDS, "per_minute_ubc": 1_000}


def parse(common: dict[str, Any] | None = None, **roof: Any) -> MeteredSettings:
    page = {"metered": {**COMMON, **(common or {})}, "tariffs": {"roof": {**ROOF, **roof}}}
    parsed = parse_metered(page, {"roof"}, {"roof"}, FILE)
    assert parsed is not None
    return parsed


def test_a_tariff_for_each_bssid_of_a_box() -> None:
    parsed = parse()
    assert (parsed.host, parsed.port, parsed.rules.missed_allowed) == ("0.0.0.0", 18_574, 1)
    assert parsed.qos == Qos(2_000_000, 20_000_000, 500_000, 5_000_000)
    assert set(parsed.tariffs) == {("roof", MacAddress.parse(one)) for one in BSSIDS}
    tariff = next(iter(parsed.tariffs.values()))
    assert (tariff.per_minute_ubc, tariff.per_megabyte_ubc, str(tariff.address)) == (1_000, 0, "192.0.2.1")


def test_a_least_deposit_is_ten_increments_of_each_box_unless_it_is_named() -> None:
    rules = parse(per_megabyte_ubc=10).rules
    assert (rules.least_deposit_ubc, rules.least_increments) == (0, 10)
    rules = parse({"least_deposit_ubc": 5}).rules
    assert (rules.least_deposit_ubc, rules.least_increments) == (5, 0)
    assert parse({"least_deposit_ubc": 0}).rules.least_increments == 0, "whoever wants none says so"
    with pytest.raises(ConfigError, match=r"metered\.least_deposit_ubc"):
        parse({"least_deposit_ubc": "much"})


def test_without_the_section_nobody_pays_as_he_goes() -> None:
    assert parse_metered({}, (), (), FILE) is None
    with pytest.raises(ConfigError, match=r"operatord.toml: tariffs.roof: there is no section \[metered\]"):
        parse_metered({"tariffs": {"roof": ROOF}}, {"roof"}, {"roof"}, FILE)


@pytest.mark.parametrize(
    ("common", "roof", "why"),
    [
        ({"address": "roof"}, {}, "metered.address"),
        ({"interval_s": 0}, {}, "metered.interval_s"),
        ({"interval_s": 9_000}, {}, "interval_s is 9000"),
        ({"missed_allowed": 0}, {}, "metered.missed_allowed"),
        ({"ceil_down": "fast"}, {}, "metered.ceil_down"),
        ({"ceil_down": "1k"}, {}, "metered.floor_down: qos"),
        ({"interval_s": 10}, {"per_megabyte_ubc": 1}, "every 60 s"),
        ({}, {"per_minute_ubc": 0}, "neither a minute nor a megabyte"),
        ({}, {"per_minute_ubc": 2**32}, "per_minute_ubc"),
        ({}, {"bssids": []}, "tariffs.roof.bssids"),
        ({}, {"bssids": ["roof"]}, "tariffs.roof.bssids"),
        ({}, {"price": 1}, "tariffs.roof.price: there is no such setting"),
    ],
)
def test_refused(common: dict[str, Any], roof: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse(common, **roof)


def test_a_tariff_of_no_box() -> None:
    with pytest.raises(ConfigError, match=r"no section \[boxes.roof\]"):
        parse_metered({"metered": COMMON, "tariffs": {"roof": ROOF}}, (), (), FILE)


def test_the_tariff_of_a_box_that_does_not_serve_now_waits() -> None:
    """Invited, revoked or damaged: nobody has to take the section out before he may mend or revoke another box."""
    page = {"metered": COMMON, "tariffs": {"roof": ROOF, "yard": {**ROOF, "per_minute_ubc": 2_000}}}
    parsed = parse_metered(page, {"yard"}, {"roof", "yard"}, FILE)
    assert parsed is not None
    assert {name for name, _ in parsed.tariffs} == {"yard"}
    with pytest.raises(ConfigError, match="per_minute_ubc"):
        parse_metered({**page, "tariffs": {"roof": {**ROOF, "per_minute_ubc": -1}}}, (), {"roof"}, FILE)


ACCOUNT, VOUCHER = (str(PrivateKey.from_secret(number).public) for number in (3, 4))


def attested(policy: str | None, **attesters: Any) -> MeteredSettings:
    common = COMMON if policy is None else {**COMMON, "attestation": policy}
    parsed = parse_metered({"metered": common, "attesters": attesters}, (), (), FILE)
    assert parsed is not None
    return parsed


def test_who_vouches_for_devices() -> None:
    assert attested(None).attestation == Attestation()
    alice = {"account": ACCOUNT, "key": VOUCHER}
    parsed = attested("remember", alice=alice)
    enrolled = {PublicKey.parse(ACCOUNT): Enrolled(PublicKey.parse(VOUCHER))}
    assert parsed.attestation == Attestation(Policy.REMEMBER, enrolled)
    assert parsed.rules.enrolled is None
    parsed = attested("require", alice={**alice, "pcr_digest": "ab" * 32})
    assert parsed.attestation.enrolled[PublicKey.parse(ACCOUNT)].pcr_digest == b"\xab" * 32
    assert parsed.rules.enrolled == frozenset({PublicKey.parse(ACCOUNT)}), "nobody else may join"


@pytest.mark.parametrize(
    ("policy", "attesters", "why"),
    [
        ("perhaps", {}, "none of none, remember, require"),
        ("require", {}, "nobody is enrolled"),
        ("remember", {"a": {"key": VOUCHER}}, "attesters.a.account"),
        ("remember", {"a": {"account": ACCOUNT, "key": "02"}}, "attesters.a.key"),
        (
            "remember",
            {"a": {"account": ACCOUNT, "key": VOUCHER, "pcr_digest": "ab"}},
            "attesters.a.pcr_digest",
        ),
        ("remember", {"a": {"account": ACCOUNT, "key": VOUCHER, "pcr": "ab"}}, "attesters.a.pcr"),
        (
            "remember",
            {name: {"account": ACCOUNT, "key": VOUCHER} for name in "ab"},
            "attesters.b.account: two sections",
        ),
    ],
)
def test_what_is_refused_of_attesters(policy: str, attesters: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        attested(policy, **attesters)


def test_attesters_without_metered_sessions() -> None:
    with pytest.raises(ConfigError, match=r"attesters.alice: there is no section \[metered\]"):
        parse_metered({"attesters": {"alice": {}}}, (), (), FILE)
