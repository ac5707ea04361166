"""Runs the chapters, several at a time, and puts what they found beside what the papers claim.

A chapter is computed in a process of its own: they share nothing, and what one raises ends the run.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

from lab.papers.chapters import ALONE
from lab.papers.exhibit import Chapter, Effort, Exhibit, Finding, Findings
from lab.papers.registry import assemble

Result = tuple[str, Findings, float]
"""Name of the chapter, what it found, seconds it took."""
TELL_S = 20.0
"""After so long without a chapter that ended, those under way are named."""


def reproduce(
    chapters: Mapping[str, Chapter], effort: Effort, tell: Callable[[str], None], processes: int = 1
) -> list[Exhibit]:
    """Every claim with its finding. With one process, nothing is started."""
    found: dict[str, Finding] = {}
    results = _in_turn(chapters, effort) if processes == 1 else _together(chapters, effort, tell, processes)
    for done, (name, findings, took_s) in enumerate(results, 1):
        twice = found.keys() & findings.keys()
        assert not twice, f"{name}: another chapter has answered {', '.join(sorted(twice))}"
        found |= findings
        tell(f"{done:2d} of {len(chapters)}  {name}: {len(findings)} exhibits, {took_s:.1f} s")
    return assemble(found)


def _in_turn(chapters: Mapping[str, Chapter], effort: Effort) -> Iterator[Result]:
    for name, chapter in chapters.items():
        yield _run(name, chapter, effort)


def _together(
    chapters: Mapping[str, Chapter], effort: Effort, tell: Callable[[str], None], processes: int
) -> Iterator[Result]:
    """Those that must be alone first, the others as they come. Each process is new: it inherits no thread, no lock."""
    alone = {name: chapter for name, chapter in chapters.items() if name in ALONE}
    for name in alone:
        tell(f"{name}, before the others and alone: {ALONE[name]}")
    yield from _in_turn(alone, effort)
    chapters = {name: chapter for name, chapter in chapters.items() if name not in alone}
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        left = {pool.submit(_run, name, chapter, effort): name for name, chapter in chapters.items()}
        try:
            while left:
                ended, _ = wait(left, TELL_S, FIRST_COMPLETED)
                if not ended:
                    tell(f"under way: {', '.join(list(left.values())[:processes])}")
                for future in ended:
                    del left[future]
                    yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _run(name: str, chapter: Chapter, effort: Effort) -> Result:
    began = time.perf_counter()
    findings = chapter(effort)
    return name, findings, time.perf_counter() - began
