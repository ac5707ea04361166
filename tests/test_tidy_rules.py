"""Each rule finds a fault that is planted for it, and is silent beside it."""

from __future__ import annotations

import pytest

from tests.tidy_rules import RULES, Module, parse_module, test_files

DIRECTION, GRANTED, PURE, SHELLS, CIRCLES = list(RULES)[:5]
NAMES, PACKAGES, MIRROR, BANNED, EXCUSES = list(RULES)[5:]


def complaints(rule: str, **files: str) -> list[str]:
    """What a rule says of a toy tree: keys are paths with __ for /."""
    tree = [parse_module(key.replace("__", "/") + ".py", source) for key, source in files.items()]
    return [str(complaint) for complaint in RULES[rule](tree)]


FAULTS: list[tuple[str, str, str, str]] = [
    (DIRECTION, "tc_shaper/plan.py", "import ledger.contract", "tc_shaper may not import ledger"),
    (DIRECTION, "wire/offer.py", "from market import vickrey", "wire may not import market (it may import nothing"),
    (DIRECTION, "apd/core.py", "def f():\n  from ledger import contract", "apd/core.py:2: apd may not import ledger"),
    (DIRECTION, "lab/demo.py", "from tests.conftest import x", "nobody imports tests"),
    (DIRECTION, "airgrant.py", "import device.cli", "airgrant may not import device"),
    (GRANTED, "wire/cbor.py", "import cbor2", "wire may not use cbor2 (it may use cryptography)"),
    (GRANTED, "apd/core.py", "from fastapi import FastAPI", "apd may not use fastapi"),
    (PURE, "market/vickrey.py", "import asyncio", "asyncio belongs in a shell"),
    (PURE, "apd/core.py", "from time import monotonic", "time belongs in a shell"),
    (PURE, "tc_shaper/tree.py", "import pyroute2", "pyroute2 belongs in a shell"),
    (NAMES, "apd/utils.py", "", "'utils' says nothing"),
    (NAMES, "apd/session.py", "class SessionManager: pass", "SessionManager: name the class after what it is"),
    (PACKAGES, "tests/market/__init__.py", "", "remove it"),
    (MIRROR, "market/vickrey.py", "def clear(): ...", "no test file: write tests/market/test_vickrey.py"),
    (MIRROR, "tests/market/test_gone.py", "", "tests no module of that name"),
    (BANNED, "apd/core.py", "now = time.time()", "take `now` as an argument"),
    (BANNED, "market/bid.py", "import datetime\nx = datetime.datetime.now()", "market/bid.py:2: datetime"),
    (BANNED, "wire/keys.py", "key = path.read_bytes()", "take the bytes as an argument"),
    (BANNED, "apd/core.py", "with open(path) as file: ...", "take the bytes as an argument"),
    (BANNED, "ledger/contract.py", "x = random.random()", "take random bytes as an argument"),
    (BANNED, "ledger/contract.py", "print(1)", "only a command line speaks to a person"),
    (BANNED, "apd/daemon.py", "x = os.environ['HOME']", "settings come as arguments"),
    (BANNED, "apd/daemon.py", "x = os.getenv('HOME')", "settings come as arguments"),
    (BANNED, "apd/core.py", "eval(text)", "runs what it is given"),
    (BANNED, "lab/air.py", "run(line, shell=True)", "list of arguments"),
    (BANNED, "apd/daemon.py", "asyncio.create_task(work())", "hold the task"),
    (BANNED, "ledger/price.py", "x = float(y)", "use integers"),
    (BANNED, "wire/units.py", "def total(a):\n  return round(a)", "use integers"),
    (BANNED, "market/price.py", "x = 0.5", "use an integer in a smaller unit"),
    (BANNED, "market/price.py", "x = a / b", "use // or a named rounding"),
    (BANNED, "market/price.py", "a /= b", "use // or a named rounding"),
    (BANNED, "apd/core.py", "try:\n  f()\nexcept Exception:\n  pass", "name the errors"),
    (BANNED, "apd/core.py", "try:\n  f()\nexcept (OSError, BaseException) as e:\n  g(e)", "name the errors"),
    (BANNED, "tests/apd/test_core.py", "try:\n  f()\nexcept:\n  pass", "name the errors"),
    (BANNED, "wire/cose.py", "def verify_envelope(x) -> bool: ...", "raise what is wrong instead"),
    (BANNED, "tests/wire/test_cose.py", "assert True", "cannot fail"),
    (BANNED, "tests/wire/test_cose.py", "assert (1 == 2, 'text')", "a tuple is always true"),
    (BANNED, "tests/wire/test_cose.py", "from unittest.mock import Mock", "no mocks"),
    (BANNED, "tests/wire/test_cose.py", "import unittest.mock", "no mocks"),
    (BANNED, "tests/wire/test_cose.py", "monkeypatch.setattr(a, 'b', c)", "a patched name tests the patch"),
    (BANNED, "tests/wire/test_cose.py", "time.sleep(1)", "wait for a fact"),
    (BANNED, "tests/wire/test_cose.py", "asyncio.sleep(0.1)", "wait for a fact"),
    (BANNED, "tests/wire/test_cose.py", "pytest.skip()", "say what is missing"),
    (BANNED, "tests/wire/test_cose.py", "@pytest.mark.skip\ndef test_x(): ...", "say what is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "source", "words"), FAULTS)
def test_a_planted_fault_is_found(rule: str, path: str, source: str, words: str) -> None:
    found = [str(complaint) for complaint in RULES[rule]([parse_module(path, source)])]
    assert len(found) == 1
    assert words in found[0]
    assert found[0].startswith(f"{path}:")


@pytest.mark.parametrize(
    ("rule", "path"), [(rule, path) for rule, path, _, _ in FAULTS if rule not in (MIRROR, PACKAGES)]
)
def test_a_harmless_file_in_its_place_is_not(rule: str, path: str) -> None:
    harmless = path.replace("utils", "session")
    assert complaints(rule, **{harmless.removesuffix(".py").replace("/", "__"): "x = 1 + 2\n"}) == []


CLEAN: list[tuple[str, str, str]] = [
    (DIRECTION, "ledger/contract.py", "from market import vickrey\nfrom wire.units import x"),
    (DIRECTION, "apd/core.py", "from . import events\nfrom .commands import x"),
    (DIRECTION, "tests/apd/test_core.py", "import ledger, lab"),
    (GRANTED, "lab/bench/wire.py", "import cbor2"),
    (PURE, "apd/shells/mqtt.py", "import socket, paho.mqtt"),
    (PURE, "wire/keys.py", "import hashlib\nfrom cryptography import x509"),
    (BANNED, "apd/shells/clock.py", "now = time.time()"),
    (BANNED, "lab/air.py", "print(time.time(), os.environ)"),
    (BANNED, "apd/daemon.py", "held = asyncio.create_task(work())"),
    (BANNED, "apd/daemon.py", "async with TaskGroup() as group:\n  group.create_task(f())"),
    (BANNED, "apd/daemon.py", "try:\n  f()\nexcept Exception:\n  g()"),
    (BANNED, "apd/shells/tpm.py", "try:\n  f()\nexcept BaseException:\n  close()\n  raise"),
    (BANNED, "wire/units.py", "def format_rate(a):\n  return f'{a / 1000:.1f} kbit/s'"),
    (BANNED, "wire/units.py", "x = a // b"),
    (BANNED, "ledger/cli.py", "print(build / 'file')"),
    (BANNED, "ledger/settings.py", "def file(path, name): return path.parent / name\nlog = folder / f'{name}.log'"),
    (BANNED, "wire/cose.py", "def verify_envelope(x) -> None: ..."),
    (BANNED, "tests/wire/test_cose.py", "asyncio.sleep(0)\nassert x == (1, 2)\npytest.skip('no TPM')"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "source"), CLEAN)
def test_what_is_allowed_passes(rule: str, path: str, source: str) -> None:
    assert [str(complaint) for complaint in RULES[rule]([parse_module(path, source)])] == []


@pytest.mark.parametrize(
    "line",
    [
        "from apd.shells import mqtt",
        "from apd.shells.mqtt import Mqtt",
        "import apd.shells.mqtt",
        "from .shells import mqtt",
    ],
)
def test_a_pure_module_may_not_import_a_shell_of_its_package(line: str) -> None:
    found = complaints(SHELLS, apd__core=line, apd__shells__mqtt="")
    assert len(found) == 1
    assert "may not import the shell apd.shells.mqtt" in found[0]
    assert complaints(SHELLS, apd__daemon=line, apd__shells__mqtt="") == []


@pytest.mark.parametrize(
    "line",
    [
        "import apd.core",
        "from apd import core",
        "from apd.core import step",
        "from .core import step",
        "def f():\n  from apd import core",
        "if TYPE_CHECKING:\n  from apd.core import step",
    ],
)
def test_a_circle_of_two_is_found_wherever_they_import_each_other(line: str) -> None:
    above = "from apd.disk import kept"
    found = complaints(CIRCLES, apd__core=above, apd__disk=line)
    assert len(found) == 1
    assert found[0].startswith(
        "apd/core.py:1: imports in a circle: apd.core imports apd.disk imports apd.core:"
    )
    assert complaints(CIRCLES, apd__core=above, apd__disk="import apd.disk", tests__apd__test_core=line) == []


def test_each_circle_is_named_in_the_order_of_its_imports() -> None:
    found = complaints(
        CIRCLES,
        wire__a="import wire.b", wire__b="import json\nimport wire.c", wire__c="import wire.a, wire.d",
        wire__d="", lab__x="import lab.y", lab__y="import wire.a, lab.x",
    )  # fmt: skip
    assert [line.split(" in a circle: ")[1].split(":")[0] for line in sorted(found)] == [
        "lab.x imports lab.y imports lab.x",
        "wire.a imports wire.b imports wire.c imports wire.a",
    ]


def test_a_circle_through_a_package_is_one() -> None:
    package = parse_module("apd/__init__.py", "from apd import core")
    assert len(list(RULES[CIRCLES]([package, parse_module("apd/core.py", "from apd import VERSION")]))) == 1


def test_a_module_and_its_test_mirror_each_other() -> None:
    code = "def f(): ..."
    assert complaints(MIRROR, market__vickrey=code, tests__market__test_vickrey="") == []
    assert complaints(MIRROR, apd__shells__tpm=code, tests__system__test_tpm="") == []
    assert complaints(MIRROR, apd__events="class Arrived: station: str") == []  # nothing to try


def test_a_pure_module_needs_no_kernel_to_be_tried() -> None:
    assert complaints(MIRROR, apd__core="def f(): ...", tests__system__test_core="") != []


def test_where_tests_stand() -> None:
    assert test_files("wire/cbor.py") == ["tests/wire/test_cbor.py"]
    assert test_files("apd/__main__.py")[0] == "tests/apd/test_main.py"
    assert test_files("apd/shells/tpm.py")[:2] == ["tests/apd/shells/test_tpm.py", "tests/apd/test_tpm.py"]


def test_a_dead_excuse_is_found() -> None:
    nothing: list[Module] = []
    assert any("is gone: remove the line" in str(complaint) for complaint in RULES[EXCUSES](nothing))


def test_every_rule_is_tried() -> None:
    assert {rule for rule, *_ in FAULTS} | {SHELLS, CIRCLES, EXCUSES} == set(RULES)
