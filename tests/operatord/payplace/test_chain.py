"""What the chain says at one moment, as an operator and a merchant take it."""

from ledger.payplace.entries import Channel, PayMerchant, PayOperator, PendingShift, Status
from operatord.payplace.chain import Standing, terms_of
from wire.keys import PrivateKey

A, B, C, D = (bytes([number]) * 32 for number in range(4))
CONSUMER = PrivateKey.from_secret(1).public


def standing(now_s, height=4):
    operator = PayOperator(b"", b"", 0, 1_000, 100, 10, 2_000, b"", b"", channels=9, height=height)
    merchants = {
        D: PayMerchant(b"", b"", 0),
        A: PayMerchant(b"", b"", 0, withdrew=4),
        B: PayMerchant(b"", b"", 0, status=Status.MISSING, at=1, withdrew=3),
        C: PayMerchant(b"", b"", 0, status=Status.EXITED, at=4, withdrew=4),
    }
    return Standing(now_s, operator, merchants)


def test_the_sets_of_the_thesis():
    now = standing(2_050)
    assert now.registered == [A, B, D]
    assert now.withdrew == {A, C}
    assert set(now.missing) == {B}
    assert standing(2_050, height=0).withdrew == frozenset(), "0 is never"


def test_a_view_for_a_merchants_check():
    view = standing(2_050).view(bytes(32), {B: b"leaf"})
    assert (view.period, view.window_from_s, view.window_until_s) == (2, 2_000, 2_100)
    assert (view.exited, view.withdrew, view.kept, view.channels) == ({C}, {A, C}, {B: b"leaf"}, 9)
    outside = standing(2_500).view(bytes(32), {})
    assert (outside.period, outside.window_until_s) == (0, 0)


def test_what_is_on_its_way_to_another_operator_is_not_there_to_be_spent():
    channel = Channel(CONSUMER.octets, 100, 10, 20, shift=PendingShift(b"", 30, 5))
    assert (terms_of(channel).deposit_ubc, terms_of(channel).withdrawn_ubc) == (70, 10)
