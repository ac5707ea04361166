"""The lobby's socket. The link itself is in tests/system/test_apd_lobby_socket.py."""

import pytest

from apd.shells.lobby_socket import LobbySocket
from wire.errors import ShellError


def test_an_interface_that_is_not_there():
    with pytest.raises(ShellError, match="no0such"):
        LobbySocket("no0such", 18_573)
