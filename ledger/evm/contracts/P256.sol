// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// ECDSA with SHA-256 on P-256 by the precompile of EIP-7951: the consumer's micropayment and the operator's admission.
library P256 {
    uint256 private constant VERIFY = 0x100;

    struct Signature {
        bytes32 r;
        bytes32 s;
        bytes32 y;
    }
    // y: the second coordinate of the signer's key, of which the contract keeps the compressed form.

    /// Whether the key (02 or 03, then x) signed the digest; `y` must be the one that the prefix says.
    function isSigned(uint8 prefix, bytes32 x, Signature calldata signature, bytes32 digest) internal view returns (bool ok) {
        if (uint8(uint256(signature.y) & 1) + 2 != prefix) return false;
        bytes32 y = signature.y;
        assembly ("memory-safe") {
            let work := mload(0x40)
            mstore(work, digest)
            calldatacopy(add(work, 32), signature, 64)
            mstore(add(work, 96), x)
            mstore(add(work, 128), y)
            mstore(0, 0)
            ok := staticcall(gas(), VERIFY, work, 160, 0, 32)
            ok := and(ok, eq(mload(0), 1))
        }
    }

    /// SHA-256 of the Sig_structure of a micropayment (wire/micropayment.py), put together again from its fields.
    function micropayment(bytes32 instance, uint8 prefix, bytes32 x, uint64 cumulative) internal pure returns (bytes32) {
        bytes8 keyId = bytes8(sha256(abi.encodePacked(prefix, x)));
        bytes memory head = abi.encodePacked(hex"846a5369676e6174757265314da201280448", keyId, hex"55", "airgrant/micropayment");
        return sha256(abi.encodePacked(head, hex"584a01", instance, prefix, x, cumulative));
    }
}
