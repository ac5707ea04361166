"""What an operator and a merchant ask of the chain on which payments settle, whatever chain that is.

Reading gives the entries that the contract has (ledger/payplace/entries.py); `submit` gives the reason if the contract
says no. A shell answers over a ledger's pages (`ledger_chain`); `embedded_chain` is the contract itself, in this
process, for tests and laboratories.   Units: seconds of UTC at the chain, micro-bandcoin (ubc).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from ledger.payplace.entries import Channel, PayMerchant, PayOperator, Status
from ledger.payplace.merchant_check import ChannelTerms, ContractView
from ledger.payplace.windows import phase_at
from wire.ids import PublicKey
from wire.payplace_actions import PayplaceAction


class Chain(Protocol):
    """One contract and one operator on it, as one account sees them. Every method raises ShellError if it is away."""

    @property
    def instance(self) -> bytes: ...

    @property
    def account(self) -> PublicKey:
        """In whose name `submit` acts."""
        ...

    def time_s(self) -> int: ...

    def operator(self) -> PayOperator:
        """Raises LookupError if there is none."""
        ...

    def merchants(self) -> Mapping[bytes, PayMerchant]:
        """By merchant id, all that were ever registered. Their keys may be left out (empty)."""
        ...

    def merchant(self, merchant_id: bytes) -> PayMerchant | None:
        """With its key."""
        ...

    def channel(self, number: int) -> Channel | None: ...

    def channels(self, numbers: Iterable[int]) -> Mapping[int, Channel]:
        """Those of them that there are, as of one moment or a few: what many are asked for by."""
        ...

    def number_of(self, consumer: PublicKey) -> int | None:
        """The channel of this consumer."""
        ...

    def history(self) -> Iterator[PayplaceAction]:
        """Executed withdrawals, exits and marks of the missing at this operator, in their order."""
        ...

    def submit(self, action: PayplaceAction) -> str:
        """Returns once it is decided: empty, or the reason why not."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """All that matters of the chain at one moment."""

    time_s: int
    operator: PayOperator
    merchants: Mapping[bytes, PayMerchant]

    @property
    def registered(self) -> list[bytes]:
        """Ascending; who has exited is not among them."""
        return sorted(one for one, merchant in self.merchants.items() if merchant.status != Status.EXITED)

    @property
    def withdrew(self) -> frozenset[bytes]:
        """W: since the last notarisation."""
        height = self.operator.height
        return frozenset(
            one for one, merchant in self.merchants.items() if height and merchant.withdrew == height
        )

    @property
    def missing(self) -> dict[bytes, PayMerchant]:
        """M."""
        return {
            one: merchant for one, merchant in self.merchants.items() if merchant.status == Status.MISSING
        }

    def view(self, instance: bytes, kept: Mapping[bytes, bytes]) -> ContractView:
        """For a merchant's check. `kept`: of each member of M its leaf, which has to be the one of its hash."""
        phase = phase_at(self.operator, self.time_s)
        exited = frozenset(
            one for one, merchant in self.merchants.items() if merchant.status == Status.EXITED
        )
        until_s = phase.began_s + self.operator.window_s if phase.window else 0
        return ContractView(
            instance, self.operator.root, phase.window, phase.began_s, until_s, self.operator.channels,
            self.withdrew, exited, kept, frozenset(self.merchants),
        )  # fmt: skip


def standing_of(chain: Chain) -> Standing:
    """Raises ShellError, LookupError."""
    return Standing(chain.time_s(), chain.operator(), chain.merchants())


def is_overdrawn(channel: Channel, cumulative_ubc: int) -> bool:
    """Whether a shift is under way of funds that, by this micropayment, are spent (6.7)."""
    return channel.shift is not None and cumulative_ubc > channel.deposited_ubc - channel.shift.amount_ubc


def terms_of(channel: Channel) -> ChannelTerms:
    """What may be spent of a deposit does not count what is on its way to another operator."""
    shifting_ubc = channel.shift.amount_ubc if channel.shift else 0
    return ChannelTerms(
        PublicKey(channel.consumer), channel.deposited_ubc - shifting_ubc, channel.withdrawn_ubc
    )
