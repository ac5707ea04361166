"""Section [cell.signalling]: purchases before a device is let in, and what the gNB is told to broadcast.

Loaded only where the section is there. Every rule that a value has to obey is in `__post_init__` and raises
ConfigError.
"""

from dataclasses import dataclass
from pathlib import Path

from wire.errors import ConfigError


@dataclass(frozen=True, slots=True)
class SignallingSettings:
    """Off without the section; in it, each of the two by itself."""

    socket: Path | None = None
    """Where whoever ends NAS (an AMF, an MME) connects, `/run/airgrant/nas.sock`. Session keys cross it: it is
    readable and writable by its owner and group only. Nothing is sold in NAS without it.
    """
    sib_file: Path | None = None
    """The file that the gNB is given beside its others (`-c`), with the offer that it broadcasts in SIB8: written anew
    whenever the offer changes, and before it expires. In shielded or licensed test cells only.
    """

    def __post_init__(self) -> None:
        if self.socket is None and self.sib_file is None:
            raise ConfigError(
                "socket: name a socket for purchases in NAS, or a sib_file; else leave the section out"
            )
