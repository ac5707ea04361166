"""The page of a run of the Wi-Fi lab: what was promised, whether it held, and what was measured, from its
result.json.
"""

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from lab.markup import bullets, section, text

TEMPLATE = Path(__file__).parents[1] / "report_page.html"
MADE_BY = "Made by make lab-wifi. The numbers are in result.json, the frames in radio.pcapng."


def format_page(document: Mapping[str, Any]) -> str:
    """The whole page as text."""
    findings = document["findings"]
    held = sum(each["held"] for each in findings)
    verdict = "It holds" if document["ok"] else "It does not hold"
    parts = "virtual radios, stock hostapd, wpa_supplicant and FreeRADIUS"
    opening = (
        f'<p class="lead">{held} of {len(findings)} scenarios held, on {parts}, in {document["lasted_s"]:.0f} s. '
        f"{text(document['began'])}, {text(document['machine'])}.</p>"
    )
    body = "\n".join(
        [
            f"<h1>{verdict}: buying Wi-Fi before joining it</h1>",
            opening,
            *(_scenario(each) for each in findings),
            _capture(document["capture"]),
        ]
    )
    return Template(TEMPLATE.read_text()).substitute(
        title=f"Airgrant on the air: {verdict.lower()}", body=body, footer=text(MADE_BY)
    )


def _scenario(found: Mapping[str, Any]) -> str:
    claims = [text(claim) for claim in found["seen"].split("; ") if claim]
    numbers = [
        f"{text(number['what'])}: <b>{number['value']:.2f}</b> {text(number['unit'])}"
        for number in found["numbers"]
    ]
    mark = "✓ held" if found["held"] else "✗ did not hold"
    return section(text(found["name"]), mark, bullets([*numbers, *claims], "findings"))


def _capture(seen: Mapping[str, Any]) -> str:
    lines = [
        f"{seen['frames']:,} frames captured, {seen['ours']:,} with elements of ours",
        f"{len(seen['complaints'])} complaints of tshark about them",
        *(text(complaint) for complaint in seen["complaints"]),
    ]
    return section("What an independent eye saw", "", bullets(lines, "findings"))
