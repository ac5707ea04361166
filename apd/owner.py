"""What the owner may ask of a running box, and order: the same words at the control socket, on ubus and in LuCI.

In: a method with its arguments, and the core's state. Out: the answer, ready for JSON, and the event that follows from
an order. Who may ask, and who may order, the control socket's mode and the bus's lists say (docs/router.md).
"""

from collections.abc import Mapping
from typing import Any

from apd.events import OwnerRevoked
from apd.state import State
from apd.status import describe, describe_earnings, describe_offers, describe_sessions
from wire.errors import DecodeError
from wire.ids import GRANT_ID_SIZE
from wire.units import Now

METHODS: Mapping[str, Mapping[str, type]] = {
    "status": {},
    "sessions": {},
    "offers": {},
    "earnings": {},
    "health": {},
    "revoke": {"grant": str},
}
"""With their arguments; none may be left out, and there are no others."""
MAX_SESSIONS = 500
"""As many as one answer on ubus holds with room to spare (1 MiB); at the control socket `status` has all."""


def answer(
    state: State, now: Now, method: str, arguments: Mapping[str, Any]
) -> tuple[dict[str, Any], OwnerRevoked | None]:
    """Raises DecodeError if the question is wrong."""
    taken = METHODS.get(method)
    if taken is None:
        raise DecodeError(f"{method[:40]!r} is none of {', '.join(METHODS)}")
    given = {name: value for name, value in arguments.items() if name != "ubus_rpc_session"}
    if set(given) != set(taken) or any(not isinstance(given[name], kind) for name, kind in taken.items()):
        raise DecodeError(f"{method} takes {', '.join(taken) or 'no argument'}")
    match method:
        case "status":
            return describe(state, now), None
        case "sessions":
            return within_a_message({"sessions": describe_sessions(state), "left_out": 0}), None
        case "offers":
            return describe_offers(state), None
        case "earnings":
            return describe_earnings(state), None
        case "health":
            return _describe_health(state, now), None
    return _revoke(state, given["grant"])


def within_a_message(answer: dict[str, Any]) -> dict[str, Any]:
    """With no more sessions than ubusd carries: to whoever sends more it hangs up."""
    rows = answer.get("sessions", [])
    if not isinstance(rows, list) or len(rows) <= MAX_SESSIONS:
        return answer
    return {**answer, "sessions": rows[:MAX_SESSIONS], "left_out": len(rows) - MAX_SESSIONS}


def _describe_health(state: State, now: Now) -> dict[str, Any]:
    """`selling` if nothing stops whoever came now from buying; the worst problem is the first."""
    from apd.health import Severity, judge  # only whoever asks

    status = describe(state, now)
    ailments = judge(status)
    return {
        "utc_ms": now.utc_ms,
        "selling": all(one.severity is not Severity.STOPS for one in ailments),
        "problems": [
            {"what": one.what, "text": one.text, "severity": one.severity.name.lower()} for one in ailments
        ],
        "attested": status["attested"],
        "records": status["records"],
        "sessions": len(state.stations),
    }


def _revoke(state: State, text: str) -> tuple[dict[str, Any], OwnerRevoked]:
    """A grant that is not here yet is revoked, too: it may be shown only later."""
    try:
        grant_id = bytes.fromhex(text)
    except ValueError:
        grant_id = b""
    if len(grant_id) != GRANT_ID_SIZE:
        raise DecodeError(f"grant: has to be {2 * GRANT_ID_SIZE} hexadecimal digits")
    running = grant_id in state.stations.values()
    return {"grant": grant_id.hex(), "had_session": running}, OwnerRevoked(grant_id)
