"""Our network in wpa_supplicant: what it is told, and what its events mean for the session. Pure.

One network is added, selected, and removed again. What was enabled before is remembered in the network's own `id_str`,
so that whoever comes later, another process too, can put it back. The BSSID is not pinned: among access points of one
SSID wpa_supplicant chooses, and roams; a shell may pin an attempt, and unpins what came in.
"""

import re
from dataclasses import dataclass, replace
from typing import TypeAlias

from device.events import Associated, AssociationFailed, Disassociated, Obstacle
from device.wpa_text import (
    CertificateRefused,
    Connected,
    Disconnected,
    EapFailed,
    KeyUnusable,
    NotFound,
    Refused,
    Terminating,
    WpaEvent,
)
from wire.network import Network

IDENTITY = "anonymous@airgrant"
"""Who we are says the certificate; TLS 1.3 keeps that from the air, and so does this (RFC 9190 clause 2.1.4)."""
ANCHOR_BLOB, CERTIFICATE_BLOB, KEY_BLOB = "airgrant-anchor", "airgrant-certificate", "airgrant-key"
_MARK = "airgrant"


@dataclass(frozen=True, slots=True)
class Membership:
    """The network that is ours, and what was last wrong with the server's certificate."""

    network_id: int
    trouble: str = ""


Step: TypeAlias = "tuple[Membership, list[Associated | AssociationFailed | Disassociated]]"


def plan_network(network: Network, enabled_before: tuple[int, ...]) -> tuple[tuple[str, str], ...]:
    """The settings of our network, by name, as SET_NETWORK takes them. The three blobs have to be there."""
    return (
        ("ssid", network.ssid.hex()),
        ("id_str", f'"{format_before(enabled_before)}"'),
        ("proto", "RSN"),
        ("key_mgmt", "WPA-EAP WPA-EAP-SHA256"),
        ("ieee80211w", "1"),  # protected management frames, where the access point has them
        ("eap", "TLS"),
        ("identity", f'"{IDENTITY}"'),
        (
            "ca_cert",
            f'"blob://{ANCHOR_BLOB}"',
        ),  # one anchor: the operator's. Its servers are for serverAuth only
        ("client_cert", f'"blob://{CERTIFICATE_BLOB}"'),
        ("private_key", f'"blob://{KEY_BLOB}"'),
        (
            "phase1",
            '"tls_disable_tlsv1_3=0"',
        ),  # which 2.10 leaves out by itself; 1.2 shows our account to the air
    )


def format_before(enabled: tuple[int, ...]) -> str:
    """For `id_str`: `airgrant/0,3`, the networks that were enabled before ours."""
    return f"{_MARK}/{','.join(map(str, enabled))}"


def parse_before(text: str) -> tuple[int, ...] | None:
    """From `id_str`, quoted or not; None if the network is not ours."""
    found = re.fullmatch(rf'"?{_MARK}/((?:\d{{1,9}}(?:,\d{{1,9}})*)?)"?', text, re.ASCII)
    return tuple(int(number) for number in found[1].split(",") if number) if found else None


def hear(membership: Membership, event: WpaEvent) -> Step:
    """What an event of wpa_supplicant means for the session, if anything."""
    match event:
        case Connected(bssid, network_id) if network_id == membership.network_id:
            return replace(membership, trouble=""), [Associated(bssid)]
        case Connected():
            return membership, [Disassociated("wpa_supplicant joined another network")]
        case Disconnected(_, reason):
            return membership, [Disassociated(f"reason code {reason}" if reason else "the link is down")]
        case CertificateRefused(detail):
            return replace(membership, trouble=detail), []
        case EapFailed():
            return replace(membership, trouble=""), [_explain_failure(membership.trouble)]
        case KeyUnusable():
            detail = "wpa_supplicant could not read the certificate or the key that it was given"
            return membership, [AssociationFailed(Obstacle.NO_SUPPLICANT, detail)]
        case Refused(detail):
            return membership, [AssociationFailed(Obstacle.REFUSED, f"refused by the access point, {detail}")]
        case NotFound():
            return membership, [AssociationFailed(Obstacle.NOT_FOUND, "the network is not in range")]
        case Terminating():
            return membership, [AssociationFailed(Obstacle.NO_SUPPLICANT, "wpa_supplicant has ended")]
        case _:
            return membership, []


def _explain_failure(trouble: str) -> AssociationFailed:
    if trouble:
        detail = f"the server's certificate is not of the operator that the provider named: {trouble}"
        return AssociationFailed(Obstacle.UNKNOWN_AUTHORITY, detail)
    detail = "the operator's server said no: the grant is unknown there, over, or in use elsewhere"
    return AssociationFailed(Obstacle.REJECTED, detail)
