"""One result of the demo with something of everything; tests of what judges a result, and of what shows it, use it."""

from lab.result import (
    Account,
    Attack,
    Check,
    Figure,
    Gap,
    LatencyPoint,
    Ledger,
    Moment,
    RatePoint,
    Record,
    Reports,
    Result,
    Run,
    Session,
    Unpaid,
)

SESSION = Session(
    grant="aa" * 32,
    buyer="Ada",
    station="sta1",
    mac="02:00:00:00:77:01",
    direction="down",
    floor_bps=5_000_000,
    ceil_bps=8_000_000,
    delivered_bps=5_010_000,
    metered_bytes=1_000_100,
    wire_bytes=1_000_000,
    starts_s=1.0,
    ends_s=61.0,
    rates=(RatePoint(1.0, 5_000_000), RatePoint(2.0, 5_000_000, 9_000_000)),
    latency=(LatencyPoint(1.5, 12.25),),
)
RECORD = Record("report", 1, 1.0, 6.0, "bb" * 32, 1_000_100, (Check("quote", True),))
RESULT = Result(
    sessions=(SESSION,),
    reports=Reports(1, 1, 0.0, "TPM 2.0", (RECORD,), (Gap(6.0, 6.5, "restart"),)),
    attacks=(
        Attack("replayed grant", stopped=True, by="the daemon"),
        Attack("borrowed MAC address", stopped=False, by="link keys", stoppable=False),
    ),
    ledger=Ledger(
        True,
        "cc" * 32,
        3,
        7,
        (Account("Ada", "buyer", "02aa", 10, 4), Account("Box", "provider", "03bb", 0, 6)),
    ),
    run=Run(
        "2026-01-01 12:00 UTC",
        70.0,
        "make demo",
        "Linux",
        "0.1.0",
        60_000_000,
        60_000_000,
        ("FIFO",),
        20.0,
        40.0,
    ),
    unpaid=(
        Unpaid(
            "Frank", "sta3", "02:00:00:00:77:03", "pushes", 40_000_000, 0, (RatePoint(1.0, 0, 40_000_000),)
        ),
    ),
    figures=(Figure("journey", 0.2, "s", 1.0, "lower"),),
    moments=(Moment(1.0, "Ada", "buys"),),
)
