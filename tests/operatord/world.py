"""An operator without a world: two providers who are partners, a third who is none, their boxes, and buyers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from operatord.authorising import Accepted, Decision, authorise
from operatord.commands import Command, Disconnect, KeepUse
from operatord.keeping import take_permit
from operatord.permit import GrantPermit, Permit
from operatord.request import AuthoriseRequest
from operatord.sessions import AccountingRecord, Counters, Status
from operatord.state import Box, State, with_partners
from tests.ledger_world import ALICE, BAND, BOB, CAROL, LEDGER, PROVIDER, QOS
from wire.grant import Grant, read_grant, write_grant
from wire.ids import GRANT_ID_SIZE, MacAddress
from wire.keys import PrivateKey
from wire.qos import Qos

__all__ = ["ALICE", "BOB", "CAROL", "LEDGER", "PROVIDER"]

LEDGER_ID = bytes(range(32))
PARTNER, STRANGER, OPERATOR = (PrivateKey.from_secret(secret) for secret in (21, 22, 23))
NOW_S = 1_800_000_000
SECRET = b"s" * 32
PHONE, OTHER_PHONE = MacAddress.parse("02:00:00:00:01:00"), MacAddress.parse("02:00:00:00:02:00")
BSSIDS = {
    name: MacAddress.parse(f"02:00:00:00:00:{at:02x}")
    for at, name in enumerate(("roof", "yard", "far", "inn"))
}
ADDRESSES = {"roof": "192.0.2.7", "yard": "192.0.2.8", "inn": "192.0.2.9", "far": "192.0.2.10"}
BOXES = with_partners(
    {
        "roof": Box("roof", PROVIDER.public, ADDRESSES["roof"], frozenset(), 50, 34),
        "yard": Box("yard", PROVIDER.public, ADDRESSES["yard"], frozenset(), 50, 34),
        "inn": Box("inn", PARTNER.public, ADDRESSES["inn"], frozenset(), 50, 34),
        "far": Box("far", STRANGER.public, ADDRESSES["far"], frozenset(), 50, 34),
    },
    {"alley": frozenset({PROVIDER.public, PARTNER.public})},
)


def grant(
    account: PrivateKey = ALICE,
    provider: PrivateKey = PROVIDER,
    number: int = 1,
    qos: Qos = QOS,
    **changes: int,
) -> GrantPermit:
    """A signed grant for an hour that began a minute ago, with changes."""
    fields = {"starts_s": NOW_S - 60, "duration_s": 3_600, **changes}
    made = Grant(
        consumer=account.public,
        provider_id=provider.public.provider_id,
        grant_id=sha256(number.to_bytes(16, "big") + account.public.octets).digest()[:GRANT_ID_SIZE],
        epoch=1,
        band=BAND,
        qos=qos,
        **fields,
    )
    encoded = write_grant(made, LEDGER, LEDGER_ID)
    return GrantPermit(read_grant(encoded, LEDGER.public, LEDGER_ID), encoded)


def state(permits: Iterable[Permit] = (), now_s: int = NOW_S) -> State:
    """A state that has heard of these permits."""
    made = State(BOXES, SECRET)
    for permit in permits:
        take_permit(made, permit, now_s)
    return made


def request(account: PrivateKey = ALICE, station: MacAddress = PHONE, box: str = "roof") -> AuthoriseRequest:
    return AuthoriseRequest(
        account.public, station, BSSIDS.get(box, PHONE), box, ADDRESSES.get(box, "192.0.2.99")
    )


def ask(state: State, now_s: int = NOW_S, **changes: object) -> str:
    """The reason of a no, or "yes"."""
    decision, _ = authorise(state, request(**changes), now_s)  # type: ignore[arg-type]
    return told(decision)


def told(decision: Decision) -> str:
    return "yes" if isinstance(decision, Accepted) else decision.reason


def record(
    permit: Permit,
    status: Status = Status.INTERIM,
    *,
    at_s: int = NOW_S,
    box: str = "roof",
    **changes: object,
) -> AccountingRecord:
    """A record of the phone's session at a box."""
    made = AccountingRecord(
        status, box, ADDRESSES[box], "5F00", permit.permit_id, PHONE, BSSIDS[box], at_s, at_s, at_s - NOW_S,
        Counters(),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def disconnects(commands: Iterable[Command]) -> list[tuple[str, str]]:
    """(box, session id) of every Disconnect."""
    return [(one.box, one.session_id) for one in commands if isinstance(one, Disconnect)]


def uses(commands: Iterable[Command]) -> list[str]:
    return [one.use.box for one in commands if isinstance(one, KeepUse)]
