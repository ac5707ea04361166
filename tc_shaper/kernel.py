"""The shell around the kernel's traffic control: makes the wanted tree true, and reads what each session got.

What comes in are shapes, what goes out are netlink messages; what to install and when is decided elsewhere. The
kernel keeps all state: `close` leaves every session running, and the next `set_up` adopts it. Only `tear_down`
undoes. The `nft` program runs at set-up and teardown; installing, changing, removing and reading use two netlink
sockets. Calls block for well under a millisecond (a resynchronisation longer) and are not to be made from two
threads.
"""

import errno
import os
import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from tc_shaper import ethtool, nfnetlink, nft_set, rtnetlink
from tc_shaper.attributes import Message
from tc_shaper.counters import ElementCounters, Flow, QueueCounters, SlotCounters, plan_flow, widen_queue
from tc_shaper.diff import AddElement, RemoveElement, RemoveLeaf, SetClass, SetLeaf, Step, diff
from tc_shaper.netlink import NetlinkSocket, RefusedError
from tc_shaper.nft import run_nft
from tc_shaper.offload import AGGREGATION, parse_flowtables, refuse_offload
from tc_shaper.ruleset import plan_ruleset
from tc_shaper.settings import ShaperSettings
from tc_shaper.tree import (
    FIRST_SLOT,
    IDLE,
    LINK,
    LOBBY,
    NOWHERE,
    Capabilities,
    ClassShape,
    Direction,
    Half,
    Leaf,
    SessionShape,
    Tree,
    adopt,
    plan_leaf,
    plan_session,
    plan_tree,
    pool_length,
)
from wire.errors import ConfigError, ShellError
from wire.ids import MacAddress

ELEMENTS_PER_TRANSACTION = 1_000
"""Keeps one transaction within a socket buffer that needs no privilege."""
GONE = (errno.ENOENT, errno.ENODEV)
"""How the kernel says that what we remove is not there. Of a queue it may say EINVAL: see `_names_no_queue`."""
SYSFS = Path("/sys/class/net")


class Shaper:
    """The shaper of one interface. `set_up` first; every method raises ShellError when the kernel fails or refuses."""

    def __init__(self, settings: ShaperSettings) -> None:
        self.settings = settings
        self.capabilities = Capabilities()
        self._route: NetlinkSocket
        self._nft: NetlinkSocket
        self._open: list[NetlinkSocket] = []
        self._ifindex: dict[Direction, int] = {}
        self._stations: dict[int, MacAddress] = {}
        self._pool_length = 0
        self._last: dict[tuple[Direction, int], QueueCounters] = {}

    # --- life

    def set_up(self) -> Capabilities:
        """Make device, trees, pool and rules, or adopt them with the sessions in them; say what this kernel lacks.

        Raises ConfigError if an offload would bypass us, ShellError if the kernel lacks what nothing replaces.
        """
        self.check_offload()
        try:
            self._connect()
            self._ifindex[Direction.UP] = self._ensure_ifb()
            return self._build()
        except BaseException:
            self.close()
            raise

    def check_offload(self) -> None:
        """Raise ConfigError, with what to do, if a flowtable or the network chip would carry packets past us."""
        interfaces = [self.settings.interface, *filter(None, [self.settings.wan_interface])]
        flowtables = parse_flowtables(run_nft("list flowtables"))
        refuse_offload(interfaces, flowtables, {name: ethtool.read_features(name) for name in interfaces})

    def close(self) -> None:
        """Forget the kernel; it goes on as it is."""
        while self._open:
            self._open.pop().close()

    def tear_down(self) -> None:
        """Undo everything: rules, trees, device, features. All sessions end, every station is let through again.

        Works as well on what an earlier process left.
        """
        if not self._open:
            self._connect()
        undo = _parse_undo(self._read_table())
        run_nft(f"delete table netdev {self.settings.table}\n", missing_is_fine=True)
        self._unless_gone(self._route, [rtnetlink.remove_root(self._ifindex[Direction.DOWN])])
        ifb = _find_ifindex(self.settings.ifb)
        if ifb is not None and self._read_link(ifb).kind == "ifb":
            self._unless_gone(self._route, [rtnetlink.remove_link(ifb)])
        self._restore(undo)
        self._stations.clear()
        self.close()

    # --- sessions

    def install(self, shape: SessionShape) -> None:
        """Give a station its classes, then send its packets there. The slot must be free: queues count from zero."""
        assert shape.slot not in self._stations, f"slot {shape.slot} is in use"
        self._grow(shape.slot)
        messages: list[Message] = []
        for direction, ifindex in self._ifindex.items():
            wanted, leaf = plan_session(self.settings, self.capabilities, direction, shape)
            root = rtnetlink.root_of(direction)
            messages.append(rtnetlink.set_class(ifindex, shape.slot, LINK, wanted, root))
            messages.append(rtnetlink.add_leaf(ifindex, shape.slot, leaf, root))
        what = f"install {shape.station} in slot {shape.slot}"
        self._run(self._route, messages, what)
        try:
            self._transact(
                self._element_messages(
                    [AddElement(d, shape.station, shape.slot, shape.lifetime_s) for d in Direction]
                ),
                what,
            )
        except ShellError:
            self._drop_queues(shape.slot)
            raise
        self._stations[shape.slot] = shape.station

    def change(self, shape: SessionShape) -> None:
        """New rates for an installed session, in place: no packet is lost, no counter starts again."""
        assert self._stations.get(shape.slot) == shape.station, f"{shape.station} is not in slot {shape.slot}"
        messages: list[Message] = []
        for direction, ifindex in self._ifindex.items():
            wanted, leaf = plan_session(self.settings, self.capabilities, direction, shape)
            root = rtnetlink.root_of(direction)
            messages.append(rtnetlink.set_class(ifindex, shape.slot, LINK, wanted, root))
            messages.append(rtnetlink.change_leaf(ifindex, shape.slot, leaf, root))
        self._run(self._route, messages, f"change slot {shape.slot}")

    def remove(self, slot: int, station: MacAddress) -> SlotCounters:
        """End a session: its station is unpaid from now on, what waits in its queues is dropped. Its final counters.

        What is gone already counts as removed, with zeros for what it had.
        """
        offered = self._drop_elements(station)
        queued = self._drop_queues(slot)
        self._stations.pop(slot, None)
        for direction in Direction:
            self._last.pop((direction, slot), None)
        return self._slot_counters(slot, station, queued, offered)

    def resynchronise(self, shapes: Iterable[SessionShape]) -> list[Step]:
        """Make exactly these the sessions, whatever the kernel holds; returns the steps. Equal ones lose nothing."""
        wanted = plan_tree(self.settings, self.capabilities, shapes)
        steps = diff(self.present(), wanted)
        self._apply(steps)
        for step in steps:
            if isinstance(step, RemoveLeaf | SetLeaf):
                self._last.pop((step.direction, step.slot), None)
        self._note(wanted)
        return steps

    # --- reading

    def sessions(self) -> dict[int, MacAddress]:
        """Which slots are in use and by whom, as installed or adopted."""
        return dict(self._stations)

    def present(self) -> Tree:
        """What the kernel holds, in the form of what is wanted."""
        leaves: dict[Direction, dict[int, Leaf]] = {direction: {} for direction in Direction}
        for direction, slot, message in self._dump_queues():
            leaves[direction][slot] = rtnetlink.read_leaf(message)
        halves = {
            direction: Half(
                self._read_classes(direction),
                leaves[direction],
                {element.station: element.slot for element in self._dump_elements(direction)},
            )
            for direction in Direction
        }
        return Tree(halves[Direction.DOWN], halves[Direction.UP])

    def read_counters(self) -> list[SlotCounters]:
        """Every session since it was installed, in order of slots."""
        queued = {
            (direction, slot): rtnetlink.read_counters(message)
            for direction, slot, message in self._dump_queues()
        }
        offered = {
            (direction, element.slot): element.counters
            for direction in Direction
            for element in self._dump_elements(direction)
        }
        return [
            self._slot_counters(
                slot,
                station,
                {
                    direction: self._widened(direction, slot, queued.get((direction, slot)))
                    for direction in Direction
                },
                {direction: offered.get((direction, slot), ElementCounters()) for direction in Direction},
            )
            for slot, station in sorted(self._stations.items())
        ]

    def read_refusals(self) -> dict[str, ElementCounters]:
        """The named counters of `ruleset.COUNTERS`: what the lobby let through and what was dropped."""
        answers = self._dump(self._nft, nfnetlink.dump_counters(self.settings.table), "read named counters")
        return dict(nfnetlink.read_counter(message) for message in answers)

    # --- set-up in parts

    def _connect(self) -> None:
        self._ifindex = {Direction.DOWN: _ifindex(self.settings.interface)}
        self._route = NetlinkSocket(rtnetlink.ROUTE_PROTOCOL, "rtnetlink")
        self._open.append(self._route)
        self._nft = NetlinkSocket(nfnetlink.NETFILTER_PROTOCOL, "nftables")
        self._open.append(self._nft)

    def _build(self) -> Capabilities:
        undo = self._keep_packets_single(self._read_table())
        for direction, ifindex in self._ifindex.items():
            self._ensure_root(ifindex, rtnetlink.root_of(direction))
        leaf = self._probe_leaf()
        radio = _is_radio(self.settings.interface, SYSFS)
        by_mark = radio and self._classifies_by_mark()
        limits = self._load_rules(undo, by_mark=by_mark)
        spoken = _spoken(self.settings, leaf, limits)
        if radio:
            spoken += _spoken_of_radio(self.settings.interface, by_mark=by_mark)
        self.capabilities = Capabilities(leaf, limits, spoken)
        present = self.present()
        wanted = adopt(plan_tree(self.settings, self.capabilities, ()), present)
        self._apply(diff(present, wanted))
        self._note(wanted)
        return self.capabilities

    def _ensure_ifb(self) -> int:
        name = self.settings.ifb
        ifindex = _find_ifindex(name)
        if ifindex is None:
            self._run(self._route, [rtnetlink.add_link(name, "ifb")], f"make {name} (kernel module ifb)")
            ifindex = _ifindex(name)
        elif (kind := self._read_link(ifindex).kind) != "ifb":
            raise ConfigError(
                f"ifb: {name} is another device ({kind or 'a real one'}); give a name that is free"
            )
        self._run(self._route, [rtnetlink.set_link_up(ifindex)], f"set {name} up")
        return ifindex

    def _keep_packets_single(self, table: str) -> str:
        """Switch receive aggregation off where it is on, and the box's own; how it was, for the table's comment."""
        before = _parse_undo(table)
        for interface in filter(None, [self.settings.interface, self.settings.wan_interface]):
            features = ethtool.read_features(interface)
            on = [index for index, name in enumerate(AGGREGATION) if features.get(name, False)]
            if on:
                ethtool.set_features(interface, {AGGREGATION[index]: False for index in on})
                before.setdefault(interface, set()).update(on)
        link = self._read_link(self._ifindex[Direction.DOWN])
        if link.gso_max_segments > 1:
            before.setdefault(self.settings.interface, set()).add(_GSO_BASE + link.gso_max_segments)
            limit = rtnetlink.set_gso_segments(self._ifindex[Direction.DOWN], 1)
            self._run(self._route, [limit], f"limit super-packets on {self.settings.interface}")
        return _format_undo(before)

    def _restore(self, undo: dict[str, set[int]]) -> None:
        for interface, marks in undo.items():
            names = [AGGREGATION[mark] for mark in marks if mark < len(AGGREGATION)]
            ethtool.set_features(interface, dict.fromkeys(names, True))
            for mark in marks:
                if mark > _GSO_BASE:
                    self._unless_gone(
                        self._route, [rtnetlink.set_gso_segments(_ifindex(interface), mark - _GSO_BASE)]
                    )

    def _ensure_root(self, ifindex: int, root: int) -> None:
        """Adopt our own root if it is as it should be; a foreign one makes the kernel refuse ours."""
        wanted = (root, rtnetlink.HEADER_BYTES if self.settings.rate_layer == "ip" else 0, NOWHERE)
        for message in self._dump(self._route, rtnetlink.dump_queues(ifindex), "read queues"):
            address = rtnetlink.read_address(message)
            if address.ifindex != ifindex or address.handle not in (rtnetlink.ROOT, rtnetlink.UPLINK_ROOT):
                continue
            if wanted == (address.handle, rtnetlink.read_overhead(message), rtnetlink.read_default(message)):
                return
            self._run(
                self._route,
                [rtnetlink.remove_root(ifindex, address.handle)],
                "remove a root of another rate layer or release",
            )
        made = rtnetlink.set_root(ifindex, NOWHERE, self.settings.rate_layer, root)
        what = f"put an HTB tree on device {ifindex} (needs the kernel's sch_htb, and no other program's root queue)"
        self._run(self._route, [made], what)

    def _probe_leaf(self) -> str:
        """The best queue that this kernel takes, tried on the lobby's class of the uplink."""
        wanted = self.settings.leaf
        candidates = ["fq_codel", "cake"] if wanted == "auto" else [wanted]
        empty = plan_tree(self.settings, Capabilities(), ()).up
        ifindex = self._ifindex[Direction.UP]
        classes, root = [(LINK, 0), (LOBBY, LINK)], rtnetlink.UPLINK_ROOT
        messages = [
            rtnetlink.set_class(ifindex, slot, parent, empty.classes[slot], root) for slot, parent in classes
        ]
        self._run(self._route, messages, "make the link and lobby classes")
        for kind in candidates:
            leaf = plan_leaf(self.settings, kind, self.settings.lobby_bps)
            try:
                self._unless_gone(self._route, [rtnetlink.remove_leaf(ifindex, LOBBY, root)])
                self._route.batch([rtnetlink.add_leaf(ifindex, LOBBY, leaf, root)])
            except RefusedError:
                continue
            return kind
        return "bfifo"

    def _classifies_by_mark(self) -> bool:
        """Whether this kernel lets a mark name the class. A radio's driver may write priorities after our rules did."""
        try:
            self._route.batch([rtnetlink.classify_by_mark(self._ifindex[Direction.DOWN])])
        except RefusedError:
            return False
        return True

    def _load_rules(self, undo: str, *, by_mark: bool) -> bool:
        """Load the table; true if the kernel can limit each address's rate in the lobby.

        A table that an older release left in another form is replaced, which costs its sessions their elements.
        """
        link = self._read_link(self._ifindex[Direction.DOWN])
        boxes, bridge = [MacAddress(link.address)], ""
        if link.master:
            boxes.append(MacAddress(self._read_link(link.master).address))
            bridge = _name(link.master)
        apart = self._lobby_address()
        ways = {
            limits: plan_ruleset(
                self.settings,
                boxes,
                limits=limits,
                bridge=bridge,
                lobby_box=apart,
                comment=undo,
                by_mark=by_mark,
            )
            for limits in (True, False)
        }
        replacing = f"delete table netdev {self.settings.table}\n"
        attempts = [(limits, before + text) for before in ("", replacing) for limits, text in ways.items()]
        complaint = ""
        for limits, text in attempts:
            try:
                run_nft(text)
            except ShellError as error:
                complaint = complaint or error.detail
            else:
                return limits
        raise ShellError("load the rules (they need Linux 5.16 or newer and nftables 1.0.1)", complaint)

    def _lobby_address(self) -> MacAddress | None:
        """That of the device which only has the lobby, if there is one."""
        name = self.settings.lobby_interface
        if name is None:
            return None
        link = self._read_link(_ifindex(name))
        if link.master:
            raise ConfigError(
                f"lobby_interface: {name} is in bridge {_name(link.master)}: it has to stand alone"
            )
        return MacAddress(link.address)

    def _read_table(self) -> str:
        return run_nft(f"list table netdev {self.settings.table}", "--terse", missing_is_fine=True)

    def _read_link(self, ifindex: int) -> rtnetlink.Link:
        answers = self._run(self._route, [rtnetlink.get_link(ifindex)], f"read device {ifindex}")
        return rtnetlink.read_link(answers[0])

    # --- steps

    def _apply(self, steps: Sequence[Step]) -> None:
        for kind, group in groupby(steps, key=type):
            same = list(group)
            if kind is RemoveElement or kind is AddElement:
                for start in range(0, len(same), ELEMENTS_PER_TRANSACTION):
                    self._transact(
                        self._element_messages(same[start : start + ELEMENTS_PER_TRANSACTION]), str(kind)
                    )
            else:
                self._run(self._route, [self._queue_message(step) for step in same], kind.__name__)

    def _element_messages(self, steps: Sequence[Step]) -> list[Message]:
        messages: list[Message] = []
        for direction in Direction:
            added = [
                (s.station, s.slot, s.lifetime_s and s.lifetime_s + self.settings.grace_s)
                for s in steps
                if isinstance(s, AddElement) and s.direction is direction
            ]
            removed = [s.station for s in steps if isinstance(s, RemoveElement) and s.direction is direction]
            messages += nfnetlink.add_elements(self.settings.table, direction, added)
            messages += nfnetlink.remove_elements(self.settings.table, direction, removed)
        return messages

    def _queue_message(self, step: Step) -> Message:
        ifindex, root = self._ifindex[step.direction], rtnetlink.root_of(step.direction)
        match step:
            case RemoveLeaf(_, slot):
                return rtnetlink.remove_leaf(ifindex, slot, root)
            case SetClass(_, slot, shape):
                return rtnetlink.set_class(ifindex, slot, 0 if slot == LINK else LINK, shape, root)
            case SetLeaf(_, slot, leaf):
                return rtnetlink.change_leaf(ifindex, slot, leaf, root)
            case _:
                raise AssertionError(f"not a step of traffic control: {step}")

    def _grow(self, slot: int) -> None:
        """Make more pool classes when a slot lies beyond them."""
        if slot < FIRST_SLOT + self._pool_length:
            return
        length = pool_length(self.settings, slot)
        fresh = range(FIRST_SLOT + self._pool_length, FIRST_SLOT + length)
        messages = [
            rtnetlink.set_class(i, new, LINK, IDLE, rtnetlink.root_of(direction))
            for direction, i in self._ifindex.items()
            for new in fresh
        ]
        self._run(self._route, messages, f"grow the pool to {length} classes")
        self._pool_length = length

    def _note(self, tree: Tree) -> None:
        self._stations = {slot: station for station, slot in tree.down.elements.items()}
        self._pool_length = max(tree.down.classes) - FIRST_SLOT + 1
        self._last = {key: value for key, value in self._last.items() if key[1] in self._stations}

    def _drop_elements(self, station: MacAddress) -> dict[Direction, ElementCounters]:
        removals = [
            message
            for direction in Direction
            for message in nfnetlink.remove_elements(self.settings.table, direction, [station])
        ]
        what = f"remove the elements of {station}"
        try:
            answers = self._nft.batch(nfnetlink.batch(removals), atomic=True)
        except RefusedError as refusal:
            if refusal.code not in GONE:
                raise ShellError(what, str(refusal)) from refusal
            batches = [nfnetlink.batch([removal]) for removal in removals]
            answers = [answer for batch in batches for answer in self._unless_gone(self._nft, batch)]
        found = dict.fromkeys(Direction, ElementCounters())
        for direction, elements in map(nfnetlink.read_elements, filter(nft_set.is_element, answers)):
            for element in elements:
                found[direction] = element.counters
        return found

    def _drop_queues(self, slot: int) -> dict[Direction, QueueCounters]:
        """Remove both leaf queues, make both classes idle; what the queues had counted in the end."""
        trees = [(ifindex, rtnetlink.root_of(direction)) for direction, ifindex in self._ifindex.items()]
        messages = [rtnetlink.set_class(ifindex, slot, LINK, IDLE, root) for ifindex, root in trees]
        messages += [rtnetlink.remove_leaf(ifindex, slot, root) for ifindex, root in trees]
        found = dict.fromkeys(Direction, QueueCounters())
        for direction, _, message in self._of_leaves(self._unless_gone(self._route, messages)):
            if message.kind == rtnetlink.RTM_DELQDISC:
                found[direction] = self._widened(direction, slot, rtnetlink.read_counters(message))
        return found

    # --- reading in parts

    def _dump_queues(self) -> Iterator[tuple[Direction, int, Message]]:
        """The leaf queues of our two trees."""
        request = rtnetlink.dump_queues(self._ifindex[Direction.DOWN])
        return self._of_leaves(self._dump(self._route, request, "read queues"))

    def _of_leaves(self, answers: Iterable[Message]) -> Iterator[tuple[Direction, int, Message]]:
        directions = {ifindex: direction for direction, ifindex in self._ifindex.items()}
        for message in answers:
            ifindex, handle, parent = rtnetlink.read_address(message)
            slot = rtnetlink.minor(parent)
            direction = directions.get(ifindex)
            if direction is None or parent >> 16 != rtnetlink.MAJORS[direction]:
                continue
            if handle == rtnetlink.leaf_handle(slot, rtnetlink.root_of(direction)):
                yield direction, slot, message

    def _read_classes(self, direction: Direction) -> dict[int, ClassShape]:
        answers = self._dump(self._route, rtnetlink.dump_classes(self._ifindex[direction]), "read classes")
        addressed = ((rtnetlink.read_address(message).handle, message) for message in answers)
        return {
            rtnetlink.minor(handle): rtnetlink.read_class(message)
            for handle, message in addressed
            if handle >> 16 == rtnetlink.MAJORS[direction]
        }

    def _dump_elements(self, direction: Direction) -> list[nfnetlink.Element]:
        request = nfnetlink.dump_elements(self.settings.table, direction)
        answers = self._dump(
            self._nft, request, f"read the map {direction.value} of table {self.settings.table}"
        )
        return [element for message in answers for element in nfnetlink.read_elements(message)[1]]

    def _widened(self, direction: Direction, slot: int, now: QueueCounters | None) -> QueueCounters:
        value = widen_queue(self._last.get((direction, slot), QueueCounters()), now or QueueCounters())
        self._last[direction, slot] = value
        return value

    def _slot_counters(
        self,
        slot: int,
        station: MacAddress,
        queued: dict[Direction, QueueCounters],
        offered: dict[Direction, ElementCounters],
    ) -> SlotCounters:
        flows: dict[Direction, Flow] = {
            direction: plan_flow(direction, self.settings.rate_layer, queued[direction], offered[direction])
            for direction in Direction
        }
        return SlotCounters(slot, station, flows[Direction.DOWN], flows[Direction.UP])

    # --- talking

    def _run(self, to: NetlinkSocket, messages: Sequence[Message], what: str) -> list[Message]:
        try:
            return to.batch(messages)
        except RefusedError as refusal:
            raise ShellError(what, str(refusal)) from refusal

    def _transact(self, changes: Sequence[Message], what: str) -> list[Message]:
        try:
            return self._nft.batch(nfnetlink.batch(changes), atomic=True)
        except RefusedError as refusal:
            raise ShellError(what, str(refusal)) from refusal

    def _dump(self, to: NetlinkSocket, request: Message, what: str) -> list[Message]:
        try:
            return to.dump(request)
        except RefusedError as refusal:
            raise ShellError(what, str(refusal)) from refusal

    def _unless_gone(self, to: NetlinkSocket, messages: Sequence[Message]) -> list[Message]:
        try:
            return to.batch(messages, atomic=True)
        except RefusedError as refusal:
            if refusal.code in GONE or (
                refusal.code == errno.EINVAL and self._names_no_queue(messages[refusal.index])
            ):
                return refusal.answers
            raise ShellError("remove what may be gone", str(refusal)) from refusal

    def _names_no_queue(self, message: Message) -> bool:
        """Whether this removes a queue that is gone: the kernel calls it invalid if another stands in its
        place.
        """
        if message.kind != rtnetlink.RTM_DELQDISC:
            return False
        named = rtnetlink.read_address(message)
        there = map(
            rtnetlink.read_address,
            self._dump(self._route, rtnetlink.dump_queues(named.ifindex), "read queues"),
        )
        return (named.ifindex, named.handle) not in {(found.ifindex, found.handle) for found in there}


_GSO_BASE = 100
"""In the undo notes, marks above this are a limit of GSO segments, those below an index into AGGREGATION."""


def _format_undo(before: dict[str, set[int]]) -> str:
    """How the features were, short enough for the 128 octets that the kernel keeps with a table."""
    return "undo " + " ".join(
        f"{name}={','.join(map(str, sorted(marks)))}" for name, marks in sorted(before.items())
    )


def _parse_undo(table: str) -> dict[str, set[int]]:
    note = re.search(r'comment "undo ([^"]*)"', table)
    entries = (entry.partition("=") for entry in (note[1].split() if note else ()))
    return {name: {int(mark) for mark in marks.split(",")} for name, _, marks in entries if marks}


def _spoken(settings: ShaperSettings, leaf: str, limits: bool) -> tuple[str, ...]:  # noqa: FBT001 - what was found
    sentences: list[str] = []
    if leaf == "bfifo" and settings.leaf != "bfifo":
        sought = "fq_codel or CAKE" if settings.leaf == "auto" else settings.leaf
        sentences.append(f"no {sought} in this kernel: bounded FIFO of {settings.fifo_ms} ms per class")
    if not limits:
        sentences.append(
            "this kernel cannot limit frames per address in the lobby: unpaid stations share it as they come, "
            "and so do group frames that a bridge brings"
        )
    if settings.wan_interface is None:
        sentences.append(
            "no WAN interface is named: aggregated packets from there would be shaped a few per cent wide"
        )
    if leaf == "cake":
        sentences.append("CAKE treats all sessions alike: an interactive one does not wait less")
    return tuple(sentences)


def _is_radio(interface: str, sysfs: Path) -> bool:
    return os.path.lexists(sysfs / interface / "phy80211")


def _spoken_of_radio(interface: str, *, by_mark: bool) -> tuple[str, ...]:
    """What nobody can see from here: whether the driver lets stations talk past our hooks, or writes priorities."""
    isolation = (
        f"{interface} is wireless: stations of one BSS are forwarded by the driver "
        "unless hostapd has ap_isolate=1"
    )
    priorities = (
        "no cls_fw in this kernel: where the radio's driver sets priorities itself (many did before Linux 6.2), "
        "sessions get nothing towards their stations"
    )
    return (isolation,) if by_mark else (isolation, priorities)


def _name(ifindex: int) -> str:
    try:
        return socket.if_indextoname(ifindex)
    except OSError as error:
        raise ShellError(f"device {ifindex}", str(error)) from error


def _find_ifindex(name: str) -> int | None:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def _ifindex(name: str) -> int:
    found = _find_ifindex(name)
    if found is None:
        raise ShellError(f"interface {name}", "there is no such device")
    return found
