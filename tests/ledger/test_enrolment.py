"""Enrolment from the verifier's side: who gets a result, and every other who does not, and why.

Boxes are fake TPMs of a fake vendor; tests/system/test_tpm.py enrols a real TPM 2.0 interface the same way.
"""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from apd.shells.fake_tpm import FakeVendor
from ledger.enrolment import (
    CHALLENGE_LIFETIME_S,
    EK_CERTIFICATE_USE,
    MAX_PATH,
    TPM_IDENTITY,
    Vendors,
    begin_enrolment,
    check_asked_for,
    check_endorsement_certificate,
    enrol_software_key,
    finish_enrolment,
    read_enrolled,
    read_vendors,
)
from ledger.genesis import Genesis
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.enrolment import (
    EnrolmentAnswer,
    EnrolmentRequest,
    prove_software_key,
    read_enrolment,
    write_enrolment_request,
)
from wire.errors import DecodeError, ShellError, VerificationError
from wire.keys import PrivateKey
from wire.tpm_public import USER_WITH_AUTH, attestation_key_template, read_ecc_public, write_ecc_public

PROVIDER = PrivateKey.from_secret(7).public
NOW_S = 1_800_000_000
CHANCE = b"0123456789abcdef" * 2

VENDOR = FakeVendor()
VENDORS = Vendors((VENDOR.root,))


@pytest.fixture(scope="module")
def tpm():
    return VENDOR.make_tpm()


def request_of(tpm, **changes):
    certificate = tpm.endorsement_key().certificate
    request = EnrolmentRequest(PROVIDER, None, tpm.attestation_key().public_area, certificate)
    return replace(request, **changes)


def answer_of(tpm, challenge):
    secret = tpm.activate_credential(challenge.credential_blob, challenge.encrypted_secret)
    return EnrolmentAnswer(tpm.attestation_key().public_key.key_id, secret)


def test_a_genuine_tpm_is_enrolled_with_both_keys_in_one_record(tpm):
    pending, challenge = begin_enrolment(request_of(tpm), VENDORS, CHANCE, NOW_S)
    result = finish_enrolment(pending, answer_of(tpm, challenge), NOW_S + 2)
    key = tpm.attestation_key()
    assert (result.attestation_key, result.key_name, result.provider) == (key.public_key, key.name, PROVIDER)
    assert result.endorsement_hash == pending.endorsement_hash
    assert result.in_tpm
    assert result.enrolled_s == NOW_S + 2


def test_the_secret_is_never_shown(tpm):
    pending, _ = begin_enrolment(request_of(tpm), VENDORS, CHANCE, NOW_S)
    assert "secret" not in repr(pending)


def test_each_challenge_has_its_own_secret(tpm):
    secrets = {begin_enrolment(request_of(tpm), VENDORS, bytes((n,)) * 32, NOW_S)[0].secret for n in range(3)}
    assert len(secrets) == 3


def test_tpm2_pytss_makes_a_credential_that_differs_only_in_its_chance(tpm):
    """The library's credential opens with the same TPM: ours has the same form, and so has its length."""
    types = pytest.importorskip("tpm2_pytss.types", reason="tpm2-pytss is not installed")
    utils = pytest.importorskip("tpm2_pytss.utils", reason="tpm2-pytss is not installed")
    public, _ = types.TPMT_PUBLIC.unmarshal(tpm.endorsement_key().public_area)
    theirs = utils.make_credential(public, b"s" * 32, tpm.attestation_key().name)
    assert tpm.activate_credential(*map(bytes, theirs)) == b"s" * 32
    _, ours = begin_enrolment(request_of(tpm), VENDORS, CHANCE, NOW_S)
    assert len(ours.credential_blob) == len(bytes(theirs[0]))
    assert len(ours.encrypted_secret) == len(bytes(theirs[1]))


@pytest.mark.parametrize(
    ("change", "later_s", "why"),
    [
        ({"secret": bytes(32)}, 0, "wrong secret"),
        ({"secret": b""}, 0, "wrong secret"),
        ({"secret": CHANCE}, 0, "wrong secret"),
        ({"key_id": bytes(8)}, 0, "not this one"),
        ({}, CHALLENGE_LIFETIME_S + 1, "1 s too late"),
    ],
)
def test_a_wrong_or_late_answer_enrols_nobody(tpm, change, later_s, why):
    pending, challenge = begin_enrolment(request_of(tpm), VENDORS, CHANCE, NOW_S)
    with pytest.raises(VerificationError, match=why):
        finish_enrolment(pending, replace(answer_of(tpm, challenge), **change), NOW_S + later_s)


def test_a_software_key_with_a_real_tpms_certificate_cannot_read_its_challenge(tpm):
    """CVE-2022-1053: the TPM activates only for the name of a key that it holds itself."""
    point = PrivateKey.from_secret(66).key.public_key().public_numbers()
    template = attestation_key_template(point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big"))
    request = request_of(tpm, attestation_public=write_ecc_public(template))
    _, challenge = begin_enrolment(request, VENDORS, CHANCE, NOW_S)
    with pytest.raises(ShellError, match="another key's name"):
        answer_of(tpm, challenge)


def test_another_tpm_cannot_read_the_challenge(tpm):
    _, challenge = begin_enrolment(request_of(tpm), VENDORS, CHANCE, NOW_S)
    with pytest.raises(ShellError, match="ACTIVATE_CREDENTIAL refused"):
        VENDOR.make_tpm().activate_credential(challenge.credential_blob, challenge.encrypted_secret)


def test_a_key_with_other_attributes_is_refused(tpm):
    public = read_ecc_public(tpm.attestation_key().public_area)
    weak = write_ecc_public(replace(public, attributes=public.attributes & ~USER_WITH_AUTH))
    with pytest.raises(VerificationError, match="lacks userWithAuth"):
        begin_enrolment(request_of(tpm, attestation_public=weak), VENDORS, CHANCE, NOW_S)


def test_an_unknown_vendor_is_refused(tpm):
    with pytest.raises(VerificationError, match="leads to no vendor's root"):
        begin_enrolment(request_of(tpm), Vendors((FakeVendor("other").root,)), CHANCE, NOW_S)


def test_a_vendor_of_the_same_name_with_another_key_is_refused(tpm):
    with pytest.raises(VerificationError, match="leads to no vendor's root"):
        begin_enrolment(request_of(tpm), Vendors((FakeVendor().root,)), CHANCE, NOW_S)


def test_a_certificate_that_is_no_certificate_is_a_decode_error():
    for rubbish in (b"", b"rubbish", b"\x30\x82\x00\x01\x00"):
        with pytest.raises(DecodeError, match="endorsement certificate: "):
            check_endorsement_certificate(rubbish, VENDORS, NOW_S)


def test_a_software_key_is_enrolled_as_what_it_is():
    key = PrivateKey.from_secret(99).public
    result = enrol_software_key(EnrolmentRequest(PROVIDER, key, software_proof=bytes(64)), NOW_S)
    assert not result.in_tpm
    assert (result.attestation_key, result.provider) == (key, PROVIDER)


def test_neither_kind_of_key_is_enrolled_as_the_other(tpm):
    with pytest.raises(VerificationError, match="no TPM to challenge"):
        begin_enrolment(
            EnrolmentRequest(PROVIDER, PROVIDER, software_proof=bytes(64)), VENDORS, CHANCE, NOW_S
        )
    with pytest.raises(VerificationError, match="not a software key"):
        enrol_software_key(request_of(tpm), NOW_S)


# ---- What its provider asked for

LEDGER_ID = bytes(range(32))
OWNER = PrivateKey.from_secret(7)


def asked(request, signer=OWNER, ledger_id=LEDGER_ID):
    """A request as a ledger reads it from its provider's own bytes."""
    return read_enrolment(write_enrolment_request(request, signer, ledger_id), ledger_id)


def enrolled(tpm):
    pending, challenge = begin_enrolment(asked(request_of(tpm)), VENDORS, CHANCE, NOW_S)
    return finish_enrolment(pending, answer_of(tpm, challenge), NOW_S)


def software_result():
    key = PrivateKey.from_secret(99)
    proof = prove_software_key(key, PROVIDER)
    return enrol_software_key(asked(EnrolmentRequest(PROVIDER, key.public, software_proof=proof)), NOW_S)


def test_what_a_provider_asked_for_is_seen_by_everybody(tpm):
    check_asked_for(enrolled(tpm), LEDGER_ID)
    check_asked_for(software_result(), LEDGER_ID)


def test_one_gateway_of_several_enrols_nobody_who_did_not_ask(tpm):
    """Its signature alone is enough only where it is the ledger."""
    mallory, alice = PrivateKey.from_secret(50), PrivateKey.from_secret(51)
    alone = Genesis((mallory.public,), PROVIDER, NOW_S)
    shared = Genesis((mallory.public, alice.public), PROVIDER, NOW_S)
    forced = AttestationResult(PrivateKey.from_secret(52).public, b"", PROVIDER, b"", NOW_S)
    for genesis in (alone, shared):
        encoded = write_attestation_result(forced, mallory, genesis.ledger_id)
        if genesis is alone:
            assert read_enrolled(encoded, genesis) == forced
            continue
        with pytest.raises(DecodeError):
            read_enrolled(encoded, genesis)


def test_nothing_else_passes_for_it(tpm):
    """A gateway that lies about one thing, with a request that is genuine, old, another's, or none."""
    other = PrivateKey.from_secret(8)
    good, software = enrolled(tpm), software_result()
    lies = [
        replace(good, attestation_key=other.public),
        replace(good, key_name=bytes(34)),
        replace(good, endorsement_hash=bytes(32)),
        replace(good, provider=other.public),
        replace(good, key_name=b"", endorsement_hash=b""),
        replace(good, request=software.request),
        replace(good, request=b""),
        replace(good, request=good.request[:-1] + bytes((good.request[-1] ^ 1,))),
        replace(software, attestation_key=other.public),
        replace(software, provider=other.public),
    ]
    for lie in lies:
        with pytest.raises(DecodeError):
            check_asked_for(lie, LEDGER_ID)
    with pytest.raises(VerificationError):
        check_asked_for(good, bytes(32))
    with pytest.raises(VerificationError):
        asked(request_of(tpm), signer=other)


# ---- Certificates, one thing wrong at a time

EK = rsa.generate_private_key(65_537, 2_048).public_key()
ROOT_KEY = ec.generate_private_key(ec.SECP256R1())
ROOT_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
NOW = datetime.fromtimestamp(NOW_S, UTC)


def make(
    subject="",
    issuer="root",
    signer=ROOT_KEY,
    key=EK,
    ca=False,
    path_length=None,
    cert_sign=False,
    encipher=True,
    use=EK_CERTIFICATE_USE,
    identity=tuple(TPM_IDENTITY),
    critical_name=True,
    extra=None,
    ends=NOW + timedelta(days=1),
):
    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])

    builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key)
    builder = builder.serial_number(1).not_valid_before(NOW - timedelta(days=9)).not_valid_after(ends)
    builder = builder.add_extension(x509.BasicConstraints(ca, path_length), critical=True)
    usage = x509.KeyUsage(False, False, encipher, False, False, cert_sign, False, False, False)
    builder = builder.add_extension(usage, critical=True)
    if use:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    if identity is not None:
        parts = x509.Name([x509.NameAttribute(TPM_IDENTITY[what], "id:1") for what in identity])
        alternative = x509.SubjectAlternativeName([x509.DirectoryName(parts)])
        builder = builder.add_extension(alternative, critical=critical_name)
    if extra:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier(extra), b"\5\0"), critical=True
        )
    return builder.sign(signer, hashes.SHA256())


def authority(subject="root", issuer="root", signer=ROOT_KEY, key=None, **changes):
    public = (key or ROOT_KEY).public_key()
    settings = {"ca": True, "cert_sign": True, "encipher": False, "use": None, "identity": None, **changes}
    return make(subject, issuer, signer, public, **settings)


def check(certificate, *intermediates, root=None):
    der = certificate.public_bytes(serialization.Encoding.DER)
    return check_endorsement_certificate(der, Vendors((root or authority(),), intermediates), NOW_S)


def test_a_good_certificate_gives_its_key():
    assert check(make()) == EK


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"use": None}, "extended key usage 2.23.133.8.1"),
        ({"use": x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")}, "extended key usage 2.23.133.8.1"),
        ({"ca": True}, "is an authority"),
        ({"encipher": False}, "may not encipher keys"),
        ({"identity": None}, "no subject alternative name"),
        ({"critical_name": False}, "not critical"),
        ({"identity": ("manufacturer", "version")}, "does not name the TPM's model"),
        ({"extra": "1.2.3.4"}, r"critical extension 1\.2\.3\.4 is unknown"),
        ({"ends": NOW - timedelta(days=1)}, "valid 2027-01-06 to 2027-01-14 only"),
        ({"key": rsa.generate_private_key(65_537, 3_072).public_key()}, "not RSA-2048"),
        ({"key": ROOT_KEY.public_key()}, "not RSA-2048"),
        ({"signer": ec.generate_private_key(ec.SECP256R1())}, "leads to no vendor's root"),
    ],
)
def test_a_certificate_with_one_thing_wrong_is_refused_for_it(changes, why):
    with pytest.raises(VerificationError, match=why):
        check(make(**changes))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ca": False}, "is no authority"),
        ({"cert_sign": False}, "may not sign certificates"),
        ({"ends": NOW - timedelta(days=1)}, "only"),
    ],
)
def test_a_root_that_is_none_is_refused(changes, why):
    with pytest.raises(VerificationError, match=why):
        check(make(), root=authority(**changes))


def test_an_intermediate_leads_to_the_root_and_is_not_trusted_by_itself():
    key = ec.generate_private_key(ec.SECP256R1())
    middle = authority("middle", key=key)
    certificate = make(issuer="middle", signer=key)
    assert check(certificate, middle) == EK
    with pytest.raises(VerificationError, match="signed by CN=middle, which leads to no"):
        check(certificate)
    with pytest.raises(VerificationError, match="may have 0 authorities below, has 1"):
        check(certificate, middle, root=authority(path_length=0))


def test_a_path_without_end_is_refused():
    """Two authorities that signed each other."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    circle = (
        authority("a", "b", keys[1], keys[0]),
        authority("b", "a", keys[0], keys[1]),
    )
    with pytest.raises(VerificationError, match=f"more than {MAX_PATH}"):
        check(make(issuer="a", signer=keys[0]), *circle)


def test_a_bundle_is_sorted_into_roots_and_intermediates():
    key = ec.generate_private_key(ec.SECP256R1())
    root, middle = authority(), authority("middle", key=key)
    pem = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (middle, root))
    assert read_vendors(pem) == Vendors((root,), (middle,))
    with pytest.raises(ValueError, match="no root among the certificates"):
        read_vendors(middle.public_bytes(serialization.Encoding.PEM))


# ---- Whatever the bytes are, it is DecodeError


def mutated(der, chance):
    """One or two octets changed, wherever they are."""
    bent = bytearray(der)
    for _ in range(chance.choice((1, 1, 2))):
        bent[chance.randrange(len(bent))] = chance.randrange(256)
    return bytes(bent)


@pytest.mark.filterwarnings("ignore")
def test_thousands_of_mutated_certificates_raise_nothing_else(tpm):
    """The library alone raises UnsupportedAlgorithm, InvalidVersion, UnsupportedGeneralNameType and more."""
    chance = random.Random(1)
    vendors = Vendors((authority(), VENDOR.root))
    originals = [
        make().public_bytes(serialization.Encoding.DER),
        make(identity=None, extra="2.5.29.17").public_bytes(serialization.Encoding.DER),
        tpm.endorsement_key().certificate,
    ]
    said = set()
    for _ in range(6_000):
        bent = mutated(chance.choice(originals), chance)
        try:
            check_endorsement_certificate(bent, vendors, NOW_S)
        except DecodeError as error:
            said.add(str(error)[:60])
    assert any("UnsupportedAlgorithm" in text for text in said), "a kind that used to get through"
    assert len(said) > 10


def test_a_modulus_that_is_none_is_the_peers_fault(tpm):
    """A vendor's signature does not make an even number an RSA key."""
    request = request_of(tpm)
    even = rsa.RSAPublicNumbers(65_537, 1 << 2_047).public_key()
    der = make(key=even).public_bytes(serialization.Encoding.DER)
    with pytest.raises(DecodeError):
        begin_enrolment(replace(request, endorsement_certificate=der), Vendors((authority(),)), CHANCE, NOW_S)
