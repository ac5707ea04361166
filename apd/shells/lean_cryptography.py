"""Imports `cryptography` without its X.509, for which a box has no use: TLS verifies certificates, and
apd/certificate.py reads the one name that is wanted.

Older versions, such as the 38 of Debian 12, import it with the first key, for annotations and for PKCS #7 and #12, with
e-mail addresses and all: more than a megabyte. Newer ones do not, and nothing changes for them.
Whoever imports it afterwards gets the real one; only PKCS #7 and #12 would take no certificates of it.
"""

import sys
from importlib import import_module
from types import ModuleType

_X509 = "cryptography.x509"


class _Absent(ModuleType):
    """Has every class, and none is anybody's."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nobodys


class _Nobodys:
    """A class without instances."""


def import_cryptography() -> None:
    """Imports what P-256 keys are made of, for everybody who does so later."""
    if _X509 in sys.modules:
        return
    sys.modules[_X509] = _Absent(_X509)
    try:
        import_module("cryptography.hazmat.backends.openssl.backend")
    finally:
        del sys.modules[_X509]
