"""The site made of docs/: complete, nothing from elsewhere, every page as CommonMark has it; looked at in Chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from images.site.pages import anchor, prepared, relinked, shown
from tests.conftest import ROOT

CHROMIUM = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
TAGS = ("h1", "h2", "h3", "table", "tr", "pre", "ol", "ul", "li", "blockquote", "strong", "em")
COMMON_MARK = MarkdownIt("commonmark").enable("table")


def make(site: Path) -> subprocess.CompletedProcess[str]:
    """What `make site` runs, to another place."""
    options = ["--strict", "--clean", "--config-file", "images/site/mkdocs.yml", "--site-dir", str(site)]
    return subprocess.run(
        [Path(sys.executable).parent / "mkdocs", "build", *options],
        check=False, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "site"
    made = make(folder)
    assert made.returncode == 0, made.stderr
    return folder


def test_every_page_is_as_common_mark_has_it(site) -> None:
    """Python-Markdown reads lists and comments otherwise; `prepared` makes up for it."""
    wrong = []
    for path in sorted((ROOT / "docs").rglob("*.md")):
        page = path.relative_to(ROOT / "docs").with_suffix(".html")
        html = (site / str(page).replace("README.html", "index.html")).read_text()
        body = html[html.index('role="main"') : html.rindex("<footer")]
        wanted, made = counted(COMMON_MARK.render(path.read_text())), counted(body)
        if wanted != made:
            wrong.append(
                f"{page}: {[(tag, wanted[tag], made[tag]) for tag in TAGS if wanted[tag] != made[tag]]}"
            )
    assert not wrong, "\n".join(wrong)


def counted(html: str) -> dict[str, int]:
    return {tag: len(re.findall(rf"<{tag}[ >]", html)) for tag in TAGS}


def test_nothing_comes_from_elsewhere(site) -> None:
    loads = re.compile(r"""(?:<(?:script|img|iframe|source)[^>]*\ssrc|<link[^>]*\shref)=["']?(https?:)?//""")
    for page in site.rglob("*.html"):
        assert not loads.search(page.read_text()), page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", sheet.read_text()), sheet


def test_a_file_outside_of_docs_is_shown(site) -> None:
    assert "groups:" in (site / "source/images/prometheus/airgrant.rules.yml.html").read_text()
    assert 'href="../source/CONTRIBUTING.html"' in (site / "guides/contributor.html").read_text()


def test_a_link_that_leads_nowhere_fails(tmp_path) -> None:
    tree = tmp_path / "tree"
    for name in ("docs", "images/site"):
        shutil.copytree(
            ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "wire", "decisions")
        )
    said = subprocess.run(
        [Path(sys.executable).parent / "mkdocs", "build", "--strict", "--config-file", "images/site/mkdocs.yml"],
        check=False, capture_output=True, text=True, cwd=tree,
    )  # fmt: skip
    assert said.returncode == 1
    assert "wire/README.md" in said.stderr


@pytest.fixture
def address(site) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *said: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_it_works_without_a_network_by_day_and_by_night(address, needs, build_dir) -> None:
    """No request goes elsewhere, no script fails, links and the bar can be read, and the search finds."""
    needs("chromium")
    from playwright.sync_api import sync_playwright

    faults: list[str] = []
    with sync_playwright() as playwright:
        chromium = str(shutil.which("chromium"))
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM))
        for scheme in ("light", "dark"):
            page = browser.new_context(
                color_scheme=scheme, viewport={"width": 1280, "height": 900}
            ).new_page()
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("request", lambda sent: None if sent.url.startswith(address) else faults.append(sent.url))
            for name in ("guides/first-sale", "index"):
                page.goto(f"{address}/{name}.html", wait_until="networkidle")
                page.screenshot(path=build_dir / f"site-{scheme}-{name.replace('/', '-')}.png")
            assert page.get_attribute("html", "data-bs-theme") == scheme
            for what in ("table a", ".navbar-nav .nav-link", "p"):
                assert page.locator(what).first.evaluate(CONTRAST) >= 4.5, (scheme, what)
        page = browser.new_page()
        page.goto(f"{address}/index.html", wait_until="networkidle")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
        page.click('[data-bs-target="#mkdocs_search_modal"]')
        page.locator("#mkdocs-search-query").press_sequentially("micropayment")
        page.wait_for_selector("#mkdocs-search-results article")
        browser.close()
    assert not faults


CONTRAST = """element => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const linear = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  let behind = element;
  while (behind && (rgb(getComputedStyle(behind).backgroundColor)[3] === 0)) behind = behind.parentElement;
  const a = light(rgb(getComputedStyle(element).color));
  const b = light(rgb(getComputedStyle(behind || document.body).backgroundColor));
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""
"""WCAG 2.1, 1.4.3: at least 4.5 for text."""


def test_links_lead_to_pages_of_the_site() -> None:
    text = (
        "[a](../images/x.yml) [b](apd.md#1-a) [c](decisions/) [d](#2-b) [e](https://x.example/y) `[f](g.md)`"
    )
    made = relinked(text, "docs/metrics.md", "metrics.md")
    assert made.startswith(
        "[a](source/images/x.yml.md) [b](apd.md#s-1-a) [c](decisions/index.md) [d](#s-2-b) [e](https://x.example/y)"
    )
    assert relinked("[a](docs/apd.md)", "README.md", "source/README.md") == "[a](../apd.md)"


def test_a_link_named_as_a_file_says_the_pages_title() -> None:
    said = relinked(
        "([install.md](install.md#sell), [here](apd.md), `[install.md](install.md)` )", "docs/a.md", "a.md"
    )
    assert said.startswith("([Installing the box on Debian](install.md#sell), [here](apd.md)")


def test_a_drawing_of_states_becomes_words() -> None:
    drawing = "```mermaid\nstateDiagram-v2\n    [*] --> a\n    a --> bc\n    a --> [*]\n```\n"
    said = relinked(drawing, "docs/a.md", "a.md")
    assert said == "```\n(begin)  ->  a\na        ->  bc, (end)\n```\n"


def test_lists_are_as_python_markdown_wants_them() -> None:
    text = "Say:\n- one\n  more\n- two\n\n  - in\n\nin the year\n200. End.\n"
    assert prepared(text) == ("Say:\n\n- one\n    more\n- two\n\n    - in\n\nin the year\n200\\. End.\n")


def test_marks_are_not_shown_and_part_blocks() -> None:
    text = "<!-- begin:a -->\n    one\n<!-- end:a -->\n<!-- begin:b -->\n    two\n<!-- end:b -->"
    assert prepared(text).count("<!-- -->") == 4
    assert "begin" not in prepared(text)


def test_an_anchor_is_githubs_but_begins_with_no_digit() -> None:
    assert anchor("Its broker, and the first purchase", "-") == "its-broker-and-the-first-purchase"
    assert anchor("4. A UE buys", "-") == "s-4-a-ue-buys"


def test_a_fence_is_longer_than_those_in_the_file() -> None:
    assert shown("x.txt", "a ``` b") == "# x.txt\n\n````\na ``` b\n````\n"
