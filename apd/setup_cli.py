"""`apd setup`: asks three questions, or takes them as options, and leaves a configuration that `apd check` takes.

A shell: the terminal, and devices of this machine; the files are those of apd/setup_files.py. What is written was read
back by the daemon's own reader first; settings that are there are replaced only with --force. It starts nothing, and
writes nothing that radiates.
"""

import argparse
import sys
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from apd.setup import Answers, default_routes, format_settings, parse_capacity, read_operator_file
from apd.setup_files import PROVIDER, write_files
from wire.errors import ConfigError, DecodeError, ShellError
from wire.ids import MacAddress
from wire.invitation import Invitation, is_invitation, parse_invitation

IFF_UP = 1
"""Linux, `if.h`: somebody brought the interface up."""

Ask = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Machine:
    """What is set up: who answers there, and where its kernel tells of its devices."""

    asked: TextIO = sys.stdin
    said: TextIO = sys.stdout
    tpm_device: Path = Path("/dev/tpmrm0")
    sysfs: Path = Path("/sys/class/net")
    proc_net: Path = Path("/proc/self/net")


HERE = Machine()


def set_up(
    options: argparse.Namespace, read_address: Callable[[str], MacAddress], machine: Machine = HERE
) -> None:
    """From options, and from answers at a terminal, to files. Raises ConfigError, ShellError."""
    account, file = make_files(options, read_address, machine)
    config: Path = options.config
    said = machine.said
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
    options: argparse.Namespace, read_address: Callable[[str], MacAddress], machine: Machine
) -> tuple[str, Path | None]:
    """The account that sells now, and where the operator's file is, if there is one. Raises ConfigError, ShellError."""
    config: Path = options.config
    if config.exists() and not options.force:
        raise ConfigError(f"{config}: is there already; with --force it is replaced, and its keys are kept")
    said, sysfs = machine.said, machine.sysfs
    ask = _asker(machine.asked, said) if machine.asked.isatty() else _refuse_to_ask
    interface = _choose_interface(options, ask, sysfs, find_uplinks(sysfs, machine.proc_net))
    said.write(_word_on_link(interface, sysfs))
    answers, given = _answers(options, ask, machine.tpm_device, interface)
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
