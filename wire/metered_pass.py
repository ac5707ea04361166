"""The metered pass: an operator's signed word that whoever holds this key may be served as long as it pays as it goes.

What a grant is to who bought, a pass is to who has money in a channel with the operator: it has a grant's fields and
form, so that whatever opens a session by a grant opens one by a pass. The operator signs it, not the ledger, and the
ledger has sold nothing: no price is known of it, and nothing is paid back for it. A box takes one only from the
operator that lets its stations in, and serves by it until it is told to end (a Disconnect), or the pass is over. It
names no band. Its grant id is the channel's permit (operatord/channels.py), the same at every box; it begins with a
mark, so that whoever reads a meter's report knows without asking that the ledger sold nothing there. Largest legal size
that of a grant.
"""

from wire.band import Band
from wire.cose import Unsigned, read_envelope
from wire.errors import DecodeError
from wire.grant import MAX_GRANT_BYTES, Grant, draft_grant, parse_grant
from wire.ids import PublicKey
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/metered-pass/"
NO_BAND = Band(1, 2, 1)
"""1 to 2 kHz, where no access network is: a pass is for whatever band the box has."""

PASS_MARK = b"pass"

__all__ = [
    "EXTERNAL",
    "MAX_GRANT_BYTES",
    "NO_BAND",
    "PASS_MARK",
    "has_pass_mark",
    "is_metered_pass",
    "read_metered_pass",
    "write_metered_pass",
]


def write_metered_pass(grant: Grant, operator: PrivateKey, ledger_id: bytes) -> bytes:
    """`grant`: whom, for which rates, from when to when; its provider is the operator."""
    assert grant.provider_id == operator.public.provider_id, "an operator vouches for its own channels"
    payload = draft_grant(grant, operator.public, ledger_id).payload
    unsigned = Unsigned(payload, operator.public.key_id, EXTERNAL + ledger_id)
    return unsigned.join(operator.sign(unsigned.message)).encoded


def read_metered_pass(data: bytes, operator: PublicKey, ledger_id: bytes) -> Grant:
    """A pass that this operator signed. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_GRANT_BYTES)
    envelope.verify(operator, EXTERNAL + ledger_id)
    grant = parse_grant(envelope)
    if grant.provider_id != operator.provider_id:
        raise DecodeError("metered pass: of another operator's channel")
    if not is_metered_pass(grant):
        raise DecodeError(f"metered pass: names a band, {grant.band}")
    return grant


def has_pass_mark(grant_id: bytes) -> bool:
    """Whether an id is of the form that operators give their passes. A ledger's grant has it once in 2^32."""
    return grant_id.startswith(PASS_MARK)


def is_metered_pass(grant: Grant) -> bool:
    """Whether what was verified before, and kept, is a pass. No ledger's grant has that band."""
    return grant.band == NO_BAND
