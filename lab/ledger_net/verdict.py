"""Whether it held: every operator's log against every other's, against what customers were told, and against itself.

Reads the operators' files as they lie on the disk, and asks no program that took part, except to replay a file from
its genesis.
"""

import base64
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lab.ledger_net.auctions import differences, verify
from lab.ledger_net.market import DEPOSIT_UBC, Market
from lab.ledger_net.sites import Site, Sites
from lab.playing import Finding
from ledger.abci.light import read_commit
from ledger.block import ItemKind
from wire.block_header import read_header
from wire.comet_commit import read_signed_block, verify_signed_block
from wire.errors import DecodeError, ShellError, VerificationError
from wire.grant_proof import verify_grant_under

REPLAYS_AT_ONCE = 2
"""Each is a process of its own, and the machine may have two processors."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One operator's ledger: app hash by height, ids of its transactions, and what accounts hold."""

    name: str
    app_hashes: dict[int, bytes]
    transactions: frozenset[bytes]
    replayed: str
    held_ubc: int
    provider_ubc: int

    @property
    def height(self) -> int:
        return max(self.app_hashes)

    @property
    def app_hash(self) -> bytes:
        return self.app_hashes[self.height]


def read_copies(sites: Sequence[Site], market: Market) -> list[Copy]:
    """While the ledgers run. Raises ShellError."""
    with ThreadPoolExecutor(REPLAYS_AT_ONCE) as hands:
        return list(hands.map(lambda site: _read_copy(site, market), sites))


def judge(copies: Sequence[Copy], sites: Sites, market: Market) -> list[Finding]:
    """Every promise, kept or not."""
    return [
        _judge_app_hashes(copies),
        _judge_transactions(copies, market),
        _judge_money(copies, market),
        _judge_replay(copies),
        _judge_light(copies, sites),
        _judge_grant(sites, market),
        _judge_rules(market),
        _judge_batches([*sites.everybody, sites.newcomer], market),
    ]


def _read_copy(site: Site, market: Market) -> Copy:
    with closing(sqlite3.connect(f"file:{site.database}?mode=ro", uri=True)) as database:
        hashes = {
            header.height: header.app_hash
            for (encoded,) in database.execute("SELECT header FROM blocks ORDER BY height")
            for header in [read_header(encoded)]
        }
        rows = database.execute("SELECT id FROM items WHERE kind = ?", (int(ItemKind.TRANSACTION),))
        transactions = [bytes(row[0]) for row in rows]
    if len(set(transactions)) != len(transactions):
        raise ShellError(site.name, "has a transaction twice")
    sellers = [market.provider, *market.auctioneers]
    provider = sum(_balance(site, key.public.octets.hex()) for key in sellers)
    held = provider + sum(_balance(site, key.public.octets.hex()) for key in market.buyers)
    return Copy(site.name, hashes, frozenset(transactions), _replay(site.database), held, provider)


def _balance(site: Site, account: str) -> int:
    return int(site.read(f"accounts/{account}")["balance_ubc"])


def _replay(database: Path) -> str:
    """The app hash that the log leads to, from the genesis on."""
    words = [sys.executable, "-m", "ledger", "verify", "--json", str(database)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    answer = json.loads(done.stdout or "{}")
    return str(answer.get("app_hash", answer.get("error", done.stderr)))


def _judge_app_hashes(copies: Sequence[Copy]) -> Finding:
    heights = sorted({height for copy in copies for height in copy.app_hashes})
    differ = [
        height
        for height in heights
        if len({copy.app_hashes[height] for copy in copies if height in copy.app_hashes}) != 1
    ]
    missing = [copy.name for copy in copies if len(copy.app_hashes) != len(heights)]
    seen = f"{len(heights)} blocks in {len(copies)} ledgers; heights that differ: {differ or 'none'}"
    if missing:
        seen += f"; without all of them: {', '.join(missing)}"
    return Finding("one app hash at each height", not differ and not missing, seen)


def _judge_transactions(copies: Sequence[Copy], market: Market) -> Finding:
    told = set(market.done)
    lost = sum(len(told - copy.transactions) for copy in copies)
    unknown = sum(len(copy.transactions - told) for copy in copies)
    seen = f"{len(told)} transactions told; lost {lost}, never told {unknown}, refused {len(market.refused)}"
    return Finding("nothing lost, nothing invented", not (lost or unknown or market.refused), seen)


def _judge_money(copies: Sequence[Copy], market: Market) -> Finding:
    deposited, spent = DEPOSIT_UBC * len(market.buyers), market.spent_ubc()
    wrong = [copy.name for copy in copies if (copy.held_ubc, copy.provider_ubc) != (deposited, spent)]
    seen = (
        f"providers have {spent} ubc, everybody {deposited} ubc; elsewhere: {', '.join(wrong) or 'nowhere'}"
    )
    return Finding("nothing doubled, money conserved", not wrong, seen)


def _judge_replay(copies: Sequence[Copy]) -> Finding:
    wrong = [f"{copy.name}: {copy.replayed}" for copy in copies if copy.replayed != copy.app_hash.hex()]
    return Finding(
        "every log, replayed from its genesis, leads there", not wrong, "; ".join(wrong) or "all do"
    )


def _judge_light(copies: Sequence[Copy], sites: Sites) -> Finding:
    """A block that two thirds of the operators signed has our app hash: verified from the network's description."""
    signed = list(_light_heads(sites))
    wrong = [f"{name}: {why}" for name, why in signed if why]
    heads = {copy.app_hash.hex() for copy in copies}
    seen = "; ".join(wrong) or f"{len(signed)} headers verified offline, app hash {min(heads)[:16]}..."
    return Finding("signed headers carry that app hash", not wrong, seen)


def _light_heads(sites: Sites) -> Iterator[tuple[str, str]]:
    for site in sites.everybody:
        block = read_commit(site.ask("commit"))
        try:
            header = verify_signed_block(block, sites.network.chain_id, sites.network.validators)
        except VerificationError as error:
            yield site.name, str(error)
            continue
        said = site.read("ledger")["app_hash"]
        yield site.name, "" if header.app_hash.hex() == said else f"{header.app_hash.hex()} is not {said}"


def _judge_grant(sites: Sites, market: Market) -> Finding:
    """One of thousands shows what it was sold to somebody who has the network's description and nothing else."""
    promise = "one consumer of thousands proves its grant offline"
    bought = next(one for one in market.done.values() if one.consumer)
    site = sites.everybody[1]  # the last one has begun anew, and has no signatures from before
    page = site.read(f"proofs/grants/{bought.transaction_id.hex()}/{bought.consumer.hex()}")
    proof = base64.b64decode(page["proof"])
    encoded = base64.b64decode(site.read(f"proofs/signed_block?height={page['height']}")["signed_block"])
    try:
        signed = read_signed_block(encoded)
        header = verify_signed_block(signed, sites.network.chain_id, sites.network.validators)
        grant = verify_grant_under(proof, header.app_hash)
    except DecodeError as error:
        return Finding(promise, ok=False, seen=str(error))
    seen = f"{len(proof)} bytes of proof under a header of {len(encoded)} bytes that the operators signed"
    return Finding(promise, grant.consumer.octets == bought.consumer, seen)


def _judge_rules(market: Market) -> Finding:
    """By the house's pages and signed receipts, by its log, and by rules that are computed here once more."""
    wrong, lines = [], []
    for sale in market.sales:
        where = f"{sale.lot.house}'s {sale.lot.kind}"
        wrong += [f"{where}: {one}" for one in differences(sale, market)]
        said = verify(sale)
        if said["wrong"] or not said["settled"]:
            wrong.append(f"{where}: auction verify: {said['wrong'] or 'not settled'}")
        won = [bid.due for bid in sale.bids if bid.due.units]
        lines.append(
            f"{where}: {len(won)} of {len(sale.bids)} bids won, {sum(one.price_ubc for one in won)} ubc paid"
        )
    held = bool(market.sales) and not wrong
    return Finding("auctions come to what the rules say, and verify", held, "; ".join(wrong or lines))


def _judge_batches(sites: Sequence[Site], market: Market) -> Finding:
    """Offer and winning bids are in one block, the same of every ledger, and no losing bid is anywhere."""
    wrong = []
    for sale in market.sales:
        lost = {bid.transaction_id for bid in sale.bids if not bid.due.units}
        for site in sites:
            heights = _heights(site, sale.batch)
            if len(heights) != len(sale.batch) or len(set(heights)) != 1 or _heights(site, tuple(lost)):
                wrong.append(f"{site.name}: {sale.lot.house}'s batch is in blocks {heights}")
    batches = ", ".join(str(len(sale.batch)) for sale in market.sales)
    seen = "; ".join(wrong) or f"batches of {batches} transactions, each in one block of {len(sites)} ledgers"
    return Finding("an offer and its winning bids land together", bool(market.sales) and not wrong, seen)


def _heights(site: Site, transactions: Sequence[bytes]) -> list[int]:
    """The blocks that these are in, one for each that is in any."""
    with closing(sqlite3.connect(f"file:{site.database}?mode=ro", uri=True)) as database:
        found = [
            database.execute("SELECT height FROM items WHERE id = ?", (one,)).fetchall()
            for one in transactions
        ]
    return [height for rows in found for (height,) in rows]
