"""The ledger's HTTP service: reading only, described by its own OpenAPI page (/docs, /openapi.json).

Shows accounts, offers, transactions, grants, proofs, meter records and attestation results; everything that a
third party needs to check the ledger and the boxes without trusting either. Changes nothing: transactions
travel by MQTT, signed. Lists are cut into pages. An error is {"error": word, "detail": sentence}.
"""

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from ledger.answering import Answers
from ledger.application import Application
from ledger.archive import Archive
from ledger.asking import NO_SUCH_PAGE
from ledger.block import Item
from ledger.capacity import MAX_PERIODS_AHEAD, allocations_left
from ledger.entries import MeterChain, account_key, chain_key, write_entry
from ledger.genesis import Genesis
from ledger.pages import (
    AccountPage,
    AttestationListPage,
    AttestationPage,
    ChainProofPage,
    CountersPage,
    ErrorPage,
    GrantListPage,
    GrantPage,
    GrantProofPage,
    InclusionPage,
    LedgerPage,
    OfferListPage,
    OfferPage,
    ProofPage,
    RecordListPage,
    ReservationPage,
    TransactionListPage,
    TransactionPage,
    is_transaction,
    show_account,
    show_attestation,
    show_grant,
    show_grant_proof,
    show_ledger,
    show_offer,
    show_record,
    show_reservation,
    show_transaction,
    to_base64,
)
from ledger.passing import pass_time
from ledger.state import (
    View,
    read_account,
    read_account_by_id,
    read_money,
    read_offer_by_id,
    read_reservation,
)
from wire.attestation_result import read_attestation_result
from wire.block_header import Header, write_signed_header
from wire.errors import ShellError
from wire.grant import grant_id_of
from wire.grant_proof import read_grant_proof
from wire.ids import PublicKey
from wire.state_proof import write_proof

PAGE = 100
MAX_PAGE = 1_000
MAX_RESERVATIONS_SHOWN = 1_000
MAX_RECORDS = 200
"""Of at most 19 KiB each."""
MAX_GRANTS = 200
"""Each is signed for whoever asks, unless it was lately (ledger/answering.py): a page takes some 15 ms at most."""
MAX_CONNECTIONS = 900
"""Of 1,024 descriptors that a process usually has: some are left for its files and its broker."""

KEY_PATTERN = "^0[23][0-9a-f]{64}$"
Key = Annotated[str, Path(pattern=KEY_PATTERN, description="account: compressed public key in hex")]
ConsumerKey = Annotated[
    str, Path(pattern=KEY_PATTERN, description="a consumer's compressed public key in hex")
]
GrantId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="grant id in hex")]
GrantPlace = Annotated[
    str, Query(pattern=r"^[0-9]{1,18}\.[0-9]{1,9}$", description="`after` or `reached` of an earlier answer")
]
TransactionId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="transaction id in hex")]
AfterKeyId = Annotated[
    str, Query(pattern="^([0-9a-f]{2}){0,8}$", description="`after` of an earlier answer: a key id")
]
KeyId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="key id of an attestation key in hex")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
After = Annotated[int, Query(ge=0, le=2**62)]


class Server(uvicorn.Server):
    """Leaves signals to the program around it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Shelves:
    """What the pages are made from."""

    def __init__(
        self, application: Application, archive: Archive, answers: Answers, counters: Mapping[str, int]
    ) -> None:
        self.application = application
        self.archive = archive
        self.answers = answers
        self.counters = counters

    @property
    def genesis(self) -> Genesis:
        return self.application.genesis

    def now_s(self) -> int:
        return max(int(time.time()), self.application.head.time_s)

    def signed_header(self, height: int) -> bytes:
        header = self.archive.header(height)
        assert header is not None, f"block {height} is missing"
        return self.sign_header(header)

    def sign_header(self, header: Header) -> bytes:
        return write_signed_header(header, self.answers.key, self.application.ledger_id)

    def transaction(self, transaction_id: str) -> Item:
        item = self.archive.item(bytes.fromhex(transaction_id))
        if item is None or not is_transaction(item):
            raise NotFoundError("unknown_transaction", f"{transaction_id} was not executed here")
        return item

    def offer(self, view: View, provider_key_id: bytes) -> OfferPage:
        account, offer = (
            read_account_by_id(view, provider_key_id),
            read_offer_by_id(view, provider_key_id),
        )
        if account is None or offer is None:
            raise NotFoundError("no_offer", f"key id {provider_key_id.hex()} never posted an offer")
        left = allocations_left(view, provider_key_id, offer, self.now_s())
        return show_offer(account.key, offer, left, self.application.head.height)

    def ledger(self) -> LedgerPage:
        """The genesis, and the signed head of the chain."""
        with self.application.lock:
            money, head = read_money(self.application.state), self.application.head
        moved = money.deposited_ubc, money.withdrawn_ubc
        return show_ledger(self.genesis, self.answers.key.public, head, self.sign_header(head), *moved)

    def offer_now(self, provider_key_id: bytes) -> OfferPage:
        """Holds the engine up for one provider's walk at most, however many are asked for."""
        with self.application.lock:
            return self.offer(pass_time(self.application.state, self.now_s()), provider_key_id)


class NotFoundError(Exception):
    """There is no such thing: `error` in a word, `detail` in a sentence."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(detail)
        self.page = {"error": error, "detail": detail}


def create_app(shelves: Shelves) -> FastAPI:
    """The application over one application."""
    app = FastAPI(
        title="Airgrant ledger",
        version="1",
        description="Reads the Bandcoin ledger: accounts, offers, transactions, grants, proofs and signed meters.",
        responses={404: {"model": ErrorPage}, 422: {"model": ErrorPage}},
    )
    add_error_pages(app)
    _add_ledger(app, shelves)
    _add_offers(app, shelves)
    _add_transactions(app, shelves)
    _add_proofs(app, shelves)
    _add_metering(app, shelves)
    return app


def add_error_pages(app: FastAPI) -> None:
    """Every error is `error`, a word, and `detail`, a sentence: of this service, and of the framework below it."""

    @app.exception_handler(NotFoundError)
    async def say_no(_request: Request, error: NotFoundError) -> JSONResponse:
        return JSONResponse(error.page, 404)

    @app.exception_handler(404)
    async def say_nowhere(request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"error": NO_SUCH_PAGE, "detail": f"there is no {request.url.path}"}, 404)

    @app.exception_handler(405)
    async def say_how(request: Request, error: Exception) -> JSONResponse:
        detail = f"{request.url.path} is not asked by {request.method}"
        return JSONResponse(
            {"error": "wrong_method", "detail": detail}, 405, headers=getattr(error, "headers", None)
        )

    @app.exception_handler(RequestValidationError)
    async def say_wrong(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return JSONResponse({"error": "bad_request", "detail": f"{where}: {first['msg']}"}, 422)


def _add_ledger(app: FastAPI, shelves: Shelves) -> None:
    application = shelves.application

    @app.get("/v1/ledger")
    def get_ledger() -> LedgerPage:
        """Genesis, keys and the signed head of the chain."""
        return shelves.ledger()

    @app.get("/v1/counters")
    def get_counters() -> CountersPage:
        """Bad input since the service started."""
        return CountersPage(counters=dict(shelves.counters))

    @app.get("/v1/accounts/{key}")
    def get_account(key: Key) -> AccountPage:
        """An account's balance."""
        with application.lock:
            account = read_account(application.state, PublicKey.parse(key))
            height = application.head.height
        if account is None:
            raise NotFoundError("unknown_account", f"no account {key}")
        return show_account(account, height)


def _add_offers(app: FastAPI, shelves: Shelves) -> None:
    application = shelves.application

    @app.get("/v1/offers")
    def get_offers(after: AfterKeyId = "", limit: Limit = PAGE) -> OfferListPage:
        """Current offers, in the order of their providers' key ids."""
        with application.lock:
            keys = application.state.keys_listed(b"o", bytes.fromhex(after), limit + 1)
        named = [key[1:9] for key in keys]
        pages = [shelves.offer_now(key_id) for key_id in named[:limit]]
        return OfferListPage(offers=pages, after=named[limit - 1].hex() if len(named) > limit else None)

    @app.get("/v1/offers/{key}")
    def get_offer(key: Key) -> OfferPage:
        """A provider's current offer, with what may be reserved in the next periods."""
        provider = PublicKey.parse(key)
        with application.lock:
            view = pass_time(application.state, shelves.now_s())
            page = shelves.offer(view, provider.key_id)
            page.reservations = list(_reservations(view, provider, shelves.now_s()))
        return page


def _reservations(view: View, provider: PublicKey, now_s: int) -> Iterator[ReservationPage]:
    current, shown = view.genesis.period_at(now_s), 0
    for period in range(current + 1, current + MAX_PERIODS_AHEAD + 1):
        reservation = read_reservation(view, provider, period)
        if reservation is not None:
            yield show_reservation(period, reservation, view.genesis.period_s)
            shown += 1
        if shown == MAX_RESERVATIONS_SHOWN:
            return


def _add_transactions(app: FastAPI, shelves: Shelves) -> None:
    archive, ledger_id = shelves.archive, shelves.application.ledger_id

    @app.get("/v1/transactions")
    def get_transactions(
        account: Annotated[str | None, Query(pattern=KEY_PATTERN)] = None,
        after: After = 0,
        limit: Limit = PAGE,
    ) -> TransactionListPage:
        """Executed transactions in their order, of everybody or of one account (as issuer, target or
        consumer).
        """
        party = None if account is None else bytes.fromhex(account)
        items = archive.items_after(after, limit, party)
        pages = [show_transaction(item, ledger_id, whole=False) for item in items if is_transaction(item)]
        return TransactionListPage(
            transactions=pages, after=items[-1].number if len(items) == limit else None
        )

    @app.get("/v1/transactions/{transaction_id}")
    def get_transaction(transaction_id: TransactionId) -> TransactionPage:
        """One executed transaction, with its bytes."""
        return show_transaction(shelves.transaction(transaction_id), ledger_id, whole=True)

    @app.get("/v1/grants")
    def get_grants(
        provider: Annotated[str, Query(pattern=KEY_PATTERN)],
        after: GrantPlace = "0.0",
        limit: Annotated[int, Query(ge=1, le=MAX_GRANTS)] = PAGE,
    ) -> GrantListPage:
        """A provider's grants that have not ended, signed: what its access points may be asked to honour."""
        number, position = (int(part) for part in after.split("."))
        grants, place, more = archive.grants_after(
            bytes.fromhex(provider), (number, position), limit, shelves.now_s()
        )
        reached = f"{place[0]}.{place[1]}"
        pages = [show_grant(grant, shelves.answers.sign_grant(grant)) for grant in grants]
        return GrantListPage(grants=pages, after=reached if more else None, reached=reached)

    @app.get("/v1/grants/{transaction_id}/{consumer}")
    def get_grant(transaction_id: TransactionId, consumer: ConsumerKey) -> GrantPage:
        """The grant that a consumer got by a transaction, signed now."""
        shelves.transaction(transaction_id)
        purchase = archive.purchase(bytes.fromhex(transaction_id))
        grant = None if purchase is None else purchase.grant_of(bytes.fromhex(consumer))
        if grant is None:
            raise NotFoundError("no_grant", f"transaction {transaction_id} bought nothing for {consumer}")
        return show_grant(grant, shelves.answers.sign_grant(grant))

    @app.get("/v1/grants/{grant_id}")
    def get_grant_by_id(grant_id: GrantId) -> GrantPage:
        """The grant of this id, as usage reports name it."""
        grant = archive.grant(bytes.fromhex(grant_id))
        if grant is None:
            raise NotFoundError("no_grant", f"no grant {grant_id}")
        return show_grant(grant, shelves.answers.sign_grant(grant), archive.price(grant.grant_id))


def _add_proofs(app: FastAPI, shelves: Shelves) -> None:
    application = shelves.application

    @app.get("/v1/proofs/accounts/{key}")
    def get_account_proof(key: Key) -> ProofPage:
        """Proof of what the state has under an account's key id, against the signed head."""
        state_key = account_key(PublicKey.parse(key).key_id)
        with application.lock:
            entry, proof, head = (
                application.state.get(state_key),
                application.tree.prove(state_key),
                application.head,
            )
        return ProofPage(
            account=key,
            key=state_key.hex(),
            entry=None if entry is None else to_base64(write_entry(entry)),
            proof=to_base64(write_proof(proof)),
            header=to_base64(shelves.sign_header(head)),
        )

    @app.get("/v1/proofs/chains/{key_id}")
    def get_chain_proof(key_id: KeyId) -> ChainProofPage:
        """Proof of where the metering chain of an attestation key ends, against the signed head."""
        state_key = chain_key(bytes.fromhex(key_id))
        with application.lock:
            entry, proof, head = (
                application.state.get(state_key),
                application.tree.prove(state_key),
                application.head,
            )
        if entry is None:
            raise NotFoundError("not_enrolled", f"no attestation key {key_id}")
        return ChainProofPage(
            key_id=key_id,
            key=state_key.hex(),
            entry=to_base64(write_entry(entry)),
            proof=to_base64(write_proof(proof)),
            header=to_base64(shelves.sign_header(head)),
        )

    @app.get("/v1/proofs/grants/{grant_id}")
    def get_grant_proof(grant_id: GrantId) -> GrantProofPage:
        """Proof of the grant of this id, under the signed header of its block."""
        encoded = shelves.answers.prove(bytes.fromhex(grant_id))
        if encoded is None:
            raise NotFoundError("no_grant", f"no grant {grant_id} is proved here")
        return show_grant_proof(read_grant_proof(encoded), encoded)

    @app.get("/v1/proofs/grants/{transaction_id}/{consumer}")
    def get_consumer_proof(transaction_id: TransactionId, consumer: ConsumerKey) -> GrantProofPage:
        """Proof of what a transaction bought for a consumer."""
        shelves.transaction(transaction_id)
        purchase = shelves.archive.purchase(bytes.fromhex(transaction_id))
        position = None if purchase is None else purchase.position_of(bytes.fromhex(consumer))
        if position is None:
            raise NotFoundError("no_grant", f"transaction {transaction_id} bought nothing for {consumer}")
        return get_grant_proof(grant_id_of(bytes.fromhex(transaction_id), position).hex())

    @app.get("/v1/proofs/transactions/{transaction_id}")
    def get_transaction_proof(transaction_id: TransactionId) -> InclusionPage:
        """Proof that a transaction is in the log, against the signed header of its block."""
        item = shelves.transaction(transaction_id)
        index, count, path = shelves.archive.prove(item)
        return InclusionPage(
            transaction=show_transaction(item, application.ledger_id, whole=True),
            index=index,
            item_count=count,
            path=[step.hex() for step in path],
            header=to_base64(shelves.signed_header(item.height)),
        )


def _add_metering(app: FastAPI, shelves: Shelves) -> None:
    archive, genesis = shelves.archive, shelves.genesis

    @app.get("/v1/records/{key_id}")
    def get_records(
        key_id: KeyId, after: After = 0, limit: Annotated[int, Query(ge=1, le=MAX_RECORDS)] = PAGE
    ) -> RecordListPage:
        """The meter records of one attestation key, in the order of their sequence."""
        records = archive.records_after(bytes.fromhex(key_id), after, limit)
        pages = [show_record(sequence, item) for sequence, item in records]
        return RecordListPage(records=pages, after=records[-1][0] if len(records) == limit else None)

    @app.get("/v1/attestations")
    def get_attestations(after: str = "", limit: Limit = PAGE) -> AttestationListPage:
        """Every enrolled attestation key."""
        with shelves.application.lock:
            known = sorted(
                key_id for key_id in shelves.application.metering.enrolments if key_id.hex() > after
            )
        pages = [get_attestation(key_id.hex()) for key_id in known[:limit]]
        return AttestationListPage(
            attestations=pages, after=known[limit - 1].hex() if len(known) > limit else None
        )

    @app.get("/v1/attestations/{key_id}")
    def get_attestation(key_id: KeyId) -> AttestationPage:
        """The attestation result of one key, signed by the ledger."""
        encoded = archive.enrolment(bytes.fromhex(key_id))
        if encoded is None:
            raise NotFoundError("not_enrolled", f"no attestation key {key_id}")
        result = read_attestation_result(encoded, genesis.signer(encoded), genesis.ledger_id)
        with shelves.application.lock:
            end = shelves.application.state.get(chain_key(bytes.fromhex(key_id)))
        return show_attestation(result, encoded, end.retired_s if isinstance(end, MeterChain) else 0)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ShellError.

    Its connections inherit that nothing is held back. asyncio would see to it only for sockets that name their
    protocol, and an answer's body would wait some 40 ms for the acknowledgement of its head.
    """
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise ShellError("http", f"cannot listen on {host} port {port}: {error.strerror}") from error
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


async def serve(app: FastAPI, listening: socket.socket, most: int = MAX_CONNECTIONS) -> None:
    """Serves until cancelled. With `most` connections, and beyond, whoever asks is told 503."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", limit_concurrency=most
    )
    await Server(config).serve([listening])
