"""The page on which a person sees how a ledger stands: the chain, who shares it, what is for sale, what came last.

Pure: from what the other pages show to HTML, without a script and without anything from elsewhere. Everything that
somebody else may have written, names of operators included, is escaped.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from ledger.abci.network_page import NetworkPage
from ledger.clearing.pages import AuctionSummary
from ledger.pages import LedgerPage, OfferPage, QosPage
from wire.units import format_duration, format_money, format_rate, format_size


@dataclass(frozen=True, slots=True)
class Logged:
    """One line of the log: its number, its block, what it is, who signed it (his account; what is in no transaction
    has none), its size, and what was paid.
    """

    number: int
    height: int
    what: str
    by: str
    bytes: int
    charged_ubc: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the page is made of. `network` is None for a ledger on one machine, and a sentence if its node is away."""

    ledger: LedgerPage
    network: NetworkPage | str | None
    offers: Sequence[OfferPage]
    more_offers: bool
    auctions: Sequence[AuctionSummary]
    newest: Sequence[Logged]
    counters: Mapping[str, int]
    now_s: int


def status_page(standing: Standing) -> str:
    """HTML, whole."""
    good, verdict = _verdict(standing)
    return _template().substitute(
        short_id=escape(standing.ledger.ledger_id[:12]),
        verdict=escape(verdict),
        tone="good" if good else "bad",
        chain=_chain(standing),
        network=_network(standing.network),
        offers=_offers(standing),
        auctions=_auctions(standing.auctions),
        transactions=_log(standing.newest),
        counters=_counters(standing.counters),
        now=_instant(standing.now_s),
    )


def _verdict(standing: Standing) -> tuple[bool, str]:
    match standing.network:
        case None:
            return True, "serving, on one machine"
        case str(trouble):
            return False, f"its node is away: {trouble}"
        case network if network.catching_up:
            return False, "behind the others, catching up"
        case network if not network.decides:
            return False, "too few operators are connected to decide anything"
        case network:
            there = sum(one.connected for one in network.operators)
            return True, f"deciding, with {there} of {len(network.operators)} operators connected"


def _chain(standing: Standing) -> str:
    ledger = standing.ledger
    return _facts(
        ("ledger", _code(ledger.ledger_id)),
        ("signs as", _code(ledger.ledger_key)),
        ("last block", f"{ledger.height:,}, {_instant(ledger.time_s)} UTC"),
        ("app hash", _code(ledger.app_hash)),
        ("bandcoins in it", _money(ledger.deposited_ubc - ledger.withdrawn_ubc)),
        ("came in, went out", f"{_money(ledger.deposited_ubc)}, {_money(ledger.withdrawn_ubc)}"),
        ("exchange", _account(ledger.exchange)),
    )


def _network(network: NetworkPage | str | None) -> str:
    if not isinstance(network, NetworkPage):
        return ""
    rows = (
        (
            escape(one.name),
            str(one.power),
            _code(one.node[:12]) + " " + escape(one.address),
            '<span class="good">yes</span>' if one.connected else '<span class="bad">no</span>',
        )
        for one in network.operators
    )
    table = _table(("operator", "#votes", "node", "connected"), rows, "")
    ours = f"ours is {escape(network.name or 'not of this network')}, at block {network.height:,}"
    return f'<section aria-labelledby="who"><h2 id="who">Who shares it ({ours})</h2>{table}</section>'


def _offers(standing: Standing) -> str:
    rows = (
        (
            _link(f"/v1/offers/{offer.provider}", offer.provider[:12] + "…"),
            _money(offer.price_ubc),
            f"{offer.allocations_left:,} of {offer.max_allocations:,}",
            escape(format_duration(offer.allocation_duration_s)),
            escape(f"{format_rate(offer.qos.floor_down_bps)} / {format_rate(offer.qos.floor_up_bps)}"),
            escape(_limits(offer.qos)),
        )
        for offer in standing.offers
    )
    names = ("provider", "#price of a unit", "#left", "for", "floor down / up", "use")
    more = f"<p>{_link('/v1/offers', 'and more')}</p>" if standing.more_offers else ""
    return _table(names, rows, "Nobody sells anything.") + more


def _limits(qos: QosPage) -> str:
    """What use beyond a limit costs, or that it ends there; of one unit."""
    words = []
    if qos.usage is not None:
        included, most = format_size(qos.usage.included_bytes), format_money(qos.usage.most_ubc)
        words.append(f"beyond {included} paid afterwards, at most {most}")
    if qos.data_cap_bytes:
        words.append(f"ends at {format_size(qos.data_cap_bytes)}")
    return ", ".join(words)


def _auctions(auctions: Sequence[AuctionSummary]) -> str:
    """Those that are not over; nothing where there are none, as most ledgers have no house."""
    if not auctions:
        return ""
    rows = (
        (
            _link(f"/v1/auctions/{one.auction_id}", one.auction_id[:12] + "…"),
            escape(one.kind),
            _link(f"/v1/accounts/{one.provider}", one.provider[:12] + "…"),
            f"{one.max_allocations:,}",
            escape(format_duration(one.allocation_duration_s)),
            f"{_instant(one.bids_until_s)} UTC",
            f"{one.bid_count:,}",
            escape(f"waits: {one.reason}" if one.reason else ""),
        )
        for one in auctions
    )
    names = ("auction", "kind", "provider", "#units", "for", "bids until", "#bids", "")
    table = _table(names, rows, "")
    return f'<section aria-labelledby="auctions"><h2 id="auctions">Auctions</h2>{table}</section>'


def _log(newest: Sequence[Logged]) -> str:
    rows = (
        (
            f"{one.number:,}",
            f"{one.height:,}",
            escape(one.what),
            _link(f"/v1/accounts/{one.by}", one.by[:12] + "…") if one.by else "",
            escape(format_size(one.bytes)),
            "" if one.charged_ubc is None else _money(one.charged_ubc),
        )
        for one in newest
    )
    return _table(("#number", "#block", "what", "signed by", "#size", "#charged"), rows, "Nothing yet.")


def _counters(counters: Mapping[str, int]) -> str:
    if not counters:
        return ""
    rows = ((escape(name), f"{count:,}") for name, count in sorted(counters.items()))
    table = _table(("what", "#times"), rows, "")
    return f'<section aria-labelledby="bad"><h2 id="bad">Bad input since the start</h2>{table}</section>'


def _table(names: Sequence[str], rows: Iterable[Sequence[str]], nothing: str) -> str:
    """Cells are HTML already. A name that begins with # is of a column of numbers."""
    kinds = [' class="number"' if name.startswith("#") else "" for name in names]
    lines = [
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    ]
    if not lines:
        return f'<p class="none">{escape(nothing)}</p>'
    head = "".join(
        f'<th scope="col"{kind}>{escape(name.lstrip("#"))}</th>'
        for kind, name in zip(kinds, names, strict=True)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _facts(*rows: tuple[str, str]) -> str:
    return "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in rows)


def _account(key: str) -> str:
    return _link(f"/v1/accounts/{key}", key)


def _link(path: str, text: str) -> str:
    return f'<a href="{escape(path)}"><code>{escape(text)}</code></a>'


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _money(amount_ubc: int) -> str:
    return escape(format_money(amount_ubc))


def _instant(utc_s: int) -> str:
    return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%d %H:%M:%S}"


@cache
def _template() -> Template:
    return Template((Path(__file__).parent / "status_page.html").read_text(encoding="utf-8"))
