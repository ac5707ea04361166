"""The command: what it writes, what it says, and with which status it ends. `run`: tests/system."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509

from ledger.toml_file import read_toml
from operatord.__main__ import _make_database, main
from operatord.commands import KeepPermit
from operatord.settings import parse_settings
from operatord.shells.store import Store
from operatord.shells.trust import TrustDirectory
from tests.operatord.test_settings import TEXT
from tests.operatord.world import OPERATOR, PROVIDER, grant


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "operatord.toml"
    file.write_text(TEXT.replace("/var/lib/operatord", "state"))
    (tmp_path / "operator.key").write_bytes(OPERATOR.to_pem())
    (tmp_path / "roof.secret").write_text("0123456789abcdef\n")
    for private in ("operator.key", "roof.secret"):
        (tmp_path / private).chmod(0o600)
    return file


def test_a_certificate_is_issued_by_the_operator_s_key(config: Path, capsys) -> None:
    assert main(["certificate", str(config), "--for", "2d"]) == 0
    assert str(OPERATOR.public) in capsys.readouterr().out
    folder = config.parent
    certificate = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
    OPERATOR.key.public_key().verify(
        certificate.signature,
        certificate.tbs_certificate_bytes,
        certificate.signature_algorithm_parameters,  # type: ignore[arg-type]
    )
    left_s = certificate.not_valid_after_utc.timestamp() - time.time()
    assert 2 * 86_400 - 60 < left_s <= 2 * 86_400
    assert (folder / "server.key").stat().st_mode & 0o777 == 0o640
    first = (folder / "server.key").read_bytes()
    assert main(["certificate", str(config)]) == 0
    assert (folder / "server.key").read_bytes() != first, "a new key each time"


def test_no_certificate_is_dated_by_a_wrong_clock(config: Path, capsys) -> None:
    """Neither of two clocks is believed where they differ; where nobody can be asked, that is said."""
    from tests.ledger.test_fetching import good_pages

    ahead_s = [0]

    class Ledger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(good_pages()[self.path]).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, _timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() + ahead_s[0])

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Ledger) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            config.write_text(config.read_text().replace("http://127.0.0.1:8573", url))
            for ahead_s[0] in (7_200, -7_200):
                assert main(["certificate", str(config)]) == 2
                assert "s apart" in capsys.readouterr().err
                assert not (config.parent / "server.key").exists()
            ahead_s[0] = 10
            assert main(["certificate", str(config)]) == 0
            assert capsys.readouterr().err == ""
        finally:
            server.shutdown()
            thread.join()
    assert main(["certificate", str(config)]) == 0
    assert "compared with nobody's" in capsys.readouterr().err
    os.utime(config.parent / "operator.key", (time.time() + 3_600,) * 2)
    assert main(["certificate", str(config)]) == 2
    assert "behind the making of" in capsys.readouterr().err


def test_freeradius_is_written_with_the_boxes_secrets(config: Path, capsys) -> None:
    out = config.parent / "radius"
    me = pwd.getpwuid(os.geteuid()).pw_name
    assert main(["freeradius", str(config), "--out", str(out), "--user", me]) == 0
    assert f"freeradius -f -d {out}" in capsys.readouterr().out
    assert 'secret = "0123456789abcdef"' in (out / "radiusd.conf").read_text()
    assert (out / "radiusd.conf").stat().st_mode & 0o777 == 0o640
    assert (out / "run").is_dir()


def test_freeradius_as_a_user_of_its_own_reads_all_of_it(config: Path, needs) -> None:
    """The real one, as Debian's freerad: folder, key and run belong to it, and the trust directory can be reached."""
    needs("freeradius", "runuser")
    if os.geteuid():
        pytest.skip("only root may give files away")
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to others
    try:
        shutil.copytree(config.parent, folder, dirs_exist_ok=True)
        folder.chmod(0o711)
        settings = folder / "operatord.toml"
        assert main(["certificate", str(settings)]) == 0
        assert main(["freeradius", str(settings), "--out", str(folder / "radius")]) == 0
        assert not (folder / "state").exists(), "operatord's own user makes it"
        _make_database(parse_settings(read_toml(settings), settings))
        TrustDirectory(folder / "state" / "trust").settle([OPERATOR.public])
        run = subprocess.run(
            ["runuser", "-u", "freerad", "--", "freeradius", "-C", "-lstdout", "-d", folder / "radius"],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert (run.returncode, run.stderr) == (0, ""), run.stdout
        assert {file.owner() for file in (folder / "radius").rglob("*")} == {"freerad"}
        assert (folder / "state" / "operatord.db").stat().st_mode & 0o777 == 0o600
        assert (folder / "state").stat().st_mode & 0o777 == 0o711
        assert pwd.getpwnam("freerad").pw_uid == (folder / "server.key").stat().st_uid
    finally:
        shutil.rmtree(folder)


def test_check_says_what_the_settings_mean(config: Path, capsys) -> None:
    assert main(["check", str(config), "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["operator"], page["boxes"]["roof"]["honours"]) == (
        str(OPERATOR.public),
        [str(PROVIDER.public)],
    )
    assert main(["check", str(config)]) == 0
    assert str(OPERATOR.public) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("break_it", "argv", "status", "complaint"),
    [
        (lambda folder: (folder / "roof.secret").unlink(), ["check"], 2, "boxes.roof.secret"),
        (lambda folder: (folder / "operator.key").write_text(""), ["check"], 2, "not an unencrypted P-256"),
        (lambda folder: (folder / "operator.key").unlink(), ["certificate"], 3, "operator.key"),
        (lambda folder: (folder / "operatord.toml").unlink(), ["check"], 2, "No such file"),
        (lambda _: None, ["status"], 3, "is operatord running?"),
        (lambda _: None, ["revoke", "--grant", "00"], 3, "is operatord running?"),
        (lambda _: None, ["reconcile"], 3, "has operatord run?"),
        (lambda folder: (folder / "roof.secret").chmod(0o644), ["check"], 2, "everybody on this machine"),
        (lambda folder: (folder / "operator.key").chmod(0o644), ["check"], 2, "everybody on this machine"),
        (lambda _: None, ["freeradius", "--out", "radius", "--user", "no-such-user"], 2, "no user"),
        (lambda _: None, ["hostapd", "--box", "roof", "--server", "radius.example"], 2, "takes an address"),
        (lambda _: None, ["hostapd", "--box", "roof", "--server", "192.0.2.1\nbss=x"], 2, "takes an address"),
        (lambda _: None, ["certificate", "--for", "soon"], 2, "is not a duration"),
    ],
)
def test_what_is_wrong_has_a_status_and_a_sentence(
    config: Path, capsys, break_it, argv, status, complaint
) -> None:
    break_it(config.parent)
    assert main([argv[0], str(config), *argv[1:]]) == status
    assert complaint in capsys.readouterr().err


def test_an_error_is_a_value_too(config: Path, capsys) -> None:
    assert main(["status", str(config), "--json"]) == 3
    page = json.loads(capsys.readouterr().out)
    assert (page["ok"], "operatord running" in page["error"]) == (False, True)


def test_reconcile_needs_a_ledger(config: Path, capsys) -> None:
    (config.parent / "state").mkdir()
    store = Store(config.parent / "state" / "operatord.db")
    store.save([KeepPermit(grant())])
    store.close()
    config.write_text(config.read_text().replace("127.0.0.1:8573", "127.0.0.1:1"))
    assert main(["reconcile", str(config)]) == 3
    assert "127.0.0.1:1" in capsys.readouterr().err
