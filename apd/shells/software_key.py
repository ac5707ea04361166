"""The signer of a box without a TPM: a P-256 key in a file, by explicit configuration only.

Its evidence is *unattested*: it proves who signed, not which software counted nor that no record is missing. There
is no quote, no PCR and no counter; the verifier says so of every record. The file has to be readable by its owner
alone.
"""

import os
from pathlib import Path

from wire.enrolment import prove_software_key
from wire.errors import ConfigError, ShellError
from wire.evidence import SOFTWARE_DOMAIN, Evidence
from wire.ids import PublicKey
from wire.keys import PrivateKey


class SoftwareKey:
    """Signs meter records in place of a TPM."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    @classmethod
    def open(cls, path: Path) -> "SoftwareKey":
        """The key in a PEM file, made at first use. Raises ConfigError (not a key, or others may read it),
        ShellError.
        """
        try:
            if not path.exists():
                _write_new(path, PrivateKey.generate().to_pem())
            if path.stat().st_mode & 0o077:
                raise ConfigError(f"{path}: a signing key that others may read; chmod 600 it")
            return cls(PrivateKey.from_pem(path.read_bytes(), str(path)))
        except OSError as error:
            raise ShellError("software key", f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise ConfigError(str(error)) from error

    @property
    def public_key(self) -> PublicKey:
        """What the ledger enrols."""
        return self._key.public

    def prove(self, provider: PublicKey) -> bytes:
        """That whoever enrols this key for this provider holds it."""
        return prove_software_key(self._key, provider)

    def sign_record(self, record: bytes) -> Evidence:
        """Unattested evidence of a record."""
        signature = self._key.sign(SOFTWARE_DOMAIN + record)
        return Evidence(self._key.public.key_id, record, attest=b"", signature=signature)


def _write_new(path: Path, pem: bytes) -> None:
    """Never readable by others, not for an instant."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(descriptor)
