"""Who a command is: the account's key in a file, and the name in a certificate by which the broker knows its holder.

A shell: files. Raises ConfigError.
"""

import warnings
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from wire.errors import ConfigError
from wire.keys import PrivateKey


def read_key(file: Path) -> PrivateKey:
    """An account's, unencrypted."""
    try:
        return PrivateKey.from_pem(file.read_bytes(), str(file))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(str(error)) from error


def read_common_name(certificate: Path) -> str:
    """Often an account, of 66 digits, and X.520 warns beyond 64."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            subject = x509.load_pem_x509_certificate(certificate.read_bytes()).subject
    except (OSError, ValueError) as error:
        raise ConfigError(f"{certificate}: {error}") from error
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names:
        raise ConfigError(f"{certificate}: the certificate has no common name")
    return str(names[-1].value)
