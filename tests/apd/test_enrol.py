"""What a box asks its operator's door, and which answers it can use."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from apd.enrol import ask_for, is_pinned, take_answer
from operatord.box_authority import make_authority, make_door_certificate, pin_of, read_claim, sign_box
from tests.apd.world import LEDGER, LEDGER_ID, PROVIDER
from tests.conftest import ROOT
from wire.errors import DecodeError
from wire.invitation import EnrolmentAnswer, EnrolmentQuestion, Invitation
from wire.keys import PrivateKey

NOW_S = 1_766_000_000
BOX = PrivateKey.generate()
AUTHORITY = make_authority(PrivateKey.generate(), NOW_S, 1)


def question_of(box: PrivateKey, account: PrivateKey, token: bytes, name: str) -> EnrolmentQuestion:
    return ask_for(Invitation("192.0.2.1", 8576, name, NOW_S, bytes(32), token), box, account)


INVITATION = Invitation("192.0.2.1", 8576, "roof", NOW_S, bytes(32), bytes(32))


def answer(name: str = "roof", box: PrivateKey = BOX) -> EnrolmentAnswer:
    certificate = sign_box(AUTHORITY, read_claim(question_of(box, PROVIDER, bytes(32), name)), NOW_S, 2)
    return EnrolmentAnswer(
        certificate,
        AUTHORITY.pem,
        "192.0.2.1",
        8884,
        str(LEDGER.public),
        LEDGER_ID.hex(),
        str(PROVIDER.public),
        "",
    )


def test_the_private_key_stays_here() -> None:
    question = ask_for(INVITATION, BOX, PROVIDER)
    assert "PRIVATE" not in question.request
    assert x509.load_pem_x509_csr(question.request.encode()).is_signature_valid


def test_an_answer_becomes_what_an_operators_file_says() -> None:
    enrolled = take_answer(answer(), INVITATION, BOX)
    assert (enrolled.file.host, enrolled.file.port) == ("192.0.2.1", 8884)
    assert (enrolled.file.key, enrolled.file.ledger_id) == (LEDGER.public, LEDGER_ID)
    assert PrivateKey.from_pem(enrolled.file.certificate_key.encode()).public == BOX.public


@pytest.mark.parametrize(
    "wrong",
    [
        answer(name="attic"), answer(box=PrivateKey.generate()), replace(answer(), certificate="x"),
        replace(answer(), ledger_key="02"), replace(answer(), ledger_id="ab"), replace(answer(), authority="x"),
        replace(answer(), operator=""),
    ],
)  # fmt: skip
def test_answers_that_this_box_cannot_use(wrong: EnrolmentAnswer) -> None:
    with pytest.raises(DecodeError):
        take_answer(wrong, INVITATION, BOX)


def test_the_pin_is_of_the_key_and_not_of_a_certificate() -> None:
    key = PrivateKey.generate()
    shown = [
        x509.load_pem_x509_certificate(make_door_certificate(one, NOW_S, 3).encode())
        for one in (key, key, BOX)
    ]
    from cryptography.hazmat.primitives.serialization import Encoding

    assert [is_pinned(one.public_bytes(Encoding.DER), pin_of(key)) for one in shown] == [True, True, False]
    assert not is_pinned(b"no certificate", pin_of(key))


WATCHED = """
import io, sys
from pathlib import Path
from apd.enrol_cli import enrol
from apd.setup import Answers
from wire.errors import ShellError
from wire.invitation import Invitation

folder = Path(sys.argv[1]) / "etc"
def watch(event, arguments):
    if event == "os.rename":
        print("named", Path(arguments[1]).name)
    if event == "open" and arguments[0] in {str(folder), folder, folder.parent, str(folder.parent)}:
        print("opened", Path(arguments[0]).name)
    if event == "socket.connect":
        print("asked")
sys.addaudithook(watch)
invitation = Invitation("127.0.0.1", 1, "roof", 4_000_000_000, bytes(32), bytes(32))
try:
    enrol(invitation, folder / "apd.toml", Answers("eth1", 1, 1, ""), None, io.StringIO())
except ShellError:
    pass
"""


def test_the_names_of_the_keys_are_on_the_disk_before_the_door_is_asked(tmp_path: Path) -> None:
    """Else a power cut after the answer loses the key that the certificate is for."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(tmp_path)],
        capture_output=True, text=True, timeout=30, check=True, cwd=ROOT,
    )  # fmt: skip
    seen = [line for line in done.stdout.splitlines() if not line.startswith("opened .")]
    assert seen[:6] == [
        f"opened {tmp_path.name}", "named provider.pem", "opened etc", "named enrolling.key", "opened etc", "asked",
    ]  # fmt: skip
