"""The configuration file: what people write, and what they are told when it cannot be."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from apd.config import load_config
from apd.settings import AuctionSettings, MeterSettings, UbusSettings, WebSettings
from ran_slicing.share import Ratio
from tests.apd.world import BSSID, LEDGER, LEDGER_ID, PROVIDER
from tests.ran_slicing.gnb_files import SOUND
from wire.errors import ConfigError
from wire.ids import MacAddress
from wire.qos import Qos
from wire.tariff import PAYMENT_PORT, Tariff

GOOD = f"""
[shaper]
interface = "wlan0"
downlink_capacity_bps = "50Mbit/s"
uplink_capacity_bps = 20_000_000

[ledger]
host = "broker.example"
authority_file = "ca.pem"
certificate_file = "/etc/ssl/box.pem"
certificate_key_file = "box.key"
key = "{LEDGER.public}"
ledger_id = "{LEDGER_ID.hex()}"

[meter]
tpm = "device:/dev/tpmrm0"

[files]
provider_key_file = "provider.pem"
"""


def load(tmp_path: Path, text: str = GOOD, pem: bytes = PROVIDER.to_pem()):
    (tmp_path / "provider.pem").write_bytes(pem)
    file = tmp_path / "apd.toml"
    file.write_text(text)
    return load_config(file, lambda _interface: BSSID)


def test_what_is_not_said_has_its_default_and_paths_are_relative_to_the_file(tmp_path):
    config = load(tmp_path)
    assert config.box.shaper.downlink_capacity_bps == 50_000_000
    assert config.box.shaper.uplink_capacity_bps == 20_000_000
    assert config.box.provider == PROVIDER.public
    assert (config.box.ledger, config.box.ledger_id, config.box.bssid) == (LEDGER.public, LEDGER_ID, BSSID)
    assert config.box.report_interval_s == 60
    assert config.ledger.authority_file == tmp_path / "ca.pem"
    assert config.ledger.certificate_file == Path("/etc/ssl/box.pem")
    assert config.ledger.port == 8883
    assert config.meter == MeterSettings(tpm="device:/dev/tpmrm0")
    assert config.files.store == Path("/var/lib/airgrant/apd.sqlite")
    assert config.provider_key.public == PROVIDER.public


def test_rates_and_durations_as_people_write_them(tmp_path):
    box = '[box]\nreport_interval_s = "2m"\nbssid = "02:00:00:00:00:09"\nadmission_ppm = 900000\n'
    config = load(tmp_path, GOOD + box)
    assert (config.box.report_interval_s, config.box.admission_ppm) == (120, 900_000)
    assert config.box.bssid == MacAddress.parse("02:00:00:00:00:09")


def test_a_software_key_by_explicit_wish_only(tmp_path):
    meter = 'software_key_file = "meter.pem"\naccept_unattested = true'
    config = load(tmp_path, GOOD.replace('tpm = "device:/dev/tpmrm0"', meter))
    assert config.meter == MeterSettings(software_key_file=tmp_path / "meter.pem", accept_unattested=True)


WRONG = [
    ('interface = "wlan0"', "", "shaper.interface: is missing"),
    (
        'interface = "wlan0"',
        'interfase = "wlan0"',
        "shaper.interfase: unknown key; did you mean interface?",
    ),
    ('interface = "wlan0"', 'interface = "no such name"', "shaper.interface: not a device name"),
    ('interface = "wlan0"', "interface = 7", "shaper.interface: has to be a text in quotes, not 7"),
    ('"50Mbit/s"', '"50 parsec"', "shaper.downlink_capacity_bps: '50 parsec' is not a rate"),
    ('"50Mbit/s"', "50.5", "shaper.downlink_capacity_bps: has to be a whole number, not 50.5"),
    ('"50Mbit/s"', "true", "shaper.downlink_capacity_bps: has to be a whole number, not True"),
    ('"50Mbit/s"', '"1bit/s"', "shaper.downlink_capacity_bps: must be 1 kbit/s to 1 Tbit/s"),
    ("[ledger]", "[leger]", "leger: unknown section; did you mean ledger?"),
    ("[meter]", "[router]\n[meter]", "router: unknown section"),
    (str(LEDGER.public), "02abc", "ledger.key: '02abc' is not an account"),
    (LEDGER_ID.hex(), "00ff", "ledger.ledger_id: has 2 octets, not 32"),
    (LEDGER_ID.hex(), "zz", "ledger.ledger_id: non-hexadecimal number"),
    ('tpm = "device:/dev/tpmrm0"', "", "meter.tpm: name a TPM"),
    (
        'tpm = "device:/dev/tpmrm0"',
        'software_key_file = "meter.pem"',
        "meter.accept_unattested: has to be true for a software key",
    ),
    ('tpm = "device:/dev/tpmrm0"', 'tpm = "x"\nsoftware_key_file = "y"', "meter.tpm: choose either"),
    (
        'tpm = "device:/dev/tpmrm0"',
        'tpm = "x"\naccept_unattested = "yes"',
        "meter.accept_unattested: has to be true or false, not 'yes'",
    ),
    ("provider.pem", "nothing.pem", "files.provider_key_file: "),
    ("[files]", "[files]\nprovider = 'x'", "files.provider: unknown key"),
    ("[shaper]", "[shaper", "apd.toml: "),
]


@pytest.mark.parametrize(("good", "bad", "told"), WRONG, ids=[told for _, _, told in WRONG])
def test_a_wrong_value_is_told_with_file_section_key_and_reason(tmp_path, good, bad, told):
    assert good in GOOD
    with pytest.raises(ConfigError) as error:
        load(tmp_path, GOOD.replace(good, bad, 1))
    assert str(error.value).startswith(f"{tmp_path}/apd.toml: ")
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("box", "told"),
    [
        ("report_interval_s = 0", "box.report_interval_s: has to be at least 1, not 0"),
        ("admission_ppm = 1000001", "box.admission_ppm: 1000001 is outside 1..1000000"),
        ("idle_timeout_s = -1", "box.idle_timeout_s: cannot be negative"),
        ("report_interval_s = '1 parsec'", "box.report_interval_s: '1 parsec' is not a duration"),
        ('bssid = "02:00"', "box.bssid: '02:00' is not a MAC address"),
        ('provider = "02"', "box.provider: unknown key"),
    ],
)
def test_wrong_values_of_the_box(tmp_path, box, told):
    with pytest.raises(ConfigError) as error:
        load(tmp_path, f"{GOOD}\n[box]\n{box}\n")
    assert told in str(error.value)


@pytest.mark.parametrize("section", ["box", "shaper", "ledger", "meter", "files", "air"])
def test_a_section_that_is_no_table(tmp_path, section):
    with pytest.raises(ConfigError, match=rf"{section}: has to be a table"):
        load(tmp_path, f"{section} = 3\n")


AIR = f"""
[air]
hostapd_socket = "/run/hostapd/wlan0"
operator = "{LEDGER.public}"
"""


def test_a_wired_box_has_no_air(tmp_path):
    box = load(tmp_path).box
    assert (box.air, box.shaper.closed, box.shaper.lobby_interface) == (None, False, None)


def test_the_air_by_ubus_and_an_object_there(tmp_path):
    by_ubus = AIR.replace('hostapd_socket = "/run/hostapd/wlan0"', 'hostapd_ubus = "phy0-ap0"')
    config = load(tmp_path, f'{GOOD}{by_ubus}\n[ubus]\nsocket = "/tmp/ubus.sock"\n')
    assert config.box.air is not None
    assert (config.box.air.hostapd_ubus, config.box.air.hostapd_socket) == ("phy0-ap0", None)
    assert config.ubus == UbusSettings(Path("/tmp/ubus.sock"))
    assert load(tmp_path).ubus is None
    with pytest.raises(ConfigError, match=r"air\.hostapd_socket: name hostapd's control socket"):
        load(tmp_path, f'{GOOD}\n[air]\noperator = "{LEDGER.public}"\n')
    with pytest.raises(ConfigError, match=r"ubus\.object: 'a b' is not a name"):
        load(tmp_path, f'{GOOD}\n[ubus]\nobject = "a b"\n')


def test_the_air_with_partners_and_a_lobby_of_its_own(tmp_path):
    more = f'lobby_interface = "lobby0"\npartners = ["{LEDGER.public}", "{PROVIDER.public}"]\n'
    box = load(tmp_path, GOOD + AIR + more).box
    assert box.air is not None
    assert (box.air.hostapd_socket, box.air.operator) == (Path("/run/hostapd/wlan0"), LEDGER.public)
    assert box.air.partners == (LEDGER.public, PROVIDER.public)
    assert (box.shaper.closed, box.shaper.lobby_interface) == (True, "lobby0")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("partners = 3", "air.partners: has to be a list, not 3"),
        ('partners = ["02"]', "air.partners: '02' is not an account"),
        ('lobby_interface = "wlan0"', "shaper.lobby_interface: device names must differ"),
        ('monitor = ""', "air.monitor: not a device name"),
        ("monitr = 3", "air.monitr: unknown key; did you mean monitor?"),
    ],
)
def test_wrong_values_of_the_air(tmp_path, wrong, told):
    with pytest.raises(ConfigError) as error:
        load(tmp_path, f"{GOOD}{AIR}{wrong}\n")
    assert told in str(error.value)


def test_what_follows_from_the_air_is_not_written_in_the_shapers_section(tmp_path):
    for key in ("closed = true", 'lobby_interface = "x"'):
        with pytest.raises(ConfigError, match=r"shaper\..*unknown key"):
            load(tmp_path, GOOD.replace("[shaper]", f"[shaper]\n{key}"))


def test_frames_per_second_are_no_duration(tmp_path):
    with pytest.raises(ConfigError, match=r"shaper\.lobby_packets_per_s: has to be a whole number"):
        load(tmp_path, GOOD.replace("[shaper]", '[shaper]\nlobby_packets_per_s = "2m"'))


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(ConfigError, match=r"no\.toml: No such file"):
        load_config(tmp_path / "no.toml", lambda _: BSSID)
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"x\.toml: "):
        load_config(tmp_path / "x.toml", lambda _: BSSID)


def test_a_key_file_that_is_none(tmp_path):
    with pytest.raises(ConfigError, match=r"files\.provider_key_file: .*not an unencrypted P-256"):
        load(tmp_path, pem=b"nonsense")


def test_an_interface_that_is_not_there_is_the_operators_fault(tmp_path):
    def missing(interface: str) -> MacAddress:
        raise ConfigError(f"shaper.interface: {interface}: no such device")

    (tmp_path / "provider.pem").write_bytes(PROVIDER.to_pem())
    (tmp_path / "apd.toml").write_text(GOOD)
    with pytest.raises(ConfigError, match="no such device"):
        load_config(tmp_path / "apd.toml", missing)


CELL = """
[box]
bssid = "02:00:00:00:00:01"

[cell]
gnb_files = ["gnb.yml"]
slots = ["1-00a600", "1-00a601"]

[cell.user_plane]
uplink_capacity_bps = "20Mbit/s"
lobby_slice = "1-000001"

[cell.core]
pcf_host = "127.0.0.13"
smf_host = "127.0.0.4"
"""
CELL_GOOD = CELL + GOOD[GOOD.index("[ledger]") :]


ONE_PRIORITY = SOUND.replace("priority: 7", "priority: 0")


def load_cell(tmp_path: Path, text: str = CELL_GOOD, gnb: str = ONE_PRIORITY):
    (tmp_path / "gnb.yml").write_text(gnb)
    return load(tmp_path, text)


def test_a_cell(tmp_path):
    config = load_cell(tmp_path)
    assert config.cell is not None
    assert config.box.cell is not None
    assert config.box.shaper.interface == "ogstun"
    assert config.box.shaper.uplink_capacity_bps == 20_000_000
    assert [str(slot.snssai) for slot in config.cell.begins.pool.slots] == ["1-00a600", "1-00a601"]
    assert (config.cell.host, config.cell.port) == ("127.0.0.1", 8001)
    assert str(config.cell.lobby_slice) == "1-000001"
    assert config.cell.core.pcf_host == "127.0.0.13"
    idle = config.cell.begins.session.wanted.values()
    assert set(idle) == {Ratio(0, 2)}, "a resource block, to reach the lobby with"


def test_purchases_in_nas_are_off_without_their_section(tmp_path):
    assert load_cell(tmp_path).cell.signalling is None
    text = CELL_GOOD.replace("[cell.core]", '[cell.signalling]\nsocket = "nas.sock"\n\n[cell.core]')
    signalling = load_cell(tmp_path, text).cell.signalling
    assert (signalling.socket, signalling.sib_file) == (tmp_path / "nas.sock", None)


def test_slots_of_several_priorities_have_no_price(tmp_path):
    with pytest.raises(
        ConfigError, match=r"cell.slots: the gNB's file gives them different priorities \(1-0"
    ):
        load_cell(tmp_path, gnb=SOUND)


def test_a_box_without_a_cell_has_none(tmp_path):
    config = load(tmp_path)
    assert config.cell is None
    assert config.box.cell is None


@pytest.mark.parametrize(
    ("find", "put", "why"),
    [
        ('bssid = "02:00:00:00:00:01"', "", "box.bssid: is missing; offers and grants name a cell by it"),
        ('slots = ["1-00a600", "1-00a601"]', "", "cell.slots: is missing"),
        ('"1-00a601"]', '"1-00beef"]', "the gNB's file has no slice 1-00beef"),
        ('"1-00a601"]', '"x"]', "cell.slots: 'x' is not an S-NSSAI"),
        ('["gnb.yml"]', '["none.yml"]', "cell.gnb_files: .*none.yml"),
        ('"1-000001"', '"1-00a600"', "cell.user_plane.lobby_slice: 1-00a600 is for sale itself"),
        ('"1-000001"', '"lobby"', "cell.user_plane.lobby_slice: 'lobby' is not an S-NSSAI"),
        ('smf_host = "127.0.0.4"', "", "cell.core.smf_host: is missing"),
        (
            'smf_host = "127.0.0.4"',
            'smfhost = "127.0.0.4"',
            "cell.core.smfhost: unknown key; did you mean smf_host",
        ),
        ("[cell.core]", "[cell.signalling]\n[cell.core]", "cell.signalling.socket: name a socket"),
        ("[cell.core]", '[cell.signalling]\nsockets = "a"\n[cell.core]', "did you mean socket"),
        (
            "[cell.core]",
            '[cell.signalling]\nsib_file = "gnb.yml"\n[cell.core]',
            "cell.signalling.sib_file: .*own",
        ),
        ("[cell.core]", "[cell.cores]", "cell.core.pcf_host: is missing|cell.cores: unknown key"),
        (
            'pcf_host = "127.0.0.13"',
            'pcf_host = "127.0.0.13"\nstore_uri = "mysql:"',
            "cell.core.store_uri: 'mysql:'",
        ),
        ("[cell]", '[air]\nhostapd_socket = "x"\n[cell]', "air: a box has either|air.operator: is missing"),
        (
            "[cell]",
            '[shaper]\ninterface = "wlan0"\n[cell]',
            r"shaper: a box has either \[shaper\] or \[cell\]",
        ),
    ],
)
def test_a_cell_that_cannot_be(tmp_path, find, put, why):
    assert find in CELL_GOOD
    with pytest.raises(ConfigError, match=why):
        load_cell(tmp_path, CELL_GOOD.replace(find, put, 1))


def test_a_gnb_file_with_a_trap_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"cell: .*gnb.yml: metrics.enable_json: has to be true"):
        load_cell(tmp_path, gnb=SOUND.replace("enable_json: true", "enable_json: false"))


TARIFF = """
[tariff]
address = "192.0.2.7"
per_minute_ubc = 30_000
interval_s = "2m"
floor_down_bps = "1Mbit/s"
ceil_down_bps = "20Mbit/s"
floor_up_bps = 0
ceil_up_bps = "5Mbit/s"
"""


def test_what_whoever_pays_as_it_goes_is_asked(tmp_path):
    assert load(tmp_path, GOOD + AIR).box.tariff is None
    tariff = load(tmp_path, GOOD + AIR + TARIFF).box.tariff
    qos = Qos(1_000_000, 20_000_000, 0, 5_000_000)
    assert tariff == Tariff(30_000, 0, 120, qos, IPv4Address("192.0.2.7"), PAYMENT_PORT)


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        (AIR, "", "tariff: needs a section [air]"),
        ("192.0.2.7", "operator.example", "tariff.address: 'operator.example' is not an IP address"),
        ("192.0.2.7", "0.0.0.0", "tariff.address: 0.0.0.0 is nobody's"),
        ("192.0.2.7", "::ffff:192.0.2.7", "tariff.address: ::ffff:"),
        ("per_minute_ubc = 30_000", "", "tariff.per_minute_ubc: neither a minute nor a megabyte"),
        ("per_minute_ubc = 30_000", "per_minute_ubc = -1", "tariff.per_minute_ubc is -1, outside"),
        ('interval_s = "2m"', "interval_s = 0", "tariff.interval_s is 0, outside"),
        ('interval_s = "2m"', "interval_s = 30\nper_megabyte_ubc = 4", "tariff.interval_s: 30 is below 60"),
        ('interval_s = "2m"', "port = 0", "tariff.port is 0, outside"),
        ('"1Mbit/s"', '"51Mbit/s"\n', "tariff.floor_down_bps: qos: floor 51000000 and ceiling"),
        ('"1Mbit/s"\nceil_down_bps = "20', '"51Mbit/s"\nceil_down_bps = "60', "tariff.floor_down_bps: 51000000 is"),
        ("floor_up_bps = 0", "", "tariff.floor_up_bps: is missing"),
        ("floor_up_bps = 0", "floor_up = 0", "tariff.floor_up: unknown key; did you mean floor_up_bps?"),
        ("[ledger]", 'rate_layer = "frame"\n[ledger]', "tariff: its rates are those of IP packets"),
    ],
)  # fmt: skip
def test_a_wrong_tariff_is_told(tmp_path, good, bad, told):
    text = GOOD + AIR + TARIFF
    assert good in text
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text.replace(good, bad))
    assert f"apd.toml: {told}" in str(error.value)


def test_auctions_are_held_where_they_are_asked_for(tmp_path):
    assert load(tmp_path).box.auction is None
    assert load(tmp_path, GOOD + "[auction]\n").box.auction == AuctionSettings(10, 20)
    asked = load(tmp_path, GOOD + '[auction]\nslots = 4\nopen_s = "10s"\n')
    assert asked.box.auction == AuctionSettings(4, 10)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("slots = 61", "auction.slots: 61 is outside 1..60"),
        ("open_s = 3", "auction.open_s: 3 is below 4"),
        ("every_s = 60", "auction.every_s: unknown key"),
    ],
)
def test_wrong_auctions_are_told(tmp_path, table, told):
    with pytest.raises(ConfigError) as error:
        load(tmp_path, GOOD + f"[auction]\n{table}\n")
    assert f"apd.toml: {told}" in str(error.value)


def test_a_cell_holds_no_auctions(tmp_path):
    with pytest.raises(ConfigError, match="auction: a box with \\[cell\\] holds none"):
        load_cell(tmp_path, text=CELL_GOOD + "[auction]\n")


def test_nobody_asks_for_metrics_unless_it_is_said(tmp_path):
    assert load(tmp_path).web is None
    config = load(tmp_path, GOOD + '\n[web]\nlisten = ["192.168.1.1", "::1"]\n')
    assert config.web == WebSettings(("192.168.1.1", "::1"), 8_470)
    with pytest.raises(ConfigError, match=r"apd\.toml: web\.listen: is missing"):
        load(tmp_path, GOOD + "\n[web]\n")
    with pytest.raises(ConfigError, match=r"apd\.toml: web\.listen: 8\.8\.8\.8 is neither"):
        load(tmp_path, GOOD + '\n[web]\nlisten = ["8.8.8.8"]\n')
