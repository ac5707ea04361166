// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bls} from "./Bls.sol";
import {Leaf} from "./Leaf.sol";
import {Merkle} from "./Merkle.sol";
import {P256} from "./P256.sol";

/// The libraries one by one, for tests and for measuring what each costs. Nothing of the product calls it.
contract Oracle {
    function hashToG1(bytes calldata dst, bytes calldata message) external view returns (bytes memory) {
        return Bls.hashToG1(dst, message);
    }

    function isSigned(bytes calldata key, bytes calldata message, bytes calldata signature) external view returns (bool) {
        return Bls.isSigned(key, message, signature, Bls.SIGNATURES);
    }

    function isPossessed(bytes calldata key, bytes calldata message, bytes calldata signature) external view returns (bool) {
        return Bls.isSigned(key, message, signature, Bls.POSSESSION);
    }

    function isKey(bytes calldata key) external view returns (bool) {
        return Bls.isKey(key);
    }

    function subtract(bytes calldata a, bytes calldata b) external view returns (bytes memory) {
        bytes memory other = b;
        Bls.negate(other);
        return Bls.addKeys(a, other);
    }

    function isPaid(bytes32 instance, uint8 prefix, bytes32 x, uint64 cumulative, P256.Signature calldata signature)
        external
        view
        returns (bool)
    {
        return P256.isSigned(prefix, x, signature, P256.micropayment(instance, prefix, x, cumulative));
    }

    function isIn(bytes32 root, bytes calldata content, uint256 index, uint256 count, bytes32[] calldata path)
        external
        view
        returns (bool)
    {
        return Merkle.isIn(root, Merkle.leafHash(content), index, count, path);
    }

    function entries(bytes calldata leaf) external pure returns (Leaf.Entry[] memory) {
        return Leaf.entries(leaf);
    }
}
