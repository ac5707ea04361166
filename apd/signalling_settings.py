"""Section [cell.signalling]: purchases before a device is let in, and what the gNB is told to broadcast.

Loaded only where the section is there. Every rule that a value has to obey is in `__post_init__` and raises
ConfigError.
"""

from collections.abc import Iterable
from pathlib import Path

from wire.errors import ConfigError
from wire.frozen import dataclass


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

    def refuse_files(self, others: Iterable[Path]) -> None:
        """Files of somebody else that the daemon would replace. Raises ConfigError."""
        if self.sib_file is None:
            return
        for other in others:
            if self.sib_file.resolve() == other.resolve():
                raise ConfigError(
                    f"sib_file: {other} is the gNB's own: name another file, which it is given besides"
                )

    def __post_init__(self) -> None:
        if self.socket is None and self.sib_file is None:
            raise ConfigError(
                "socket: name a socket for purchases in NAS, or a sib_file; else leave the section out"
            )
        if self.socket is not None and self.socket == self.sib_file:
            raise ConfigError("sib_file: it is the socket as well: name a file")
