"""What settling one period costs on an EVM in gas: PayPlace beside a roll-up that settles the same payouts.

Pure arithmetic over numbers that were measured (`Measured`) or are assumed (`Rollup`); no prices but gas. Both sides'
assumptions are fields here with the place where they come from, so that a table can say them. `paper_payplace` and
`paper_rollup` are the thesis's own formulas (6.6, figure 6.9), which leave out calldata and storage of the newly
missing (P8) and compare PayPlace's fixed cost with a roll-up that publishes every single payment.
Reference: thesis 6.6 and figure 6.9; EIP-4844, EIP-7623, EIP-7918.   Units: gas; blob gas counted as gas at the floor.
"""

from dataclasses import dataclass
from enum import Enum

BLOB_BYTES = 126_976
"""Of a blob's 131,072 octets, what field elements carry (31 of 32 octets)."""
BLOB_FLOOR_GAS = 8_192
"""A blob costs at least as much as so much execution gas (EIP-7918): its price floor times its 131,072 of blob gas."""
PAPER_PROOF_PAYMENTS = 3_000


class Publishing(Enum):
    """What a roll-up puts where everybody can read it."""

    PAYMENTS = "every payment"
    PAYOUTS = "one payout per merchant"


@dataclass(frozen=True, slots=True)
class Measured:
    """PayPlace on our contract, gas of whole transactions (lab/bench/payplace_evm.py)."""

    notarisation: int
    newly_missing: int
    """Marked as missing with its leaf, each that is one more."""
    named: int
    """Named as absent by its key, each that is one more."""
    marking: int
    """To mark at all: what the first costs above any other."""
    naming: int
    """To name at all, likewise."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """A validity roll-up of today, by the analysis of public parts: nobody's product was measured."""

    transaction: int = 21_000
    proof: int = 215_000
    """Groth16 on BN254: about 207,700 and 7,160 for each public input (EIP-1108 prices)."""
    state: int = 15_000
    payments_per_proof: int | None = None
    """None: proofs are aggregated off chain, so that one is verified however many payments there are (today's practice,
    and the roll-up's best case); the prover's work, linear in the payments, is not counted as gas.
    """
    payment_bytes: int = 12
    payout_bytes: int = 10
    publishing: Publishing = Publishing.PAYMENTS


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row: gas of one period, three ways."""

    payments: int
    merchants: int
    payplace: int
    rollup_payments: int
    rollup_payouts: int


def payplace_gas(measured: Measured, newly_missing: int, *, named: bool = False) -> int:
    """One period: a notarisation, and something for each merchant who signed the last block and not this one. Payments,
    merchants and consumers do not come into it.
    """
    at_all, each = _missing_gas(measured, named=named)
    return measured.notarisation + (at_all + newly_missing * each if newly_missing else 0)


def _missing_gas(measured: Measured, *, named: bool) -> tuple[int, int]:
    return (measured.naming, measured.named) if named else (measured.marking, measured.newly_missing)


def rollup_gas(rollup: Rollup, payments: int, merchants: int) -> int:
    """One period: proofs, state, and data in blobs at their floor price (whole blobs)."""
    data = payments * rollup.payment_bytes
    if rollup.publishing is Publishing.PAYOUTS:
        data = merchants * rollup.payout_bytes
    proofs = 1 if rollup.payments_per_proof is None else _up(payments, rollup.payments_per_proof)
    blobs = _up(data, BLOB_BYTES)
    return proofs * (rollup.transaction + rollup.proof + rollup.state) + blobs * BLOB_FLOOR_GAS


def compare(measured: Measured, payments: int, merchants: int, missing_permille: int) -> Comparison:
    """At most one merchant for each payment is paid; `missing_permille` of them are newly missing."""
    paid = min(payments, merchants)
    missing = paid * missing_permille // 1_000
    return Comparison(
        payments,
        paid,
        payplace_gas(measured, missing),
        rollup_gas(Rollup(), payments, paid),
        rollup_gas(Rollup(publishing=Publishing.PAYOUTS), payments, paid),
    )


def missing_at_par(measured: Measured, payments: int, merchants: int, *, named: bool = False) -> int:
    """The most newly missing merchants at which PayPlace is no dearer than a roll-up that publishes payouts only."""
    at_all, each = _missing_gas(measured, named=named)
    rollup = rollup_gas(Rollup(publishing=Publishing.PAYOUTS), payments, merchants)
    return max((rollup - measured.notarisation - at_all) // each, 0)


# ---- As the thesis reckons


def paper_payplace(registered: int, missing: int, newly_missing: int) -> int:
    """Figure 6.9's PayPlace, each pairing check a call of its own (alt_bn128 of Istanbul)."""
    proofs = newly_missing + 1 if newly_missing else 0
    pairings = 2 + (2 if missing else 0) + proofs
    calls = 1 + (1 if missing else 0) + (1 if newly_missing else 0)
    paths = 42 * 2 * newly_missing * ((registered - 1).bit_length() + 1)
    gas = 34_000 * pairings + 45_000 * calls + 150 * missing + 100 * (1 + newly_missing)
    return gas + paths + 30_000 + 10_000 * newly_missing


def paper_rollup(payments: int) -> int:
    """Figure 6.9's roll-up: a proof for every 3,000 payments, 15 octets of calldata for each, and 50,000."""
    return _up(payments, PAPER_PROOF_PAYMENTS) * 300_000 + payments * 15 * 16 + 50_000


def omitted_by_paper(consumers: int, entry_bytes: int = 52, slot_gas: int = 20_000) -> int:
    """P8: calldata of two sets of transactions and a slot of N for each consumer, per newly missing merchant."""
    return 2 * consumers * entry_bytes * 16 + consumers * slot_gas


# ---- As the thesis counts the work off chain (P9)

PROVING_OPERATIONS = 150_000
"""Pairings and exponentiations of one proof for 3,000 payments."""


def off_chain_payplace(registered: int, consumers_per_merchant: int) -> int:
    """Pairings and exponentiations of operator and all merchants together: 2 for each signature, 2 for each receipt
    that a merchant looks at. The figure counts one merchant only.
    """
    return 2 * registered + 2 * consumers_per_merchant * registered


def off_chain_rollup(payments: int) -> int:
    return _up(payments, PAPER_PROOF_PAYMENTS) * PROVING_OPERATIONS


def _up(value: int, unit: int) -> int:
    return -(-value // unit)
