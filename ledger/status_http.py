"""The status page at `/`, and `/metrics`, out of the same state and log as the other pages."""

from collections.abc import Callable, Sequence

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response

from ledger.abci.network_page import NetworkPage, show_network
from ledger.abci.pages import Shared
from ledger.abci.rpc import CometAway
from ledger.application import Application
from ledger.block import Item, ItemKind
from ledger.clearing.pages import AuctionSummary
from ledger.granting import read_sale
from ledger.http import Shelves
from ledger.metrics import measure
from ledger.pages import OfferPage, show_transaction
from ledger.showcase import all_providers
from ledger.state import read_account_by_id
from ledger.status_page import Logged, Standing, status_page
from wire.errors import ShellError
from wire.ids import PublicKey
from wire.metrics_text import CONTENT_TYPE, format_metrics

MAX_OFFERS = 25
NEWEST = 20
MAX_READ_BYTES = 64 * 1024
"""What is larger is a purchase for thousands, and is not taken apart for one line."""


Auctions = Callable[[], Sequence[AuctionSummary]]
"""Those of the house beside the ledger that are not over."""


def add_status_page(app: FastAPI, shelves: Shelves, shared: Shared | None, auctions: Auctions) -> None:
    """To the pages of a ledger; None: it is shared with nobody."""
    made: tuple[int, str] = 0, ""

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def get_status() -> str:
        """Made once a second at most: it looks at the whole state."""
        nonlocal made
        if made[0] != shelves.now_s():
            made = shelves.now_s(), status_page(_standing(shelves, shared, auctions()))
        return made[1]

    @app.get("/metrics", include_in_schema=False)
    def get_metrics() -> Response:
        """For Prometheus."""
        families = measure(shelves.ledger(), dict(shelves.counters), shelves.now_s())
        return Response(format_metrics(families), media_type=CONTENT_TYPE)


def _standing(shelves: Shelves, shared: Shared | None, auctions: Sequence[AuctionSummary]) -> Standing:
    application = shelves.application
    with application.lock:
        known = sorted(all_providers(application.state))
    return Standing(
        ledger=shelves.ledger(),
        network=_network(shared),
        offers=_offers(shelves, known[:MAX_OFFERS]),
        more_offers=len(known) > MAX_OFFERS,
        auctions=auctions,
        newest=[_logged(item, application) for item in shelves.archive.newest(NEWEST)],
        counters=dict(shelves.counters),
        now_s=shelves.now_s(),
    )


def _offers(shelves: Shelves, providers: list[bytes]) -> list[OfferPage]:
    return [shelves.offer_now(key_id) for key_id in providers]


def _network(shared: Shared | None) -> NetworkPage | str | None:
    if shared is None:
        return None
    try:
        return show_network(shared.network, shared.ask("status"), shared.ask("net_info"))
    except (CometAway, ShellError, LookupError) as error:
        return str(error)


def _logged(item: Item, application: Application) -> Logged:
    """One line of the log."""
    if item.kind != ItemKind.TRANSACTION:
        what = ItemKind(item.kind).name.lower().replace("_", " ")
        return Logged(item.number, item.height, what, "", len(item.encoded))
    charged_ubc = read_sale(item.result).charged_ubc if item.result else None
    if len(item.encoded) > MAX_READ_BYTES:
        return Logged(item.number, item.height, "large transaction", "", len(item.encoded), charged_ubc)
    page = show_transaction(item, application.ledger_id, whole=False)
    with application.lock:
        account = read_account_by_id(application.state, bytes.fromhex(page.issuer_key_id))
    by = "" if account is None else str(PublicKey(account.key))
    return Logged(item.number, item.height, page.action, by, page.bytes, charged_ubc)
