"""The daemon's state as `operatord status` shows it: plain values, no secret, units in the names."""

from collections.abc import Mapping
from typing import Any

from operatord.state import State, Use

MAX_SHOWN = 1_000


def describe(state: State, counters: Mapping[str, int], now_s: int, *, connected: bool) -> dict[str, Any]:
    """What an owner wants to know, ready for JSON."""
    uses = sorted(state.uses.values(), key=lambda use: -use.heard_s)[:MAX_SHOWN]
    return {
        "utc_s": now_s,
        "clock": state.clock_wrong or ("not compared yet" if state.ledger_offset_s is None else "right"),
        "broker_connected": connected,
        "boxes": sorted(state.boxes),
        "grants": len(state.permits) - len(state.ended),
        "accounts": len(state.by_account),
        "revoked": len(state.revoked),
        "in_use": len(state.uses),
        "open_sessions": sum(
            not session.stopped for sessions in state.sessions.values() for session in sessions.values()
        ),
        **_describe_metered(state),
        "counters": dict(sorted(counters.items())),
        "uses": [_describe_use(state, use, now_s) for use in uses],
    }


def _describe_metered(state: State) -> dict[str, Any]:
    """Of those who pay as they go; nothing where nobody may."""
    if state.metered is None:
        return {}
    channels = state.metered.channels.values()
    return {
        "channels": len(channels),
        "metered_sessions": len(state.metered.sessions),
        "paid_ubc": sum(channel.paid_ubc for channel in channels),
        "unpaid_ubc": sum(channel.unpaid_ubc for channel in channels),
    }


def _describe_use(state: State, use: Use, now_s: int) -> dict[str, Any]:
    permit = state.permits[use.permit_id]
    return {
        "grant": use.permit_id.hex(),
        "account": str(permit.account),
        "box": use.box,
        "bssid": str(use.bssid),
        "station": str(use.station),
        "session_id": use.session_id,
        "heard_s_ago": now_s - use.heard_s,
        "live": state.is_live(use, now_s),
        "used_bytes": state.used_bytes(use.permit_id),
        "data_cap_bytes": permit.qos.data_cap_bytes,
        "ends_s": permit.ends_s,
    }
