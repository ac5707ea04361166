"""How many new accounts a minute lets in: an account costs nothing and stays for ever.

Pure: time comes in. Counts only a `create` that the key of its account signed, and each key once: bytes that open no
account use up nothing, and neither does the same `create` again. Who makes keys and signs with them, as many as are let
in, does shut others out until the next minute; that is the price of the limit.

Stands at the service's door and not in the contract. A rule of the contract has to hold when the log is applied again,
so its limit would be part of the genesis, for ever, and each `create` would change a counter in the state; an operator
wants to turn a knob. What was let in is in the log; what was not was never submitted.
"""

from dataclasses import dataclass, field

from wire.create import Create
from wire.errors import VerificationError
from wire.transaction import SignedTransaction

WINDOW_S = 60


@dataclass(slots=True)
class Turnstile:
    """Lets `per_minute` new keys pass in each minute of the clock."""

    per_minute: int
    _minute: int = -1
    _passed: set[bytes] = field(default_factory=set)

    def lets_pass(self, signed: SignedTransaction, now_s: int) -> bool:
        """No only for one new account too many: what the contract rejects anyway passes, uncounted."""
        action = signed.transaction.action
        if not isinstance(action, Create) or not _is_signed(signed, action):
            return True
        return self._counts(action.account.octets, now_s)

    def _counts(self, key: bytes, now_s: int) -> bool:
        minute = now_s // WINDOW_S
        if minute != self._minute:
            self._minute, self._passed = minute, set()
        if key not in self._passed and len(self._passed) >= self.per_minute:
            return False
        self._passed.add(key)
        return True


def _is_signed(signed: SignedTransaction, action: Create) -> bool:
    """By the key that it brings, which makes it the account's own."""
    try:
        signed.verify(action.account)
    except VerificationError:
        return False
    return True
