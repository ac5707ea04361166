"""The shell that has the kernel count the packets of UEs on the user plane's device (a UPF's tun).

In: which UEs are to be counted, and which may speak to the lobby only. Out: counters, by slot. It shapes nothing: the
cell does. The kernel keeps elements and counters while no daemon runs; `set_up` adopts them. The `nft` program runs at
set-up, in `load_gate` and at the end; the rest goes over one netlink socket and takes well under a millisecond.
Whatever the device: rules name it, and count what comes and goes by a device of that name, so that a user plane that
starts anew is counted on.
"""

import errno
import socket
from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from tc_shaper.attributes import Message
from tc_shaper.counters import ElementCounters, Flow, SlotCounters
from tc_shaper.netlink import NetlinkSocket, RefusedError
from tc_shaper.nfnetlink import NETFILTER_PROTOCOL, batch
from tc_shaper.nft import run_nft
from tc_shaper.tree import Direction
from tc_shaper.ue_elements import (
    CountedUe,
    UeElement,
    add_ue,
    counted_as,
    dump_ues,
    plan_ue_gate,
    plan_ue_rules,
    read_ues,
    remove_ue,
    set_idle,
)
from wire.errors import ShellError


class UeMeter:
    """Counts on `device` in the nftables table `table`. Every method raises ShellError only."""

    def __init__(self, device: str, lobby_port: int, table: str = "airgrant_cell") -> None:
        self._device, self._lobby_port, self._table = device, lobby_port, table
        self._socket: NetlinkSocket | None = None
        self._gate = f"{table}_gate"
        self._gate_refused: ShellError | None = None
        self._ues: dict[int, IPv4Address | IPv6Address] = {}

    def set_up(self) -> None:
        """Make tables and rules, or adopt them with the UEs in them. The device has to be there."""
        try:
            socket.if_nametoindex(self._device)
        except OSError as error:
            raise ShellError(
                f"interface {self._device}", f"is not there: does the UPF run? ({error})"
            ) from error
        run_nft(plan_ue_rules(self._table, self._device))
        self.load_gate()
        self._socket = NetlinkSocket(NETFILTER_PROTOCOL, "nftables")
        self._ues = {element.slot: element.address for element in self._elements() if element.slot}

    def load_gate(self) -> None:
        """Make the table behind `confine`, or adopt it with who is in it. Where the kernel will not, `confine` says so.

        Runs `nft`, some milliseconds; it uses nothing that the other methods change, so any thread may call it.
        """
        try:
            run_nft(plan_ue_gate(self._gate, self._device, self._lobby_port))
        except ShellError as error:
            self._gate_refused = error
        else:
            self._gate_refused = None

    def close(self) -> None:
        """Forget the kernel; it counts on."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def tear_down(self) -> None:
        """Take the tables away, with all counters."""
        self.close()
        for table in (self._table, self._gate):
            run_nft(f"table inet {table} {{ }}\ndelete table inet {table}\n")

    def confine(self, ues: Iterable[IPv4Address | IPv6Address]) -> None:
        """These UEs, and no others, reach the lobby and nothing else."""
        if self._gate_refused is not None:
            raise self._gate_refused
        self._change(set_idle(self._gate, ues), f"keep UEs to the lobby by table {self._gate}")

    def ues(self) -> dict[int, IPv4Address | IPv6Address]:
        """Which slots are counted, and for whom; of an IPv6 UE its prefix's first address."""
        return dict(self._ues)

    def resynchronise(self, ues: Iterable[CountedUe]) -> None:
        """Count exactly these; those that are there already lose nothing."""
        wanted = {ue.slot: ue for ue in ues}
        for slot, address in self.ues().items():
            if slot not in wanted or counted_as(wanted[slot].address) != address:
                self.remove(CountedUe(slot, address))
        for slot, ue in wanted.items():
            if slot not in self._ues:
                self.add(ue)

    def add(self, ue: CountedUe) -> None:
        """Count a UE from zero."""
        assert ue.slot not in self._ues, f"slot {ue.slot} is in use"
        self._change(add_ue(self._table, ue), f"count {ue.address}")
        self._ues[ue.slot] = counted_as(ue.address)

    def remove(self, ue: CountedUe) -> SlotCounters:
        """Count it no more; its final counters, which are zeros if it was not counted."""
        try:
            answers = self._change(remove_ue(self._table, ue.address), f"stop counting {ue.address}")
        except _NotThereError:
            answers = []
        self._ues.pop(ue.slot, None)
        found = [element for message in answers for element in read_ues(message)]
        return _slot_counters(ue.slot, counted_as(ue.address), found)

    def read_counters(self) -> list[SlotCounters]:
        """Of every UE since it was added, in order of slots."""
        by_slot: dict[int, list[UeElement]] = {slot: [] for slot in self._ues}
        for element in self._elements():
            if element.slot in by_slot:
                by_slot[element.slot].append(element)
        missing = [slot for slot, found in by_slot.items() if len(found) != len(Direction)]
        if missing:
            raise ShellError(
                "nftables", f"the counters of slots {missing[:5]} are gone: was the ruleset flushed?"
            )
        return [_slot_counters(slot, self._ues[slot], found) for slot, found in sorted(by_slot.items())]

    def _elements(self) -> list[UeElement]:
        try:
            return [
                element
                for request in dump_ues(self._table)
                for message in self._open().dump(request)
                for element in read_ues(message)
            ]
        except RefusedError as refusal:
            raise ShellError(f"read the sets of table {self._table}", str(refusal)) from refusal

    def _change(self, changes: Sequence[Message], what: str) -> list[Message]:
        try:
            return self._open().batch(batch(changes), atomic=True)
        except RefusedError as refusal:
            kind = _NotThereError if refusal.code == errno.ENOENT else ShellError
            raise kind(what, str(refusal)) from refusal

    def _open(self) -> NetlinkSocket:
        assert self._socket is not None, "set_up comes first"
        return self._socket


class _NotThereError(ShellError):
    """What is to be removed is gone."""


def _slot_counters(
    slot: int, address: IPv4Address | IPv6Address, elements: Iterable[UeElement]
) -> SlotCounters:
    """What left the box is all that is known here: offered and delivered are the same."""
    counted = dict.fromkeys(Direction, ElementCounters())
    counted.update({element.direction: element.counters for element in elements})
    flows = {
        direction: replace(
            Flow(),
            delivered_bytes=one.bytes,
            delivered_packets=one.packets,
            offered_bytes=one.bytes,
            offered_packets=one.packets,
        )
        for direction, one in counted.items()
    }
    return SlotCounters(slot, address, flows[Direction.DOWN], flows[Direction.UP])
