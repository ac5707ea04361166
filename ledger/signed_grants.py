"""Grants under the ledger's signature, each signed once for as long as it is asked for again.

A signature costs more than everything else of an answer, and anybody may ask over HTTP. In: a grant. Out: its bytes.
Bounded, and whoever was asked for longest ago is forgotten first; threads may share it.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from wire.grant import Grant, write_grant
from wire.keys import PrivateKey

MOST = 20_000
"""Some 10 MB. All live grants of most ledgers; of a larger one those that are asked for."""


@dataclass(frozen=True, slots=True)
class SignedGrants:
    """What was signed lately, by grant id: a ledger makes an id once."""

    key: PrivateKey
    ledger_id: bytes
    most: int = MOST
    _signed: OrderedDict[bytes, bytes] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sign(self, grant: Grant) -> bytes:
        with self._lock:
            known = self._signed.get(grant.grant_id)
            if known is not None:
                self._signed.move_to_end(grant.grant_id)
                return known
        signed = write_grant(grant, self.key, self.ledger_id)
        with self._lock:
            self._signed[grant.grant_id] = signed
            while len(self._signed) > self.most:
                self._signed.popitem(last=False)
        return signed
