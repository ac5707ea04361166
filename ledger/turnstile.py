"""How many new accounts a minute lets in: an account costs nothing and stays for ever.

Pure: time comes in. Stands at the service's door and not in the contract. A rule of the contract has to hold when the
log is applied again, so its limit would be part of the genesis, for ever, and each `create` would change a counter in
the state; an operator wants to turn a knob. What was let in is in the log; what was not was never submitted.
"""

from dataclasses import dataclass

WINDOW_S = 60


@dataclass(slots=True)
class Turnstile:
    """Lets `per_minute` pass in each minute of the clock."""

    per_minute: int
    _minute: int = -1
    _passed: int = 0

    def lets_pass(self, now_s: int) -> bool:
        minute = now_s // WINDOW_S
        if minute != self._minute:
            self._minute, self._passed = minute, 0
        if self._passed >= self.per_minute:
            return False
        self._passed += 1
        return True
