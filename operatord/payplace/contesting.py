"""A consumer that shifts away what it has spent is shown its own micropayment.

Whoever holds one does it, operator or merchant: an action on the chain, told once. Looks at nothing by itself.
Reference: thesis 6.7.
"""

from collections.abc import Callable, Iterable, Mapping

from ledger.payplace.entries import Channel
from operatord.payplace.chain import Chain, is_overdrawn
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.micropayment import parse_micropayment, signature_of
from wire.payplace_shift import ChallengeShift


class Contester:
    """For one operator's channels. `who` begins what is told."""

    def __init__(self, chain: Chain, who: str, tell: Callable[[str], None]) -> None:
        self._chain = chain
        self._who = who
        self._tell = tell
        self._said: dict[PublicKey, str] = {}
        """What was told of each consumer."""

    def contest_all(self, channels: Mapping[int, Channel], micropayments: Mapping[int, bytes]) -> bool:
        """Whether anything was contested, so that the chain is to be asked again. Raises ShellError."""
        contested = False
        for number, channel in channels.items():
            octets = micropayments.get(number)
            if channel.shift is not None and octets is not None:
                contested |= self.contest(channel, octets)
        return contested

    def contest(self, channel: Channel, octets: bytes) -> bool:
        """The same of one channel."""
        try:
            payment = parse_micropayment(octets)
        except DecodeError:
            return False  # what a stranger calls one, which others refuse
        if payment.consumer.octets != channel.consumer or not is_overdrawn(channel, payment.cumulative_ubc):
            return False
        operator = PublicKey(self._chain.operator().key)
        challenge = ChallengeShift(operator, payment.consumer, payment.cumulative_ubc, signature_of(octets))
        said = self._chain.submit(challenge) or "contested"
        if self._said.get(payment.consumer) != said:
            self._said[payment.consumer] = said
            self._tell(f"{self._who}: {payment.consumer} shifts what it has spent: {said}")
        return True

    def forget(self, others: Iterable[PublicKey]) -> None:
        """What was told of anybody but these."""
        wanted = set(others)
        self._said = {one: said for one, said in self._said.items() if one in wanted}
