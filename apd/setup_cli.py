"""`apd setup`: asks three questions, or takes them as options, and leaves a configuration that `apd check` takes.

A shell: terminal, files in the configuration's folder, devices of this machine. What is written was read back by the
daemon's own reader first; a key of an account that is there already is kept, as it may hold money; settings that are
there are replaced only with --force. It starts nothing, and writes nothing that radiates.
"""

import argparse
import grp
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

from apd.config import load_config
from apd.setup import (
    Answers,
    OperatorFile,
    default_routes,
    format_settings,
    parse_capacity,
    read_operator_file,
)
from wire.errors import ConfigError, DecodeError, ShellError
from wire.ids import MacAddress
from wire.invitation import Invitation, is_invitation, parse_invitation
from wire.keys import PrivateKey

GROUP = "airgrant"
"""Of the daemon's own user, which reads the configuration and cannot write it."""
TPM_DEVICE = Path("/dev/tpmrm0")
SYSFS = Path("/sys/class/net")
PROC_NET = Path("/proc/self/net")
IFF_UP = 1
"""Linux, `if.h`: somebody brought the interface up."""
PROVIDER = "provider.pem"
SECRET, _SHOWN = 0o640, 0o644

Ask = Callable[[str], str]


def set_up(
    options: argparse.Namespace,
    read_address: Callable[[str], MacAddress],
    asked: TextIO = sys.stdin,
    said: TextIO = sys.stdout,
    tpm_device: Path = TPM_DEVICE,
    sysfs: Path = SYSFS,
    proc_net: Path = PROC_NET,
) -> None:
    """From options, and from answers where `asked` is a terminal, to files. Raises ConfigError, ShellError."""
    account, file = make_files(options, read_address, asked, said, tpm_device, sysfs, proc_net)
    config: Path = options.config
    said.write(f"{config}: written, and the daemon reads it.\n")
    said.write(farewell(account, config.parent, file))
    said.write(
        "Nothing has been started, and nothing radiates. To sell:  systemctl enable --now airgrant-apd\n"
    )


def farewell(account: str, folder: Path, operator_file: Path | None) -> str:
    """What its owner has to know, on any system."""
    said = f"Your account is {account}; its key is {folder / PROVIDER}: keep a copy, it is your money.\n"
    return said if operator_file is None else f"{said}{_word_on(operator_file)}\n"


def make_files(
    options: argparse.Namespace,
    read_address: Callable[[str], MacAddress],
    asked: TextIO = sys.stdin,
    said: TextIO = sys.stdout,
    tpm_device: Path = TPM_DEVICE,
    sysfs: Path = SYSFS,
    proc_net: Path = PROC_NET,
) -> tuple[str, Path | None]:
    """The account that sells now, and where the operator's file is, if there is one. Raises ConfigError, ShellError."""
    config: Path = options.config
    if config.exists() and not options.force:
        raise ConfigError(f"{config}: is there already; with --force it is replaced, and its keys are kept")
    ask = _asker(asked, said) if asked.isatty() else _refuse_to_ask
    interface = _choose_interface(options, ask, sysfs, find_uplinks(sysfs, proc_net))
    said.write(_word_on_link(interface, sysfs))
    answers, given = _answers(options, ask, tpm_device, interface)
    try:
        if isinstance(given, Invitation):
            from apd.enrol_cli import enrol

            return enrol(given, config, answers, read_address, said), None
        operator = read_operator_file(_octets(given), str(given))
        return write_files(config, format_settings(answers, operator), operator, read_address), given
    except OSError as error:
        raise ShellError(str(error.filename or config.parent), str(error.strerror)) from error


def _answers(
    options: argparse.Namespace, ask: Ask, tpm_device: Path, interface: str
) -> tuple[Answers, Invitation | Path]:
    """With the operator's invitation, or where his file is."""
    capacity = options.capacity or ask("2. What does it carry, to them and from them? (such as 30M/15M)")
    try:
        down, up = parse_capacity(capacity)
    except ValueError as error:
        raise ConfigError(f"--capacity: {error}") from None
    if getattr(options, "invitation", None) and options.operator_file:
        raise ConfigError("--invitation: and --operator-file are two ways to the same: give one of them")
    given = getattr(options, "invitation", None) or str(options.operator_file or "")
    given = given or ask(
        "3. What did your operator give you for this box? (an airgrant-enrol/... line, or a file)"
    )
    file = Path(given).expanduser()
    if is_invitation(given) or getattr(options, "invitation", None):
        return Answers(interface, down, up, _choose_tpm(options, ask, tpm_device)), _read_invitation(
            given, file
        )
    _octets(file)
    return Answers(interface, down, up, _choose_tpm(options, ask, tpm_device)), file


def _read_invitation(given: str, file: Path) -> Invitation:
    """The line itself, or a file that holds it. Raises ConfigError."""
    text = given if is_invitation(given) else _octets(file).decode(errors="replace")
    try:
        return parse_invitation(text)
    except DecodeError as error:
        raise ConfigError(f"--invitation: {error}") from None


def _octets(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None


def _word_on(operator_file: Path) -> str:
    """It has done its work, and is a secret."""
    try:
        shared = operator_file.stat().st_mode & 0o077
    except OSError:  # a pipe that is gone
        return f"{operator_file}: held the box's private key: see that it is deleted."
    others = ", and others on this machine may read it" if shared else ""
    return f"{operator_file}: holds the box's private key{others}: delete it now."


def _choose_interface(options: argparse.Namespace, ask: Ask, sysfs: Path, uplinks: Container[str]) -> str:
    """Raises ConfigError for one that its owner would be sorry for, unless he insists."""
    offered = ", ".join(interfaces(sysfs, uplinks)) or "none is there"
    interface: str = options.interface or ask(
        "1. Which interface do your customers come in by? Whoever comes in there is let through only if he has bought, "
        f"so never the one that you are logged in by. ({offered})"
    )
    reason = "" if options.force else _why_not(interface, sysfs, uplinks)
    if reason:
        raise ConfigError(f"--interface: {interface} {reason}: nothing was written (--force takes it)")
    return interface


def _word_on_link(interface: str, sysfs: Path) -> str:
    """Of a cable that is down nobody hears an offer, and nothing here brings it up; a radio is hostapd's."""
    link = sysfs / interface
    if not _text(link / "flags") or (link / "phy80211").exists() or int(_text(link / "flags"), 16) & IFF_UP:
        return ""
    return (
        f"{interface} is down, so nobody there will hear an offer. To bring it up:  ip link set {interface} up\n"
        "and name it where this system names its interfaces, so that it stays so.\n"
    )


def _choose_tpm(options: argparse.Namespace, ask: Ask, device: Path) -> str:
    """Empty where the owner accepts that nobody attests to what was delivered."""
    if options.tpm:
        return str(options.tpm)
    if device.exists() and not options.accept_unattested:
        return f"device:{device}"
    if not options.accept_unattested:
        answer = ask("No TPM is here: reports will be marked unattested. Sell like that? (yes or no)")
        if answer.lower() not in {"y", "yes"}:
            raise ConfigError("--accept-unattested: not accepted, and there is no TPM: nothing was written")
    return ""


def interfaces(sysfs: Path, uplinks: Container[str]) -> list[str]:
    """Ethernet devices of this machine that could face customers, radios first."""
    found = [path for path in sorted(sysfs.glob("*")) if (path / "type").is_file() and _is_ethernet(path)]
    found.sort(key=lambda path: not (path / "phy80211").exists())
    return [path.name for path in found if not _why_not(path.name, sysfs, uplinks)]


def _is_ethernet(path: Path) -> bool:
    """ARPHRD_ETHER, and none of ours."""
    return (path / "type").read_text().strip() == "1" and not path.name.startswith(("ifb", "airgrant"))


def find_uplinks(sysfs: Path, proc_net: Path) -> set[str]:
    """Devices with a default route, and those below them, as the device of a VLAN is and the halves of a bond are. Of
    a bridge not: radios are its ports.
    """
    waiting = list(default_routes(_text(proc_net / "route"), _text(proc_net / "ipv6_route")))
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            if not (sysfs / name / "bridge").exists():
                waiting += [path.name.removeprefix("lower_") for path in (sysfs / name).glob("lower_*")]
    return found


def _text(path: Path) -> str:
    """Empty where the kernel has no such table, as without IPv6, or no such device."""
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        return ""


def _why_not(interface: str, sysfs: Path, uplinks: Container[str]) -> str:
    """Why no customers should come in there; empty if they may."""
    if interface in uplinks:
        return (
            "has this machine's default route: the daemon would shut out everybody who reaches the machine that way, "
            "you too, and sell its uplink"
        )
    if "/" not in interface and (sysfs / interface / "bridge").exists():
        return "is a bridge, and the daemon shapes a port of one: name the port that customers come in by"
    return ""


def _asker(asked: TextIO, said: TextIO) -> Ask:
    def ask(question: str) -> str:
        said.write(f"{question} ")
        said.flush()
        line = asked.readline()
        if not line.strip():
            raise ConfigError(f"no answer to {question.split('?', maxsplit=1)[0]!r}: nothing was written")
        return line.strip()

    return ask


def _refuse_to_ask(question: str) -> str:
    raise ConfigError(f"nobody is there to ask; see `apd setup --help`: {question}")


# ---- Files


def write_files(
    config: Path,
    settings: str,
    operator: OperatorFile,
    read_address: Callable[[str], MacAddress],
    more: Mapping[str, str] = MappingProxyType({}),
    try_out: Callable[[Path], None] = lambda _draft: None,
) -> str:
    """The account. Everything is made beside, read as the daemon reads it, tried out there, and moved into its place,
    the settings last. `more`: secret files beside them.
    """
    folder = config.parent
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    provider = folder / PROVIDER
    with _beside(folder) as draft:
        files = {
            "authority.pem": (operator.authority, _SHOWN),
            "box.pem": (operator.certificate, _SHOWN),
            "box.key": (operator.certificate_key, SECRET),
            **{name: (text, SECRET) for name, text in more.items()},
            config.name: (settings, SECRET),
        }
        if provider.exists():
            shutil.copy2(provider, draft / PROVIDER)
        else:
            files = {PROVIDER: (PrivateKey.generate().to_pem().decode(), SECRET), **files}
        for name, (text, mode) in files.items():
            write_new(draft / name, text, mode)
        _check_certificate(operator)
        try:
            account = load_config(draft / config.name, read_address).box.provider
        except ConfigError as error:
            raise ConfigError(str(error).replace(str(draft), str(folder))) from None
        try_out(draft)
        for name in files:
            (draft / name).replace(folder / name)
        _share(provider)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return str(account)


def _check_certificate(operator: OperatorFile) -> None:
    """The broker would say less about a key of another box. Raises ConfigError."""
    from cryptography import x509

    try:
        box = PrivateKey.from_pem(operator.certificate_key.encode(), "the key")
        certificate = x509.load_pem_x509_certificate(operator.certificate.encode())
        x509.load_pem_x509_certificate(operator.authority.encode())
    except ValueError as error:
        raise ConfigError(f"the operator's file: {error}") from None
    if certificate.public_key().public_numbers() != box.key.public_key().public_numbers():  # type: ignore[union-attr]
        raise ConfigError("the operator's file: ledger.certificate_key: is not the key of ledger.certificate")


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    draft = Path(tempfile.mkdtemp(prefix=".setup-", dir=folder))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_new(path: Path, text: str, mode: int) -> None:
    """Never readable by others, not for an instant; on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        group = _group()
        if group is not None:
            os.fchown(descriptor, -1, group)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)


def _share(key: Path) -> None:
    """A key that its owner put there himself: the daemon has to read it, too."""
    group = _group()
    if group is not None:
        os.chown(key, -1, group)
        key.chmod(SECRET)


def _group() -> int | None:
    """The daemon's, where a package made one and we may give it files."""
    if os.geteuid() != 0:
        return None
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None
