"""Device features of the loopback device; reading needs no privilege. Switching is tested in tests/system."""

import pytest

from tc_shaper.ethtool import read_features, set_features
from wire.errors import ShellError


def test_features_have_their_names_and_states():
    features = read_features("lo")
    assert features["rx-checksum"] is True
    assert features["hw-tc-offload"] is False


def test_a_device_that_is_not_there_is_named():
    for call in (read_features, lambda name: set_features(name, {"rx-gro": False})):
        with pytest.raises(ShellError, match="ethtool nowhere0"):
            call("nowhere0")
