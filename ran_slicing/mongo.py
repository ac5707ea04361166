"""The store of subscribers, over MongoDB's wire protocol: one document found, one document changed.

In: questions and changes from the planner. Out: documents, and whether a change was made. It decides nothing and
tries nothing twice: whoever asks hears what failed, and the next question connects anew. One question at a time; one
that is not answered within the deadline ends the connection, as its answer would be taken for the next one's.
It does not authenticate: Open5GS's own store has no accounts, and is bound to the host or the core's network.
Reference: MongoDB commands `find` and `update`.
"""

import asyncio
import itertools
from collections.abc import Mapping

from ran_slicing.bson import Document, Value
from ran_slicing.mongo_message import (
    HEADER_BYTES,
    read_reply,
    read_reply_header,
    write_command,
)
from ran_slicing.store_address import StoreAddress
from wire.errors import DecodeError, ShellError

DEADLINE_S = 2.0
"""A store on the same host answers within some milliseconds."""


class StoreUnreachable(ShellError):
    """Nobody listens there."""


class StoreLost(ShellError):
    """The connection ended before the answer, or the answer was none: what was asked may have been done."""


class StoreTimedOut(StoreLost):
    """No answer within the deadline: what was asked may have been done."""


class StoreRefused(ShellError):
    """The store answered that it does not do this; `code` is MongoDB's, 0 if it told none."""

    def __init__(self, what: str, detail: str, code: int) -> None:
        super().__init__(what, detail)
        self.code = code


class Mongo:
    """A conversation with the store at `address`; it begins with the first question. Call `close` when done."""

    def __init__(self, address: StoreAddress, deadline_s: float = DEADLINE_S) -> None:
        self._address, self._deadline_s = address, deadline_s
        self._what = f"mongodb {address.host}:{address.port}"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._request_ids = itertools.count(1)
        self._turn = asyncio.Lock()

    async def find_one(self, collection: str, query: Mapping[str, Value]) -> Document | None:
        """The first document that the query finds, or None. Raises ShellError."""
        reply = await self.run({"find": collection, "filter": query, "limit": 1, "singleBatch": True})
        cursor = reply.get("cursor")
        batch = cursor.get("firstBatch") if isinstance(cursor, Mapping) else None
        if not isinstance(batch, list):
            raise StoreLost(self._what, "a reply to find without a first batch")
        found = batch[0] if batch else None
        if found is not None and not isinstance(found, dict):
            raise StoreLost(self._what, f"found {type(found).__name__}, not a document")
        return found

    async def change_one(
        self, collection: str, query: Mapping[str, Value], update: Mapping[str, Value]
    ) -> bool:
        """Whether a document was as the query says, and is now as the update says. Raises ShellError."""
        reply = await self.run({"update": collection, "updates": [{"q": query, "u": update}]})
        return reply.get("n") == 1

    async def run(self, command: Mapping[str, Value]) -> Document:
        """The store's reply to a command. Raises StoreUnreachable, StoreLost, StoreTimedOut, StoreRefused."""
        async with self._turn:
            try:
                async with asyncio.timeout(self._deadline_s):
                    reply = await self._ask({**command, "$db": self._address.database})
            except TimeoutError as error:
                self._hang_up()
                raise StoreTimedOut(self._what, f"no answer within {self._deadline_s:g} s") from error
            except (OSError, EOFError, DecodeError) as error:
                self._hang_up()
                raise StoreLost(self._what, str(error) or type(error).__name__) from error
            except asyncio.CancelledError:
                self._hang_up()  # its answer would be taken for the next one's
                raise
        return self._accept(reply)

    async def close(self) -> None:
        if self._streams is not None:
            writer = self._streams[1]
            self._hang_up()
            try:
                await writer.wait_closed()
            except OSError:
                return  # it ended with an error, as it may

    async def _ask(self, command: Mapping[str, Value]) -> Document:
        if self._streams is None:
            self._streams = await self._connect()
        reader, writer = self._streams
        request_id = next(self._request_ids)
        writer.write(write_command(request_id, command))
        await writer.drain()
        header = read_reply_header(await reader.readexactly(HEADER_BYTES))
        if header.response_to != request_id:
            raise DecodeError(f"an answer to request {header.response_to}, not {request_id}")
        return read_reply(await reader.readexactly(header.remaining))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_connection(self._address.host, self._address.port)
        except OSError as error:
            raise StoreUnreachable(self._what, error.strerror or str(error)) from error

    def _hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    def _accept(self, reply: Document) -> Document:
        """The reply, unless it is a refusal: of the command, or of what it was to write."""
        errors = reply.get("writeErrors")
        refusal: Value = errors[0] if isinstance(errors, list) and errors else None
        if refusal is None and reply.get("ok") != 1:
            refusal = reply
        if refusal is None:
            return reply
        fields = refusal if isinstance(refusal, Mapping) else {}
        code = fields.get("code")
        raise StoreRefused(self._what, str(fields.get("errmsg")), code if isinstance(code, int) else 0)
