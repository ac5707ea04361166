"""The operator's work on payouts, one step at a time: earnings in, a block made, signatures taken, a notarisation out.

`turn` looks at disk and chain, asks `steps` what is next, and does it. It may be ended at any moment and begun again:
what it promised is on disk before it says it. What a contract refuses is told and tried again at the next turn.
Not for two threads at once, but for `take_signatures`, `vouch` and what is shown, which HTTP asks meanwhile.
Reference: thesis 6.4, 6.5.2.   Units: seconds of UTC at the chain, micro-bandcoin (ubc).
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from ledger.payplace import bls
from ledger.payplace.bisecting import find_bad
from ledger.payplace.entries import Channel, PayMerchant, PayOperator, Status
from ledger.payplace.generating import Period, keep_back, next_leaves
from ledger.payplace.payout_block import NO_ROOT, BlockHead, split_block, write_block_head
from ledger.payplace.payout_leaf import MERCHANT_ID_SIZE, empty_leaf, leaf_hash_of
from ledger.payplace.payout_row import PayoutRow, Sums, read_row, without
from ledger.payplace.payout_tree import TreeBuilder
from ledger.payplace.registering import voucher_message
from ledger.payplace.windows import phase_at
from operatord.payplace.chain import Chain, Standing, terms_of
from operatord.payplace.contesting import Contester
from operatord.payplace.income import Earning, Income, Row, split
from operatord.payplace.recovering import owed, read_past
from operatord.payplace.steps import (
    Consent,
    GiveUp,
    MakeBlock,
    MarkThese,
    NotariseNow,
    Rules,
    Settle,
    Step,
    Wait,
    may_commit,
    next_step,
    next_window_s,
)
from operatord.payplace.store import SERVED_SIZE, PayoutStore, find_leaves
from wire.errors import DecodeError, ShellError, VerificationError
from wire.ids import PublicKey
from wire.micropayment import parse_micropayment
from wire.payplace_notarisation import LeafProof, MarkMissing, Notarise

Brought = tuple[bytes, int, bytes]
"""A signature as it comes: merchant id, period, 48 octets."""
EARNINGS_AT_ONCE = 1_000
MAX_MARKED_BYTES = 512 * 1024
"""Leaves and paths in one transaction: a quarter of what a ledger takes at most."""


class Settler:
    """One operator on one chain."""

    def __init__(
        self,
        store: PayoutStore,
        chain: Chain,
        key: bls.SecretKey,
        income: Income,
        rules: Rules,
        tell: Callable[[str], None],
    ) -> None:
        self.chain = chain
        self._store = store
        self._key = key
        self._me = key.public.merchant_id
        self._income = income
        self._rules = rules
        self._tell = tell
        self._keys: dict[bytes, bls.PublicKey] = {self._me: key.public}
        self._verified: set[bytes] = set()
        """Whose signatures of the present block hold."""
        self._members: Collection[bytes] | None = None
        """Who was registered when we last looked: nobody joins while signatures are taken."""
        self._seen: tuple[tuple[int, bytes, bytes], Mapping[bytes, PayMerchant]] | None = None
        """All merchants, and in which window and with which keys they were seen."""
        self._contester = Contester(chain, "payouts", tell)
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._numbers: dict[PublicKey, int] = {}
        self._consumers: dict[int, PublicKey] = {}
        """Whose a channel is does not change."""
        self._asking = threading.Lock()
        """Strangers make us ask the chain one at a time, and of each channel once."""

    # ---- One step

    def turn(self) -> Step:
        """Returns what was done, or until when there is nothing to do. Raises ShellError."""
        self._contest_shifts()
        stored = self._store.block()
        head = stored[0] if stored else None
        operator, now_s = self.chain.operator(), self.chain.time_s()
        if head is None and not may_commit(operator, now_s):
            return Wait(next_window_s(operator, now_s))  # without asking for all merchants every moment
        standing = self._look(operator, now_s)
        signed = frozenset(self._verify(head, standing)) if head else frozenset[bytes]()
        step = next_step(standing, head, signed, self._rules.collect_s)
        if not isinstance(step, Wait):
            self._seen = None  # what we do may change it
        self._do(step, standing, head)
        return step

    def _look(self, operator: PayOperator, now_s: int) -> Standing:
        """In a window nobody registers, withdraws or leaves, so that all merchants are asked for once, and again after
        we did something.
        """
        window = phase_at(operator, now_s).window
        if not window or self._seen is None or self._seen[0] != (window, operator.apk, operator.apka):
            self._seen = (window, operator.apk, operator.apka), self.chain.merchants()
            self._members = self._seen[1].keys()
        return Standing(now_s, operator, self._seen[1])

    def _do(self, step: Step, standing: Standing, head: BlockHead | None) -> None:
        match step:
            case MakeBlock(period):
                self._make_block(period, standing)
            case MarkThese(merchants):
                self._mark(merchants, standing)
            case NotariseNow(signers, returning) if head is not None:
                self._notarise(head, frozenset(signers), returning, standing)
            case Settle() if head is not None:
                self._settle(head, standing)
            case GiveUp(why):
                self._store.give_up()
                self._tell(f"payouts: the block is given up, {why}; its income waits for the next one")
            case Wait():
                pass

    # ---- Income

    def _take_earnings(self, standing: Standing) -> None:
        payees = self._payees(standing)
        while earnings := self._income.earnings_since(self._store.place(), EARNINGS_AT_ONCE):
            income, unclaimed = list[Row](), list[Earning]()
            for earning in earnings:
                rows = self._rows_of(earning.payee.octets, earning.consumer, earning.amount_ubc, payees)
                income += rows
                if not rows:
                    unclaimed.append(earning)
            self._store.credit(income, unclaimed, earnings[-1].seq)
        for payee, consumer, amount_ubc in self._store.unclaimed():
            rows = self._rows_of(payee, PublicKey(consumer), amount_ubc, payees)
            if rows:
                self._store.claim(payee, consumer, rows)

    def _payees(self, standing: Standing) -> dict[bytes, bytes]:
        return {
            merchant.payout: one
            for one, merchant in standing.merchants.items()
            if merchant.status != Status.EXITED
        }

    def _rows_of(
        self, payee: bytes, consumer: PublicKey, amount_ubc: int, payees: Mapping[bytes, bytes]
    ) -> list[Row]:
        """None while the payee has no merchant, or the consumer no channel."""
        merchant = payees.get(payee)
        channel = self._number_of(consumer) if merchant is not None else None
        if merchant is None or channel is None:
            return []
        merchants_ubc, mine_ubc = split(amount_ubc, self._rules.commission_ppm)
        rows = [(merchant, channel, merchants_ubc), (self._me, channel, mine_ubc)]
        return [row for row in rows if row[2]]

    def _number_of(self, consumer: PublicKey) -> int | None:
        if consumer not in self._numbers:
            self._learn_channels()
        return self._numbers.get(consumer)

    def _learn_channels(self) -> None:
        """Those that were opened since we last looked: they are numbered without a gap, and come by the hundred."""
        with self._asking:
            known, count = len(self._numbers), self.chain.operator().channels
            for number, channel in self.chain.channels(range(known, count)).items():
                consumer = PublicKey(channel.consumer)
                self._numbers[consumer], self._consumers[number] = number, consumer

    # ---- A folder that is lost, or older than the chain

    def _recover(self, standing: Standing) -> None:
        """It does not know what blocks have paid: that is worked out again. Raises ShellError while the block of the
        last notarisation is not here.
        """
        past = read_past(self.chain.history())
        withdrew = {one: past.claimed[one] for one in standing.withdrew & past.claimed.keys()}
        self._store.keep(past.kept(standing.missing) | withdrew)
        paid = self._paid(standing)
        rows = self._rows_left(paid, standing)
        registered = set(standing.registered)
        in_block = [
            (row.merchant_id, int(channel), int(ubc))
            for row in rows
            if row.merchant_id in registered
            for channel, ubc in zip(row.channels, row.amounts, strict=True)
        ]
        earned, unclaimed, reached = self._all_earned(standing)
        income = list(owed(earned, in_block, past, standing.merchants))
        over = [row for row in income if row[2] < 0]
        self._store.recover([row for row in income if row[2] > 0], unclaimed, reached, standing.operator.root)
        self._tell(
            f"payouts: this folder was older than the chain: what is owed is worked out again ({reached})"
        )
        for merchant, channel, ubc in over:
            self._tell(
                f"payouts: {merchant.hex()} has had {-ubc} ubc of channel {channel} more than it earned"
            )

    def _all_earned(self, standing: Standing) -> tuple[list[Row], list[Earning], int]:
        """By merchant, also such that have left; what nobody has registered for; and the last earning."""
        payees = {merchant.payout: one for one, merchant in standing.merchants.items()}
        payees |= self._payees(standing)
        rows, unclaimed, reached = list[Row](), list[Earning](), 0
        while earnings := self._income.earnings_since(reached, EARNINGS_AT_ONCE):
            for earning in earnings:
                found = self._rows_of(earning.payee.octets, earning.consumer, earning.amount_ubc, payees)
                rows += found
                if not found:
                    unclaimed.append(earning)
            reached = earnings[-1].seq
        return rows, unclaimed, reached

    # ---- The block

    def _make_block(self, period: int, standing: Standing) -> None:
        if self._store.settled_root() != standing.operator.root:
            self._recover(standing)
        self._take_earnings(standing)
        root, channels = standing.operator.root, standing.operator.channels
        registered, paid = standing.registered, self._paid(standing)
        open_income = {m: income for m, income in self._store.open_income().items() if m in set(registered)}
        income = self._includable(open_income, paid, standing)
        builder = TreeBuilder()

        def make() -> Iterator[bytes]:
            for leaf in next_leaves(self._leaves(root, channels), Period(registered, income, paid), channels):
                builder.add(leaf)
                yield leaf

        def complete() -> BlockHead:
            tree = builder.finish()
            return BlockHead(
                self.chain.instance, period, standing.time_s, root, len(tree.merchants), tree.root
            )

        head = self._store.write_block(make, complete)
        signature = self._key.sign(head.commitment)
        with self._lock:
            self._verified.clear()
            self._store.announce(head, signature.compressed, income)
            self._store.sign_all({self._me: signature.compressed})

    def _paid(self, standing: Standing) -> dict[bytes, bytes]:
        """Who withdrew since the last block, and the leaf by which it did: what it was held to, or the head's.

        Whoever was marked since the head, for a block that came to nothing, was held to the head's as well.
        """
        withdrew, height = standing.withdrew & set(standing.registered), standing.operator.height
        records = {one: standing.merchants[one] for one in withdrew}
        held = {one for one, m in records.items() if m.status == Status.MISSING and m.at < height}
        kept = self._store.kept()
        paid = find_leaves(self._leaves(standing.operator.root, standing.operator.channels), withdrew - held)
        return paid | {one: kept[one] for one in held if one in kept}

    def _includable(
        self, income: Mapping[bytes, Mapping[int, int]], paid: Mapping[bytes, bytes], standing: Standing
    ) -> dict[bytes, dict[int, int]]:
        """Without the income of consumers who cannot pay all of it, for whose sake nobody could sign, and without
        what has no room in its merchant's leaf: it waits.
        """
        wanted, spent = {m: dict(row) for m, row in income.items()}, dict[int, int]()
        sums = Sums.over(standing.operator.channels)
        if wanted:
            registered = set(standing.registered)
            for row in self._rows_left(paid, standing):
                if row.merchant_id in wanted:
                    wanted[row.merchant_id] = self._with_room(row, wanted[row.merchant_id])
                if row.merchant_id in registered:
                    sums.add(row)
            spent = {channel: int(sums.totals[channel]) for channel in sums.totals.nonzero()[0].tolist()}
        return self._affordable(wanted, spent)

    def _rows_left(self, paid: Mapping[bytes, bytes], standing: Standing) -> Iterator[PayoutRow]:
        """What the next block will owe even with no new income: of everybody who was in the last one, and of who is
        new the empty row.
        """
        channels, seen = standing.operator.channels, set[bytes]()
        for leaf in self._leaves(standing.operator.root, channels):
            row = read_row(leaf, channels)
            seen.add(row.merchant_id)
            withdrawn = paid.get(row.merchant_id)
            yield row if withdrawn is None else without(row, read_row(withdrawn, channels))
        for merchant in standing.registered:
            if merchant not in seen:
                yield read_row(empty_leaf(merchant), channels)

    def _with_room(self, row: PayoutRow, income: Mapping[int, int]) -> dict[int, int]:
        fits = keep_back(row, income, self._rules.leaf_consumers)
        if len(fits) < len(income):
            late = len(income) - len(fits)
            self._tell(
                f"payouts: {row.merchant_id.hex()} has earned of {late} consumers more than a leaf names: "
                "that waits until it has withdrawn"
            )
        return fits

    def _affordable(
        self, income: Mapping[bytes, Mapping[int, int]], spent: Mapping[int, int]
    ) -> dict[bytes, dict[int, int]]:
        """`spent`: what the next block will owe of each channel even with no new income."""
        wanted: dict[int, int] = {}
        for row in income.values():
            for channel, ubc in row.items():
                wanted[channel] = wanted.get(channel, 0) + ubc
        short, known = set[int](), self.chain.channels(wanted)
        for channel, ubc in sorted(wanted.items()):
            free_ubc = self._limit(channel, known.get(channel)) - spent.get(channel, 0)
            if ubc > free_ubc:
                short.add(channel)
                self._tell(
                    f"payouts: channel {channel} has {free_ubc} ubc left and {ubc} are earned: they wait"
                )
        kept = {m: {c: ubc for c, ubc in row.items() if c not in short} for m, row in income.items()}
        return {merchant: row for merchant, row in kept.items() if row}

    def _limit(self, number: int, channel: Channel | None) -> int:
        """What may be spent of a channel: the lower of micropayment and deposit, less what was withdrawn."""
        if channel is None:
            return 0
        octets = self._income.micropayment_of(PublicKey(channel.consumer))
        if octets is None:
            return 0
        if self._contester.contest(channel, octets):
            channel = self.chain.channel(number) or channel
        terms = terms_of(channel)
        return min(parse_micropayment(octets).cumulative_ubc, terms.deposit_ubc) - terms.withdrawn_ubc

    def _contest_shifts(self) -> None:
        """Whoever shifts away what he has spent is contested at once, whether or not he owes anything in a block.

        The chain is asked for all of them together: who has shifted away what he spent is among them for ever.
        """
        overdrawn = self._income.overdrawn()
        if any(consumer not in self._numbers for consumer in overdrawn):
            self._learn_channels()
        wanted = {self._numbers[consumer]: consumer for consumer in overdrawn if consumer in self._numbers}
        channels = self.chain.channels(wanted) if wanted else {}
        shifting = {number: channel for number, channel in channels.items() if channel.shift is not None}
        self._contester.forget(wanted[number] for number in shifting)
        shown = {number: self._income.micropayment_of(wanted[number]) for number in shifting}
        self._contester.contest_all(shifting, {number: octets for number, octets in shown.items() if octets})

    def _leaves(self, root: bytes, channels: int) -> Iterator[bytes]:
        """Of a notarised block. Raises ShellError if the file is gone: the next one cannot be made without it."""
        if root == NO_ROOT:
            return
        try:
            yield from islice(split_block(self._store.chunks(root), channels), 1, None)
        except (LookupError, DecodeError) as error:
            raise ShellError("payouts", f"the block of the last notarisation: {error}") from error

    # ---- Signatures

    def take_signatures(self, brought: Sequence[Brought]) -> list[str]:
        """Why each is not taken; empty where it holds and is on disk when this returns. What does not hold is never on
        disk, so that nobody's signature is kept out by what a stranger sends in its name. They are verified in sums.
        """
        with self._lock:
            stored = self._store.block()
        head = stored[0] if stored else None
        said, signed = [""] * len(brought), dict[int, bls.Signature]()
        for place, one in enumerate(brought):
            try:
                signature = self._look_at(head, *one)
            except DecodeError as error:
                said[place] = str(error)
                continue
            if signature is not None:
                signed[place] = signature
        if head is None or not signed:
            return said
        places = list(signed)
        pairs = [(self._key_of(brought[place][0]), signed[place]) for place in places]
        for bad in find_bad(head.commitment, pairs).bad:
            said[places[bad]] = f"payouts: the signature of {brought[places[bad]][0].hex()} does not hold"
        held = [at for at in places if not said[at]]
        if not self._put_on_disk(head, {brought[at][0]: brought[at][2] for at in held}):
            said = [why or "payouts: that block is over" for why in said]
        return said

    def _look_at(
        self, head: BlockHead | None, merchant: bytes, period: int, octets: bytes
    ) -> bls.Signature | None:
        """What is left to verify; None if it is on disk. What costs little is looked at first. Raises DecodeError."""
        if head is None or head.period != period:
            raise DecodeError(f"payouts: no signatures are taken for period {period}")
        if not self._is_member(merchant):
            raise DecodeError(f"payouts: {merchant.hex()} is no merchant here")
        with self._lock:
            present = self._store.signature(merchant) if merchant in self._verified else None
        if present == octets:
            return None
        if present is not None:  # a key has one signature of a message
            raise VerificationError(f"payouts: {merchant.hex()} has signed, and not so")
        return bls.Signature.of_compressed(octets)

    def _is_member(self, merchant: bytes) -> bool:
        if self._members is None:  # nothing was done yet since we began
            with self._asking:
                self._members = self.chain.merchants().keys()
        return merchant in self._members

    def _put_on_disk(self, head: BlockHead, signatures: Mapping[bytes, bytes]) -> bool:
        """Unless the block has gone meanwhile: then they are of no use to anybody."""
        with self._lock:
            stored = self._store.block()
            if stored is None or stored[0] != head:
                return False
            self._store.sign_all(signatures)
            self._verified |= signatures.keys()
            return True

    def _verify(self, head: BlockHead, standing: Standing) -> set[bytes]:
        """Whose signatures hold. Those that lay on disk when we began are verified once more."""
        with self._lock:
            signatures = self._store.signatures()
            fresh = sorted(
                one for one in signatures if one not in self._verified and one in standing.merchants
            )
            pairs = [(self._key_of(one), bls.Signature.of_compressed(signatures[one])) for one in fresh]
            bad = {fresh[place] for place in find_bad(head.commitment, pairs).bad}
            if bad:
                self._store.drop_signatures(bad)
                self._tell(f"payouts: {len(bad)} signatures do not hold, the first of {min(bad).hex()}")
            self._verified |= set(fresh) - bad
            return self._verified & signatures.keys()

    def _key_of(self, merchant: bytes) -> bls.PublicKey:
        known = self._find_key(merchant)
        assert known is not None, "whoever asks has looked"
        return known

    def _find_key(self, merchant: bytes) -> bls.PublicKey | None:
        """Asked of the chain once: an id is the hash of its key. Who has exited has one, too, and counts nowhere."""
        known = self._keys.get(merchant)
        if known is None:
            found = self.chain.merchant(merchant)
            if found is None:
                return None
            known = self._keys[merchant] = bls.PublicKey.of_eip2537(found.key)
        return known

    # ---- The chain

    def _mark(self, merchants: Iterable[bytes], standing: Standing) -> None:
        proofs, leaves = self._proofs(list(merchants), standing)
        self._store.keep({row.leaf[:MERCHANT_ID_SIZE]: row.leaf for row in proofs})
        reason = self.chain.submit(MarkMissing(leaves, tuple(proofs)))
        self._tell(f"payouts: {len(proofs)} have not signed: {reason or 'marked missing'}")

    def _proofs(self, merchants: list[bytes], standing: Standing) -> tuple[list[LeafProof], int]:
        """Their leaves in the head block, as many as one transaction takes, and how many leaves that has."""
        operator = standing.operator
        found, builder = dict[bytes, bytes](), TreeBuilder()
        for leaf in self._leaves(operator.root, operator.channels):
            builder.add(leaf)
            if leaf[:MERCHANT_ID_SIZE] in merchants:
                found[leaf[:MERCHANT_ID_SIZE]] = leaf
        tree, proofs, size = builder.finish(), list[LeafProof](), 0
        for merchant in merchants:
            record = standing.merchants[merchant]
            fresh = record.joined == operator.height or merchant in standing.withdrew
            place = None if fresh else tree.place(merchant)
            if place is None:
                proof = LeafProof(empty_leaf(merchant), 0, b"")
            else:
                proof = LeafProof(found[merchant], place, b"".join(tree.path(place)))
            size += len(proof.leaf) + len(proof.path)
            if proofs and size > MAX_MARKED_BYTES:
                break
            proofs.append(proof)
        return proofs, len(tree.merchants)

    def _notarise(
        self, head: BlockHead, signers: frozenset[bytes], returning: Iterable[bytes], standing: Standing
    ) -> None:
        """Who returns brings the leaf to which it was held; those whose leaves have no room, or are lost, sign again
        in the next period.
        """
        kept, leaves, late, size = self._held(standing), list[bytes](), set[bytes](), 0
        for one in returning:
            leaf = kept.get(one)
            if leaf is None or size + len(leaf) > MAX_MARKED_BYTES:
                late.add(one)
            else:
                leaves.append(leaf)
                size += len(leaf)
        signatures = self._store.signatures()
        total = bls.aggregate_signatures(
            bls.Signature.of_compressed(signatures[one]) for one in sorted(signers - late)
        )
        reason = self.chain.submit(Notarise(head.root, head.tau_s, total.eip2537, tuple(leaves)))
        self._tell(f"payouts: block of period {head.period}: {reason or 'notarised'}")
        if reason == "bad_aggregate":
            self._verify_alone(head, signatures)

    def _verify_alone(self, head: BlockHead, signatures: Mapping[bytes, bytes]) -> None:
        """Signatures that held together only with some that are not wanted."""
        bad = set[bytes]()
        for merchant, octets in signatures.items():
            try:
                bls.verify(self._key_of(merchant), head.commitment, bls.Signature.of_compressed(octets))
            except VerificationError:
                bad.add(merchant)
        with self._lock:
            self._store.drop_signatures(bad)
            self._verified -= bad

    def _settle(self, head: BlockHead, standing: Standing) -> None:
        with self._lock:
            self._store.settle(self._held(standing), head.root)
            self._verified.clear()
        self._store.forget_blocks([head.root, head.previous_root])

    def _held(self, standing: Standing) -> dict[bytes, bytes]:
        """Of each member of M the leaf whose hash the contract has; without those that are lost."""
        kept, held = self._store.kept(), dict[bytes, bytes]()
        for one, merchant in standing.missing.items():
            for leaf in (kept.get(one), empty_leaf(one)):
                if leaf is not None and leaf_hash_of(leaf) == merchant.leaf:
                    held[one] = leaf
                    break
            else:
                self._tell_once(f"payouts: the leaf to which {one.hex()} is held is lost: it cannot return")
        return held

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._tell(text)

    # ---- What merchants ask for

    def vouch(
        self, key: bls.PublicKey, possession: bls.Signature, payout: PublicKey
    ) -> tuple[int, bls.Signature]:
        """When, and that we take this merchant: for its registration. Raises DecodeError: the operator consents to each
        (6.5.2), as everybody who registers makes every block longer.
        """
        if not self._consents_to(payout):
            raise DecodeError(f"payouts: {payout} has earned nothing here, and the operator does not name it")
        bls.verify_possession(key, self.chain.instance, payout.octets, possession)
        now_s = self.chain.time_s()
        message = voucher_message(self.chain.instance, key.merchant_id, payout.octets, now_s)
        return now_s, self._key.sign(message)

    def _consents_to(self, payout: PublicKey) -> bool:
        if self._rules.consent == Consent.ANYBODY or payout in self._rules.accounts:
            return True
        return self._income.has_earned(payout)

    def announcement(self) -> bytes | None:
        """Head and our signature of the block that may be signed now."""
        stored = self._store.block()
        return None if stored is None else write_block_head(stored[0]) + stored[1]

    def block(self, root: bytes) -> Iterator[bytes]:
        """Raises LookupError."""
        if not self._store.has_block(root):
            raise LookupError(f"no block has root {root.hex()}")
        return self._store.chunks(root, SERVED_SIZE)

    def kept(self) -> Mapping[bytes, bytes]:
        """The leaves to which members of M are held; those who withdrew since are held to the empty one."""
        return self._store.kept()

    def micropayments(self, channels: Iterable[int]) -> dict[int, bytes]:
        """The highest of each channel of which there is one."""
        wanted = set(channels)
        with self._asking:
            unknown = [number for number in wanted if number not in self._consumers]
            if unknown:
                count = self.chain.operator().channels
                there = [number for number in unknown if number < count]
                for number, channel in self.chain.channels(there).items():
                    self._consumers[number] = PublicKey(channel.consumer)
        found = dict[int, bytes]()
        for number in sorted(wanted & self._consumers.keys()):
            octets = self._income.micropayment_of(self._consumers[number])
            if octets is not None:
                found[number] = octets
        return found
