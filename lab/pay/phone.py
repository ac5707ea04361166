"""A device that pays for one visit, as a program: `python -m lab.pay.phone VISIT.json`, in the device's namespace.

It says that it is ready, and begins when it is told that it is associated (SIGUSR1).
The paying is device/payer.py's and the counting device/counters.py's; here is only what an application adds: when to
begin, when to go (SIGTERM), and, for a device that cheats, after how many intervals to end without a word. One JSON
value a line on standard output: each payment when it is on its way, and how it ended. Exit status 0, or 3.
"""

import json
import signal
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from device.counters import Meter
from device.payer import Ended, Payer
from device.purse import load_channel
from device.wallet import load_wallet
from lab.pay.cast import CEIL_BPS, FLOOR_BPS, INTERVAL_S, PER_MINUTE_UBC
from wire.errors import ConfigError, ShellError
from wire.ids import MacAddress, PublicKey
from wire.qos import Qos
from wire.tariff import Tariff

WORLD = 3
_LOOK_S = 0.25


def tariff_of(address: str) -> Tariff:
    """What both operators ask, each to be paid at its own address."""
    qos = Qos(FLOOR_BPS, CEIL_BPS, FLOOR_BPS, CEIL_BPS)
    return Tariff(PER_MINUTE_UBC, 0, INTERVAL_S, qos, IPv4Address(address))


def main(argv: list[str]) -> int:
    """`python -m lab.pay.phone VISIT.json`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    told_to_go: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: told_to_go.append(number))
    page = json.loads(Path(argv[0]).read_text())
    try:
        _pay(page, told_to_go)
    except (ShellError, ConfigError) as error:
        _say({"trouble": str(error)})
        return WORLD
    return 0


def _pay(page: dict[str, Any], told_to_go: list[int]) -> None:
    wallet = load_wallet(Path(page["wallet"]))
    instance, operator = bytes.fromhex(page["instance"]), PublicKey.parse(page["operator"])
    channel = load_channel(wallet.path, instance, operator, page["limit_ubc"])
    before_ubc, said = channel.purse.paid_ubc, 0
    _say({"ready": True})
    signal.sigwait({signal.SIGUSR1})
    bssid, interface = MacAddress.parse(page["bssid"]), page["interface"]
    meter = Meter(interface)
    with Payer(wallet, channel, tariff_of(page["address"]), bssid, meter, interface) as payer:
        while payer.ended is None and not told_to_go:
            if payer.intervals > said:
                said = payer.intervals
                _say({"intervals": said, "paid_ubc": payer.paid_ubc - before_ubc, "at_s": time.time()})
            if page["pays"] and said >= page["pays"]:
                break
            payer.run(_LOOK_S, lambda: not told_to_go)
    ended = payer.ended or Ended("left", "")
    counted = meter.read()
    _say({
        "ended": "stops_paying" if page["pays"] and said >= page["pays"] else ended.reason, "detail": ended.detail,
        "intervals": payer.intervals, "paid_ubc": payer.paid_ubc - before_ubc,
        "up_bytes": counted.up_bytes, "down_bytes": counted.down_bytes,
    })  # fmt: skip


def _say(page: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(page) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
