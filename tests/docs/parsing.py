"""Holds a command line of a page against the parser that would read it, without running the command.

The real `main` is called with the words; what the page cannot know stands in capitals, as `02...` or as `...`, and is
taken for a value of the right kind. Everything else has to be as the parser has it: subcommands, options, choices,
values.
A sentence may name a part of a command: then what is left out is not asked for.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import airgrant
from tests.docs.markdown import ROOT, Command

PLACEHOLDER = re.compile(r"\.\.\.|[A-Z][A-Z0-9_-]*(?![a-z])|\$|%i")
"""A value that a reader fills in: it has `...` in it, a word in capitals, or a shell's variable."""
WITH_VERBS = frozenset({"evm.sh", "go.sh", "root.sh", "run.sh"})
"""Scripts whose first word says what to do."""


class Parsed(Exception):
    """The parser took the line."""


class Refused(Exception):
    """The parser did not; the text is its complaint."""


def complaint(command: Command) -> str:
    """What is wrong with a command; empty if nothing is."""
    try:
        _judge(command)
    except Refused as error:
        return str(error)
    return ""


def _judge(command: Command) -> None:
    name, *rest = command.words
    loose = command.inline or "..." in rest or any(word.startswith("[") for word in rest)
    words = [word.strip("[]") for word in rest if word.strip("[]") not in {"...", "…"}]
    if name == "make":
        _judge_make(words)
    elif name == "airgrant":
        if loose and len(words) == 1 and words[0] in airgrant.SUBCOMMANDS:
            return
        _parse(airgrant.main, words, loose)
    elif name in {"apd", "operatord"}:
        _parse(importlib.import_module(f"{name}.__main__").main, words, loose)
    elif name.startswith("python"):
        _judge_module(words[1:], loose)
    else:
        _judge_script(name, words)


def _judge_make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    values = dict(word.split("=", 1) for word in words if "=" in word)
    goals = [word for word in words if "=" not in word]
    if set(values) - {"ARGS", "NAME"}:
        raise Refused(f"make takes ARGS and NAME, not {', '.join(values)}")
    name = values.get("NAME", "...")
    if not PLACEHOLDER.search(name) and name not in importlib.import_module("lab.bench.__main__").BENCHMARKS:
        raise Refused(f"no benchmark {name}")
    for goal in goals:
        recipe = re.search(rf"^{re.escape(goal)}:.*\n((?:\t.*\n)*)", makefile, re.MULTILINE)
        if recipe is None:
            raise Refused(f"make has no goal {goal}")
        module = re.search(r"-m (lab\.\w+)", recipe[1])
        options = shlex.split(values.get("ARGS", ""))
        if module and options:
            _parse(importlib.import_module(f"{module[1]}.__main__").main, options, loose=False)
        else:
            _judge_paths(options)


def _judge_paths(words: list[str]) -> None:
    for word in words:
        if "/" in word and not (ROOT / word.split("::")[0]).exists():
            raise Refused(f"no {word}")


def _judge_module(words: list[str], loose: bool) -> None:
    name, *rest = words
    if name in {"pytest", "venv", "pip", "http.server", "mkdocs"}:
        _judge_paths(rest if name == "pytest" else [])
        return
    path = ROOT / name.replace(".", "/")
    if not path.with_suffix(".py").exists() and not (path / "__main__.py").exists():
        raise Refused(f"no module {name}")
    module = importlib.import_module(f"{name}.__main__" if path.is_dir() else name)
    if hasattr(module, "main") and name.split(".")[0] in {"lab", "operatord", "apd", "ledger"}:
        _parse(module.main, rest, loose)


def _judge_script(name: str, words: list[str]) -> None:
    path = ROOT / name
    if not path.exists():
        raise Refused(f"no file {name}")
    if path.suffix != ".sh":
        return
    if not os.access(path, os.X_OK):
        raise Refused(f"{name} cannot be run")
    verb = words[0] if words else ""
    if (
        re.fullmatch(r"[a-z][a-z-]*", verb)
        and path.name in WITH_VERBS
        and verb not in _verbs(path.read_text())
    ):
        raise Refused(f"{name} knows no {verb}")


def _verbs(script: str) -> set[str]:
    """The words that a shell script's `case` or test takes."""
    branches = re.findall(r"^\s*([a-z-]+(?: ?\| ?[a-z-]+)*)\)", script, re.MULTILINE)
    return {verb.strip() for line in branches for verb in line.split("|")} | set(
        re.findall(r'"\$\{1:-\}" = ([a-z]+)', script)
    )


def _parse(main: Callable[[list[str]], Any], words: list[str], loose: bool) -> None:
    if words == ["--help"]:
        return
    with (
        _held(loose, words),
        contextlib.redirect_stderr(io.StringIO()) as said,
        contextlib.redirect_stdout(io.StringIO()),
    ):
        try:
            status = main(words)
        except Parsed:
            return
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
    if status != 0 or not {"--help", "--version"} & set(words):
        raise Refused(said.getvalue().strip() or f"status {status}, and no parser was asked")


@contextlib.contextmanager
def _held(loose: bool, words: list[str]) -> Iterator[None]:
    """argparse itself, which then takes placeholders for values, and stops before anything is run."""
    real = argparse.ArgumentParser
    kept = {name: getattr(real, name) for name in ("parse_args", "error", "_get_value", "_check_value")}

    def parse_args(self: argparse.ArgumentParser, args: Any = None, namespace: Any = None) -> NoReturn:
        kept["parse_args"](self, args, namespace)
        raise Parsed

    def error(self: argparse.ArgumentParser, message: str) -> NoReturn:
        if loose and (
            "required" in message or "expected one argument" in message or "expected at least" in message
        ):
            known = set(self._option_string_actions)
            for word in words:
                option = word.split("=")[0]
                if (
                    option.startswith("--")
                    and len(option) > 2
                    and not any(one.startswith(option) for one in known)
                ):
                    raise Refused(f"{self.prog} has no option {option}")
            raise Parsed
        raise Refused(f"{self.prog}: {message}")

    def get_value(self: argparse.ArgumentParser, action: argparse.Action, text: str) -> Any:
        return text if PLACEHOLDER.search(text) else kept["_get_value"](self, action, text)

    def check_value(self: argparse.ArgumentParser, action: argparse.Action, value: Any) -> None:
        subcommand = isinstance(action, argparse._SubParsersAction)
        if subcommand or not (isinstance(value, str) and PLACEHOLDER.search(value)):
            kept["_check_value"](self, action, value)

    held = {"parse_args": parse_args, "error": error, "_get_value": get_value, "_check_value": check_value}
    for name, function in held.items():
        setattr(real, name, function)
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(real, name, function)
