"""What of a configuration `apd clear` needs; what it does in the kernel is in tests/images/test_debian.py and below."""

import socket

import pytest

from apd.setup_clear import clear, names_of
from lab.namespaces import create, delete
from tc_shaper.kernel import Shaper
from tc_shaper.settings import ShaperSettings
from wire.errors import ConfigError


def test_names_are_enough(tmp_path) -> None:
    settings = names_of(
        {"shaper": {"interface": "wlan0", "ifb": "up0", "downlink_capacity_bps": "?"}}, tmp_path
    )
    assert (settings.interface, settings.ifb, settings.table) == ("wlan0", "up0", "airgrant")


@pytest.mark.parametrize(
    "shaper", [None, 5, {}, {"interface": 5}, {"interface": "a/b"}, {"interface": "a", "table": 5}]
)
def test_without_an_interface_there_is_nothing_to_clear(shaper, tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"shaper\."):
        names_of({} if shaper is None else {"shaper": shaper}, tmp_path / "apd.toml")


@pytest.mark.parametrize("text", [None, "[shaper", "\x00"])
def test_no_configuration(text, tmp_path) -> None:
    file = tmp_path / "apd.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=r"apd\.toml"):
        clear(file)


def test_beside_a_daemon_it_does_nothing(tmp_path) -> None:
    file = tmp_path / "apd.toml"
    file.write_text('[shaper]\ninterface = "sta0"\n[files]\ncontrol_socket = "apd.sock"\n')
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(tmp_path / "apd.sock"))
        daemon.listen()
        with pytest.raises(ConfigError, match="stop it first"):
            clear(file)


@pytest.fixture
def config(tmp_path, needs):
    needs("nft", "ip")
    file = tmp_path / "apd.toml"
    file.write_text('[shaper]\ninterface = "sta0"\n[files]\nprovider_key_file = "gone.pem"\n')
    return file


@pytest.mark.system
def test_the_kernel_forgets_everything(config) -> None:
    namespace = create("clear-box")
    try:
        namespace.run(["ip", "link", "add", "sta0", "type", "veth", "peer", "name", "sta1"])
        before = namespace.run(["tc", "qdisc", "show"]), namespace.run(["ip", "-o", "link"]).count("\n")
        shaper = Shaper(ShaperSettings("sta0", 10_000_000, 10_000_000))
        namespace.call(shaper.set_up)
        shaper.close()
        assert "airgrant0" in namespace.run(["ip", "link"])
        (said,) = namespace.call(lambda: clear(config)).done
        assert "sta0" in said
        assert (
            namespace.run(["tc", "qdisc", "show"]),
            namespace.run(["ip", "-o", "link"]).count("\n"),
        ) == before
        assert namespace.run(["nft", "list", "tables"]) == ""
        namespace.call(lambda: clear(config))  # again, and there is nothing
    finally:
        delete(namespace)


@pytest.mark.system
def test_an_interface_that_is_gone_and_a_cell(config) -> None:
    namespace = create("clear-box")
    try:
        namespace.run(["nft", "add", "table", "inet", "airgrant_cell"])
        (gone,) = namespace.call(lambda: clear(config)).done
        assert "is not there" in gone
        config.write_text("[cell]\n")
        (said,) = namespace.call(lambda: clear(config)).done
        assert "airgrant_cell" in said
        assert namespace.run(["nft", "list", "tables"]) == ""
    finally:
        delete(namespace)
