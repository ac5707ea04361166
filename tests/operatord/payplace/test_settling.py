"""The operator's work on payouts, with merchants who sign what they have looked at, on the contract itself."""

import contextlib
import random

import pytest

from ledger.payplace import bls
from ledger.payplace.payout_block import split_block
from ledger.payplace.payout_leaf import read_leaf
from operatord.payplace.income import split
from operatord.payplace.steps import Consent, GiveUp, MakeBlock, MarkThese, NotariseNow, Settle, Wait
from tests.ledger_world import EXCHANGE
from tests.operatord.payplace.market import (
    COLLECT_S,
    COMMISSION_PPM,
    OPERATOR,
    OPERATOR_BLS,
    TIMES,
    Inside,
    Market,
)
from wire.create import Create
from wire.errors import DecodeError, ShellError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Deposit
from wire.payplace_deposit import PayplaceDeposit, Split
from wire.payplace_registration import RegisterOperator
from wire.payplace_shift import Shift


@pytest.fixture
def market(tmp_path):
    market = Market(tmp_path)
    yield market
    market.close()


def kinds(steps):
    return [type(step) for step in steps]


def leaves(market):
    root = market.account.operator().root
    return {
        leaf[:32]: dict(read_leaf(leaf).amounts)
        for leaf in list(split_block(market.store.chunks(root), 1_000))[1:]
    }


def test_a_period_from_payment_to_withdrawal(market):
    market.pay(0, 0, 1_000)
    market.pay(1, 0, 500)
    market.pay(0, 1, 301)
    assert kinds(market.round(1)) == [MakeBlock, Wait, NotariseNow, Settle, Wait]
    first, second = market.merchants
    assert leaves(market) == {
        first.id: {0: 900, 1: 450},
        second.id: {0: 271},
        OPERATOR_BLS.public.merchant_id: {0: 130, 1: 50},
    }
    market.to_open(1)
    assert (first.confirmed_ubc(), second.confirmed_ubc()) == (1_350, 271)
    assert first.withdraw().reason == ""
    assert second.withdraw(leaving=True).reason == ""
    assert [market.balance(key) for key in market.owners] == [1_350, 271]
    with pytest.raises(LookupError, match="nothing is confirmed"):
        first.withdraw()


def test_the_next_block_goes_on_from_the_last(market):
    market.pay(0, 0, 1_000)
    market.round(1)
    market.to_open(1)
    assert market.merchants[0].withdraw().reason == ""
    market.pay(0, 0, 100)
    market.pay(0, 1, 100)
    assert NotariseNow in kinds(market.round(2))
    assert leaves(market)[market.merchants[0].id] == {0: 90}
    market.to_open(2)
    assert market.merchants[0].withdraw().reason == ""
    assert market.balance(market.owners[0]) == 990


def test_who_does_not_sign_is_marked_and_comes_back(market):
    market.pay(0, 0, 1_000)
    market.pay(0, 1, 1_000)
    market.round(1)
    market.pay(0, 1, 500)
    steps = market.round(2, signers=[0])
    assert kinds(steps) == [MakeBlock, Wait, MarkThese, NotariseNow, Settle, Wait]
    absent = market.merchants[1]
    market.to_open(2)
    assert absent.confirmed_ubc() == 900, "what it signed for last"
    steps = market.round(3)
    (notarised,) = [step for step in steps if isinstance(step, NotariseNow)]
    assert notarised.returning == (absent.id,)
    market.to_open(3)
    assert absent.confirmed_ubc() == 1_350
    assert absent.withdraw().reason == ""
    assert market.balance(market.owners[1]) == 1_350


def test_a_missing_merchant_withdraws_and_loses_nothing(market):
    """It is paid what it last signed for; what came after is in the next block, and once."""
    market.pay(0, 1, 1_000)
    market.round(1)
    market.pay(0, 1, 500)
    market.round(2, signers=[0])
    market.to_open(2)
    assert market.merchants[1].withdraw().reason == ""
    assert market.balance(market.owners[1]) == 900
    market.round(3)
    market.to_open(3)
    assert market.merchants[1].confirmed_ubc() == 450
    assert market.merchants[1].withdraw().reason == ""
    assert market.balance(market.owners[1]) == 1_350


def test_a_merchant_that_withdrew_and_was_marked_for_nothing_is_not_paid_twice(market):
    market.pay(0, 1, 1_000)
    market.round(1)
    market.to_open(1)
    assert market.merchants[1].withdraw().reason == ""
    market.to_window(2)
    market.turns()
    market.merchants[0].watch()
    market.to_window(2, COLLECT_S)
    assert isinstance(market.settler.turn(), MarkThese)
    market.to_open(2)  # the chain was away until the window was over
    assert kinds(market.turns()) == [GiveUp, Wait]
    market.round(3)
    assert leaves(market)[market.merchants[1].id] == {}


def test_income_of_a_block_that_is_given_up_is_in_the_next_one_once(market):
    market.pay(0, 0, 1_000)
    market.to_window(1)
    assert kinds(market.turns()) == [MakeBlock, Wait]
    market.pay(0, 0, 10)
    market.to_open(1)
    assert kinds(market.turns()) == [GiveUp, Wait]
    market.pay(0, 0, 100)
    market.round(2)
    assert leaves(market)[market.merchants[0].id] == {0: 900 + 9 + 90}
    assert market.store.open_income() == {}


def test_a_restart_at_any_moment_goes_on(market):
    market.pay(0, 0, 1_000)
    market.to_window(1)
    market.settler.turn()
    announced = market.settler.announcement()
    market.restart()
    assert market.settler.announcement() == announced
    for number in range(2):
        market.merchant(number, market.settler).watch()
    market.restart()
    assert isinstance(market.settler.turn(), NotariseNow)
    market.restart()
    assert isinstance(market.settler.turn(), Settle)
    market.restart()
    assert isinstance(market.settler.turn(), Wait)
    assert leaves(market)[market.merchants[0].id] == {0: 900}
    market.to_window(2)
    assert kinds(market.turns()) == [MakeBlock, Wait]


def test_a_block_that_was_written_but_not_announced_is_made_again(market):
    """The machine stopped between the file and its row: nobody heard of it."""
    market.pay(0, 0, 1_000)
    market.to_window(1)
    market.turns()
    market.store.give_up()
    market.restart()
    assert kinds(market.turns()) == [MakeBlock, Wait]
    assert market.settler.announcement() is not None


def test_a_signature_that_does_not_hold_is_never_on_disk(market):
    market.pay(0, 0, 1_000)
    market.to_window(1)
    market.turns()
    first, second = market.merchants
    rubbish = bls.SecretKey(9).sign(b"rubbish").compressed
    for one in (first, second):
        with pytest.raises(DecodeError, match="does not hold"):
            Inside(market.settler).take_signature(one.id, 1, rubbish)
    assert market.store.signatures().keys() == {OPERATOR_BLS.public.merchant_id}
    first.watch()
    with pytest.raises(DecodeError, match="has signed, and not so"):
        Inside(market.settler).take_signature(first.id, 1, rubbish)
    assert market.store.signatures().keys() == {OPERATOR_BLS.public.merchant_id, first.id}
    market.to_window(1, COLLECT_S)
    steps = market.turns()
    assert [step.merchants for step in steps if isinstance(step, MarkThese)] == [(second.id,)]
    assert NotariseNow in kinds(steps)


def test_good_signatures_are_taken_from_among_a_strangers(market):
    market.to_window(1)
    market.turns()
    brought = []
    for merchant in market.merchants:
        merchant._send = lambda head, one=merchant: brought.append(
            (one.id, head.period, one._key.sign(head.commitment).compressed)
        )
        merchant.watch()
    rubbish = [(merchant.id, 1, bls.SecretKey(9).sign(b"x").compressed) for merchant in market.merchants]
    unread = [(market.merchants[0].id, 1, b"short"), (bytes(32), 1, brought[0][2]), (brought[0][0], 2, b"")]
    said = market.settler.take_signatures([*rubbish, *unread, *brought])
    assert [bool(why) for why in said] == [True] * 5 + [False] * 2
    assert market.store.signatures().keys() >= {one.id for one in market.merchants}
    assert market.settler.take_signatures(brought) == ["", ""], "again"


def test_what_an_older_version_left_on_disk_is_looked_at_once_more(market):
    market.pay(0, 0, 1_000)
    market.to_window(1)
    market.turns()
    first, second = market.merchants
    for one in (first, second):
        market.store.sign_all({one.id: bls.SecretKey(9).sign(b"rubbish").compressed})
    market.restart()
    first = market.merchants[0]
    first.watch()  # before anything else was done: it takes the place of what is there
    market.to_window(1, COLLECT_S)
    steps = market.turns()
    assert [step.merchants for step in steps if isinstance(step, MarkThese)] == [(second.id,)]
    assert any("1 signatures do not hold" in line for line in market.told)


def test_signatures_are_taken_of_merchants_for_the_present_block_only(market):
    signature = bls.SecretKey(9).sign(b"").compressed
    with pytest.raises(DecodeError, match="period"):
        Inside(market.settler).take_signature(market.merchants[0].id, 1, signature)
    market.to_window(1)
    market.turns()
    with pytest.raises(DecodeError, match="no merchant"):
        Inside(market.settler).take_signature(bytes(32), 1, signature)
    with pytest.raises(DecodeError, match="period"):
        Inside(market.settler).take_signature(market.merchants[0].id, 2, signature)
    with pytest.raises(DecodeError):
        Inside(market.settler).take_signature(market.merchants[0].id, 1, b"")


def test_a_late_signature_returns_with_the_same_block(market):
    """Marked already, but the block is not notarised yet."""
    market.pay(0, 1, 1_000)
    market.to_window(1)
    market.turns()
    market.merchants[0].watch()
    market.to_window(1, COLLECT_S)
    assert isinstance(market.settler.turn(), MarkThese)
    market.merchants[1].watch()
    step = market.settler.turn()
    assert isinstance(step, NotariseNow)
    assert step.returning == (market.merchants[1].id,)
    market.turns()
    market.to_open(1)
    assert market.merchants[1].withdraw().reason == ""


def test_income_waits_for_a_merchant_that_has_not_registered(market):
    stranger = PrivateKey.from_secret(999)
    market.income.pay(market.consumers[0], stranger.public, 1_000)
    market.round(1)
    assert leaves(market)[market.merchants[0].id] == {}
    assert market.store.unclaimed() == [(stranger.public.octets, market.consumers[0].public.octets, 1_000)]
    assert market.store.place() == 1


def test_income_of_a_consumer_that_cannot_pay_it_waits_and_the_rest_goes_on(market):
    """A micropayment over more than was deposited: a fault elsewhere, or a shift. Nobody could sign such a block."""
    market.pay(0, 0, 1_000_001)
    market.pay(1, 0, 1_000)
    market.round(1)
    assert leaves(market)[market.merchants[0].id] == {1: 900}
    assert any("they wait" in line for line in market.told)


def another_operator(market) -> PublicKey:
    """To whom funds may be shifted."""
    key, secret = PrivateKey.from_secret(800), bls.SecretKey(801)
    market.chain.now_s += 1
    market.must(Create(key.public), key)
    account = market.account_of(key)
    account.of = key.public
    proof = secret.prove_possession(account.instance, key.public.octets)
    market.must(RegisterOperator(TIMES, secret.public.eip2537, proof.eip2537), key)
    return key.public


def test_a_consumer_that_shifts_away_what_it_has_spent_is_contested(market):
    other = another_operator(market)
    market.pay(0, 0, 600_000)
    market.must(Shift(OPERATOR.public, other, 500_000), market.consumers[0])
    market.round(1)
    assert leaves(market)[market.merchants[0].id] == {0: 540_000}
    channel = market.account.channel(0)
    assert channel is not None
    assert channel.shift is None
    assert any("contested" in line for line in market.told)


def test_a_shift_of_what_was_settled_long_ago_is_contested_outside_of_any_window(market):
    other = another_operator(market)
    market.pay(0, 0, 600_000)
    market.round(1)
    market.to_open(1)
    consumer = market.consumers[0]
    market.must(Shift(OPERATOR.public, other, 500_000), consumer)
    assert isinstance(market.settler.turn(), Wait)
    assert market.account.channel(0).shift is not None, "operatord has not heard of it"
    market.income.limits[consumer.public] = 500_000
    assert isinstance(market.settler.turn(), Wait)
    assert market.account.channel(0).shift is None
    market.settler.turn()  # operatord hears a moment later that the money is back
    assert [line for line in market.told if str(consumer.public) in line] == [
        f"payouts: {consumer.public} shifts what it has spent: contested"
    ]


def test_however_many_have_spent_what_they_shifted_the_chain_is_asked_once_for_all(tmp_path):
    """Most of them long ago, so that there is nothing to contest any more, and nothing to look up."""
    market = Market(tmp_path, consumers=9)
    other = another_operator(market)
    for consumer, key in enumerate(market.consumers):
        market.pay(consumer, 0, 600_000)
        market.income.limits[key.public] = 500_000
    for key in market.consumers[2:4]:
        market.must(Shift(OPERATOR.public, other, 500_000), key)
    asked, account, shown = list[str](), market.account, market.income.micropayment_of

    class Noting:
        def __getattr__(self, name: str) -> object:
            asked.append(name)
            return getattr(account, name)

    def note(consumer: PublicKey) -> bytes | None:
        asked.append("micropayment_of")
        return shown(consumer)

    market.account, market.income.micropayment_of = Noting(), note  # type: ignore[assignment, method-assign]
    market.restart()
    names = "submit", "micropayment_of", "channels", "channel", "number_of"
    market.settler.turn()
    assert [asked.count(name) for name in names] == [2, 2, 2, 0, 0], "channels: learned, then looked at"
    asked.clear()
    for _ in range(3):
        market.settler.turn()
    assert [asked.count(name) for name in names] == [0, 0, 3, 0, 0]
    market.close()


class Flaky:
    """A chain that is away now and then: before it acts, or after it did, so that nobody hears what became of it."""

    def __init__(self, account, chance) -> None:
        self.account, self.chance = account, chance

    def submit(self, action):
        if self.chance.random() < 0.2:
            raise ShellError("ledger", "away")
        reason = self.account.submit(action)
        if self.chance.random() < 0.2:
            raise ShellError("ledger", "away")
        return reason

    def __getattr__(self, name):
        return getattr(self.account, name)


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_and_nothing_paid_twice_whatever_breaks_off(tmp_path, seed):
    """Payments, absent signers, withdrawals, restarts and a flaky chain for twelve periods; then everybody is paid."""
    chance = random.Random(seed)
    market = Market(tmp_path, merchants=4, consumers=3)
    account = market.account
    market.account = Flaky(account, chance)  # type: ignore[assignment]
    market.restart()
    for period in range(1, 13):
        for _ in range(chance.randrange(6)):
            market.pay(chance.randrange(3), chance.randrange(4), chance.randrange(1, 5_000))
        _troubled_window(market, period, chance)
        withdraw_all([merchant for merchant in market.merchants if chance.random() < 0.3])
    market.account = account
    market.restart()
    for period in (13, 14):
        assert NotariseNow in kinds(market.round(period))
        market.to_open(period)
        withdraw_all(market.merchants)
    earned = {key.public: 0 for key in market.owners}
    for earning in market.income.rows:
        earned[earning.payee] += split(earning.amount_ubc, COMMISSION_PPM)[0]
    assert {key.public: market.balance(key) for key in market.owners} == earned
    assert market.store.open_income() == {}
    market.close()


def _troubled_window(market, period, chance):
    for after_s in (0, 10, 30, 51, 60, 70, 80, 90):
        market.to_window(period, after_s)
        with contextlib.suppress(ShellError):
            for _ in range(4):
                market.settler.turn()
        if chance.random() < 0.2:
            market.restart()
        for merchant in market.merchants:
            if chance.random() < 0.3:
                merchant.watch()
    market.to_open(period)
    with contextlib.suppress(ShellError):
        market.turns()


def withdraw_all(merchants):
    for merchant in merchants:
        with contextlib.suppress(LookupError):
            assert merchant.withdraw().reason in {"", "nothing_confirmed"}


# ---- A merchant of very many consumers


def test_a_leaf_names_so_many_consumers_and_the_others_wait_until_a_withdrawal(tmp_path):
    """Everybody else is notarised in each period, whether the big one signs or not."""
    market = Market(tmp_path, consumers=8)
    market.settler = market.open_settler(leaf_consumers=3)
    market.merchants = [market.merchant(number, market.settler) for number in range(2)]
    for consumer in (0, 2, 4, 6, 7):
        market.pay(consumer, 0, 10)
    market.pay(1, 1, 1_000)
    for number in (1, 2, 3):
        assert NotariseNow in kinds(market.round(number, signers=[1] if number == 2 else None))
        market.pay(1, 1, 1_000)
    big, other = market.merchants
    operator = OPERATOR_BLS.public.merchant_id
    assert leaves(market) == {
        big.id: {0: 9, 2: 9, 4: 9},
        other.id: {1: 2_700},
        operator: {0: 1, 1: 300, 2: 1},
    }
    assert any("of 2 consumers more than a leaf names" in line for line in market.told)
    market.to_open(3)
    assert big.withdraw().reason == ""
    market.round(4)
    assert leaves(market)[big.id] == {6: 9, 7: 9}
    market.close()


def test_a_stranger_makes_it_ask_the_chain_of_each_channel_once(market):
    market.pay(0, 0, 100)
    asked, chain = list[int](), market.account

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(chain, name)

        def channels(self, numbers):
            wanted = list(numbers)
            asked.extend(wanted)
            return chain.channels(wanted)

    market.settler.chain = Counting()
    for _ in range(3):
        assert list(market.settler.micropayments([0] * 20_000 + [1, 2, 4_000_000_000])) == [0]
    assert sorted(asked) == [0, 1]


def test_strangers_who_name_no_merchant_make_it_ask_nothing(market):
    market.to_window(1)
    market.turns()

    class Silent:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

    market.settler.chain = Silent()
    said = market.settler.take_signatures([(bytes([n]) * 32, 1, bytes(48)) for n in range(50)])
    assert all("is no merchant here" in why for why in said)


def test_the_operator_vouches_for_owners_of_its_boxes_and_whom_it_names(market):
    stranger, key = PrivateKey.from_secret(999), bls.SecretKey(77)
    market.chain.now_s += 1
    market.must(Create(stranger.public), stranger)
    possession = key.prove_possession(market.account.instance, stranger.public.octets)
    with pytest.raises(DecodeError, match="has earned nothing here"):
        market.settler.vouch(key.public, possession, stranger.public)
    market.income.pay(market.consumers[0], stranger.public, 1)
    tau_s, _ = market.settler.vouch(key.public, possession, stranger.public)
    assert tau_s == market.chain.now_s
    other = PrivateKey.from_secret(998)
    possession = key.prove_possession(market.account.instance, other.public.octets)
    market.settler = market.open_settler(consent=Consent.ANYBODY)
    assert market.settler.vouch(key.public, possession, other.public)[0] == tau_s, "anybody"


def test_what_is_announced_comes_from_memory(market):
    """Whoever asks for it, and as often as he likes, costs no look at the disk."""
    market.to_window(1)
    market.turns()
    announced = market.settler.announcement()
    assert announced is not None
    market.restart()
    assert market.settler.announcement() == announced, "after a restart as before"
    market.store.close()
    assert market.settler.announcement() == announced


def test_a_block_is_served_in_pieces_that_are_small(market):
    market.pay(0, 0, 1_000)
    market.to_window(1)
    market.turns()
    root = market.store.block()[0].root
    (market.folder / "operator" / "blocks" / f"{root.hex()}.block").write_bytes(bytes(300_000))
    assert [len(piece) for piece in market.settler.block(root)] == [65_536] * 4 + [37_856]


class CountingLists:
    """A chain that counts how often it is asked for all merchants."""

    def __init__(self, account) -> None:
        self.account, self.lists = account, 0

    def merchants(self):
        self.lists += 1
        return self.account.merchants()

    def __getattr__(self, name):
        return getattr(self.account, name)


def test_all_merchants_are_asked_for_once_in_a_window_and_after_each_step(market):
    chain = market.settler.chain = CountingLists(market.account)
    for number, absent in ((1, False), (2, True), (3, False)):
        market.to_window(number)
        for _ in range(20):
            market.settler.turn()
        assert chain.lists == 2, "to make the block, and while signatures are waited for"
        for merchant in market.merchants[absent:]:
            merchant.watch()
        market.to_window(number, COLLECT_S)
        assert NotariseNow in kinds(market.turns())
        chain.lists = 0
    assert market.account.operator().height == 3
    assert not [one for one in market.account.merchants().values() if one.status]


def test_a_block_of_many_consumers_asks_for_channels_by_the_hundred(tmp_path):
    market = Market(tmp_path, consumers=9)
    asked, account = list[str](), market.account

    class Noting:
        def __getattr__(self, name: str) -> object:
            asked.append(name)
            return getattr(account, name)

    market.account = Noting()  # type: ignore[assignment]
    market.restart()
    for consumer in range(9):
        market.pay(consumer, consumer % 2, 1_000)
    market.to_window(1)
    market.turns()
    assert [asked.count(name) for name in ("channel", "number_of", "channels")] == [0, 0, 2]
    market.account = account
    newcomer = PrivateKey.from_secret(790)
    market.must(Create(newcomer.public), newcomer)
    market.must(Deposit(newcomer.public, 1_000), EXCHANGE)
    market.must(PayplaceDeposit(newcomer.public, (Split(OPERATOR.public, 1_000),)), newcomer)
    market.consumers.append(newcomer)
    market.pay(9, 0, 1_000)
    market.round(2)
    assert 9 in leaves(market)[market.merchants[0].id], "a channel that is opened later is learned then"
    market.close()
