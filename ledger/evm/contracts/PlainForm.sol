// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bls} from "./Bls.sol";
import {Leaf} from "./Leaf.sol";
import {Merkle} from "./Merkle.sol";
import {IToken, PayPlace} from "./PayPlace.sol";

/// Algorithm 6 in one transaction, repaired (P4, P5) and otherwise as it is printed: for measuring what its lines cost.
///
/// For each merchant that is newly missing: its proof of possession, its old leaf under the old root, its new leaf under
/// the new root, and that none of its amounts fell. The product does this in other ways: docs/evm.md, "Missing signers".
contract PlainForm is PayPlace {
    error NOT_IN_NEW_ROOT();
    error AMOUNT_FELL();

    struct NewRow {
        bytes leaf;
        uint32 index;
        bytes32[] path;
        bytes possession;
        address payout;
    }

    struct Block {
        bytes32 root;
        uint64 tau;
        uint32 leaves;
        bytes signature;
    }

    constructor(IToken token_) PayPlace(token_) {}

    function notarisePlain(
        Block calldata next,
        uint32 oldLeaves,
        bytes calldata keys,
        MissingRow[] calldata rows,
        NewRow[] calldata newRows
    ) external {
        Operator storage operator = _registered(msg.sender);
        uint32 window = _openWindow(operator, next.tau);
        bytes memory gone = new bytes(Bls.G2_SIZE);
        for (uint256 i = 0; i < rows.length; i++) {
            bytes calldata key = keys[i * Bls.G2_SIZE:(i + 1) * Bls.G2_SIZE];
            if (newRows[i].possession.length != 0) _checkPossession(key, newRows[i].possession, msg.sender, newRows[i].payout);
            _compare(rows[i].leaf, newRows[i], next);
            _setAside(operator, sha256(key), rows[i], oldLeaves);
            Bls.addTo(gone, key);
        }
        bytes memory signers = _signers(operator);
        if (rows.length != 0) {
            Bls.negate(gone);
            signers = Bls.addKeys(signers, gone);
            _storeSigners(operator, signers);
        }
        _notarise(operator, window, next.root, next.tau, next.signature, signers);
    }

    function _compare(bytes calldata old, NewRow calldata row, Block calldata next) private view {
        if (!Merkle.isIn(next.root, Merkle.leafHash(row.leaf), row.index, next.leaves, row.path)) revert NOT_IN_NEW_ROOT();
        if (!Leaf.covers(Leaf.entries(row.leaf), Leaf.entries(old))) revert AMOUNT_FELL();
    }
}
