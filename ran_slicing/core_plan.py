"""From what is sold to what the core is asked: the difference between the two, as steps, and what each answer changes.

In: the flows that are wanted, the stays that the core's lists show, and answers to steps. Out: steps to do now, when to
look again, and how each flow stands. A step is done once; its answer, or that there is none, comes back by `absorb`.
Nothing is kept outside of the state that is handed in and out, so the same story gives the same steps.
A request without an answer may have made a session whose name nobody knows. It is not made again: the core's list of
flows tells whether it is there. A PCF that restarts forgets its sessions, and the UEs too: what it had is said again,
and made anew as soon as it knows the UE. A consent says nothing of the radio: only the list of flows confirms it.
Units: nanoseconds of a monotonic clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import NamedTuple, TypeAlias

from ran_slicing.bson import Value
from ran_slicing.core_info import Listed, Stay
from ran_slicing.http_message import Request, Response
from ran_slicing.n5 import (
    MAX_GUARANTEED_FLOWS,
    AppSession,
    Refusal,
    Refused,
    read_consent,
    read_creation,
    read_update,
    write_creation,
    write_deletion,
    write_update,
)
from ran_slicing.subscriber import NoRule, Priority, RuleInPlace, SubscriberChange, WantedRule, plan_rule

_SECOND_NS = 1_000_000_000
RETRY_NS = tuple(seconds * _SECOND_NS for seconds in (1, 2, 5, 10, 30))
"""After the first failure, the second, and so on: a restart of one function of a core takes some seconds."""
SETTLE_NS = 3 * _SECOND_NS
"""From consent until the flow is in the core's list: PCF to SMF to gNB and back takes some hundred milliseconds."""
RULE_RETRY_NS = 60 * _SECOND_NS
"""Until the subscriber's document is read again in which there is no place for the rule: a person has to change it."""
MAX_WAIT_S = 300
"""The longest that a PCF may tell us to wait."""


# ---- What is wanted, what is done


class Unanswered(NamedTuple):
    """A request that has no response, and whether the PCF may have acted on it."""

    may_have_been_done: bool
    detail: str


class RuleKey(NamedTuple):
    """Where in whose document a rule has to be."""

    supi: str
    sst: int
    sd: int | None
    dnn: str
    qos_index: int


class ReadSubscriber(NamedTuple):
    """Find the document; the answer is `Document | None`, or Unanswered."""

    key: RuleKey
    wanted: WantedRule


class ChangeSubscriber(NamedTuple):
    """Make the change; the answer is whether the document was still as it was read, or Unanswered."""

    key: RuleKey
    change: SubscriberChange


class CreateSession(NamedTuple):
    """The answer to this and to the next two is a Response, or Unanswered."""

    grant_id: bytes
    session: AppSession


class UpdateSession(NamedTuple):
    """All rates, whether or not they changed."""

    grant_id: bytes
    session_id: str
    session: AppSession


class DeleteSession(NamedTuple):
    """The flow ends at once."""

    grant_id: bytes
    session_id: str


StoreStep: TypeAlias = ReadSubscriber | ChangeSubscriber
SessionStep: TypeAlias = CreateSession | UpdateSession | DeleteSession
Step: TypeAlias = StoreStep | SessionStep
Answer: TypeAlias = Response | Unanswered | Mapping[str, Value] | bool | None


# ---- What is known


class Standing(Enum):
    """What the PCF has of a flow, as far as is known."""

    ABSENT = "not asked for"
    DOUBTFUL = "asked for, and nobody knows whether it was made"
    NAMELESS = "made, and nobody knows its name: it ends with the UE's session"
    MADE = "granted"
    STALE = "granted, before the PCF was lost or the flow was gone"


class Flow(NamedTuple):
    """One grant's flow: how it stands since when, what was last asked, and when something may be tried again."""

    standing: Standing = Standing.ABSENT
    since_ns: int = 0
    asked: AppSession | None = None
    session_id: str = ""
    failures: int = 0
    not_before_ns: int = 0
    detail: str = ""
    refusal: Refusal | None = None


class Rule(NamedTuple):
    """One rule: whether it is in its document, the change that would put it there, and why not."""

    in_place: bool = False
    change: SubscriberChange | None = None
    not_before_ns: int = 0
    failures: int = 0
    detail: str = ""


class Patience(NamedTuple):
    """How often one world did not answer, one after the other, and until when nobody asks it anything."""

    failures: int = 0
    not_before_ns: int = 0


class CoreState(NamedTuple):
    """Everything that is known of the core; `resume` at the beginning. `taken_ns` is when the lists were."""

    flows: Mapping[bytes, Flow] = {}
    rules: Mapping[RuleKey, Rule] = {}
    pcf: Patience = Patience()
    store: Patience = Patience()
    stays: tuple[Stay, ...] = ()
    taken_ns: int = -1
    missed: frozenset[bytes] = frozenset()
    """Grants whose stay the last lists did not show."""


class Service(Enum):
    """How a wanted flow stands, for whoever has to know what is delivered."""

    CONFIRMED = "the core has the flow"
    GRANTED = "the PCF consented, and the core's list does not show it yet"
    NOT_SERVED = "there is no flow"


class Served(NamedTuple):
    """How a flow stands, and why not better."""

    service: Service
    detail: str = ""


def resume(names: Mapping[bytes, str]) -> CoreState:
    """What is known at the beginning: the sessions that a daemon before this one had, by grant. They are said again, or
    ended if nobody wants them any more; those without a name are in doubt.
    """
    return CoreState({
        grant_id: Flow(Standing.STALE if name else Standing.DOUBTFUL, session_id=name)
        for grant_id, name in names.items()
    })  # fmt: skip


def session_names(state: CoreState) -> dict[bytes, str]:
    """What has to outlive the daemon, for `resume`: without its name a session cannot be changed or ended. The name is
    empty where nobody knows it.
    """
    return {
        grant_id: flow.session_id
        for grant_id, flow in state.flows.items()
        if flow.standing is not Standing.ABSENT
    }


# ---- Lists


def take_stays(
    state: CoreState,
    wanted: Mapping[bytes, AppSession],
    stays: Iterable[Stay],
    now_ns: int,
    *,
    complete: bool,
) -> CoreState:
    """The lists were taken. A stay that two complete lists in a row do not show has ended, and its flow with it; a flow
    that is not there any more is asked for again.
    """
    resumed = {
        grant_id: flow._replace(asked=wanted[grant_id])
        for grant_id, flow in state.flows.items()
        if flow.asked is None and flow.standing is Standing.DOUBTFUL and grant_id in wanted
    }
    state = state._replace(stays=tuple(stays), taken_ns=now_ns, flows={**state.flows, **resumed})
    if not complete:
        return state
    gone = frozenset(
        grant_id for grant_id, flow in state.flows.items() if flow.asked and _stay(state, flow.asked) is None
    )
    flows = {
        grant_id: _compare(state, flow, gone=grant_id in gone & state.missed)
        for grant_id, flow in state.flows.items()
    }
    kept = {
        grant_id: flow
        for grant_id, flow in flows.items()
        if grant_id in wanted or (flow.standing is not Standing.ABSENT and (flow.asked or flow.session_id))
    }
    return state._replace(flows=kept, missed=gone)


def _compare(state: CoreState, flow: Flow, *, gone: bool) -> Flow:
    if flow.asked is None or flow.standing is Standing.ABSENT:
        return flow
    if gone:
        return Flow(detail="the UE's session has ended")
    if state.taken_ns < flow.since_ns + SETTLE_NS or (stay := _stay(state, flow.asked)) is None:
        return flow
    shown = stay.flows_of(flow.asked.quality.qos_index) >= _expected(state, flow.asked)
    match flow.standing:
        case Standing.DOUBTFUL if shown:
            return flow._replace(standing=Standing.NAMELESS, detail=Standing.NAMELESS.value)
        case Standing.DOUBTFUL:
            return flow._replace(standing=Standing.ABSENT, detail="it was not made")
        case Standing.NAMELESS if not shown:
            return Flow(detail="the flow has ended")
        case Standing.MADE if not shown:
            stale = flow._replace(standing=Standing.STALE)
            return _later(stale, state.taken_ns, "granted, and the session has no such flow")
        case Standing.MADE:
            return flow._replace(failures=0, detail="")
    return flow


def _expected(state: CoreState, session: AppSession) -> int:
    """Flows that the list has to show for all of this 5QI on one PDU session to be there."""
    return sum(
        1
        for flow in state.flows.values()
        if flow.standing is not Standing.ABSENT
        and flow.asked is not None
        and (flow.asked.supi, flow.asked.ue, flow.asked.quality.qos_index)
        == (session.supi, session.ue, session.quality.qos_index)
    )


def _stay(state: CoreState, session: AppSession) -> Stay | None:
    return next(
        (stay for stay in state.stays if stay.supi == session.supi and stay.has_address(session.ue)),
        None,
    )


# ---- Steps


def plan_core(
    state: CoreState, wanted: Mapping[bytes, AppSession], priority: Priority, now_ns: int
) -> tuple[Step, ...]:
    """What is to be done now, in this order: documents, then sessions that are over, which make room for others. The
    answer to each is absorbed before the next plan is made; after one that is Unanswered the rest is planned anew.
    """
    ended = [_end(grant_id, flow) for grant_id, flow in _due(state, now_ns) if grant_id not in wanted]
    session_steps: list[SessionStep] = [step for step in ended if step is not None]
    rules: dict[RuleKey, StoreStep] = {}
    for grant_id in sorted(
        wanted, key=lambda grant_id: (state.flows.get(grant_id, Flow()).failures, grant_id)
    ):
        session, flow = wanted[grant_id], state.flows.get(grant_id, Flow())
        if flow.not_before_ns > now_ns or _no_room(state, wanted, grant_id) or not _is_there(state, session):
            continue
        key = rule_key(session)
        rule = state.rules.get(key, Rule())
        if not rule.in_place:
            if rule.not_before_ns <= now_ns:
                rules[key] = _rule_step(key, rule, session, priority)
        elif (step := _session_step(grant_id, flow, session)) is not None:
            session_steps.append(step)
    return (
        *(rules.values() if state.store.not_before_ns <= now_ns else ()),
        *(session_steps if state.pcf.not_before_ns <= now_ns else ()),
    )


def write_step(step: SessionStep, notification_uri: str) -> Request:
    """The request of a step."""
    match step:
        case CreateSession():
            return write_creation(step.session, notification_uri)
        case UpdateSession():
            return write_update(step.session_id, step.session)
        case DeleteSession():
            return write_deletion(step.session_id)


def next_try_ns(state: CoreState, wanted: Mapping[bytes, AppSession], now_ns: int) -> int | None:
    """When something that failed may be tried again; None if nothing waits."""
    waiting = [
        flow.not_before_ns for grant_id, flow in state.flows.items() if grant_id in wanted or flow.session_id
    ]
    keys = {rule_key(session) for session in wanted.values()}
    waiting += [rule.not_before_ns for key, rule in state.rules.items() if key in keys]
    waiting += [state.pcf.not_before_ns, state.store.not_before_ns]
    return min((time_ns for time_ns in waiting if time_ns > now_ns), default=None)


def rule_key(session: AppSession) -> RuleKey:
    snssai = session.snssai
    return RuleKey(session.supi, snssai.sst, snssai.sd, session.dnn, session.quality.qos_index)


def _due(state: CoreState, now_ns: int) -> list[tuple[bytes, Flow]]:
    return [
        item
        for item in sorted(state.flows.items(), key=lambda item: item[0])
        if item[1].not_before_ns <= now_ns
    ]


def _end(grant_id: bytes, flow: Flow) -> SessionStep | None:
    """Only what has a name can be ended; the rest ends with the UE's session."""
    return DeleteSession(grant_id, flow.session_id) if flow.session_id else None


def _rule_step(key: RuleKey, rule: Rule, session: AppSession, priority: Priority) -> StoreStep:
    if rule.change is not None:
        return ChangeSubscriber(key, rule.change)
    wanted = WantedRule(session.supi, session.snssai, session.dnn, session.quality.qos_index, priority)
    return ReadSubscriber(key, wanted)


def _session_step(grant_id: bytes, flow: Flow, session: AppSession) -> SessionStep | None:
    if flow.standing is Standing.ABSENT:
        return CreateSession(grant_id, session)
    if flow.standing in {Standing.DOUBTFUL, Standing.NAMELESS}:
        return None
    is_another = flow.asked is not None and replace(flow.asked, rates=session.rates) != session
    if is_another or flow.refusal is Refusal.UNCHANGED:
        return DeleteSession(grant_id, flow.session_id)
    if flow.standing is Standing.STALE or flow.asked != session:
        return UpdateSession(grant_id, flow.session_id, session)
    return None


def _is_there(state: CoreState, session: AppSession) -> bool:
    """Whether the UE has its session; true while no lists were taken."""
    return state.taken_ns < 0 or _stay(state, session) is not None


def _no_room(state: CoreState, wanted: Mapping[bytes, AppSession], grant_id: bytes) -> bool:
    """Whether the UE's session has as many flows as it may already; the PCF would grant one more that is never made."""
    flows = {other: flow for other, flow in state.flows.items() if flow.standing is not Standing.ABSENT}
    if grant_id in flows:
        return False
    session = wanted[grant_id]
    before = {other: known for other, known in wanted.items() if other < grant_id}
    before |= {other: flow.asked for other, flow in flows.items() if flow.asked is not None}
    return (
        sum(1 for known in before.values() if (known.supi, known.ue) == (session.supi, session.ue))
        >= MAX_GUARANTEED_FLOWS
    )


# ---- Answers


def absorb(state: CoreState, step: Step, answer: Answer, now_ns: int) -> CoreState:
    """What the answer to a step changes. A world that does not answer is left alone for a while, and what it did not
    answer comes last then: it may be the reason.
    """
    if isinstance(step, ReadSubscriber | ChangeSubscriber):
        rule = _absorb_rule(state.rules.get(step.key, Rule()), step, answer, now_ns)
        store = _try_again(state.store, now_ns) if isinstance(answer, Unanswered) else Patience()
        return state._replace(rules={**state.rules, step.key: rule}, store=store)
    assert isinstance(answer, Response | Unanswered), f"{answer!r} answers no request"
    if isinstance(answer, Unanswered):
        state = _lose(state, answer)._replace(pcf=_try_again(state.pcf, now_ns))
        flow = _absorb_silence(state.flows.get(step.grant_id, Flow()), step, answer, now_ns)
    else:
        flow = _absorb_response(state.flows.get(step.grant_id, Flow()), step, answer, now_ns)
        is_busy = flow.refusal is Refusal.BUSY
        state = state._replace(
            pcf=Patience(state.pcf.failures + 1, flow.not_before_ns) if is_busy else Patience()
        )
        if flow.refusal is Refusal.NO_RULE:
            state = _forget_rule(state, step)
    return state._replace(flows={**state.flows, step.grant_id: flow})


def _try_again(patience: Patience, now_ns: int) -> Patience:
    failures = patience.failures + 1
    return Patience(failures, now_ns + _wait_ns(failures))


def _absorb_rule(rule: Rule, step: StoreStep, answer: Answer, now_ns: int) -> Rule:
    match step, answer:
        case _, Unanswered():
            failures = rule.failures + 1
            wait_ns = _wait_ns(failures)
            return rule._replace(failures=failures, not_before_ns=now_ns + wait_ns, detail=answer.detail)
        case ChangeSubscriber(), bool():
            return Rule(in_place=True) if answer else Rule(detail="somebody else changed the document")
        case ReadSubscriber(), None:
            return Rule(not_before_ns=now_ns + RULE_RETRY_NS, detail=f"no subscriber {step.key.supi}")
        case ReadSubscriber(), Mapping():
            planned = plan_rule(answer, step.wanted)
            match planned:
                case RuleInPlace():
                    return Rule(in_place=True)
                case SubscriberChange():
                    return Rule(change=planned)
                case NoRule():
                    return Rule(not_before_ns=now_ns + RULE_RETRY_NS, detail=planned.reason)
    raise AssertionError(f"{answer!r} does not answer {step!r}")


def _lose(state: CoreState, answer: Unanswered) -> CoreState:
    """A PCF that does not answer may have restarted: what it has is said again."""
    flows = {
        grant_id: flow._replace(standing=Standing.STALE) if flow.standing is Standing.MADE else flow
        for grant_id, flow in state.flows.items()
    }
    return state._replace(flows=flows) if answer.may_have_been_done else state


def _absorb_silence(flow: Flow, step: SessionStep, answer: Unanswered, now_ns: int) -> Flow:
    flow = _later(flow, now_ns, answer.detail)
    if isinstance(step, CreateSession):
        standing = Standing.DOUBTFUL if answer.may_have_been_done else Standing.ABSENT
        return flow._replace(standing=standing, since_ns=now_ns, asked=step.session)
    if isinstance(step, UpdateSession) and answer.may_have_been_done:
        return flow._replace(standing=Standing.STALE)
    return flow


def _absorb_response(flow: Flow, step: SessionStep, response: Response, now_ns: int) -> Flow:
    match step:
        case CreateSession():
            outcome = read_creation(response)
            if isinstance(outcome, str):
                return Flow(Standing.MADE, now_ns, step.session, outcome)
            if outcome.refusal is Refusal.UNREADABLE and response.status == 201:
                doubtful = flow._replace(standing=Standing.DOUBTFUL, since_ns=now_ns, asked=step.session)
                return _later(doubtful, now_ns, outcome.detail)
            return _later(flow, now_ns, _words(outcome), outcome)._replace(asked=step.session)
        case UpdateSession():
            refused = read_update(response, step.session)
            if refused is None:
                return Flow(Standing.MADE, now_ns, step.session, step.session_id, flow.failures)
            if refused.refusal is Refusal.UNKNOWN:
                return Flow(detail="the PCF has forgotten it")
            if refused.refusal is Refusal.UNCHANGED:  # it has to be made anew
                return flow._replace(standing=Standing.STALE, refusal=refused.refusal, detail=_words(refused))
            return _later(flow, now_ns, _words(refused), refused)._replace(standing=Standing.STALE)
        case DeleteSession():
            refused = read_consent(response)
            if refused is None or refused.refusal is Refusal.UNKNOWN:
                return Flow()
            return _later(flow, now_ns, _words(refused), refused)


def _forget_rule(state: CoreState, step: SessionStep) -> CoreState:
    """The PCF does not see the rule that was in the document: it is looked for again."""
    if isinstance(step, DeleteSession):
        return state
    key = rule_key(step.session)
    return state._replace(rules={known: rule for known, rule in state.rules.items() if known != key})


def _later(flow: Flow, now_ns: int, detail: str, refused: Refused | None = None) -> Flow:
    failures = flow.failures + 1
    wait_ns = _wait_ns(failures)
    if refused is not None and refused.retry_after_s is not None:
        wait_ns = max(wait_ns, min(refused.retry_after_s, MAX_WAIT_S) * _SECOND_NS)
    refusal = None if refused is None else refused.refusal
    return flow._replace(failures=failures, not_before_ns=now_ns + wait_ns, detail=detail, refusal=refusal)


def _wait_ns(failures: int) -> int:
    return RETRY_NS[min(failures, len(RETRY_NS)) - 1]


def _words(refused: Refused) -> str:
    return f"{refused.refusal.value} ({refused.status}{refused.detail and f': {refused.detail}'})"


# ---- How it stands


class CoreReport(NamedTuple):
    """Who is there, how each wanted flow stands, the names of sessions that have to outlive the daemon (`resume`), why
    the lists cannot be had, if they cannot, and who is connected, if the AMF says so.
    """

    stays: tuple[Stay, ...]
    served: Mapping[bytes, Served]
    names: Mapping[bytes, str]
    lists_failed: str = ""
    listed: Listed | None = None


def served(state: CoreState, wanted: Mapping[bytes, AppSession]) -> dict[bytes, Served]:
    """How each wanted flow stands."""
    return {grant_id: _served(state, wanted, grant_id) for grant_id in wanted}


def _served(state: CoreState, wanted: Mapping[bytes, AppSession], grant_id: bytes) -> Served:
    session = wanted[grant_id]
    flow = state.flows.get(grant_id, Flow())
    if not _is_there(state, session):
        return Served(Service.NOT_SERVED, f"{session.supi} has no session with the address {session.ue}")
    if flow.standing in {Standing.MADE, Standing.NAMELESS}:
        stay = _stay(state, session)
        if stay is not None and stay.flows_of(session.quality.qos_index) >= _expected(state, session):
            return Served(Service.CONFIRMED, flow.detail)
        return Served(Service.GRANTED, flow.detail)
    rule = state.rules.get(rule_key(session), Rule())
    if _no_room(state, wanted, grant_id):
        return Served(
            Service.NOT_SERVED, f"the UE's session has {MAX_GUARANTEED_FLOWS} guaranteed flows already"
        )
    return Served(Service.NOT_SERVED, rule.detail or flow.detail)
