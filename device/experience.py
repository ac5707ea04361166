"""The device's knowledge of sellers, on disk beside the wallet. A shell: it reads and writes one file.

    wallet.kept/reputation.json     device/reputation.py's form; mode 0600

Written whole or not at all. A file that is damaged is refused by name; one that is lost costs what was known.
"""

from pathlib import Path

from device.keeping import kept_folder, write_kept
from device.reputation import Reputation, read_reputation, write_reputation
from wire.errors import ConfigError, DecodeError, ShellError


def load_reputation(wallet: Path) -> Reputation:
    """Empty where nothing was kept. Raises ConfigError for a damaged file, ShellError."""
    path = _path(wallet)
    try:
        return read_reputation(path.read_bytes())
    except FileNotFoundError:
        return Reputation()
    except OSError as error:
        raise ShellError(str(path), error.strerror or str(error)) from None
    except DecodeError as error:
        raise ConfigError(
            f"{path}: {error}; take it away, and what was known of sellers is forgotten"
        ) from None


def keep_reputation(wallet: Path, known: Reputation) -> None:
    """Raises ShellError."""
    write_kept(_path(wallet), write_reputation(known))


def _path(wallet: Path) -> Path:
    return kept_folder(wallet) / "reputation.json"
