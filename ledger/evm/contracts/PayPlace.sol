// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bls} from "./Bls.sol";
import {Leaf} from "./Leaf.sol";
import {Merkle} from "./Merkle.sol";
import {P256} from "./P256.sol";

interface IToken {
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// PayPlace on an EVM: deposits of consumers, spent by operators' notarised blocks, withdrawn by merchants.
///
/// The twin of ledger/payplace: functions of the same names, the same checks in the same order, errors named as its
/// reasons. Where an EVM has no such thing as our ledger's accounts: operators and payees are addresses; a consumer, who
/// is a P-256 key there and here, signs its shift; whoever names a key gives its 256 octets, since only the hash is kept.
/// The money is one token, in its smallest unit. Every function is all or nothing.
/// Reference: thesis chapter 6 (algorithms 3, 6 and 7, table 6.2, section 6.7) as repaired in docs/evm.md.
contract PayPlace {
    uint256 private constant MAX_COHORTS = 16;
    // Of missing merchants that one channel holds money for: what a withdrawal looks at. Settling absences may add more; but
    // nothing that is done with a merchant looks at cohorts younger than its own.
    uint256 private constant MAX_CHALLENGE = 365 days; // so that the end of a shift fits 32 bits for a hundred years

    error NO_SUCH_OPERATOR();
    error OPERATOR_EXISTS();
    error TIMES_REFUSED();
    error FROZEN();
    error OUTSIDE_WINDOW();
    error TAU_OUTSIDE_WINDOW();
    error ALREADY_NOTARISED();
    error VOUCHER_STALE();
    error KEY_REFUSED();
    error ALREADY_REGISTERED();
    error BAD_VOUCHER();
    error BAD_POSSESSION();
    error LEAF_MALFORMED();
    error NOT_REGISTERED();
    error NOT_THE_PAYEE();
    error ALREADY_MISSING();
    error NOT_MISSING();
    error NOTHING_CONFIRMED();
    error LEAF_DIFFERS();
    error NOT_IN_ROOT();
    error UNKNOWN_CHANNEL();
    error TOO_MANY_COHORTS();
    error NO_SIGNERS();
    error BAD_AGGREGATE();
    error SOURCE_NOT_IN_LEAF();
    error BAD_SOURCE();
    error SOURCE_MISSING();
    error NOT_FULLY_COVERED();
    error DUPLICATE_OPERATOR();
    error SAME_OPERATOR();
    error SHIFT_PENDING();
    error NO_SHIFT();
    error SHIFT_TOO_LARGE();
    error CHALLENGE_TOO_LOW();
    error CHALLENGE_RUNS();
    error AMOUNT_NOT_POSITIVE();
    error INSUFFICIENT_FUNDS();
    error ALREADY_SETTLED();
    error SETTLED_IN_PART();
    error SETTLE_FIRST();

    event OperatorRegistered(address indexed operator, bytes32 indexed id, bytes key);
    event Deposited(address indexed operator, uint32 indexed channel, uint64 amount);
    event MerchantRegistered(address indexed operator, bytes32 indexed id, bytes key);
    event Missing(address indexed operator, bytes32 indexed id, bytes leaf);
    event Absent(address indexed operator, bytes32 indexed id);
    event Returned(address indexed operator, bytes32 indexed id);
    event Notarised(address indexed operator, uint256 height, bytes32 root, uint64 tau);
    event Withdrawn(address indexed operator, bytes32 indexed id, uint256 amount, bool exited);
    event Shifting(address indexed operator, uint32 indexed channel, address to, uint64 amount, uint64 finalS);
    event ShiftEnded(address indexed operator, uint32 indexed channel, bool done);

    enum Status {
        None,
        Signing,
        Missing,
        Exited
    }

    struct Times {
        uint40 start;
        uint32 period;
        uint32 window;
        uint32 finality;
        uint32 challenge;
        uint32 channels; // how many there are
        uint24 height; // notarisations so far
        uint32 last; // the window of the last notarisation; 0: none yet
    }
    // One word, so that a notarisation writes two: this and the root.

    struct Operator {
        Times times;
        bytes32 inverse; // of the root of the last block, bit by bit: no empty word for the first block to fill
        bytes32 id; // of its own merchant key
        uint256[6] signers; // apka: the sum of all registered keys that are not missing, packed
        mapping(bytes32 => Merchant) merchants;
        mapping(uint256 => Channel) channels;
        mapping(bytes32 => uint256) numbers; // SHA-256 of the consumer's 33 octets => channel number + 1
        mapping(uint256 => Absence) absences; // by the height that they last answered for
        uint24[] open; // heights with absences that are not settled, ascending
        mapping(bytes32 => Part) parts; // by merchant, while its leaf is gone through in parts
    }

    /// How many of the first entries of a merchant's leaf are dealt with already. Counts while `height` is the one that it
    /// last answered for: the leaf of a later block begins with what was not paid.
    struct Part {
        uint24 height;
        uint32 paid;
        uint32 kept; // of one that is absent: paid or set aside
    }

    /// Merchants who were only named as missing: their leaves are under `root`, and of `count` nobody has brought them yet.
    struct Absence {
        bytes32 root;
        uint32 count;
    }

    struct Merchant {
        address payout;
        uint24 joined; // the height at that time, as in all three
        uint24 withdrew;
        uint24 since; // missing: the height it last answered for; exited: the height at that time
        Status status;
        bytes32 leaf; // its leaf's hash while it is missing; 0 while nobody has brought that leaf
    }

    struct Channel {
        bytes32 x;
        uint8 prefix; // 2 or 3: y is even or odd
        bool shifting;
        uint24 oldest; // of the cohorts in `reserved`; 0: there is none
        uint24 shifts; // ever begun: what a consumer signs counts once
        uint64 deposited;
        uint64 withdrawn;
        uint64 paid; // the highest micropayment known here, at most what is deposited
        address shiftTo;
        uint64 shiftAmount;
        uint32 shiftFinal; // seconds since the operator registered
        mapping(uint256 => uint256) reserved; // cohort => the next younger one << 128 | the sum of its amounts
    }

    /// A channel as it is shown.
    struct ChannelState {
        bytes32 x;
        uint8 prefix;
        bool shifting;
        uint32 shifts;
        uint64 deposited;
        uint64 withdrawn;
        uint64 paid;
        address shiftTo;
        uint64 shiftAmount;
        uint32 shiftFinal;
        uint256[] reserved; // cohort << 128 | sum
    }

    struct Split {
        address operator;
        uint64 amount;
    }

    struct MissingRow {
        bytes leaf;
        uint32 index;
        bytes32[] path;
    }

    struct Source {
        uint32 channel;
        uint64 cumulative;
        P256.Signature signature;
    }

    struct Claim {
        bytes leaf;
        uint32 index;
        uint32 leaves;
        bytes32[] path;
        Source[] sources;
        bytes key; // of the merchant, where it exits; else empty
    }

    IToken public immutable token;
    bytes32 public immutable chain;
    mapping(address => Operator) private operators;

    constructor(IToken token_) {
        token = token_;
        chain = sha256(abi.encodePacked(block.chainid, address(this)));
    }

    // ---- Registration and deposits

    function registerOperator(
        uint32 period,
        uint32 window,
        uint32 finality,
        uint32 challenge,
        bytes calldata key,
        bytes calldata possession
    ) external {
        Operator storage operator = operators[msg.sender];
        if (operator.times.start != 0) revert OPERATOR_EXISTS();
        if (
            window == 0 || uint256(window) + 2 * uint256(finality) >= period || challenge < uint256(period) + window
                || challenge > MAX_CHALLENGE
        ) {
            revert TIMES_REFUSED();
        }
        bytes32 id = _possessed(key, possession, msg.sender);
        operator.times = Times(uint40(block.timestamp), period, window, finality, challenge, 0, 0, 0);
        operator.inverse = ~bytes32(0);
        operator.id = id;
        operator.merchants[id] = Merchant(msg.sender, 0, 0, 0, Status.Signing, 0);
        _storeSigners(operator, key);
        emit OperatorRegistered(msg.sender, id, key);
    }

    /// The sender pays for the consumer whose key is prefix and x; the money never comes back but as spent.
    function payplaceDeposit(uint8 prefix, bytes32 x, Split[] calldata splits) external {
        uint256 total = 0;
        for (uint256 i = 0; i < splits.length; i++) if (splits[i].amount == 0) revert AMOUNT_NOT_POSITIVE();
        for (uint256 i = 0; i < splits.length; i++) _registered(splits[i].operator);
        for (uint256 i = 0; i < splits.length; i++) {
            for (uint256 j = 0; j < i; j++) if (splits[j].operator == splits[i].operator) revert DUPLICATE_OPERATOR();
            total += splits[i].amount;
            _deposit(splits[i].operator, prefix, x, splits[i].amount);
        }
        if (!token.transferFrom(msg.sender, address(this), total)) revert INSUFFICIENT_FUNDS();
    }

    /// The sender becomes the payee. `operatorKey` is the BLS key with which the operator registered.
    function registerMerchant(
        address operatorAddress,
        bytes calldata key,
        bytes calldata possession,
        bytes calldata operatorKey,
        bytes calldata voucher,
        uint64 tau
    ) external {
        Operator storage operator = _registered(operatorAddress);
        Times memory times = operator.times;
        if (_frozen(times)) revert FROZEN();
        if (tau < _openedS(times) || tau > block.timestamp) revert VOUCHER_STALE();
        if (!Bls.isKey(key)) revert KEY_REFUSED();
        bytes32 id = sha256(key);
        uint24 height = operator.times.height;
        Merchant storage merchant = operator.merchants[id];
        if (merchant.status != Status.None && (merchant.status != Status.Exited || merchant.since == height)) revert ALREADY_REGISTERED();
        if (sha256(operatorKey) != operator.id) revert BAD_VOUCHER();
        bytes32 said = sha256(abi.encodePacked("airgrant payplace voucher 1", instance(operatorAddress), id, msg.sender, tau));
        if (!Bls.isSigned(operatorKey, abi.encodePacked(said), voucher, Bls.SIGNATURES)) revert BAD_VOUCHER();
        _checkPossession(key, possession, operatorAddress, msg.sender);
        operator.merchants[id] = Merchant(msg.sender, height, 0, 0, Status.Signing, 0);
        _storeSigners(operator, Bls.addKeys(_signers(operator), key));
        emit MerchantRegistered(operatorAddress, id, key);
    }

    // ---- Blocks

    /// Who will not sign the next block: their confirmed funds, by their leaves under the present root, are set aside.
    /// As many transactions as it takes; `keys` are the merchants' keys one after the other, in the order of the rows.
    function markMissing(uint32 leaves, bytes calldata keys, MissingRow[] calldata rows) external {
        Operator storage operator = _registered(msg.sender);
        _openWindow(operator, uint64(block.timestamp));
        bytes memory gone = new bytes(Bls.G2_SIZE);
        for (uint256 i = 0; i < rows.length; i++) {
            bytes calldata key = keys[i * Bls.G2_SIZE:(i + 1) * Bls.G2_SIZE];
            bytes32 id = sha256(key);
            _setAside(operator, id, rows[i], leaves);
            Bls.addTo(gone, key);
        }
        Bls.negate(gone);
        _storeSigners(operator, Bls.addKeys(_signers(operator), gone));
    }

    function _setAside(Operator storage operator, bytes32 id, MissingRow calldata row, uint256 leaves) internal {
        bytes memory leaf = row.leaf;
        Leaf.Entry[] memory entries = Leaf.entries(leaf);
        Merchant memory merchant = operator.merchants[id];
        if (Leaf.merchantOf(leaf) != id || merchant.status == Status.None || merchant.status == Status.Exited) revert NOT_REGISTERED();
        if (merchant.status == Status.Missing) revert ALREADY_MISSING();
        uint24 height = operator.times.height;
        bytes32 hash = Merkle.leafHash(leaf);
        if (merchant.joined == height || merchant.withdrew == height) {
            if (entries.length != 0) revert LEAF_DIFFERS();
        } else if (!Merkle.isIn(~operator.inverse, hash, row.index, leaves, row.path)) {
            revert NOT_IN_ROOT();
        }
        _reserve(operator, entries, _part(operator, id, height).paid, entries.length, height, MAX_COHORTS);
        merchant.status = Status.Missing;
        merchant.since = height;
        merchant.leaf = hash;
        operator.merchants[id] = merchant;
        emit Missing(msg.sender, id, leaf);
    }

    /// The same by their keys only, so that a thousand fit one transaction. Their leaves are brought later by anybody, or
    /// never if they sign again first; until then nobody withdraws who has answered since (docs/evm.md).
    function markAbsent(bytes calldata keys) external {
        Operator storage operator = _registered(msg.sender);
        _openWindow(operator, uint64(block.timestamp));
        uint24 height = operator.times.height;
        uint32 unsettled = 0;
        bytes memory gone = new bytes(Bls.G2_SIZE);
        for (uint256 i = 0; i < keys.length / Bls.G2_SIZE; i++) {
            bytes calldata key = keys[i * Bls.G2_SIZE:(i + 1) * Bls.G2_SIZE];
            bytes32 id = sha256(key);
            Merchant storage merchant = operator.merchants[id];
            (Status status, bool nothing) = (merchant.status, merchant.joined == height || merchant.withdrew == height);
            if (status == Status.None || status == Status.Exited) revert NOT_REGISTERED();
            if (status == Status.Missing) revert ALREADY_MISSING();
            (merchant.status, merchant.since) = (Status.Missing, height);
            if (nothing) merchant.leaf = Merkle.leafHash(Leaf.emptyOf(id));
            else unsettled++;
            Bls.addTo(gone, key);
            emit Absent(msg.sender, id);
        }
        if (unsettled != 0) _openAbsences(operator, height, unsettled);
        Bls.negate(gone);
        _storeSigners(operator, Bls.addKeys(_signers(operator), gone));
    }

    /// Sets aside what a merchant had who was named by its key only. By anybody who has the block that it signed last; at most
    /// so many entries of its leaf in one transaction, in their order, until all of them are.
    function settleAbsent(address operatorAddress, uint32 leaves, MissingRow calldata row, uint32 most) external {
        Operator storage operator = _registered(operatorAddress);
        bytes memory leaf = row.leaf;
        bytes32 id = Leaf.merchantOf(leaf);
        Merchant storage merchant = operator.merchants[id];
        if (merchant.status != Status.Missing) revert NOT_MISSING();
        if (merchant.leaf != 0) revert ALREADY_SETTLED();
        uint24 since = merchant.since;
        bytes32 hash = Merkle.leafHash(leaf);
        if (!Merkle.isIn(operator.absences[since].root, hash, row.index, leaves, row.path)) revert NOT_IN_ROOT();
        Leaf.Entry[] memory entries = Leaf.entries(leaf);
        Part memory part = _part(operator, id, since);
        uint256 end = _min(part.kept + uint256(most), entries.length);
        _reserve(operator, entries, part.kept, end, since, type(uint256).max);
        if (end != entries.length || part.kept != 0) operator.parts[id] = Part(since, part.paid, uint32(end));
        if (end != entries.length) return;
        merchant.leaf = hash;
        _closeAbsence(operator, since);
        emit Missing(operatorAddress, id, leaf);
    }

    /// `height`: the one that the merchant last answered for.
    function _part(Operator storage operator, bytes32 id, uint24 height) private view returns (Part memory part) {
        Part memory found = operator.parts[id];
        if (found.height == height) part = found;
    }

    function _openAbsences(Operator storage operator, uint24 height, uint32 count) private {
        Absence storage absence = operator.absences[height];
        if (absence.count == 0) {
            if (operator.open.length == MAX_COHORTS) revert TOO_MANY_COHORTS();
            absence.root = ~operator.inverse;
            operator.open.push(height);
        }
        absence.count += count;
    }

    function _closeAbsence(Operator storage operator, uint24 height) private {
        uint32 left = --operator.absences[height].count;
        if (left != 0) return;
        uint24[] storage open = operator.open;
        uint256 i = 0;
        while (open[i] != height) i++;
        for (; i + 1 < open.length; i++) open[i] = open[i + 1];
        open.pop();
    }

    /// The next block, signed by everybody who is not missing. Constant in merchants, consumers and payments.
    function notarise(bytes32 root, uint64 tau, bytes calldata signature) external {
        Operator storage operator = _registered(msg.sender);
        uint32 window = _openWindow(operator, tau);
        _notarise(operator, window, root, tau, signature, _signers(operator));
    }

    /// The same where some who were missing have signed again: their keys one after the other, and the leaves for which
    /// funds were set aside.
    function notariseReturning(
        bytes32 root,
        uint64 tau,
        bytes calldata signature,
        bytes calldata keys,
        bytes[] calldata leaves
    ) external {
        Operator storage operator = _registered(msg.sender);
        uint32 window = _openWindow(operator, tau);
        bytes memory signers = _signers(operator);
        for (uint256 i = 0; i < leaves.length; i++) {
            bytes calldata key = keys[i * Bls.G2_SIZE:(i + 1) * Bls.G2_SIZE];
            _release(operator, sha256(key), leaves[i]);
            signers = Bls.addKeys(signers, key);
        }
        _notarise(operator, window, root, tau, signature, signers);
        _storeSigners(operator, signers);
    }

    function _release(Operator storage operator, bytes32 id, bytes calldata leaf) private {
        Merchant storage merchant = operator.merchants[id];
        Part memory part = _part(operator, id, merchant.since);
        if (leaf.length == 0 && merchant.status == Status.Missing && merchant.leaf == 0) {
            if (part.kept != part.paid) revert SETTLED_IN_PART();
            _closeAbsence(operator, merchant.since);
            (merchant.status, merchant.since) = (Status.Signing, 0);
            emit Returned(msg.sender, id);
            return;
        }
        Leaf.Entry[] memory entries = Leaf.entries(leaf);
        if (merchant.status == Status.None || merchant.status == Status.Exited) revert NOT_REGISTERED();
        if (merchant.status != Status.Missing) revert NOT_MISSING();
        if (Merkle.leafHash(leaf) != merchant.leaf) revert LEAF_DIFFERS();
        _unreserve(operator, entries, part.paid, entries.length, merchant.since);
        merchant.status = Status.Signing;
        merchant.since = 0;
        merchant.leaf = 0;
        emit Returned(msg.sender, id);
    }

    function _notarise(
        Operator storage operator,
        uint32 window,
        bytes32 root,
        uint64 tau,
        bytes calldata signature,
        bytes memory signers
    ) internal {
        if (Bls.isInfinity(signers)) revert NO_SIGNERS();
        bytes32 said = commitment(msg.sender, root, tau, ~operator.inverse);
        if (!Bls.isSigned(signers, abi.encodePacked(said), signature, Bls.SIGNATURES)) revert BAD_AGGREGATE();
        uint24 height = operator.times.height + 1;
        (operator.times.height, operator.times.last) = (height, window);
        operator.inverse = ~root;
        emit Notarised(msg.sender, height, root, tau);
    }

    // ---- Withdrawals

    /// All that the merchant's leaf says, as far as the consumers' micropayments cover it; nothing at all, and nothing is
    /// struck, if that is less than `atLeast`. At most so many entries in one transaction, in their order: what comes after
    /// is taken by the next, with `atLeast` for each. The last one exits if `exit`.
    function withdrawPayout(address operatorAddress, Claim calldata claim, uint64 atLeast, uint32 most, bool exit) external {
        Operator storage operator = _registered(operatorAddress);
        if (_frozen(operator.times)) revert FROZEN();
        _settle(operator, operatorAddress, claim, atLeast, most, exit, false);
    }

    /// The sender, an operator, pays somebody out in full and registers it no more; also within a freeze, if that is all of it.
    function forceExit(Claim calldata claim, uint32 most) external {
        _settle(_registered(msg.sender), msg.sender, claim, 0, most, true, true);
    }

    function _settle(
        Operator storage operator,
        address operatorAddress,
        Claim calldata claim,
        uint64 atLeast,
        uint32 most,
        bool exit,
        bool forced
    ) private {
        bytes memory leaf = claim.leaf;
        Leaf.Entry[] memory entries = Leaf.entries(leaf);
        bytes32 id = Leaf.merchantOf(leaf);
        Merchant memory merchant = operator.merchants[id];
        uint24 height = operator.times.height;
        uint256 older = _checkClaim(operator, merchant, height, claim, entries.length, exit, forced);
        bool missing = merchant.status == Status.Missing;
        uint24 since = missing ? merchant.since : height;
        Part memory part = _part(operator, id, since);
        uint256 end = _min(part.paid + uint256(most), entries.length);
        (uint256 total, uint256 wanted) = _pay(operator, operatorAddress, older, claim, entries, part.paid, end);
        if (total < (forced ? wanted : atLeast)) revert NOT_FULLY_COVERED();
        if (missing && merchant.leaf != 0) _unreserve(operator, entries, part.paid, end, since);
        else if (missing && part.kept != part.paid) revert SETTLED_IN_PART();
        address payout = merchant.payout;
        if (end == entries.length) {
            if (part.paid != 0) delete operator.parts[id];
            _struck(operator, id, merchant, missing, height, exit, claim.key);
        } else {
            // Whoever signs the next block has to see this before: it owes what is left of this leaf.
            if (_frozen(operator.times)) revert FROZEN();
            operator.parts[id] = Part(since, uint32(end), uint32(end));
        }
        emit Withdrawn(operatorAddress, id, total, exit && end == entries.length);
        if (total != 0) require(token.transfer(payout, total));
    }

    /// Its leaf is paid: its next one begins with nothing.
    function _struck(
        Operator storage operator,
        bytes32 id,
        Merchant memory merchant,
        bool missing,
        uint24 height,
        bool exit,
        bytes calldata key
    ) private {
        if (missing) {
            if (merchant.leaf == 0) _closeAbsence(operator, merchant.since);
            merchant.leaf = Merkle.leafHash(Leaf.emptyOf(id));
        }
        merchant.withdrew = height;
        if (exit) {
            if (!missing) _removeSigner(operator, id, key);
            merchant.status = Status.Exited;
            merchant.since = height;
            merchant.leaf = 0;
        }
        operator.merchants[id] = merchant;
    }

    /// Gives the height before which whoever is missing comes first.
    function _checkClaim(
        Operator storage operator,
        Merchant memory merchant,
        uint24 height,
        Claim calldata claim,
        uint256 count,
        bool exit,
        bool forced
    ) private view returns (uint256 older) {
        if (merchant.status == Status.None || merchant.status == Status.Exited) revert NOT_REGISTERED();
        if (!forced && merchant.payout != msg.sender) revert NOT_THE_PAYEE();
        bool nothing = merchant.joined == height || merchant.withdrew == height;
        if (!forced && (nothing || (count == 0 && !exit))) revert NOTHING_CONFIRMED();
        if (nothing) {
            if (count != 0) revert LEAF_DIFFERS();
        } else if (merchant.status == Status.Missing && merchant.leaf != 0) {
            if (Merkle.leafHash(claim.leaf) != merchant.leaf) revert LEAF_DIFFERS();
        } else {
            bytes32 hash = Merkle.leafHash(claim.leaf);
            bytes32 root = merchant.status == Status.Missing ? operator.absences[merchant.since].root : ~operator.inverse;
            if (!Merkle.isIn(root, hash, claim.index, claim.leaves, claim.path)) revert NOT_IN_ROOT();
        }
        older = merchant.status == Status.Missing ? merchant.since : type(uint256).max;
        if (operator.open.length != 0 && operator.open[0] < older) revert SETTLE_FIRST();
    }

    function _pay(
        Operator storage operator,
        address operatorAddress,
        uint256 older,
        Claim calldata claim,
        Leaf.Entry[] memory entries,
        uint256 first,
        uint256 end
    ) private returns (uint256 total, uint256 wanted) {
        uint256 channels = operator.times.channels;
        for (uint256 i = first; i < end; i++) if (entries[i].channel >= channels) revert UNKNOWN_CHANNEL();
        bool[] memory given = _applySources(operator, operatorAddress, claim.sources, entries, first, end);
        for (uint256 i = first; i < end; i++) {
            Channel storage channel = operator.channels[entries[i].channel];
            uint256 kept = channel.withdrawn + _reservedBefore(channel, older);
            uint256 amount = channel.paid > kept ? channel.paid - kept : 0;
            if (amount > entries[i].amount) amount = entries[i].amount;
            if (amount < entries[i].amount && !given[i]) revert SOURCE_MISSING();
            channel.withdrawn += uint64(amount);
            total += amount;
            wanted += entries[i].amount;
        }
    }

    function _applySources(
        Operator storage operator,
        address operatorAddress,
        Source[] calldata sources,
        Leaf.Entry[] memory entries,
        uint256 first,
        uint256 end
    ) private returns (bool[] memory given) {
        given = new bool[](end);
        uint256 place = first;
        for (uint256 i = 0; i < sources.length; i++) {
            while (place < end && entries[place].channel < sources[i].channel) place++;
            if (place == end || entries[place].channel != sources[i].channel || given[place]) revert SOURCE_NOT_IN_LEAF();
            given[place] = true;
        }
        bytes32 named = instance(operatorAddress);
        for (uint256 i = 0; i < sources.length; i++) {
            Channel storage channel = operator.channels[sources[i].channel];
            _checkSource(channel, named, sources[i].cumulative, sources[i].signature);
            _apply(channel, operatorAddress, sources[i].channel, sources[i].cumulative);
        }
    }

    function _checkSource(Channel storage channel, bytes32 named, uint64 cumulative, P256.Signature calldata signature) private view {
        (uint8 prefix, bytes32 x) = (channel.prefix, channel.x);
        if (!P256.isSigned(prefix, x, signature, P256.micropayment(named, prefix, x, cumulative))) revert BAD_SOURCE();
    }

    /// A micropayment that was verified: what is paid only rises, and a shift of money that is spent ends.
    function _apply(Channel storage channel, address operatorAddress, uint32 number, uint64 cumulative) private {
        uint64 paid = cumulative < channel.deposited ? cumulative : channel.deposited;
        if (paid <= channel.paid) return;
        channel.paid = paid;
        if (channel.shifting && paid > channel.deposited - channel.shiftAmount) _endShift(channel, operatorAddress, number, false);
    }

    // ---- Shifting deposits between operators (section 6.7)

    /// Asked for by the consumer, whose signature it is; anybody may send it.
    function shift(address from, address to, uint32 number, uint64 amount, P256.Signature calldata signature) external {
        if (amount == 0) revert AMOUNT_NOT_POSITIVE();
        Operator storage operator = _registered(from);
        _registered(to);
        Channel storage channel = _channel(operator, number);
        if (from == to) revert SAME_OPERATOR();
        bytes32 digest = sha256(shiftMessage(from, to, number, amount));
        if (!P256.isSigned(channel.prefix, channel.x, signature, digest)) revert BAD_SOURCE();
        if (channel.shifting) revert SHIFT_PENDING();
        if (amount > channel.deposited - channel.paid) revert SHIFT_TOO_LARGE();
        uint256 end = block.timestamp - operator.times.start + operator.times.challenge;
        channel.shifting = true;
        channel.shifts += 1;
        (channel.shiftTo, channel.shiftAmount, channel.shiftFinal) = (to, amount, uint32(end));
        emit Shifting(from, number, to, amount, uint64(operator.times.start + end));
    }

    /// Anybody who holds a micropayment that needs the money.
    function challengeShift(address from, uint32 number, uint64 cumulative, P256.Signature calldata signature) external {
        Channel storage channel = _channel(_registered(from), number);
        _checkSource(channel, instance(from), cumulative, signature);
        if (!channel.shifting) revert NO_SHIFT();
        if (cumulative <= channel.deposited - channel.shiftAmount) revert CHALLENGE_TOO_LOW();
        _apply(channel, from, number, cumulative);
    }

    function finishShift(address from, uint32 number) external {
        Channel storage channel = _channel(_registered(from), number);
        if (!channel.shifting) revert NO_SHIFT();
        if (block.timestamp - operators[from].times.start < channel.shiftFinal) revert CHALLENGE_RUNS();
        uint64 amount = channel.shiftAmount;
        channel.deposited -= amount;
        address to = channel.shiftTo;
        _endShift(channel, from, number, true);
        _deposit(to, channel.prefix, channel.x, amount);
    }

    function _endShift(Channel storage channel, address from, uint32 number, bool done) private {
        channel.shifting = false;
        (channel.shiftTo, channel.shiftAmount, channel.shiftFinal) = (address(0), 0, 0);
        emit ShiftEnded(from, number, done);
    }

    // ---- Times

    function _frozen(Times memory times) private view returns (bool) {
        uint256 elapsed = block.timestamp - times.start;
        uint256 k = (elapsed + times.finality) / times.period;
        return k != 0 && elapsed <= k * times.period + times.window + times.finality;
    }

    /// The first second after the last freeze, or when the operator registered.
    function _openedS(Times memory times) private view returns (uint256) {
        uint256 k = (block.timestamp - times.start + times.finality) / times.period;
        return k == 0 ? times.start : times.start + k * times.period + times.window + times.finality + 1;
    }

    /// The number of the commitment window that is open, to which `tau` belongs and in which nothing was notarised yet.
    function _openWindow(Operator storage operator, uint64 tau) internal view returns (uint32) {
        Times memory times = operator.times;
        uint256 elapsed = block.timestamp - times.start;
        uint256 k = elapsed / times.period;
        if (k == 0 || elapsed > k * times.period + times.window) revert OUTSIDE_WINDOW();
        if (tau < times.start + k * times.period || tau > block.timestamp) revert TAU_OUTSIDE_WINDOW();
        if (times.last == k) revert ALREADY_NOTARISED();
        return uint32(k);
    }

    // ---- Keys

    function _possessed(bytes calldata key, bytes calldata possession, address operator) private view returns (bytes32) {
        if (!Bls.isKey(key)) revert KEY_REFUSED();
        _checkPossession(key, possession, operator, msg.sender);
        return sha256(key);
    }

    function _checkPossession(bytes calldata key, bytes calldata possession, address operator, address payout) internal view {
        bytes32 said = sha256(abi.encodePacked("airgrant payplace possession 1", instance(operator), key, payout));
        if (!Bls.isSigned(key, abi.encodePacked(said), possession, Bls.POSSESSION)) revert BAD_POSSESSION();
    }

    function _removeSigner(Operator storage operator, bytes32 id, bytes memory key) private {
        if (sha256(key) != id) revert KEY_REFUSED();
        Bls.negate(key);
        _storeSigners(operator, Bls.addKeys(_signers(operator), key));
    }

    // Four coordinates of 16 + 32 octets: the long parts in four words, the short parts two by two.
    function _signers(Operator storage operator) internal view returns (bytes memory key) {
        key = new bytes(Bls.G2_SIZE);
        uint256[6] storage words = operator.signers;
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, 4) { i := add(i, 1) } { mstore(add(add(key, 64), shl(6, i)), sload(add(words.slot, i))) }
            for { let i := 0 } lt(i, 2) { i := add(i, 1) } {
                let pair := sload(add(words.slot, add(4, i)))
                mstore(add(add(key, 32), shl(7, i)), shr(128, pair))
                mstore(add(add(key, 96), shl(7, i)), and(pair, 0xffffffffffffffffffffffffffffffff))
            }
        }
    }

    function _storeSigners(Operator storage operator, bytes memory key) internal {
        uint256[6] storage words = operator.signers;
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, 4) { i := add(i, 1) } { sstore(add(words.slot, i), mload(add(add(key, 64), shl(6, i)))) }
            for { let i := 0 } lt(i, 2) { i := add(i, 1) } {
                let high := mload(add(add(key, 32), shl(7, i)))
                sstore(add(words.slot, add(4, i)), or(shl(128, high), mload(add(add(key, 96), shl(7, i)))))
            }
        }
    }

    // ---- Channels

    function _deposit(address to, uint8 prefix, bytes32 x, uint64 amount) private {
        Operator storage operator = operators[to];
        bytes32 consumer = sha256(abi.encodePacked(prefix, x));
        uint256 number = operator.numbers[consumer];
        if (number == 0) {
            if (prefix != 2 && prefix != 3) revert KEY_REFUSED();
            number = ++operator.times.channels;
            operator.numbers[consumer] = number;
            (operator.channels[number - 1].prefix, operator.channels[number - 1].x) = (prefix, x);
        }
        operator.channels[number - 1].deposited += amount;
        emit Deposited(to, uint32(number - 1), amount);
    }

    /// Of these entries. Cohorts are in ascending order: one that is settled late goes before younger ones.
    function _reserve(
        Operator storage operator,
        Leaf.Entry[] memory entries,
        uint256 first,
        uint256 end,
        uint24 cohort,
        uint256 most
    ) private {
        uint256 channels = operator.times.channels;
        for (uint256 i = first; i < end; i++) {
            if (entries[i].channel >= channels) revert UNKNOWN_CHANNEL();
            Channel storage channel = operator.channels[entries[i].channel];
            (uint256 elder, uint256 next, uint256 passed) = _find(channel, cohort);
            if (next == cohort) {
                channel.reserved[cohort] += entries[i].amount;
                continue;
            }
            if (passed >= most) revert TOO_MANY_COHORTS();
            channel.reserved[cohort] = (next << 128) | entries[i].amount;
            _link(channel, elder, cohort);
        }
    }

    function _unreserve(Operator storage operator, Leaf.Entry[] memory entries, uint256 first, uint256 end, uint24 cohort) private {
        for (uint256 i = first; i < end; i++) {
            Channel storage channel = operator.channels[entries[i].channel];
            uint256 rest = channel.reserved[cohort] - entries[i].amount;
            channel.reserved[cohort] = uint128(rest) == 0 ? 0 : rest;
            if (uint128(rest) != 0) continue;
            (uint256 elder,,) = _find(channel, cohort);
            _link(channel, elder, rest >> 128);
        }
    }

    /// The cohort before this one and the one that is at its place or after it, 0 each if there is none; how many are before.
    function _find(Channel storage channel, uint256 cohort) private view returns (uint256 elder, uint256 next, uint256 passed) {
        next = channel.oldest;
        while (next != 0 && next < cohort) {
            elder = next;
            next = channel.reserved[next] >> 128;
            passed++;
        }
    }

    function _link(Channel storage channel, uint256 elder, uint256 next) private {
        if (elder == 0) channel.oldest = uint24(next);
        else channel.reserved[elder] = (next << 128) | uint128(channel.reserved[elder]);
    }

    /// What is set aside in this channel for cohorts older than `cohort`.
    function _reservedBefore(Channel storage channel, uint256 cohort) private view returns (uint256 sum) {
        uint256 here = channel.oldest;
        while (here != 0 && here < cohort) {
            uint256 word = channel.reserved[here];
            sum += uint128(word);
            here = word >> 128;
        }
    }

    function _min(uint256 one, uint256 other) private pure returns (uint256) {
        return one < other ? one : other;
    }

    function _registered(address operator) internal view returns (Operator storage found) {
        found = operators[operator];
        if (found.times.start == 0) revert NO_SUCH_OPERATOR();
    }

    function _channel(Operator storage operator, uint32 number) private view returns (Channel storage) {
        if (number >= operator.times.channels) revert UNKNOWN_CHANNEL();
        return operator.channels[number];
    }

    // ---- What anybody may ask

    /// The 32 octets that name this contract and this operator in everything that is signed.
    function instance(address operator) public view returns (bytes32) {
        return sha256(abi.encodePacked("airgrant payplace 1", chain, operator));
    }

    function commitment(address operator, bytes32 root, uint64 tau, bytes32 previous) public view returns (bytes32) {
        return sha256(abi.encodePacked("airgrant payplace commitment 1", instance(operator), root, tau, previous));
    }

    /// What a consumer signs to ask for a shift: it counts once.
    function shiftMessage(address from, address to, uint32 number, uint64 amount) public view returns (bytes memory) {
        Channel storage channel = operators[from].channels[number];
        bytes memory names = abi.encodePacked("airgrant payplace shift 1", instance(from), instance(to), channel.prefix, channel.x);
        return abi.encodePacked(names, amount, uint32(channel.shifts));
    }

    function operatorOf(address operator)
        external
        view
        returns (Times memory times, bytes32 root, bytes32 id, bytes memory signers)
    {
        Operator storage found = operators[operator];
        return (found.times, ~found.inverse, found.id, _signers(found));
    }

    /// Heights with absences that are not settled, ascending; `absenceOf` has the root under which their leaves lie.
    function openAbsences(address operator) external view returns (uint24[] memory) {
        return operators[operator].open;
    }

    function absenceOf(address operator, uint24 height) external view returns (Absence memory) {
        return operators[operator].absences[height];
    }

    /// Counts while its height is the one that the merchant last answered for.
    function partOf(address operator, bytes32 id) external view returns (Part memory) {
        return operators[operator].parts[id];
    }

    function merchantOf(address operator, bytes32 id) external view returns (Merchant memory) {
        return operators[operator].merchants[id];
    }

    function channelOf(address operator, uint32 number) external view returns (ChannelState memory shown) {
        Channel storage found = operators[operator].channels[number];
        (shown.x, shown.prefix, shown.deposited, shown.withdrawn, shown.paid) =
            (found.x, found.prefix, found.deposited, found.withdrawn, found.paid);
        (shown.shifting, shown.shifts, shown.shiftTo) = (found.shifting, found.shifts, found.shiftTo);
        (shown.shiftAmount, shown.shiftFinal) = (found.shiftAmount, found.shiftFinal);
        (,, uint256 count) = _find(found, type(uint256).max);
        shown.reserved = new uint256[](count);
        uint256 here = found.oldest;
        for (uint256 i = 0; i < count; i++) {
            uint256 word = found.reserved[here];
            shown.reserved[i] = (here << 128) | uint128(word);
            here = word >> 128;
        }
    }

    /// Plus one; 0 if this consumer has none.
    function numberOf(address operator, uint8 prefix, bytes32 x) external view returns (uint256) {
        return operators[operator].numbers[sha256(abi.encodePacked(prefix, x))];
    }
}
