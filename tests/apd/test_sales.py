"""What the box knows that it sold: each purchase once, at its exact price."""

from apd.sales import MAX_REMEMBERED, Sales


def test_each_purchase_counts_once():
    sales = Sales(5).after(b"a", 100).after(b"b", 20).after(b"a", 100)
    assert (sales.since_utc_ms, sales.purchases, sales.earned_ubc) == (5, 2, 120)


def test_what_is_remembered_is_bounded():
    sales = Sales(counted=dict.fromkeys(number.to_bytes(2, "big") for number in range(MAX_REMEMBERED)))
    assert len(sales.after(b"new", 1).counted) == MAX_REMEMBERED
