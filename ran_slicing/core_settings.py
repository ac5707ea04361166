"""The core's settings: where its functions are, and how what is sold is asked of them.

Nothing is read here; whoever reads the configuration file builds this value and reports what it refuses.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from ran_slicing.core_info import METRICS_PORT
from ran_slicing.n5 import DEFAULT_PORT, Quality
from ran_slicing.store_address import StoreAddress, parse_store_address
from ran_slicing.subscriber import Priority


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """Every field with its unit; ValueError names the field that cannot be."""

    pcf_host: str
    """Address or name of the policy control function, or of the service communication proxy in front of it."""
    smf_host: str
    """Of the session management function, whose metrics show who has which address."""
    pcf_port: int = DEFAULT_PORT
    """TCP port of its service-based interface, HTTP/2 in clear text."""
    smf_metrics_port: int = METRICS_PORT
    """TCP port of its metrics, HTTP/1."""
    amf_host: str = ""
    """Of the access and mobility function, whose metrics show who is connected: a UE that comes is found by it in the
    gNB's metrics at once. Nobody is kept out if it does not answer. Empty: not asked.
    """
    amf_metrics_port: int = METRICS_PORT
    """TCP port of its metrics, HTTP/1."""
    store_uri: str = "mongodb://127.0.0.1/open5gs"
    """`db_uri` of the core: where subscribers' documents are."""
    notification_uri: str = "http://127.0.0.1:18574/n5"
    """What the PCF is told to notify. Nobody needs to listen there; the host has to be a numeric address, as the PCF
    refuses one that it cannot resolve.
    """
    media_type: str = "VIDEO"
    """By which the PCF is asked for a 5QI: `VIDEO` (2) or `AUDIO` (1), which phones' calls use too."""
    qos_reference: str = ""
    """Instead of a media type: the name of a profile in the PCF's own configuration (Open5GS 2.8 and later)."""
    qos_index: int = 2
    """The 5QI that this gives; one that guarantees a rate."""
    arp_level: int = 8
    """Allocation and retention priority of what is sold, 1 (kept longest) to 15."""
    look_s: int = 5
    """How often the lists are taken, seconds; a UE that comes waits no longer for its flow, nor does a flow that a
    restart of the PCF lost.
    """

    def __post_init__(self) -> None:
        for name in ("pcf_host", "smf_host", *(("amf_host",) if self.amf_host else ())):
            _require(
                re.fullmatch(r"[A-Za-z0-9.:_\-]{1,253}", getattr(self, name)) is not None, name, "no host"
            )
        for name in ("pcf_port", "smf_metrics_port", "amf_metrics_port"):
            _require(1 <= getattr(self, name) <= 65_535, name, "outside 1..65535")
        _require(1 <= self.look_s <= 300, "look_s", "outside 1..300")
        _require(
            _is_numeric_uri(self.notification_uri),
            "notification_uri",
            "not http://ADDRESS[:PORT]/... in numbers",
        )
        for name, make in (
            ("store_uri", lambda: self.store),
            ("qos_index", lambda: self.quality),
            ("arp_level", lambda: self.priority),
        ):
            try:
                make()
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error

    @property
    def store(self) -> StoreAddress:
        return parse_store_address(self.store_uri)

    @property
    def quality(self) -> Quality:
        if self.qos_reference:
            return Quality(self.qos_index, reference=self.qos_reference)
        return Quality(self.qos_index, media_type=self.media_type)

    @property
    def priority(self) -> Priority:
        return Priority(self.arp_level)


def _is_numeric_uri(uri: str) -> bool:
    match = re.fullmatch(r"http://(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::\d{1,5})?(?:/[!-~]*)?", uri)
    try:
        return match is not None and bool(ip_address(match[1] or match[2]))
    except ValueError:
        return False


def _require(holds: bool, name: str, reason: str) -> None:  # noqa: FBT001 the condition is the argument
    if not holds:
        raise ValueError(f"{name}: {reason}")
