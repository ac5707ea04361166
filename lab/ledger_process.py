"""The ledger as its operator runs it: settings in a folder, `python -m ledger run`, and the pages over HTTP."""

import sys
from pathlib import Path

from lab.broker import MQTT_TLS_PORT
from lab.certificates import Identity
from lab.namespaces import Namespace
from lab.processes import Child, Household
from lab.software_tpm import SoftwareTpm
from ledger.genesis import Genesis, write_genesis
from wire.ids import PublicKey
from wire.keys import PrivateKey

HTTP_PORT = 8573
READY_DEADLINE_S = 60.0

SETTINGS = """\
[ledger]
key = "ledger.key"
genesis = "genesis.cbor"
database = "ledger.db"
{trusts}

[broker]
host = "{host}"
port = {broker_port}
authority = "{identity.authority}"
certificate = "{identity.certificate}"
key = "{identity.key}"

[http]
host = "{host}"
port = {port}
"""


def start_ledger(
    household: Household,
    namespace: Namespace | None,
    folder: Path,
    host: str,
    genesis: Genesis,
    key: PrivateKey,
    identity: Identity,
    tpm: SoftwareTpm | None,
    port: int = MQTT_TLS_PORT,
    more: str = "",
) -> Child:
    """The ledger at the broker on `host`, its pages there too; it trusts the maker of `tpm`, or meters without one.
    `more`: further sections of its settings. `wait_for_ledger` then.
    """
    (folder / "genesis.cbor").write_bytes(write_genesis(genesis))
    write_private(folder / "ledger.key", key.to_pem())
    trusts = "accept_software_keys = true"
    if tpm is not None:
        vendors = b"".join(certificate.read_bytes() for certificate in tpm.vendor_certificates)
        (folder / "vendors.pem").write_bytes(vendors)
        trusts = 'tpm_vendors = "vendors.pem"'
    settings = folder / "ledger.toml"
    settings.write_text(
        SETTINGS.format(host=host, identity=identity, port=HTTP_PORT, broker_port=port, trusts=trusts) + more
    )
    words: list[str | Path] = [sys.executable, "-m", "ledger", "run", "--config", settings]
    return household.start("ledger", words, namespace=namespace)


def format_ledger_section(
    host: str, identity: Identity, key: PublicKey, ledger_id: bytes, port: int = MQTT_TLS_PORT
) -> str:
    """Section [ledger] of a box's apd.toml: the broker, its certificate there, and the ledger that it believes."""
    return f"""\
[ledger]
host = "{host}"
port = {port}
authority_file = "{identity.authority}"
certificate_file = "{identity.certificate}"
certificate_key_file = "{identity.key}"
key = "{key}"
ledger_id = "{ledger_id.hex()}"
"""


def wait_for_ledger(ledger: Child) -> None:
    """Until it is ready. Raises ShellError."""
    ledger.wait_for_line("ready", READY_DEADLINE_S)


def write_private(path: Path, content: bytes) -> None:
    """A file that only its owner reads."""
    path.touch(mode=0o600)
    path.write_bytes(content)
