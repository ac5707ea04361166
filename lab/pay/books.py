"""What is seen after the play: the ledger's pages, devices' and operators' files, access points' counters.

Each party's word comes from where another can look: balances and channels from the ledger, payments from the devices'
programs, served time from the access points. Decides nothing; verdict.py does.
"""

from collections.abc import Iterator
from typing import Any

from device.purse import load_channel
from lab.pay.access_point import Visit
from lab.pay.cast import DEVICES, OPERATORS, OWNERS, PURSE_UBC
from lab.pay.stage import Stage
from lab.pay.story import Leg, Story
from lab.pay.verdict import Books, ChannelSeen, MeterSeen, VisitSeen
from ledger.payplace.pages import PayMerchantListPage
from operatord.payplace.earnings import OperatordEarnings

ALL = 100_000
SLACK_S = 2.0
"""Before a block's time: a payment so shortly before it may not have been in the operator's database yet."""


def collect(stage: Stage, story: Story) -> Books:
    """Raises ShellError."""
    issued = stage.bank.read(lambda reader: reader.get("ledger"))
    return Books(
        visits=tuple(_visit(stage, leg) for leg in story.legs),
        channels=tuple(_channels(stage)),
        earned=tuple(_earned(stage)),
        balances=_balances(stage),
        issued_ubc=int(issued["deposited_ubc"]) - int(issued["withdrawn_ubc"]),
        confirmed={owner: int(pages[-1]["income_ubc"]) for owner, pages in story.signed.items()},
        last_period_ubc={owner: _paid_since(story, owner) for owner in OWNERS.values()},
        refused={owner: tuple(rules) for owner, rules in story.refused.items()},
        missing=tuple(_missing(stage)),
        metered=tuple(_meters(stage, story)),
        disconnected=tuple(name for point in stage.points.values() for name in point.orders),
    )


def _visit(stage: Stage, leg: Leg) -> VisitSeen:
    visit, last = leg.visit, leg.last
    return VisitSeen(
        device=leg.device,
        point=leg.point,
        had_ms=round(1_000 * (_served_until(stage, visit) - visit.opened_s)),
        had_bytes=visit.served_bytes,
        paid_ubc=int(last["paid_ubc"]),
        intervals=int(last["intervals"]),
        device_said=str(last["ended"]),
        point_said=visit.why,
        after_bytes=visit.later_bytes,
    )


def _meters(stage: Stage, story: Story) -> Iterator[MeterSeen]:
    """All visits of a device at an access point are one channel, and one line of its meter."""
    signed, reached = stage.metered(), dict[tuple[str, str, str], int]()
    for leg in story.legs:
        key = (leg.visit.permit, leg.device, leg.point)
        reached[key] = reached.get(key, 0) + leg.visit.served_bytes + leg.visit.later_bytes
    for (permit, device, point), octets in reached.items():
        yield MeterSeen(device, point, signed.get(permit, 0), octets)


def _served_until(stage: Stage, visit: Visit) -> float:
    stopped_s = stage.points[visit.point].stopped_s
    return min(visit.closed_s, stopped_s) if stopped_s else visit.closed_s


def _channels(stage: Stage) -> Iterator[ChannelSeen]:
    for name, operator in stage.operators.items():
        pages = [stage.channel_page(name, number) for number in range(stage.operator_entry(name).channels)]
        by_consumer = {page.consumer: page for page in pages}
        for device in DEVICES:
            wallet = stage.wallets[device]
            kept = load_channel(wallet.path, operator.instance, operator.key.public, PURSE_UBC)
            page = by_consumer[str(wallet.account)]
            yield ChannelSeen(device, name, page.deposited_ubc, page.withdrawn_ubc, kept.purse.paid_ubc)


def _earned(stage: Stage) -> Iterator[tuple[str, str, int]]:
    devices = {wallet.account: name for name, wallet in stage.wallets.items()}
    points = {key.public: point for point, key in stage.owners.items()}
    for name in OPERATORS:
        database = OperatordEarnings(stage.operators[name].folder / "state" / "operatord.db")
        try:
            rows = database.earnings_since(0, ALL)
        finally:
            database.close()
        for row in rows:
            yield points[row.payee], devices[row.consumer], row.amount_ubc


def _balances(stage: Stage) -> dict[str, int]:
    keys = {name: wallet.account for name, wallet in stage.wallets.items()}
    keys |= {OWNERS[point]: key.public for point, key in stage.owners.items()}
    keys |= {name: operator.key.public for name, operator in stage.operators.items()}
    pages: dict[str, dict[str, Any]] = {
        name: stage.bank.read(lambda reader, one=key: reader.get(f"accounts/{one}"))  # type: ignore[misc]
        for name, key in keys.items()
    }
    return {name: int(page["balance_ubc"]) for name, page in pages.items()}


def _paid_since(story: Story, owner: str) -> int:
    """What devices signed at its access point after the block that it signed last."""
    since_s = story.last_signed_s[owner] - SLACK_S
    paid = 0
    for leg in story.legs:
        if OWNERS[leg.point] == owner:
            payments = [page for page in leg.said() if "at_s" in page]
            before = [page["paid_ubc"] for page in payments if page["at_s"] < since_s]
            after = [page["paid_ubc"] for page in payments if page["at_s"] >= since_s]
            paid += max(after, default=max(before, default=0)) - max(before, default=0)
    return paid


def _missing(stage: Stage) -> Iterator[str]:
    owners = {str(key.public): OWNERS[point] for point, key in stage.owners.items()}
    owners |= {str(operator.key.public): name for name, operator in stage.operators.items()}
    for operator in stage.operators.values():
        path = f"payplace/{operator.key.public}/merchants"
        page = stage.bank.read(lambda reader, at=path: reader.read(PayMerchantListPage, at))  # type: ignore[misc]
        yield from (owners[one.payout] for one in page.merchants if one.status == "missing")
