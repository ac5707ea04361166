"""The ledger's MQTT service: takes requests from the broker, commits what arrived together, answers.

Five kinds of tasks. The *listener* keeps a connection to the broker, reads each message and queues what it asks for;
what cannot be read is counted and dropped, and what makes us fail is told to the operator too. The *porter* has the
signatures of what waits verified (ledger/verifying.py). The *clerk* takes everything that has passed him and has it put
in order (ledger/ordering.py; the loop goes on listening meanwhile). The *secretary* has the answers signed and sends
them, once: who misses one asks again and gets it again. The *crier* publishes offer states, retained, when offers
change or units become free again.

Raises ShellError when the disk fails; a broker that goes away is waited for.
Reference: OASIS MQTT 5.0 clause 4.10 (request and response).
"""

import asyncio
import contextlib
import secrets
import socket
import ssl
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ledger.answering import Answers, DraftReply
from ledger.enrolling import Enrolling
from ledger.enrolment import CHANCE_SIZE
from ledger.intake import (
    SUBSCRIPTION,
    Address,
    PriceQuery,
    ProofQuery,
    Query,
    RegistrationQuery,
    is_for_others,
    read_address,
    read_request,
)
from ledger.ordering import Orderer
from ledger.recording import ALREADY_ENROLLED
from ledger.running import heed_cancellation
from ledger.settings import BrokerSettings
from ledger.showcase import all_providers, due_providers, look_at
from ledger.state import read_account
from ledger.submission import Enrolment, Executed, Outcome, Refused, Submission
from ledger.taking import INTERNAL_FAULT
from ledger.tls import client_context
from ledger.turnstile import Turnstile
from ledger.verifying import Verifiers
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.auction_receipt import AuctionReceipt, Status, write_auction_receipt
from wire.auction_request import (
    AnswerQuestion,
    AskQuestion,
    AskTimeKey,
    AuctionRequest,
    CreateAuction,
    GetBid,
    ListAuctions,
    PlaceBid,
)
from wire.auction_terms import AUCTION_ID_SIZE
from wire.enrolment import EnrolmentAnswer, EnrolmentRequest
from wire.errors import DecodeError, ShellError
from wire.keys import PrivateKey
from wire.offer_state import OfferState, write_offer_state
from wire.transaction import SignedTransaction

MAX_QUEUE = 20_000
"""Submissions that wait; beyond it they are dropped and counted, and their senders ask again."""
TOO_MANY_ACCOUNTS = "too_many_accounts"
MAX_PACKET_BYTES = 4 * 1024 * 1024
CRIER_INTERVAL_S = 1.0
"""How often the crier looks whether grants have ended."""
PASSED_AT_ONCE = 250
"""Submissions whose signatures are verified together: some 5 ms of two processors."""
MAX_PASSED = 2_000
"""Verified submissions that wait for the clerk."""
MAX_AUCTION_QUEUE = 2_000
"""Bids that wait for the clearing house, some seconds of its work; more are dropped, and their senders ask again."""
MAX_UNANSWERED = 4
"""Blocks of which answers are being signed and sent."""
SEND_TIMEOUT_S = 2.0
"""How long a broker may take to read an answer before it counts as gone."""
_PROPERTIES: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
_RECONNECT_S = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A submission and where its answer goes."""

    submission: Submission
    address: Address


class Service:
    """One ledger at one broker. `counters` counts what could not be read, by topic kind and error.

    `tell` gets a sentence when the broker goes away or comes back, and a traceback where we failed. `auctions` answers
    for the clearing house (ledger/clearing_service.py), where there is one, and does not wait for it.
    """

    def __init__(
        self,
        orderer: Orderer,
        answers: Answers,
        key: PrivateKey,
        enrolling: Enrolling,
        broker: BrokerSettings,
        tell: Callable[[str], None],
        turnstile: Turnstile,
        verifiers: Verifiers,
        auctions: "Callable[[AuctionRequest], Future[bytes]] | None" = None,
    ) -> None:
        self.connected = asyncio.Event()
        self.counters: Counter[str] = Counter()
        self._orderer = orderer
        self._application = orderer.application
        self._answers = answers
        self._key = key
        self._enrolling = enrolling
        self._broker = broker
        self._tell = tell
        self._turnstile = turnstile
        self._verifiers = verifiers
        self._auctions = auctions
        self._to_auction: asyncio.Queue[tuple[Future[bytes], Address]] = asyncio.Queue(MAX_AUCTION_QUEUE)
        self._tls = tls_context(broker)
        self._client: aiomqtt.Client | None = None
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue(MAX_QUEUE)
        self._passed: asyncio.Queue[Waiting] = asyncio.Queue(MAX_PASSED)
        self._decided: asyncio.Queue[list[tuple[Waiting, Outcome]]] = asyncio.Queue(MAX_UNANSWERED)
        self._changed = asyncio.Event()
        self._to_show = all_providers(orderer.application.state)
        self._shown: dict[bytes, OfferState] = {}
        orderer.application.tell_fault = self._note_fault

    async def run(self) -> None:
        """Serves until cancelled."""
        await self._verifiers.start()
        try:
            await self._run_tasks()
        finally:
            await self._verifiers.close()

    async def _run_tasks(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._pass_on())
            tasks.create_task(self._reply())
            for _ in range(self._orderer.clerks):
                tasks.create_task(self._serve())
            tasks.create_task(self._cry())
            if self._auctions is not None:
                tasks.create_task(self._auction())

    # ---- The listener

    async def _listen(self) -> None:
        attempts = 0
        while True:
            try:
                async with self._new_client() as client:
                    await client.subscribe(SUBSCRIPTION, qos=1)
                    heed_cancellation()
                    self._client, attempts = client, 0
                    self._show_again()
                    self.connected.set()
                    self._tell(f"connected to broker {self._broker.host}:{self._broker.port}")
                    async for message in client.messages:
                        await self._take(message)
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                self.counters["broker lost"] += 1
                if not attempts:
                    self._tell(f"broker {self._broker.host}:{self._broker.port} is away: {error}")
            finally:
                self._client = None
                self.connected.clear()
            heed_cancellation()
            await asyncio.sleep(_RECONNECT_S[min(attempts, len(_RECONNECT_S) - 1)])
            attempts += 1

    def _new_client(self) -> aiomqtt.Client:
        properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = 65_535
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        return aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            identifier=f"ledger-{self._key.public.key_id.hex()}",
            protocol=aiomqtt.ProtocolVersion.V5,
            tls_context=self._tls,
            properties=properties,
            timeout=10,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    async def _take(self, message: aiomqtt.Message) -> None:
        if is_for_others(str(message.topic)):
            return
        properties = message.properties
        response_topic = getattr(properties, "ResponseTopic", None)
        correlation = getattr(properties, "CorrelationData", None)
        kind = "topic"
        try:
            address = read_address(str(message.topic), response_topic, correlation)
            kind = address.kind
            request = read_request(kind, message.payload, self._application.ledger_id)
            await self._handle(request, address)
        except DecodeError as error:
            self.counters[f"{kind}: {type(error).__name__}"] += 1
        except asyncio.QueueFull:
            self.counters[f"{kind}: dropped, too many are waiting"] += 1
        except ShellError:
            raise
        except Exception:  # noqa: BLE001 one message never ends the service, whatever we did wrong with it
            self._note_fault(traceback.format_exc())

    def _note_fault(self, text: str) -> None:
        self.counters[INTERNAL_FAULT] += 1
        self._tell(f"{INTERNAL_FAULT}: {text}")

    async def _handle(self, request: Any, address: Address) -> None:
        match request:
            case Query():
                await self._send(address, self._answers.to_query(request, self._application.head))
            case PriceQuery():
                await self._send(address, self._answers.to_price_query(request, self._application.head))
            case ProofQuery():
                await self._send(address, self._answers.to_proof_query(request, self._application.head))
            case RegistrationQuery(account):
                with self._application.lock:
                    head, known = (
                        self._application.head,
                        read_account(self._application.state, account) is not None,
                    )
                answer = self._answers.to_registration_query(request, head, _now_s(), known=known)
                await self._send(address, answer)
            case EnrolmentRequest() | EnrolmentAnswer():
                await self._enrol(request, address)
            case CreateAuction() | PlaceBid() | GetBid() | ListAuctions():
                await self._ask_house(request, address)
            case AskTimeKey() | AskQuestion() | AnswerQuestion():
                await self._ask_house(request, address)
            case SignedTransaction() if not self._turnstile.lets_pass(request, _now_s()):
                self.counters[TOO_MANY_ACCOUNTS] += 1
                await self._send(address, self._answers.to_outcome(self._turn_away(request)))
            case _:
                self._queue.put_nowait(Waiting(request, address))

    def _turn_away(self, signed: SignedTransaction) -> Refused:
        head = self._application.head
        detail = f"{self._turnstile.per_minute} new accounts a minute are let in: send it again later"
        return Refused(signed.transaction_id, TOO_MANY_ACCOUNTS, detail, head.height, head.time_s)

    def _without_house(self, request: AuctionRequest) -> bytes:
        auction_id = bytes(AUCTION_ID_SIZE)
        if isinstance(request, PlaceBid | GetBid | AskQuestion | AnswerQuestion):
            auction_id = request.auction_id
        detail = "this ledger runs no clearing house"
        said = AuctionReceipt(auction_id, Status.ERROR, reason="no_clearing_house", detail=detail)
        return write_auction_receipt(said, self._key, self._application.ledger_id)

    async def _enrol(self, message: EnrolmentRequest | EnrolmentAnswer, address: Address) -> None:
        try:
            word = self._enrolling.take(message, secrets.token_bytes(CHANCE_SIZE), _now_s())
        except DecodeError as error:
            self.counters[f"enrolment: {type(error).__name__}"] += 1
            refused = self._answers.to_refused_enrolment(
                bytes(32), "enrolment_refused", str(error), self._application.head
            )
            await self._send(address, refused)
            return
        if isinstance(word, AttestationResult):
            signed = write_attestation_result(word, self._key, self._application.ledger_id)
            self._queue.put_nowait(Waiting(Enrolment(signed), address))
        else:
            await self._send(address, self._answers.to_enrolment(word))

    # ---- The porter

    async def _pass_on(self) -> None:
        while True:
            waiting = [await self._queue.get()]
            while len(waiting) < PASSED_AT_ONCE and not self._queue.empty():
                waiting.append(self._queue.get_nowait())
            submissions = [one.submission for one in waiting]
            vouched = await self._verifiers.vouch(submissions, self._application.state)
            for one, submission in zip(waiting, vouched, strict=True):
                await self._passed.put(Waiting(submission, one.address))

    # ---- The clerk

    async def _serve(self) -> None:
        waiting: list[Waiting] = []
        while True:
            if not waiting:
                waiting.append(await self._passed.get())
            while len(waiting) < self._orderer.at_once and not self._passed.empty():
                waiting.append(self._passed.get_nowait())
            outcomes = await self._orderer.order([one.submission for one in waiting])
            served, waiting = waiting[: len(outcomes)], waiting[len(outcomes) :]
            known = zip(served, outcomes, strict=True)
            await self._decided.put([(one, outcome) for one, outcome in known if outcome is not None])
            self._to_show |= self._orderer.take_touched()
            if self._to_show:
                self._changed.set()

    # ---- The secretary

    async def _reply(self) -> None:
        while True:
            await self._send_answers(await self._decided.get())

    async def _send_answers(self, served: list[tuple[Waiting, Outcome]]) -> None:
        """All are signed together."""
        drafts = [(one.address, self._try_answer(one.submission, outcome)) for one, outcome in served]
        messages = [draft.messages for _, draft in drafts if isinstance(draft, DraftReply)]
        signatures = iter(await self._verifiers.sign([message for some in messages for message in some]))
        for address, draft in drafts:
            if draft is not None:
                await self._send(address, draft.join(signatures) if isinstance(draft, DraftReply) else draft)

    def _try_answer(self, submission: Submission, outcome: Outcome) -> bytes | DraftReply | None:
        try:
            return self._answer(submission, outcome)
        except ShellError:
            raise
        except Exception:  # noqa: BLE001 who gets no answer asks again; the others get theirs
            self._note_fault(traceback.format_exc())
            return None

    def _answer(self, submission: Submission, outcome: Outcome) -> bytes | DraftReply:
        match submission, outcome:
            case Enrolment(), Executed():
                return self._answers.to_enrolment(submission.result)
            case Enrolment(), Refused(reason=reason) if reason == ALREADY_ENROLLED:
                return self._answers.to_known_enrolment(submission.result, outcome)
            case Enrolment(), Refused():
                return self._answers.to_refused_enrolment(
                    outcome.subject, outcome.reason, outcome.detail, self._application.head
                )
            case _:
                return self._answers.draft_outcome(outcome)

    async def _send(self, address: Address, payload: bytes) -> None:
        """Now or never: a sender that hears nothing asks again."""
        client = self._client
        if client is None:
            self.counters["answers lost with the broker"] += 1
            return
        properties = None
        if address.correlation is not None:
            properties = _correlated(address.correlation)
        try:
            await client.publish(address.reply_topic, payload, properties=properties, timeout=SEND_TIMEOUT_S)
        except aiomqtt.MqttError:
            self.counters["answers lost with the broker"] += 1
        heed_cancellation()

    # ---- The clearing house

    async def _ask_house(self, request: AuctionRequest, address: Address) -> None:
        """At once: when a bid came is when we heard it. Raises QueueFull."""
        if self._auctions is None:
            self.counters["auction: there is no clearing house here"] += 1
            await self._send(address, self._without_house(request))
            return
        if self._to_auction.full():
            raise asyncio.QueueFull
        self._to_auction.put_nowait((self._auctions(request), address))

    async def _auction(self) -> None:
        """The house's answers in the order in which it was asked, beside the listener."""
        while True:
            answer, address = await self._to_auction.get()
            try:
                said = await asyncio.wrap_future(answer)
            except Exception:  # noqa: BLE001 who gets no answer asks again; the others get theirs
                self._note_fault(traceback.format_exc())
                continue
            await self._send(address, said)

    # ---- The crier

    async def _cry(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CRIER_INTERVAL_S):
                    await self._changed.wait()
            self._changed.clear()
            await self.connected.wait()
            now_s, state = max(_now_s(), self._application.head.time_s), self._application.state
            with self._application.lock:
                touched = self._to_show | self._orderer.take_touched()
                providers, self._to_show = touched | due_providers(state, now_s), set()
            for key_id in providers:
                with self._application.lock:  # for one walk at a time: a commit waits no longer than that
                    look = look_at(state, key_id, self._application.head.height, now_s)
                await self._show(key_id, look)
                await asyncio.sleep(0)

    async def _show(self, key_id: bytes, look: OfferState | None) -> None:
        client = self._client
        if look is None or client is None or self._shown.get(key_id) == replace(look, height=0):
            return
        encoded = write_offer_state(look, self._key, self._application.ledger_id)
        try:
            await client.publish(f"airgrant/v1/offer/{look.provider}", encoded, qos=1, retain=True)
            self._shown[key_id] = replace(look, height=0)
        except aiomqtt.MqttError:
            self._to_show.add(key_id)
        heed_cancellation()

    def _show_again(self) -> None:
        """A broker that was away may have forgotten what it retained."""
        self._shown.clear()
        self._to_show |= all_providers(self._application.state)
        self._changed.set()


def _correlated(correlation: bytes) -> Any:
    """Properties of one publication. Its own: others are sent by other tasks while this one waits for the broker."""
    properties = copy(_PROPERTIES)  # making them from nothing costs more than signing a receipt
    properties.CorrelationData = correlation
    return properties


def tls_context(broker: BrokerSettings) -> ssl.SSLContext:
    """Mutual TLS with a broker. Raises ConfigError for files that are no certificates and keys."""
    return client_context(broker.authority, broker.certificate, broker.key)


def _now_s() -> int:
    return int(time.time())
