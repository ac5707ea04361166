"""The daemon's state as `apd status` shows it: plain values, no secret, no key that is not public."""

from typing import Any

from apd.refund import Refund
from apd.session import Session
from apd.state import AirState, State
from wire.metered_pass import is_metered_pass
from wire.qos import Qos
from wire.units import PPM, Now


def describe(state: State, now: Now) -> dict[str, Any]:
    """What an owner wants to know, ready for JSON. Units are in the names."""
    return {
        "utc_ms": now.utc_ms,
        "interface": state.settings.shaper.interface,
        "provider": str(state.settings.provider),
        "ledger_connected": state.link.connected,
        "enrolled": state.link.enrolled,
        "attested": state.meter.attested,
        "disk_failing": state.disk.failing_ns is not None,
        "offer": _describe_offer(state),
        "earnings": describe_earnings(state),
        "sessions": describe_sessions(state),
        "records": {
            "made": state.meter.sequence,
            "unsigned": len(state.meter.signing),
            "unacknowledged": len(state.meter.outbox),
        },
        "refunds": [_describe_refund(refund) for refund in state.refunds.values()],
        "refused": dict(state.refused),
        **(
            {}
            if state.air is None
            else {"air": _describe_air(state.air), "airtime": _describe_airtime(state)}
        ),
        **({} if state.signalling is None else {"signalling": _describe_signalling(state)}),
        **({} if state.auctions is None else {"auction": _describe_auction(state, now)}),
    }


def describe_sessions(state: State) -> list[dict[str, Any]]:
    """Who is served, and who was lately."""
    return [_describe_session(session) for session in state.sessions.values()]


def describe_offers(state: State) -> dict[str, Any]:
    """What is sold here, for how much, and how much of it there is."""
    settings, sold = state.settings, state.promised
    capacities = {
        "floors_down_bps": (sold.down_bps, settings.shaper.downlink_capacity_bps),
        "floors_up_bps": (sold.up_bps, settings.shaper.uplink_capacity_bps),
    }
    return {
        "provider": str(settings.provider),
        "interface": settings.shaper.interface,
        "offer": _describe_offer(state),
        "tariff": _describe_tariff(state),
        "capacity": {
            name: {"sold": floor_bps, "most": capacity_bps * settings.admission_ppm // PPM}
            for name, (floor_bps, capacity_bps) in capacities.items()
        },
    }


def describe_earnings(state: State) -> dict[str, Any]:
    """What was sold through this box since the daemon began, and what it owes (apd/sales.py says what is not here)."""
    sales, refunds = state.lobby.sales, state.refunds.values()
    return {
        "since_utc_ms": sales.since_utc_ms,
        "purchases": sales.purchases,
        "earned_ubc": sales.earned_ubc,
        "refunds_owed": len(refunds),
        "refunds_owed_ubc": sum(refund.amount_ubc for refund in refunds),
    }


def _describe_offer(state: State) -> dict[str, Any] | None:
    offer = state.lobby.offer_state
    if offer is None:
        return None
    return {
        "epoch": offer.epoch,
        "price_ubc": offer.price_ubc,
        "allocation_duration_s": offer.allocation_duration_s,
        "allocations_left": offer.allocations_left,
        **_describe_qos(offer.qos),
    }


def _describe_tariff(state: State) -> dict[str, Any] | None:
    tariff = state.settings.tariff
    if tariff is None:
        return None
    return {
        "per_minute_ubc": tariff.per_minute_ubc,
        "per_megabyte_ubc": tariff.per_megabyte_ubc,
        "interval_s": tariff.interval_s,
        **_describe_qos(tariff.qos),
    }


def _describe_qos(qos: Qos) -> dict[str, int]:
    return {
        "floor_down_bps": qos.floor_down_bps,
        "ceil_down_bps": qos.ceil_down_bps,
        "floor_up_bps": qos.floor_up_bps,
        "ceil_up_bps": qos.ceil_up_bps,
    }


def _describe_refund(refund: Refund) -> dict[str, Any]:
    return {
        "grant": refund.grant_id.hex(),
        "down_shortfall_bytes": refund.down_bytes,
        "up_shortfall_bytes": refund.up_bytes,
        "amount_ubc": refund.amount_ubc or None,
        "transaction": refund.transaction_id.hex(),
        "refused": refund.refused,
    }


def _describe_airtime(state: State) -> dict[str, Any]:
    from apd import budget  # a wired box does without

    assert state.settings.air is not None, "there is an AirState"
    return {
        "budget_ppm": state.settings.air.airtime_budget_ppm,
        "sold_ppm": budget.sold_ppm(state),
        "exceeded": state.airtime.exceeded,
        "weights": not state.airtime.weightless,
        "stations": [
            {
                "station": str(station),
                "down_bps": known.smoothed.down_bps,
                "up_bps": known.smoothed.up_bps,
                "counted_down_bps": known.held.down_bps,
                "counted_up_bps": known.held.up_bps,
                "measured": known.down_measured and known.up_measured,
                "signal_dbm": known.last.signal_dbm,
            }
            for station, known in state.airtime.stations.items()
        ],
    }


def _describe_signalling(state: State) -> dict[str, Any]:
    here = state.on_signalling
    broadcast = here.broadcast
    return {
        "exchanges": len(here.exchanges),
        "exchanges_begun": here.begun,
        "proven": len(here.proven),
        "purchases_in_options": len(here.desk.counters),
        "broadcast_epoch": broadcast.terms.epoch if broadcast is not None else None,
    }


def _describe_auction(state: State, now: Now) -> dict[str, Any]:
    """The one under way, or else the next one, with the forecast of the last."""
    here = state.on_auction
    return {
        "phase": here.phase.value,
        "clearing_s": here.clearing_s or None,
        "forecast": list(here.forecast),
        "bids_relayed": here.relayed,
        "sold": [
            {
                "consumer": str(share.consumer),
                "ends_s": share.ends_s,
                "floor_down_bps": share.qos.floor_down_bps,
                "floor_up_bps": share.qos.floor_up_bps,
                "units": share.units,
            }
            for share in here.shares(now.utc_s)
        ],
        "sold_before": here.elsewhere,
        "last": here.last,
    }


def _describe_air(air: AirState) -> dict[str, Any]:
    served = sum(1 for one in air.associations.values() if one.grant_id)
    return {
        "hostapd_connected": air.connected,
        "ssid": air.ssid.decode(errors="backslashreplace"),
        "network_known": bool(air.network),
        "operator_registered_s": air.registered_s or None,
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
        "metered": is_metered_pass(session.grant),
        "station": str(session.station),
        "phase": session.phase.value,
        "reason": session.reason.value,
        "ends_s": session.grant.ends_s,
        **_describe_qos(qos),
        "data_cap_bytes": qos.data_cap_bytes,
        "down_bytes": session.used.down_bytes,
        "up_bytes": session.used.up_bytes,
        "down_shortfall_bytes": session.used.down_shortfall_bytes,
        "up_shortfall_bytes": session.used.up_shortfall_bytes,
        # while it asked for its floor; null if it never did, or nobody watched
        "demanded_down_bps": session.watch.demanded_down.delivered_bps,
        "demanded_up_bps": session.watch.demanded_up.delivered_bps,
    }
