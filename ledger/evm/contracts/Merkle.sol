// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// The tree of wire/merkle.py: RFC 6962, SHA-256, leaves hashed behind 00 and nodes behind 01, an odd node rises unhashed.
library Merkle {
    uint256 private constant SHA256 = 0x02;

    function leafHash(bytes memory content) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(0), content));
    }

    /// Whether the leaf is number `index` of the `count` leaves under `root`. The path has exactly the neighbours.
    function isIn(bytes32 root, bytes32 leaf, uint256 index, uint256 count, bytes32[] calldata path)
        internal
        view
        returns (bool)
    {
        if (index >= count) return false;
        bytes32 found = leaf;
        uint256 used = 0;
        while (count > 1) {
            uint256 neighbour = index ^ 1;
            if (neighbour < count) {
                if (used == path.length) return false;
                bytes32 other = path[used++];
                found = neighbour > index ? node(found, other) : node(other, found);
            }
            index >>= 1;
            count = (count + 1) >> 1;
        }
        return used == path.length && found == root;
    }

    function node(bytes32 left, bytes32 right) internal view returns (bytes32 hash) {
        assembly ("memory-safe") {
            let work := mload(0x40)
            mstore8(work, 1)
            mstore(add(work, 1), left)
            mstore(add(work, 33), right)
            if iszero(staticcall(gas(), SHA256, work, 65, 0, 32)) { revert(0, 0) }
            hash := mload(0)
        }
    }
}
