"""What was paid as one goes, on disk beside the wallet: one file for each operator. A shell: it reads and writes files.

    wallet.kept/<instance>.channel      {"paid_ubc": .., "least_used_ubc": .., "most_used_ubc": .., "limit_ubc": ..,
                                         "operator": hex, "lost": .., "micropayment": hex}; mode 0600

Written, whole or not at all, before a payment is sent, so that no crash has the device sign less than it signed before.
A file that is lost costs nothing: the operator shows the device its own highest micropayment. `lost` counts sessions
that were paid and not served, for whoever chooses the next access point.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from device.keeping import kept_folder, write_kept
from device.paying import Purse
from wire.errors import ConfigError, ShellError
from wire.ids import PublicKey


@dataclass(frozen=True, slots=True)
class Channel:
    """With one operator, as it was kept."""

    instance: bytes
    operator: PublicKey
    purse: Purse
    lost: int = 0
    micropayment: bytes = b""


def load_channel(wallet: Path, instance: bytes, operator: PublicKey, limit_ubc: int) -> Channel:
    """`limit_ubc` is what is deposited, as the ledger says; with nothing kept, an empty purse. Raises ConfigError for
    a file that is damaged: whoever takes it away begins from what the operator shows.
    """
    path = _path(wallet, instance)
    try:
        text = path.read_text()
    except FileNotFoundError:
        return Channel(instance, operator, Purse(limit_ubc=limit_ubc))
    except OSError as error:
        raise ShellError(str(path), error.strerror or str(error)) from None
    try:
        match json.loads(text):
            case {"paid_ubc": int(paid), "least_used_ubc": int(least), "most_used_ubc": int(most), "lost": int(lost),
                  "micropayment": str(micropayment)}:  # fmt: skip
                purse = Purse(paid, least, most, limit_ubc)
                return Channel(instance, operator, purse, lost, bytes.fromhex(micropayment))
    except (ValueError, RecursionError):
        pass
    raise ConfigError(
        f"{path}: is not what was kept there; take it away, and the operator will show what was paid"
    )


def keep_channel(wallet: Path, channel: Channel) -> None:
    """Raises ShellError, and then nothing may be sent."""
    purse = channel.purse
    page = {
        "paid_ubc": purse.paid_ubc,
        "least_used_ubc": purse.least_used_ubc,
        "most_used_ubc": purse.most_used_ubc,
        "lost": channel.lost,
        "operator": str(channel.operator),
        "micropayment": channel.micropayment.hex(),
    }
    write_kept(_path(wallet, channel.instance), json.dumps(page).encode())


def _path(wallet: Path, instance: bytes) -> Path:
    return kept_folder(wallet) / f"{instance.hex()}.channel"
