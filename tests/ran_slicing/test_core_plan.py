"""What the core is asked, as stories: a PCF with its rules, a store, lists, and everything that fails between them.

The world here is the simulator without sockets; a test says what happens, and looks at what the core then has.
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from lab.ran.core_lists import Listed, pdu_items
from lab.ran.pcf_simulator import PcfSimulator, PduSession
from ran_slicing.core_info import read_stays
from ran_slicing.core_plan import (
    MAX_WAIT_S,
    RETRY_NS,
    RULE_RETRY_NS,
    SETTLE_NS,
    Answer,
    ChangeSubscriber,
    CoreState,
    CreateSession,
    ReadSubscriber,
    Service,
    Standing,
    Step,
    Unanswered,
    absorb,
    next_try_ns,
    plan_core,
    resume,
    served,
    session_names,
    take_stays,
    write_step,
)
from ran_slicing.http_message import Response
from ran_slicing.n5 import AUDIO, AppSession, Rates, write_creation, write_update
from ran_slicing.snssai import Snssai
from ran_slicing.subscriber import Priority

SECOND_NS = 1_000_000_000
NOTIFY = "http://127.0.0.1:18574/n5"
SUPI = "imsi-001010000000001"
UE = PduSession(SUPI, 1, "000001", "internet", "10.45.0.2")
SESSION = AppSession(
    IPv4Address("10.45.0.2"),
    SUPI,
    Snssai(1, 1),
    "internet",
    Rates(5_000_000, 1_000_000, 20_000_000, 5_000_000),
)
A, B = b"a", b"b"


def faster(session: AppSession = SESSION) -> AppSession:
    return replace(session, rates=Rates(6_000_000, 1_000_000, 20_000_000, 5_000_000))


@dataclass
class World:
    """A core, and the daemon's state; time passes only when somebody says so."""

    document: Any = field(
        default_factory=lambda: {
            "imsi": SUPI[5:],
            "slice": [{"sst": 1, "sd": "000001", "session": [{"name": "internet"}]}],
        }
    )
    wanted: dict[bytes, AppSession] = field(default_factory=lambda: {A: SESSION})
    state: CoreState = field(default_factory=CoreState)
    now_ns: int = 0
    faults: deque[Any] = field(default_factory=deque)
    """What happens to the next requests: (done, answer) each."""
    races: int = 0
    """How often somebody else changes the document first."""
    done: list[str] = field(default_factory=list)
    """The names of the steps, in their order."""

    def __post_init__(self) -> None:
        self.pcf = PcfSimulator(lambda imsi: self.document if imsi == SUPI[5:] else None)
        self.pcf.sessions.append(UE)

    def settle(self) -> list[str]:
        """Do what is to be done until nothing is; the names of the steps."""
        self.done.clear()
        for _ in range(20):
            steps = plan_core(self.state, self.wanted, Priority(), self.now_ns)
            if not steps:
                return [*self.done]
            for step in steps:
                self.done.append(type(step).__name__)
                answer = self._do(step)
                self.state = absorb(self.state, step, answer, self.now_ns)
                if isinstance(answer, Unanswered):
                    break
        raise AssertionError(f"no end of it: {self.done}")

    def look(self, *, complete: bool = True, after_ns: int = SETTLE_NS) -> None:
        """Time passes, and the lists are taken."""
        self.now_ns += after_ns
        listed = [Listed(session, self.pcf.flows(session), 7) for session in self.pcf.sessions]
        stays = read_stays(pdu_items(listed))
        self.state = take_stays(self.state, self.wanted, stays, self.now_ns, complete=complete)

    def rates(self) -> list[int]:
        """What the gNB guarantees downlink, of the first UE."""
        return [flow.gbr_down_bps for flow in self.pcf.flows(UE)[1:]]

    def service(self, grant_id: bytes = A) -> tuple[Service, str]:
        one = served(self.state, self.wanted)[grant_id]
        return one.service, one.detail

    def _do(self, step: Step) -> Answer:
        if isinstance(step, ReadSubscriber):
            return self._failed() or copy.deepcopy(self.document)
        if isinstance(step, ChangeSubscriber):
            return self._failed() or self._change(step)
        done, answer = self.faults.popleft() if self.faults else (True, None)
        response = self.pcf.answer(write_step(step, NOTIFY)) if done else None
        return answer or response or Unanswered(may_have_been_done=True, detail="it hung up")

    def _failed(self) -> Unanswered | None:
        done, answer = self.faults.popleft() if self.faults else (True, None)
        assert done or isinstance(answer, Unanswered)
        return answer

    def _change(self, step: ChangeSubscriber) -> bool:
        if self.races:
            self.races -= 1
            return False
        ((path, rules),) = step.change.update["$set"].items()  # type: ignore[union-attr]
        assert path == "slice.0.session.0.pcc_rule"
        self.document["slice"][0]["session"][0]["pcc_rule"] = rules
        return True


def silence(*, done: bool, maybe: bool = True) -> tuple[bool, Unanswered]:
    return done, Unanswered(maybe, "no answer in time: 5 s")


def test_a_sale_is_a_rule_and_a_session() -> None:
    world = World()
    assert world.settle() == ["ReadSubscriber", "ChangeSubscriber", "CreateSession"]
    assert world.rates() == [5_000_000]
    assert world.service() == (Service.GRANTED, "")
    world.look()
    assert world.service() == (Service.CONFIRMED, "")
    assert world.settle() == []
    assert next_try_ns(world.state, world.wanted, world.now_ns) is None


def test_another_sale_finds_the_rule() -> None:
    world = World()
    world.settle()
    world.wanted[B] = SESSION
    assert world.settle() == ["CreateSession"]
    world.look()
    assert {world.service(grant)[0] for grant in (A, B)} == {Service.CONFIRMED}


def test_a_change_of_rates() -> None:
    world = World()
    world.settle()
    world.wanted[A] = faster()
    assert world.settle() == ["UpdateSession"]
    assert world.rates() == [6_000_000]


def test_another_address_is_another_session() -> None:
    world = World()
    world.settle()
    moved = replace(UE, ipv4="10.45.0.9", psi=2)
    world.pcf.sessions.append(moved)
    world.wanted[A] = replace(SESSION, ue=IPv4Address("10.45.0.9"))
    assert world.settle() == ["DeleteSession", "CreateSession"]
    assert world.rates() == []
    assert len(world.pcf.flows(moved)) == 2


def test_the_end_of_a_sale() -> None:
    world = World()
    world.settle()
    del world.wanted[A]
    assert world.settle() == ["DeleteSession"]
    assert world.rates() == []
    world.look()
    assert world.state.flows == {}


def test_an_end_that_fails_is_tried_again() -> None:
    world = World()
    world.settle()
    del world.wanted[A]
    world.faults.append(silence(done=False))
    assert world.settle() == ["DeleteSession"]
    assert next_try_ns(world.state, world.wanted, world.now_ns) == world.now_ns + RETRY_NS[0]
    world.now_ns += RETRY_NS[0]
    assert world.settle() == ["DeleteSession"]
    assert world.rates() == []


def test_an_end_that_was_done_without_a_word() -> None:
    world = World()
    world.settle()
    del world.wanted[A]
    world.faults.append(silence(done=True))
    world.settle()
    world.now_ns += RETRY_NS[0]
    assert world.settle() == ["DeleteSession"]  # 404 now, which is as good
    world.look()
    assert world.state.flows == {}


# ---- The store


def test_somebody_else_changes_the_document() -> None:
    world = World(races=2)
    assert world.settle() == [*["ReadSubscriber", "ChangeSubscriber"] * 3, "CreateSession"]


def test_a_store_that_fails_is_asked_again_later() -> None:
    world = World()
    world.faults += [silence(done=True), silence(done=True)]
    assert world.settle() == ["ReadSubscriber"]
    assert world.service() == (Service.NOT_SERVED, "no answer in time: 5 s")
    assert next_try_ns(world.state, world.wanted, 0) == RETRY_NS[0]
    world.now_ns = RETRY_NS[0]
    assert world.settle() == ["ReadSubscriber"]
    world.now_ns += RETRY_NS[1]
    assert world.settle() == ["ReadSubscriber", "ChangeSubscriber", "CreateSession"]


@pytest.mark.parametrize(
    ("document", "why"),
    [({"imsi": "1", "slice": []}, "no session internet in slice 1-000001"), (None, f"no subscriber {SUPI}")],
)
def test_a_document_that_has_no_place_for_the_rule(document: Any, why: str) -> None:
    world = World(document=document)
    assert world.settle() == ["ReadSubscriber"]
    service, detail = world.service()
    assert service is Service.NOT_SERVED
    assert why in detail
    assert next_try_ns(world.state, world.wanted, 0) == RULE_RETRY_NS


def test_a_rule_that_somebody_took_away_is_put_back() -> None:
    world = World()
    world.settle()
    world.document["slice"][0]["session"][0]["pcc_rule"] = []
    world.wanted[B] = SESSION
    assert world.settle() == ["CreateSession", "ReadSubscriber", "ChangeSubscriber"]
    assert "the subscriber has no rule of this 5QI (403" in world.service(B)[1]
    world.now_ns += RETRY_NS[0]
    assert world.settle() == ["CreateSession"]
    assert len(world.rates()) == 2


# ---- The PCF


def test_a_ue_that_the_pcf_does_not_know_yet() -> None:
    world = World()
    world.pcf.sessions.clear()
    assert world.settle()[-1] == "CreateSession"
    assert world.service()[1].startswith("the PCF knows no such session (404")
    world.pcf.sessions.append(UE)
    world.now_ns += RETRY_NS[0]
    assert world.settle() == ["CreateSession"]
    assert world.rates() == [5_000_000]


def test_waits_grow_and_stay() -> None:
    world = World()
    world.pcf.sessions.clear()
    waits = []
    for _ in range(7):
        world.settle()
        until_ns = next_try_ns(world.state, world.wanted, world.now_ns)
        assert until_ns is not None
        waits.append(until_ns - world.now_ns)
        world.now_ns = until_ns
    assert waits == [*RETRY_NS, RETRY_NS[-1], RETRY_NS[-1]]


@pytest.mark.parametrize(("retry_after", "wait_s"), [("2", 2), ("99999", MAX_WAIT_S), ("0", 1)])
def test_a_pcf_that_is_busy_says_when_to_ask_again(retry_after: str, wait_s: int) -> None:
    world = World()
    world.settle()
    world.wanted[A] = faster()
    world.faults.append((False, Response(503, (("retry-after", retry_after),))))
    assert world.settle() == ["UpdateSession"]
    assert next_try_ns(world.state, world.wanted, world.now_ns) == wait_s * SECOND_NS
    world.now_ns += wait_s * SECOND_NS
    assert world.settle() == ["UpdateSession"]
    assert world.rates() == [6_000_000]


def test_a_restart_is_noticed_by_the_list() -> None:
    world = World()
    world.settle()
    world.look()
    world.pcf.restart()
    world.pcf.sessions.append(UE)
    world.look()
    assert world.service() == (Service.NOT_SERVED, "granted, and the session has no such flow")
    world.now_ns += RETRY_NS[0]
    assert world.settle() == ["UpdateSession", "CreateSession"]
    assert world.rates() == [5_000_000]
    world.look()
    assert world.service() == (Service.CONFIRMED, "")


def test_a_restart_is_noticed_by_a_request_and_all_is_said_again() -> None:
    world = World(wanted={A: SESSION, B: SESSION})
    world.settle()
    world.pcf.restart()
    world.pcf.sessions.append(UE)
    world.wanted[A] = faster()
    world.faults.append(silence(done=False))
    assert world.settle() == ["UpdateSession"]  # A's, without an answer
    world.now_ns += RETRY_NS[0]
    assert world.settle() == ["UpdateSession", "UpdateSession", "CreateSession", "CreateSession"]
    assert sorted(world.rates()) == [5_000_000, 6_000_000]


def test_what_was_surely_not_done_makes_nobody_doubt() -> None:
    world = World()
    world.settle()
    world.wanted[B] = SESSION
    world.faults.append(silence(done=False, maybe=False))
    assert world.settle() == ["CreateSession"]
    assert world.state.flows[A].standing is Standing.MADE
    world.now_ns += RETRY_NS[0]
    assert world.settle() == ["CreateSession"]


def test_a_creation_without_an_answer_is_not_made_twice() -> None:
    world = World()
    world.faults += [(True, None), (True, None), silence(done=True)]
    assert world.settle()[-1] == "CreateSession"
    world.now_ns += RETRY_NS[-1]
    assert world.settle() == []
    world.look()
    assert world.service() == (Service.CONFIRMED, Standing.NAMELESS.value)
    world.now_ns += RETRY_NS[-1]
    assert world.settle() == []
    assert world.rates() == [5_000_000]
    del world.wanted[A]  # it cannot be ended, and ends with the UE's session
    assert world.settle() == []
    world.pcf.restart()
    world.look()
    world.look()
    assert world.state.flows == {}


def test_a_creation_that_was_not_done_is_made_once_the_list_says_so() -> None:
    world = World()
    world.faults += [(True, None), (True, None), silence(done=False)]
    world.settle()
    world.look(after_ns=SETTLE_NS - 1)
    assert world.settle() == []  # too early to tell
    world.look()
    assert world.settle() == ["CreateSession"]
    assert world.rates() == [5_000_000]


def test_a_session_whose_name_cannot_be_read_is_in_doubt_too() -> None:
    world = World()
    world.faults += [(True, None), (True, None), (True, Response(201, (("location", "/here"),)))]
    world.settle()
    world.look()
    assert world.service() == (Service.CONFIRMED, Standing.NAMELESS.value)


def test_a_nameless_flow_that_ends_is_made_anew() -> None:
    world = World()
    world.faults += [(True, None), (True, None), silence(done=True)]
    world.settle()
    world.look()
    world.pcf.restart()
    world.pcf.sessions.append(UE)
    world.look()
    assert world.settle() == ["CreateSession"]


def test_whose_flows_are_shown_nobody_can_tell() -> None:
    world = World()
    world.settle()
    for _ in range(3):  # somebody else's, on the same session
        assert world.pcf.answer(write_creation(SESSION, NOTIFY)) is not None
    world.wanted[B] = SESSION
    assert world.settle() == ["CreateSession"]
    world.look()
    assert world.service(B)[0] is Service.CONFIRMED  # though it is the fifth, and was never made


def test_a_flow_that_is_granted_and_never_made() -> None:
    world = World(wanted={B: SESSION})
    other = replace(SESSION, quality=AUDIO)
    world.document["slice"][0]["session"][0]["pcc_rule"] = [{"qos": {"index": 1}}]
    for _ in range(3):
        assert world.pcf.answer(write_creation(other, NOTIFY)) is not None
    world.settle()
    assert world.service(B)[0] is Service.GRANTED
    waits = []
    for _ in range(4):
        world.look()
        assert world.service(B) == (Service.NOT_SERVED, "granted, and the session has no such flow")
        until_ns = next_try_ns(world.state, world.wanted, world.now_ns)
        assert until_ns is not None
        waits.append(until_ns - world.now_ns)
        world.now_ns = until_ns
        assert world.settle() == ["UpdateSession"]
    assert waits == [*RETRY_NS[:4]]


def test_a_pcf_that_stops_at_our_request_is_not_asked_at_once_again() -> None:
    world = World()
    world.document["slice"][0]["session"][0]["pcc_rule"] = [{"qos": {"index": number}} for number in range(9)]
    assert world.settle() == ["ReadSubscriber", "CreateSession"]  # 5QI 2 is among nine rules, which stop it
    assert world.pcf.stops == 1
    assert world.settle() == []


def test_a_request_that_stops_the_pcf_comes_after_the_others() -> None:
    world = World()
    world.settle()
    world.wanted = {A: faster(), B: SESSION}
    world.faults.append(silence(done=False))
    assert world.settle() == ["UpdateSession"]  # A's, which stops it
    world.now_ns += RETRY_NS[0]
    world.faults += [(True, None), silence(done=False)]
    assert world.settle() == ["CreateSession", "UpdateSession"]  # B's, and A's again
    assert len(world.rates()) == 2


def test_nobody_is_asked_while_the_pcf_does_not_answer() -> None:
    world = World(wanted={bytes([number]): SESSION for number in range(3)})
    world.faults += [(True, None), (True, None), silence(done=False, maybe=False)]
    assert world.settle() == ["ReadSubscriber", "ChangeSubscriber", "CreateSession"]
    assert world.settle() == []
    assert next_try_ns(world.state, world.wanted, world.now_ns) == RETRY_NS[0]
    world.now_ns = RETRY_NS[0]
    assert world.settle() == ["CreateSession"] * 3


def test_nobody_is_asked_while_the_pcf_is_busy() -> None:
    world = World(wanted={A: SESSION, B: SESSION})
    world.settle()
    world.wanted = {A: faster(), B: faster()}
    world.faults.append((False, Response(503, (("retry-after", "9"),))))
    world.faults.append((False, Response(503, (("retry-after", "7"),))))
    assert world.settle() == ["UpdateSession", "UpdateSession"]
    world.now_ns += 6 * SECOND_NS
    assert world.settle() == []
    world.now_ns += 3 * SECOND_NS
    assert world.settle() == ["UpdateSession", "UpdateSession"]


def test_a_pcf_that_consents_to_an_update_and_does_not_do_it_makes_the_session_anew() -> None:
    world = World()
    world.settle()
    world.wanted[A] = faster()
    world.faults.append((False, Response(200, (), write_update("1", SESSION).body)))
    assert world.settle() == ["UpdateSession", "DeleteSession", "CreateSession"]
    assert world.rates() == [6_000_000]


# ---- The daemon restarts


def test_what_a_daemon_before_had_is_said_again_and_not_made_twice() -> None:
    world = World(wanted={A: SESSION, B: SESSION})
    world.settle()
    assert session_names(world.state) == {A: "1", B: "2"}
    world.state = resume(session_names(world.state))
    del world.wanted[B]
    assert world.settle() == ["ReadSubscriber", "DeleteSession", "UpdateSession"]
    assert world.rates() == [5_000_000]
    world.look()
    assert world.service() == (Service.CONFIRMED, "")
    assert session_names(world.state) == {A: "1"}


@pytest.mark.parametrize("done", [True, False])
def test_a_doubt_outlives_the_daemon(done: bool) -> None:
    world = World()
    world.faults += [(True, None), (True, None), silence(done=done)]
    world.settle()
    assert session_names(world.state) == {A: ""}
    world.state = resume(session_names(world.state))
    assert world.settle() == ["ReadSubscriber"]
    world.look()
    assert world.settle() == ([] if done else ["CreateSession"])
    assert world.rates() == [5_000_000]
    assert session_names(world.state) == {A: "" if done else "1"}


def test_a_doubt_that_nobody_cares_for_any_more() -> None:
    world = World(wanted={}, state=resume({A: ""}))
    assert world.settle() == []
    world.look()
    world.look()
    assert world.state.flows == {}


def test_a_name_that_the_pcf_does_not_know_any_more() -> None:
    world = World(state=resume({A: "77"}))
    assert world.settle() == ["ReadSubscriber", "ChangeSubscriber", "UpdateSession", "CreateSession"]
    assert world.rates() == [5_000_000]


# ---- Lists


def test_no_session_no_request() -> None:
    world = World()
    world.pcf.sessions.clear()
    world.look()
    assert world.settle() == []
    assert world.service() == (Service.NOT_SERVED, f"{SUPI} has no session with the address 10.45.0.2")


def test_a_stay_that_two_lists_do_not_show_has_ended() -> None:
    world = World()
    world.settle()
    world.look()
    world.pcf.sessions.clear()
    world.look()
    assert world.state.flows[A].standing is Standing.MADE
    world.look()
    assert world.state.flows[A].standing is Standing.ABSENT
    world.pcf.sessions.append(UE)
    world.look()
    assert world.settle() == ["CreateSession"]


def test_an_incomplete_list_ends_nothing() -> None:
    world = World()
    world.settle()
    world.pcf.sessions.clear()
    for _ in range(4):
        world.look(complete=False)
    assert world.state.flows[A].standing is Standing.MADE


def test_a_fourth_guaranteed_flow_is_not_asked_for() -> None:
    grants = {bytes([number]): SESSION for number in range(5)}
    world = World(wanted=grants)
    assert world.settle().count("CreateSession") == 3
    world.look()
    assert [world.service(grant)[0] for grant in grants] == [
        *[Service.CONFIRMED] * 3,
        *[Service.NOT_SERVED] * 2,
    ]
    assert world.service(bytes([4]))[1] == "the UE's session has 3 guaranteed flows already"
    del world.wanted[bytes([0])]
    assert world.settle() == ["DeleteSession", "CreateSession"]


def test_an_answer_of_another_kind_is_our_own_mistake() -> None:
    world = World()
    (step,) = plan_core(world.state, world.wanted, Priority(), 0)
    with pytest.raises(AssertionError, match="does not answer"):
        absorb(world.state, step, True, 0)
    with pytest.raises(AssertionError, match="answers no request"):
        absorb(world.state, CreateSession(A, SESSION), True, 0)
