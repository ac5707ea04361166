"""What entitles an account to join: a grant, or money in a channel with the operator.

`Permit` is the seam. The rules (operatord/authorising.py) know nothing but these properties; what is written to disk
and sent to a box is in `encoded`. A channel has them by a metered pass (wire/metered_pass.py), which is a grant that
the operator signs: for a while, and renewed. Whether there is money in it, operatord/channels.py says.
"""

from dataclasses import dataclass
from typing import Protocol

from wire.grant import Grant
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.metered_pass import NO_BAND, write_metered_pass
from wire.qos import Qos

PASS_S = 30 * 86_400
RENEW_S = 7 * 86_400
"""A pass that ends within a week is made anew."""
PASS_SLACK_S = 300
"""It is good from a little before now on: a box's clock may be behind."""


class Permit(Protocol):
    """`permit_id` has 16 octets and names one permit for ever; it travels as RADIUS attribute Class."""

    @property
    def permit_id(self) -> bytes: ...

    @property
    def account(self) -> PublicKey:
        """Whose key joins with it."""

    @property
    def provider_id(self) -> bytes:
        """Whose access points it was sold for."""

    @property
    def starts_s(self) -> int: ...

    @property
    def ends_s(self) -> int:
        """UTC; it is good before this second."""

    @property
    def qos(self) -> Qos:
        """Rates and data cap of the whole."""

    @property
    def encoded(self) -> bytes:
        """What the box is shown."""


@dataclass(frozen=True, slots=True)
class GrantPermit:
    """A grant that was verified with the ledger's key, and its bytes."""

    grant: Grant
    encoded: bytes

    @property
    def permit_id(self) -> bytes:
        return self.grant.grant_id

    @property
    def account(self) -> PublicKey:
        return self.grant.consumer

    @property
    def provider_id(self) -> bytes:
        return self.grant.provider_id

    @property
    def starts_s(self) -> int:
        return self.grant.starts_s

    @property
    def ends_s(self) -> int:
        return self.grant.ends_s

    @property
    def qos(self) -> Qos:
        return self.grant.total_qos


def channel_permit(
    permit_id: bytes, consumer: PublicKey, qos: Qos, operator: PrivateKey, ledger_id: bytes, now_s: int
) -> GrantPermit:
    """For whoever has a channel with this operator, at every box where it may be paid by."""
    grant = Grant(
        consumer=consumer,
        provider_id=operator.public.provider_id,
        grant_id=permit_id,
        epoch=1,
        starts_s=now_s - PASS_SLACK_S,
        duration_s=PASS_SLACK_S + PASS_S,
        band=NO_BAND,
        qos=qos,
    )
    return GrantPermit(grant, write_metered_pass(grant, operator, ledger_id))
