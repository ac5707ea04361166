"""What a cell says to strangers: the signed offer with what it takes to buy, and a name that hints at it.

    cell offer     OUI, type 5, CBOR: the offer and whose it is; for carriages that take a cell broadcast
    beacon name    `AG1:` and 43 characters of base64; for carriages that take a name of 48 octets

A cell offer is the air offer of nas_tunnel/anqp.py without what does not fit one LTE segment: of the ledger it has only
hints. A device that pinned a ledger recognises it by them; another asks through NAS, where the whole is told. The time
is left to the cell, which broadcasts it (LTE SIB16, NR SIB9).
A name is text because it is one: stacks take it from a configuration file, and telephones show it.
Reference: 3GPP TS 36.331 and TS 38.331, clause 6.3.1 (names in UTF-8, 48 octets).
Promise: every reader returns a value or raises DecodeError, whatever the bytes, in time linear in their number.
"""

from base64 import b64decode, b64encode

from nas_tunnel.anqp import OUI, BeaconOffer, read_beacon_element, write_beacon_element
from nas_tunnel.items import ItemReader
from wire.cbor import write_cbor
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.ids import KEY_ID_SIZE, PublicKey
from wire.offer import MAX_OFFER_BYTES

CELL_OFFER = 5
"""The octet after the OUI; 1 to 4 are those of nas_tunnel/anqp.py."""
LEDGER_ID_START_SIZE = 8
MAX_CELL_OFFER_BYTES = 262
"""With the octet in front that says "no pages", one segment of LTE SIB12 (263)."""

NAME_START = b"AG1:"
"""In text the OUI would cost as much again. The digit is the version of the beacon."""
NAME_SIZE = len(NAME_START) + 43

_PREFIX = OUI + bytes((CELL_OFFER,))
_BEACON_HEAD = write_beacon_element(b"", 0, 0, 0)[:7]


@dataclass(frozen=True, slots=True)
class CellOffer:
    """A signed offer (wire/offer.py), whose key it is, and hints of the ledger: the id of its key and the start of its
    own id.
    """

    offer: bytes
    provider: PublicKey
    ledger_key_id: bytes
    ledger_id_start: bytes

    def is_of(self, ledger: PublicKey, ledger_id: bytes) -> bool:
        """Whether it speaks of this ledger. A hint, which the ledger's own signatures have to confirm."""
        hints = (self.ledger_key_id, self.ledger_id_start)
        return hints == (ledger.key_id, ledger_id[:LEDGER_ID_START_SIZE])


def cell_offer(offer: bytes, provider: PublicKey, ledger: PublicKey, ledger_id: bytes) -> CellOffer:
    return CellOffer(offer, provider, ledger.key_id, ledger_id[:LEDGER_ID_START_SIZE])


def write_cell_offer(cell: CellOffer) -> bytes:
    content = write_cbor([cell.offer, cell.provider.octets, cell.ledger_key_id, cell.ledger_id_start])
    return _PREFIX + content


def read_cell_offer(data: bytes) -> CellOffer:
    """Signatures inside are not checked. Raises DecodeError."""
    if not data.startswith(_PREFIX) or len(data) > MAX_CELL_OFFER_BYTES:
        raise DecodeError(
            f"cell offer: not {_PREFIX.hex()} and what follows, in at most {MAX_CELL_OFFER_BYTES} bytes"
        )
    items = ItemReader(data[len(_PREFIX) :], "cell offer")
    cell = CellOffer(
        offer=items.octets("offer", 1, MAX_OFFER_BYTES),
        provider=items.public_key("provider"),
        ledger_key_id=items.octets("ledger_key_id", KEY_ID_SIZE, KEY_ID_SIZE),
        ledger_id_start=items.octets("ledger_id_start", LEDGER_ID_START_SIZE, LEDGER_ID_START_SIZE),
    )
    items.finish()
    return cell


def write_beacon_name(offer: bytes, price_ubc: int, duration_s: int, floor_down_bps: int) -> bytes:
    """The content of the beacon's element (nas_tunnel/anqp.py), as a name of 47 ASCII characters."""
    element = write_beacon_element(offer, price_ubc, duration_s, floor_down_bps)
    return NAME_START + b64encode(element[len(_BEACON_HEAD) :]).rstrip(b"=")


def read_beacon_name(name: bytes) -> BeaconOffer | None:
    """The hint in a cell's name, or None where the name is anything else. Raises DecodeError."""
    if not name.startswith(NAME_START):
        return None
    content = read_base64(name[len(NAME_START) :], "beacon name")
    return read_beacon_element(_BEACON_HEAD + content)


def read_base64(text: bytes, message: str) -> bytes:
    """Base64 without padding, in its one form (RFC 4648 clauses 3.2 and 3.5). Raises DecodeError."""
    try:
        data = b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise DecodeError(f"{message}: {error}") from None
    if b64encode(data).rstrip(b"=") != text:
        raise DecodeError(f"{message}: base64 with bits left over that are not zero, or padded")
    return data
