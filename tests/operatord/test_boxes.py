"""Who is given a certificate for an invited box: the rules in their order, and what replacing and revoking leave."""

from __future__ import annotations

from dataclasses import replace

import pytest

from operatord.box_authority import read_claim
from operatord.boxes import (
    BoxRecord,
    Claim,
    Rejected,
    Revocation,
    Standing,
    check_name,
    ended,
    enrolled,
    format_record,
    has_certificate,
    invited,
    invited_again,
    judge,
    read_record,
    revocations,
)
from tests.apd.test_enrol import question_of
from wire.errors import ConfigError
from wire.invitation import prove_box, write_secret
from wire.keys import PrivateKey

NOW_S = 1_766_000_000
TOKEN, OTHER_TOKEN = b"t" * 32, b"o" * 32
ACCOUNT, STRANGER, BOX, OTHER_BOX = (PrivateKey.generate() for _ in range(4))
ROOF = invited("roof", TOKEN, NOW_S, address="192.0.2.7", das_port=3799)
ATTIC = enrolled(
    replace(invited("attic", OTHER_TOKEN, NOW_S, das_port=3799), account=str(STRANGER.public)), "PEM", 7
)


def claim(
    box: PrivateKey = BOX, account: PrivateKey = ACCOUNT, token: bytes = TOKEN, name: str = "roof"
) -> Claim:
    return read_claim(question_of(box, account, token, name))


def judged(record: BoxRecord, asked: Claim | None = None, now_s: int = NOW_S) -> str:
    """The reason, or what is to be done."""
    outcome = judge(asked or claim(), [ATTIC, record], now_s)
    if isinstance(outcome, Rejected):
        return outcome.reason
    return "again" if has_certificate(outcome) else "sign"


SOLD = enrolled(replace(ROOF, account=str(ACCOUNT.public), key_hash=claim().key_hash), "PEM", 5)
FORGED = replace(claim().question, proof=prove_box(ACCOUNT, OTHER_TOKEN, b""))

RULES = [
    ("not_invited", replace(ROOF, name="cellar"), claim(), NOW_S),
    ("not_invited", ended(ROOF, NOW_S), claim(), NOW_S),
    ("not_invited", replace(ROOF, standing=Standing.REVOKED), claim(), NOW_S),
    ("not_invited", ROOF, claim(token=OTHER_TOKEN), NOW_S + 1),
    ("not_invited", ROOF, replace(claim(), question=replace(claim().question, token="short")), NOW_S),
    ("expired", ROOF, replace(claim(), question=FORGED), NOW_S + 1),
    ("bad_account", SOLD, replace(claim(OTHER_BOX), question=FORGED), NOW_S),
    ("bad_account", ROOF, replace(claim(), question=replace(claim().question, account="02")), NOW_S),
    ("bad_account", ROOF, replace(claim(), question=claim(OTHER_BOX).question), NOW_S),
    ("used", SOLD, claim(OTHER_BOX, STRANGER), NOW_S),
    ("other_account", replace(ROOF, account=str(ACCOUNT.public)), claim(account=STRANGER), NOW_S),
    ("account_sells", ROOF, claim(account=STRANGER), NOW_S),
    ("again", SOLD, claim(), NOW_S),
    ("sign", ROOF, claim(), NOW_S),
    ("sign", replace(ROOF, account=str(ACCOUNT.public)), claim(), NOW_S),
]
"""(what comes of it, record, question, when). Where two rules are broken, the earlier one is the reason."""


@pytest.mark.parametrize(
    ("reason", "record", "asked", "now_s"), RULES, ids=[f"{n}-{r[0]}" for n, r in enumerate(RULES)]
)
def test_rules_in_their_order(reason: str, record: BoxRecord, asked: Claim, now_s: int) -> None:
    assert judged(record, asked, now_s) == reason


def test_the_token_is_kept_as_a_hash() -> None:
    kept = format_record(ROOF)
    assert write_secret(TOKEN) not in kept
    assert TOKEN.hex() not in kept


def test_replacing_ends_the_certificate_and_the_invitation_and_keeps_the_account() -> None:
    fresh = invited_again(SOLD, OTHER_TOKEN, NOW_S + 9, NOW_S)
    assert (fresh.standing, fresh.account, fresh.key_hash) == (Standing.INVITED, SOLD.account, "")
    assert revocations([fresh, ATTIC]) == [Revocation(5, NOW_S)]
    assert judged(fresh) == "not_invited", "the old invitation"
    assert judged(fresh, claim(OTHER_BOX, token=OTHER_TOKEN)) == "sign"
    assert judged(fresh, claim(OTHER_BOX, STRANGER, OTHER_TOKEN)) == "other_account"


def test_revoking_is_for_good() -> None:
    gone = ended(SOLD, NOW_S)
    assert revocations([gone]) == [Revocation(5, NOW_S)]
    assert ended(gone, NOW_S + 5) == gone, "again changes nothing"
    with pytest.raises(ConfigError, match="stays so"):
        invited_again(gone, TOKEN, NOW_S, NOW_S)
    with_account = replace(ATTIC, account=str(ACCOUNT.public))
    outcome = judge(claim(), [ended(with_account, NOW_S), ROOF], NOW_S)
    assert not isinstance(outcome, Rejected), "its account is free for another box"


@pytest.mark.parametrize(
    "name",
    ["", "ledger", "operator", "a b", "a/b", "r" * 21, "#", "Ledger", "owner", "ledger-01", "apd-roof"],
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ConfigError):
        check_name(name)
    check_name("roof-1.example_x")


def test_a_record_is_read_back_and_garbled_ones_name_the_file() -> None:
    kept = ended(SOLD, NOW_S)
    assert read_record(format_record(kept).encode(), "roof", "roof.json") == kept
    with pytest.raises(ConfigError, match=r"yard\.json: name: is roof, another box's"):
        read_record(format_record(kept).encode(), "yard", "yard.json")
    for garbled in (
        b"", b"{}", b"[]", format_record(kept).replace("revoked", "rewoked", 1).encode(),
        format_record(kept).replace('"until_s": 0', '"until_s": "0"').encode(),
        format_record(SOLD).replace(SOLD.account, "02").encode(),
        format_record(SOLD).replace('"roof"', '"../roof"').encode(),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=r"roof\.json"):
            read_record(garbled, "roof", "roof.json")
