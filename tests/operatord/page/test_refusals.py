"""What somebody is told who is not let in."""

from __future__ import annotations

import pytest

from operatord.page.refusals import Reason, Refused
from wire.errors import VerificationError


def test_each_reason_has_a_word_of_its_own_and_is_an_error_of_http():
    assert len({reason.word for reason in Reason}) == len(Reason)
    assert all(400 <= reason.status < 600 for reason in Reason)


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.word)
def test_the_words_are_whole_sentences(reason: Reason):
    assert reason.words[0].isupper()
    assert reason.words.endswith(".")
    assert len(reason.words) < 120


def test_the_detail_is_for_the_log():
    refused = Refused(Reason.UNKNOWN_KEY, "key 01020304")
    assert isinstance(refused, VerificationError)
    assert str(refused) == "unknown_key: key 01020304"
    assert str(Refused(Reason.TOO_MANY)) == "too_many"
    assert "01020304" not in refused.reason.words
