"""The conversation with a gNB: one request at a time, all again after each connection, and its traps."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ran_slicing.gnb import (
    PING_NS,
    REPLY_NS,
    RETRY_NS,
    SILENCE_NS,
    Command,
    RatioTaken,
    Reconnect,
    RequestRefused,
    SendPing,
    SendText,
    Session,
    answered,
    connected,
    deadline_ns,
    doubt,
    heard,
    lost,
    pass_time,
    want,
)
from ran_slicing.messages import POLICY, SUBSCRIBE, Refusal, Reply
from ran_slicing.share import PAUSED, Ratio
from ran_slicing.snssai import Snssai

A, B, C = Snssai(1, 1), Snssai(1, 2), Snssai(1, 3)
MANY = [Snssai(2, number) for number in range(40)]
LOW, HIGH = Ratio(10, 100), Ratio(40, 100)
TAKEN, SUBSCRIBED = Reply(POLICY), Reply(SUBSCRIBE)


def new_session():
    return Session("00101", frozenset([A, B, C, *MANY]))


def sent(commands):
    """The requests among commands: (minimum, [sd of each slice]), or the name of another command."""
    requests = [json.loads(command.text) for command in commands if isinstance(command, SendText)]
    return [
        (
            request["policies"]["min_prb_policy_ratio"],
            [m["sd"] for m in request["policies"]["rRMPolicyMemberList"]],
        )
        if request["cmd"] == POLICY
        else request["cmd"]
        for request in requests
    ]


def run_until_settled(session, now_ns=0):
    """Everything that was sent on a new connection to a gNB that takes everything."""
    session, commands = connected(session, now_ns)
    said = sent(commands)
    while session.waiting is not None:
        session, commands = answered(session, Reply(session.waiting.command), now_ns)
        said += sent(commands)
    return session, said


def test_without_a_connection_nothing_is_said():
    session, commands = want(new_session(), {A: LOW}, 0)
    assert commands == []
    assert deadline_ns(session) is None
    assert pass_time(session, 10**15) == (session, [])


def test_slices_come_before_metrics():
    session, said = run_until_settled(want(new_session(), {A: LOW, B: HIGH}, 0)[0])
    assert said == [(10, [1]), (40, [2]), "metrics_subscribe"]
    assert session.is_settled


def test_one_request_for_all_slices_of_one_pair():
    _, said = run_until_settled(want(new_session(), {A: LOW, B: HIGH, C: LOW}, 0)[0])
    assert said[:2] == [(10, [1, 3]), (40, [2])]


def test_sixteen_slices_in_a_request():
    _, said = run_until_settled(want(new_session(), dict.fromkeys(MANY, PAUSED), 0)[0])
    assert [len(request[1]) for request in said[:-1]] == [16, 16, 8]


def test_one_request_at_a_time_and_only_the_newest_wish_is_sent():
    session, commands = connected(want(new_session(), {A: LOW}, 0)[0], 0)
    assert sent(commands) == [(10, [1])]
    for percent in (20, 30, 40):
        session, commands = want(session, {A: Ratio(percent, 100)}, 0)
        assert commands == []
    session, commands = answered(session, TAKEN, 0)
    assert sent(commands) == [(40, [1])]


def test_what_is_so_already_is_not_said_again():
    session, _ = run_until_settled(want(new_session(), {A: LOW}, 0)[0])
    assert want(session, {A: LOW}, 0)[1] == []


def test_a_restarted_gnb_is_told_everything_again():
    session, first = run_until_settled(want(new_session(), {A: LOW, B: PAUSED}, 0)[0])
    session, again = run_until_settled(lost(session))
    assert again == first


def test_a_slice_that_is_not_in_the_file_is_our_mistake():
    """The gNB would answer with success."""
    with pytest.raises(AssertionError, match="not in the gNB's file"):
        want(new_session(), {Snssai(9): LOW}, 0)


def test_a_doubtful_slice_is_told_again():
    session, _ = run_until_settled(want(new_session(), {A: LOW, B: LOW}, 0)[0])
    _, commands = doubt(session, [B], 0)
    assert sent(commands) == [(10, [2])]


def test_the_time_that_an_answer_took():
    session, _ = connected(want(new_session(), {A: LOW}, 5)[0], 10)
    _, commands = answered(session, TAKEN, 35)
    assert commands[0] == RatioTaken((A,), LOW, 25)


@pytest.mark.parametrize("answer", [TAKEN, Refusal(POLICY, "x")])
def test_an_answer_that_nobody_waits_for_is_a_lost_order(answer):
    session, _ = run_until_settled(new_session())
    assert isinstance(answered(session, answer, 0)[1][0], Reconnect)


def test_an_answer_to_another_command_is_a_lost_order():
    session, _ = connected(want(new_session(), {A: LOW}, 0)[0], 0)
    assert isinstance(answered(session, SUBSCRIBED, 0)[1][0], Reconnect)


def test_no_answer():
    session, _ = connected(want(new_session(), {A: LOW}, 0)[0], 0)
    assert deadline_ns(session) == REPLY_NS
    assert pass_time(session, REPLY_NS - 1)[1] == []
    assert pass_time(session, REPLY_NS)[1] == [Reconnect("no answer to rrm_policy_ratio_set")]


def test_a_refused_request_is_tried_again_later():
    session, _ = connected(want(new_session(), {A: LOW}, 0)[0], 0)
    session, commands = answered(session, Refusal(POLICY, "failed to be applied by the DU"), 0)
    assert commands[0] == RequestRefused(POLICY, "failed to be applied by the DU")
    assert sent(commands) == ["metrics_subscribe"]
    session, commands = answered(session, SUBSCRIBED, 0)
    assert commands == []
    assert deadline_ns(session) == RETRY_NS
    _, commands = pass_time(session, RETRY_NS)
    assert sent(commands) == [(10, [1])]


def test_a_refusal_that_names_no_command_is_of_the_request_that_waits():
    session, _ = connected(want(new_session(), {A: LOW}, 0)[0], 0)
    assert answered(session, Refusal(None, "parse error"), 0)[1][0] == RequestRefused(POLICY, "parse error")


def test_a_gnb_without_metrics_is_served_blindly():
    session, _ = connected(new_session(), 0)
    session, commands = answered(session, Refusal(SUBSCRIBE, "Unknown command type: metrics_subscribe"), 0)
    assert commands == [RequestRefused(SUBSCRIBE, "Unknown command type: metrics_subscribe")]
    session, commands = want(session, {A: LOW}, 0)
    assert sent(commands) == [(10, [1])]


def test_metrics_that_stop():
    session, _ = run_until_settled(new_session())
    session = heard(session, 7)
    assert pass_time(session, 6 + SILENCE_NS)[1] == []
    assert pass_time(session, 7 + SILENCE_NS)[1] == [Reconnect("no metrics")]


def test_a_ping_before_the_gnb_is_bored():
    session, _ = run_until_settled(new_session())
    session = heard(session, PING_NS)
    session, commands = pass_time(session, PING_NS)
    assert commands == [SendPing()]
    assert PING_NS < 120 * 10**9
    assert pass_time(heard(session, 2 * PING_NS), 2 * PING_NS)[1] == [SendPing()]


class Gnb:
    """A gNB as it is: obeys what arrives in its order, answers late, forgets at a restart, fails now and then."""

    def __init__(self):
        self.ratios = {}
        self.inbox = []

    def take(self, commands):
        self.inbox += [json.loads(command.text) for command in commands if isinstance(command, SendText)]

    def answer(self, *, fails):
        request = self.inbox.pop(0)
        if fails:
            return Refusal(request["cmd"], "failed to be applied by the DU")
        if request["cmd"] == POLICY:
            policies = request["policies"]
            pair = Ratio(policies["min_prb_policy_ratio"], policies["max_prb_policy_ratio"])
            self.ratios |= {Snssai(m["sst"], m["sd"]): pair for m in policies["rRMPolicyMemberList"]}
        return Reply(request["cmd"])


wishes = st.dictionaries(
    st.sampled_from([A, B, C, *MANY[:20]]), st.sampled_from([LOW, HIGH, PAUSED]), max_size=6
)
happenings = st.one_of(
    st.tuples(st.just("want"), wishes),
    st.tuples(st.sampled_from(["answer", "fail", "lose", "restart"]), st.none()),
    st.tuples(st.just("wait"), st.integers(0, 12 * 10**9)),
    st.tuples(st.just("doubt"), st.sampled_from([A, B])),
)


@given(st.lists(happenings, max_size=40))
def test_whatever_happens_the_gnb_ends_with_what_is_wanted(story):
    session, gnb, now_ns = new_session(), Gnb(), 0
    for what, detail in [*story, ("lose", None)]:
        commands: list[Command] = []
        if what == "want":
            session, commands = want(session, detail, now_ns)
        elif what in {"answer", "fail"} and gnb.inbox and session.connected:
            session, commands = answered(session, gnb.answer(fails=what == "fail"), now_ns)
        elif what == "doubt":
            session, commands = doubt(session, [detail], now_ns)
        elif what == "wait":
            now_ns += detail
            session, commands = pass_time(heard(session, now_ns), now_ns)
        elif what in {"lose", "restart"}:
            gnb.inbox.clear()
            if what == "restart":
                gnb.ratios.clear()
            session, commands = connected(lost(session), now_ns)
        assert len([each for each in commands if isinstance(each, SendText)]) <= 1
        gnb.take(commands)
        if any(isinstance(command, Reconnect) for command in commands):
            gnb.inbox.clear()
            session, commands = connected(session, now_ns)
            gnb.take(commands)
    while gnb.inbox:
        session, commands = answered(session, gnb.answer(fails=False), now_ns)
        gnb.take(commands)
    assert session.is_settled
    assert {snssai: gnb.ratios.get(snssai) for snssai in session.wanted} == dict(session.wanted)
