"""Asks an operator's door, over TLS, and only the door whose key the invitation names. Standard library alone.

The certificate is signed by nobody in particular, so that TLS verifies nothing; what the door shows is held against the
pin before a word is said, and TLS 1.3 proves that the door holds that key. Decides nothing.
"""

import http.client
import json
import ssl

from apd.enrol import is_pinned
from wire.errors import ConfigError, ShellError
from wire.invitation import (
    DOOR_PATH,
    MAX_MESSAGE_BYTES,
    EnrolmentAnswer,
    EnrolmentQuestion,
    Invitation,
    read_answer,
    write_message,
)

TIMEOUT_S = 20.0
_OK, _BAD, _NO, _TOO_OFTEN = 200, 400, 403, 429


def ask_door(invitation: Invitation, question: EnrolmentQuestion) -> EnrolmentAnswer:
    """Raises ConfigError with the operator's words for a no; ShellError where nobody answers, or somebody else."""
    where = f"{invitation.host}:{invitation.port}"
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    door = http.client.HTTPSConnection(invitation.host, invitation.port, timeout=TIMEOUT_S, context=context)
    try:
        door.connect()
        shown = door.sock.getpeercert(binary_form=True)
        if not isinstance(shown, bytes) or not is_pinned(shown, invitation.pin):
            raise ShellError(
                where, "is not the operator of the invitation (another key answers): nothing was said"
            )
        door.request("POST", DOOR_PATH, write_message(question), {"Content-Type": "application/json"})
        answer = door.getresponse()
        body = answer.read(MAX_MESSAGE_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise ShellError(where, f"does not answer: {error}") from error
    finally:
        door.close()
    if answer.status == _OK:
        return read_answer(body)
    raise _refusal(answer.status, body, where)


def _refusal(status: int, body: bytes, where: str) -> ConfigError | ShellError:
    try:
        page = json.loads(body)
        words = f"{page['reason']}: {page['text']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        words = f"answers {status}"
    if status in {_BAD, _NO}:
        return ConfigError(f"the operator says no: {words}")
    return ShellError(where, words)
