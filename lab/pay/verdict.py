"""Who lost what, and which rule bounds it: from what was seen to rows and findings. Pure.

Nothing here is what a party says of itself alone: what a device had is the access point's clock, what it paid are its
own signatures, what an owner got is its balance on the ledger. Money in micro-bandcoin (ubc).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.pay.cast import COMMISSION_PPM, DEVICES, INCREMENT_UBC, OPERATORS, OWNERS, PER_MINUTE_UBC, POINTS
from lab.playing import Finding
from market.metered import least_agreed_bytes
from operatord.payplace.income import split

MINUTE_MS = 60_000
LATE_BYTES = 3_100
"""Three packets that were between the door and the counter when a door closed."""
LIES = ("payout_fell", "double_spend")


@dataclass(frozen=True, slots=True)
class VisitSeen:
    """`had_ms`: served, by the access point's clock. `after_bytes`: what came through when the door was closed."""

    device: str
    point: str
    had_ms: int
    had_bytes: int
    paid_ubc: int
    intervals: int
    device_said: str
    point_said: str
    after_bytes: int

    @property
    def had_ubc(self) -> int:
        """Its price, to the millisecond."""
        return -(-PER_MINUTE_UBC * self.had_ms // MINUTE_MS)

    @property
    def device_lost_ubc(self) -> int:
        return max(0, self.paid_ubc - self.had_ubc)

    @property
    def point_lost_ubc(self) -> int:
        return max(0, self.had_ubc - self.paid_ubc)


@dataclass(frozen=True, slots=True)
class ChannelSeen:
    """Of one device at one operator; `signed_ubc` by the device's own books, the others as the contract has them."""

    device: str
    operator: str
    deposited_ubc: int
    withdrawn_ubc: int
    signed_ubc: int


@dataclass(frozen=True, slots=True)
class MeterSeen:
    """IP bytes towards a device at an access point: by its meter's verified records, and by the device's kernel."""

    device: str
    point: str
    signed_bytes: int
    reached_bytes: int


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that was seen."""

    visits: tuple[VisitSeen, ...]
    channels: tuple[ChannelSeen, ...]
    earned: tuple[tuple[str, str, int], ...]
    """(access point, device, ubc), each as its operator's database has it."""
    balances: dict[str, int]
    issued_ubc: int
    """By the exchange, less what it took back."""
    confirmed: dict[str, int]
    """Merchant -> what its own folder promised when it signed last."""
    last_period_ubc: dict[str, int]
    """Merchant -> what devices signed at its access point after the last block that it signed was made."""
    refused: dict[str, tuple[str, ...]]
    missing: tuple[str, ...]
    """Merchants who are marked so in the contract."""
    metered: tuple["MeterSeen", ...]
    disconnected: tuple[str, ...]
    """Devices, by orders of their operator that an access point obeyed."""


@dataclass(frozen=True, slots=True)
class Party:
    """One line of the account: `lost` of what was `owed`, and the rule by which it cannot be more than `bound`."""

    name: str
    role: str
    owed_ubc: int
    got_ubc: int
    lost_ubc: int
    bound_ubc: int
    rule: str

    @property
    def ok(self) -> bool:
        return self.lost_ubc <= self.bound_ubc


def account(books: Books) -> list[Party]:
    """A line for each device, owner and operator."""
    return [
        *(_device(books, name) for name in DEVICES),
        *(_box(books, point) for point in POINTS),
        *(_owner(books, point) for point in POINTS),
        *(_operator(books, name) for name in OPERATORS),
    ]


def judge(books: Books, parties: Sequence[Party]) -> list[Finding]:
    """All promises; one that is broken makes the exit status 1."""
    return [
        Finding("nobody lost more than the rule says", all(one.ok for one in parties), _worst(parties)),
        _find_visits(books),
        _find_freeloader(books),
        _find_leavers(books),
        _find_books(books),
        _find_meters(books),
        _find_channels(books),
        _find_refusals(books),
        _find_promises(books),
        _find_conserved(books),
    ]


# ---- The account


def _device(books: Books, name: str) -> Party:
    visits = [one for one in books.visits if one.device == name]
    paid, had = sum(one.paid_ubc for one in visits), sum(one.had_ubc for one in visits)
    lost = sum(one.device_lost_ubc for one in visits)
    rule = f"an increment of {INCREMENT_UBC} for each of {len(visits)} visits"
    return Party(name, "device", paid, had, lost, INCREMENT_UBC * len(visits), rule)


def _box(books: Books, point: str) -> Party:
    """What an access point served, and what was paid for that. Who leaves before an interval's payment has had up to a
    half of it, whoever cheated.
    """
    visits = [one for one in books.visits if one.point == point]
    had = sum(one.had_ubc for one in visits)
    rule = f"an increment of {INCREMENT_UBC} for each of {len(visits)} visits"
    lost = sum(one.point_lost_ubc for one in visits)
    return Party(point, "access point", had, had - lost, lost, INCREMENT_UBC * len(visits), rule)


def _owner(books: Books, point: str) -> Party:
    """What devices paid at its access point, less commission, and what reached its account."""
    owner = OWNERS[point]
    owed, got = share_ubc(books, point)[0], books.balances[owner]
    if owner in books.refused:
        bound = split(books.last_period_ubc[owner], COMMISSION_PPM)[0]
        rule = "what was paid after the last block that it signed"
    else:
        bound, rule = 0, "nothing: its operator was honest"
    return Party(owner, f"owner of the {point}", owed, got, owed - got, bound, rule)


def _operator(books: Books, name: str) -> Party:
    point = next(point for point, operator in POINTS.items() if operator == name)
    owed, got = share_ubc(books, point)[1], books.balances[name]
    return Party(name, "operator", owed, got, max(0, owed - got), 0, "nothing: it is its own first merchant")


def share_ubc(books: Books, point: str) -> tuple[int, int]:
    """The owner's and the operator's, rounded for each earning as the operator does."""
    shares = [split(ubc, COMMISSION_PPM) for at, _, ubc in books.earned if at == point]
    return sum(one for one, _ in shares), sum(other for _, other in shares)


def _worst(parties: Iterable[Party]) -> str:
    losers = [f"{one.name} {one.lost_ubc} of at most {one.bound_ubc}" for one in parties if one.lost_ubc]
    return "; ".join(losers) or "nobody lost anything"


# ---- Promises


def _find_visits(books: Books) -> Finding:
    """Each visit by itself, so that nobody's gain makes up for another's loss."""
    worst = max((max(one.device_lost_ubc, one.point_lost_ubc) for one in books.visits), default=0)
    seen = f"{worst} of {INCREMENT_UBC} ubc at most in {len(books.visits)} visits"
    served = all(one.had_bytes > 0 and one.paid_ubc > 0 for one in books.visits)
    ok = bool(books.visits) and served and worst <= INCREMENT_UBC
    return Finding("no visit costs either side more than an increment", ok, seen)


def _find_freeloader(books: Books) -> Finding:
    promise = "who stops paying is disconnected by the operator, and gets nothing after it"
    visits = [one for one in books.visits if one.device_said == "stops_paying"]
    out = [one.device for one in visits if one.point_said == "disconnected"]
    after = sum(one.after_bytes for one in visits)
    ok = bool(out) and len(out) == len(visits) and set(out) <= set(books.disconnected) and after <= LATE_BYTES
    lost = sum(one.point_lost_ubc for one in visits)
    return Finding(promise, ok, f"{', '.join(out)}: {lost} ubc unpaid, {after} bytes came through later")


def _find_leavers(books: Books) -> Finding:
    visits = [one for one in books.visits if one.device_said == "not_served"]
    again = [
        one.device
        for one in visits
        if any(other.device == one.device and other.point != one.point for other in books.visits)
    ]
    ok = bool(visits) and len(again) == len(visits)
    seen = "; ".join(f"{one.device} lost {one.device_lost_ubc} ubc at the {one.point}" for one in visits)
    return Finding("who is not served stops paying by itself, and goes elsewhere", ok, seen)


def _find_books(books: Books) -> Finding:
    """What operators credited to access points is what devices signed for visits there."""
    paid = dict.fromkeys(POINTS, 0)
    for visit in books.visits:
        paid[visit.point] += visit.paid_ubc
    earned = dict.fromkeys(POINTS, 0)
    for point, _, ubc in books.earned:
        earned[point] += ubc
    seen = ", ".join(f"{point} {earned[point]} of {paid[point]} ubc" for point in POINTS)
    return Finding("operators credit what devices signed, to the ubc", earned == paid, seen)


def _find_meters(books: Books) -> Finding:
    """By the rule for two meters that disagree, in both directions."""
    apart = [abs(one.signed_bytes - one.reached_bytes) for one in books.metered]
    agree = [
        one.reached_bytes >= least_agreed_bytes(one.signed_bytes)
        and one.signed_bytes >= least_agreed_bytes(one.reached_bytes)
        for one in books.metered
    ]
    total = sum(one.signed_bytes for one in books.metered)
    seen = f"{total} bytes signed for {len(apart)} channels, at most {max(apart, default=0)} apart"
    ok = bool(agree) and all(agree) and all(one.signed_bytes for one in books.metered)
    return Finding("what the boxes' meters signed is what reached the devices", ok, seen)


def _find_channels(books: Books) -> Finding:
    ok = all(one.withdrawn_ubc <= one.signed_ubc <= one.deposited_ubc for one in books.channels)
    taken, signed = (
        sum(getattr(one, name) for one in books.channels) for name in ("withdrawn_ubc", "signed_ubc")
    )
    seen = f"{taken} ubc were taken, {signed} signed, over {len(books.channels)} channels"
    return Finding("nothing is taken from a deposit that its device has not signed", ok, seen)


def _find_refusals(books: Books) -> Finding:
    promise = "an operator that lies has no signature of its merchant, and is marked for it"
    ok = books.refused == {"ben": LIES} and books.missing == ("ben",)
    seen = "; ".join(f"{one} refused: {', '.join(rules)}" for one, rules in books.refused.items())
    return Finding(promise, ok, seen or "nobody refused")


def _find_promises(books: Books) -> Finding:
    """By their own folders, with their operators away."""
    ok = all(books.balances[one] == ubc for one, ubc in books.confirmed.items()) and bool(books.confirmed)
    seen = ", ".join(f"{one} {books.balances[one]} of {ubc} ubc" for one, ubc in books.confirmed.items())
    return Finding("what a merchant signed for last, it has withdrawn", ok, seen)


def _find_conserved(books: Books) -> Finding:
    left = sum(one.deposited_ubc - one.withdrawn_ubc for one in books.channels)
    held = sum(books.balances.values())
    seen = f"{books.issued_ubc} issued = {held} on accounts + {left} in channels"
    return Finding("money is conserved to the ubc", books.issued_ubc == held + left, seen)
