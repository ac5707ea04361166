// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A merchant's payout leaf: its id and what it is owed per channel since it last withdrew, in one canonical form.
///
///     merchant id 32 | runs u32 | runs x (first channel u32, count u32) | amounts u64 ...
///
/// Runs are maximal and ascend, each has at least one channel, no amount is zero. Reference: docs/wire/payout_block.md.
library Leaf {
    error LEAF_MALFORMED();

    uint256 internal constant HEAD = 36;

    struct Entry {
        uint32 channel;
        uint64 amount;
    }

    function merchantOf(bytes memory leaf) internal pure returns (bytes32 id) {
        if (leaf.length < HEAD) revert LEAF_MALFORMED();
        assembly ("memory-safe") {
            id := mload(add(leaf, 32))
        }
    }

    function emptyOf(bytes32 id) internal pure returns (bytes memory) {
        return abi.encodePacked(id, uint32(0));
    }

    /// All entries, channels ascending. Reverts unless the octets are the one form of them.
    function entries(bytes memory leaf) internal pure returns (Entry[] memory found) {
        if (leaf.length < HEAD) revert LEAF_MALFORMED();
        uint256 runs = _u32(leaf, 32);
        if (leaf.length < HEAD + 8 * runs) revert LEAF_MALFORMED();
        uint256 rest = leaf.length - HEAD - 8 * runs;
        if (rest % 8 != 0) revert LEAF_MALFORMED();
        found = new Entry[](rest / 8);
        uint256 filled = 0;
        uint256 free = 0; // the first channel at which the next run may begin
        for (uint256 run = 0; run < runs; run++) {
            uint256 first = _u32(leaf, HEAD + 8 * run);
            uint256 count = _u32(leaf, HEAD + 8 * run + 4);
            if (count == 0 || first < free || first + count > 1 << 32 || filled + count > found.length) revert LEAF_MALFORMED();
            for (uint256 i = 0; i < count; i++) {
                uint256 amount = _u64(leaf, HEAD + 8 * runs + 8 * filled);
                if (amount == 0 || amount >> 63 != 0) revert LEAF_MALFORMED();
                found[filled++] = Entry(uint32(first + i), uint64(amount));
            }
            free = first + count + 1;
        }
        if (filled != found.length) revert LEAF_MALFORMED();
    }

    /// Whether no entry of `old` is larger in `new_`, or gone.
    function covers(Entry[] memory new_, Entry[] memory old) internal pure returns (bool) {
        uint256 place = 0;
        for (uint256 i = 0; i < old.length; i++) {
            while (place < new_.length && new_[place].channel < old[i].channel) place++;
            if (place == new_.length || new_[place].channel != old[i].channel) return false;
            if (new_[place].amount < old[i].amount) return false;
        }
        return true;
    }

    function _u32(bytes memory data, uint256 offset) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(224, mload(add(add(data, 32), offset)))
        }
    }

    function _u64(bytes memory data, uint256 offset) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(192, mload(add(add(data, 32), offset)))
        }
    }
}
