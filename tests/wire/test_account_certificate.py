"""Account certificates, judged by the `openssl` program: what verifies, and what a hostile account cannot do."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from wire.account_certificate import Purpose, format_pem, issue, parse_account, subject_hash, write_anchor
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.keys import PrivateKey, load_public_key

ALICE, MALLORY, PHONE = (PrivateKey.from_secret(secret) for secret in (11, 12, 13))
NOW_S = 1_800_000_000
FROM_S, TO_S = NOW_S - 3_600, NOW_S + 3_600


def leaf(
    account: PrivateKey = ALICE, purpose: Purpose = Purpose.STATION, key: PublicKey | None = None
) -> bytes:
    return issue(account, purpose, key, not_before_s=FROM_S, not_after_s=TO_S, serial=77)


def openssl(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[str]:
    run = subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=False, timeout=30)
    return subprocess.CompletedProcess(run.args, run.returncode, run.stdout.decode(), run.stderr.decode())


class Trust:
    """A hashed directory of anchors, as FreeRADIUS's `ca_path`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "trust"
        self.folder.mkdir()

    def add(self, account: PublicKey) -> None:
        (self.folder / f"{subject_hash(account)}.0").write_text(format_pem(write_anchor(account)))

    def verify(
        self, certificate: bytes, *options: str, chain: tuple[bytes, ...] = (), purpose: str = "sslclient"
    ) -> str:
        """`OK`, or what openssl says is wrong."""
        (self.folder.parent / "leaf.pem").write_text(format_pem(certificate))
        (self.folder.parent / "chain.pem").write_text("".join(map(format_pem, chain)))
        untrusted = ["-untrusted", str(self.folder.parent / "chain.pem")] if chain else []
        run = openssl(
            "verify", "-CApath", str(self.folder), "-no-CAfile", "-no-CAstore", "-purpose", purpose,
            *([] if "-attime" in options else ["-attime", str(NOW_S)]), *options, *untrusted,
            str(self.folder.parent / "leaf.pem"),
        )  # fmt: skip
        return "OK" if run.returncode == 0 and run.stdout.endswith(": OK\n") else run.stderr


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    trust = Trust(tmp_path)
    trust.add(ALICE.public)
    return trust


# ---- What verifies


@pytest.mark.parametrize(
    ("purpose", "use"),
    [(Purpose.STATION, "sslclient"), (Purpose.SERVER, "sslserver")],
    ids=["station", "server"],
)
@pytest.mark.parametrize("strict", [(), ("-x509_strict",)], ids=["as TLS does", "strictly"])
@pytest.mark.parametrize("key", [None, PHONE.public], ids=["own key", "another key"])
def test_what_the_account_signed(
    trust: Trust, purpose: Purpose, use: str, strict: tuple[str, ...], key: PublicKey | None
) -> None:
    assert trust.verify(leaf(purpose=purpose, key=key), *strict, purpose=use) == "OK"


def test_an_anchor_that_appears_is_found_and_one_that_goes_is_missed(trust: Trust) -> None:
    other = leaf(MALLORY)
    assert "unable to get local issuer" in trust.verify(other)
    trust.add(MALLORY.public)
    assert trust.verify(other) == "OK"
    (trust.folder / f"{subject_hash(MALLORY.public)}.0").unlink()
    assert "unable to get local issuer" in trust.verify(other)


def test_the_anchor_is_the_same_at_every_call_but_for_its_signature() -> None:
    one, two = (x509.load_der_x509_certificate(write_anchor(ALICE.public)) for _ in range(2))
    assert one.tbs_certificate_bytes == two.tbs_certificate_bytes
    assert one.public_key() == load_public_key(ALICE.public)


def test_names_as_a_radius_server_reports_them() -> None:
    shown = openssl(
        "x509", "-inform", "DER", "-noout", "-issuer", "-subject", "-nameopt", "compat", data=leaf()
    ).stdout
    issuer, subject = (line.split("=", maxsplit=1)[1] for line in shown.splitlines())
    assert issuer == f"/UID={ALICE.public}/CN=airgrant account"
    assert subject == f"/UID={ALICE.public}/CN=airgrant station"
    assert parse_account(issuer) == ALICE.public


@given(st.integers(1, 2**200))
@settings(max_examples=10, deadline=None)
def test_subject_hash_is_the_one_of_openssl(secret: int) -> None:
    account = PrivateKey.from_secret(secret).public
    shown = openssl("x509", "-inform", "DER", "-noout", "-subject_hash", data=write_anchor(account))
    assert shown.stdout.strip() == subject_hash(account)


def test_pem_is_what_openssl_writes() -> None:
    der = leaf()
    assert openssl("x509", "-inform", "DER", data=der).stdout == format_pem(der)


# ---- What a hostile account cannot do


def test_a_leaf_that_another_key_signed(trust: Trust) -> None:
    forged = signed_by(MALLORY, account_name(ALICE), account_name(ALICE, "airgrant station"), MALLORY.public)
    assert "certificate signature failure" in trust.verify(forged)


def test_an_intermediate_named_after_another_account(trust: Trust) -> None:
    """Mallory, who is trusted herself, makes a certificate authority with Alice's name and her own key."""
    trust.add(MALLORY.public)
    (trust.folder / f"{subject_hash(ALICE.public)}.0").unlink()
    intermediate = signed_by(
        MALLORY, account_name(MALLORY), account_name(ALICE), PHONE.public, authority=True
    )
    forged = signed_by(PHONE, account_name(ALICE), account_name(ALICE, "airgrant station"), PHONE.public)
    assert "path length constraint exceeded" in trust.verify(forged, chain=(intermediate,))


def test_a_leaf_cannot_issue(trust: Trust) -> None:
    below = signed_by(ALICE, account_name(ALICE, "airgrant station"), account_name(MALLORY), MALLORY.public)
    assert "invalid CA certificate" in trust.verify(below, chain=(leaf(),))


def test_a_self_signed_anchor_of_an_unknown_account(trust: Trust) -> None:
    assert trust.verify(leaf(MALLORY), chain=(write_anchor(MALLORY.public),)) != "OK"


def test_an_anchor_for_a_key_that_is_not_the_accounts(trust: Trust) -> None:
    """Alice's name over Mallory's key, sent along in the handshake: the directory's anchor is the one that counts."""
    own_anchor = signed_by(MALLORY, account_name(ALICE), account_name(ALICE), MALLORY.public, authority=True)
    forged = signed_by(MALLORY, account_name(ALICE), account_name(ALICE, "airgrant station"), MALLORY.public)
    assert trust.verify(forged, chain=(own_anchor,)) != "OK"


@pytest.mark.parametrize(
    ("at_s", "why"), [(TO_S, "certificate has expired"), (FROM_S - 1, "certificate is not yet valid")]
)
def test_out_of_its_time(trust: Trust, at_s: int, why: str) -> None:
    assert trust.verify(leaf(), "-attime", str(FROM_S)) == "OK"
    assert trust.verify(leaf(), "-attime", str(TO_S - 1)) == "OK"
    assert why in trust.verify(leaf(), "-attime", str(at_s))


def test_a_station_is_no_server_and_a_server_no_station(trust: Trust) -> None:
    assert "unsuitable certificate purpose" in trust.verify(
        leaf(purpose=Purpose.STATION), purpose="sslserver"
    )
    assert "unsuitable certificate purpose" in trust.verify(leaf(purpose=Purpose.SERVER), purpose="sslclient")


def test_secp256k1_has_no_account() -> None:
    key = ec.generate_private_key(ec.SECP256K1())
    with pytest.raises(ValueError, match="must be P-256, not secp256k1"):
        PrivateKey(key)
    points = (
        ec.derive_private_key(secret, ec.SECP256K1())
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
        for secret in range(1, 40)
    )
    refused = 0
    for point in points:  # about half of all numbers are x of a point on another curve too
        try:
            write_anchor(PublicKey(point))
        except VerificationError:
            refused += 1
    assert 8 < refused < 32


@pytest.mark.parametrize(
    "name",
    [
        "",
        f"/UID={ALICE.public}",
        f"/CN=airgrant account/UID={ALICE.public}",
        f"/UID={ALICE.public}/CN=airgrant station",
        f"/UID={ALICE.public}/CN=airgrant account/CN=x",
        f"/C=X/UID={ALICE.public}/CN=airgrant account",
        f"/UID={str(ALICE.public).upper()}/CN=airgrant account",
        f"/UID={ALICE.public}/CN=airgrant account\n",
        f"UID = {ALICE.public}, CN = airgrant account",
        "/UID=04" + "0" * 64 + "/CN=airgrant account",
        "/UID=02" + "\N{ARABIC-INDIC DIGIT ONE}" * 64 + "/CN=airgrant account",
        "x" * 100_000,
    ],
)
def test_a_name_that_is_not_ours(name: str) -> None:
    with pytest.raises(DecodeError, match="is not /UID=<account>/CN=airgrant account") as caught:
        parse_account(name)
    assert len(str(caught.value)) < 200


@given(st.text(max_size=120))
def test_any_text_is_an_account_or_a_decode_error(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_account(text)


def account_name(account: PrivateKey, common_name: str = "airgrant account") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.USER_ID, str(account.public)),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def signed_by(
    signer: PrivateKey, issuer: x509.Name, subject: x509.Name, key: PublicKey, *, authority: bool = False
) -> bytes:
    """What our writer would not write."""
    now = datetime.fromtimestamp(NOW_S, UTC)
    builder = x509.CertificateBuilder(
        issuer, subject, load_public_key(key), 5, now - timedelta(hours=1), now + timedelta(hours=1)
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
