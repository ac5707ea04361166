"""What the daemon's import of paho brings along, in an interpreter of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TELL = (
    "print(*sorted({'dns', 'email', 'http.client', 'paho.mqtt.client', 'urllib.request'} & set(sys.modules)))"
)


def run(*lines: str) -> str:
    """What these lines print."""
    script = "\n".join(("import sys", "from apd.shells.lean_paho import import_paho", *lines))
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_paho_comes_without_http_and_mail():
    assert run("import_paho()", "import apd.shells.mqtt", TELL) == "paho.mqtt.client\n"


def test_the_daemon_comes_without_them_too():
    lines = ("import_paho()", "import apd.daemon, apd.config, apd.shells.meter, tc_shaper.kernel", TELL)
    assert run(*lines) == "paho.mqtt.client\n"


def test_whoever_wants_urllib_later_gets_the_real_one():
    lines = ("import_paho()", "import urllib.request", "print(urllib.request.getproxies.__module__)")
    assert run(*lines) == "urllib.request\n"


def test_whoever_wants_dns_later_gets_it_where_it_is_installed():
    lines = ("import_paho()", "import dns.resolver", "print(dns.resolver.Resolver.__module__)")
    assert run(*lines) == "dns.resolver\n"


@pytest.mark.parametrize("before", ["import urllib.request", "sys.path.insert(0, FOLDER)"])
def test_where_it_is_wanted_paho_gets_the_real_one(tmp_path, before):
    """Somebody has it already, or PySocks is there, with which paho asks for proxies."""
    (tmp_path / "socks.py").write_text("")
    shown = run(f"FOLDER = {str(tmp_path)!r}", before, "import_paho()", TELL)
    assert "paho.mqtt.client urllib.request" in shown
