"""May this key join here, now? The rules, in the order in which they say no, and what follows from a yes.

Several permits may fit: the one that this station uses already comes first, then the one that ends last. If none does,
the reason is that of the permit that got furthest. `tests/operatord/test_authorising.py` has a case for each line.

    clock_wrong     our clock is to be believed
    unknown_box     the asking access point is one of ours, and asks from its own address
    no_permit       the account has a permit
    revoked         that was not revoked
    ended           is not over
    not_begun       has begun
    other_provider  is of the access point's provider, or of a partner
    cap_used        has data left, as far as accounting has told
    unfunded        if it is a channel's: has money left, owes little, and is asked for where tariffs are
    in_use          and no other station uses it

The same station at another access point is roaming: it is accepted there, and thrown out where it was. A station that
left without a word keeps others out until it has been silent for `State.silent_after_s`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from operatord.channels import refuse
from operatord.commands import Command, Disconnect, KeepUse, Note, PublishAdmission
from operatord.permit import Permit
from operatord.reply import Attributes, reply_attributes
from operatord.request import AuthoriseRequest
from operatord.state import Box, State, Use
from wire.admission import Admission
from wire.fields import format_value
from wire.ids import MacAddress

CLOCK_SLACK_S = 2
"""A grant may begin this much later by our clock than by the ledger's, and its buyer join at once."""
CLOCK_WRONG, UNKNOWN_BOX, NO_PERMIT, REVOKED, ENDED, NOT_BEGUN, OTHER_PROVIDER, CAP_USED, UNFUNDED, IN_USE = (
    "clock_wrong", "unknown_box", "no_permit", "revoked", "ended", "not_begun", "other_provider", "cap_used",
    "unfunded", "in_use",
)  # fmt: skip
REASONS = (
    CLOCK_WRONG, UNKNOWN_BOX, NO_PERMIT, REVOKED, ENDED, NOT_BEGUN, OTHER_PROVIDER, CAP_USED, UNFUNDED, IN_USE,
)  # fmt: skip
"""In order of precedence: whoever broke several rules is told the first."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """`attributes` go into the Access-Accept."""

    permit: Permit
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Rejected:
    """`reason` is one of REASONS, `detail` a sentence for the box's log, without a word of what was asked."""

    reason: str
    detail: str


Decision = Accepted | Rejected


def authorise(state: State, request: AuthoriseRequest, now_s: int) -> tuple[Decision, list[Command]]:
    """The decision, and what is to be done before it is told. The permit is in use from then on."""
    if state.clock_wrong:
        return Rejected(CLOCK_WRONG, "nobody can be let in now"), []
    box = state.box(request.box, request.address)
    if box is None:
        # What was asked is said to our own log and to nobody else.
        note = Note(UNKNOWN_BOX, f"{format_value(request.box)} asks from {request.address}")
        return Rejected(UNKNOWN_BOX, "no access point of this name has this address"), [note]
    permits = _permits(state, box, request)
    if not permits:
        return Rejected(NO_PERMIT, f"account {request.account} has no grant that we know"), []
    judged = [(permit, _refusal(state, box, permit, request, now_s)) for permit in permits]
    fitting = [permit for permit, refusal in judged if refusal is None]
    if fitting:
        chosen = max(fitting, key=lambda permit: _preference(state, permit, request.station))
        return _accept(state, box, chosen, request, now_s)
    refusals = [refusal for _, refusal in judged if refusal is not None]
    return max(refusals, key=lambda refusal: REASONS.index(refusal.reason)), []


def _permits(state: State, box: Box, request: AuthoriseRequest) -> list[Permit]:
    """Of the account; its channel's only where that can be paid by, or where it has nothing else."""
    permits = list(state.by_account.get(request.account, {}).values())
    book = state.metered
    if book is None or len(permits) < 2:
        return permits
    sells = (box.name, request.bssid.octets) in book.terms
    return [one for one in permits if sells or one.permit_id not in book.consumers]


def _refusal(
    state: State, box: Box, permit: Permit, request: AuthoriseRequest, now_s: int
) -> Rejected | None:
    return next(_refusals(state, box, permit, request, now_s), None)


def _refusals(
    state: State, box: Box, permit: Permit, request: AuthoriseRequest, now_s: int
) -> Iterator[Rejected]:
    """Why not, in order of precedence."""
    station = request.station
    name = f"grant {permit.permit_id.hex()}"
    revoked = state.revoked.get(permit.permit_id)
    if revoked is not None:
        yield Rejected(REVOKED, f"{name}: {revoked.reason or 'was revoked'}")
    if now_s >= permit.ends_s:
        yield Rejected(ENDED, f"{name} ended at {permit.ends_s}, {now_s - permit.ends_s} s ago")
    if now_s + CLOCK_SLACK_S < permit.starts_s:
        yield Rejected(NOT_BEGUN, f"{name} begins in {permit.starts_s - now_s} s")
    if permit.provider_id not in box.honours:
        yield Rejected(
            OTHER_PROVIDER, f"{name} is of provider {permit.provider_id.hex()}, no partner of {box.name}"
        )
    cap_bytes = permit.qos.data_cap_bytes
    if cap_bytes and state.used_bytes(permit.permit_id) >= cap_bytes:
        yield Rejected(CAP_USED, f"{name}: all of its {cap_bytes} bytes are used")
    if state.metered is not None:
        why = refuse(state.metered, permit.permit_id, box.name, request.bssid.octets)
        if why:
            yield Rejected(UNFUNDED, why)
    use = state.uses.get(permit.permit_id)
    if use is not None and use.station != station and state.is_live(use, now_s):
        silent_s = now_s - use.heard_s
        yield Rejected(IN_USE, f"{name} is in use by another station at {use.box}, heard of {silent_s} s ago")


def _preference(state: State, permit: Permit, station: MacAddress) -> tuple[bool, bool, int]:
    """What is paid for already comes before a channel."""
    use = state.uses.get(permit.permit_id)
    bought = state.metered is None or permit.permit_id not in state.metered.consumers
    return use is not None and use.station == station, bought, permit.ends_s


def _accept(
    state: State, box: Box, permit: Permit, request: AuthoriseRequest, now_s: int
) -> tuple[Accepted, list[Command]]:
    before = state.uses.get(permit.permit_id)
    stays = before is not None and (before.box, before.bssid, before.station) == (
        box.name, request.bssid, request.station,
    )  # fmt: skip
    use = Use(
        permit_id=permit.permit_id,
        box=box.name,
        bssid=request.bssid,
        station=request.station,
        accepted_s=now_s,
        heard_s=now_s,
        session_id=before.session_id if before is not None and stays else "",
    )
    state.uses[permit.permit_id] = use
    commands: list[Command] = [KeepUse(use), admit(state, permit, use)]
    if before is not None and not stays and not _would_hit(before, use):
        commands.append(disconnect(before, "its grant is used elsewhere now"))
    return Accepted(permit, reply_attributes(permit, now_s, state.secret, box.provider.provider_id)), commands


def admit(state: State, permit: Permit, use: Use) -> PublishAdmission:
    """Tells the box of who uses a permit there, and what other boxes have delivered on it."""
    admission = Admission(
        grant=permit.encoded,
        station=use.station,
        bssid=use.bssid,
        used_bytes=state.used_bytes(permit.permit_id, except_at=use.box),
        expires_s=permit.ends_s,
    )
    return PublishAdmission(use.box, admission)


def _would_hit(before: Use, use: Use) -> bool:
    """Whether a Disconnect for the use before could throw out the new one: the same station at another radio of the
    same box, where its first session has no name yet. The box itself has seen it move.
    """
    return (before.box, before.station, before.session_id) == (use.box, use.station, "")


def disconnect(use: Use, why: str) -> Disconnect:
    """Throws out whoever uses a permit."""
    return Disconnect(use.box, use.permit_id, use.station, use.session_id, why)
