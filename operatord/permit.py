"""What entitles an account to join: a grant today, and whatever else is paid for in advance one day.

`Permit` is the seam. The rules (operatord/authorising.py) know nothing but these properties, so that a funded
channel becomes a second kind of permit by having them; what is written to disk and sent to a box is in `encoded`, and
only the shell that made a permit can read it back.
"""

from dataclasses import dataclass
from typing import Protocol

from wire.grant import Grant
from wire.ids import PublicKey
from wire.qos import Qos


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
