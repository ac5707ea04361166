"""The subscriber document of Open5GS: the one rule in it without which the core refuses a guaranteed rate.

The PCF grants an application session only with a 5QI that a rule of the subscriber's session has already. In: the
document as the store has it, and the rule that a sale needs. Out: nothing to do, one change, or why not. A change
replaces one array and takes effect only if that array is as it was read; the rest of the document is not touched, and
what is not understood is kept. A rule that we add has no flows: the core installs rules with flows at the start of
every session, and so everybody would get for nothing what only buyers should. It carries our mark; rules without the
mark are the operator's, and never changed.
Reference: Open5GS lib/dbi/session.c (which kinds of number it reads, which session it finds, how many rules it bears)
and webui/server/models/subscriber.js.   Units: bit/s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ran_slicing.bson import Document, Int64, Value
from ran_slicing.snssai import NO_SD, Snssai, parse_sd

COLLECTION = "subscribers"
MAX_RULES = 8
"""Rules of one session: the PCF of Open5GS stops with a failed assertion when it reads a ninth."""
MARK = "airgrant"
"""The field of a rule that says that it is ours; Open5GS passes over it. Its web interface drops it when somebody saves
the subscriber there: then the rule is the operator's.
"""
_DISABLED, _ENABLED = 1, 2


@dataclass(frozen=True, slots=True)
class Priority:
    """Allocation and retention priority (TS 23.501 clause 5.7.2.2): 1 is kept longest, 15 shortest."""

    level: int = 8
    may_preempt: bool = False
    may_be_preempted: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.level <= 15:
            raise ValueError(f"level: {self.level} is outside 1..15")


class WantedRule(NamedTuple):
    """A rule of this 5QI in the session of this slice and data network."""

    supi: str
    snssai: Snssai
    dnn: str
    qos_index: int
    priority: Priority = Priority()


class RuleInPlace(NamedTuple):
    """Nothing is to be done; `ours` if it carries our mark."""

    ours: bool


class SubscriberChange(NamedTuple):
    """An update that does nothing unless the document is still as it was read."""

    supi: str
    query: Document
    update: Document


class NoRule(NamedTuple):
    """The rule cannot be there, and why."""

    reason: str


class _Session(NamedTuple):
    """Where in the document the session is that Open5GS would find, and its name and rules as they are."""

    slice_at: int
    session_at: int
    sst: int
    name: str
    rules: Value

    @property
    def path(self) -> str:
        return f"slice.{self.slice_at}.session.{self.session_at}"


def subscriber_query(supi: str) -> Document:
    """What finds the document of a subscriber, `imsi-001010000000001`. Raises ValueError."""
    kind, _, digits = supi.partition("-")
    if kind != "imsi" or not (digits.isascii() and digits.isdigit() and 5 <= len(digits) <= 15):
        raise ValueError(f"{supi!r} is not imsi- and 5 to 15 digits")
    return {"imsi": digits}


def plan_rule(document: Mapping[str, Value], wanted: WantedRule) -> RuleInPlace | SubscriberChange | NoRule:
    """How the wanted rule comes to be in the document."""
    session = _find_session(document, wanted.snssai, wanted.dnn)
    if isinstance(session, NoRule):
        return session
    rules = _rules(session)
    if isinstance(rules, NoRule):
        return rules
    found = [rule for rule in rules if _qos_index(rule) == wanted.qos_index]
    if found:
        return RuleInPlace(_is_ours(found[0]))
    if len(rules) >= MAX_RULES:
        return NoRule(f"session {session.name} has {len(rules)} rules already, of at most {MAX_RULES}")
    return _replace(wanted.supi, session, [*rules, _new_rule(wanted)])


# ---- Which session


def _find_session(document: Mapping[str, Value], snssai: Snssai, dnn: str) -> _Session | NoRule:
    """The session that Open5GS finds: the first of a slice of that name whose name begins the data network's."""
    slices = document.get("slice")
    unread = ""
    for slice_at, slice_ in enumerate(slices if isinstance(slices, Sequence) else ()):
        sst, sd, sessions = _slice_fields(slice_)
        if isinstance(sst, float | Int64):
            unread = f"; slice {slice_at} has an sst that is not a 32-bit integer, which the core passes over"
        if not _is_int32(sst) or sst != snssai.sst or (None not in (sd, snssai.sd) and sd != snssai.sd):
            continue
        for session_at, session in enumerate(sessions):
            name = session.get("name") if isinstance(session, Mapping) else None
            if isinstance(session, Mapping) and isinstance(name, str) and _names(name, dnn):
                return _Session(slice_at, session_at, snssai.sst, name, session.get("pcc_rule"))
    return NoRule(f"no session {dnn} in slice {snssai} in the subscriber's document{unread}")


def _slice_fields(slice_: Value) -> tuple[Value, int | None, Sequence[Value]]:
    if not isinstance(slice_, Mapping):
        return None, None, ()
    sd, sessions = slice_.get("sd"), slice_.get("session")
    try:
        number = parse_sd(sd) if isinstance(sd, str) else NO_SD
    except ValueError:
        number = NO_SD  # as Open5GS takes what it cannot read
    known = None if number == NO_SD else number
    return slice_.get("sst"), known, sessions if isinstance(sessions, Sequence) else ()


def _names(name: str, dnn: str) -> bool:
    return dnn.lower().startswith(name.lower())


# ---- Its rules


def _rules(session: _Session) -> Sequence[Value] | NoRule:
    if session.rules is None:
        return ()
    if isinstance(session.rules, Sequence) and not isinstance(session.rules, str):
        return session.rules
    return NoRule(f"{session.path}.pcc_rule is not an array")


def _qos_index(rule: Value) -> int | None:
    """The 5QI that Open5GS reads in a rule: nothing, if it does not stand in 32 bits."""
    qos = rule.get("qos") if isinstance(rule, Mapping) else None
    index = qos.get("index") if isinstance(qos, Mapping) else None
    return index if isinstance(index, int) and _is_int32(index) else None


def _is_int32(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool | Int64)


def _is_ours(rule: Value) -> bool:
    return isinstance(rule, Mapping) and rule.get(MARK) == 1


def _new_rule(wanted: WantedRule) -> Document:
    priority = wanted.priority
    arp: Document = {
        "priority_level": priority.level,
        "pre_emption_capability": _ENABLED if priority.may_preempt else _DISABLED,
        "pre_emption_vulnerability": _ENABLED if priority.may_be_preempted else _DISABLED,
    }
    return {"flow": [], "qos": {"index": wanted.qos_index, "arp": arp}, MARK: 1}


def _replace(supi: str, session: _Session, rules: Sequence[Value]) -> SubscriberChange:
    at = f"{session.path}.pcc_rule"
    unchanged: Value = {"$exists": False} if session.rules is None else session.rules
    query = {
        **subscriber_query(supi),
        f"slice.{session.slice_at}.sst": session.sst,
        f"{session.path}.name": session.name,
        at: unchanged,
    }
    return SubscriberChange(supi, query, {"$set": {at: list(rules)}})
