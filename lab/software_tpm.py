"""A software TPM 2.0 (swtpm) with an endorsement certificate from a test authority, as a context manager.

Owns one folder: the TPM's state, its socket, its log, and unless another is shared, the authority that certifies it. It
can do to the TPM what happens to boxes: lose power, be copied and restored, be replaced by another. A software
TPM's state is a file, so it is a test double and never a root of trust: restoring a copy rolls its counters back
(a verifier sees it).

swtpm serves one client at a time: a second one waits until the first has gone.
"""

import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.processes import Child, Household
from wire.errors import ShellError

_SETUP_CONFIGURATION = """\
create_certs_tool = swtpm_localca
create_certs_tool_config = {authority}/localca.conf
create_certs_tool_options = {authority}/localca.options
active_pcr_banks = sha256
"""
_AUTHORITY_CONFIGURATION = """\
statedir = {authority}
signingkey = {authority}/signkey.pem
issuercert = {authority}/issuercert.pem
certserial = {authority}/certserial
"""
_AUTHORITY_OPTIONS = "--platform-manufacturer Airgrant\n--platform-version 1\n--platform-model lab\n"
_SETUP_TIMEOUT_S = 60


@dataclass(slots=True)
class SoftwareTpm:
    """A TPM that is made in `folder` when the block begins, unless its state is there, and stopped when it ends."""

    folder: Path
    authority: Path = field(default=Path())
    _household: Household = field(init=False)
    _process: Child | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """`authority` is a folder of its own, to be shared by TPMs that one vendor made; by default below `folder`."""
        self.folder = self.folder.absolute()
        self.authority = self.folder / "authority" if self.authority == Path() else self.authority.absolute()
        self._household = Household(self.folder / "log")

    @property
    def tcti(self) -> str:
        """How the TPM shell of the daemon opens it."""
        return f"swtpm:path={self._socket}"

    @property
    def vendor_certificates(self) -> tuple[Path, Path]:
        """PEM files: the root, and the intermediate that signed the endorsement certificate."""
        return self.authority / "swtpm-localca-rootca-cert.pem", self.authority / "issuercert.pem"

    def __enter__(self) -> Self:
        if not self._state.exists():
            self._manufacture()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._household.stop()

    def start(self) -> None:
        """Power on: TPM2_Startup(CLEAR). Returns once the socket takes connections; ShellError otherwise."""
        control = f"type=unixio,path={self._socket}.ctrl"
        self._socket.unlink(missing_ok=True)
        self._process = self._household.start(
            "swtpm",
            [
                *("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self._state}", "--ctrl", control),
                *("--server", f"type=unixio,path={self._socket}", "--flags", "not-need-init,startup-clear"),
            ],
        )
        self._process.wait_for(self._accepts, "its socket")

    def stop(self) -> None:
        """Power off, without warning: what was not written through is lost."""
        assert self._process is not None, "the software TPM was never started"
        self._process.kill()

    def reset(self) -> None:
        """A power cycle. Whoever was connected has to open the TPM again."""
        self.stop()
        self.start()

    def copy_state(self, to: Path) -> None:
        """What somebody with access to the host can do at any time."""
        shutil.copytree(self._state, to)

    def restore_state(self, copy: Path) -> None:
        """The TPM as it was when the copy was made, switched on again."""
        self.stop()
        shutil.rmtree(self._state)
        shutil.copytree(copy, self._state)
        self.start()

    @property
    def _state(self) -> Path:
        return self.folder / "state"

    @property
    def _socket(self) -> Path:
        return self.folder / "tpm.sock"

    def _accepts(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    def _manufacture(self) -> None:
        """Makes state and endorsement certificate, and the authority at first use; no state is left if that fails."""
        fresh = self.folder / "state.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        self.authority.mkdir(parents=True, exist_ok=True)
        names = {"authority": self.authority}
        configuration = self.folder / "setup.conf"
        configuration.write_text(_SETUP_CONFIGURATION.format(**names))
        (self.authority / "localca.conf").write_text(_AUTHORITY_CONFIGURATION.format(**names))
        (self.authority / "localca.options").write_text(_AUTHORITY_OPTIONS)
        argv = ["swtpm_setup", "--tpm2", "--create-ek-cert", "--config", str(configuration)]
        argv += ["--tpm-state", str(fresh)]
        try:
            done = subprocess.run(
                argv,
                capture_output=True,
                text=True,
                timeout=_SETUP_TIMEOUT_S,
                check=False,
            )
        except OSError as fault:
            raise ShellError("swtpm_setup", f"{fault.strerror}: is swtpm-tools installed?") from fault
        except subprocess.TimeoutExpired as fault:
            raise ShellError("swtpm_setup", f"not done within {_SETUP_TIMEOUT_S} s") from fault
        if done.returncode:
            raise ShellError(
                "swtpm_setup", f"exit code {done.returncode}:\n{done.stdout[-800:]}{done.stderr[-800:]}"
            )
        fresh.rename(self._state)
