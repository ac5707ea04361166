"""The door for FreeRADIUS: its questions and answers in rlm_rest's form, and whatever is none."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from operatord.authorising import Accepted, Rejected
from operatord.request import AuthoriseRequest
from operatord.sessions import AccountingRecord, BoxRestarted
from operatord.shells.http import MAX_BODY_BYTES, create_app
from operatord.status import describe
from tests.operatord.test_accounting import REAL
from tests.operatord.test_request import PAGE
from tests.operatord.world import NOW_S, grant, state


class Desk:
    """Says yes to the roof and no to others, and remembers."""

    def __init__(self) -> None:
        self.records: list[AccountingRecord] = []
        self.restarted: list[str] = []
        self.counted: list[str] = []

    async def authorise(self, request: AuthoriseRequest) -> Accepted | Rejected:
        if request.box != "roof":
            return Rejected("unknown_box", "no access point " + "ü" * 200)
        return Accepted(grant(), {"User-Name": "02aa", "Class": ("0x00", "0x01"), "Session-Timeout": 60})

    async def account(self, record: AccountingRecord | BoxRestarted) -> None:
        if isinstance(record, BoxRestarted):
            self.restarted.append(record.box)
        else:
            self.records.append(record)

    def status(self) -> dict[str, Any]:
        return describe(state(), {"accepted": 2}, NOW_S, connected=True)

    def note(self, kind: str, text: str) -> None:
        assert text
        self.counted.append(kind)


def post(desk: Desk, path: str, **body: Any) -> httpx.Response:
    import asyncio

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(desk))
        async with httpx.AsyncClient(transport=transport, base_url="http://operatord") as client:
            return await (client.post(path, **body) if body else client.get(path))

    return asyncio.run(ask())


def test_yes_brings_attributes_for_the_reply() -> None:
    answer = post(Desk(), "/v1/authorise", json=PAGE)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "reply:User-Name": {"do_xlat": False, "value": ["02aa"]},
            "reply:Class": {"do_xlat": False, "value": ["0x00", "0x01"]},
            "reply:Session-Timeout": {"do_xlat": False, "value": [60]},
        },
    )


def test_no_brings_the_reason() -> None:
    answer = post(Desk(), "/v1/authorise", json={**PAGE, "nas_identifier": "inn"})
    assert answer.status_code == 401
    reply = answer.json()["reply:Reply-Message"]
    assert reply["do_xlat"] is False
    (message,) = reply["value"]
    assert message.startswith("unknown_box: no access point ü")
    assert len(message.encode()) in (252, 253), "what fits into one attribute"


def test_accounting_is_acknowledged_without_a_word() -> None:
    desk = Desk()
    assert post(desk, "/v1/accounting", json=REAL).status_code == 204
    assert [record.session_id for record in desk.records] == ["5F3C2A"]
    assert post(desk, "/v1/accounting", json={**REAL, "Acct-Status-Type": "7"}).status_code == 204
    assert desk.restarted == ["roof"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"text"', b"\xff", b"{}", b"[" * 5_000, b" " * (MAX_BODY_BYTES + 1)]
)
def test_what_is_no_question_is_refused_and_counted(content: bytes) -> None:
    for path in ("authorise", "accounting"):
        desk = Desk()
        answer = post(desk, f"/v1/{path}", content=content)
        assert answer.status_code == (401 if path == "authorise" else 400), "rlm_rest reads the body of a 401"
        assert answer.json() == {"reply:Reply-Message": {"do_xlat": False, "value": ["bad_request"]}}
        assert desk.counted == [f"{path}: DecodeError"]


def test_the_status_is_shown() -> None:
    assert post(Desk(), "/v1/status").json()["counters"] == {"accepted": 2}


def test_metrics_count_what_was_asked() -> None:
    import asyncio

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(Desk()))
        async with httpx.AsyncClient(transport=transport, base_url="http://operatord") as client:
            await client.post("/v1/authorise", json=PAGE)
            return await client.get("/metrics")

    answer = asyncio.run(ask())
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "airgrant_operator_authorise_seconds_count 1\n" in answer.text
    assert "airgrant_operator_accepted_total 2\n" in answer.text
