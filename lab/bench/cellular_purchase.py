"""A purchase inside EAP at a running apd: from the first packet to the ledger's receipt, and to a slice in force.

`python -m apd run` beside a gNB without a radio, a broker and a played ledger on this machine (lab/cell_site.py); the
end of NAS is the lab's, without NAS around the packets, so that what is measured is the box's part. Beside it the same
purchase over the lobby's datagrams. One purchase after the other, at the pace that a cell allows strangers.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from apd.signalling_frames import Admitted, Begin, SendEap
from lab.bench.result import Against, Figure
from lab.cell_site import BOX_ADDRESS, CellSite, cell_site, supi, ue_address
from lab.percentile import percentile
from lab.ran.gnb_file import slots_of
from lab.ran.nas_buyer import NasBuyer
from lab.ran.nas_end import NasEnd
from nas_tunnel import eap_buyer
from nas_tunnel.lobby import (
    PORT,
    Announcement,
    Discover,
    Joined,
    Left,
    LobbyMessage,
    Outcome,
    Purchase,
    read_lobby,
    write_lobby,
)
from wire.allocate import Allocate
from wire.errors import ShellError
from wire.grant import read_grant
from wire.offer import read_offer
from wire.transaction import Transaction, sign_transaction

Progress = Callable[[str], None]
COUNT = 100
FLOOD = 64
PACE_S = 0.65
"""Sixteen purchases of all strangers in ten seconds reach the ledger (nas_tunnel/pco_desk.py)."""
A, B = slots_of(2)


@dataclass(slots=True)
class Times:
    """Of one purchase each, in seconds."""

    to_receipt: list[float]
    to_key: list[float]
    to_slice: list[float]
    in_lobby: list[float]


def run(progress: Progress, count: int = COUNT) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        progress(f"{count} purchases inside EAP, and as many in the lobby")
        bare_mb = _weigh(Path(folder) / "bare")
        times, fresh_mb, flooded_mb = _measure(Path(folder) / "nas", count)
    receipt = "purchase inside EAP: first packet to the ledger's receipt at the UE"
    yield _milliseconds(f"{receipt}, p50", times.to_receipt, 0.5, times)
    yield _milliseconds(f"{receipt}, p99", times.to_receipt, 0.99, times)
    yield Figure("to EAP-Success, p50", 1e3 * percentile(times.to_key, 0.5), "ms", None, "lower")
    in_force = "from the word whose key it was to its slice in force, p50"
    yield Figure(in_force, 1e3 * percentile(times.to_slice, 0.5), "ms", None, "lower")
    beside = Against("without [cell.signalling]", bare_mb)
    yield Figure(
        "resident memory of apd on a cell, with [cell.signalling]", fresh_mb, "MB", None, "lower", beside
    )
    added = f"what {FLOOD} strangers in the middle of their purchases add to it"
    yield Figure(added, max(0.0, flooded_mb), "MB", None, "lower")


def _milliseconds(what: str, seen: list[float], share: float, times: Times) -> Figure:
    beside = Against("the same over the lobby's datagrams", 1e3 * percentile(times.in_lobby, share))
    return Figure(what, 1e3 * percentile(seen, share), "ms", None, "lower", beside)


def _weigh(folder: Path) -> float:
    """A cell without purchases in NAS."""
    with cell_site(folder) as site:
        _start(site, "")
        return _resident_mb(site)


def _measure(folder: Path, count: int) -> tuple[Times, float, float]:
    times = Times([], [], [], [])
    with cell_site(folder) as site:
        site.house.attach(1, A)
        site.box.ledger.accounts.append(site.box.consumer.public)
        _start(site, '\n[cell.signalling]\nsocket = "nas.sock"\n')
        fresh_mb = _resident_mb(site)
        lobby = site.box.station.call(_open_lobby)
        with lobby, NasEnd(site.box.folder / "nas.sock") as nas:
            for _ in range(count):
                time.sleep(PACE_S / 2)  # what the one before left to do is done
                _buy(site, nas, times)
                time.sleep(PACE_S / 2)
                _buy_in_lobby(site, lobby, times)
            return times, fresh_mb, _flood(site, nas)


def _open_lobby() -> socket.socket:
    """UE 1's, towards the box."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((str(ue_address(1)), 0))
    opened.connect((BOX_ADDRESS, PORT))
    opened.settimeout(10.0)
    return opened


def _ask(lobby: socket.socket, message: LobbyMessage) -> LobbyMessage:
    lobby.send(write_lobby(message))
    return read_lobby(lobby.recv(2_048))


def _start(site: CellSite, section: str) -> None:
    site.box.config.write_text(site.box.config.read_text() + section)
    site.box.start()
    site.box.wait_until_it_sells()
    for word in ('"core_connected"', '"gnb_connected"'):
        site.box.process.wait_for_line(word, 15)


def _buyer(site: CellSite) -> NasBuyer:
    return NasBuyer(site.box.consumer, site.box.ledger.key.public, site.box.ledger.ledger_id)


def _buy(site: CellSite, nas: NasEnd, times: Times) -> None:
    """And leaves again, so that the next has room."""
    ue, device = os.urandom(8), _buyer(site)
    began_s = time.monotonic()
    word = nas.begin(ue)
    while isinstance(word, SendEap):
        answer = device.hear(word.packet)
        if device.heard_any(eap_buyer.KeepOutcome) and len(times.to_receipt) == len(times.to_key):
            times.to_receipt.append(time.monotonic() - began_s)
        word = nas.hear(ue, answer)
    if not isinstance(word, Admitted):
        raise ShellError("purchase", f"{word.reason}: {word.detail}")
    times.to_key.append(time.monotonic() - began_s)
    began_s = time.monotonic()
    nas.subscriber(ue, supi(1))
    told = nas.told(ue)
    if not isinstance(told, Joined):
        raise ShellError("purchase", f"{told}")
    times.to_slice.append(time.monotonic() - began_s)
    device.hear(word.packet)
    left = site.leave(device.last(eap_buyer.KeepGrant).grant)
    if not isinstance(left, Left):
        raise ShellError("purchase", f"{left}")


def _buy_in_lobby(site: CellSite, lobby: socket.socket, times: Times) -> None:
    """The same by datagrams; it joins and leaves afterwards, so that the next has room."""
    began_s = time.monotonic()
    announced = _ask(lobby, Discover())
    if not isinstance(announced, Announcement):
        raise ShellError("lobby", f"{announced}")
    offer = read_offer(announced.offer, announced.provider)
    action = Allocate(announced.provider, offer.price_ubc, offer.band, offer.epoch)
    wanted = Transaction(action, os.urandom(8), announced.utc_s + 300)
    signed = sign_transaction(wanted, site.box.consumer, site.box.ledger.ledger_id)
    answer = _ask(lobby, Purchase(signed.envelope.encoded))
    if not isinstance(answer, Outcome):
        raise ShellError("lobby", f"{answer}")
    times.in_lobby.append(time.monotonic() - began_s)
    grant = read_grant(answer.grant, site.box.ledger.key.public, site.box.ledger.ledger_id)
    for word, wanted_word in ((site.join(grant), Joined), (site.leave(grant), Left)):
        if not isinstance(word, wanted_word):
            raise ShellError("lobby", f"{word}")


def _flood(site: CellSite, nas: NasEnd) -> float:
    before_mb = _resident_mb(site)
    for number in range(FLOOD):
        if number % 30 == 0:
            time.sleep(1.1)  # no more are begun in a second
        nas.say(Begin(number.to_bytes(2, "big"), 1))
    for number in range(FLOOD):
        nas.word(number.to_bytes(2, "big"))
    return _resident_mb(site) - before_mb


def _resident_mb(site: CellSite) -> float:
    said = Path(f"/proc/{site.box.process.process.pid}/status").read_text()
    found = next(line.split()[1] for line in said.splitlines() if line.startswith("VmRSS"))
    return int(found) * 1_024 / 1e6
