"""The URI of the store, as Open5GS's configuration has it."""

from __future__ import annotations

import pytest

from ran_slicing.store_address import StoreAddress, parse_store_address


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("mongodb://localhost/open5gs", StoreAddress("localhost", 27_017, "open5gs")),
        ("mongodb://10.53.1.2:27018/core_1", StoreAddress("10.53.1.2", 27_018, "core_1")),
        ("mongodb://[fd00::1]:1/open5gs", StoreAddress("fd00::1", 1, "open5gs")),
    ],
)
def test_accepted(uri: str, address: StoreAddress) -> None:
    assert parse_store_address(uri) == address


@pytest.mark.parametrize(
    "uri",
    [
        "localhost/open5gs",
        "mongodb://localhost",
        "mongodb://user:secret@localhost/open5gs",
        "mongodb://a,b/open5gs",
        "mongodb://localhost/open5gs?tls=true",
        "mongodb+srv://localhost/open5gs",
    ],
)
def test_what_we_would_not_do_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="accounts, options and several hosts are not supported"):
        parse_store_address(uri)


@pytest.mark.parametrize("port", ["0", "65536"])
def test_no_such_port(port: str) -> None:
    with pytest.raises(ValueError, match=rf"port {port} is outside"):
        parse_store_address(f"mongodb://localhost:{port}/open5gs")
