"""A router of stand-ins: the files of the package over this machine's own root, with what OpenWrt has beside them.

It behaves as OpenWrt does where scripts of the package touch it: rc.common, /lib/functions.sh, procd.sh, uci (the real
one if it could be built), logger, ubus, ujail, hostapd -v. Real are busybox' shell, nft and the kernel, in the lab's
sandbox. It cannot show: procd's own processes and triggers, ujail at work, netifd, wpad, opkg and apk, and flash.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import ROOT

FILES = ROOT / "images" / "openwrt" / "airgrant-apd" / "files"
STAND_INS = Path(__file__).resolve().parent / "stand_ins"
ORACLE = ROOT / "build" / "uci" / "uci"
_ENTER = """
mount --make-rprivate / 2>/dev/null || true
mount -t tmpfs tmpfs "$1" && mkdir "$1/above" "$1/work" "$1/all"
cp -a "$2/." "$1/above/"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/above,workdir=$1/work" "$1/all"
for name in dev proc sys; do mount --rbind "/$name" "$1/all/$name"; done
mount -t tmpfs tmpfs "$1/all/run" && mount -t tmpfs tmpfs "$1/all/tmp"
exec chroot "$1/all" sh -c 'echo up && read line'
"""


@dataclass
class Instance:
    """What procd is told of one process."""

    params: dict[str, list[str]] = field(default_factory=dict)
    jail: list[str] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)
    mounts_rw: list[str] = field(default_factory=list)


@dataclass
class Procd:
    """As procd takes what it is told: a process is restarted if something that it was told of has changed."""

    running: Instance | None = None
    mark: tuple[object, ...] = ()
    triggers: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)

    def hear(self, log: str, router: Router) -> None:
        """The calls of procd.sh's functions, in order."""
        told: Instance | None = None
        for line in log.splitlines():
            call, *words = line.split("\x1f")[:-1]
            if call == "open_service":
                told, self.triggers = None, set()
            elif call == "open_instance":
                told = Instance()
            elif call in {"reload_trigger", "reload_interface_trigger"}:
                self.triggers |= {f"{call} {word}" for word in words}
            elif call == "raw_trigger":
                self.triggers.add(" ".join([call, *words]))
            elif call == "close_service":
                self._set(told, router)
            elif call == "kill":
                self._set(None, router)
            elif told is not None and call in {"jail", "jail_mount", "jail_mount_rw"}:
                getattr(
                    told, {"jail": "jail", "jail_mount": "mounts", "jail_mount_rw": "mounts_rw"}[call]
                ).extend(words)
            elif told is not None and words:
                told.params[call] = words

    def _set(self, told: Instance | None, router: Router) -> None:
        if told is None:
            self.done.append("stopped" if self.running else "nothing")
            self.running, self.mark = None, ()
            return
        sums = [
            hashlib.sha256(router.read(file).encode()).hexdigest() for file in told.params.get("file", [])
        ]
        devices = [
            router.run("cat", f"/sys/class/net/{name}/ifindex").stdout
            for name in told.params.get("netdev", [])
        ]
        mark = (told, tuple(sums), tuple(devices))
        if self.running is None:
            self.done.append("started")
        else:
            self.done.append("went on" if mark == self.mark else "restarted")
        self.running, self.mark = told, mark


@dataclass
class Router:
    """One that runs."""

    first: int
    """A process inside."""
    procd: Procd = field(default_factory=Procd)

    def run(self, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """A command inside, with `more` in its environment; both outputs together."""
        return subprocess.run(
            ["nsenter", "--target", str(self.first), "--mount", "--root", "--wdns=/", "env", "--ignore-environment",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *(f"{name}={value}" for name, value in more.items()),
             *map(str, words)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )  # fmt: skip

    def service(self, action: str) -> str:
        """/etc/init.d/airgrant, and what procd makes of it: its last decision."""
        self.write("/var/procd.log", "")
        done = self.run("/etc/init.d/airgrant", action)
        assert "not found" not in done.stdout, done.stdout
        self.procd.hear(self.read("/var/procd.log"), self)
        return self.procd.done[-1] if self.procd.done else ""

    def read(self, path: str) -> str:
        return self.run("cat", path).stdout

    def write(self, path: str, text: str) -> None:
        done = self.run("sh", "-c", f"printf %s {shlex.quote(text)} >{shlex.quote(path)}")
        assert not done.returncode, done.stdout

    def log(self) -> str:
        """What was logged since the last time."""
        text = self.read("/var/log.txt")
        self.write("/var/log.txt", "")
        return text


@contextmanager
def router(folder: Path, *, fake: bool) -> Iterator[Router]:
    """One with the package's files in place, as root in a sandbox."""
    root = folder / "root"
    for source in (STAND_INS, FILES):
        shutil.copytree(source, root, dirs_exist_ok=True)
    for name in ("etc/rc.d", "etc/airgrant", "var/run", "var/etc"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("var/log.txt", "var/ubus.log", "var/hostapd"):
        (root / name).write_text("eap\n" if name == "var/hostapd" else "")
    python = shlex.quote(sys.executable)
    here = shlex.quote(str(ROOT))
    module = "tests.images.openwrt.fake_uci"
    uci = f"cd {here} && exec {python} -m {module}" if fake else f"exec {shlex.quote(str(ORACLE))}"
    _write_program(root / "sbin" / "uci", f'#!/bin/sh\n{uci} "$@"\n')
    _write_program(root / "usr/bin/apd", f'#!/bin/sh\ncd {here} && exec {python} -m apd "$@"\n')
    for script in ("etc/init.d/airgrant", "etc/rc.common"):
        text = (root / script).read_text()
        # busybox' shell reads them, as on a router; this machine's /bin/sh is another one.
        (root / script).write_text(text.replace("#!/bin/sh", "#!/bin/busybox ash", 1))
    init = root / "etc/init.d/airgrant"
    init.write_text(init.read_text().replace("#!/bin/busybox ash /etc/rc.common", "#!/usr/bin/rc", 1))
    _write_program(root / "usr/bin/rc", '#!/bin/sh\nexec /bin/busybox ash /etc/rc.common "$@"\n')
    for name in ("lib", "sbin", "bin"):
        if (root / name).exists() and Path("/", name).is_symlink():  # this machine's are in /usr
            shutil.copytree(root / name, root / "usr" / name, dirs_exist_ok=True)
            shutil.rmtree(root / name)
    space = folder / "space"
    space.mkdir()
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-euc", _ENTER, "sh", space, root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "up\n":
            _, told = process.communicate()
            pytest.skip(f"a root laid over this machine's own takes mount and overlayfs here: {told.strip()}")
        yield Router(process.pid)
    finally:
        process.kill()
        process.communicate()


def _write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
