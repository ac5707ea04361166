#!/opt/airgrant/bin/python3 -I
"""Asks the service of a container whether it serves: `health apd|ledger|operatord|operator-side|gateway CONFIG`.

The ledger and operatord are asked by HTTP, apd by its own command, at the place that the configuration names. The
ledger does not tell whether it has its broker, and a gateway has no door of its own: there the kernel is asked whether
the connections to brokers are there. Exit status: 0 it serves, 1 not.
"""

import json
import socket
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

TIMEOUT_S = 4
LEDGER_PORT, OPERATORD_PORT, BROKER_PORT = 8573, 8574, 8883
CONNECTED = "01"
"""TCP_ESTABLISHED, linux/include/net/tcp_states.h."""
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def main(arguments: list[str]) -> int:
    """From the command line; returns the exit status."""
    if len(arguments) != 2 or arguments[0] not in ASKED:
        sys.stderr.write(f"usage: health {'|'.join(ASKED)} CONFIG\n")
        return 1
    kind, file = arguments
    try:
        wrong = ASKED[kind](tomllib.loads(Path(file).read_text(encoding="utf-8")))
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        wrong = str(error)
    sys.stdout.write(f"{kind}: {wrong or 'serves'}\n")
    return 1 if wrong else 0


def ask_ledger(page: dict[str, Any]) -> str:
    read(page.get("http", {}).get("port", LEDGER_PORT), "/v1/ledger")
    return find_away(page, "broker")


def ask_operatord(page: dict[str, Any]) -> str:
    """By what lets people in: without broker and ledger it goes on with the grants that it knows."""
    read(page.get("http", {}).get("port", OPERATORD_PORT), "/v1/status")
    return ""


def ask_operator_side(page: dict[str, Any]) -> str:
    """operatord, and FreeRADIUS beside it."""
    ask_operatord(page)
    done = subprocess.run(["radius-health"], check=False, capture_output=True, text=True, timeout=TIMEOUT_S)
    return "FreeRADIUS does not answer" if done.returncode else ""


def ask_apd(page: dict[str, Any]) -> str:
    where = page.get("files", {}).get("control_socket")
    words = ["apd", "status", *(["--socket", where] if where else [])]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=TIMEOUT_S)
    return done.stderr.strip() or f"exit status {done.returncode}" if done.returncode else ""


def ask_gateway(page: dict[str, Any]) -> str:
    return find_away(page, "broker") or (find_away(page, "back") if "back" in page else "")


ASKED: dict[str, Callable[[dict[str, Any]], str]] = {
    "apd": ask_apd,
    "ledger": ask_ledger,
    "operatord": ask_operatord,
    "operator-side": ask_operator_side,
    "gateway": ask_gateway,
}
"""What is wrong with a service of these settings; nothing if it serves."""


def find_away(page: dict[str, Any], section: str, tables: tuple[Path, ...] = TABLES) -> str:
    """In words, if there is no connection from here to the broker of this section."""
    host, port = page[section]["host"], page[section].get("port", BROKER_PORT)
    places = {(str(at[4][0]), port) for at in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    found = {place for table in tables for place in connections(table.read_text(encoding="ascii"))}
    return "" if places & found else f"[{section}] {host}:{port} is away"


def read(port: int, path: str) -> dict[str, Any]:
    """A page of this host. Raises OSError, ValueError."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=TIMEOUT_S) as answer:
        page: dict[str, Any] = json.load(answer)
    return page


def connections(table: str) -> set[tuple[str, int]]:
    """(address, port) of the other side of every connection, of a table as the kernel prints it: proc(5)."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {_parse_place(row[2]) for row in rows if row[3] == CONNECTED}


def _parse_place(text: str) -> tuple[str, int]:
    """An address in 32-bit words in the processor's order, and a port."""
    address, _, port = text.partition(":")
    words = [int(address[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(address), 8)]
    octets = b"".join(words)
    family = socket.AF_INET if len(octets) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, octets), int(port, 16)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
