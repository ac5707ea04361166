"""The door of enrolment: HTTPS for boxes that were invited, POST /v1/enrol and nothing else.

A question and its answer are in wire/invitation.py. 200 with the answer; 403 with the reason of operatord/boxes.py in
words; 400 for what cannot be read; 429 for whoever asks too often; 500 where our own disk fails. The certificate is
signed and the record on disk before the answer goes out, so that a box whose answer was lost asks again with the same
key and gets the same. TLS 1.3 with the key whose pin the invitations have. Decides nothing itself.

It is open to everybody, so it is a process of its own (`operatord door`), as the page is, and whoever comes has a place
of few and seconds of time, from the moment at which he is accepted: before TLS, and whether he says something or not.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from ledger.http import listen
from operatord.box_authority import read_claim, sign_box
from operatord.boxes import BoxRecord, Rejected, enrolled, has_certificate, judge
from operatord.door_budget import WINDOW_S, DoorBudget, DoorRoom
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

CONNECTION_S = 20.0
"""For everything: the handshake, the question and its answer. A box far away needs three."""
HANDSHAKE_S = 5.0
BODY_WAIT_S = 10.0
_AGAIN_S = 1.0
"""After the machine could not accept anybody."""
_BAD, _NO, _TOO_OFTEN, _OURS = 400, 403, 429, 500


class EnrolmentDoor:
    """Answers one operator's boxes. `reread` gives the settings with the boxes as they are on disk now; `heard` tells
    the daemon that a box has enrolled, on a thread, and may raise ShellError: it is told with the next one, then.
    """

    def __init__(
        self,
        settings: EnrolmentSettings,
        operator: PublicKey,
        reread: Callable[[], OperatorSettings],
        heard: Callable[[], object],
        tell: Callable[[str], None],
        waits_s: tuple[float, float] = (HANDSHAKE_S, CONNECTION_S),
    ) -> None:
        self._settings = settings
        self._files = EnrolmentFiles(settings.folder)
        self._operator = operator
        self._reread, self._heard, self._tell = reread, heard, tell
        self._budget, self._room = DoorBudget(), DoorRoom()
        self._handshake_s, self._connection_s = waits_s
        self._is_untold = False
        self._refused_minute = 0

    async def serve(self) -> None:
        """Until cancelled. Raises ShellError, ConfigError."""
        now_s = int(time.time())
        with self._files.locked():
            self._files.open_authority(now_s)
            self._files.open_door_key(now_s)
        config = uvicorn.Config(self.create_app(), log_level="warning", access_log=False, lifespan="off")
        config.load()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self._files.door, self._files.door_key)
        with listen(self._settings.listen, self._settings.port) as listening:
            listening.setblocking(False)
            listening.listen()
            async with asyncio.TaskGroup() as tasks:
                while True:
                    await self._accept(tasks, listening, config, context)

    async def _accept(
        self,
        tasks: asyncio.TaskGroup,
        listening: socket.socket,
        config: uvicorn.Config,
        context: ssl.SSLContext,
    ) -> None:
        """The next one; for whom there is no room is sent away before a word is said."""
        try:
            accepted, (host, *_) = await asyncio.get_running_loop().sock_accept(listening)
        except OSError as error:
            self._tell(f"enrolment: nobody can be accepted: {error.strerror}")
            await asyncio.sleep(_AGAIN_S)
            return
        if not self._room.enters(host):
            accepted.close()
            self._complain(f"enrolment: {host}: too many connections, closed at once")
            return
        tasks.create_task(self._serve_one(accepted, host, config, context))

    async def _serve_one(
        self, accepted: socket.socket, host: str, config: uvicorn.Config, context: ssl.SSLContext
    ) -> None:
        try:
            await self._converse(accepted, config, context)
        except Exception as error:  # noqa: BLE001 what a stranger brings about ends his connection, not the door
            self._complain(f"enrolment: {host}: {error!r}")
        finally:
            accepted.close()
            self._room.leaves(host)

    async def _converse(
        self, accepted: socket.socket, config: uvicorn.Config, context: ssl.SSLContext
    ) -> None:
        """Until it ends, by itself or by our clock."""
        connection = _Connection(config)
        try:
            async with asyncio.timeout(self._connection_s):
                with contextlib.suppress(OSError):  # also of TLS: a stranger's fault, and nobody's news
                    await asyncio.get_running_loop().connect_accepted_socket(
                        lambda: connection, accepted, ssl=context, ssl_handshake_timeout=self._handshake_s
                    )
                    await connection.ended.wait()
        except TimeoutError:
            pass
        finally:
            connection.abort()

    def _complain(self, text: str) -> None:
        """Of what strangers do: a line each minute, whoever comes how often."""
        minute = int(time.time()) // WINDOW_S
        if minute != self._refused_minute:
            self._refused_minute = minute
            self._tell(text)

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
        outcome = await asyncio.to_thread(lambda: self._enrol(read_question(body), int(time.time())))
        if isinstance(outcome, Rejected):
            self._tell(f"enrolment: {host}: {outcome.reason}")
            return _refusal(_NO, outcome.reason, outcome.text)
        record, is_new = outcome
        if is_new:
            told = (
                f"{record.name} enrolled from {host}, account {record.account}, certificate {record.serial:x}"
            )
            self._tell(f"enrolment: {told}")
        if is_new or self._is_untold:
            await self._tell_daemon()
        answer = await asyncio.to_thread(lambda: self._make_answer(record, self._reread()))
        return Response(write_message(answer), media_type="application/json")

    async def _tell_daemon(self) -> None:
        """One that is away reads everything when it starts."""
        self._is_untold = True
        try:
            await asyncio.to_thread(self._heard)
        except (ShellError, DecodeError) as error:
            self._tell(f"enrolment: operatord does not know of it yet: {error}")
        else:
            self._is_untold = False

    def _enrol(self, question: EnrolmentQuestion, now_s: int) -> Rejected | tuple[BoxRecord, bool]:
        """The record on disk, and whether it is a new one. Raises DecodeError, ShellError, ConfigError."""
        claim = read_claim(question)
        with self._files.locked():
            record = judge(claim, self._files.records(), now_s)
            if isinstance(record, Rejected):
                return record
            for one in self._files.damaged():
                if one.name == record.name:
                    raise ConfigError(str(one))
            if has_certificate(record):
                return record, False
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


class _Connection(H11Protocol):
    """One, and when it has ended."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config, ServerState(), {})
        self.ended = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.ended.set()

    def abort(self) -> None:
        """Without a farewell that the other side could wait with. One that has ended has nothing left to abort, and
        Python 3.11.2 would say so by an AttributeError.
        """
        if not self.ended.is_set() and isinstance(self.transport, asyncio.Transport):
            self.transport.abort()


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
