"""UCI text becomes settings: every key of the daemon can be said, and what is wrong is named by section and option."""

import tomllib
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apd.uci import (
    KEYS,
    MAIN,
    MAX_BYTES,
    MIGRATIONS,
    SETTINGS,
    VERSION,
    Section,
    blame,
    format_toml,
    format_uci,
    is_enabled,
    migrate,
    parse_uci,
    places_elsewhere,
    require_names,
    settings_document,
    version_of,
)
from wire.errors import ConfigError

GIVEN = {
    "shaper": {"closed", "lobby_interface"},
    "box": {"provider", "ledger", "ledger_id", "shaper", "air", "cell", "tariff", "auction"},
}
"""Fields that other sections fill in (apd/config.py); no owner writes them."""
EXAMPLE = """
# what people write
config airgrant 'main'
	option version '1'
	option enabled 'yes'

config shaper 'shaper'
	option interface "phy0-ap0"
	option downlink_capacity_bps 50Mbit/s
	option pool_size '64'

config web
	list listen '127.0.0.1'
	list listen '192.168.1.1'

config meter 'meter'
	option software_key_file key.pem; option accept_unattested 1
"""


def document(text: str) -> dict[str, Any]:
    return settings_document(parse_uci(text))


def test_it_reads_what_people_write() -> None:
    made = document(EXAMPLE)
    assert made["shaper"] == {
        "interface": "phy0-ap0",
        "downlink_capacity_bps": "50Mbit/s",
        "pool_size": 64,
    }
    assert made["web"] == {"listen": ["127.0.0.1", "192.168.1.1"]}
    assert made["meter"] == {"software_key_file": "/etc/airgrant/key.pem", "accept_unattested": True}
    assert made["files"]["store"] == "/etc/airgrant/apd.sqlite", "/var is memory"
    assert is_enabled(parse_uci(EXAMPLE))
    assert not is_enabled(parse_uci("config shaper"))


def sample(hint: Any) -> tuple[str, Any]:
    """What an owner may write for a field of that kind, and what the daemon's reader shall get."""
    kinds = getattr(hint, "__args__", (hint,))
    if bool in kinds:
        return "on", True
    if Path in kinds:
        return "some/file", str(KEYS / "some/file")
    if int in kinds:
        return "4711", 4711
    return "text 'quoted'", "text 'quoted'"


def test_every_key_of_the_daemon_can_be_said() -> None:
    reached = 0
    for name, load in SETTINGS.items():
        cls = load()
        for key, hint in get_type_hints(cls).items():
            if key in GIVEN.get(name, set()):
                continue
            is_list = str(hint).startswith("tuple[")
            said, wanted = sample(hint)
            section = Section(name, name, {key: (said,) if is_list else said})
            made = tomllib.loads(format_toml(settings_document(with_cell(parse_uci(format_uci([section]))))))
            table = made["cell"][name.removeprefix("cell_")] if name.startswith("cell_") else made[name]
            assert table[key] == ([wanted] if is_list else wanted), f"{name}.{key}"
            reached += 1
    assert reached > 80


def with_cell(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    return (*sections, Section("cell", "cell")) if sections[0].name.startswith("cell_") else sections


def test_what_others_fill_in_is_what_no_dataclass_lets_an_owner_write() -> None:
    for name, keys in GIVEN.items():
        assert keys <= {item.name for item in fields(SETTINGS[name]())}
    required = {item.name for item in fields(SETTINGS["shaper"]()) if item.default is MISSING}
    assert required == {"interface", "downlink_capacity_bps", "uplink_capacity_bps"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("config shapr 'shapr'", "airgrant.shapr: unknown section"),
        ("config air 'shaper'", "airgrant.shaper: has type air: config shaper 'shaper'"),
        (
            "config shaper\n\toption pool_size many",
            "airgrant.shaper.pool_size: has to be a whole number, not 'many'",
        ),
        ("config shaper\n\tlist interface a\n\tlist interface b", "airgrant.shaper.interface: is a list"),
        (
            "config meter\n\toption accept_unattested maybe",
            "airgrant.meter.accept_unattested: has to be 1 or 0",
        ),
        ("config air\n\toption enabled perhaps", "airgrant.air.enabled: has to be 1 or 0"),
        ("option a b", "airgrant: line 1: option a: stands before the first section"),
        ("\nconfig shaper 'a b'", "airgrant: line 2: 'a b' is no name"),
        ("config shaper\n\toption a-b c", "airgrant: line 2: 'a-b' is no name"),
        ("config shaper\n\n\tset a b", "airgrant: line 3: not understood: set a b"),
        ("config shaper 'shaper\n", "airgrant: line 1: a quote that nobody closes"),
        ('config shaper "shaper\n', "airgrant: line 1: a quote that nobody closes"),
        ("config shaper\n\toption a b c d", "airgrant: line 2: not understood"),
        ("config a 'x'\nconfig b 'x'", "airgrant.x: is a section of type a and of type b"),
        ("#" + "x" * MAX_BYTES, "airgrant: has more than 65536 octets"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        document(text)
    assert str(caught.value).startswith(said)


def test_a_section_that_is_off_is_left_out_and_its_parts_with_it() -> None:
    off = "config air\n\toption enabled 0\n\toption hostapd_socket /x\n"
    assert "air" not in document(off)
    assert "air" in document(off.replace("0", "1"))
    cell = "config cell\n\toption enabled %s\nconfig cell_core\n\toption smf_host a\n"
    assert "cell" not in document(cell % "0")
    assert document(cell % "1")["cell"] == {"core": {"smf_host": "a"}}


def test_the_last_word_counts_and_lists_grow() -> None:
    (section,) = parse_uci(
        "config shaper\n option a 1\n option a 2\n list b 1\n list b 2\n option c x\n list c y\n option a2 ''\n"
    )
    assert section.options == {"a": "2", "b": ("1", "2"), "c": ("x", "y")}


words = st.text(st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"]), max_size=30)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.one_of(words.filter(bool), st.lists(words, min_size=1).map(tuple)),
        max_size=5,
    )
)
def test_what_is_written_is_read_again(options: dict[str, Any]) -> None:
    section = Section("shaper", "shaper", options)
    assert parse_uci(format_uci([section])) == (section,)


@given(st.text(st.sampled_from("'\"\\#; \n\tconfig optionlst_"), max_size=60))
def test_any_text_is_sections_or_a_configuration_error(text: str) -> None:
    try:
        parse_uci(text)
    except ConfigError as error:
        assert str(error).startswith("airgrant")  # noqa: PT017 either outcome is right


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), words, max_size=5))
def test_toml_says_the_same(table: dict[str, str]) -> None:
    assert tomllib.loads(format_toml({"shaper": table, "cell": {"a": 1, "core": table}})) == {
        "shaper": table,
        "cell": {"a": 1, "core": table},
    }


# ---- Versions


def test_a_file_without_a_number_gets_one_and_a_newer_one_is_refused() -> None:
    bare = parse_uci("config shaper\n option interface wlan0\n")
    assert version_of(bare) == 0
    moved = migrate(bare)
    assert version_of(moved) == VERSION
    assert moved[1:] == (replace(bare[0], has_name=True),), "and its sections get their names"
    assert migrate(moved) == moved, "once"
    with pytest.raises(ConfigError, match=r"airgrant.main.version: 2 is newer than 1"):
        migrate(parse_uci("config airgrant\n option version 2\n"))
    with pytest.raises(ConfigError, match=r"airgrant.main.version: 'x' is no version"):
        version_of(parse_uci("config airgrant\n option version x\n"))


def test_a_section_without_a_name_is_refused_as_uci_finds_nothing_in_it() -> None:
    require_names(parse_uci("config web 'web'\n"))
    with pytest.raises(ConfigError, match=r"airgrant\.web: has no name: config web 'web'"):
        require_names(parse_uci("config web\n"))


def test_places_elsewhere_are_files_that_are_read_and_folders_of_what_is_made() -> None:
    named = document(
        "config ledger 'ledger'\n option authority_file /srv/a.pem\n option certificate_file box.pem\n"
        "config files 'files'\n option store /mnt/usb/apd.sqlite\n"
        "config air 'air'\n option hostapd_socket /var/run/hostapd/phy0-ap0\n"
        "config cell 'cell'\n list gnb_files /srv/gnb/one.cfg\n list gnb_files /srv/gnb/two.cfg\n"
        "config cell_signalling 'cell_signalling'\n"
    )
    assert places_elsewhere(named, (KEYS, Path("/var/run/airgrant"))) == (
        (Path("/mnt/usb"), True),
        (Path("/srv/a.pem"), False),
        (Path("/srv/gnb"), True),
        (Path("/var/run/hostapd"), True),
    )


def test_every_older_version_has_a_way_to_the_next() -> None:
    assert set(MIGRATIONS) == set(range(VERSION))


def test_migrations_run_in_order() -> None:
    def renamed(before: str, after: str) -> Any:
        return lambda sections: tuple(
            Section(s.kind, s.name, {after if k == before else k: v for k, v in s.options.items()})
            for s in sections
        )

    old = parse_uci("config airgrant\n option version 1\nconfig shaper\n option iface wlan0\n")
    new = migrate(old, {1: renamed("iface", "device"), 2: renamed("device", "interface")}, 3)
    assert new[1].options == {"interface": "wlan0"}
    assert version_of(new) == 3
    assert new[0].name == MAIN


# ---- Blame


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("/var/x.toml: shaper.interfce: unknown key", "airgrant.shaper.interfce: unknown key"),
        ("/var/x.toml: cell.core.look_s: outside 1..300", "airgrant.cell_core.look_s: outside 1..300"),
        ("/var/x.toml: cell.slots: name one", "airgrant.cell.slots: name one"),
        ("/var/x.toml: tariff: needs a section [air]", "airgrant.tariff: needs a section [air]"),
        ("shaper.interface: wlan9: no such device", "airgrant.shaper.interface: wlan9: no such device"),
        ("something else", "airgrant: something else"),
    ],
)
def test_the_readers_words_are_put_into_the_owners(said: str, wanted: str) -> None:
    assert str(blame(ConfigError(said), Path("/var/x.toml"))) == wanted
