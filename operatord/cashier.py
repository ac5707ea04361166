"""Takes payments: from a datagram of a stranger to orders and a signed word. Pure, but for what it remembers.

In: the octets of a datagram and the time. Out: what is to be kept, and the answer, to be sent when that is on disk.
What costs nothing is looked at first: a form that is not ours, another operator's instance, a consumer without a
channel are counted and not answered. Then the device's statement has to be signed, and the micropayment if it is more
than what is known. The same octets again, by which a device asks whether we are there, are not verified again.
Reference: Datanet 5.5.3, steps 8 and 9.
"""

from dataclasses import dataclass, field

from operatord.channel import Channels
from operatord.channels import take_payment
from operatord.commands import Command
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.meter_statement import parse_meter_statement, read_meter_statement
from wire.micropayment import parse_micropayment, verify_micropayment
from wire.payment import AttestedStatement, Payment, PaymentTaken, read_datagram, write_datagram, write_word

MAX_EVIDENCE = 4_096
"""Channels whose latest evidence is remembered."""


@dataclass(frozen=True, slots=True)
class Answered:
    """`kind` is counted; `datagram` is empty where nobody is answered."""

    kind: str
    commands: list[Command] = field(default_factory=list)
    datagram: bytes = b""


class Cashier:
    """Of one operator."""

    def __init__(self, book: Channels, operator: PrivateKey) -> None:
        self._book = book
        self._operator = operator
        self._verified: dict[PublicKey, bytes] = {}
        """The latest payment of each consumer that was verified."""
        self.evidence: dict[bytes, tuple[bytes, bytes]] = {}
        """By session: the latest statement that somebody attested, and the evidence, not yet looked at."""

    def take(self, data: bytes, now_ms: int) -> Answered:
        """Never raises: a stranger sent it."""
        try:
            match read_datagram(data):
                case Payment() as payment:
                    return self._take_payment(data, payment, now_ms)
                case AttestedStatement(statement, evidence):
                    return self._take_evidence(statement, evidence)
                case _:
                    return Answered("payment: not for an operator")
        except DecodeError as error:
            return Answered(f"payment: {type(error).__name__}")

    def _take_payment(self, data: bytes, payment: Payment, now_ms: int) -> Answered:
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
        taken, commands = take_payment(
            self._book, paid, payment.micropayment, said, payment.statement, now_ms
        )
        answer = PaymentTaken(write_word(taken.word, self._operator), taken.shown)
        return Answered(f"payment: {taken.word.word.name.lower()}", commands, write_datagram(answer))

    def _take_evidence(self, statement: bytes, evidence: bytes) -> Answered:
        """Only of a session that runs, for a statement that was paid by: whoever verifies it looks for it here."""
        said = parse_meter_statement(statement)
        known = any(session.statement == statement for session in self._book.sessions.values())
        if not known or len(self.evidence) >= MAX_EVIDENCE:
            return Answered("evidence: of no session")
        self.evidence[said.session] = statement, evidence
        return Answered("evidence")
