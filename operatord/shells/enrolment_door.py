"""The door of enrolment: HTTPS for boxes that were invited, POST /v1/enrol and nothing else.

A question and its answer are in wire/invitation.py. 200 with the answer; 403 with the reason of operatord/boxes.py in
words; 400 for what cannot be read; 429 for whoever asks too often; 500 where our own disk fails. The certificate is
signed and the record on disk before the answer goes out, so that a box whose answer was lost asks again with the same
key and gets the same. TLS 1.3 with the key whose pin the invitations have. Decides nothing itself.
"""

import asyncio
import ssl
import time
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from ledger.http import Server, listen
from operatord.box_authority import read_claim, sign_box
from operatord.boxes import BoxRecord, Rejected, enrolled, has_certificate, judge
from operatord.door_budget import DoorBudget
from operatord.enrolment_settings import EnrolmentSettings
from operatord.hostapd import render_hostapd
from operatord.settings import OperatorSettings
from operatord.shells.enrolment_files import EnrolmentFiles, new_serial
from wire.errors import ConfigError, DecodeError, ShellError
from wire.ids import PublicKey
from wire.invitation import (
    DOOR_PATH,
    MAX_MESSAGE_BYTES,
    EnrolmentAnswer,
    EnrolmentQuestion,
    read_question,
    write_message,
)

MAX_CONNECTIONS = 64
"""A TLS handshake costs a millisecond; whoever wants more at once waits."""
BODY_WAIT_S = 10.0
_BAD, _NO, _TOO_OFTEN, _OURS = 400, 403, 429, 500


class EnrolmentDoor:
    """Answers one operator's boxes. `reread` gives the settings with the boxes as they are on disk now; `heard` is
    called when a box has enrolled, in the running loop.
    """

    def __init__(
        self,
        settings: EnrolmentSettings,
        operator: PublicKey,
        reread: Callable[[], OperatorSettings],
        heard: Callable[[], object],
        tell: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._files = EnrolmentFiles(settings.folder)
        self._operator = operator
        self._reread, self._heard, self._tell = reread, heard, tell
        self._budget = DoorBudget()

    async def serve(self) -> None:
        """Until cancelled. Raises ShellError, ConfigError."""
        now_s = int(time.time())
        with self._files.locked():
            self._files.open_authority(now_s)
            self._files.open_door_key(now_s)
        config = uvicorn.Config(
            self.create_app(),
            log_level="warning",
            access_log=False,
            lifespan="off",
            limit_concurrency=MAX_CONNECTIONS,
            ssl_keyfile=self._files.door_key,
            ssl_certfile=self._files.door,
        )
        config.load()
        assert config.ssl is not None, "it has a key"
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
        with listen(self._settings.listen, self._settings.port) as listening:
            await Server(config).serve([listening])

    def create_app(self) -> FastAPI:
        app = FastAPI(title="Airgrant enrolment", docs_url=None, redoc_url=None, openapi_url=None)

        @app.post(DOOR_PATH)
        async def enrol(request: Request) -> Response:
            """A box that was invited asks for its certificate."""
            host = request.client.host if request.client else ""
            if not self._budget.admits(host, int(time.time())):
                return _refusal(_TOO_OFTEN, "too_often", "asked too often: try again in a minute")
            try:
                return await self._answer(await _read_body(request), host)
            except DecodeError as error:
                return _refusal(_BAD, "bad_request", str(error))
            except (ShellError, ConfigError) as error:
                self._tell(f"enrolment: {error}")
                return _refusal(_OURS, "operator", "the operator's machine has a fault: its log says which")

        return app

    async def _answer(self, body: bytes, host: str) -> Response:
        question = read_question(body)
        outcome = await asyncio.to_thread(self._enrol, question, int(time.time()))
        if isinstance(outcome, Rejected):
            self._tell(f"enrolment: {host}: {outcome.reason}")
            return _refusal(_NO, outcome.reason, outcome.text)
        record, is_new = outcome
        if is_new:
            self._tell(f"enrolment: {record.name} enrolled from {host}, account {record.account}")
        settings = await asyncio.to_thread(self._reread)
        self._heard()
        return Response(write_message(self._make_answer(record, settings)), media_type="application/json")

    def _enrol(self, question: EnrolmentQuestion, now_s: int) -> Rejected | tuple[BoxRecord, bool]:
        """The record on disk, and whether it is a new one. Raises DecodeError, ShellError, ConfigError."""
        claim = read_claim(question)
        with self._files.locked():
            record = judge(claim, self._files.records(), now_s)
            if isinstance(record, Rejected) or has_certificate(record):
                return record if isinstance(record, Rejected) else (record, False)
            serial = new_serial()
            certificate = sign_box(self._files.open_authority(now_s), claim, now_s, serial)
            made = enrolled(record, certificate, serial)
            self._files.keep(made)
            return made, True

    def _make_answer(self, record: BoxRecord, settings: OperatorSettings) -> EnrolmentAnswer:
        hostapd = ""
        if record.name in settings.addresses:
            secret = settings.addresses[record.name].secret.read_text().strip()
            hostapd = render_hostapd(settings, record.name, secret, self._settings.address)
        return EnrolmentAnswer(
            certificate=record.certificate,
            authority=settings.broker.authority.read_text(),
            host=self._settings.broker_host,
            port=self._settings.broker_port,
            ledger_key=str(settings.ledger.key),
            ledger_id=settings.ledger.ledger_id.hex(),
            operator=str(self._operator),
            hostapd=hostapd,
        )


async def _read_body(request: Request) -> bytes:
    """No more than a question has, and not for ever. Raises DecodeError."""
    body = b""
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_MESSAGE_BYTES:
                    raise DecodeError(f"enrolment question: more than {MAX_MESSAGE_BYTES} bytes")
    except TimeoutError:
        raise DecodeError("enrolment question: did not come whole in time") from None
    return body


def _refusal(status: int, reason: str, text: str) -> Response:
    return JSONResponse({"reason": reason, "text": text}, status)
