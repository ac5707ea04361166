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
    Choose,
    Command,
    Failed,
    KeepGrant,
    NotWanted,
    PacketReceived,
    Phase,
    ProofSigned,
    SendPacket,
    Succeeded,
    await_offer,
    step,
)
from nas_tunnel.eap_fragments import split_message
from nas_tunnel.eap_purchase import Answer, Hold, MessageType, Shop, write_message
from nas_tunnel.lobby import Outcome
from tests.nas_tunnel.air import AIR_OFFER, GOLDEN, OUTCOME, REFUSED
from tests.nas_tunnel.eap_world import BOX_SHARE, SHOWN, THE_GRANT, WANTED, World
from tests.wire.examples import CONSUMER, LEDGER, LEDGER_ID, PROVIDER
from wire.cbor import write_cbor
from wire.grant import write_grant
from wire.ids import PublicKey
from wire.keys import PrivateKey

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
    choose, keep, succeeded = world.buyer_said
    assert choose == Choose(AIR_OFFER)
    assert isinstance(keep, KeepGrant)
    assert keep.encoded == GOLDEN["grant"]
    assert isinstance(succeeded, Succeeded)
    assert succeeded.grant == THE_GRANT
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


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        (World(air=None), "no_offer"),
        (World(decision=NotWanted("too_dear")), "declined"),
        (World(verdict=REFUSED), "rate_limit"),
        (World(verdict=replace(OUTCOME, grant=b"")), "no_grant"),
        (World(buyer_key=PROVIDER), "rejected"),
        (World(decision=replace(WANTED, ledger=PROVIDER.public)), "malformed"),
        (World(decision=replace(WANTED, consumer=PROVIDER.public)), "malformed"),
        (World(box_key=CONSUMER), "malformed"),
    ],
    ids=[
        "no offer",
        "not wanted",
        "refused",
        "no grant",
        "wrong key",
        "other ledger",
        "other consumer",
        "no box",
    ],
)
def test_why_it_came_to_nothing(world: World, reason: str) -> None:
    world.run()
    failed = [word for word in world.buyer_said if isinstance(word, Failed)]
    assert [word.reason for word in failed] == [reason]
    assert world.buyer.phase is Phase.DONE


def test_a_grant_is_kept_even_if_the_box_proves_nothing() -> None:
    """The ledger signed it: it was paid for, and is good at the provider's other cells."""
    world = World(box_key=CONSUMER).run()
    assert [type(word) for word in world.buyer_said] == [Choose, KeepGrant, Failed]


def test_a_provider_who_sells_anothers_grant() -> None:
    other = write_grant(replace(THE_GRANT, provider_id=bytes(16)), LEDGER, LEDGER_ID)
    world = World(decision=SHOWN)
    world.run()
    assert isinstance(world.box_said[0], eap_box.JudgeGrant)
    state = replace(world.buyer, phase=Phase.ORDERED)
    assert state.order is not None
    bought = replace(state.order, contents=WANTED.contents)
    sealed = state.secrets.seal(
        MessageType.ANSWER,
        write_cbor(
            [
                write_cbor([4, OUTCOME.transaction_id, OUTCOME.receipt, other]),
                b"",
            ]
        ),
    )
    _state, said = hear(replace(state, order=bought), request(99, write_message(Answer(sealed))))
    assert isinstance(said[0], KeepGrant)
    assert isinstance(said[-1], Failed)
    assert "another provider's" in said[-1].detail


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


def test_failure_at_any_time() -> None:
    state, said = hear(await_offer(), write_eap(EapPacket(EapCode.FAILURE, 7)))
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
    outcome = Outcome(OUTCOME.transaction_id, OUTCOME.receipt, GOLDEN["grant"])
    assert outcome == OUTCOME
    assert BOX_SHARE.public != world.box_key.public
