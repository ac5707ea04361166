"""Opens what settings name: keys, and the ledger as a chain. For the two commands."""

from collections.abc import Callable

from ledger.client import LedgerClient, LedgerReader
from ledger.fetching import fetch_genesis
from ledger.identity import read_common_name
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
    name = read_common_name(broker.certificate)
    return lambda: LedgerClient(broker.host, broker.port, name, tls_context(broker))
