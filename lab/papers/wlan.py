"""003 4.4, sessions on Wi-Fi: what 802.11g can carry at all, and how many clients that leaves room for.

The ceiling is Bianchi's model of saturated stations (DCF), with the timing of 802.11g alone in its band. Admission is a
fluid model on top: five sessions in a row for each client, as the text describes, against a capacity. What packets
see of it is played on the real shaper: lab/admission, and wlan_packets.py beside this.
Reference: Bianchi (2000), Performance analysis of the IEEE 802.11 DCF. Units: s, Mbit/s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lab.admission.evening import (
    CLIENTS,
    CONFERENCE_MBPS,
    LENGTH_MINUTES,
    LOWER,
    MINUTES,
    PAUSE_MINUTES,
    START_MINUTES,
    STREAM_MBPS,
    STREAMS,
    admit,
    by_minute,
    draw,
)
from lab.admission.judge import THEIR_LATENCY_MS
from lab.admission.measuring import Outcome
from lab.papers.exhibit import Chosen, Effort, Finding, Findings, Plot, Rows, Series, Verdict, judged
from lab.papers.spread import spread
from lab.papers.wlan_packets import (
    PACKETS_CHOSEN,
    SEE,
    Evenings,
    evening_tables,
    latency_finding,
    packet_plots,
    play_evenings,
    rates_finding,
)

SLOT_S, SIFS_S, DIFS_S = 9e-6, 10e-6, 28e-6
PREAMBLE_S, EXTENSION_S, SYMBOL_S = 20e-6, 6e-6, 4e-6
CW_MIN, STAGES = 16, 6
DATA_BITS, ACK_BITS = 216, 96
"""Of a symbol at 54 and at 24 Mbit/s."""
PAYLOAD_BYTES, MAC_BYTES, ACK_BYTES = 1_500, 36, 14
_SESSIONS = (
    Chosen(
        "start, length and pauses of sessions, drawn evenly",
        f"within {START_MINUTES} minutes; {LENGTH_MINUTES[0]} to {LENGTH_MINUTES[1]}; up to {PAUSE_MINUTES}",
        "five in a row come to about 40 of the 50 minutes",
    ),
    Chosen("streams among sessions", f"{STREAMS:.0%}, the others conferences", "demand of up to 80 Mbit/s"),
)
_INCENTIVE = Chosen(
    "who takes the incentive",
    f"everybody: {CONFERENCE_MBPS} to {LOWER[CONFERENCE_MBPS]}, {STREAM_MBPS} to {LOWER[STREAM_MBPS]} Mbit/s",
    "the text does not say how many do",
)


def frame_s(octets: int, symbol_bits: int) -> float:
    symbols = math.ceil((16 + 8 * octets + 6) / symbol_bits)
    return PREAMBLE_S + symbols * SYMBOL_S + EXTENSION_S


def saturation_mbps(stations: int) -> float:
    """Payload that so many saturated stations get through together."""
    tau = _attempt(stations)
    idle = (1 - tau) ** stations
    alone = stations * tau * (1 - tau) ** (stations - 1)
    data = frame_s(PAYLOAD_BYTES + MAC_BYTES, DATA_BITS)
    success_s = data + SIFS_S + frame_s(ACK_BYTES, ACK_BITS) + DIFS_S
    collision_s = data + DIFS_S
    mean_s = idle * SLOT_S + alone * success_s + (1 - idle - alone) * collision_s
    return alone * 8 * PAYLOAD_BYTES / mean_s / 1e6


def _attempt(stations: int) -> float:
    """How likely a station sends in a slot: the fixed point, by bisection."""

    def excess(tau: float) -> float:
        p = 1 - (1 - tau) ** (stations - 1)
        doubled = sum((2 * p) ** stage for stage in range(STAGES))
        return 2 / (1 + CW_MIN + p * CW_MIN * doubled) - tau

    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return low


@dataclass(frozen=True, slots=True)
class Evening:
    """Mbit/s by minute, what was asked for and what was let in; sessions refused, of all."""

    asked: tuple[float, ...]
    admitted: tuple[float, ...]
    refused: int
    sessions: int


def evening(seed: int, capacity: float, *, incentive: bool, clients: int = CLIENTS) -> Evening:
    """Clients start, last and pause as chosen. A session is let in whole or not; with the incentive all take it."""
    wishes = draw(seed, incentive=incentive, clients=clients)
    taken = admit(wishes, capacity, clients)
    return Evening(
        by_minute(wishes, clients), by_minute(taken, clients), len(wishes) - len(taken), len(wishes)
    )


def findings(effort: Effort) -> Findings:
    evenings = play_evenings(effort)
    return {
        "003/figure-4.5": _crowd(effort, evenings),
        "003/figure-4.6": _admission(effort, evenings),
        "003/figure-4.7": latency_finding(evenings),
        "003/figure-4.8": rates_finding(evenings),
    }


def crowd_verdict(crowd: Outcome | None) -> tuple[Verdict, tuple[str, ...]]:
    """What the model carries of 50, and what packets say of it. The air's rate and queue are given to the packets, so
    that what they deliver and how long they wait is no evidence.
    """
    if crowd is None:
        return judged(Verdict.SHAPE, {"packets: not played": False})
    carried = saturation_mbps(CLIENTS)
    return judged(
        Verdict.SHAPE,
        {
            f"about 30 Mbit/s (within 15 %) of {CLIENTS} saturated stations (the model's {carried:.1f})": (
                abs(carried / 30 - 1) <= 0.15
            ),
            "most sessions fail": crowd.satisfied_share < 0.5,
        },
    )


def _crowd(effort: Effort, evenings: Evenings) -> Finding:
    stations = (1, 2, 5, 10, 20, 30, 50, 75)
    rates = tuple((float(n), saturation_mbps(n)) for n in stations)
    runs = [evening(seed, math.inf, incentive=False) for seed in range(effort.seeds)]
    most = spread([max(run.asked) for run in runs])
    crowd = evenings.fit.get("g-crowd")
    low, high = THEIR_LATENCY_MS
    verdict, missed = crowd_verdict(crowd)
    seen = "no packets were played" if crowd is None else (
        f"Packets of {crowd.scenario.clients} clients behind one queue of {crowd.scenario.queue_packets} packets on an "
        f"air of {crowd.scenario.air_mbps:.1f} Mbit/s: {crowd.busiest_mbps:.1f} delivered, {crowd.latency_ms or 0:.0f} "
        f"ms in the mean, {crowd.satisfied} of {crowd.wishes} sessions satisfied, {crowd.wasted_share:.0%} of what was "
        "delivered wasted on the others"
    )  # fmt: skip
    return Finding(
        verdict,
        f"802.11g carries {saturation_mbps(1):.1f} Mbit/s of one saturated station and "
        f"{saturation_mbps(50):.1f} of 50, so "
        f"about 30 are the ceiling of the medium and no collapse; asked for are up to {most:.0f} Mbit/s. {seen}.",
        "U11: what the text reads as damage by crowding is what 54 Mbit/s leave after preambles, gaps and "
        f"acknowledgements. The latency is a full queue's. {evenings.words}",
        calibrated=(
            "the mix of sessions, to a demand of up to 80 Mbit/s",
            f"the packets' air and queue, and so their latency (in the text {low:.0f} to {high:.0f} ms)",
        ),
        predicted=("the ceiling: from the standard's timing", "that most sessions fail"),
        failures=missed,
        tables=evening_tables("The crowd as packets", evenings, ("g-crowd",)),
        plots=(
            *packet_plots(evenings, ("g-crowd",)),
            Plot("What 802.11g carries at most", "saturated stations", "Mbit/s", (
                Series("Bianchi's model", rates),
                Series("delivered, in the text", ((1.0, 30.0), (75.0, 30.0)), is_theirs=True),
                Series("nominal", ((1.0, 54.0), (75.0, 54.0)), is_theirs=True),
            ), y_low=0.0),
        ),
        seeds=effort.seeds,
        chosen=(
            Chosen("frames", "1,500 octets, CWmin 15, short slots", "802.11g alone in its band: the kindest case"),
            *_SESSIONS,
            *PACKETS_CHOSEN,
        ),
        see=SEE,
    )  # fmt: skip


def admission_verdict(alone_mbps: float) -> tuple[Verdict, tuple[str, ...]]:
    """Near 50 Mbit/s cannot be where one station alone gets less."""
    held = {"one station alone gets less than 50 Mbit/s": alone_mbps < 50}
    return judged(Verdict.REFUTED, held, otherwise=Verdict.SHAPE)


def _admission(effort: Effort, evenings: Evenings) -> Finding:
    rows, shares = [], list[float]()
    for capacity, incentive, clients in (
        (50.0, False, 50), (30.0, False, 50), (50.0, True, 50), (40.0, True, 75), (30.0, True, 50),
    ):  # fmt: skip
        runs = [evening(seed, capacity, incentive=incentive, clients=clients) for seed in range(effort.seeds)]
        refused = spread([100 * run.refused / run.sessions for run in runs])
        shares.append(refused.mean)
        busiest = spread([max(run.admitted) for run in runs])
        rows.append((capacity, clients, "yes" if incentive else "no", f"{refused:.0f}", f"{busiest:.0f}",
                     "no" if busiest.mean > saturation_mbps(clients) else "yes"))  # fmt: skip
    one = evening(0, 50.0, incentive=False)
    two = evening(0, 50.0, incentive=True)
    minutes = [float(n) for n in range(MINUTES)]
    verdict, missed = admission_verdict(saturation_mbps(1))
    few = () if shares[0] <= 10 else (f'"a few rejected": ours {shares[0]:.0f} % of the sessions',)
    beyond = evenings.fit.get("50-sold-of-g")
    sold = "" if beyond is None else (
        f" As packets, admission to {beyond.scenario.capacity_mbps:g} Mbit/s of an air that carries "
        f"{beyond.scenario.air_mbps:.1f} satisfies {beyond.satisfied} of {beyond.admitted} and delivers "
        f"{beyond.busiest_mbps:.1f} Mbit/s in the busiest minute."
    )  # fmt: skip
    return Finding(
        verdict,
        f"What is near 50 Mbit/s cannot be on 802.11g: one station alone gets {saturation_mbps(1):.1f}. In a "
        f"fluid model "
        f"with a capacity of 50, as in the source, {rows[0][3]} % of the sessions are refused without incentives and "
        f"{rows[2][3]} % with them, and the busiest minute then has {rows[2][4]} Mbit/s.{sold}",
        "U11. With 802.11n and aggregation 50 Mbit/s are there; the capacity is a parameter of ours, and 50 is the "
        f"source's label. That none is refused with incentives rests on everybody's taking them. {evenings.words}",
        calibrated=(
            "the mix of sessions, to a demand of up to 80 Mbit/s",
            "with incentives everybody takes a third of the rate: few are refused by construction",
        ),
        predicted=("how many are refused without incentives",),
        failures=(*missed, *few),
        plots=(
            Plot("Fluid model, capacity 50 as in the source (seed 0)", "minute", "Mbit/s", (
                Series("asked for", tuple(zip(minutes, one.asked, strict=True))),
                Series("admitted", tuple(zip(minutes, one.admitted, strict=True))),
                Series("admitted, with incentives", tuple(zip(minutes, two.admitted, strict=True))),
                Series("ceiling of 802.11g, 50 stations", ((0.0, saturation_mbps(50)), (49.0, saturation_mbps(50)))),
            ), y_low=0.0),
            *packet_plots(evenings, ("50-floors", "50-incentive", "50-sold-of-g"), delivered_only=True),
        ),
        tables=(
            Rows("Refused, and the busiest minute",
                 ("capacity, Mbit/s", "clients", "incentive", "refused, %", "busiest minute, Mbit/s",
                  "802.11g carries it"),
                 tuple(rows)),
            *evening_tables("The same as packets, one evening each", evenings),
        ),
        seeds=effort.seeds,
        chosen=(*_SESSIONS, _INCENTIVE, *PACKETS_CHOSEN),
        see=SEE,
    )  # fmt: skip
