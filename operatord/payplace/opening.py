"""Opens what settings name: keys, and the ledger as a chain. For the two commands."""

import warnings
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from ledger.client import LedgerClient, LedgerReader
from ledger.fetching import fetch_genesis
from ledger.service import tls_context
from ledger.settings import BrokerSettings
from operatord.payplace.ledger_chain import LedgerChain
from operatord.payplace.settings import ChainLink
from wire.errors import ConfigError
from wire.ids import PublicKey
from wire.keys import PrivateKey


def open_chain(link: ChainLink, operator: PublicKey, key: PrivateKey) -> LedgerChain:
    """Raises ConfigError if another ledger is there, ShellError if none is."""
    reader = LedgerReader(link.url)
    genesis = fetch_genesis(reader)
    if genesis.ledger_id != link.ledger_id:
        raise ConfigError(f"{link.url}: is ledger {genesis.ledger_id.hex()}, not {link.ledger_id.hex()}")
    return LedgerChain(reader, connecting(link.broker), genesis, operator, key)


def connecting(broker: BrokerSettings) -> Callable[[], LedgerClient]:
    """Opens a connection whenever something is submitted, which is a few times in a period."""
    name = _common_name(broker.certificate)
    return lambda: LedgerClient(broker.host, broker.port, name, tls_context(broker))


def read_account_key(file: Path) -> PrivateKey:
    """Raises ConfigError."""
    try:
        return PrivateKey.from_pem(file.read_bytes(), str(file))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _common_name(certificate: Path) -> str:
    """Under which the broker knows us. An account has 66 digits, and X.520 warns beyond 64."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            subject = x509.load_pem_x509_certificate(certificate.read_bytes()).subject
            return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[-1].value)
    except (OSError, ValueError, IndexError) as error:
        raise ConfigError(f"{certificate}: no certificate with a common name: {error}") from error
