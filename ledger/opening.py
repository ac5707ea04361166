"""Making an engine: a new ledger from its genesis, or an old one from its store, which is verified first.

On opening, every header is chained to the one before, every item is hashed into its block's root and what it sold into
the root of the sales, the names and times that stand beside items are computed again, and the snapshot of the state is
hashed into the app hash of the last block. Not covered: what a purchase was charged, the inside of a meter's chain
between its ends, and indexes. `replay` goes further: it applies the whole log again, signatures and all, and compares
everything, so that neither the snapshot nor the program that wrote it has to be trusted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import groupby

from ledger.application import Application
from ledger.block import BlockRows, Item, ItemKind, item_leaf
from ledger.chain_state import ChainState, read_chain_state
from ledger.database import open_store
from ledger.engine import Engine
from ledger.entries import Account, Entry, MeterChain, account_key, chain_key, read_entry, write_entry
from ledger.forming import FormingBlock
from ledger.genesis import Genesis, read_genesis, write_genesis
from ledger.granting import make_purchase, read_sale
from ledger.passing import pass_time
from ledger.past import LoggedPast
from ledger.recording import Metering, record_item_id
from ledger.state import Executed, State
from ledger.state_tree import StateTree
from ledger.store import Place, Store
from ledger.submission import Refused, write_submission
from ledger.taking import read_item, take
from wire.allocate import Allocate
from wire.attestation_result import read_attestation_result
from wire.block_header import Header, read_header, write_header
from wire.errors import ConfigError, DecodeError, VerificationError
from wire.evidence import read_evidence
from wire.merkle import EMPTY_ROOT, merkle_root
from wire.sale_leaf import SaleLeaf, sales_root
from wire.transaction import SignedTransaction, read_transaction


def open_ledger(place: Place, genesis: Genesis) -> Engine:
    """The embedded engine over the ledger in `place`, made if nothing is there. Raises as `open_application`."""
    return Engine(open_application(place, genesis))


def open_application(place: Place, genesis: Genesis) -> Application:
    """The ledger in `place`, made if nothing is there. Raises ShellError, VerificationError; ConfigError where Python
    leaves out assertions.
    """
    _must_assert()
    store = open_store(place)
    stored = store.genesis()
    if stored is None:
        store.write_genesis(write_genesis(genesis), _genesis_rows(genesis))
    elif stored != write_genesis(genesis):
        there = read_genesis(stored).ledger_id.hex()
        raise VerificationError(f"{store.name}: is the ledger {there}, not {genesis.ledger_id.hex()}")
    try:
        return _load(store, genesis)
    except DecodeError as error:
        damage = str(error)
    store.close()  # only now: until here the error holds readers of it
    raise VerificationError(f"{store.name}: {damage}")


def replay(store: Store, see: Callable[[Header, State], None] = lambda _header, _state: None) -> Header:
    """Applies the whole log again from the genesis; the last header. `see` gets each block's and the state after it,
    as soon as it is known to hold. Raises VerificationError if any block
    differs, ConfigError as `open_application`.
    """
    _must_assert()
    stored = store.genesis()
    if stored is None:
        raise VerificationError(f"{store.name}: holds no ledger")
    genesis = read_genesis(stored)
    past = LoggedPast(store, genesis.ledger_id)
    state, tree, metering = _begin(genesis, past)
    headers = check_headers(store.headers(), genesis, tree.root)
    head = next(headers)
    see(head, state)
    blocks = groupby(store.items(), lambda item: item.height)
    for header, (height, items) in zip(headers, blocks, strict=True):
        if header.height != height:
            raise VerificationError(f"block {header.height}: its items are missing")
        rows = list(items)
        past.before = rows[0].number
        past.foresee(item.id for item in rows)
        block = _replay_block(header, rows, past, state, metering)
        changes = block.draft.changes
        plan = tree.plan(
            (key, None if entry is None else write_entry(entry)) for key, entry in changes.items()
        )
        roots = merkle_root(block.leaves), plan.root, sales_root(block.sales)
        if (*roots, len(block.leaves)) != (
            header.items_root,
            header.state_root,
            header.sales_root,
            header.item_count,
        ):
            raise VerificationError(f"block {height}: the log leads to another state or items or sales root")
        state.merge(changes, block.draft.executed, header.time_s)
        tree.commit(plan)
        metering.merge(block.chains, block.enrolments)
        head = header
        see(head, state)
    return head


def _must_assert() -> None:
    if not __debug__:
        raise ConfigError(
            "python -O: the ledger would go on where it is wrong: run it without -O and PYTHONOPTIMIZE"
        )


def finalise_again(application: Application, header: Header, items: Iterable[tuple[int, bytes]]) -> bytes:
    """The app hash of the block that items of somebody's log, (kind, encoded), make after ours. `commit` writes it."""
    rows = [Item(0, header.height, kind, b"", 0, encoded, b"") for kind, encoded in items]
    submissions = [write_submission(read_item(row, application.ledger_id)) for row in rows]
    application.skip_to(header.height - 1)
    return application.finalise(header.height, header.time_s, submissions).app_hash


def check_headers(encoded: Iterable[bytes], genesis: Genesis, genesis_root: bytes) -> Iterator[Header]:
    """Each header, once it is known to follow the one before. Raises VerificationError."""
    previous = genesis_header(genesis, genesis_root)
    for number, data in enumerate(encoded):
        header = read_header(data)
        if number == 0 and header != previous:
            raise VerificationError("block 0: does not follow from the genesis")
        if number and (header.height <= previous.height or header.previous != previous.app_hash):
            raise VerificationError(f"block {header.height}: does not follow the block before it")
        if header.time_s < previous.time_s:
            raise VerificationError(f"block {header.height}: time goes back")
        yield header
        previous = header


def genesis_header(genesis: Genesis, state_root: bytes) -> Header:
    return Header(0, genesis.ledger_id, genesis.time_s, EMPTY_ROOT, 0, state_root, EMPTY_ROOT)


def genesis_entries(genesis: Genesis) -> dict[bytes, Entry]:
    """The state before the first block: the exchange has an account, and nobody has money."""
    return {account_key(genesis.exchange.key_id): Account(genesis.exchange.octets, 0)}


def _begin(genesis: Genesis, past: Executed | None = None) -> tuple[State, StateTree, Metering]:
    state, tree = State(genesis) if past is None else State(genesis, past), StateTree()
    entries = genesis_entries(genesis)
    state.merge(entries, (), genesis.time_s)
    tree.commit(tree.plan((key, write_entry(entry)) for key, entry in entries.items()))
    return state, tree, Metering()


def _genesis_rows(genesis: Genesis) -> BlockRows:
    _, tree, _ = _begin(genesis)
    header = genesis_header(genesis, tree.root)
    rows = BlockRows(0, write_header(header))
    rows.state = [(key, write_entry(entry)) for key, entry in genesis_entries(genesis).items()]
    return rows


def _load(store: Store, genesis: Genesis) -> Application:
    _, first, _ = _begin(genesis)
    head = _check_log(store, genesis, first.root)
    application = Application(store, genesis, head)
    snapshot = list(store.state())
    entries = {key: read_entry(key, value) for key, value in snapshot}
    application.state.merge(entries, (), 0)
    application.tree.commit(application.tree.plan(snapshot))
    if application.tree.root != head.state_root:
        raise VerificationError(f"the state is not the one of block {head.height}")
    chains = {key_id: read_chain_state(data) for key_id, data in store.chains()}
    _check_chains(chains, entries)
    enrolments = {
        key_id: read_attestation_result(data, genesis.signer(data), genesis.ledger_id)
        for key_id, data in store.enrolments()
    }
    if enrolments.keys() != chains.keys() or any(
        key_id != result.attestation_key.key_id for key_id, result in enrolments.items()
    ):
        raise VerificationError("the enrolments are not those of the meters in the state")
    application.metering.merge(chains, enrolments)
    return application


def _check_chains(chains: Mapping[bytes, ChainState], entries: Mapping[bytes, Entry]) -> None:
    """The ends of chains, by which records are taken or refused, are those in the state."""
    ends = {key: entry for key, entry in entries.items() if isinstance(entry, MeterChain)}
    if ends.keys() != {chain_key(key_id) for key_id in chains}:
        raise VerificationError("the chains of meters are not those in the state")
    for key_id, chain in chains.items():
        end = ends[chain_key(key_id)]
        if (chain.sequence, chain.head) != (end.sequence, end.head):
            raise VerificationError(f"the chain of meter {key_id.hex()} ends elsewhere than in the state")


def _check_log(store: Store, genesis: Genesis, genesis_root: bytes) -> Header:
    """The last header, once all blocks and items are known to fit together."""
    headers = check_headers(store.headers(), genesis, genesis_root)
    head = next(headers)
    blocks = groupby(store.items(), lambda item: item.height)
    for header in headers:
        height, rows = next(blocks, (-1, iter(())))
        items = list(rows)
        leaves = [item_leaf(item.kind, item.encoded) for item in items]
        if height != header.height or merkle_root(leaves) != header.items_root:
            raise VerificationError(f"block {header.height}: its items are not those that it was made of")
        sales = [_check_item(item, genesis.ledger_id) for item in items]
        if sales_root([sale for sale in sales if sale is not None]) != header.sales_root:
            raise VerificationError(f"block {header.height}: its items do not say what was sold")
        head = header
    if next(blocks, None) is not None:
        raise VerificationError("the log has items beyond its last block")
    return head


def _check_item(item: Item, ledger_id: bytes) -> SaleLeaf | None:
    """What it sold, once what stands beside its bytes is known to follow from them. Raises VerificationError.

    The name of an early record says what was missing then, and decides about nothing.
    """
    named, valid_until_s, sold = item.id, 0, None
    match ItemKind(item.kind):
        case ItemKind.TRANSACTION:
            signed = read_transaction(item.encoded, ledger_id)
            named, valid_until_s = signed.transaction_id, signed.transaction.valid_until_s
            sold = _check_sale(item, signed)
        case ItemKind.EVIDENCE:
            named = record_item_id(read_evidence(item.encoded))
        case ItemKind.ATTESTATION_RESULT:
            named = sha256(item.encoded).digest()
        case ItemKind.EARLY_EVIDENCE:
            pass
    if (item.id, item.valid_until_s) != (named, valid_until_s) or bool(item.result) != (sold is not None):
        raise VerificationError(f"item {item.number}: what stands beside it is not what it says")
    return sold


def _check_sale(item: Item, signed: SignedTransaction) -> SaleLeaf | None:
    action = signed.transaction.action
    if not isinstance(action, Allocate):
        return None
    sale = read_sale(item.result)
    if sale.buyer.key_id != signed.issuer_key_id:
        raise VerificationError(f"item {item.number}: names another buyer than the one who signed")
    return make_purchase(signed.transaction_id, action, sale).leaf()


def _replay_block(
    header: Header, items: list[Item], past: LoggedPast, state: State, metering: Metering
) -> FormingBlock:
    """The block that these items make anew: each of them again, and nothing else."""
    genesis, first = state.genesis, items[0].number
    draft, rows = pass_time(state, header.time_s), BlockRows(header.height, b"")
    block = FormingBlock(header.height, header.time_s, draft, first, rows)
    for item in items:
        outcome = take(block, read_item(item, genesis.ledger_id), metering, past)
        if len(rows.items) <= item.number - first:
            why = f"{outcome.reason}: {outcome.detail}" if isinstance(outcome, Refused) else "nothing happens"
            raise VerificationError(f"item {item.number}: {why}")
        if rows.items[-1] != item:
            raise VerificationError(f"item {item.number}: the log says something else was sold or taken")
    return block
