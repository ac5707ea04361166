"""What keys are asked for, and which answers hold: a table of rules in order of precedence, and garbled octets."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any

import pytest

from operatord.page.keys import (
    login_options,
    read_login,
    read_new_key,
    refuse_stale,
    registration_options,
    verify_login,
    verify_new_key,
)
from operatord.page.origin import parse_origin
from operatord.page.people import Key
from operatord.page.refusals import Reason, Refused
from tests.operatord.page.authenticator import ORIGIN, PRESENT, VERIFIED, Authenticator, to_octets, to_text

PAGE = parse_origin(ORIGIN)
CHALLENGE, HANDLE, NOW_S = b"c" * 32, b"h" * 16, 1_800_000_000


def make_options(challenge: bytes = CHALLENGE, known: tuple[Key, ...] = ()) -> dict[str, Any]:
    return registration_options(PAGE, "anna", HANDLE, challenge, known)


def registered(authenticator: Authenticator) -> Key:
    new = verify_new_key(read_new_key(authenticator.make(make_options())), CHALLENGE, PAGE)
    return Key(new.key_id, "anna", new.public_key, new.sign_count, NOW_S)


def log_in(authenticator: Authenticator, key: Key, challenge: bytes = CHALLENGE) -> int:
    answer = authenticator.sign(login_options(PAGE, CHALLENGE))
    return verify_login(read_login(answer), challenge, PAGE, key, HANDLE)


# ---- What is asked for


def test_a_new_key_is_of_our_curve_names_its_person_and_checks_him():
    options = make_options()
    assert options["rp"] == {"name": "Airgrant", "id": "page.example.net"}
    assert options["pubKeyCredParams"] == [{"type": "public-key", "alg": -7}]
    chosen = options["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "required")
    assert options["attestation"] == "none"
    assert (options["user"]["name"], to_octets(options["user"]["id"])) == ("anna", HANDLE)
    assert to_octets(options["challenge"]) == CHALLENGE


def test_a_key_that_is_known_is_not_made_again():
    key = registered(Authenticator())
    assert [to_octets(one["id"]) for one in make_options(known=(key,))["excludeCredentials"]] == [key.key_id]


def test_a_login_asks_for_any_key_of_this_page_so_that_nobody_learns_who_has_one():
    options = login_options(PAGE, CHALLENGE)
    assert options["allowCredentials"] == []
    assert (options["rpId"], options["userVerification"]) == ("page.example.net", "required")


# ---- What holds


def test_a_key_that_was_registered_logs_in_and_counts_on():
    authenticator = Authenticator()
    key = registered(authenticator)
    assert (key.key_id, key.sign_count) == (authenticator.key_id, 1)
    assert log_in(authenticator, key) == 2


def test_a_key_that_never_counts_logs_in():
    authenticator = Authenticator(counts=False)
    key = registered(authenticator)
    assert [log_in(authenticator, key) for _ in range(2)] == [0, 0]


NEW_KEY_RULES = [
    (Authenticator(origin="https://page.example.org"), Reason.WRONG_ANSWER, "client data origin"),
    (Authenticator(rp_id="example.net"), Reason.WRONG_ANSWER, "RP ID"),
    (Authenticator(client={"type": "webauthn.get"}), Reason.WRONG_ANSWER, "client data type"),
    (Authenticator(client={"challenge": to_text(b"d" * 32)}), Reason.WRONG_ANSWER, "challenge"),
    (Authenticator(client={"crossOrigin": True}), Reason.WRONG_ANSWER, "another origin"),
    (Authenticator(algorithm=-257), Reason.WRONG_ANSWER, "nsupported"),
    (Authenticator(flags=VERIFIED), Reason.WRONG_ANSWER, "presence"),
    (Authenticator(flags=PRESENT), Reason.UNVERIFIED, "at its registration"),
]


@pytest.mark.parametrize(("authenticator", "reason", "detail"), NEW_KEY_RULES)
def test_a_new_key_is_refused(authenticator: Authenticator, reason: Reason, detail: str):
    with pytest.raises(Refused, match=detail) as refused:
        registered(authenticator)
    assert refused.value.reason is reason


LOGIN_RULES = [
    ({"origin": "https://page.example.org"}, Reason.WRONG_ANSWER, "client data origin"),
    ({"rp_id": "example.net"}, Reason.WRONG_ANSWER, "RP ID"),
    ({"client": {"type": "webauthn.create"}}, Reason.WRONG_ANSWER, "client data type"),
    ({"client": {"challenge": to_text(b"d" * 32)}}, Reason.WRONG_ANSWER, "challenge"),
    ({"client": {"crossOrigin": True}}, Reason.WRONG_ANSWER, "another origin"),
    ({"handle": b"i" * 16}, Reason.WRONG_ANSWER, "another person"),
    ({"handle": b""}, Reason.WRONG_ANSWER, "another person"),
    ({"flags": VERIFIED}, Reason.WRONG_ANSWER, "not present"),
    ({"number": 2}, Reason.WRONG_ANSWER, "signature"),
    ({"flags": PRESENT}, Reason.UNVERIFIED, "at a login"),
    ({"flags": PRESENT, "count": -1}, Reason.UNVERIFIED, "at a login"),  # before its count is looked at
    ({"count": -1}, Reason.STALE_COUNTER, "counts 0, after 1"),
    ({"count": 0}, Reason.STALE_COUNTER, "counts 1, after 1"),
]


@pytest.mark.parametrize(("changes", "reason", "detail"), LOGIN_RULES)
def test_a_login_is_refused(changes: dict[str, Any], reason: Reason, detail: str):
    authenticator = Authenticator()
    key = registered(authenticator)
    for name, value in changes.items():
        setattr(authenticator, name, value)
    with pytest.raises(Refused, match=detail) as refused:
        log_in(authenticator, key)
    assert refused.value.reason is reason


def test_the_answer_to_another_challenge_does_not_hold():
    authenticator = Authenticator()
    key = registered(authenticator)
    with pytest.raises(Refused, match="challenge"):
        log_in(authenticator, key, challenge=b"e" * 32)


@pytest.mark.parametrize(
    ("before", "now", "holds"),
    [(0, 0, True), (0, 1, True), (5, 6, True), (5, 5, False), (5, 4, False), (5, 0, False)],
)
def test_a_count_goes_up_or_stays_at_nothing(before: int, now: int, holds: bool):
    if holds:
        refuse_stale(before, now)
    else:
        with pytest.raises(Refused) as refused:
            refuse_stale(before, now)
        assert refused.value.reason is Reason.STALE_COUNTER


# ---- What cannot be read


@pytest.mark.parametrize(
    "answer", [None, 1, "", "{", [], {}, {"id": 1}, {"id": "a", "rawId": "a", "response": {}, "type": "x"}]
)
def test_an_answer_of_another_form_is_refused(answer: Any):
    for read in (read_login, read_new_key):
        with pytest.raises(Refused) as refused:
            read(answer)
        assert refused.value.reason is Reason.UNREADABLE


@pytest.mark.parametrize("seed", range(10))
def test_garbled_octets_are_refused_and_raise_nothing_else(seed: int):
    """Every answer of a key with a few octets changed, cut off or put in, in each of its parts."""
    chance, authenticator = random.Random(seed), Authenticator()
    key = registered(authenticator)
    made, signed = authenticator.make(make_options()), authenticator.sign(login_options(PAGE, CHALLENGE))
    for _ in range(20):
        with pytest.raises(Refused):
            verify_login(read_login(garble(signed, chance)), CHALLENGE, PAGE, key, HANDLE)
        with suppress(
            Refused
        ):  # a new key may be garbled into another good one: only its link vouches for it
            verify_new_key(read_new_key(garble(made, chance)), CHALLENGE, PAGE)


def garble(answer: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(answer))
    name = chance.choice(sorted(copy["response"]))
    octets = bytearray(to_octets(copy["response"][name]))
    at = chance.randrange(len(octets))
    match chance.randrange(3):
        case 0:
            octets[at] ^= 1 << chance.randrange(8)
        case 1:
            del octets[at:]
        case _:
            octets[at:at] = chance.randbytes(chance.randrange(1, 5))
    copy["response"][name] = to_text(bytes(octets))
    return copy
