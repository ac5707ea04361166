"""Independent opinions on NAS: pycrate, built field by field, and free5GC's codec in a program of its own."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
from pathlib import Path
from typing import Any

with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    # It prints that a cryptographic library is missing, which only protected messages need.
    from pycrate_mobile import TS24008_IE, TS24301_EMM, TS24301_ESM, TS24501_FGMM, TS24501_FGSM

_MODULES = (TS24301_EMM, TS24301_ESM, TS24501_FGMM, TS24501_FGSM)


def pycrate_message(name: str, header: dict[str, int], fields: dict[str, bytes | int]) -> Any:
    """A message with these values of its fields' `V`; optional ones that are not named stay out."""
    message = next(getattr(module, name) for module in _MODULES if hasattr(module, name))()
    for field, number in header.items():
        message[0][field].set_val(number)
    for field, value in fields.items():
        message[field].set_trans(False)
        message[field]["V"].set_val(value)
    return message


def pycrate_reads(name: str, data: bytes, fields: dict[str, bytes | int]) -> None:
    """Fails unless pycrate finds exactly these fields in a message of this kind, and writes it again as it was."""
    message = pycrate_message(name, {}, {})
    message.from_bytes(data)
    assert message.to_bytes() == data
    parts = {part._name: part for part in message if not part.get_trans() and part._name in fields}
    for field, value in fields.items():
        if isinstance(value, bytes):
            assert parts[field].to_bytes().endswith(value), field
        else:
            assert parts[field].to_uint() & 0x0F == value, field


def pycrate_sizes(name: str) -> dict[int, int]:
    """The octets of contents of those elements of a message that have no length, by name (IEI): formats TV and T."""
    sizes = {}
    for part in pycrate_message(name, {}, {})._content:
        if type(part).__name__ == "Type3TV":
            sizes[part["T"].get_val()] = part["V"].get_bl() // 8
        elif type(part).__name__ == "Type2":
            sizes[part["T"].get_val()] = 0
    return sizes


def pycrate_units(data: bytes) -> list[tuple[int, bytes]]:
    """The units of configuration options that fill `data`."""
    options = TS24008_IE.ProtConfig()
    options.from_bytes(data)
    assert options.to_bytes() == data
    return [(unit["ID"].get_val(), unit[2].to_bytes()) for unit in options["Config"]]


def free5gc(program: Path, lines: list[str]) -> list[dict[str, Any]]:
    """What tests/oracles/nas says of each line."""
    said = subprocess.run(
        [program], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60
    )
    return [json.loads(line) for line in said.stdout.splitlines()]
