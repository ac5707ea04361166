"""The daemon's state as `apd status` shows it: plain values, no secret, no key that is not public."""

from typing import Any

from apd.session import Session
from apd.state import AirState, State
from wire.units import Now


def describe(state: State, now: Now) -> dict[str, Any]:
    """What an owner wants to know, ready for JSON. Units are in the names."""
    offer = state.lobby.offer_state
    return {
        "utc_ms": now.utc_ms,
        "interface": state.settings.shaper.interface,
        "provider": str(state.settings.provider),
        "ledger_connected": state.link.connected,
        "enrolled": state.link.enrolled,
        "attested": state.meter.attested,
        "disk_failing": state.disk.failing_ns is not None,
        "offer": None
        if offer is None
        else {
            "epoch": offer.epoch,
            "price_ubc": offer.price_ubc,
            "allocation_duration_s": offer.allocation_duration_s,
            "allocations_left": offer.allocations_left,
        },
        "sessions": [_describe_session(session) for session in state.sessions.values()],
        "records": {
            "made": state.meter.sequence,
            "unsigned": len(state.meter.signing),
            "unacknowledged": len(state.meter.outbox),
        },
        "refused": dict(state.refused),
        **({} if state.air is None else {"air": _describe_air(state.air)}),
    }


def _describe_air(air: AirState) -> dict[str, Any]:
    served = sum(1 for one in air.associations.values() if one.grant_id)
    return {
        "hostapd_connected": air.connected,
        "ssid": air.ssid.decode(errors="backslashreplace"),
        "elements": {str(info_id): len(payload) for info_id, payload in sorted(air.elements.items())},
        "stations_associated": len(air.associations),
        "stations_served": served,
        "purchases_heard": air.purchases,
        "answers": len(air.answers),
        "grants_known": len(air.grants),
    }


def _describe_session(session: Session) -> dict[str, Any]:
    qos = session.grant.total_qos
    return {
        "grant": session.grant_id.hex(),
        "consumer": str(session.grant.consumer),
        "station": str(session.station),
        "phase": session.phase.value,
        "reason": session.reason.value,
        "ends_s": session.grant.ends_s,
        "floor_down_bps": qos.floor_down_bps,
        "ceil_down_bps": qos.ceil_down_bps,
        "floor_up_bps": qos.floor_up_bps,
        "ceil_up_bps": qos.ceil_up_bps,
        "data_cap_bytes": qos.data_cap_bytes,
        "down_bytes": session.used.down_bytes,
        "up_bytes": session.used.up_bytes,
    }
