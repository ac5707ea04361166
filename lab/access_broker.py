"""A resource manager before a software TPM (tpm2-abrmd), as the kernel's /dev/tpmrm0 is before a real one.

Several programs may use the TPM through it at once, and what one of them leaves behind is cleared away. It is found on
a message bus of its own (dbus-daemon), so that no bus of this machine is touched. A context manager; whoever is to use
it has `environment` in his. Raises ShellError where one of the programs is missing or does not come up.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.processes import Household
from lab.software_tpm import SoftwareTpm

TCTI = "tabrmd:bus_type=session"
READY_DEADLINE_S = 20.0
_BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow send_destination="*"/>
    <allow eavesdrop="false"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


@dataclass(slots=True)
class AccessBroker:
    """Of one TPM that is switched on; its bus, settings and logs are in `folder`."""

    tpm: SoftwareTpm
    folder: Path
    _household: Household = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.folder.absolute()
        self._household = Household(self.folder / "log")

    @property
    def environment(self) -> Mapping[str, str]:
        """By which OpenSSL's provider (tpm2-openssl) finds it."""
        return {
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self._socket}",
            "TPM2OPENSSL_TCTI": TCTI,
        }

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._socket.unlink(missing_ok=True)
        settings = self.folder / "bus.conf"
        settings.write_text(_BUS.format(socket=self._socket))
        try:
            bus = self._household.start("bus", ["dbus-daemon", "--nofork", f"--config-file={settings}"])
            bus.wait_for(self._socket.exists, "its socket", READY_DEADLINE_S)
            words = ["tpm2-abrmd", "--session", "--allow-root", f"--tcti={self.tpm.tcti}"]
            manager = self._household.start("abrmd", words, environment=self.environment)
            manager.wait_for(self._answers, "an answer of the TPM through it", READY_DEADLINE_S)
        except BaseException:
            self._household.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._household.stop()

    @property
    def _socket(self) -> Path:
        return self.folder / "bus.sock"

    def _answers(self) -> bool:
        """Whether OpenSSL's provider reaches the TPM."""
        words = ["openssl", "rand", "-provider", "tpm2", "-hex", "1"]
        said = subprocess.run(
            words, env=os.environ | self.environment, capture_output=True, check=False, timeout=10
        )
        return said.returncode == 0
