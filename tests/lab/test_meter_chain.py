"""The lab's chain maker makes links that fit, whoever signs."""

import pytest

from apd.shells.fake_tpm import FakeTpm
from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from wire.evidence import read_evidence
from wire.keys import PrivateKey
from wire.meter_record import FIRST_PREVIOUS, AnchorRecord, read_meter_record, record_hash


@pytest.mark.parametrize(
    "signer", [FakeTpm(), SoftwareKey(PrivateKey.from_secret(3))], ids=["tpm", "software"]
)
def test_each_record_names_the_one_before(signer):
    chain = MeterChain(signer, 1_000)
    previous, sequence = FIRST_PREVIOUS, 0
    for data in (chain.boot(), chain.usage(500), chain.usage(500)):
        encoded = read_evidence(data).record
        record = read_meter_record(encoded)
        assert (record.sequence, record.previous) == (sequence + 1, previous)
        previous, sequence = record_hash(encoded), record.sequence
    assert chain.utc_ms == 2_000


def test_an_anchor_announces_what_the_counter_will_be():
    tpm = FakeTpm()
    chain = MeterChain(tpm, 0)
    record = read_meter_record(read_evidence(chain.anchor()).record)
    assert isinstance(record, AnchorRecord)
    assert record.counter == tpm.anchor_counter()


def test_a_software_key_has_no_anchor():
    with pytest.raises(AssertionError, match="no counter"):
        MeterChain(SoftwareKey(PrivateKey.from_secret(3)), 0).anchor()
