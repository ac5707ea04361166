"""Frames as the lab sends them; their bytes are held against vectors in tests/nas_tunnel/test_gas_frame.py."""

import pytest

from lab.gas_writer import RADIOTAP, write_gas_frame
from nas_tunnel.anqp import write_purchase_query
from nas_tunnel.gas_frame import GasRequest, read_gas_request
from wire.ids import MacAddress

STATION, BSSID = MacAddress.parse("02:00:00:00:01:00"), MacAddress.parse("02:00:00:00:00:00")


def test_the_box_reads_what_it_sends():
    request = GasRequest(STATION, BSSID, 7, write_purchase_query(b"transaction"))
    frame = write_gas_frame(request)
    assert frame.startswith(RADIOTAP)
    assert read_gas_request(frame) == request


def test_a_frame_that_no_radio_takes_is_our_mistake():
    with pytest.raises(AssertionError, match="2305 bytes in one frame"):
        write_gas_frame(GasRequest(STATION, BSSID, 1, bytes(2_305)))
