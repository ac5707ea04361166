"""A randomised adversary against a PayPlace contract: it runs operators, merchants and consumers, and wants money.

In each round (a period) an operator is honest or not. Half of its merchants and one of its consumers are in league with
it. They try everything that the threat model names, and many wrong calls. Nothing is asserted of what the contract
answers to them; what is asserted after every step is that nobody honest has lost anything:

- consumer safety: no more is withdrawn of a consumer's deposit than it has signed for, and the deposit is what it was;
- merchant safety: an honest merchant is paid, at any open time and to the last ubc, what the last block that it signed
  and that was notarised says; also when it has been offline ever since;
- data availability: by nothing but what it had when it signed;
- income certainty: after an honest operator's period all honest merchants that were online have all that they earned;
- conservation: no money is made or lost.

Shifts of funds are contested by the programs of honest merchants, each for what it has kept itself, and by operators in
their honest periods (tests/payplace_watch.py): by nobody else, and by nothing but the product.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ledger.payplace.bls import SecretKey, Signature, aggregate_keys, aggregate_signatures, subtract
from ledger.payplace.entries import Status
from ledger.payplace.payout_leaf import PayoutLeaf, read_leaf, write_leaf
from tests.payplace_contract import Contract, micropay
from tests.payplace_market import TIMES, Amounts, Block, Market, Merchant
from tests.payplace_watch import Watchman, contest_as_operator
from wire.payplace_notarisation import LeafProof
from wire.payplace_withdrawal import Claim, Source

OPERATORS = (0, 1)
HONEST_MERCHANTS, COLLUDERS = range(2, 5), range(5, 8)
LEAGUE = (*OPERATORS, *COLLUDERS)
HONEST_CONSUMERS, BAD_CONSUMERS = range(8, 10), range(10, 12)
"""Of the bad ones the first signs for more than it has, the second shifts away what it has spent."""
ACCOUNTS = 12
CONSUMERS = (*HONEST_CONSUMERS, *BAD_CONSUMERS)


@dataclass
class Shop:
    """One operator with everybody's books. `owed` is what merchants have earned and not withdrawn."""

    market: Market
    owed: dict[bytes, Amounts] = field(default_factory=dict)
    deposited: dict[int, int] = field(default_factory=dict)
    moving: dict[int, int] = field(default_factory=dict)
    """By consumer: the last shift that it began."""
    heard: list[tuple[bytes, int, bytes, Sequence[tuple[bytes, bytes]]]] = field(default_factory=list)
    old_claims: list[tuple[Merchant, Claim]] = field(default_factory=list)
    old_blocks: list[Block] = field(default_factory=list)

    def income(self, merchant: Merchant) -> Amounts:
        return {number: amount for number, amount in self.owed.get(merchant.id, {}).items() if amount > 0}


@dataclass
class Adversary:
    contract: Contract
    chance: random.Random
    by_program: bool = False
    """Whether honest merchants decide by ledger/payplace/merchant_check.py."""
    shops: list[Shop] = field(init=False)
    watchmen: dict[bytes, Watchman] = field(init=False, default_factory=dict)
    """By merchant id, which is another one at each operator."""
    done: dict[str, int] = field(default_factory=dict)
    """How often each deed was accepted, for whoever wants to see that it is not idle."""
    tried: dict[str, int] = field(default_factory=dict)
    """How often a contract was asked to, whatever it said."""

    def __post_init__(self) -> None:
        self.shops = []
        for operator in OPERATORS:
            market = Market(self.contract, operator, by_program=self.by_program)
            for account in (*HONEST_MERCHANTS, *COLLUDERS):
                market.join(account, honest=account in HONEST_MERCHANTS)
            market.own.honest = False
            self.shops.append(Shop(market))
            for one in market.merchants:
                if one.honest:
                    self.watchmen[one.id] = Watchman(market, one)
        for shop in self.shops:
            for consumer in CONSUMERS:
                self._deposit(shop, consumer, 500)
        self.total = self.contract.total()

    # ---- Rounds

    def round(self) -> None:
        shop = self.chance.choice(self.shops)
        for _ in range(self.chance.randrange(4)):
            self._serve(shop)
        self.some(shop, self.open_deeds, 3)
        self._rejoin(shop)
        honest = self.chance.random() < 0.5
        if honest:
            self._clean_up(shop)
        shop.market.go_to_window(self.chance.choice((0, 1, 5)))
        if honest:
            self.honest_period(shop)
        else:
            self.some(shop, self.window_deeds, 3)
            self.wicked_period(shop)
        shop.market.go_to_open()
        for other in self.shops:
            self.finish_shifts(other)
        self.watch()
        self.check()
        self.some(shop, self.open_deeds, 3)

    def some(self, shop: Shop, deeds: Sequence[Callable[[Shop], str]], most: int) -> None:
        for _ in range(self.chance.randrange(most + 1)):
            deed = self.chance.choice(deeds)
            name, outcome = deed.__name__, deed(shop)
            self.done[name] = self.done.get(name, 0) + (outcome == "")
            self.tried[name] = self.tried.get(name, 0) + (outcome == "" or outcome.isupper())
            self.watch()
            self.check_books()

    @property
    def open_deeds(self) -> list[Callable[[Shop], str]]:
        return [
            self.honest_withdrawal, self.collude_withdraw, self.collude_withdraw, self.collude_exit,
            self.replay_claim, self.steal_leaf, self.invented_leaf, self.rogue_key, self.join_again,
            self.bad_force_exit, self.shift_spent_funds, self.shift_spent_funds, self.honest_shift,
            self.finish_shifts, self.overspend, self.forged_micropayment, self.foreign_claim,
            self.replay_notarisation, self.deposit_more,
        ]  # fmt: skip

    @property
    def window_deeds(self) -> list[Callable[[Shop], str]]:
        return [
            self.replay_notarisation, self.notarise_without, self.return_without_signature, self.wrong_rows,
            self.withdraw_in_freeze, self.good_force_exit, self.bad_force_exit, self.notarise_late, self.mark_anybody,
            self.join_in_freeze, self.other_leaf_returns, self.forced_in_window,
        ]  # fmt: skip

    # ---- Honest life

    def _deposit(self, shop: Shop, consumer: int, amount_ubc: int) -> None:
        shop.market.deposit(consumer, amount_ubc)
        shop.deposited[consumer] = shop.deposited.get(consumer, 0) + amount_ubc

    def _free(self, shop: Shop, consumer: int) -> int:
        market = shop.market
        number = self.contract.channel_number(market.operator, consumer)
        assert number is not None
        channel = self.contract.channel(market.operator, number)
        moving_ubc = channel.shift.amount_ubc if channel.shift else 0
        return channel.deposited_ubc - moving_ubc - market.paid.get(consumer, 0)

    def _serve(self, shop: Shop) -> None:
        """A consumer is served by a merchant, and pays the operator."""
        consumer = self.chance.choice((*CONSUMERS, *BAD_CONSUMERS, BAD_CONSUMERS[-1]))
        merchant = self.chance.choice(shop.market.merchants)
        free_ubc = self._free(shop, consumer)
        number = self.contract.channel_number(shop.market.operator, consumer)
        record = shop.market.record(merchant)
        if free_ubc < 1 or number is None or record is None or record.status == Status.EXITED:
            return
        amount_ubc = self.chance.randint(1, min(free_ubc, 20))
        shop.market.pay(consumer, amount_ubc)
        owed = shop.owed.setdefault(merchant.id, {})
        owed[number] = owed.get(number, 0) + amount_ubc

    def deposit_more(self, shop: Shop) -> str:
        self._deposit(shop, self.chance.choice(CONSUMERS), self.chance.randint(1, 400))
        return ""

    def _clean_up(self, shop: Shop) -> None:
        """Before the operator is honest again, the league takes what its last block gives it."""
        for one in shop.market.merchants:
            claim = None if one.honest else self._best_claim(shop, one)
            if claim is not None:
                self._take(shop, one, claim)

    def honest_period(self, shop: Shop) -> None:
        """Of an operator that is honest for once, some of whose merchants are offline."""
        market = shop.market
        if not self._lend(shop):
            return
        offline = [one for one in market.registered() if self.chance.random() < 0.2 and one is not market.own]
        online = [one for one in market.registered() if one not in offline]
        half_way = [one for one in online if self.contract.entries_paid(market.operator, one.id)]
        if self.chance.random() < 0.5:  # else it does not hear of shifts
            contested = contest_as_operator(market)
            self.done["operator's contest"] = self.done.get("operator's contest", 0) + contested
        self._show(shop, market.block({one.id: shop.income(one) for one in market.merchants}))
        block = market.block({one.id: shop.income(one) for one in market.merchants})
        if not all(market.would_sign(one, block) for one in online):
            self._write_off(shop)
            block = market.block({one.id: shop.income(one) for one in market.merchants})
            if not all(market.would_sign(one, block) for one in online):
                self.done["lost_trust"] = self.done.get("lost_trust", 0) + 1
                return
        reason = market.mark([one for one in offline if not market._is_missing(one.id)])
        if reason == "TOO_MANY_COHORTS":
            return
        assert reason == "", reason
        reason = self._notarise(shop, block, online)
        assert reason == "", reason
        for one in online:
            assert not one.honest or one.confirmed == shop.income(one), "income certainty"
        self.done["honest_period"] = self.done.get("honest_period", 0) + 1
        self.done["beside a part"] = self.done.get("beside a part", 0) + bool(half_way)

    def _write_off(self, shop: Shop) -> None:
        """What was earned of a wicked operator and not confirmed is lost: a period's income, as the paper says."""
        for one in shop.market.merchants:
            confirmed = one.confirmed if one.honest and self._may(shop, one) else {}
            if one.honest and shop.market._is_missing(one.id):
                confirmed = dict(shop.market.kept[one.id].amounts)
            shop.owed[one.id] = dict(confirmed)

    def honest_withdrawal(self, shop: Shop) -> str:
        merchants = [
            one for one in shop.market.merchants if one.honest and one.claim and self._may(shop, one)
        ]
        if not merchants:
            return "nobody"
        merchant = self.chance.choice(merchants)
        assert merchant.claim is not None
        wanted, before = dict(merchant.confirmed), self.contract.balance(merchant.account)
        claim = merchant.claim
        leaving = self.chance.random() < 0.1
        assert shop.market.withdraw(merchant, leaving=leaving) == "", "merchant safety: withdrawal refused"
        assert self.contract.balance(merchant.account) == before + sum(wanted.values()), "merchant safety"
        self._took(shop, merchant, wanted)
        shop.old_claims.append((merchant, claim))
        return ""

    def _took(self, shop: Shop, merchant: Merchant, amounts: Amounts) -> None:
        owed = shop.owed.setdefault(merchant.id, {})
        for number, amount in amounts.items():
            owed[number] = max(owed.get(number, 0) - amount, 0)

    def _may(self, shop: Shop, merchant: Merchant) -> bool:
        return not shop.market.has_withdrawn(shop.market.record(merchant))

    def _rejoin(self, shop: Shop) -> None:
        for one in shop.market.merchants:
            record = shop.market.record(one)
            if record is not None and record.status == Status.EXITED and shop.market.register(one) == "":
                one.confirmed, one.claim = {}, None
                shop.owed[one.id] = {} if not one.honest else shop.owed.get(one.id, {})

    def watch(self) -> None:
        """Honest merchants' programs run all the time; nobody else holds their consumers to anything."""
        for one in self.watchmen.values():
            before = one.chain.contested
            one.look()
            self.done["guard"] = self.done.get("guard", 0) + one.chain.contested - before

    def _show(self, shop: Shop, block: Block) -> None:
        """To whoever is asked to sign it."""
        for one in shop.market.registered():
            if one.honest:
                self.watchmen[one.id].is_shown(block)

    # ---- The wicked operator's block

    def wicked_period(self, shop: Shop) -> None:
        market = shop.market
        payouts = {one.id: shop.income(one) for one in market.merchants}
        omit: list[Merchant] = []
        for _ in range(self.chance.randrange(3)):
            self._falsify(shop, payouts, omit)
        block = market.block(payouts, omit)
        shown = self.chance.random() < 0.7
        if shown:
            self._lend(shop)
            self._show(shop, block)
        signers = [
            one
            for one in market.registered()
            if not one.honest or (shown and self.chance.random() < 0.7 and market.would_sign(one, block))
        ]
        missing = [
            one for one in market.registered() if one not in signers and not market._is_missing(one.id)
        ]
        if not self._lend(shop) or market.mark(missing) != "":
            return
        self._notarise(shop, block, signers, shown=shown)

    def _lend(self, shop: Shop) -> bool:
        """The operator itself knows every block, whomever it shows it to. False: it has forgotten the head."""
        for block in shop.old_blocks:
            if block.root == shop.market.head:
                shop.market.blocks[block.root] = block
        return shop.market.head in shop.market.blocks

    def _notarise(self, shop: Shop, block: Block, signers: Sequence[Merchant], *, shown: bool = True) -> str:
        market = shop.market
        returning = [
            (one.key, write_leaf(market.kept[one.id])) for one in signers if market._is_missing(one.id)
        ]
        for one in signers:
            if one.honest:
                self.watchmen[one.id].promises(block)
        signatures = [market.sign(one, block) for one in signers]
        total = aggregate_signatures([Signature.of_compressed(one) for one in signatures]).eip2537
        for one in signers:
            if one.claim is not None:
                shop.old_claims.append((one, one.claim))
        reason = market.submit(block, signatures, returning, signers, shown=shown)
        if reason == "":
            shop.heard.append((block.root, block.tau_s, total, returning))
            shop.old_blocks.append(block)
            del shop.old_claims[:-40], shop.heard[:-10], shop.old_blocks[:-20]
        return reason

    def _falsify(self, shop: Shop, payouts: dict[bytes, Amounts], omit: list[Merchant]) -> None:
        market = shop.market
        honest = [one for one in market.merchants if one.honest]
        victim, friend = (
            self.chance.choice(honest),
            self.chance.choice([one for one in market.merchants if not one.honest]),
        )
        number = self.chance.randrange(len(CONSUMERS))
        match self.chance.randrange(6):
            case 0:  # what others have, again
                payouts[friend.id] = {**payouts[friend.id], number: self.chance.randint(1, 600)}
            case 1:  # what the victim has, to somebody else
                for channel, amount in payouts[victim.id].items():
                    payouts[friend.id] = {
                        **payouts[friend.id],
                        channel: payouts[friend.id].get(channel, 0) + amount,
                    }
                payouts[victim.id] = {}
            case 2:
                omit.append(victim)
            case 3:
                payouts[victim.id] = {
                    channel: max(amount - self.chance.randint(0, 5), 1)
                    for channel, amount in payouts[victim.id].items()
                }
            case 4:  # all of a consumer
                paid_ubc = market.paid.get(CONSUMERS[number], 0)
                if paid_ubc:
                    payouts[friend.id] = {**payouts[friend.id], number: paid_ubc}
            case _:  # a merchant that returns earned a lot, and who is missing nothing
                if payouts[victim.id]:
                    channel = next(iter(payouts[victim.id]))
                    payouts[friend.id] = {
                        **payouts[friend.id],
                        channel: payouts[friend.id].get(channel, 0) + 10,
                    }
                    payouts[victim.id] = {
                        one: ubc for one, ubc in payouts[victim.id].items() if one != channel
                    }

    # ---- Deeds in open time

    def _friend(self, shop: Shop) -> Merchant:
        return self.chance.choice([one for one in shop.market.merchants if not one.honest])

    def _victim(self, shop: Shop) -> Merchant:
        return self.chance.choice([one for one in shop.market.merchants if one.honest])

    def collude_withdraw(self, shop: Shop) -> str:
        friend = self._friend(shop)
        claim = self._any_claim(shop, friend) if self.chance.random() < 0.5 else friend.claim
        return "nothing" if claim is None else self._take(shop, friend, claim)

    def collude_exit(self, shop: Shop) -> str:
        friend = self._friend(shop)
        if friend.claim is None or friend is shop.market.own or self.chance.random() < 0.7:
            return "stays"
        return self._take(shop, friend, friend.claim, leaving=True)

    def _take(self, shop: Shop, friend: Merchant, claim: Claim, *, leaving: bool = False) -> str:
        market = shop.market
        missing, before = market._is_missing(friend.id), self.contract.balance(friend.account)
        least_ubc = self.chance.choice((0, 0, 0, self.chance.randint(1, 600)))
        words = (friend.account, market.operator, friend.key, claim)
        reason = self.contract.withdraw(*words, at_least_ubc=least_ubc, leaving=leaving)
        got_ubc = self.contract.balance(friend.account) - before
        assert got_ubc >= (least_ubc if reason == "" else 0), "less than it accepts"
        if reason == "":
            shop.old_claims.append((friend, claim))
            if self._keeps_a_rest(shop, friend, claim):
                return ""
            self._took(shop, friend, friend.confirmed)
            friend.confirmed, friend.claim = {}, None
            if missing:
                market.kept[friend.id] = PayoutLeaf(friend.id, {})
        return reason

    def _keeps_a_rest(self, shop: Shop, friend: Merchant, claim: Claim) -> bool:
        """It has taken some of the leaf and waits; what it has taken is owed no more."""
        count = self.contract.entries_paid(shop.market.operator, friend.id)
        if not count:
            return False
        leaf = read_leaf(claim.proof.leaf).amounts
        taken = sorted(leaf)[:count]
        self._took(shop, friend, {number: friend.confirmed.pop(number, 0) for number in taken})
        return True

    def _best_claim(self, shop: Shop, merchant: Merchant) -> Claim | None:
        """What the contract would pay it by, whether or not it signed; the operator gives all micropayments."""
        market = shop.market
        if market._is_missing(merchant.id):
            leaf = market.kept[merchant.id]
            proof, leaves = LeafProof(write_leaf(leaf), 0, b""), 0
        else:
            head = next((block for block in shop.old_blocks if block.root == market.head), None)
            found = head.find(merchant.id) if head else None
            if head is None or found is None:
                return None
            leaf, proof, leaves = found, head.proof(merchant.id), len(head.leaves)
        return Claim(proof, leaves, self._sources(shop, leaf.amounts)) if leaf.amounts else None

    def _any_claim(self, shop: Shop, merchant: Merchant) -> Claim | None:
        """Of any block."""
        blocks = [block for block in shop.old_blocks if (leaf := block.find(merchant.id)) and leaf.amounts]
        if not blocks or self.chance.random() < 0.5:
            return self._best_claim(shop, merchant)
        block = self.chance.choice(blocks)
        leaf = block.find(merchant.id)
        assert leaf is not None
        return Claim(block.proof(merchant.id), len(block.leaves), self._sources(shop, leaf.amounts))

    def _sources(self, shop: Shop, amounts: Mapping[int, int]) -> tuple[Source, ...]:
        known = range(len(CONSUMERS))
        return shop.market.sources([number for number in amounts if number in known])

    def replay_claim(self, shop: Shop) -> str:
        if not shop.old_claims:
            return "nothing"
        merchant, claim = self.chance.choice(shop.old_claims)
        if merchant.honest:
            return "not its own"
        return self._take(shop, merchant, claim)

    def steal_leaf(self, shop: Shop) -> str:
        """A colluder comes with the victim's leaf."""
        claim, friend = self._victim(shop).claim, self._friend(shop)
        if claim is None:
            return "nothing"
        return self.contract.withdraw(friend.account, shop.market.operator, friend.key, claim)

    def invented_leaf(self, shop: Shop) -> str:
        friend = self._friend(shop)
        claim = friend.claim or self._any_claim(shop, friend)
        if claim is None:
            return "nothing"
        leaf = PayoutLeaf(friend.id, dict.fromkeys(range(len(CONSUMERS)), 400))
        proof = replace(claim.proof, leaf=write_leaf(leaf))
        return self._take(
            shop, friend, replace(claim, proof=proof, sources=self._sources(shop, leaf.amounts))
        )

    def rogue_key(self, shop: Shop) -> str:
        """A key that cancels the others: with it, the operator alone would sign for everybody."""
        market, mine = shop.market, SecretKey(4_711)
        others = aggregate_keys([one.secret.public for one in market.registered()])
        rogue = subtract(mine.public, others)
        assert rogue is not None
        account = self.chance.choice(COLLUDERS)
        possession = mine.prove_possession(market.instance, self.contract.account(account)).eip2537
        tau_s = self.contract.now_s
        voucher = market.own.secret.sign(b"").eip2537
        return self.contract.register_merchant(
            account, market.operator, rogue.eip2537, possession, voucher, tau_s
        )

    def join_again(self, shop: Shop) -> str:
        """The operator vouches for a key that is registered."""
        friend = self._friend(shop)
        return shop.market.register(friend) if friend in shop.market.registered() else "nothing"

    def bad_force_exit(self, shop: Shop) -> str:
        """The victim is pushed out with less than it has: an older leaf, an older micropayment, none at all."""
        market, victim = shop.market, self._victim(shop)
        claims = [claim for one, claim in shop.old_claims if one is victim] + (
            [victim.claim] if victim.claim else []
        )
        if not claims:
            return "nothing"
        claim = self.chance.choice(claims)
        match self.chance.randrange(3):
            case 0:
                claim = replace(claim, sources=())
            case 1:
                claim = replace(claim, sources=tuple([self._older(shop, one) for one in claim.sources]))
        return self._force(shop, victim, claim, market.operator)

    def _older(self, shop: Shop, source: Source) -> Source:
        consumer = CONSUMERS[source.channel]
        less_ubc = max(source.cumulative_ubc - self.chance.randint(1, 10), 1)
        signature = micropay(self.contract, shop.market.operator, consumer, less_ubc)
        return Source(source.channel, less_ubc, signature)

    def _force(self, shop: Shop, merchant: Merchant, claim: Claim, operator: int) -> str:
        before, wanted = self.contract.balance(merchant.account), sum(merchant.confirmed.values())
        nothing = shop.market.has_withdrawn(shop.market.record(merchant))
        reason = self.contract.force_exit(operator, merchant.key, claim)
        if reason == "":
            got = self.contract.balance(merchant.account) - before
            assert not merchant.honest or got == (0 if nothing else wanted), (
                "merchant safety: pushed out with less"
            )
            self._took(shop, merchant, merchant.confirmed)
            merchant.confirmed, merchant.claim = {}, None
        return reason

    def good_force_exit(self, shop: Shop) -> str:
        victim = self._victim(shop)
        if victim.claim is None or self.chance.random() < 0.7:
            return "nothing"
        return self._force(shop, victim, victim.claim, shop.market.operator)

    def forced_in_window(self, shop: Shop) -> str:
        """A friend is paid by a leaf of a block that is not the head."""
        friend = self._friend(shop)
        claims = [claim for one, claim in shop.old_claims if one is friend]
        if not claims or friend is shop.market.own:
            return "nothing"
        return self._force(shop, friend, self.chance.choice(claims), shop.market.operator)

    def shift_spent_funds(self, shop: Shop) -> str:
        """All but what the contract knows of, more often than not."""
        consumer, other = BAD_CONSUMERS[-1], self._other(shop)
        number = self.contract.channel_number(shop.market.operator, consumer)
        channel = self.contract.channel(shop.market.operator, number or 0)
        unknown_ubc = max(channel.deposited_ubc - channel.paid_ubc, 1)
        amount_ubc = self.chance.choice((unknown_ubc, unknown_ubc, self.chance.randint(1, 600)))
        reason = self.contract.shift(consumer, shop.market.operator, other.market.operator, amount_ubc)
        if reason == "":
            shop.moving[consumer] = amount_ubc
        return reason

    def honest_shift(self, shop: Shop) -> str:
        consumer = self.chance.choice(HONEST_CONSUMERS)
        free_ubc = self._free(shop, consumer)
        if free_ubc < 2:
            return "nothing"
        operator, other = shop.market.operator, self._other(shop).market.operator
        amount_ubc = self.chance.randint(1, free_ubc // 2)
        reason = self.contract.shift(consumer, operator, other, amount_ubc)
        assert reason in ("", "SHIFT_PENDING"), reason
        if reason == "":
            shop.moving[consumer] = amount_ubc
        return reason

    def finish_shifts(self, shop: Shop) -> str:
        finished = "nothing"
        for consumer in CONSUMERS:
            if self.contract.finish_shift(shop.market.operator, consumer) == "":
                amount_ubc = shop.moving.pop(consumer, 0)
                assert amount_ubc, "consumer safety: what it did not shift, or twice"
                other = self._other(shop)
                shop.deposited[consumer] -= amount_ubc
                other.deposited[consumer] = other.deposited.get(consumer, 0) + amount_ubc
                finished = ""
        return finished

    def _other(self, shop: Shop) -> Shop:
        return next(one for one in self.shops if one is not shop)

    def overspend(self, shop: Shop) -> str:
        """A consumer in the league signs for more than it has, and the league claims it."""
        shop.market.paid[BAD_CONSUMERS[0]] = 10_000
        return ""

    def forged_micropayment(self, shop: Shop) -> str:
        friend, consumer = self._friend(shop), self.chance.choice(HONEST_CONSUMERS)
        number = self.contract.channel_number(shop.market.operator, consumer)
        claim = self._any_claim(shop, friend)
        if claim is None or number is None:
            return "nothing"
        paid = shop.market.paid
        paid[BAD_CONSUMERS[0]] = max(paid.get(BAD_CONSUMERS[0], 0), 400)  # of its own channel it is genuine
        signature = micropay(self.contract, shop.market.operator, BAD_CONSUMERS[0], 400)
        sources = tuple([Source(one.channel, 400, signature) for one in claim.sources])
        return self._take(shop, friend, replace(claim, sources=sources))

    def foreign_claim(self, shop: Shop) -> str:
        """What the other operator's block gives, and micropayments to it."""
        friend = self._friend(self._other(shop))
        claim = self._any_claim(self._other(shop), friend)
        if claim is None:
            return "nothing"
        return self.contract.withdraw(friend.account, shop.market.operator, friend.key, claim)

    def replay_notarisation(self, shop: Shop) -> str:
        if not shop.heard:
            return "nothing"
        root, tau_s, signature, returning = self.chance.choice(shop.heard)
        if self.chance.random() < 0.5:
            tau_s = self.contract.now_s
        return self.contract.notarise(shop.market.operator, root, tau_s, signature, returning)

    # ---- Deeds in a window

    def notarise_without(self, shop: Shop) -> str:
        """A block of which the victim has not heard, as if everybody had signed."""
        market, friend = shop.market, self._friend(shop)
        block = market.block({friend.id: dict.fromkeys(range(len(CONSUMERS)), 300)})
        signers = [one for one in market.registered() if not one.honest and not market._is_missing(one.id)]
        return self._notarise(shop, block, signers, shown=False) if signers else "nobody"

    def return_without_signature(self, shop: Shop) -> str:
        market = shop.market
        missing = [one for one in market.registered() if one.honest and market._is_missing(one.id)]
        signers = [one for one in market.registered() if not one.honest and not market._is_missing(one.id)]
        if not missing or not signers:
            return "nobody"
        block = market.block({})
        returning = [(one.key, write_leaf(market.kept[one.id])) for one in missing]
        signatures = [market.sign(one, block) for one in signers]
        return market.submit(block, signatures, returning, signers, shown=False)

    def other_leaf_returns(self, shop: Shop) -> str:
        """A friend returns, and lets more be released than was reserved for it: what was, for others."""
        market = shop.market
        missing = [one for one in market.registered() if not one.honest and market._is_missing(one.id)]
        signers = [one for one in market.registered() if not market._is_missing(one.id)]
        if not missing:
            return "nobody"
        block = market.block({one.id: shop.income(one) for one in market.merchants})
        if not all(not one.honest or market.would_sign(one, block) for one in signers):
            return "refused"
        for one in signers:
            if one.honest:
                self.watchmen[one.id].promises(block)
        friend = self.chance.choice(missing)
        leaf = PayoutLeaf(friend.id, {self.chance.randrange(len(CONSUMERS)): self.chance.randint(1, 30)})
        signers.append(friend)
        signatures = [market.sign(one, block) for one in signers]
        return market.submit(block, signatures, [(friend.key, write_leaf(leaf))], signers)

    def wrong_rows(self, shop: Shop) -> str:
        """The victim is to be held to less than it has."""
        market, victim = shop.market, self._victim(shop)
        blocks = [block for block in shop.old_blocks if block.find(victim.id)]
        leaf, row, leaves = (
            PayoutLeaf(victim.id, {}),
            LeafProof(write_leaf(PayoutLeaf(victim.id, {})), 0, b""),
            7,
        )
        if blocks and self.chance.random() < 0.5:
            block = self.chance.choice(blocks)
            leaf, row, leaves = block.find(victim.id) or leaf, block.proof(victim.id), len(block.leaves)
        reason = self.contract.mark_missing(market.operator, leaves, [(victim.key, row)])
        if reason == "":
            market.kept[victim.id] = leaf
        return reason

    def mark_anybody(self, shop: Shop) -> str:
        """Somebody is named missing, and then there is no block."""
        one = self.chance.choice(shop.market.registered())
        if not self._lend(shop) or one is shop.market.own:
            return "nothing"
        return shop.market.mark([one])

    def withdraw_in_freeze(self, shop: Shop) -> str:
        friend = self._friend(shop)
        claim = friend.claim or self._any_claim(shop, friend)
        return "nothing" if claim is None else self._take(shop, friend, claim)

    def join_in_freeze(self, shop: Shop) -> str:
        """Somebody who left, or else a stranger for whom the operator vouches."""
        exited = [
            one for one in shop.market.merchants
            if (record := shop.market.record(one)) is not None and record.status == Status.EXITED
        ]  # fmt: skip
        stranger = Merchant(COLLUDERS[0], SecretKey(4_712), honest=False)
        return shop.market.register(self.chance.choice(exited) if exited else stranger)

    def notarise_late(self, shop: Shop) -> str:
        """After the window, or before it."""
        before_s = self.contract.now_s
        self.contract.now_s += TIMES.window_s + 1
        market = shop.market
        block = market.block({one.id: shop.income(one) for one in market.merchants})
        signers = [one for one in market.registered() if not one.honest]
        reason = self._notarise(shop, block, signers, shown=False)
        if reason != "":
            self.contract.now_s = before_s
        return reason

    # ---- What must hold

    def check(self) -> None:
        """In open time of every operator, or else of those whose it is."""
        self.check_books()
        for shop in self.shops:
            operator = self.contract.operator(shop.market.operator)
            passed_s = self.contract.now_s - operator.start_s
            since_s = passed_s % TIMES.period_s
            frozen = passed_s >= TIMES.period_s - TIMES.finality_s and (
                since_s >= TIMES.period_s - TIMES.finality_s or since_s <= TIMES.window_s + TIMES.finality_s
            )
            for one in shop.market.merchants:
                if one.honest and one.claim and not frozen and self._may(shop, one):
                    paid = self.contract.would_pay(one.account, shop.market.operator, one.key, one.claim)
                    assert paid == sum(one.confirmed.values()), (
                        "merchant safety",
                        one.account,
                        paid,
                        one.confirmed,
                    )

    def check_books(self) -> None:
        assert self.contract.total() == self.total, "conservation"
        for shop in self.shops:
            for consumer in CONSUMERS:
                number = self.contract.channel_number(shop.market.operator, consumer)
                assert number is not None
                channel = self.contract.channel(shop.market.operator, number)
                assert channel.deposited_ubc == shop.deposited[consumer], "consumer safety: the deposit"
                signed_ubc = shop.market.paid.get(consumer, 0)
                assert channel.withdrawn_ubc <= min(signed_ubc, channel.deposited_ubc), "consumer safety"
                assert 0 <= channel.withdrawn_ubc <= channel.paid_ubc <= channel.deposited_ubc
