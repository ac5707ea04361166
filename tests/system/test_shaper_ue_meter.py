"""Counting UEs on the real kernel: whose packets, by which octets, and what outlives whom."""

import socket
from ipaddress import ip_address

import pytest

from lab.namespaces import Namespace, Port, create, delete, plug
from lab.processes import wait_until
from tc_shaper.ue_elements import CountedUe
from tc_shaper.ue_meter import UeMeter
from wire.errors import ShellError

pytestmark = pytest.mark.system

DEVICE = "ogstun"
BOX4, BOX6 = "10.45.0.1", "2001:db8:cafe::1"
UE4 = CountedUe(16, ip_address("10.45.0.2"))
OTHER = CountedUe(18, ip_address("10.45.0.3"))
UE6 = CountedUe(17, ip_address("2001:db8:cafe::2"))
PORT = 9_000


@pytest.fixture
def sides(needs):
    """The box with a user plane's device, and the UEs at the other end."""
    needs("nft", "ip")
    box, ue = create("meter-box"), create("meter-ue")
    try:
        plug(Port(box, DEVICE, "02:00:00:00:88:00"), Port(ue, "ue0", "02:00:00:00:88:01"))
        for side, name, addresses in (
            (box, DEVICE, (f"{BOX4}/16", f"{BOX6}/48")),
            (
                ue,
                "ue0",
                (f"{UE4.address}/16", f"{OTHER.address}/16", f"{UE6.address}/48", "2001:db8:cafe::77/48"),
            ),
        ):
            for address in addresses:
                side.ip(f"addr add {address} dev {name} {'nodad' if ':' in address else ''}")
        wait_until(lambda: "fe80" in ue.run(["ip", "-6", "route", "show", "dev", "ue0"]), "the link", 15)
        yield box, ue
    finally:
        delete(ue)
        delete(box)


@pytest.fixture
def meter(sides):
    made = sides[0].call(lambda: UeMeter(DEVICE, PORT))
    sides[0].call(made.set_up)
    yield made
    made.close()


def send(sides, source: str, target: str, payload_bytes: int, *, down: bool) -> None:
    """One datagram from the box (down) or from the UE, and its arrival."""
    box, ue = sides
    sender, hearer = (box, ue) if down else (ue, box)
    family = socket.AF_INET6 if ":" in source else socket.AF_INET

    def bound(side: Namespace, address: str) -> socket.socket:
        return side.call(lambda: _bound(family, address))

    with bound(hearer, target) as ear, bound(sender, source) as mouth:
        mouth.sendto(bytes(payload_bytes), (target, PORT))
        assert len(ear.recv(2_000)) == payload_bytes


def _bound(family: int, address: str) -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind((address, PORT))
    made.settimeout(5)
    return made


def counted(meter: UeMeter, slot: int) -> tuple[int, int]:
    found = next(one for one in meter.read_counters() if one.slot == slot)
    return found.down.delivered_bytes, found.up.delivered_bytes


def test_octets_of_ip_packets_are_counted_for_the_ue_they_belong_to(sides, meter):
    for ue in (UE4, OTHER, UE6):
        meter.add(ue)
    send(sides, BOX4, str(UE4.address), 1_000, down=True)
    send(sides, str(UE4.address), BOX4, 100, down=False)
    send(sides, BOX6, str(UE6.address), 500, down=True)
    assert counted(meter, 16) == (1_028, 128)
    assert counted(meter, 18) == (0, 0)
    assert counted(meter, 17)[0] >= 548
    before = counted(meter, 17)[0]
    send(sides, BOX6, "2001:db8:cafe::77", 300, down=True)
    assert counted(meter, 17)[0] >= before + 348, "another address below the same prefix"


def test_who_is_confined_reaches_one_port_and_nothing_else(sides, meter):
    other = sides[0].call(lambda: UeMeter(DEVICE, PORT + 1))
    sides[0].call(other.set_up)
    other.confine((UE4.address, UE6.address))
    send(sides, str(OTHER.address), BOX4, 100, down=False)
    for source, target, down in (
        (str(UE4.address), BOX4, False),
        (BOX4, str(UE4.address), True),
        (str(UE6.address), BOX6, False),
    ):
        with pytest.raises((TimeoutError, PermissionError)):
            send(sides, source, target, 100, down=down)
    sides[0].call(meter.load_gate)
    for source, target, down in (
        (str(UE4.address), BOX4, False),
        (BOX4, str(UE4.address), True),
        (str(UE6.address), BOX6, False),
    ):
        send(sides, source, target, 100, down=down)
    sides[0].call(other.load_gate)
    other.confine(())
    send(sides, str(UE4.address), BOX4, 100, down=False)
    other.close()


def test_who_was_confined_stays_so_until_the_next_run_says_who_is(sides, meter):
    other = sides[0].call(lambda: UeMeter(DEVICE, PORT + 1))
    sides[0].call(other.set_up)
    other.confine((UE4.address, OTHER.address))
    other.close()
    again = sides[0].call(lambda: UeMeter(DEVICE, PORT + 1))
    sides[0].call(again.set_up)
    for ue in (UE4, OTHER):
        with pytest.raises(TimeoutError):
            send(sides, str(ue.address), BOX4, 100, down=False)
    again.confine((OTHER.address,))
    send(sides, str(UE4.address), BOX4, 100, down=False)
    with pytest.raises(TimeoutError):
        send(sides, str(OTHER.address), BOX4, 100, down=False)
    again.close()


def test_a_gate_that_somebody_took_away_is_said_and_made_anew(sides, meter):
    sides[0].run(["nft", "delete", "table", "inet", "airgrant_cell_gate"])
    with pytest.raises(ShellError, match=r"table airgrant_cell_gate: .*ENOENT"):
        meter.confine((UE4.address,))
    sides[0].call(meter.load_gate)
    meter.confine((UE4.address,))
    meter.confine(ip_address("10.45.0.0") + number for number in range(2, 3_000))


def test_a_gate_that_the_kernel_refuses_is_said_when_it_is_wanted(sides):
    """A chain of that name which hooks elsewhere, as a kernel without a part would refuse: counting goes on."""
    sides[0].run(["nft", "add", "table", "inet", "airgrant_cell_gate"])
    hook = "{ type filter hook input priority 0; }"
    sides[0].run(["nft", f"add chain inet airgrant_cell_gate up {hook}"])
    meter = sides[0].call(lambda: UeMeter(DEVICE, PORT))
    sides[0].call(meter.set_up)
    meter.add(UE4)
    with pytest.raises(ShellError, match="nft: "):
        meter.confine((UE4.address,))
    sides[0].run(["nft", "delete", "table", "inet", "airgrant_cell_gate"])
    sides[0].call(meter.load_gate)
    meter.confine((UE4.address,))
    meter.close()


def test_counters_outlive_the_daemon_and_end_with_the_ue(sides, meter):
    meter.add(UE4)
    send(sides, BOX4, str(UE4.address), 1_000, down=True)
    meter.close()
    send(sides, BOX4, str(UE4.address), 1_000, down=True)
    again = sides[0].call(lambda: UeMeter(DEVICE, PORT))
    sides[0].call(again.set_up)
    assert again.ues() == {16: UE4.address}
    assert counted(again, 16) == (2_056, 0)
    last = again.remove(UE4)
    assert last.down.delivered_bytes == 2_056
    assert again.remove(UE4).down.delivered_bytes == 0, "what is gone is gone"
    again.add(UE4)
    assert counted(again, 16) == (0, 0)
    again.close()


def test_resynchronised_what_is_there_stays_and_what_is_not_wanted_goes(sides, meter):
    meter.add(UE4)
    meter.add(OTHER)
    send(sides, BOX4, str(UE4.address), 1_000, down=True)
    meter.resynchronise([UE4, UE6])
    assert set(meter.ues()) == {16, 17}
    assert counted(meter, 16) == (1_028, 0)


def test_a_ue_is_not_counted_twice(sides, meter):
    meter.add(UE4)
    with pytest.raises(ShellError, match="EEXIST"):
        meter.add(CountedUe(20, UE4.address))


def test_a_flushed_ruleset_is_an_error_and_not_zero(sides, meter):
    meter.add(UE4)
    sides[0].run(["nft", "flush", "ruleset"])
    with pytest.raises(ShellError):
        meter.read_counters()


def test_a_user_plane_that_starts_anew_is_counted_on(sides, meter):
    """The UPF makes its device anew; rules go by its name."""
    box, ue = sides
    meter.add(UE4)
    send(sides, BOX4, str(UE4.address), 1_000, down=True)
    box.ip(f"link del {DEVICE}")
    plug(Port(box, DEVICE, "02:00:00:00:88:00"), Port(ue, "ue0", "02:00:00:00:88:01"))
    box.ip(f"addr add {BOX4}/16 dev {DEVICE}")
    ue.ip(f"addr add {UE4.address}/16 dev ue0")
    send(sides, BOX4, str(UE4.address), 1_000, down=True)
    assert counted(meter, 16) == (2_056, 0)


def test_without_a_user_plane_it_does_not_begin(needs):
    needs("nft")
    with pytest.raises(ShellError, match="does the UPF run"):
        UeMeter("nothere0", PORT).set_up()
