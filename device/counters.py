"""What the kernel counted on an interface, as IP bytes; it takes no privilege to read it. A shell: it reads files.

The counters of a Linux network device are of frames as the stack sees them: on Ethernet and on Wi-Fi (which shows
itself as Ethernet) 14 octets beyond IP for each packet, on a tunnel or modem none. So that is taken off. A counter that
goes back began anew, with the device: what was before is kept. ARP and the like are counted, and are little.
Reference: Linux Documentation/networking/statistics.rst.
"""

from dataclasses import dataclass
from pathlib import Path

from wire.errors import ShellError

ETHERNET_HEADER_BYTES = 14
ARPHRD_ETHER = 1
CLASS = Path("/sys/class/net")


@dataclass(frozen=True, slots=True)
class Counters:
    """IP bytes since the first reading: what this machine sent, and what it got."""

    up_bytes: int
    down_bytes: int


class Meter:
    """Of one interface, from now on. Raises ShellError if it is not there."""

    def __init__(self, interface: str, below: Path = CLASS) -> None:
        self._folder = below / interface
        self._header_bytes = ETHERNET_HEADER_BYTES if self._read("type") == ARPHRD_ETHER else 0
        self._last = self._read_all()
        self._sum = (0, 0)

    def read(self) -> Counters:
        """Raises ShellError."""
        now = self._read_all()
        grown = [one if one < before else one - before for one, before in zip(now, self._last, strict=True)]
        self._last = now
        up = max(0, grown[0] - grown[1] * self._header_bytes)
        down = max(0, grown[2] - grown[3] * self._header_bytes)
        self._sum = self._sum[0] + up, self._sum[1] + down
        return Counters(*self._sum)

    def _read_all(self) -> tuple[int, int, int, int]:
        return (
            self._read("statistics/tx_bytes"),
            self._read("statistics/tx_packets"),
            self._read("statistics/rx_bytes"),
            self._read("statistics/rx_packets"),
        )

    def _read(self, name: str) -> int:
        path = self._folder / name
        try:
            return int(path.read_text())
        except (OSError, ValueError) as error:
            raise ShellError(f"interface {self._folder.name}", f"{path}: {error}") from None
