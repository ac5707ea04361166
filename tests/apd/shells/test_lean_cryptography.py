"""What the daemon's keys bring along, in an interpreter of its own: the one of the tests, and Debian's as packaged."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DEBIAN = ROOT / "build" / "debian-root" / "usr" / "bin" / "python3"
USE = (
    "from wire.keys import PrivateKey, verify",
    "key = PrivateKey.from_pem(PrivateKey.generate().to_pem())",
    "verify(key.public, key.sign(b'x'), b'x')",
)
TELL = "print(*sorted({'cryptography.x509', 'email.utils'} & set(sys.modules)))"


def run(python: Path, *lines: str) -> str:
    """What these lines print."""
    script = "\n".join(("import sys", "from apd.shells.lean_cryptography import import_cryptography", *lines))
    return subprocess.run([python, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture(params=["ours", "Debian's"])
def python(request) -> Path:
    if request.param == "ours":
        return Path(sys.executable)
    if not DEBIAN.exists():
        pytest.skip("this machine lacks build/debian-root, which tests/images/test_debian.py makes")
    return DEBIAN


def test_keys_come_without_certificates(python):
    assert run(python, "import_cryptography()", *USE, TELL) == "\n"


def test_whoever_wants_certificates_later_gets_the_real_ones(python):
    lines = ("import_cryptography()", *USE, "from cryptography import x509", "print(x509.Name([]).rdns)")
    assert run(python, *lines) == "[]\n"


def test_whoever_has_them_keeps_them(python):
    lines = (
        "from cryptography import x509",
        "import_cryptography()",
        *USE,
        "print(x509.Name([]).rdns, end=' ')",
        TELL,
    )
    assert run(python, *lines) == "[] cryptography.x509 email.utils\n"
