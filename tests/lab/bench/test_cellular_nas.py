"""A purchase inside EAP is one that succeeds, and is measured whole. The codecs of NAS: test_contest.py."""

from __future__ import annotations

from lab.bench.cellular_nas import exchange, exchange_figures
from nas_tunnel.eap import EapCode, read_eap


def test_a_purchase_takes_five_packets() -> None:
    packets = exchange()
    assert len(packets) == 5
    assert read_eap(packets[-1]).code is EapCode.SUCCESS
    assert [figure.unit for figure in exchange_figures(rounds=1)] == ["ms", "packets", "bytes"]
