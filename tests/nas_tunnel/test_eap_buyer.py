"""The buyer's end of a purchase inside EAP: EAP's own types, boxes that lie, what is kept, what is passed over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel import eap_box
from nas_tunnel.eap import EapCode, EapPacket, EapType, ours, read_eap, write_eap, write_expanded_nak
from nas_tunnel.eap_buyer import (
    BuyerExchange,
    Charged,
    Choose,
    Command,
    Failed,
    GivenUp,
    KeepGrant,
    KeepOutcome,
    NotWanted,
    PacketReceived,
    Phase,
    ProofSigned,
    SendPacket,
    Setback,
    Succeeded,
    await_offer,
    step,
)
from nas_tunnel.eap_fragments import split_message
from nas_tunnel.eap_purchase import (
    MAX_HOLDS,
    Answer,
    AnswerContents,
    Hold,
    MessageType,
    Shop,
    write_answer,
    write_message,
)
from nas_tunnel.lobby import Outcome, write_lobby
from tests.nas_tunnel.air import AIR_OFFER, REFUSED
from tests.nas_tunnel.eap_world import (
    BOUGHT,
    BOX_SHARE,
    OUTCOME,
    RECEIPT,
    SHOWN,
    TRANSACTION,
    WANTED,
    World,
    outcome,
)
from tests.wire.examples import CONSUMER, LEDGER_ID, PROVIDER
from wire.cbor import write_cbor
from wire.exchange_proof import Prover, write_exchange_proof
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.transaction import read_transaction, sign_transaction

NOTIFICATION = write_eap(EapPacket(EapCode.REQUEST, 99, EapType.NOTIFICATION, b"hi"))
OTHERS_METHOD = write_eap(EapPacket(EapCode.REQUEST, 4, EapType.EXPANDED, b"", 311, 1))


def hear(state: BuyerExchange, *packets: bytes) -> tuple[BuyerExchange, list[Command]]:
    said: list[Command] = []
    for packet in packets:
        state, commands = step(state, PacketReceived(packet))
        said += commands
    return state, said


def request(identifier: int, message: bytes) -> bytes:
    return ours(EapCode.REQUEST, identifier, split_message(message)[0])


def test_a_purchase_seen_from_here() -> None:
    world = World().run()
    choose, outcome, keep, succeeded = world.buyer_said
    assert choose == Choose(AIR_OFFER)
    assert outcome == KeepOutcome(OUTCOME)
    assert keep == KeepGrant(BOUGHT, OUTCOME.grant)
    assert isinstance(succeeded, Succeeded)
    assert succeeded.grant == BOUGHT
    assert world.buyer.phase is Phase.DONE


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        (
            write_eap(EapPacket(EapCode.REQUEST, 4, EapType.IDENTITY, b"who?")),
            write_eap(EapPacket(EapCode.RESPONSE, 4, EapType.IDENTITY, b"anonymous@airgrant.invalid")),
        ),
        (
            write_eap(EapPacket(EapCode.REQUEST, 4, EapType.NOTIFICATION, b"hello")),
            write_eap(EapPacket(EapCode.RESPONSE, 4, EapType.NOTIFICATION)),
        ),
        (
            write_eap(EapPacket(EapCode.REQUEST, 4, 50, b"aka")),
            write_eap(EapPacket(EapCode.RESPONSE, 4, EapType.NAK, b"\xfe")),
        ),
        (OTHERS_METHOD, write_expanded_nak(4)),
    ],
    ids=["identity", "notification", "aka'", "another vendor"],
)
def test_eap_of_everybody(packet: bytes, answer: bytes) -> None:
    """RFC 3748 clauses 5.1 to 5.3: and a copy of the question gets a copy of the answer."""
    _state, said = hear(await_offer(), packet, packet)
    assert said == [SendPacket(answer), SendPacket(answer)]


def test_a_name_that_was_said_is_part_of_the_exchange() -> None:
    world = World(identity=b"anonymous@airgrant.invalid")
    world.buyer, _ = hear(world.buyer, write_eap(EapPacket(EapCode.REQUEST, 4, EapType.IDENTITY)))
    world.run()
    assert isinstance(world.box_said[-1], eap_box.Succeeded)


ANOTHER = replace(BOUGHT, grant_id=bytes(16))
NEVER_RAN = replace(RECEIPT, reason="insufficient_funds", detail="12 BC, and 15 BC are wanted")


@pytest.mark.parametrize(
    ("world", "reason", "charged"),
    [
        (World(air=None), "no_offer", Charged.NO),
        (World(decision=NotWanted("too_dear")), "declined", Charged.NO),
        (World(verdict=REFUSED), "rate_limit", Charged.UNKNOWN),
        (World(decision=SHOWN, verdict=REFUSED), "rate_limit", Charged.NO),
        (World(verdict=outcome(NEVER_RAN, None)), "insufficient_funds", Charged.NO),
        (World(verdict=outcome(replace(RECEIPT, reason="replayed"), None)), "no_grant", Charged.YES),
        (World(verdict=replace(OUTCOME, grant=b"")), "no_grant", Charged.YES),
        (World(verdict=replace(OUTCOME, receipt=b"junk", grant=b"")), "bad_outcome", Charged.UNKNOWN),
        (World(verdict=replace(OUTCOME, transaction_id=bytes(32))), "bad_outcome", Charged.UNKNOWN),
        (World(verdict=outcome(replace(RECEIPT, subject=bytes(32)))), "bad_outcome", Charged.UNKNOWN),
        (World(verdict=outcome(grant=ANOTHER)), "grant_differs", Charged.YES),
        (
            World(verdict=outcome(grant=replace(BOUGHT, consumer=PROVIDER.public)), buyer_key=PROVIDER),
            "grant_differs",
            Charged.YES,
        ),
        (World(verdict=outcome(grant=replace(BOUGHT, provider_id=bytes(16)))), "not_admitted", Charged.YES),
        (World(judgement=REFUSED), "not_admitted", Charged.YES),
        (World(buyer_key=PROVIDER), "rejected", Charged.YES),
        (World(decision=replace(WANTED, ledger=PROVIDER.public)), "bad_outcome", Charged.UNKNOWN),
        (World(decision=replace(WANTED, consumer=PROVIDER.public)), "grant_differs", Charged.YES),
        (World(decision=replace(SHOWN, consumer=PROVIDER.public)), "malformed", Charged.NO),
        (World(box_key=CONSUMER), "malformed", Charged.YES),
    ],
)
def test_why_it_came_to_nothing(world: World, reason: str, charged: Charged) -> None:
    """And whether money is gone; while nobody knows, which transaction has to be asked for."""
    world.run()
    (failed,) = [word for word in world.buyer_said if isinstance(word, Failed)]
    assert (failed.reason, failed.charged) == (reason, charged)
    assert failed.unanswered == (TRANSACTION.encoded if charged is Charged.UNKNOWN else b"")
    assert not any(isinstance(word, Succeeded) for word in world.buyer_said)
    assert world.buyer.phase is Phase.DONE
    ran = any(isinstance(word, eap_box.ExecuteTransaction) for word in world.box_said)
    kept = [word.outcome for word in world.buyer_said if isinstance(word, KeepOutcome)]
    assert kept == ([world.verdict] if ran and isinstance(world.verdict, Outcome) else [])


def test_a_grant_is_kept_even_if_the_box_proves_nothing() -> None:
    """The ledger signed it: it was paid for, and is good at the provider's other cells."""
    world = World(box_key=CONSUMER).run()
    assert [type(word) for word in world.buyer_said] == [Choose, KeepOutcome, KeepGrant, Failed]


def test_a_provider_who_sells_anothers_grant() -> None:
    """With a proof; our box would not give one."""
    other = outcome(grant=replace(BOUGHT, provider_id=bytes(16)))
    world = World(verdict=None).run()
    state = world.buyer
    transcript = state.secrets.heard(write_lobby(other)).transcript
    proof = write_exchange_proof(Prover.BOX, transcript, PROVIDER)
    sealed = state.secrets.seal(MessageType.ANSWER, write_answer(AnswerContents(other, proof)))
    _state, said = hear(state, request(99, write_message(Answer(sealed))))
    assert isinstance(said[1], KeepGrant)
    assert isinstance(said[-1], Failed)
    assert "another provider's" in said[-1].detail


# ---- What nobody signed


def ordered() -> World:
    """The order is out, and the ledger has not answered."""
    world = World(verdict=None).run()
    assert world.buyer.phase is Phase.ORDERED
    return world


@pytest.mark.parametrize(
    "packet",
    [
        write_eap(EapPacket(EapCode.FAILURE, 200)),
        request(200, b"\xff"),
        request(18, write_message(Answer(bytes(300)))),
        request(200, write_message(Shop(AIR_OFFER, PROVIDER.public))),
        ours(EapCode.REQUEST, 200, bytes.fromhex("c0 0800 aabbcc")),
        write_eap(EapPacket(EapCode.REQUEST, 200, EapType.NOTIFICATION, b"hi")),
        write_eap(EapPacket(EapCode.SUCCESS, 18)),
    ],
    ids=["failure", "junk", "answer", "shop", "fragment", "notification", "success"],
)
def test_a_forged_packet_after_the_order(packet: bytes) -> None:
    """RFC 3748 clause 4.2, and more: the answer that the box sends afterwards is taken all the same."""
    world = ordered()
    world.buyer, said = hear(world.buyer, packet)
    assert not any(isinstance(word, Failed | Setback) for word in said)
    world.tell_box(eap_box.Answered(OUTCOME))
    assert isinstance(world.buyer_said[-1], Succeeded)


def test_failure_after_the_order_ends_nothing() -> None:
    """With the right identifier, which anybody hears: it is told, and the answer may come all the same."""
    world = ordered()
    assert world.buyer.asked is not None
    world.tell_buyer(PacketReceived(write_eap(EapPacket(EapCode.FAILURE, world.buyer.asked))))
    assert world.buyer_said[-1] == Setback("rejected", "EAP-Failure in the phase ordered")
    world.tell_box(eap_box.Answered(OUTCOME))
    assert isinstance(world.buyer_said[-1], Succeeded)


def test_who_only_holds_is_not_answered_for_ever() -> None:
    world = ordered()
    state = replace(world.buyer, holds=MAX_HOLDS)
    after, said = hear(state, request(77, write_message(Hold())))
    assert (said, after.dropped) == ([], 1)


def test_a_shown_grant_has_no_outcome() -> None:
    """Nothing was bought; whoever says so anyway, with a proof, is no box."""
    world = World(decision=SHOWN, verdict=None, judgement=None).run()
    state = world.buyer
    transcript = state.secrets.heard(write_lobby(OUTCOME)).transcript
    proof = write_exchange_proof(Prover.BOX, transcript, PROVIDER)
    sealed = state.secrets.seal(MessageType.ANSWER, write_answer(AnswerContents(OUTCOME, proof)))
    _state, said = hear(state, request(77, write_message(Answer(sealed))))
    assert [type(word) for word in said] == [SendPacket, Failed]
    assert said[-1] == Failed("malformed", "the answer is not to this order")


def test_an_order_without_an_answer_is_given_up_by_who_has_the_clock() -> None:
    world = ordered()
    world.tell_buyer(GivenUp())
    why = "nobody signed what became of the order"
    assert world.buyer_said[-1] == Failed("given_up", why, Charged.UNKNOWN, TRANSACTION.encoded)
    assert step(world.buyer, GivenUp()) == (world.buyer, [])
    _state, said = step(await_offer(), GivenUp())
    assert said == [Failed("given_up", "nothing more came")]


def test_the_next_exchange_asks_for_the_same_purchase_and_no_other() -> None:
    """An unsigned no must not lead to a second purchase."""
    (refused,) = [word for word in World(verdict=REFUSED).run().buyer_said if isinstance(word, Failed)]
    again = World(unanswered=refused.unanswered).run()
    assert again.buyer_said[0] == Choose(AIR_OFFER, TRANSACTION.encoded)
    assert isinstance(again.buyer_said[-1], Succeeded)
    other = sign_transaction(
        replace(read_transaction(TRANSACTION.encoded, LEDGER_ID).transaction, nonce=bytes(8)),
        CONSUMER,
        LEDGER_ID,
    )
    new = replace(WANTED, contents=replace(TRANSACTION, encoded=other.envelope.encoded))
    world = World(unanswered=refused.unanswered, decision=new).run()
    failed = world.buyer_said[-1]
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.charged) == ("unanswered", Charged.UNKNOWN)
    assert failed.unanswered == TRANSACTION.encoded
    assert not any(isinstance(word, eap_box.ExecuteTransaction) for word in world.box_said)


# ---- Identifiers


def test_a_request_with_the_identifier_of_the_one_before_is_no_copy() -> None:
    """RFC 3748 clause 4.1 has a box change it; whoever does not is heard all the same, as only octets make a copy."""
    world = World(identity=b"anonymous@airgrant.invalid")
    world.buyer, _ = hear(world.buyer, write_eap(EapPacket(EapCode.REQUEST, 18, EapType.IDENTITY)))
    world.run()
    assert isinstance(world.buyer_said[-1], Succeeded)


def test_a_notification_while_somebody_chooses() -> None:
    """RFC 3748 clause 5.2: it stands outside of the method, so the order answers the Shop, and a copy of that too."""
    state, _ = hear(await_offer(), World().opened[1][0].packet)  # type: ignore[union-attr]
    state, said = hear(state, NOTIFICATION)
    assert said == [SendPacket(write_eap(EapPacket(EapCode.RESPONSE, 99, EapType.NOTIFICATION)))]
    state, said = step(state, WANTED)
    (sent,) = said
    assert isinstance(sent, SendPacket)
    assert read_eap(sent.packet).identifier == 18
    assert hear(state, World().opened[1][0].packet)[1] == [sent]  # type: ignore[union-attr]


@pytest.mark.parametrize("identifier", [19, 99])
def test_a_notification_before_success(identifier: int) -> None:
    world = World(wire=lambda packet: b"" if packet[0] == EapCode.SUCCESS else packet).run()
    state, said = hear(world.buyer, NOTIFICATION, write_eap(EapPacket(EapCode.SUCCESS, identifier)))
    assert isinstance(said[-1], Succeeded)
    assert state.phase is Phase.DONE


@pytest.mark.parametrize("phase", [Phase.LISTENING, Phase.CHOOSING])
def test_success_before_the_proof_is_passed_over(phase: Phase) -> None:
    """RFC 3748 clause 4.2: and so is one with another identifier."""
    state = replace(await_offer(), phase=phase, asked=7)
    for identifier in (7, 8):
        after, said = hear(state, write_eap(EapPacket(EapCode.SUCCESS, identifier)))
        assert said == []
        assert after.dropped == 1
    world = World(wire=lambda packet: b"" if packet[0] == EapCode.SUCCESS else packet).run()
    assert world.buyer.phase is Phase.PROVED
    after, said = hear(world.buyer, write_eap(EapPacket(EapCode.SUCCESS, 200)))
    assert (after.phase, said) == (Phase.PROVED, [])


def test_failure_before_the_order() -> None:
    """With the identifier of what was answered: then it is over, and nothing was spent."""
    state, said = hear(await_offer(), write_eap(EapPacket(EapCode.FAILURE, 7)))
    assert (said, state.dropped) == ([], 1)
    state, _ = hear(state, write_eap(EapPacket(EapCode.REQUEST, 7, EapType.IDENTITY)))
    state, said = hear(state, write_eap(EapPacket(EapCode.FAILURE, 7)))
    assert said == [Failed("rejected", "EAP-Failure in the phase listening")]
    assert hear(state, write_eap(EapPacket(EapCode.REQUEST, 8, EapType.IDENTITY)))[1] == []


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_whatever_comes(packets: list[bytes]) -> None:
    state, said = hear(await_offer(), *packets)
    assert not any(isinstance(word, KeepGrant | Succeeded) for word in said)
    assert state.phase in (Phase.LISTENING, Phase.DONE)


@pytest.mark.parametrize(
    "message",
    [write_message(Hold()), write_message(Answer(b"x")), b"", b"\xff", write_cbor([9])],
    ids=["hold", "answer", "empty", "no cbor", "unknown"],
)
def test_a_box_that_talks_out_of_turn(message: bytes) -> None:
    state, said = hear(await_offer(), request(5, message))
    sent, failed = said
    assert isinstance(sent, SendPacket)
    assert read_eap(sent.packet).is_ours
    assert isinstance(failed, Failed)
    assert failed.reason == "malformed"
    assert state.phase is Phase.DONE


def test_a_box_whose_share_is_no_point() -> None:
    shop = write_message(Shop(AIR_OFFER, PublicKey(b"\x02" + b"\xff" * 32)))
    state, _ = hear(await_offer(), request(5, shop))
    _state, said = step(state, WANTED)
    assert isinstance(said[-1], Failed)
    assert "not a point on P-256" in said[-1].detail


def test_words_that_nobody_asked_for() -> None:
    state = await_offer()
    for event in (WANTED, NotWanted("no"), ProofSigned(b"proof")):
        assert step(state, event) == (state, [])


def test_an_answer_of_a_box_that_only_copied_the_offer() -> None:
    """It has no proof of the provider's key; the buyer does not send its own."""
    world = World(box_key=PrivateKey.from_secret(9)).run()
    assert world.buyer.keys is None
    assert not any(isinstance(word, Succeeded) for word in world.buyer_said)
    assert BOX_SHARE.public != world.box_key.public
