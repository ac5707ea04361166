"""The settings of the box, one frozen dataclass per section of its configuration file; apd/config.py reads the file.

Nothing here reads anything; every rule that a value has to obey is in its `__post_init__` and raises ConfigError.
"""

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path

from tc_shaper.settings import ShaperSettings
from wire.errors import ConfigError, DecodeError
from wire.ids import MacAddress, PublicKey
from wire.qos import Qos
from wire.tariff import PAYMENT_PORT, Tariff

LEAST_COUNTED_S = 60
"""hostapd accounts no more often, so that an operator sees no shorter interval's megabytes."""
MAX_SLOTS = 60
"""As many as the forecast of an auction may have (wire/auction_terms.py, which others need not load)."""
PRIVATE_NETWORKS = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""Loopback, RFC 1918 and RFC 4193: where [web] may listen."""
LEAST_OPEN_S = 4
"""Two seconds for the house to take the auction, and for bids to come; and the two before the clearing time."""


@dataclass(frozen=True, slots=True)
class AirSettings:
    """Section [air]: the box sells over 802.11 itself, and stations join by EAP-TLS. Without it the box is wired."""

    operator: PublicKey
    """The account whose key issued the certificate of the RADIUS server, and which signs admissions."""
    hostapd_socket: Path | None = None
    """The control socket of hostapd for the BSS that sells, `/var/run/hostapd/wlan0`. Either this or `hostapd_ubus`."""
    hostapd_ubus: str = ""
    """Where hostapd has no control socket, on an OpenWrt router: the interface of that BSS, `phy0-ap0`; hostapd is
    asked by ubus. Nothing is sold before a station associates then, as hostapd shows no ANQP element by ubus.
    """
    monitor: str = "airgrant-mon"
    """The monitor interface on which purchases are heard; it is made on the radio of [shaper] interface if need be."""
    lobby_interface: str | None = None
    """The open BSS for phones, if there is one: its stations reach the lobby's port and nothing else. hostapd has to
    isolate them (`ap_isolate=1`), and no bridge may have it.
    """
    partners: tuple[PublicKey, ...] = ()
    """Other providers whose grants are honoured here (roaming)."""
    airtime_budget_ppm: int = 650_000
    """The part of the radio's time that may be sold as floors, in parts per million."""
    reference_throughput_bps: int = 20_000_000
    """What a station that was not measured yet is taken to carry each way if it has the air to itself: IP packets,
    bits per second.
    """

    def __post_init__(self) -> None:
        if (self.hostapd_socket is None) is (self.hostapd_ubus == ""):
            raise ConfigError(
                "hostapd_socket: name hostapd's control socket, or else its interface on ubus (hostapd_ubus)"
            )
        named = {"monitor": True, "lobby_interface": self.lobby_interface is not None}
        named |= {"hostapd_ubus": self.by_ubus}
        for name in [name for name, given in named.items() if given]:
            if not re.fullmatch(r"[A-Za-z0-9_.\-]{1,15}", getattr(self, name)):
                raise ConfigError(f"{name}: not a device name")
        if self.monitor == self.lobby_interface:
            raise ConfigError("monitor: cannot be the lobby's interface")
        if not 0 < self.airtime_budget_ppm <= 1_000_000:
            raise ConfigError(f"airtime_budget_ppm: {self.airtime_budget_ppm} is outside 1..1000000")
        if self.reference_throughput_bps < 1_000:
            raise ConfigError(
                f"reference_throughput_bps: {self.reference_throughput_bps} is below 1000, and nothing could be sold"
            )

    @property
    def by_ubus(self) -> bool:
        """Then hostapd names nobody's account, and shows the beacon's element only."""
        return self.hostapd_ubus != ""


@dataclass(frozen=True, slots=True)
class UbusSettings:
    """Section [ubus], on an OpenWrt router: the owner asks the box by ubus. Without it there is no such object."""

    socket: Path = Path("/var/run/ubus/ubus.sock")
    """Where ubusd listens; [air] `hostapd_ubus` uses it, too."""
    object: str = "airgrant"
    """The name of the object: `ubus call airgrant sessions`."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_.\-]{1,63}", self.object):
            raise ConfigError(f"object: {self.object!r} is not a name for ubus")


@dataclass(frozen=True, slots=True)
class TariffSettings:
    """Section [tariff], beside [air]: what whoever pays its operator as it goes is asked, and gets."""

    address: str
    """Where the operator takes payments: its IP address."""
    floor_down_bps: int
    """What is promised towards the station, bits per second of IP packets; 0: nothing is."""
    ceil_down_bps: int
    """The most that it gets."""
    floor_up_bps: int
    """What is promised from the station."""
    ceil_up_bps: int
    """The most that it gets."""
    per_minute_ubc: int = 0
    """What a minute costs, in micro-bandcoin. Both prices are added; one of them is more than 0."""
    per_megabyte_ubc: int = 0
    """What a megabyte (1,000,000 IP bytes, both directions) costs, in micro-bandcoin."""
    interval_s: int = 60
    """So often is paid, and what one interval can cost is what either side risks. By the megabyte 60 or more."""
    port: int = PAYMENT_PORT
    """UDP port of that address."""

    def __post_init__(self) -> None:
        try:
            address = ip_address(self.address)
        except ValueError:
            raise ConfigError(f"address: {self.address!r} is not an IP address") from None
        if address.is_unspecified or address.is_multicast:
            raise ConfigError(f"address: {address} is nobody's: it is where devices send payments")
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            raise ConfigError(f"address: {address} is an IPv4 address, {address.ipv4_mapped}")
        if self.per_megabyte_ubc and 0 < self.interval_s < LEAST_COUNTED_S:
            raise ConfigError(
                f"interval_s: {self.interval_s} is below {LEAST_COUNTED_S}, and no operator hears sooner how many "
                "megabytes there were"
            )
        if not self.per_minute_ubc and not self.per_megabyte_ubc:
            raise ConfigError("per_minute_ubc: neither a minute nor a megabyte costs anything")
        try:
            _ = self._qos
        except DecodeError as error:
            raise ConfigError(f"floor_down_bps: {error}") from None
        try:
            _ = self.tariff
        except DecodeError as error:  # it names the key itself
            raise ConfigError(str(error).removeprefix("tariff: ")) from None

    @property
    def tariff(self) -> Tariff:
        """What devices are shown."""
        address = ip_address(self.address)
        return Tariff(
            self.per_minute_ubc, self.per_megabyte_ubc, self.interval_s, self._qos, address, self.port
        )

    @property
    def _qos(self) -> Qos:
        return Qos(self.floor_down_bps, self.ceil_down_bps, self.floor_up_bps, self.ceil_up_bps)


@dataclass(frozen=True, slots=True)
class UserPlaneSettings:
    """Section [cell.user_plane]: where packets of UEs leave the core, on this machine. What the gNB and the core have
    a part in is in ran_slicing/settings.py ([cell]) and ran_slicing/core_settings.py ([cell.core]).
    """

    interface: str = "ogstun"
    """The device of the UPF, beyond which the UEs are: their packets are counted there, and they reach the lobby."""
    uplink_capacity_bps: int = 1_000_000_000
    """What of the uplink may be sold as floors, bits per second of IP packets. The loop keeps the downlink, and a slice
    has the same share of the uplink."""
    lobby_port: int = 18_573
    """UDP port of the lobby, at every address that this machine has on that device."""
    lobby_slice: str = ""
    """The slice of UEs that bought nothing, as `1-000001`: from there a buyer's subscriber is moved into a slot, and
    back when its time is over. Empty: nobody is moved, and the operator puts subscribers into slots.
    """

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_.\-]{1,15}", self.interface):
            raise ConfigError("interface: not a device name")
        if self.uplink_capacity_bps < 1_000:
            raise ConfigError(f"uplink_capacity_bps: {self.uplink_capacity_bps} is below 1000")
        if not 0 < self.lobby_port < 65_536:
            raise ConfigError(f"lobby_port: {self.lobby_port} is not a port")


@dataclass(frozen=True, slots=True)
class AuctionSettings:
    """Section [auction]: the box sells what is free of it at the highest bids, slot by slot. Its offer at the ledger,
    of which it sells 0 units, is the form: the unit, the length of a slot, and the least price of both.
    """

    slots: int = 10
    """How far ahead it sells: a bid is for so many slots at most, from the clearing time on; 1 to 60. Not
    beside [cell].
    """
    open_s: int = 20
    """Bids are taken from so many seconds before the clearing time, until two before it; at least 4, and at most half a
    slot: with a slot of 20 s, 10 or less.
    """

    def __post_init__(self) -> None:
        if not 1 <= self.slots <= MAX_SLOTS:
            raise ConfigError(f"slots: {self.slots} is outside 1..{MAX_SLOTS}")
        if self.open_s < LEAST_OPEN_S:
            raise ConfigError(
                f"open_s: {self.open_s} is below {LEAST_OPEN_S}: there would be no time in which to bid"
            )


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Section [web]: where the owner reads a page, and a monitoring server metrics. Without it nothing listens."""

    listen: tuple[str, ...]
    """Addresses of this machine, loopback or private ones, such as `["127.0.0.1"]`; never of the stations' interface.
    """
    port: int = 8_470
    """TCP port at each of them."""

    def __post_init__(self) -> None:
        if not self.listen:
            raise ConfigError("listen: names no address; without the section nothing listens")
        for text in self.listen:
            try:
                address = ip_address(text)
            except ValueError:
                raise ConfigError(f"listen: {text!r} is not an IP address") from None
            if not any(address in ip_network(net) for net in PRIVATE_NETWORKS):
                raise ConfigError(f"listen: {address} is neither a loopback nor a private address")
        if len(set(map(ip_address, self.listen))) != len(self.listen):
            raise ConfigError("listen: an address is there twice")
        if not 0 <= self.port < 65_536:
            raise ConfigError(f"port: {self.port} is not a port")


@dataclass(frozen=True, slots=True)
class BoxSettings:
    """What the core decides by."""

    bssid: MacAddress
    """The basic service set that offers name; by default the station interface's own address."""
    provider: PublicKey
    """The account that sells here."""
    ledger: PublicKey
    """The key by which the ledger signs grants and receipts."""
    ledger_id: bytes
    """SHA-256 of the ledger's genesis: grants of another ledger are refused."""
    shaper: ShaperSettings
    """Interface, capacities and pool: floors are admitted until the capacities are used up."""
    admission_ppm: int = 1_000_000
    """The part of the capacities that may be sold as floors, in parts per million."""
    report_interval_s: int = 60
    """A usage report every so many seconds; a hardware TPM wants 10 or more (one quote each)."""
    anchor_interval_s: int = 900
    """A certified NV counter every so many seconds: each is a write to the TPM's flash (500,000 in its life)."""
    idle_timeout_s: int = 300
    """A session whose station sent nothing for so long has left; 0 switches this off."""
    early_join_s: int = 60
    """A station with a grant that begins within so many seconds is let wait; earlier it is told to come again."""
    offer_lifetime_s: int = 120
    """How long a signed offer is good for; it is signed afresh at half of it."""
    purchase_timeout_s: int = 15
    """After so long without the ledger's reply a buyer is told that the ledger cannot be reached."""
    submit_timeout_s: int = 30
    """After so long without a receipt a meter record is submitted again."""
    air: AirSettings | None = None
    """None: nothing is sold over 802.11 itself."""
    cell: UserPlaneSettings | None = None
    """None: no small cell."""
    tariff: Tariff | None = None
    """None: nobody pays as it goes. Shown in the network of [air]."""
    auction: AuctionSettings | None = None
    """None: nothing is auctioned."""

    def __post_init__(self) -> None:
        for name in (
            "report_interval_s",
            "anchor_interval_s",
            "offer_lifetime_s",
            "purchase_timeout_s",
            "submit_timeout_s",
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: has to be at least 1, not {getattr(self, name)}")
        if not 0 < self.admission_ppm <= 1_000_000:
            raise ConfigError(f"admission_ppm: {self.admission_ppm} is outside 1..1000000")
        for name in ("idle_timeout_s", "early_join_s"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name}: cannot be negative")


@dataclass(frozen=True, slots=True)
class LedgerLinkSettings:
    """Section [ledger]: how the box reaches the ledger, by MQTT 5 with mutual TLS."""

    host: str
    """The broker's name or address."""
    authority_file: Path
    """The certificate authority that the broker's certificate is signed by (PEM)."""
    certificate_file: Path
    """The box's own certificate (PEM); its common name is its identity in topics."""
    certificate_key_file: Path
    """The certificate's key (PEM)."""
    key: PublicKey
    """The key by which the ledger signs."""
    ledger_id: bytes
    """The ledger's id, 32 octets."""
    port: int = 8883
    """The broker's port."""
    keep_alive_s: int = 30
    """A broker that is silent for one and a half times this is gone."""

    def __post_init__(self) -> None:
        if len(self.ledger_id) != 32:
            raise ConfigError(f"ledger_id: has {len(self.ledger_id)} octets, not 32")
        if not 0 < self.port < 65_536:
            raise ConfigError(f"port: {self.port} is not a port")


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """Section [meter]: who signs what the box measured."""

    tpm: str = ""
    """The TPM, `device:/dev/tpmrm0` on a box or `swtpm:path=SOCKET` in a lab. Empty: a software key."""
    software_key_file: Path | None = None
    """The key that signs when there is no TPM; every report is then marked unattested."""
    accept_unattested: bool = False
    """Has to be true for a software key: nobody gets unattested reports by accident."""

    def __post_init__(self) -> None:
        if self.tpm and self.software_key_file:
            raise ConfigError("tpm: choose either a TPM or software_key_file, not both")
        if not self.tpm and not self.software_key_file:
            raise ConfigError(
                "tpm: name a TPM (device:/dev/tpmrm0), or a software_key_file with accept_unattested = true"
            )
        if self.software_key_file and not self.accept_unattested:
            raise ConfigError(
                "accept_unattested: has to be true for a software key; its reports are marked unattested"
            )


@dataclass(frozen=True, slots=True)
class Files:
    """Section [files]: where the box keeps things."""

    provider_key_file: Path
    """The provider's key, which signs offers (PEM)."""
    store: Path = field(default=Path("/var/lib/airgrant/apd.sqlite"))
    """Sessions, chain head and outbox. A store of an older `apd` is taken over at the start, and an older `apd` refuses
    it from then on.
    """
    control_socket: Path = field(default=Path("/run/airgrant/apd.sock"))
    """Where `apd status` asks."""
