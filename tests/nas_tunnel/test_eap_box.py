"""The box's end of a purchase inside EAP: the journeys, who is refused, what is passed over, and who it outlives."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from itertools import count
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st

from nas_tunnel import eap_box
from nas_tunnel.eap import EapCode, EapPacket, EapType, ours, read_eap, write_eap, write_expanded_nak
from nas_tunnel.eap_box import (
    Answered,
    ExecuteTransaction,
    Failed,
    GrantAccepted,
    JudgeGrant,
    LateOutcome,
    NothingCame,
    PacketReceived,
    Phase,
    ProofSigned,
    SendPacket,
    Succeeded,
    TookLong,
    open_exchange,
    step,
)
from nas_tunnel.eap_buyer import KeepGrant, KeepOutcome, NotWanted, Ordered
from nas_tunnel.eap_fragments import split_message
from nas_tunnel.eap_purchase import (
    MAX_HOLDS,
    Hold,
    Order,
    OrderContents,
    OrderKind,
    SessionKeys,
    write_message,
    write_order,
)
from nas_tunnel.lobby import Outcome, Refused
from tests.nas_tunnel.air import AIR_OFFER, GOLDEN, REFUSED, TRANSACTION_ID
from tests.nas_tunnel.eap_world import BOUGHT, BOX_SHARE, OUTCOME, SHOWN, THE_GRANT, WANTED, World, outcome
from tests.wire.examples import CONSUMER, LEDGER, LEDGER_ID, PROVIDER
from wire.allocate import Allocate
from wire.grant import write_grant
from wire.grant_proof import verify_grant_proof
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.transaction import Action, Transaction, read_transaction, sign_transaction


def keys_of(said: list[object]) -> SessionKeys:
    (succeeded,) = [word for word in said if hasattr(word, "keys")]
    keys = succeeded.keys
    assert isinstance(keys, SessionKeys)
    return keys


def test_a_purchase() -> None:
    world = World().run()
    executed, judged, succeeded = world.box_said
    assert executed == ExecuteTransaction(GOLDEN["allocate"])
    assert judged == JudgeGrant(BOUGHT, OUTCOME.grant)
    assert isinstance(succeeded, Succeeded)
    assert succeeded.grant.consumer == CONSUMER.public
    assert (succeeded.peer_id, succeeded.server_id) == (CONSUMER.public, PROVIDER.public)
    assert read_eap(succeeded.packet).code is EapCode.SUCCESS
    assert keys_of(world.box_said) == keys_of(world.buyer_said)
    assert any(isinstance(word, KeepGrant) for word in world.buyer_said)
    assert world.box.phase is Phase.DONE
    assert len(world.packets) == 5, "two rounds and EAP-Success"
    assert max(map(len, world.packets)) <= 1_500


def test_the_page_is_enough_to_follow_an_exchange() -> None:
    """docs/wire/cellular-nas.md, clause by clause, with cbor2 and cryptography and nothing of ours."""
    world = World().run()
    shop, order, answer, proof = (packet[13:] for packet in world.packets[:4])
    assert [cbor2.loads(message)[0] for message in (shop, order, answer, proof)] == [1, 2, 4, 5]

    def h(t: bytes, m: bytes) -> bytes:
        return hashlib.sha256(t + len(m).to_bytes(4, "big") + m).digest()

    share = cbor2.loads(order)[1]
    t1 = h(h(hashlib.sha256(b"airgrant/eap/1").digest(), b""), shop)
    t2 = h(t1, order)
    t3 = h(t2, answer)
    t4 = h(t3, proof)
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), share)
    root = hmac.digest(h(t1, share), BOX_SHARE.key.exchange(ec.ECDH(), point), "sha256")

    def unsealed(kind: int, t: bytes, sealed: bytes) -> Any:
        info = b"airgrant/eap/1/seal" + bytes((kind,)) + t
        key = HKDFExpand(hashes.SHA256(), 16, info).derive(root)
        return cbor2.loads(AESGCM(key).decrypt(sealed[:12], sealed[12:], t))

    assert unsealed(2, t1, cbor2.loads(order)[2]) == [1, GOLDEN["allocate"]]
    outcome, box_proof = unsealed(4, t2, cbor2.loads(answer)[1])
    assert cbor2.loads(outcome)[3] == OUTCOME.grant
    for envelope, key, external, transcript in (
        (cbor2.loads(box_proof), PROVIDER, b"airgrant/exchange/box", h(t2, outcome)),
        (unsealed(5, t3, cbor2.loads(proof)[1]), CONSUMER, b"airgrant/exchange/buyer", t3),
    ):
        protected, _, payload, signature = envelope.value
        assert cbor2.loads(payload) == {1: transcript}
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        signed = cbor2.dumps(["Signature1", protected, external, payload])
        key.key.public_key().verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    exported = HKDFExpand(hashes.SHA256(), 128, b"airgrant/eap/1/session" + t4).derive(root)
    keys = keys_of(world.box_said)
    assert keys.msk + keys.emsk == exported
    assert keys.session_id == bytes.fromhex("fe02414700000001") + t4


def test_what_travels_names_nobody() -> None:
    """Account, grant and transaction are sealed, and so is the key id by which the transaction names its issuer."""
    world = World().run()
    said = b"".join(world.packets)
    for secret in (
        CONSUMER.public.octets,
        CONSUMER.public.key_id,
        GOLDEN["grant"][:40],
        GOLDEN["allocate"][:40],
    ):
        assert secret not in said


@pytest.mark.parametrize("max_packet_bytes", [64, 100, 244, 600, 1_020])
def test_a_purchase_in_small_packets(max_packet_bytes: int) -> None:
    world = World(max_packet_bytes=max_packet_bytes).run()
    assert keys_of(world.box_said) == keys_of(world.buyer_said)
    assert max(map(len, world.packets)) <= max_packet_bytes
    assert len(world.packets) >= 5


def test_a_grant_that_is_shown_again() -> None:
    world = World(decision=SHOWN, verdict=GrantAccepted()).run()
    judged, _succeeded = world.box_said
    assert isinstance(judged, JudgeGrant)
    assert judged.encoded == GOLDEN["grant"]
    assert keys_of(world.box_said) == keys_of(world.buyer_said)
    assert not any(isinstance(word, KeepGrant) for word in world.buyer_said), "it is kept already"


def test_shares_that_are_used_twice() -> None:
    """The keys of two exchanges depend on every message, the proofs' chance included; and two orders under one key, as
    a box that repeats its Shop can have them from a buyer that repeats its share, give nothing of each other away.
    """
    bought, again = World().run(), World().run()
    shown = World(decision=SHOWN, verdict=GrantAccepted()).run()
    assert keys_of(bought.box_said).msk != keys_of(again.box_said).msk
    one, other = (cbor2.loads(world.packets[1][13:])[2] for world in (bought, shown))
    assert one[:12] != other[:12], "another nonce"
    streams = [
        bytes(a ^ b for a, b in zip(sealed[12:-16], write_order(wanted.contents), strict=True))
        for sealed, wanted in ((one, WANTED), (other, SHOWN))
    ]
    assert streams[0][:100] != streams[1][:100]


def test_ends_that_heard_another_name_agree_on_nothing() -> None:
    failed = World(identity=b"other").run().box_said[-1]
    assert isinstance(failed, Failed)


ALLOCATE = read_transaction(GOLDEN["allocate"], LEDGER_ID).transaction.action
assert isinstance(ALLOCATE, Allocate)


def wants(action: Action) -> Ordered:
    signed = sign_transaction(Transaction(action, bytes(8), 1_766_000_060), CONSUMER, LEDGER_ID)
    return replace(WANTED, contents=OrderContents(OrderKind.TRANSACTION, signed.envelope.encoded))


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        (World(air=None), "no_offer"),
        (World(decision=NotWanted("too_dear")), "declined"),
        (World(verdict=REFUSED), "rate_limit"),
        (World(verdict=replace(OUTCOME, grant=b"")), "no_grant"),
        (World(decision=SHOWN, verdict=REFUSED), "rate_limit"),
        (World(judgement=REFUSED), "rate_limit"),
        (World(buyer_key=PROVIDER), "not_the_consumer"),
        (World(box_key=CONSUMER), "declined"),
        (World(decision=wants(Transfer(PROVIDER.public, 5))), "not_relayed"),
        (World(decision=wants(replace(ALLOCATE, provider=LEDGER.public))), "foreign_provider"),
        (
            World(decision=wants(replace(ALLOCATE, consumer_keys=2 * CONSUMER.public.octets))),
            "many_consumers",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_who_does_not_get_in(world: World, reason: str) -> None:
    world.run()
    failed = world.box_said[-1]
    assert isinstance(failed, Failed)
    assert failed.reason == reason
    assert read_eap(failed.packet).code is EapCode.FAILURE
    assert not any(isinstance(word, Succeeded) for word in world.box_said)
    assert world.box.phase is Phase.DONE
    asked = [word for word in world.box_said if isinstance(word, ExecuteTransaction)]
    assert not asked or reason not in ("not_relayed", "foreign_provider", "many_consumers")


def test_a_grant_of_another_provider_or_ledger() -> None:
    """One that the ledger made for somebody else, in its answer or shown, is none here."""
    other = write_grant(replace(THE_GRANT, provider_id=bytes(16)), LEDGER, LEDGER_ID)
    forged = write_grant(THE_GRANT, CONSUMER, LEDGER_ID)
    for grant in (other, forged):
        world = World(verdict=Outcome(TRANSACTION_ID, OUTCOME.receipt, grant)).run()
        failed = world.box_said[-1]
        assert isinstance(failed, Failed)
        assert failed.reason == "foreign_grant"
        (kept,) = [word for word in world.buyer_said if isinstance(word, KeepOutcome)]
        assert kept.outcome.grant == grant, "whoever paid is told what for"
    shown = replace(SHOWN, contents=OrderContents(OrderKind.GRANT, other))
    failed = World(decision=shown, verdict=GrantAccepted()).run().box_said[-1]
    assert isinstance(failed, Failed)
    assert "another provider's" in failed.detail


def test_a_grant_is_shown_by_its_proof() -> None:
    """As one of many, out of a signed block; a proof of another ledger's block is none."""
    proof = OrderContents(OrderKind.GRANT, GOLDEN["grant_proof"])
    world = World(decision=replace(SHOWN, contents=proof), verdict=GrantAccepted()).run()
    (judged,) = {word.grant for word in world.box_said if isinstance(word, JudgeGrant)}
    assert judged == verify_grant_proof(GOLDEN["grant_proof"], LEDGER.public, LEDGER_ID)
    assert isinstance(world.box_said[-1], Succeeded)
    forged = OrderContents(OrderKind.GRANT, GOLDEN["grant_proof"][:-1] + b"\0")
    world = World(decision=replace(SHOWN, contents=forged), verdict=GrantAccepted()).run()
    assert not any(isinstance(word, JudgeGrant | Succeeded) for word in world.box_said)


def test_one_transaction_in_two_exchanges() -> None:
    """The ledger answers a copy with the grant of the first run: whoever keeps grants for exchanges gives it once."""
    second = World(judgement=Refused(BOUGHT.grant_id, "grant_used", "another exchange has it"))
    first = World(judgement=None).run()
    second.run()
    first.tell_box(GrantAccepted())
    assert isinstance(first.box_said[-1], Succeeded)
    failed = second.box_said[-1]
    assert isinstance(failed, Failed)
    assert failed.reason == "grant_used"
    assert any(isinstance(word, KeepGrant) for word in second.buyer_said), "it is his all the same"


def test_a_grant_whose_time_is_over_is_judged_before_anything_is_signed() -> None:
    over = outcome(grant=replace(BOUGHT, starts_s=1, duration_s=1))
    world = World(verdict=over, judgement=None).run()
    judged = world.box_said[-1]
    assert isinstance(judged, JudgeGrant)
    assert judged.grant.ends_s == 2
    assert world.box.phase is Phase.JUDGING
    world.tell_box(Answered(Refused(BOUGHT.grant_id, "grant_over", "it ended")))
    assert isinstance(world.box_said[-1], Failed)
    assert world.box.answer is not None
    assert not world.box.answer.proof
    assert any(isinstance(word, KeepOutcome) for word in world.buyer_said)


def test_an_outcome_that_nobody_waits_for_any_more() -> None:
    world = World(verdict=REFUSED).run()
    world.tell_box(Answered(OUTCOME))
    world.tell_box(Answered(OUTCOME))
    assert [word for word in world.box_said if isinstance(word, LateOutcome)] == [LateOutcome(OUTCOME)]


def test_a_shown_grant_is_not_answered_by_an_outcome() -> None:
    world = World(decision=SHOWN, verdict=None, judgement=None).run()
    world.tell_box(Answered(OUTCOME))
    assert world.box_said[-1] == LateOutcome(OUTCOME)
    assert world.box.phase is Phase.JUDGING


def test_what_could_compute_a_key_is_forgotten() -> None:
    for world in (World(), World(verdict=REFUSED), World(buyer_key=PROVIDER)):
        world.run()
        for end in (world.box, world.buyer):
            assert end.phase.name == "DONE"
            assert end.secrets.root == b""
        assert world.box.share is None
        assert world.buyer.keys is None
        assert not hasattr(world.buyer.order, "share")


def test_every_packet_arrives_twice() -> None:
    """Also an order while the ledger is asked, and while the buyer holds."""
    world = World(copies=2, verdict=None).run()
    world.tell_box(TookLong())
    world.tell_box(Answered(OUTCOME))
    assert keys_of(world.box_said) == keys_of(world.buyer_said)
    kinds = [type(word) for word in world.box_said]
    assert kinds == [ExecuteTransaction, JudgeGrant, Succeeded]


def test_a_ledger_that_takes_minutes() -> None:
    """Holds do not use up the packets of an exchange; they have an end of their own, and the answer still gets out."""
    world = World(verdict=None).run()
    before = len(world.packets)
    for _ in range(MAX_HOLDS + 5):
        world.tell_box(TookLong())
    assert len(world.packets) == before + 2 * MAX_HOLDS
    world.tell_box(Answered(OUTCOME))
    assert keys_of(world.box_said) == keys_of(world.buyer_said)


def test_nothing_is_heard_while_nothing_is_asked() -> None:
    """No Request is out while the ledger is asked; and the share has done its work."""
    world = World(verdict=None).run()
    assert world.box.share is None
    identifier = world.box.link.identifier
    for data in (bytes.fromhex("c0 0800 aabbcc"), b"\0", b"\0x"):
        after, said = step(world.box, PacketReceived(ours(EapCode.RESPONSE, identifier, data)))
        assert said == []
        assert after == replace(world.box, dropped=world.box.dropped + 1)


def test_a_second_signature_is_not_sent() -> None:
    world = World(verdict=None).run()
    world.wire = lambda _packet: b""
    world.tell_box(TookLong())
    world.tell_box(Answered(OUTCOME))
    assert world.box.answer is not None
    proof = world.box.answer.proof
    world.tell_box(ProofSigned(b"another"))
    assert world.box.answer is not None
    assert world.box.answer.proof == proof


@pytest.mark.parametrize(
    "junk", [b"\xff", b"", write_message(Order(PROVIDER.public, b"x")), write_message(Hold())]
)
def test_a_forged_packet_does_not_end_a_paid_exchange(junk: bytes) -> None:
    world = World(wire=lambda packet: b"" if packet[12:14] == b"\0\x82" and packet[14] == 5 else packet).run()
    assert world.box.phase is Phase.PROVING
    identifier = world.box.link.identifier
    naks = (
        write_eap(EapPacket(EapCode.RESPONSE, identifier, EapType.NAK, b"\x0d")),
        write_expanded_nak(identifier),
    )
    for forged in (ours(EapCode.RESPONSE, identifier, b"\0" + junk), *naks):
        world.tell_box(PacketReceived(forged))
    assert world.box.phase is Phase.PROVING
    world.wire = lambda packet: packet
    world.tell_box(NothingCame())
    assert keys_of(world.box_said) == keys_of(world.buyer_said)


def test_a_slow_ledger() -> None:
    """Hold, "go on", hold again; the answer waits for the receipt of a hold that is out."""
    world = World(verdict=None).run()
    assert world.box.phase is Phase.DECIDING
    before = len(world.packets)
    for _ in range(3):
        world.tell_box(TookLong())
    assert len(world.packets) == before + 6
    world.wire = lambda _packet: b""
    world.tell_box(TookLong())
    assert world.box.held
    world.tell_box(TookLong())
    assert len(world.packets) == before + 7, "one hold at a time"
    world.tell_box(Answered(OUTCOME))
    assert len(world.packets) == before + 7, "the answer waits"
    world.wire = lambda packet: packet
    world.tell_box(NothingCame())
    assert keys_of(world.box_said) == keys_of(world.buyer_said)


def test_a_slow_refusal() -> None:
    world = World(verdict=None).run()
    world.wire = lambda _packet: b""
    world.tell_box(TookLong())
    world.tell_box(Answered(REFUSED))
    world.wire = lambda packet: packet
    world.tell_box(NothingCame())
    failed = world.box_said[-1]
    assert isinstance(failed, Failed)
    assert failed.reason == "rate_limit"


@pytest.mark.parametrize("lost", range(4))
def test_a_packet_is_lost(lost: int) -> None:
    """The box sends its last one again, the buyer answers it again, and nothing happens twice."""
    numbers = count()
    world = World(wire=lambda packet: b"" if next(numbers) == lost else packet).run()
    world.tell_box(NothingCame())
    assert keys_of(world.box_said) == keys_of(world.buyer_said)
    assert sum(isinstance(word, ExecuteTransaction) for word in world.box_said) == 1


@given(st.integers(0, 4), st.data())
@settings(max_examples=150)
def test_a_packet_is_garbled(which: int, data: st.DataObject) -> None:
    """Whatever is changed on the way: nobody gets in who would not have, and both ends agree on keys or fail."""
    numbers = count()

    def garble(packet: bytes) -> bytes:
        if next(numbers) != which:
            return packet
        at = data.draw(st.integers(0, len(packet) - 1))
        return packet[:at] + bytes((packet[at] ^ data.draw(st.integers(1, 255)),)) + packet[at + 1 :]

    world = World(wire=garble).run()
    in_here, in_there = (
        any(hasattr(word, "keys") for word in said) for said in (world.box_said, world.buyer_said)
    )
    assert in_here or not in_there
    assert in_there or not in_here or which == 4, "only EAP-Success itself may be lost on one end"
    if in_there:
        assert keys_of(world.box_said) == keys_of(world.buyer_said)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x02\x12\x00\x05",
        write_eap(EapPacket(EapCode.SUCCESS, 18)),
        write_eap(EapPacket(EapCode.REQUEST, 18, EapType.IDENTITY)),
        write_eap(EapPacket(EapCode.RESPONSE, 18, EapType.IDENTITY, b"again")),
        write_eap(EapPacket(EapCode.RESPONSE, 18, 13, b"tls")),
        ours(EapCode.RESPONSE, 17, b"\x00late"),
        ours(EapCode.REQUEST, 18, b"\x00mine"),
    ],
)
def test_what_is_passed_over(packet: bytes) -> None:
    state, _ = open_exchange(AIR_OFFER, BOX_SHARE, 17)
    after, commands = step(state, PacketReceived(packet))
    assert commands == []
    assert after == replace(state, dropped=1)


@pytest.mark.parametrize(
    "nak", [write_eap(EapPacket(EapCode.RESPONSE, 18, EapType.NAK, b"\x0d")), write_expanded_nak(18)]
)
def test_a_stranger_without_this_method(nak: bytes) -> None:
    state, _ = open_exchange(AIR_OFFER, BOX_SHARE, 17)
    _state, (failed,) = step(state, PacketReceived(nak))
    assert isinstance(failed, Failed)
    assert failed.reason == "not_supported"


def test_a_share_that_is_no_point() -> None:
    state, _ = open_exchange(AIR_OFFER, BOX_SHARE, 17)
    order = write_message(Order(PublicKey(b"\x02" + b"\xff" * 32), bytes(40)))
    packet = ours(EapCode.RESPONSE, 18, split_message(order)[0])
    _state, (failed,) = step(state, PacketReceived(packet))
    assert isinstance(failed, Failed)
    assert "not a point on P-256" in failed.detail


def test_words_that_nobody_asked_for() -> None:
    state, (sent,) = open_exchange(AIR_OFFER, BOX_SHARE, 17)
    for event in (Answered(OUTCOME), GrantAccepted(), ProofSigned(b"proof"), TookLong()):
        assert step(state, event) == (state, [])
    assert step(state, NothingCame()) == (state, [sent])
    done = World().run().box
    assert step(done, NothingCame()) == (done, [])
    for event in (Answered(OUTCOME), GrantAccepted(), ProofSigned(b"x"), TookLong()):
        assert step(done, event) == (done, [])


def test_an_order_cannot_be_carried_to_another_exchange() -> None:
    """Sealed to the shares and the offer of one exchange, it is nothing in the next."""
    first = World().run()
    order = first.packets[1]
    state, _ = open_exchange(AIR_OFFER, PrivateKey.from_secret(5), 17)
    _state, (failed,) = step(state, PacketReceived(order))
    assert isinstance(failed, Failed)
    assert "sealed bytes are not the other end's" in failed.detail


def test_the_first_packet_is_one_packet() -> None:
    _state, (sent,) = open_exchange(AIR_OFFER, BOX_SHARE, 255)
    assert isinstance(sent, SendPacket)
    assert read_eap(sent.packet).identifier == 0
    assert len(sent.packet) < 800
    assert eap_box.Phase.OFFERED is _state.phase
