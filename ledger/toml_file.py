"""Reads a configuration file: TOML from the disk. Says nothing about what is in it."""

import tomllib
from pathlib import Path
from typing import Any

from wire.errors import ConfigError


def read_toml(file: Path) -> dict[str, Any]:
    """Raises ConfigError that names the file."""
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error
