"""What somebody bought from apd in the compose lab `apd`: that his UE is in a slot, has his flow, and gets his floor.

Nothing is sold here, and nobody is told anything: `airgrant buy` did that before, from behind the UE (run.sh). This
looks at the core's lists and at what arrives.   Exit status: as sold_slice.
"""

from collections.abc import Sequence

from lab.compose.box import Box, running_box
from lab.compose.sold_slice import (
    BUYER,
    ENOUGH,
    FLOOR_BPS,
    MEDIA_5QI,
    Lab,
    Verdicts,
    metering,
    see_floor,
    see_flows,
)
from lab.compose.subscribers import SLOT_1, SLOT_2
from ran_slicing.core_info import Stay


async def play(lab: Lab) -> Sequence[str]:
    """What did not hold. Raises ShellError where nobody bought."""
    verdicts = Verdicts()
    async with running_box(lab.core) as box:
        await box.until(lambda: _bought(box), f"{BUYER} has a session in a slot", lab.pace.appear_s)
        await box.until(lambda: _has_flow(box), "the core shows the flow", lab.pace.answer_s)
        stay = _bought(box)
        assert stay is not None
        assert stay.ipv4 is not None
        verdicts.note(True, f"{BUYER} is {stay.ipv4} in slot {stay.snssai}, where apd moved it")
        see_flows(box, verdicts, stay.snssai)
        async with metering(lab, stay.ipv4) as meter:
            await see_floor(box, meter, verdicts, lab.pace, ENOUGH * FLOOR_BPS)
    return verdicts.failed


def _has_flow(box: Box) -> bool:
    stay = _bought(box)
    return stay is not None and stay.flows_of(MEDIA_5QI) > 0


def _bought(box: Box) -> Stay | None:
    return box.stay(BUYER, SLOT_1) or box.stay(BUYER, SLOT_2)
