"""A security key without hardware, for the tests: WebAuthn's octets as an authenticator and its browser make them.

Written from W3C Web Authentication Level 3, 6.1 (authenticator data), 6.5.4 (attestation object) and 5.8.1 (client
data), with cbor2; `test_login_browser.py` holds the same server against Chromium's own virtual authenticator.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
ORIGIN, RP_ID = "https://page.example.net", "page.example.net"


def to_text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def to_octets(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One key. What a browser would say stands in `origin` and `client`, what the key says in the rest."""

    number: int = 1
    counts: bool = True
    count: int = 0
    flags: int = PRESENT | VERIFIED
    origin: str = ORIGIN
    rp_id: str = RP_ID
    client: dict[str, Any] = field(default_factory=dict)
    """Changes to the client data."""
    handle: bytes = b""
    algorithm: int = -7

    @property
    def key_id(self) -> bytes:
        return sha256(b"key %d" % self.number).digest()[:16]

    @property
    def _private(self) -> EllipticCurvePrivateKey:
        return derive_private_key(1_000 + self.number, SECP256R1())

    def make(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answers `navigator.credentials.create`."""
        self.handle = to_octets(options["user"]["id"])
        point = self._private.public_key().public_numbers()
        public_key = cbor2.dumps(
            {
                1: 2,
                3: self.algorithm,
                -1: 1,
                -2: point.x.to_bytes(32, "big"),
                -3: point.y.to_bytes(32, "big"),
            },
            canonical=True,
        )
        attested = bytes(16) + len(self.key_id).to_bytes(2, "big") + self.key_id + public_key
        data = self._authenticator_data(ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client_data("webauthn.create", options["challenge"])
        return self._credential(
            {"clientDataJSON": to_text(client), "attestationObject": to_text(attestation)}
        )

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answers `navigator.credentials.get`."""
        client, data = self._client_data("webauthn.get", options["challenge"]), self._authenticator_data()
        signature = self._private.sign(data + sha256(client).digest(), ECDSA(SHA256()))
        return self._credential(
            {
                "clientDataJSON": to_text(client),
                "authenticatorData": to_text(data),
                "signature": to_text(signature),
                "userHandle": to_text(self.handle),
            }
        )

    def _authenticator_data(self, more: int = 0) -> bytes:
        self.count += self.counts
        return (
            sha256(self.rp_id.encode()).digest() + bytes([self.flags | more]) + self.count.to_bytes(4, "big")
        )

    def _client_data(self, kind: str, challenge: str) -> bytes:
        page = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(page | self.client).encode()

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        name = to_text(self.key_id)
        return {"id": name, "rawId": name, "type": "public-key", "response": response}
