"""What the others bring: certificates that should not open, Disconnects that should not be obeyed, a flood of
purchases.

An independent hand where it matters: the RADIUS packet is packed here, not by the operator's daemon.

python -m lab.wifi.forging INTERFACE BSSID SECONDS       flood it with purchases of nobody, from ever new addresses

Reference: RFC 5176 clause 2.3, RFC 2869 clause 5.14; IEEE 802.11-2020 clause 9.6.7.12 (GAS).
"""

import datetime as dt
import hashlib
import hmac
import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.gas_writer import write_gas_frame
from nas_tunnel.anqp import write_purchase_query
from nas_tunnel.gas_frame import GasRequest
from wire.account_certificate import Purpose, format_pem, issue, write_anchor
from wire.ids import MacAddress, PublicKey
from wire.keys import PrivateKey

DAY_S = 86_400
DISCONNECT_REQUEST = 40
DAS_PORT = 3799
ANSWER_S = 2.0
FLOOD_PAYLOAD_BYTES = 600
FLOOD_BATCH, FLOOD_PAUSE_S = 20, 0.02
"""A thousand frames a second, which is more than one channel carries of this size at the lowest rate."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files for wpa_supplicant: a certificate, its key, and the anchor of the operator."""

    certificate: Path
    key: Path
    authority: Path


def issued(
    folder: Path, account: PrivateKey, operator: PublicKey, from_s: int = -60, to_s: int = DAY_S
) -> Credentials:
    """A certificate as the device makes it, for times in seconds from now."""
    now_s = int(time.time())
    key = PrivateKey.generate()
    certificate = issue(
        account, Purpose.STATION, key.public, not_before_s=now_s + from_s, not_after_s=now_s + to_s, serial=2
    )
    return _write(folder, format_pem(certificate).encode(), key.to_pem(), operator)


def issued_on_another_curve(folder: Path, account: PrivateKey, operator: PublicKey) -> Credentials:
    """A certificate of the right account for a key on secp256k1, which EAP-TLS does not know."""
    key = ec.generate_private_key(ec.SECP256K1())

    def name(common_name: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.USER_ID, str(account.public)),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )

    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(
            name("airgrant account"),
            name("airgrant station"),
            key.public_key(),
            3,
            now - dt.timedelta(hours=1),
            now + dt.timedelta(days=1),
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(account.key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _write(folder, certificate.public_bytes(Encoding.PEM), private, operator)


def _write(folder: Path, certificate: bytes, key: bytes, operator: PublicKey) -> Credentials:
    folder.mkdir(parents=True, exist_ok=True)
    made = Credentials(folder / "certificate.pem", folder / "key.pem", folder / "operator.pem")
    made.certificate.write_bytes(certificate)
    made.key.touch(mode=0o600)
    made.key.write_bytes(key)
    made.authority.write_text(format_pem(write_anchor(operator)))
    return made


def disconnect_request(
    secret: bytes, box: str, station: str, session_id: str, *, at_s: int, identifier: int = 1
) -> bytes:
    """A Disconnect-Request signed with `secret`, stamped with `at_s` (UTC)."""
    attributes = (
        _attribute(31, station.upper().replace(":", "-").encode())
        + _attribute(32, box.encode())
        + (_attribute(44, session_id.encode()) if session_id else b"")
        + _attribute(55, at_s.to_bytes(4, "big"))
    )
    length = 20 + len(attributes) + 18
    head = bytes((DISCONNECT_REQUEST, identifier)) + length.to_bytes(2, "big") + bytes(16)
    unsigned = head + attributes + _attribute(80, bytes(16))
    signature = hmac.new(secret, unsigned, hashlib.md5).digest()
    signed = attributes + _attribute(80, signature)
    return head[:4] + hashlib.md5(head + signed + secret, usedforsecurity=False).digest() + signed


def _attribute(kind: int, value: bytes) -> bytes:
    return bytes((kind, 2 + len(value))) + value


def send_to_das(address: str, packet: bytes) -> int | None:
    """The code of the answer (41 ACK, 42 NAK), or None if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(ANSWER_S)
        sender.sendto(packet, (address, DAS_PORT))
        try:
            return sender.recv(4_096)[0]
        except TimeoutError:
            return None


def flood(interface: str, bssid: str, lasting_s: float) -> int:
    """GAS purchases of noise from random stations, over a monitor interface that may inject; how many were sent."""
    target, ends, sent = MacAddress.parse(bssid), time.monotonic() + lasting_s, 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as air:
        air.bind((interface, 0))
        while time.monotonic() < ends:
            for _ in range(FLOOD_BATCH):
                query = write_purchase_query(os.urandom(FLOOD_PAYLOAD_BYTES))
                sender = MacAddress(b"\x0e" + os.urandom(5))
                try:
                    air.send(write_gas_frame(GasRequest(sender, target, sent % 256, query)))
                except OSError:  # the radio's queue is full: that is what a flood is for
                    break
                sent += 1
            time.sleep(FLOOD_PAUSE_S)
    return sent


if __name__ == "__main__":
    print("flooding", flush=True)
    print("sent", flood(sys.argv[1], sys.argv[2], float(sys.argv[3])), flush=True)
