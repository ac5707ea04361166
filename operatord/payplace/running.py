"""The loop around the operator's steps, and the door for merchants beside it.

A step that has something to do is followed by the next at once; otherwise the chain is looked at again after a moment.
A chain or a disk that is away is told once and asked again. So is a fault of ours or of somebody's data: merchants are
served and earnings kept meanwhile, and an operator that ends notarises nobody's.
"""

import asyncio
import socket
import traceback
from collections.abc import Callable

from ledger.http import serve
from operatord.payplace.http import create_app
from operatord.payplace.settling import Settler
from operatord.payplace.steps import Wait
from wire.errors import ShellError

POLL_S = 2.0
RETRY_S = 5.0


async def run_payouts(settler: Settler, listening: socket.socket, tell: Callable[[str], None]) -> None:
    """Until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(create_app(settler, tell), listening))
        tasks.create_task(settle_for_ever(settler, tell))


async def settle_for_ever(settler: Settler, tell: Callable[[str], None], retry_s: float = RETRY_S) -> None:
    """Until cancelled."""
    trouble, last = "", ""
    while True:
        try:
            step = await asyncio.to_thread(settler.turn)
            trouble = ""
        except Exception as error:  # noqa: BLE001 told with its place, and tried again
            said = str(error) if isinstance(error, (ShellError, LookupError)) else _fault(error)
            if said != trouble:
                trouble = said
                tell(f"payouts: {trouble}")
            await asyncio.sleep(retry_s)
            continue
        again = repr(step) == last and not isinstance(step, Wait)  # the contract said no: not at once again
        last = repr(step)
        if again or isinstance(step, Wait):
            await asyncio.sleep(POLL_S)


def _fault(error: Exception) -> str:
    """With where it happened: it is ours to mend."""
    return "".join(traceback.format_exception(error)).rstrip()
