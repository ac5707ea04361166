"""What the page knows at this moment: follows operatord by its control socket, and the ledger by its pages.

Two loops: permits and sessions every half second, the ledger every fifteen seconds in a thread of its own. Neither
stops because what it asks is away: then the page says so, and shows what it knew. Decides nothing.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operatord.page.board import Board, Row
from operatord.page.books import LedgerWord
from operatord.page.history import History
from operatord.page.ledger_look import LedgerLook
from operatord.page.sold_map import first_hour
from operatord.page.views import DAY_S, Known
from operatord.settings import OperatorSettings
from operatord.shells.control import ask
from wire.errors import DecodeError, ShellError
from wire.ids import PublicKey

FOLLOW_S = 0.5
"""Each time costs operatord what changed, in well under a millisecond where little did."""
LOOK_S = 15.0
MAX_LATEST, MAX_DISPUTED = 100, 200


@dataclass(frozen=True, slots=True)
class _Past:
    """What was read of the history after a look."""

    values: Mapping[str, Any]


class Sight:
    """Of one operator. `follow` and `look_on` run until cancelled."""

    def __init__(self, settings: OperatorSettings, history: History, tell: Callable[[str], None]) -> None:
        self._settings, self._history, self._tell = settings, history, tell
        self._look = LedgerLook(settings, history, lambda: int(time.time()))
        self._past = _Past({})
        self._ledger = LedgerWord()
        self._daemon_away = ""
        self._asked = asyncio.Event()
        """operatord told everything that there was, or does not answer."""
        self.board = Board(secrets.token_hex(4))
        self.version = 0
        """Rises when anything but the board may have changed."""

    def known(self) -> Known:
        """As of now."""
        return Known(
            boxes={name: provider.provider_id.hex() for name, provider in self._boxes().items()},
            board=self.board,
            ledger=self._ledger,
            now_s=int(time.time()),
            daemon_away=self._daemon_away,
            **self._past.values,
        )

    def _boxes(self) -> dict[str, PublicKey]:
        """As operatord has them now, or as the settings had them at the start."""
        if self.board.word is None:
            return {name: box.provider for name, box in self._settings.boxes.items()}
        return {name: PublicKey.parse(provider) for name, provider in self.board.word.boxes.items()}

    async def revoke(self, grant: str, reason: str) -> str:
        """What operatord says of it. Raises ShellError, DecodeError."""
        question = {"ask": "revoke", "grant": grant, "reason": reason, "ahead": False}
        answer = await asyncio.to_thread(ask, self._settings.control_socket, question)
        await self._follow_once()
        return str(answer["revoked"])

    async def follow(self) -> None:
        while True:
            more = False
            try:
                more = await self._follow_once()
                self._daemon_away = ""
            except (ShellError, DecodeError) as error:
                if not self._daemon_away:
                    self._tell(str(error))
                self._daemon_away = str(error)
            self.board.tick(int(time.time()))
            if not more:
                self._asked.set()
                await asyncio.sleep(FOLLOW_S)

    async def _follow_once(self) -> bool:
        board = self.board
        question = {"ask": "changes", "run": board.run, "since": board.followed}
        answer = await asyncio.to_thread(ask, self._settings.control_socket, question)
        if (board.run, board.followed) != (question["run"], question["since"]):
            return True  # somebody else asked meanwhile
        return board.take(answer)

    async def look_on(self) -> None:
        """A disk that fails ends it with a ShellError."""
        await self._asked.wait()
        while True:
            sold = list(self.board.sold())
            before = self._ledger.away
            self._ledger, self._past = await asyncio.to_thread(
                self._look_once, sold, self._boxes(), self._clock_right()
            )
            self.version += 1
            if self._ledger.away and not before:
                self._tell(f"{self._ledger.failed}: {self._ledger.away}")
            await asyncio.sleep(LOOK_S)

    def _clock_right(self) -> bool:
        """As operatord says, which compares it with the ledger's."""
        word = self.board.word
        return not self._daemon_away and word is not None and word.ledger_heard and not word.clock

    def _look_once(
        self,
        sold: Sequence[Row],
        boxes: Mapping[str, PublicKey],
        clock_right: bool,  # noqa: FBT001
    ) -> tuple[LedgerWord, _Past]:
        word = self._look.look(sold, boxes, clock_right=clock_right)
        now_s = int(time.time())
        history, first_s = self._history, first_hour(now_s)
        return word, _Past(
            {
                "promised": history.promised(first_s, now_s),
                "carried": history.carried(first_s),
                "counts": history.count(now_s - DAY_S),
                "latest": history.latest(MAX_LATEST),
                "disputed_by": history.count_disputed(now_s - DAY_S),
                "disputed": history.disputed(MAX_DISPUTED),
            }
        )
