"""Who signs the meter: a TPM (its twin here), or a software key; and that a record is never extended twice."""

import hashlib
from pathlib import Path

import pytest

from apd.settings import MeterSettings
from apd.shells.fake_tpm import FakeTpm, FakeVendor
from apd.shells.meter import SoftwareMeter, TpmMeter, open_meter
from apd.shells.software_key import SoftwareKey
from wire.enrolment import EnrolmentChallenge
from wire.errors import ConfigError, ShellError
from wire.keys import PrivateKey, verify
from wire.meter_record import (
    FIRST_PREVIOUS,
    METER_PCR,
    AnchorRecord,
    BootRecord,
    record_hash,
    write_meter_record,
)
from wire.tpm_attest import Quoted, read_attest

PROVIDER = PrivateKey.from_secret(3).public


def boot(sequence: int = 1):
    record = BootRecord(sequence, FIRST_PREVIOUS, 1, bytes(320), bytes(32), "x")
    return record, write_meter_record(record)


def extended(pcr: bytes, encoded: bytes) -> bytes:
    return hashlib.sha256(pcr + record_hash(encoded)).digest()


class FailingTpm:
    """A TPM whose quote fails once, after it has extended: as when the bus dies in between."""

    def __init__(self, tpm: FakeTpm) -> None:
        self._tpm = tpm
        self.fails = True

    def extend_and_quote(self, qualifying: bytes):
        if self.fails:
            self.fails = False
            self._tpm.extend(METER_PCR, qualifying)
            raise ShellError("tpm", "the bus is gone")
        return self._tpm.extend_and_quote(qualifying)

    def __getattr__(self, name: str):
        return getattr(self._tpm, name)


class TestTpm:
    def test_what_it_finds_at_start(self):
        tpm = FakeTpm()
        tpm.extend(METER_PCR, bytes(32))
        found = TpmMeter(tpm).found()
        assert found is not None
        assert (len(found.boot_pcrs), found.meter_pcr) == (320, tpm.read_pcrs()[METER_PCR])

    def test_a_record_is_extended_once_and_quoted(self):
        tpm = FakeTpm()
        meter = TpmMeter(tpm)
        record, encoded = boot()
        evidence, pcr = meter.sign(record, encoded, extended_before=False)
        assert pcr == tpm.read_pcrs()[METER_PCR] == extended(bytes(32), encoded)
        quote = read_attest(evidence.attest)
        assert isinstance(quote.attested, Quoted)
        assert quote.extra_data == record_hash(encoded)
        verify(meter.public_key, evidence.signature, evidence.attest)

    def test_a_quote_that_failed_after_the_extension_is_made_without_a_second_one(self):
        tpm = FakeTpm()
        meter = TpmMeter(FailingTpm(tpm))
        record, encoded = boot()
        with pytest.raises(ShellError):
            meter.sign(record, encoded, extended_before=False)
        _, pcr = meter.sign(record, encoded, extended_before=False)
        assert pcr == tpm.read_pcrs()[METER_PCR] == extended(bytes(32), encoded)

    def test_evidence_that_the_disk_lost_is_given_again(self):
        tpm = FakeTpm()
        meter = TpmMeter(tpm)
        record, encoded = boot()
        first = meter.sign(record, encoded, extended_before=False)
        assert meter.sign(record, encoded, extended_before=False) == first
        assert tpm.read_pcrs()[METER_PCR] == extended(bytes(32), encoded)
        other, other_encoded = boot(2)
        _, pcr = meter.sign(other, other_encoded, extended_before=False)
        assert pcr == extended(extended(bytes(32), encoded), other_encoded)

    def test_an_anchor_that_the_disk_lost_is_not_counted_twice(self):
        tpm = FakeTpm()
        meter = TpmMeter(tpm)
        record = AnchorRecord(1, FIRST_PREVIOUS, 1, meter.anchor_counter() + 1)
        encoded = write_meter_record(record)
        meter.sign(record, encoded, extended_before=False)
        meter.sign(record, encoded, extended_before=False)
        assert meter.anchor_counter() == record.counter

    def test_a_record_that_was_extended_before_the_restart_is_only_quoted(self):
        tpm = FakeTpm()
        record, encoded = boot()
        tpm.extend(METER_PCR, record_hash(encoded))
        _, pcr = TpmMeter(tpm).sign(record, encoded, extended_before=True)
        assert pcr == tpm.read_pcrs()[METER_PCR] == extended(bytes(32), encoded)

    def test_enrolment_names_the_maker_and_the_key(self):
        tpm = FakeVendor().make_tpm()
        request = TpmMeter(tpm).enrolment_request(PROVIDER)
        assert request.provider == PROVIDER
        assert request.attestation_public == tpm.attestation_key().public_area
        assert request.endorsement_certificate == tpm.endorsement_key().certificate


class TestSoftwareKey:
    def test_its_evidence_is_unattested(self):
        meter = SoftwareMeter(SoftwareKey(PrivateKey.from_secret(13)))
        record, encoded = boot()
        evidence, pcr = meter.sign(record, encoded, extended_before=False)
        assert (evidence.attested, pcr, meter.found()) == (False, b"", None)
        assert meter.enrolment_request(PROVIDER).software_key == meter.public_key

    def test_what_it_cannot_do_it_says(self):
        meter = SoftwareMeter(SoftwareKey(PrivateKey.from_secret(13)))
        with pytest.raises(ShellError, match="has no counter"):
            meter.anchor_counter()
        with pytest.raises(ShellError, match="cannot activate"):
            meter.activate(EnrolmentChallenge(b"blob", b"secret"))


class TestOpening:
    def test_a_software_key_is_made_at_first_use(self, tmp_path):
        settings = MeterSettings(software_key_file=tmp_path / "meter.pem", accept_unattested=True)
        assert open_meter(settings).public_key == open_meter(settings).public_key

    def test_a_tpm_that_is_not_there(self):
        with pytest.raises(ShellError):
            open_meter(MeterSettings(tpm="device:/dev/no-such-tpm"))

    def test_a_name_that_is_no_tpm(self):
        with pytest.raises((ConfigError, ShellError)):
            open_meter(MeterSettings(tpm="abacus:wood"))

    def test_a_key_that_others_may_read(self, tmp_path: Path):
        key = tmp_path / "meter.pem"
        key.write_bytes(PrivateKey.from_secret(13).to_pem())
        key.chmod(0o644)
        with pytest.raises(ConfigError, match="chmod 600"):
            open_meter(MeterSettings(software_key_file=key, accept_unattested=True))
