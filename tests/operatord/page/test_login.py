"""Logging in and out, registering by a link, one's own keys: what the page answers to keys made in Python."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from operatord.page.asking import ASKING_S
from operatord.page.attempts import BURST, REFILL_S
from operatord.page.guard import Role
from operatord.page.keys import MAX_ANSWER_BYTES
from operatord.page.people import LINK_S
from operatord.page.refusals import Reason
from tests.operatord.page.authenticator import PRESENT, Authenticator
from tests.operatord.page.door import Browser, Door, enter


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


# ---- Logging in


def test_a_link_then_a_key_then_the_page(door: Door):
    browser, key = door.browser(), Authenticator()
    assert browser.register(key, door.add("anna", Role.OPERATOR)).json() == {"go": "/login"}
    assert browser.log_in(key, "/sessions?box=roof").json() == {"go": "/sessions?box=roof"}
    assert browser.open("/").text.endswith("for anna")
    assert door.said == [
        f"anna (operator) from 192.0.2.1: registered key {key.key_id[:4].hex()}",
        f"anna (operator) from 192.0.2.1: logged in with key {key.key_id[:4].hex()}",
    ]


def test_a_login_ends_the_browser_s_earlier_one(door: Door):
    browser, key = enter(door)
    before = browser.client.cookies["__Host-airgrant"]
    browser.log_in(key)
    assert browser.client.cookies["__Host-airgrant"] != before
    assert door.store.entry("anna").session_count == 1


def test_nobody_is_led_to_another_page(door: Door):
    browser, key = enter(door)
    assert browser.log_in(key, "//example.org").json() == {"go": "/"}


def test_whoever_logs_out_is_out_and_his_cookie_is_worth_nothing(door: Door):
    browser, _ = enter(door)
    token = browser.client.cookies["__Host-airgrant"]
    answer = browser.send_form("/logout", {"form_token": browser.token()})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert browser.open("/").status_code == 303
    assert door.browser().ask("GET", "/", headers={"Cookie": f"__Host-airgrant={token}"}).status_code == 401
    assert door.said[-1] == "anna (operator) from 192.0.2.1: logged out"


def test_a_link_to_another_page_logs_nobody_out(door: Door):
    browser, _ = enter(door)
    assert browser.open("/logout").status_code == 405
    assert browser.send_form("/logout", {}).status_code == 403
    assert browser.open("/").status_code == 200


def test_the_pages_need_no_login_and_have_no_script_of_their_own(door: Door):
    for path in ("/login", "/register", "/login?next=//example.org"):
        page = door.browser().open(path)
        assert page.status_code == 200
        assert re.findall(r"<script[^>]*>", page.text) == ['<script src="/static/login.js" defer>']
        assert not re.search(r"\son\w+=|style=", page.text)
        assert "example.org" not in page.text


def test_whoever_is_logged_in_is_told_so(door: Door):
    browser, _ = enter(door)
    assert "You are logged in as anna" in browser.open("/login").text


# ---- Who is refused, in the order of precedence


def refused(browser: Browser, answer: Any, reason: Reason) -> bool:
    return (answer.status_code, answer.json()) == (
        reason.status,
        {"error": reason.word, "words": reason.words},
    )


def test_another_key_is_not_known(door: Door):
    browser, _ = enter(door)
    stranger = Authenticator(9, handle=b"anna".ljust(16, b"."))
    assert refused(browser, browser.log_in(stranger), Reason.UNKNOWN_KEY)
    assert door.said[-1] == f"refused 192.0.2.1: unknown_key: key {stranger.key_id[:4].hex()}"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"origin": "https://page.example.org"}, Reason.WRONG_ANSWER),
        ({"handle": b"bert".ljust(16, b".")}, Reason.WRONG_ANSWER),
        ({"flags": PRESENT}, Reason.UNVERIFIED),
        ({"count": 0}, Reason.STALE_COUNTER),
    ],
)
def test_an_answer_that_does_not_hold_is_told_with_whose_key_it_was(
    door: Door, change: dict[str, Any], reason: Reason
):
    browser, key = enter(door)
    before = browser.client.cookies["__Host-airgrant"]
    for name, value in change.items():
        setattr(key, name, value)
    assert refused(browser, browser.log_in(key), reason)
    assert f"refused 192.0.2.1: {reason.word}: key {key.key_id[:4].hex()} of anna: " in door.said[-1]
    assert browser.client.cookies["__Host-airgrant"] == before
    assert browser.open("/").status_code == 200  # who is in stays in


def test_an_answer_is_taken_once(door: Door):
    browser, key = enter(door)
    answer = {"answer": key.sign(browser.post("/login/options", {}).json())}
    assert browser.post("/login", answer).status_code == 200
    assert refused(browser, browser.post("/login", answer), Reason.TOO_OLD)
    assert "came before" in door.said[-1]


def test_an_answer_from_another_browser_is_refused(door: Door):
    browser, key = enter(door)
    answer = {"answer": key.sign(browser.post("/login/options", {}).json())}
    thief = door.browser("192.0.2.66")
    assert refused(thief, thief.post("/login", answer), Reason.TOO_OLD)
    thief.post("/login/options", {})
    assert refused(thief, thief.post("/login", answer), Reason.WRONG_ANSWER)
    assert thief.open("/").status_code == 303


def test_an_answer_that_comes_late_is_refused(door: Door):
    browser, key = enter(door)
    answer = {"answer": key.sign(browser.post("/login/options", {}).json())}
    door.now_s += ASKING_S
    assert refused(browser, browser.post("/login", answer), Reason.TOO_OLD)


def test_an_answer_to_a_registration_is_no_login(door: Door):
    browser, key = enter(door)
    options = browser.post("/register/options", {"link": door.link("anna", "again")}).json()
    assert refused(browser, browser.post("/login", {"answer": key.sign(options)}), Reason.WRONG_ANSWER)


@pytest.mark.parametrize("path", ["/login", "/login/options", "/register", "/register/options"])
def test_another_page_asks_for_nothing(door: Door, path: str):
    browser = door.browser()
    answer = browser.post(path, {}, Origin="https://page.example.org")
    assert refused(browser, answer, Reason.FOREIGN_FORM)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"answer": 1}',
        b"\xff",
        b"[" * 15_000,
        b'"' + b"x" * MAX_ANSWER_BYTES + b'"',
    ],
)
def test_what_cannot_be_read_is_refused(door: Door, body: bytes):
    browser = door.browser()
    for path in ("/login", "/register", "/register/options"):
        headers = {"Origin": "https://page.example.net"}
        assert refused(browser, browser.ask("POST", path, content=body, headers=headers), Reason.UNREADABLE)


def test_one_address_has_ten_attempts_and_one_more_each_six_seconds(door: Door):
    stranger, browser = Authenticator(9), door.browser("192.0.2.66")
    answers = [browser.log_in(stranger) for _ in range(BURST + 1)]
    assert [refused(browser, answer, Reason.UNKNOWN_KEY) for answer in answers] == [True] * BURST + [False]
    assert refused(browser, answers[-1], Reason.TOO_MANY)
    door.now_s += REFILL_S
    assert refused(browser, browser.log_in(stranger), Reason.UNKNOWN_KEY)
    enter(door)  # others are not kept waiting


# ---- Registering


def test_a_link_is_good_for_one_key(door: Door):
    browser, link = door.browser(), door.add("anna", Role.OPERATOR)
    browser.register(Authenticator(1), link)
    assert refused(browser, browser.register(Authenticator(2), link), Reason.LINK_OVER)


def test_of_two_who_have_the_link_the_first_registers(door: Door):
    link = door.add("anna", Role.OPERATOR)
    first, second = door.browser("192.0.2.1"), door.browser("192.0.2.2")
    options = second.post("/register/options", {"link": link}).json()
    first.register(Authenticator(1), link)
    answer = second.post("/register", {"link": link, "answer": Authenticator(2).make(options)})
    assert refused(second, answer, Reason.LINK_OVER)
    assert len(door.store.entry("anna").keys) == 1


@pytest.mark.parametrize("link", ["", "x", "link-bert", "link-anna "])
def test_a_link_that_nobody_gave_is_refused(door: Door, link: str):
    door.add("anna", Role.OPERATOR)
    browser = door.browser()
    assert refused(browser, browser.register(Authenticator(), link), Reason.LINK_OVER)


def test_a_link_is_over_after_fifteen_minutes(door: Door):
    link = door.add("anna", Role.OPERATOR)
    door.now_s += LINK_S
    browser = door.browser()
    assert refused(browser, browser.register(Authenticator(), link), Reason.LINK_OVER)


def test_a_key_that_does_not_check_who_is_there_uses_no_link_up(door: Door):
    browser, link = door.browser(), door.add("anna", Role.OPERATOR)
    assert refused(browser, browser.register(Authenticator(flags=PRESENT), link), Reason.UNVERIFIED)
    assert browser.register(Authenticator(), link).status_code == 200


def test_a_key_of_one_is_not_registered_for_another(door: Door):
    _, key = enter(door)
    browser = door.browser("192.0.2.2")
    assert refused(browser, browser.register(key, door.add("bert", Role.VIEWER)), Reason.KEY_TAKEN)
    assert door.store.entry("bert").keys == ()


def test_an_answer_for_one_link_is_none_for_another(door: Door):
    anna, bert = door.add("anna", Role.OPERATOR), door.add("bert", Role.VIEWER)
    browser = door.browser()
    options = browser.post("/register/options", {"link": bert}).json()
    answer = browser.post("/register", {"link": anna, "answer": Authenticator().make(options)})
    assert refused(browser, answer, Reason.WRONG_ANSWER)


def test_a_second_key_logs_the_same_person_in(door: Door):
    browser, first = enter(door)
    second = Authenticator(2)
    assert browser.register(second, door.link("anna", "again")).status_code == 200
    assert browser.log_in(second).status_code == 200
    assert {key.key_id for key in door.store.entry("anna").keys} == {first.key_id, second.key_id}


# ---- One's own keys


def test_everybody_sees_his_own_keys_and_removes_a_lost_one(door: Door):
    browser, key = enter(door)
    enter(door, "bert", Role.VIEWER, 2)
    lost = Authenticator(3)
    browser.register(lost, door.link("anna", "again"))
    page = browser.open("/keys").text
    assert page.count("<tr>") == 3
    assert "2027-01-15 08:00:00 UTC" in page
    assert Authenticator(2).key_id.hex()[:8] not in page
    form = {"form_token": browser.token(), "key": lost.key_id.hex()}
    assert browser.send_form("/keys/remove", form).headers["location"] == "/keys"
    assert [kept.key_id for kept in door.store.entry("anna").keys] == [key.key_id]
    assert door.said[-1] == f"anna (operator) from 192.0.2.1: removed key {lost.key_id[:4].hex()}"


def test_nobody_removes_the_key_that_he_came_with_nor_another_s(door: Door):
    browser, key = enter(door)
    _, other = enter(door, "bert", Role.VIEWER, 2)
    token = browser.token()
    own = browser.send_form("/keys/remove", {"form_token": token, "key": key.key_id.hex()})
    assert (own.status_code, Reason.KEY_IN_USE.words in own.text) == (403, True)
    browser.send_form("/keys/remove", {"form_token": token, "key": other.key_id.hex()})
    assert len(door.store.entry("bert").keys) == 1
    assert browser.send_form("/keys/remove", {"form_token": token, "key": "zz"}).status_code == 400
    assert browser.send_form("/keys/remove", {"key": key.key_id.hex()}).status_code == 403


def test_no_token_is_written_anywhere_but_to_the_browser(door: Door):
    browser, link = door.browser(), door.add("anna", Role.OPERATOR)
    key = Authenticator()
    browser.register(key, link)
    browser.log_in(key)
    written = door.file.read_bytes() + "".join(door.said).encode()
    secrets = [link, browser.client.cookies["__Host-airgrant"], browser.token()]
    assert all(secret.encode() not in written for secret in secrets)
