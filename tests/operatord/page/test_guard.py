"""Who gets through the door of the page, and what others are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import Request

from operatord.page.attempts import BURST
from operatord.page.guard import FORM_HEADER, MAX_FORM_BYTES, Person, Role, one_line, safe_next
from operatord.page.people import ABSOLUTE_S, IDLE_S, NOTE_SEEN_S, hash_token
from operatord.page.refusals import Reason
from tests.operatord.page.authenticator import ORIGIN, Authenticator
from tests.operatord.page.door import NOW_S, Door, enter

PLAIN = "http://localhost:8575"


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


# ---- Who is nobody


def test_a_person_who_is_not_logged_in_is_sent_to_the_login_and_back(door: Door):
    answer = door.browser().open("/?box=roof&from=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/%3Fbox%3Droof%26from%3D2")


def test_a_script_is_told_in_json(door: Door):
    answer = door.browser().fetch("/live")
    assert answer.status_code == 401
    assert answer.json() == {"error": "not_logged_in", "words": Reason.NOT_LOGGED_IN.words}
    assert door.browser().ask("GET", "/").status_code == 401


def test_a_form_without_login_is_refused_in_words(door: Door):
    answer = door.browser().send_form("/revoke", {"grant": "0f"})
    assert answer.status_code == 401
    assert Reason.NOT_LOGGED_IN.words in answer.text
    assert door.revoked == []


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 42 + "\u00e9", "A" * 5_000, "' OR 1=1 --"])
def test_a_cookie_that_is_none_of_ours_opens_nothing(door: Door, token: str):
    enter(door)
    answer = door.browser().ask("GET", "/", headers={"Cookie": f"__Host-airgrant={token}".encode()})
    assert answer.status_code == 401


# ---- How long a login lasts


def test_the_cookie_is_for_this_host_over_tls_and_for_no_script(door: Door):
    browser, key = enter(door)
    cookie = browser.log_in(key).headers["set-cookie"]
    name, *rest = cookie.split("; ")
    assert name.startswith("__Host-airgrant=")
    assert sorted(rest) == ["HttpOnly", "Path=/", "SameSite=strict", "Secure"]


def test_the_file_of_people_does_not_hold_what_the_browser_holds(door: Door):
    browser, _ = enter(door)
    token = browser.client.cookies["__Host-airgrant"]
    assert token.encode() not in door.file.read_bytes()


def test_on_localhost_without_tls_the_cookie_has_another_name(tmp_path: Path):
    door = Door(tmp_path, PLAIN)
    browser, key = door.browser(origin=PLAIN), Authenticator(origin=PLAIN, rp_id="localhost")
    assert browser.register(key, door.add("anna", Role.OPERATOR)).status_code == 200
    cookie = browser.log_in(key).headers["set-cookie"]
    assert cookie.startswith("airgrant=")
    assert "Secure" not in cookie
    assert "HttpOnly" in cookie
    assert browser.open("/").status_code == 200


def test_clicks_keep_a_login_alive_until_the_day_is_over(door: Door):
    browser, _ = enter(door)
    for _ in range(ABSOLUTE_S // (IDLE_S - 1)):
        door.now_s += IDLE_S - 1
        assert browser.open("/").status_code == 200
    door.now_s = NOW_S + ABSOLUTE_S
    assert browser.open("/").status_code == 303


def test_a_page_that_refreshes_itself_is_nobody_at_work(door: Door):
    browser, _ = enter(door)
    door.now_s += IDLE_S - 1
    assert browser.fetch("/live").status_code == 200
    door.now_s += 1
    assert browser.fetch("/live").status_code == 401


def test_a_login_is_written_down_once_a_minute(door: Door):
    browser, _ = enter(door)
    for later_s, seen_s in ((NOTE_SEEN_S - 1, 0), (NOTE_SEEN_S, NOTE_SEEN_S), (NOTE_SEEN_S + 1, NOTE_SEEN_S)):
        door.now_s = NOW_S + later_s
        browser.open("/")
        session = door.store.session(hash_token(browser.client.cookies["__Host-airgrant"]))
        assert session is not None
        assert session.seen_s == NOW_S + seen_s


# ---- Roles


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_each_role_does_what_it_may(door: Door, role: Role):
    browser, _ = enter(door, role=role)
    answer = browser.send_form("/revoke", {"grant": "0f", "form_token": browser.token()})
    assert browser.open("/").status_code == 200
    if role is Role.VIEWER:
        assert answer.status_code == 403
        assert Reason.ROLE.words in answer.text
        assert ">Log out<" in answer.text  # he is still known
        assert door.said[-1] == "refused 192.0.2.1: role: anna is viewer, not operator"
        assert door.revoked == []
    else:
        assert (answer.status_code, door.revoked) == (200, ["0f"])


def test_a_script_of_a_viewer_is_refused_in_json(door: Door):
    browser, _ = enter(door, role=Role.VIEWER)
    answer = browser.post("/revoke", {})
    assert (answer.status_code, answer.json()["error"]) == (403, "role")


def test_a_role_that_changes_holds_from_the_next_click_on(door: Door):
    browser, key = enter(door)
    door.store.set_role("anna", Role.VIEWER)
    assert browser.open("/").status_code == 303
    browser.log_in(key)
    assert browser.send_form("/revoke", {"grant": "0f", "form_token": browser.token()}).status_code == 403


def test_whoever_is_removed_is_out_at_once(door: Door):
    browser, key = enter(door)
    door.store.remove("anna")
    assert browser.open("/").status_code == 303
    answer = browser.log_in(key)
    assert (answer.status_code, answer.json()["error"]) == (403, "unknown_key")


# ---- Forms


def test_a_form_of_this_page_is_taken_and_its_token_taken_out(door: Door):
    browser, _ = enter(door)
    answer = browser.send_form("/revoke", {"grant": "0f", "form_token": browser.token()})
    assert (answer.status_code, door.revoked) == (200, ["0f"])


def test_a_script_of_this_page_sends_the_token_as_a_header(door: Door):
    browser, _ = enter(door)
    token = browser.token()
    headers = {"Origin": ORIGIN, FORM_HEADER: token, "Content-Type": "application/x-www-form-urlencoded"}
    answer = browser.ask("POST", "/revoke", content=b"grant=0f", headers=headers)
    assert (answer.status_code, door.revoked) == (200, ["0f"])


@pytest.mark.parametrize("origin", ["https://page.example.org", "null", "", "https://page.example.net:8443"])
def test_a_form_of_another_page_is_refused_even_with_the_token(door: Door, origin: str):
    browser, _ = enter(door)
    fields = {"grant": "0f", "form_token": browser.token()}
    answer = browser.send_form("/revoke", fields, Origin=origin)
    assert (answer.status_code, door.revoked) == (403, [])
    assert Reason.FOREIGN_FORM.words in answer.text


def test_a_form_without_origin_is_refused(door: Door):
    browser, _ = enter(door)
    answer = browser.ask("POST", "/revoke", data={"grant": "0f", "form_token": browser.token()})
    assert (answer.status_code, answer.json()["error"], door.revoked) == (403, "foreign_form", [])


def test_the_token_of_another_login_is_refused(door: Door):
    browser, key = enter(door)
    before = browser.token()
    other, _ = enter(door, "bert", number=2)
    for token in (other.token(), "", "x", "\u00e9", before.upper()):
        assert browser.send_form("/revoke", {"grant": "0f", "form_token": token}).status_code == 403
    browser.log_in(key)
    assert browser.send_form("/revoke", {"grant": "0f", "form_token": before}).status_code == 403
    assert door.revoked == []


@pytest.mark.parametrize("body", [b"grant=0f&form_token=%ff%fe", b"\xff\xfe", b"a=1&" * 200])
def test_a_form_that_cannot_be_read_is_refused(door: Door, body: bytes):
    browser, _ = enter(door)
    headers = {"Origin": ORIGIN, "Content-Type": "application/x-www-form-urlencoded"}
    answer = browser.ask("POST", "/revoke", content=body, headers=headers)
    assert answer.status_code in {400, 403}
    assert door.revoked == []


def test_a_form_without_end_is_refused(door: Door):
    browser, _ = enter(door)
    answer = browser.send_form("/revoke", {"grant": "0" * MAX_FORM_BYTES, "form_token": browser.token()})
    assert (answer.status_code, door.revoked) == (400, [])


# ---- Failing


def test_a_disk_that_fails_lets_nobody_in(door: Door):
    browser, key = enter(door)
    door.store.close()
    answer = browser.open("/")
    assert answer.status_code == 503
    assert Reason.UNAVAILABLE.words in answer.text
    assert browser.log_in(key).status_code == 503
    assert "people.db" in door.said[-1]


def test_a_deed_is_told_with_who_and_from_where(door: Door):
    request = Request({"type": "http", "headers": [], "client": ("192.0.2.9", 1)})
    anna = Person("anna", Role.OPERATOR)
    door.guard.note(request, anna, "revoked grant 0f:\nthe antenna came down")
    assert door.said[-1] == "anna (operator) from 192.0.2.9: revoked grant 0f: the antenna came down"


def test_a_stranger_fills_no_log_and_hides_no_copied_key_in_it(door: Door):
    browser, key = enter(door)
    before = len(door.said)
    for _ in range(BURST + 5):
        browser.post("/login/options", {}, Origin="https://page.example.org")
    assert len(door.said) == before + BURST
    key.count = 0
    browser.log_in(key)
    assert "stale_counter" in door.said[-1]


@pytest.mark.parametrize(
    ("place", "safe"),
    [
        ("/", "/"),
        ("/sessions?box=roof&at=1#end", "/sessions?box=roof&at=1#end"),
        ("//example.org", "/"),
        ("/\\example.org", "/"),
        ("/a\\b", "/"),
        ("https://example.org", "/"),
        ("/a b", "/"),
        ("/\n/example.org", "/"),
        ("/\t/example.org", "/"),
        ("javascript:alert(1)", "/"),
        ("/" + "a" * 600, "/"),
        ("/ä", "/"),
        ("", "/"),
        (None, "/"),
        (["/"], "/"),
    ],
)
def test_after_a_login_one_stays_on_this_page(place: object, safe: str):
    assert safe_next(place) == safe


def test_the_log_has_one_line_for_one_thing():
    assert one_line("a\nb\x1b[31mc\u2028d") == "a b [31mc d"
    assert len(one_line("x" * 9_000)) == 500
