"""`apd setup --invitation`: makes the box's own keys, asks the operator's door, and tries out what it was given.

A shell: files in the configuration's folder, the door, the broker. The keys are on disk before the door is asked, so
that whoever is interrupted types the same again and gets the same certificate. Settings are written only once the
broker has taken the certificate and the ledger knows the account; the TPM is enrolled by the daemon, at its start.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from apd.enrol import ask_for, take_answer
from apd.setup import Answers, format_settings
from apd.setup_files import PROVIDER, SECRET, sync_names, write_files, write_new
from apd.shells.enrolment_door import ask_door
from apd.shells.first_contact import open_account
from wire.errors import ConfigError, DecodeError, ShellError
from wire.ids import MacAddress
from wire.invitation import Invitation
from wire.keys import PrivateKey

ENROLLING = "enrolling.key"
"""The box's own key until it has a certificate; `box.key` may still serve the one before."""
HOSTAPD = "hostapd-radius.conf"


def enrol(
    invitation: Invitation,
    config: Path,
    answers: Answers,
    read_address: Callable[[str], MacAddress],
    said: TextIO,
) -> str:
    """The account that sells now. Raises ConfigError with the operator's no, ShellError; then type it again."""
    folder = config.parent
    made = not folder.exists()
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    if made:
        sync_names(folder.parent)
    account, is_new = _key(folder / PROVIDER)
    box, _ = _key(folder / ENROLLING)
    _say(
        said,
        f"Your account's key {'is made' if is_new else 'was there, and is kept'}; the box's key is made here.",
    )
    try:
        answer = ask_door(invitation, ask_for(invitation, box, account))
        enrolled = take_answer(answer, invitation, box)
    except DecodeError as error:
        raise ShellError(invitation.host, str(error)) from error
    _say(said, f"Your operator, {enrolled.operator}, has signed a certificate for {invitation.box}.")
    operator = enrolled.file

    def try_out(draft: Path) -> None:
        files = draft / "authority.pem", draft / "box.pem", draft / "box.key"
        where = operator.host, operator.port, invitation.box
        try:
            opened = open_account(*where, files, account, operator.key, operator.ledger_id)
        except DecodeError as error:
            raise ShellError("ledger", str(error)) from error
        _say(said, f"The broker {operator.host}:{operator.port} takes it.")
        _say(said, f"The ledger {'has opened your account' if opened else 'knows your account'}.")

    more = {HOSTAPD: enrolled.hostapd} if enrolled.hostapd else {}
    written = write_files(config, format_settings(answers, operator), operator, read_address, more, try_out)
    (folder / ENROLLING).unlink()
    if more:
        _say(said, f"{folder / HOSTAPD}: the RADIUS lines of your hostapd.conf, with their secret.")
    _say(said, "The TPM is enrolled when the daemon starts: `enrolled` in its log is the word to wait for.")
    return written


def _key(file: Path) -> tuple[PrivateKey, bool]:
    """And whether it was made now. Raises ConfigError, ShellError."""
    try:
        if file.exists():
            return PrivateKey.from_pem(file.read_bytes(), str(file)), False
        key = PrivateKey.generate()
        draft = file.with_name(f".{file.name}.new")
        draft.unlink(missing_ok=True)
        write_new(draft, key.to_pem().decode(), SECRET)
        draft.replace(file)
        sync_names(file.parent)
    except OSError as error:
        raise ShellError(str(file), str(error.strerror)) from error
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return key, True


def _say(said: TextIO, text: str) -> None:
    said.write(f"{text}\n")
    said.flush()
