"""The wallet on disk: private, never overwritten, and every fault names its file."""

import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from device.choice import PinnedLedger
from device.keeping import kept_folder
from device.wallet import create_wallet, ledger_path, load_wallet, parse_pinned, pin_ledger
from wire.errors import ConfigError
from wire.keys import PrivateKey

LEDGER = PinnedLedger(PrivateKey.from_secret(13).public, bytes(range(32)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wallet.pem"


def test_made_and_loaded(path: Path) -> None:
    made = create_wallet(path)
    loaded = load_wallet(path)
    assert loaded.account == made.account
    assert loaded.pinned is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_by_a_symbolic_link_it_is_the_same_wallet(path: Path, tmp_path: Path) -> None:
    """And what is kept beside it, the agent's book and lock too, and the ledger that it trusts."""
    made, link, folder = create_wallet(path), tmp_path / "link.pem", tmp_path / "folder"
    link.symlink_to(path.name)
    folder.symlink_to(tmp_path)
    pin_ledger(load_wallet(link), LEDGER)
    assert load_wallet(path).pinned == LEDGER
    for other in (link, folder / "link.pem", folder / path.name):
        assert (load_wallet(other).path, load_wallet(other).account) == (path, made.account)
        assert kept_folder(load_wallet(other).path) == kept_folder(made.path)
    assert create_wallet(folder / "new.pem").path == tmp_path / "new.pem"


def test_links_in_a_circle_are_named(path: Path) -> None:
    path.symlink_to(path.name)
    with pytest.raises(ConfigError, match=r"wallet\.pem: Too many levels"):
        load_wallet(path)


def test_no_other_wallet_is_overwritten(path: Path) -> None:
    create_wallet(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"wallet\.pem: exists"):
        create_wallet(path)
    assert path.read_bytes() == before


def test_pinned_when_made_or_later(path: Path) -> None:
    assert load_wallet(create_wallet(path, LEDGER).path).pinned == LEDGER
    other = PinnedLedger(LEDGER.key, bytes(32))
    pin_ledger(load_wallet(path), other)
    assert load_wallet(path).pinned == other
    assert sorted(file.name for file in path.parent.iterdir()) == ["wallet.ledger.json", "wallet.pem"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(path: Path, mode: int) -> None:
    create_wallet(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode 0{mode:o} lets others read the key; run: chmod 600"):
        load_wallet(path)


def test_a_missing_wallet_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(ConfigError, match="airgrant keygen --out"):
        load_wallet(path)


def test_the_secret_is_never_shown(path: Path) -> None:
    wallet = create_wallet(path)
    secret = wallet.key.key.private_numbers().private_value
    assert f"{secret:x}" not in repr(wallet)
    assert str(secret) not in repr(wallet)


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(ec.generate_private_key(ec.SECP256R1()), b"secret"),
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ed25519.Ed25519PrivateKey.generate()),
    ],
    ids=["empty", "garbage", "no key", "encrypted", "P-384", "Ed25519"],
)
def test_what_is_no_p256_key_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"wallet\.pem"):
        load_wallet(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "{}",
        '{"ledger": "02", "ledger_id": "00"}',
        json.dumps({"ledger": str(LEDGER.key), "ledger_id": "00"}),
        json.dumps({"ledger": str(LEDGER.key), "ledger_id": "0" * 63 + "x"}),
        json.dumps({"ledger": str(LEDGER.key), "ledger_id": "00" * 32, "extra": 1}),
        json.dumps({"ledger": 7, "ledger_id": "00" * 32}),
        "[" * 100_000,
    ],
)
def test_a_garbled_pin_is_refused_not_forgotten(path: Path, text: str) -> None:
    """Taking it for no pin would mean trusting the next access point."""
    create_wallet(path)
    ledger_path(path).write_text(text)
    with pytest.raises(ConfigError, match=r"wallet\.ledger\.json"):
        load_wallet(path)


def test_a_pin_in_text() -> None:
    assert parse_pinned(str(LEDGER.key), LEDGER.ledger_id.hex()) == LEDGER
    with pytest.raises(ValueError, match="not a ledger id"):
        parse_pinned(str(LEDGER.key), "beef")
    with pytest.raises(ValueError, match="not an account"):
        parse_pinned("beef", LEDGER.ledger_id.hex())
