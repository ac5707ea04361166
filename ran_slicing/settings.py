"""The settings of a cell: section [cell] of the daemon's file; whoever reads that file builds this value.

Nothing is read here. What the gNB's own files say (PLMN, size, address, slices) is not repeated: it comes from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

from ran_slicing.controller import ControllerSettings
from ran_slicing.share import CellShape
from ran_slicing.snssai import Snssai, parse_snssai
from wire.units import PPM


@dataclass(frozen=True, slots=True)
class CellSettings:
    """Every field with its unit; ValueError names the field that cannot be."""

    gnb_files: tuple[Path, ...]
    """What the gNB is started with, in that order; of a DU and a CU apart the files of both."""
    slots: tuple[str, ...]
    """The slices of those files that are for sale, as `1-00a600` (sst, and sd in six hexadecimal digits)."""
    remote_host: str = ""
    """Where the gNB's remote control is reached; empty: where its file binds it."""
    remote_networks: tuple[str, ...] = ()
    """Networks (10.53.1.0/24) beside the loopback to which it may be bound: that of a compose lab, never a real one."""
    prbs: int = 0
    """PRBs of the cell; 0: as the gNB's file says."""
    downlink_slots_per_s: int = 0
    """Slots per second that carry downlink; 0: as the gNB's file says."""
    uplink_slots_per_s: int = 0
    """Slots per second that carry uplink, where the two above are given; 0: no floor of the uplink is sold."""
    header_ppm: int = 20_000
    """What the gNB counts beyond IP packets (SDAP, PDCP, RLC, MAC), parts per million: 1.5 % of 1,400-byte packets."""
    sell_ratio: int = ControllerSettings().sell_ratio
    """The part of the cell that may be sold as floors, in percent."""
    keep_ratio: int = ControllerSettings().keep_ratio
    """The part that may be used to keep them when links get worse, in percent; the rest is everybody's."""
    reference_bits_per_prb: int = ControllerSettings().reference_bits_per_prb
    """What a PRB of a slot is taken to carry for a UE of which nothing is known, bits."""
    reference_up_bits_per_prb: int = ControllerSettings().reference_up_bits_per_prb
    """The same of the uplink."""
    idle_max_prb_policy_ratio: int = 0
    """What UEs in a slot that nobody bought may use, in percent; 0 blocks them."""

    def __post_init__(self) -> None:
        if not self.gnb_files:
            raise ValueError("gnb_files: name the file that the gNB is started with")
        if not self.slots:
            raise ValueError("slots: name at least one slice of the gNB; `airgrant ran plan` shows them")
        names = self.snssais
        if len(set(names)) < len(names):
            raise ValueError("slots: a slice stands there twice")
        for network in self.remote_networks:
            _check_network(network)
        if self.remote_host and not is_private(self.remote_host, self.remote_networks):
            raise ValueError(
                f"remote_host: {self.remote_host} is neither on this machine nor in remote_networks"
            )
        if not 0 <= self.header_ppm <= PPM:
            raise ValueError(f"header_ppm: {self.header_ppm} is outside 0..{PPM}")
        if not 0 <= self.idle_max_prb_policy_ratio <= 100:
            raise ValueError(f"idle_max_prb_policy_ratio: {self.idle_max_prb_policy_ratio} is outside 0..100")
        _ = self.controller, self.shape  # they refuse what they cannot be made of

    @property
    def snssais(self) -> tuple[Snssai, ...]:
        try:
            return tuple(parse_snssai(text) for text in self.slots)
        except ValueError as error:
            raise ValueError(f"slots: {error}") from error

    @property
    def controller(self) -> ControllerSettings:
        return ControllerSettings(
            self.sell_ratio, self.keep_ratio, self.reference_bits_per_prb, self.reference_up_bits_per_prb
        )

    @property
    def shape(self) -> CellShape | None:
        """The size that stands here; None: that of the gNB's file counts."""
        if not self.prbs and not self.downlink_slots_per_s:
            return None
        return CellShape(self.prbs, self.downlink_slots_per_s, uplink_slots_per_s=self.uplink_slots_per_s)


def is_private(host: str, networks: Sequence[str]) -> bool:
    """Whether only this machine, or one of the named networks, reaches an address. A name is not looked up."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or any(address in ip_network(network) for network in networks)


def _check_network(text: str) -> None:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ValueError(f"remote_networks: {error}") from error
    if not network.is_private:
        raise ValueError(f"remote_networks: {text} is not a private network")
