"""Takes payments: from a datagram of a stranger to orders and a signed word. Pure, but for what it remembers.

In: the octets of a datagram and the time. Out: what is to be kept, and the answer, to be sent when that is on disk.
What costs nothing is looked at first: a form that is not ours, another operator's instance, a consumer without a
channel are counted and not answered, and so is what is more than its sender's share (operatord/budgets.py). Then the
device's statement has to be signed, and the micropayment if it is more
than what is known. The same octets again, by which a device asks whether we are there, are not verified again.
Evidence is looked at for statements that were paid by, of whoever is enrolled (operatord/attested.py); what does not
hold changes nothing, as anybody who overhears a statement can send some.
Reference: Datanet 5.5.3, steps 8 and 9; 5.5.4.
"""

from dataclasses import dataclass, field, replace

from operatord.attested import MISSING_ALLOWED, Attestation, Attested, Policy, judge
from operatord.budgets import Address, Budgets, Sender, Shares
from operatord.channel import Channels
from operatord.channels import Taken, crowd, crowd_all, take_payment, throw_out
from operatord.commands import Command
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.meter_statement import MeterStatement, parse_meter_statement, read_meter_statement
from wire.micropayment import parse_micropayment, verify_micropayment
from wire.payment import (
    AttestedStatement,
    Payment,
    PaymentTaken,
    Word,
    read_datagram,
    write_datagram,
    write_word,
)

NOT_ASKED = Attestation()
DEFAULT_SHARES = Shares()


@dataclass(frozen=True, slots=True)
class Answered:
    """`kind` is counted; `datagram` is empty where nobody is answered."""

    kind: str
    commands: list[Command] = field(default_factory=list)
    datagram: bytes = b""


class Cashier:
    """Of one operator."""

    def __init__(
        self,
        book: Channels,
        operator: PrivateKey,
        attestation: Attestation = NOT_ASKED,
        shares: Shares = DEFAULT_SHARES,
        salt: bytes = b"",
    ) -> None:
        """`salt`: 64 octets at most that nobody else knows, for the lots of operatord/budgets.py."""
        self._book = book
        self._budgets = Budgets(shares, salt)
        self._attestation = attestation
        self._operator = operator
        self._verified: dict[PublicKey, bytes] = {}
        """The latest payment of each consumer that was verified."""
        self._paying: dict[bytes, PublicKey] = {}
        """By what a device calls its session: whose latest payment it is of."""
        self._first: dict[PublicKey, tuple[bytes, int]] = {}
        """The session that each consumer pays for, and the first interval of it that was paid here."""
        self.attested: dict[PublicKey, Attested] = {}
        """Of each consumer the latest that held."""

    def admit(self, data: bytes, address: Address, now_ms: int) -> str:
        """Empty if `take` is to look at it, else what is counted. Takes microseconds and verifies nothing: it has our
        form, is of one of our channels, and within the share of whoever sends it. What is dropped may have paid a
        session: the book hears of it.
        """
        if self._budgets.is_full(address, now_ms):
            if self._budgets.is_crowded(now_ms):
                crowd_all(self._book, now_ms)
            return "payment: too often"
        sender = self._sender(data)
        if sender is None:
            return "payment: not for us"
        if self._budgets.admit(sender, address, now_ms):
            return ""
        crowd(self._book, sender.consumer)
        return "payment: too often"

    def _sender(self, data: bytes) -> Sender | None:
        """By its own word."""
        try:
            match read_datagram(data):
                case Payment(micropayment=money):
                    paid = parse_micropayment(money)
                    if paid.instance == self._book.instance and paid.consumer in self._book.channels:
                        return Sender(paid.consumer, paid.consumer in self._book.sessions)
                case AttestedStatement(statement=statement):
                    consumer = self._paying.get(parse_meter_statement(statement).session)
                    if consumer is not None:
                        return Sender(consumer, consumer in self._book.sessions)
                case _:
                    pass
        except DecodeError:
            pass
        return None

    def take(self, data: bytes, now_ms: int, address: Address | None = None) -> Answered:
        """Never raises: a stranger sent it. `address`: from where, if it came from anywhere."""
        try:
            match read_datagram(data):
                case Payment() as payment:
                    return self._take_payment(data, payment, now_ms, address)
                case AttestedStatement(statement, evidence):
                    return self._take_evidence(statement, evidence)
                case _:
                    return Answered("payment: not for an operator")
        except DecodeError as error:
            return Answered(f"payment: {type(error).__name__}")

    def _take_payment(self, data: bytes, payment: Payment, now_ms: int, address: Address | None) -> Answered:
        paid, said = parse_micropayment(payment.micropayment), parse_meter_statement(payment.statement)
        channel = self._book.channels.get(paid.consumer)
        if paid.instance != self._book.instance:
            return Answered("payment: of another instance")
        if channel is None:
            return Answered("payment: no channel")
        if self._verified.get(paid.consumer) != data:
            read_meter_statement(payment.statement, paid.consumer)
            if paid.cumulative_ubc > channel.paid_ubc:
                verify_micropayment(payment.micropayment, paid)
            self._verified[paid.consumer] = data
        reached = self._reached(paid.consumer)
        unattested = self._unattested(paid.consumer, said)
        commands = throw_out(self._book, paid.consumer, unattested, now_ms) if unattested else []
        taken, more = take_payment(self._book, paid, payment.micropayment, said, payment.statement, now_ms)
        if unattested:
            taken = replace(taken, word=replace(taken.word, word=Word.ENDED))
        self._follow(paid.consumer, said, taken)
        if address is not None and self._reached(paid.consumer) > reached:
            self._budgets.settle(paid.consumer, address)
        answer = PaymentTaken(write_word(taken.word, self._operator), taken.shown)
        kind = f"payment: {taken.word.word.name.lower()}"
        return Answered(kind, [*commands, *more], write_datagram(answer))

    def _reached(self, consumer: PublicKey) -> int:
        """The interval up to which the consumer's session is paid."""
        session = self._book.sessions.get(consumer)
        return -1 if session is None else session.paid_interval

    def _follow(self, consumer: PublicKey, said: MeterStatement, taken: Taken) -> None:
        """Remembers for which session a consumer pays, to find who attests a statement of it."""
        known = self._first.get(consumer)
        if taken.word.word is not Word.SERVED or (known is not None and known[0] == said.session):
            return
        if known is not None:
            self._paying.pop(known[0], None)
        self._first[consumer] = said.session, said.interval
        self._paying[said.session] = consumer

    def _unattested(self, consumer: PublicKey, said: MeterStatement) -> str:
        """Why this session does not go on; empty if it does."""
        session, first = self._first.get(consumer, (b"", 0))
        running = self._book.sessions.get(consumer)
        if self._attestation.policy is not Policy.REQUIRE or running is None:
            return ""
        if session != said.session or running.session != session:
            return ""
        held = self.attested.get(consumer)
        latest = held.interval if held is not None and held.session == session else first - 1
        missing = said.interval - 1 - max(latest, first - 1)
        if missing <= MISSING_ALLOWED:
            return ""
        return f"nobody attested the last {missing} statements before interval {said.interval}"

    def _take_evidence(self, statement: bytes, evidence: bytes) -> Answered:
        """Only of a session that runs, for the statement that was paid by last."""
        if self._attestation.policy is Policy.NONE:
            return Answered("evidence: not asked for")
        said = parse_meter_statement(statement)
        consumer = self._paying.get(said.session)
        running = self._book.sessions.get(consumer) if consumer is not None else None
        if consumer is None or running is None or running.statement != statement:
            return Answered("evidence: of no session")
        held = self.attested.get(consumer)
        if held is not None and (held.session, held.interval) == (said.session, said.interval):
            return Answered("evidence: again")
        try:
            vouched = judge(self._attestation, consumer, statement, evidence)
        except DecodeError:
            return Answered("evidence: does not hold")
        self.attested[consumer] = Attested(said.session, said.interval, vouched)
        return Answered(f"evidence: {vouched.value}")
