"""Asking a clearing house: its auctions, a bid, what became of it, time keys. Over HTTP.

What the house says of a bid it signs, and that is verified here; an auction is its provider's word and verified, too.
Raises ShellError when nobody answers, LookupError with the house's words when it says no.
"""

import base64
import json

from ledger.asking import NO_SUCH_PAGE, ask
from ledger.clearing.bidding import is_named
from wire.auction import Auction, read_auction
from wire.auction_receipt import AuctionReceipt, read_auction_receipt
from wire.errors import ShellError
from wire.ids import PublicKey
from wire.time_key import TimeKey, read_time_key

TIMEOUT_S = 10.0
MAX_PAGE_BYTES = 16 * 1024 * 1024
OK = 200


class HouseClient:
    """The house at a ledger's URL. `house` signs its receipts."""

    def __init__(self, url: str, house: PublicKey, ledger_id: bytes) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is not a clearing house such as http://127.0.0.1:8573")
        self.url, self.house, self.ledger_id = url.rstrip("/"), house, ledger_id

    def create(self, auction: bytes) -> AuctionReceipt:
        """Raises LookupError if the house does not take it."""
        receipt = self._taken(self._ask("auctions", auction))
        self._compare(receipt, read_auction(auction, self.ledger_id).auction_id)
        return receipt

    def bid(self, auction_id: bytes, bid: bytes) -> AuctionReceipt:
        """Raises LookupError if the house does not take it."""
        return self.place_bid(auction_id, bid)[1]

    def place_bid(self, auction_id: bytes, bid: bytes) -> tuple[bytes, AuctionReceipt]:
        """The receipt as it was signed, and read: with the former anybody can show what the house said. Raises
        LookupError if the house does not take it, ShellError if the receipt is for something else.
        """
        signed = self._ask(f"auctions/{auction_id.hex()}/bids", bid)
        receipt = self._taken(signed)
        self._compare(receipt, auction_id)
        if receipt.bid_id is None or not is_named(bid, receipt.bid_id, self.ledger_id):
            raise ShellError(self.url, "gave a receipt for another bid than the one that was sent")
        return signed, receipt

    def bid_status(self, auction_id: bytes, bid_id: PublicKey) -> AuctionReceipt:
        receipt = self._receipt(self._ask(f"auctions/{auction_id.hex()}/bids/{bid_id}"))
        self._compare(receipt, auction_id)
        if receipt.bid_id != bid_id:
            raise ShellError(self.url, f"spoke of another bid than {bid_id}")
        return receipt

    def auction(self, auction_id: bytes) -> Auction:
        """As its provider signed it. Raises VerificationError if it is another."""
        page = self.page(f"auctions/{auction_id.hex()}")
        auction = read_auction(base64.b64decode(str(page["auction"])), self.ledger_id)
        if auction.auction_id != auction_id:
            raise ShellError(self.url, f"showed auction {auction.auction_id.hex()} for {auction_id.hex()}")
        return auction

    def time_key(self, time_s: int) -> tuple[bytes, TimeKey]:
        """Signed, and read."""
        encoded = self._ask(f"time-keys/{time_s}")
        return encoded, read_time_key(encoded)

    def page(self, path: str) -> dict[str, object]:
        """A page of the house as JSON."""
        try:
            page = json.loads(self._ask(path))
        except ValueError as error:
            raise ShellError(self.url, f"{path} is no page: {error}") from error
        if not isinstance(page, dict):
            raise ShellError(self.url, f"{path} is no page")
        return page

    def _compare(self, receipt: AuctionReceipt, auction_id: bytes) -> None:
        """Raises ShellError for the word on another auction."""
        if receipt.auction_id != auction_id:
            raise ShellError(
                self.url, f"spoke of auction {receipt.auction_id.hex()}, not of {auction_id.hex()}"
            )

    def _taken(self, encoded: bytes) -> AuctionReceipt:
        receipt = self._receipt(encoded)
        if receipt.number == 0:
            raise LookupError(f"{receipt.reason}: {receipt.detail}")
        return receipt

    def _receipt(self, encoded: bytes) -> AuctionReceipt:
        return read_auction_receipt(encoded, self.house, self.ledger_id)

    def _ask(self, path: str, content: bytes | None = None) -> bytes:
        url = f"{self.url}/v1/{path}"
        answer = ask(url, content, {"Content-Type": "application/cbor"}, MAX_PAGE_BYTES, TIMEOUT_S)
        if answer.status != OK:
            raise self._refusal(answer.content, answer.status)
        return answer.content

    def _refusal(self, body: bytes, status: int) -> LookupError | ShellError:
        try:
            page = json.loads(body)
            error, text = page["error"], f"{page['error']}: {page['detail']}"
        except (ValueError, KeyError, TypeError):
            return ShellError(self.url, f"answers {status}")
        if error == NO_SUCH_PAGE:
            return ShellError(self.url, "this ledger runs no clearing house: [clearing] in its ledger.toml")
        return LookupError(text)
