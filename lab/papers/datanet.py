"""003 chapter 5, Datanet: what can be measured of it here, and why the rest cannot.

The chapter measures phones, a testbed and other people's maps; what can be built of it is the protocol, which is
docs/payments.md and docs/operatord.md. Sizes are exact; times are of one core of this machine.
"""

from __future__ import annotations

from lab.bench.payplace_channels import Sizes, measure_micropayments
from lab.papers.exhibit import Effort, Finding, Findings, Rows, Verdict, judged
from lab.papers.measured import measured
from wire.micropayment import MICROPAYMENT_BYTES
from wire.payment import MAX_EVIDENCE_BYTES

_MAPS = "the data are others' (WiGLE, LifeMap, a testbed in Chicago, home routers), and none of them are here"


def findings(effort: Effort) -> Findings:
    figures = {
        each.what: each.value for each in measure_micropayments(Sizes(times=500 if effort.quick else 20_000))
    }
    made, verified = (figures[f"micropayments {what}, one core"] for what in ("made", "verified"))
    datagram = figures["a payment with everything, datagram"]
    return {
        **{
            f"003/figure-5.{n}": Finding(Verdict.CANNOT, "nothing", reason=_MAPS)
            for n in (2, 3, 4, 5, 6, 7, 8)
        },
        "003/figure-5.10": _time(made, verified),
        "003/figure-5.11": _traffic(datagram),
        "003/figure-5.12": _latency(),
    }


def _time(made: float, verified: float) -> Finding:
    return Finding(
        Verdict.CANNOT,
        f"On one core of this machine a micropayment is made in {1e6 / made:.0f} µs and verified in "
        f"{1e6 / verified:.0f} µs.",
        "The figure has three phones of 2019 and Google's attestation. Ours needs no call to anybody: the "
        "meter's records "
        "are signed by a key that the operator has seen, in software or in a TPM.",
        tables=(
            Rows("A micropayment", ("", "theirs", "ours"), (
                ("made", "about 100 ms (phone)", f"{1e6 / made:.0f} µs (one core here)"),
                ("verified", "not given", f"{1e6 / verified:.0f} µs"),
                ("attestation", "about 1 s (phone, SafetyNet)", "no call: evidence travels with the payment"),
            )),
        ),
        see=("wire/micropayment.py", "docs/performance.md"),
    )  # fmt: skip


def traffic_verdict(datagram_bytes: float) -> tuple[Verdict, tuple[str, ...]]:
    """A figure of two halves, of which we have one."""
    return judged(
        Verdict.SHAPE,
        {
            "a payment below 500 B": datagram_bytes < 500,
            "0.04 to 0.08 % of battery a minute: not measured": False,
        },
    )


def _traffic(datagram: float) -> Finding:
    verdict, missed = traffic_verdict(datagram)
    return Finding(
        verdict,
        f"A micropayment is {MICROPAYMENT_BYTES} B, and the datagram that pays for a minute, with the device's "
        f"signed meter "
        f"reading, {datagram:.0f} B, beside their 500. Evidence of a TPM comes to at most {MAX_EVIDENCE_BYTES:,} "
        f"B, once a "
        "session and not each minute, beside their 10 KB and 100 KB in the background.",
        "Half of the figure is the battery of phones, which are not here.",
        failures=missed,
        predicted=("the sizes: they are the formats'",),
        tables=(
            Rows("Octets", ("", "theirs", "ours"), (
                ("micropayment", "below 500", str(MICROPAYMENT_BYTES)),
                ("a payment with the meter's reading", "not given", f"{datagram:.0f}"),
                ("attestation", "10 KB, and 100 KB behind it", f"at most {MAX_EVIDENCE_BYTES:,}, once"),
                ("battery, % a minute", "0.04 to 0.08", "not measured"),
            )),
        ),
        see=("wire/micropayment.py", "wire/payment.py"),
    )  # fmt: skip


def _latency() -> Finding:
    ways = (("passphrase", "join by passphrase, p50"), ("EAP-TLS, as Datanet", "join by EAP-TLS, p50"),
            ("EAP-TTLS, as Hotspot 2.0", "join by EAP-TTLS with a password, p50"))  # fmt: skip
    found = tuple((name, round(value, 1)) for name, what in ways if (value := measured("wifi", what)))
    return Finding(
        Verdict.CANNOT,
        "On virtual radios in a guest's kernel (make bench NAME=wifi): "
        + (
            "; ".join(f"{name} {value:g} ms" for name, value in found)
            if found
            else "not measured on this machine"
        )
        + ".",
        "Their access point, cloud and phones decide it. Without distances ours shows the difference in work: a "
        "tenth of "
        "a second, which is small beside looking for a network and getting an address.",
        tables=(Rows("Joining, median", ("by", "ms"), found),) if found else (),
        see=("docs/wifi-lab.md", "docs/performance.md"),
    )
