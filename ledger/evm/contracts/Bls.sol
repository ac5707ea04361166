// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// BLS12-381 signatures over the precompiles of EIP-2537: public keys in G2 (256 octets), signatures in G1 (128 octets).
///
/// Points are as EIP-2537 writes them: coordinates of 64 octets, big-endian, those of Fp2 with c0 first. Refused: infinity,
/// points that are on no curve or outside the subgroup (the pairing precompile looks at every one that it is given).
/// Whether keys may be added up is the caller's matter: each needs a proof of possession first.
/// Reference: RFC 9380 clauses 5.2, 5.3.1 and 8.8.1, draft-irtf-cfrg-bls-signature-05 clauses 2.7, 3.3, 4.2.3, EIP-2537.
library Bls {
    error NotOnCurve();
    
    uint256 internal constant G1_SIZE = 128;
    uint256 internal constant G2_SIZE = 256;

    string internal constant SIGNATURES = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    string internal constant POSSESSION = "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

    uint256 private constant SHA256 = 0x02;
    uint256 private constant MODEXP = 0x05;
    uint256 private constant G1ADD = 0x0b;
    uint256 private constant G2ADD = 0x0d;
    uint256 private constant G2MSM = 0x0e; // one point times 1: it looks whether the point is in the subgroup
    uint256 private constant PAIRING = 0x0f;
    uint256 private constant MAP_TO_G1 = 0x10;

    // The prime of Fp: 16 octets, then 32.
    uint256 private constant P_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    // The generator of G2, negated.
    bytes private constant MINUS_G2 =
        hex"00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
        hex"0000000000000000000000000000000013e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
        hex"000000000000000000000000000000000d1b3cc2c7027888be51d9ef691d77bcb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa"
        hex"0000000000000000000000000000000013fa4d4a0ad8b1ce186ed5061789213d993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed";

    /// Whether `signature` is that of `message` under the key, in the domain of signatures or of possession.
    function isSigned(bytes memory key, bytes memory message, bytes memory signature, string memory domain)
        internal
        view
        returns (bool ok)
    {
        if (key.length != G2_SIZE || signature.length != G1_SIZE || isInfinity(key) || isInfinity(signature)) return false;
        bytes memory point = hashToG1(bytes(domain), message);
        bytes memory minusG2 = MINUS_G2;
        // e(signature, -g2) e(H(message), key) == 1
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, add(signature, 32), 128)
            mcopy(add(input, 128), add(minusG2, 32), 256)
            mcopy(add(input, 384), add(point, 32), 128)
            mcopy(add(input, 512), add(key, 32), 256)
            mstore(0, 0)
            ok := staticcall(gas(), PAIRING, input, 768, 0, 32)
            ok := and(ok, mload(0))
        }
    }

    /// Whether these octets are a point of the subgroup of G2, and not infinity.
    function isKey(bytes memory key) internal view returns (bool ok) {
        if (key.length != G2_SIZE || isInfinity(key)) return false;
        assembly ("memory-safe") {
            let work := mload(0x40)
            mcopy(work, add(key, 32), 256)
            mstore(add(work, 256), 1)
            ok := staticcall(gas(), G2MSM, work, 288, work, 256)
            ok := and(ok, eq(returndatasize(), 256))
        }
    }

    /// The point of G1 to which RFC 9380 maps the message, in the domain `dst` of at most 255 octets (clause 3, hash_to_curve).
    function hashToG1(bytes memory dst, bytes memory message) internal view returns (bytes memory point) {
        point = new bytes(G1_SIZE);
        bytes memory uniform = expandMessage(dst, message);
        bool ok;
        assembly ("memory-safe") {
            let work := mload(0x40)
            // OS2IP(64 octets) mod p, by the modular exponentiation with exponent 1
            function reduce(to, from, space) -> good {
                mstore(space, 64)
                mstore(add(space, 32), 1)
                mstore(add(space, 64), 64)
                mcopy(add(space, 96), from, 64)
                mstore8(add(space, 160), 1)
                mstore(add(space, 161), P_HIGH)
                mstore(add(space, 193), P_LOW)
                good := staticcall(gas(), MODEXP, space, 225, to, 64)
            }
            let from := add(uniform, 32)
            ok := reduce(work, from, add(work, 512))
            ok := and(ok, reduce(add(work, 64), add(from, 64), add(work, 512)))
            ok := and(ok, staticcall(gas(), MAP_TO_G1, work, 64, add(work, 128), 128))
            ok := and(ok, staticcall(gas(), MAP_TO_G1, add(work, 64), 64, add(work, 256), 128))
            ok := and(ok, staticcall(gas(), G1ADD, add(work, 128), 256, add(point, 32), 128))
        }
        if (!ok) revert NotOnCurve();
    }

    /// 128 octets: expand_message_xmd with SHA-256 (RFC 9380 clause 5.3.1).
    function expandMessage(bytes memory dst, bytes memory message) internal view returns (bytes memory uniform) {
        require(dst.length <= 255);
        uniform = new bytes(128);
        assembly ("memory-safe") {
            let work := mload(0x40)
            let size := mload(message)
            let dstSize := mload(dst)
            // b_0 = H(Z_pad || message || 0x0080 || 0x00 || DST_prime)
            mstore(work, 0)
            mstore(add(work, 32), 0)
            mcopy(add(work, 64), add(message, 32), size)
            let at := add(add(work, 64), size)
            mstore(at, shl(232, 0x008000))
            mcopy(add(at, 3), add(dst, 32), dstSize)
            mstore8(add(add(at, 3), dstSize), dstSize)
            if iszero(staticcall(gas(), SHA256, work, add(add(68, size), dstSize), work, 32)) { revert(0, 0) }
            let first := mload(work)
            // b_i = H((b_0 xor b_(i-1)) || i || DST_prime)
            mcopy(add(work, 33), add(dst, 32), dstSize)
            mstore8(add(add(work, 33), dstSize), dstSize)
            let last := 0
            for { let i := 1 } lt(i, 5) { i := add(i, 1) } {
                mstore(work, xor(first, last))
                mstore8(add(work, 32), i)
                let to := add(uniform, shl(5, i))
                if iszero(staticcall(gas(), SHA256, work, add(34, dstSize), to, 32)) { revert(0, 0) }
                last := mload(to)
            }
        }
    }

    /// `a` + `b` in G2; infinity is 256 zero octets. Membership of the subgroup is not looked at.
    function addKeys(bytes memory a, bytes memory b) internal view returns (bytes memory sum) {
        sum = new bytes(G2_SIZE);
        bool ok = a.length == G2_SIZE && b.length == G2_SIZE;
        assembly ("memory-safe") {
            let work := mload(0x40)
            mcopy(work, add(a, 32), 256)
            mcopy(add(work, 256), add(b, 32), 256)
            ok := and(ok, staticcall(gas(), G2ADD, work, 512, add(sum, 32), 256))
        }
        if (!ok) revert NotOnCurve();
    }

    /// `sum` += `key`, in place.
    function addTo(bytes memory sum, bytes calldata key) internal view {
        bool ok = key.length == G2_SIZE;
        assembly ("memory-safe") {
            let work := mload(0x40)
            mcopy(work, add(sum, 32), 256)
            calldatacopy(add(work, 256), key.offset, 256)
            ok := and(ok, staticcall(gas(), G2ADD, work, 512, add(sum, 32), 256))
        }
        if (!ok) revert NotOnCurve();
    }

    /// In place: the two coordinates of y, each taken from p unless zero. Infinity stays what it is.
    function negate(bytes memory key) internal pure {
        assembly ("memory-safe") {
            for { let at := add(key, 160) } lt(at, add(key, 288)) { at := add(at, 64) } {
                let high := mload(at)
                let low := mload(add(at, 32))
                if or(high, low) {
                    mstore(at, sub(sub(P_HIGH, high), gt(low, P_LOW)))
                    mstore(add(at, 32), sub(P_LOW, low))
                }
            }
        }
    }

    function isInfinity(bytes memory point) internal pure returns (bool zero) {
        assembly ("memory-safe") {
            let any := 0
            let end := add(add(point, 32), mload(point))
            for { let at := add(point, 32) } lt(at, end) { at := add(at, 32) } { any := or(any, mload(at)) }
            zero := iszero(any)
        }
    }
}
