"""A real TPM 2.0 interface (swtpm): the shell, enrolment, and chains through reboots, crashes, roll-back and
replacement.

The contract of the shell is tested over the fake twin too, so that fast tests may believe it.
"""

import shutil
from contextlib import contextmanager
from dataclasses import replace

import pytest

from apd.shells.fake_tpm import FakeVendor
from apd.shells.tpm import QUOTED_PCRS, Tpm, sign_record
from apd.shells.tpm_commands import nv_read_public
from apd.shells.tpm_transport import open_transport
from lab.meter_chain import MeterChain
from lab.software_tpm import SoftwareTpm
from ledger.enrolment import CHANCE_SIZE, Vendors, begin_enrolment, finish_enrolment, read_vendors
from ledger.evidence import verify_chain
from wire.attestation_result import AttestationResult
from wire.enrolment import EnrolmentAnswer, EnrolmentRequest
from wire.errors import ShellError, VerificationError
from wire.evidence import write_evidence
from wire.keys import PrivateKey, verify
from wire.meter_record import METER_PCR, AnchorRecord, record_hash, write_meter_record
from wire.tpm_attest import NvCertified, Quoted, compute_pcr_digest, extend_pcr, read_attest
from wire.tpm_public import ANCHOR_INDEX, anchor_name, attestation_key_template, write_ecc_public

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not (shutil.which("swtpm") and shutil.which("swtpm_setup")),
        reason="swtpm or swtpm_setup is not installed",
    ),
]

PROVIDER = PrivateKey.from_secret(7).public
NOW_S = 1_800_000_000
CHANCE = b"s" * CHANCE_SIZE


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """One vendor for all software TPMs here: making its keys is what takes the time."""
    return tmp_path_factory.mktemp("vendor")


@pytest.fixture
def box(tmp_path, authority):
    with SoftwareTpm(tmp_path / "tpm", authority) as software_tpm:
        yield software_tpm


@contextmanager
def opened(box):
    tpm = Tpm.open(box.tcti)
    try:
        yield tpm
    finally:
        tpm.close()


@pytest.fixture(params=["swtpm", "fake"])
def any_tpm(request):
    """(a TPM, its vendor's certificates): the contract holds for both."""
    if request.param == "fake":
        vendor = FakeVendor()
        yield vendor.make_tpm(), Vendors((vendor.root,))
        return
    box = request.getfixturevalue("box")
    with opened(box) as tpm:
        yield tpm, vendors_of(box)


def vendors_of(box):
    return read_vendors(b"".join(path.read_bytes() for path in box.vendor_certificates))


def enrol(tpm, vendors):
    key, endorsement = tpm.attestation_key(), tpm.endorsement_key()
    request = EnrolmentRequest(PROVIDER, None, key.public_area, endorsement.certificate)
    pending, challenge = begin_enrolment(request, vendors, CHANCE, NOW_S)
    secret = tpm.activate_credential(challenge.credential_blob, challenge.encrypted_secret)
    return finish_enrolment(pending, EnrolmentAnswer(key.public_key.key_id, secret), NOW_S)


def check(records, enrolment):
    return verify_chain(records, enrolment, lambda _: None)


def failed(verdict):
    return {(sequence, finding.check) for sequence, finding in verdict.failures}


def run(chain, reports=2):
    return [chain.boot(), chain.anchor(), *(chain.usage(10_000) for _ in range(reports))]


# ---- The contract of a MeterTpm, over the fake and the real


def test_the_key_is_stable_and_quotes_name_it(any_tpm):
    tpm, _ = any_tpm
    key = tpm.attestation_key()
    assert tpm.attestation_key() == key
    quote = tpm.extend_and_quote(bytes(32))
    verify(key.public_key, quote.signature, quote.attest)
    assert read_attest(quote.attest).qualified_signer == key.qualified_name


def test_a_quote_is_over_the_pcrs_after_the_extension(any_tpm):
    tpm, _ = any_tpm
    before = tpm.read_pcrs()
    assert tuple(before) == QUOTED_PCRS
    attest = read_attest(tpm.extend_and_quote(b"h" * 32).attest)
    after = {**before, METER_PCR: extend_pcr(before[METER_PCR], b"h" * 32)}
    assert tpm.read_pcrs() == after
    assert attest.extra_data == b"h" * 32
    assert isinstance(attest.attested, Quoted)
    assert attest.attested.digest == compute_pcr_digest(QUOTED_PCRS, after)


def test_a_quote_alone_moves_nothing(any_tpm):
    tpm, _ = any_tpm
    first, second = (read_attest(tpm.quote(b"h" * 32).attest) for _ in range(2))
    assert first.attested == second.attested
    assert first.clock.reset_count == second.clock.reset_count
    assert first.clock.clock_ms <= second.clock.clock_ms


def test_an_anchor_counts_one_and_certifies_it(any_tpm):
    tpm, _ = any_tpm
    before = tpm.anchor_counter()
    anchors = [tpm.anchor(bytes((n,)) * 32) for n in range(3)]
    assert [anchor.counter for anchor in anchors] == [before + 1, before + 2, before + 3]
    assert tpm.anchor_counter() == before + 3
    attest = read_attest(anchors[-1].attest)
    verify(tpm.attestation_key().public_key, anchors[-1].signature, anchors[-1].attest)
    assert attest.extra_data == b"\2" * 32
    assert attest.attested == NvCertified(anchor_name(), 0, (before + 3).to_bytes(8, "big"))
    assert tpm.certify_anchor(bytes(32)).counter == before + 3


def test_a_genuine_tpm_is_enrolled(any_tpm):
    tpm, vendors = any_tpm
    result = enrol(tpm, vendors)
    assert result.attestation_key == tpm.attestation_key().public_key
    assert result.in_tpm


def test_a_software_key_behind_a_real_certificate_is_not_enrolled(any_tpm):
    """CVE-2022-1053: the endorsement key is genuine, the attestation key is not in the TPM."""
    tpm, vendors = any_tpm
    point = PrivateKey.from_secret(66).key.public_key().public_numbers()
    template = attestation_key_template(point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big"))
    request = EnrolmentRequest(PROVIDER, None, write_ecc_public(template), tpm.endorsement_key().certificate)
    _, challenge = begin_enrolment(request, vendors, CHANCE, NOW_S)
    with pytest.raises(ShellError, match="ACTIVATE_CREDENTIAL refused"):
        tpm.activate_credential(challenge.credential_blob, challenge.encrypted_secret)


def test_an_unknown_vendors_tpm_is_not_enrolled(any_tpm):
    tpm, _ = any_tpm
    with pytest.raises(VerificationError, match="leads to no vendor's root"):
        enrol(tpm, Vendors((FakeVendor("somebody else").root,)))


def test_a_record_that_was_extended_before_is_only_quoted(any_tpm):
    """The daemon died between extension and storage of the evidence: the next run makes up for it."""
    tpm, vendors = any_tpm
    enrolment, chain = enrol(tpm, vendors), MeterChain(tpm, NOW_S * 1_000)
    records = [chain.boot()]
    record = AnchorRecord(chain.sequence + 1, chain.head, chain.utc_ms, tpm.anchor_counter() + 1)
    encoded = write_meter_record(record)
    sign_record(tpm, record, encoded)
    again = sign_record(tpm, record, encoded, extended_before=True)
    chain.sequence, chain.head = record.sequence, record_hash(encoded)
    records += [write_evidence(again), chain.usage(10_000), chain.anchor()]
    check(records, enrolment).require()


def test_an_anchor_record_that_lies_about_the_counter_is_not_signed(any_tpm):
    tpm, _ = any_tpm
    record = AnchorRecord(1, bytes(32), 0, tpm.anchor_counter() + 5)
    with pytest.raises(ShellError, match="the record says"):
        sign_record(tpm, record, write_meter_record(record))


# ---- Only the real one


def test_another_tpm_of_the_same_vendor_cannot_answer(box, tmp_path, authority):
    with (
        opened(box) as tpm,
        SoftwareTpm(tmp_path / "other", authority) as other_box,
        opened(other_box) as other,
    ):
        request = EnrolmentRequest(
            PROVIDER, None, tpm.attestation_key().public_area, tpm.endorsement_key().certificate
        )
        _, challenge = begin_enrolment(request, vendors_of(box), CHANCE, NOW_S)
        with pytest.raises(ShellError, match="ACTIVATE_CREDENTIAL refused"):
            other.activate_credential(challenge.credential_blob, challenge.encrypted_secret)


def test_an_honest_chain_over_crashes_holds(box):
    """Six power cuts: no lock-out, as keys and counter have noDA, and no jump of the counter, as it is not orderly."""
    records = []
    chain = None
    for _ in range(6):
        with opened(box) as tpm:
            chain = chain or MeterChain(tpm, NOW_S * 1_000)
            chain.signer = tpm
            records += run(chain)
        chain.utc_ms += 60_000
        box.reset()
    with opened(box) as tpm:
        enrolment = enrol(tpm, vendors_of(box))
    verdict = check(records, enrolment)
    verdict.require()
    assert verdict.unmetered_ms == 5 * 60_000


def test_a_daemon_that_starts_again_goes_on_in_the_same_chain(box):
    with opened(box) as tpm:
        enrolment, chain = enrol(tpm, vendors_of(box)), MeterChain(tpm, NOW_S * 1_000)
        records = run(chain)
    with opened(box) as tpm:
        chain.signer = tpm
        records += [chain.boot(), chain.usage(10_000)]
    verdict = check(records, enrolment)
    verdict.require()
    assert verdict.unmetered == ()


def test_a_crashed_client_leaves_nothing_that_stops_the_next(box):
    """Three transient objects fill a TPM: without a flush the fourth client fails with 0x902."""
    for _ in range(5):
        tpm = Tpm.open(box.tcti)
        tpm._transport.close()
    with opened(box) as tpm:
        tpm.quote(bytes(32))


def test_a_power_cut_under_the_daemon_is_a_shell_error_and_opening_again_mends_it(box):
    with opened(box) as tpm:
        key = tpm.attestation_key()
        box.reset()
        with pytest.raises(ShellError, match="tpm: "):
            tpm.quote(bytes(32))
    with opened(box) as tpm:
        assert tpm.attestation_key() == key


def test_a_rolled_back_state_is_seen_by_the_counter(box, tmp_path):
    with opened(box) as tpm:
        enrolment, chain = enrol(tpm, vendors_of(box)), MeterChain(tpm, NOW_S * 1_000)
        records = run(chain)
        box.copy_state(tmp_path / "copy")
        records += [chain.usage(10_000), chain.anchor()]
    box.restore_state(tmp_path / "copy")
    with opened(box) as tpm:
        chain.signer = tpm
        records += run(chain)
    verdict = check(records, enrolment)
    assert failed(verdict) == {(8, "anchor")}
    assert "an old TPM state was put back" in verdict.failures[0][1].text


def test_a_rolled_back_state_and_store_are_seen_by_who_has_the_reports(box, tmp_path):
    """Even if the box's own memory goes back with the TPM, the ledger has what it was sent."""
    with opened(box) as tpm:
        enrolment, chain = enrol(tpm, vendors_of(box)), MeterChain(tpm, NOW_S * 1_000)
        records = run(chain)
        box.copy_state(tmp_path / "copy")
        old = replace(chain)
        records += [chain.usage(10_000), chain.anchor()]
    box.restore_state(tmp_path / "copy")
    with opened(box) as tpm:
        old.signer = tpm
        records += run(old)
    assert {(5, "sequence"), (5, "chain")} <= failed(check(records, enrolment))


def test_a_replaced_tpm_is_seen(box, tmp_path, authority):
    with opened(box) as tpm:
        enrolment, chain = enrol(tpm, vendors_of(box)), MeterChain(tpm, NOW_S * 1_000)
        records = run(chain)
    with SoftwareTpm(tmp_path / "other", authority) as other_box, opened(other_box) as other:
        chain.signer = other
        records += run(chain)
    verdict = check(records, enrolment)
    assert failed(verdict) == {(sequence, "signature") for sequence in (5, 6, 7, 8)}
    assert verdict.state.sequence == 4


def test_a_cleared_tpm_has_to_enrol_anew_and_cannot_roll_its_counter_back(box):
    with opened(box) as tpm:
        enrolment, chain = enrol(tpm, vendors_of(box)), MeterChain(tpm, NOW_S * 1_000)
        records = run(chain)
        counter = tpm.anchor_counter()
    clear(box)
    with opened(box) as tpm:
        chain.signer = tpm
        records.append(chain.boot())
        assert failed(check(records, enrolment)) == {(5, "signature")}
        anew = enrol(tpm, vendors_of(box))
        assert isinstance(anew, AttestationResult)
        assert anew.key_name != enrolment.key_name
        assert anew.endorsement_hash == enrolment.endorsement_hash
        assert tpm.anchor_counter() > counter


def test_the_anchor_is_defined_only_once(box):
    with opened(box) as tpm:
        tpm.anchor_counter()
    transport = open_transport(box.tcti)
    first = transport.exchange(nv_read_public(ANCHOR_INDEX).encoded)
    transport.close()
    box.reset()
    with opened(box) as tpm:
        tpm.anchor_counter()
    transport = open_transport(box.tcti)
    assert transport.exchange(nv_read_public(ANCHOR_INDEX).encoded) == first
    transport.close()


def test_an_orderly_counter_in_the_anchors_place_is_refused(box):
    """Somebody defined the index before us, such that it would jump after a crash."""
    pytss = pytest.importorskip("tpm2_pytss", reason="tpm2-pytss is not installed")
    attributes = "ownerwrite|authwrite|ownerread|authread|noda|orderly|nt=1"
    public = pytss.TPM2B_NV_PUBLIC(
        nvPublic=pytss.TPMS_NV_PUBLIC(
            nvIndex=ANCHOR_INDEX,
            nameAlg=pytss.TPM2_ALG.SHA256,
            attributes=pytss.TPMA_NV.parse(attributes),
            dataSize=8,
        )
    )
    with pytss.ESAPI(box.tcti) as esapi:
        esapi.nv_define_space(None, public)
    with opened(box) as tpm, pytest.raises(ShellError, match="other attributes"):
        tpm.anchor(bytes(32))


def test_the_library_opens_what_we_do_not_know(box):
    """Any other transport is tpm2-pytss's: here it is asked for the same socket by its own way."""
    pytest.importorskip("tpm2_pytss", reason="tpm2-pytss is not installed")
    tpm = Tpm.open(f"libtss2-tcti-swtpm.so.0:path={box.tcti.partition('=')[2]}")
    verify(tpm.attestation_key().public_key, *reversed(quote_of(tpm)))
    tpm.close()


def quote_of(tpm):
    quote = tpm.quote(bytes(32))
    return quote.attest, quote.signature


def clear(box):
    """TPM2_Clear with the platform's authority, as firmware set-up does it."""
    pytss = pytest.importorskip("tpm2_pytss", reason="tpm2-pytss is not installed")
    with pytss.ESAPI(box.tcti) as esapi:
        esapi.clear(pytss.ESYS_TR.PLATFORM)
