"""`create`: an account is its issuer's own key."""

import pytest

from tests.wire.examples import CONSUMER, MESSAGES, resign_payload
from wire.create import Create
from wire.errors import DecodeError

CREATE = MESSAGES["create"]


def test_the_account_is_the_key() -> None:
    assert CREATE.read(CREATE.golden).action == Create(CONSUMER.public)


@pytest.mark.parametrize("octets", [bytes(33), b"\x04" * 33, b"\x02" * 32, b"\x02" * 34, b"", "02", 2])
def test_what_is_no_compressed_key_is_refused(octets: object) -> None:
    with pytest.raises(DecodeError, match="transaction: account"):
        CREATE.read(resign_payload(CREATE, {3: octets}))
