"""The merchant's whole program at a small size: it signs, and asks for pages and not for channels."""

from lab.bench.payplace_program import look


def test_a_merchant_signs_and_reads_few_pages() -> None:
    small, larger = look(4, 3), look(40, 600)
    assert small.processor_s >= 0
    assert small.ledger_requests <= 20
    assert larger.ledger_requests == small.ledger_requests + 2, (
        "500 channels in a page, to merchant and operator"
    )
    assert larger.operator_requests == small.operator_requests
