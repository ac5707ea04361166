"""operatord with the real FreeRADIUS, real EAP-TLS and a real broker: who is let in, and who is not."""

from __future__ import annotations

import datetime as dt
import os
import pwd
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.processes import Household
from operatord.clock import PLACE
from operatord.commands import KeepPlace
from operatord.shells.store import Store
from tests.operator_house import OPERATOR_NAME, SECRET, STATION, OperatorHouse, operator_house
from wire.account_certificate import Purpose, format_pem, issue, write_anchor
from wire.keys import PrivateKey

pytestmark = pytest.mark.system
PORT = 28_900
EVIL_ADDRESS, EVIL_SECRET = "127.0.0.2", "abcdefabcdefabcd"
EVIL = f'[boxes.evil]\nprovider = "{{provider}}"\naddress = "{EVIL_ADDRESS}"\nsecret = "evil.secret"\n'
"""An access point of the same provider, with an address and a secret of its own."""
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorHouse]:
    with operator_house(tmp_path_factory.mktemp("house"), PORT, boxes=EVIL) as running:
        yield running


@pytest.fixture(autouse=True)
def _radius(needs) -> None:
    needs("freeradius", "eapol_test", "radclient", "mosquitto")


# ---- Let in


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_the_key_that_bought_is_let_in(house, eventually, tls) -> None:
    buyer, grant = house.buy(eventually)
    joined = house.join(buyer, tls=tls)
    assert joined.accepted, joined.said[-2_000:]
    assert ("SSL: Using TLS version TLSv1.3" in joined.said) == (tls == "1.3")
    sold_by, served_by = (
        f"{word}:{house.provider.public.provider_id.hex()}".encode().hex()
        for word in ("sold-by", "served-by")
    )
    assert joined.values("Class") == [grant.grant_id.hex(), sold_by, served_by]
    assert joined.attribute("User-Name") == f"'{buyer.public}'"
    assert 0 < int(joined.attribute("Session-Timeout")) <= 600
    assert (joined.attribute("Termination-Action"), joined.attribute("Acct-Interim-Interval")) == ("0", "60")
    assert len(joined.attribute("Chargeable-User-Identity")) in (34, 64), "32 digits, as text or in hex"
    rates = sorted(joined.vendor(14122))
    assert rates == [bytes.fromhex("0706004c4b40"), bytes.fromhex("080600989680")], (
        "5 Mbit/s up, 10 Mbit/s down"
    )


def test_another_station_is_refused_until_the_first_has_left(house, eventually) -> None:
    buyer, grant = house.buy(eventually)
    assert house.join(buyer).accepted
    second = house.join(buyer, station="02:00:00:00:02:00")
    assert not second.accepted
    assert "in_use" in second.attribute("Reply-Message")
    assert house.join(buyer).accepted, "the first may come back"
    house.account_for(grant, "Stop")
    assert house.join(buyer, station="02:00:00:00:02:00").accepted


# ---- Not let in


def test_an_account_without_a_grant_is_unknown(house) -> None:
    """To FreeRADIUS: it finds no anchor, and never asks us."""
    said, before = len(house.radius.said), house.status()["counters"]
    joined = house.join(PrivateKey.generate())
    assert not joined.accepted
    assert "unable to get local issuer certificate" in house.radius.said[said:]
    assert house.status()["counters"] == before


def test_an_expired_certificate_is_refused(house, eventually) -> None:
    buyer, _ = house.buy(eventually)
    assert not house.join(buyer, valid_s=(-7_200, -3_600)).accepted
    assert not house.join(buyer, valid_s=(3_600, 7_200)).accepted
    assert house.join(buyer).accepted


def test_an_expired_grant_is_refused_although_freeradius_knows_its_anchor(house, eventually) -> None:
    """It ends between two joins: the anchor goes, FreeRADIUS still has it in memory, `authorise` says no."""
    buyer, grant = house.buy(eventually, house.short)
    assert house.join(buyer).accepted
    eventually(lambda: time.time() >= grant.ends_s, "the end of the grant", 20)
    eventually(lambda: not house.anchor(buyer).exists(), "the anchor's end")
    again = house.join(buyer)
    assert not again.accepted
    assert "ended" in again.attribute("Reply-Message"), "asked, and answered by us"


def test_a_revoked_grant_is_refused_although_freeradius_knows_its_anchor(house, eventually) -> None:
    buyer, grant = house.buy(eventually)
    assert house.join(buyer).accepted
    house.command("revoke", "--grant", grant.grant_id.hex(), "--reason", "the antenna came down")
    assert not house.anchor(buyer).exists()
    again = house.join(buyer)
    assert not again.accepted
    assert "revoked" in again.attribute("Reply-Message")


def test_a_borrowed_name_is_refused(house, eventually) -> None:
    """Somebody else's name, one's own signature: the anchor's key did not sign it."""
    buyer, _ = house.buy(eventually)
    thief = PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.USER_ID, str(buyer.public)), cn("airgrant account")])
    stolen = leaf(thief.key.public_key(), thief.key, issuer=name)
    assert not house.join(buyer, certificate=stolen, key=thief.to_pem()).accepted


def test_a_chain_through_another_account_is_refused(house, eventually) -> None:
    """A buyer with a grant certifies a thief as if it were the victim's authority."""
    victim, _ = house.buy(eventually)
    buyer, _ = house.buy(eventually)
    thief = PrivateKey.generate()
    own = x509.Name([x509.NameAttribute(NameOID.USER_ID, str(buyer.public)), cn("airgrant account")])
    victims = x509.Name([x509.NameAttribute(NameOID.USER_ID, str(victim.public)), cn("airgrant account")])
    between = leaf(thief.key.public_key(), buyer.key, issuer=own, subject=victims, authority=True)
    stolen = leaf(thief.key.public_key(), thief.key, issuer=victims)
    assert not house.join(buyer, certificate=stolen + between, key=thief.to_pem()).accepted
    subject = leaf(thief.key.public_key(), buyer.key, issuer=own, subject=victims)
    joined = house.join(buyer, certificate=subject, key=thief.to_pem())
    assert joined.accepted, "who is called what is the issuer's business"
    assert joined.attribute("User-Name") == f"'{buyer.public}'", "and it is the issuer who pays"


def test_a_certificate_for_a_server_is_none_for_a_station(house, eventually) -> None:
    buyer, _ = house.buy(eventually)
    now_s = int(time.time())
    server = issue(buyer, Purpose.SERVER, not_before_s=now_s - 60, not_after_s=now_s + 600, serial=5)
    assert not house.join(buyer, certificate=format_pem(server)).accepted


def test_a_key_on_secp256k1_is_refused(house, eventually) -> None:
    """Clients have not offered the curve since RFC 8422 (clause 5.1.1): the handshake fails before we are asked."""
    buyer, _ = house.buy(eventually)
    bitcoin = ec.generate_private_key(ec.SECP256K1())
    own = x509.Name([x509.NameAttribute(NameOID.USER_ID, str(buyer.public)), cn("airgrant account")])
    made = leaf(bitcoin.public_key(), buyer.key, issuer=own)
    key = bitcoin.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for tls in ("1.2", "1.3"):
        assert not house.join(buyer, certificate=made, key=key, tls=tls).accepted


def test_a_station_key_on_ed25519_works_where_the_account_vouches_for_it(house, eventually) -> None:
    """An account is a P-256 key, the station's own key may be of any kind that TLS has: the account signed for it."""
    buyer, _ = house.buy(eventually)
    edwards = ed25519.Ed25519PrivateKey.generate()
    own = x509.Name([x509.NameAttribute(NameOID.USER_ID, str(buyer.public)), cn("airgrant account")])
    made = leaf(edwards.public_key(), buyer.key, issuer=own)
    key = edwards.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    assert house.join(buyer, certificate=made, key=key).accepted


def test_a_box_that_is_not_configured_serves_nobody(house, eventually) -> None:
    buyer, _ = house.buy(eventually)
    joined = house.join(buyer, box="attic")
    assert not joined.accepted
    assert "unknown_box" in joined.attribute("Reply-Message")


@pytest.mark.parametrize(
    "hostile",
    [
        "%{config:client[roof].secret}",
        "%{client:secret}",
        "%{operatord_authorise:http://127.0.0.1:@port@/v1/status}",
    ],
)
def test_an_answer_is_never_expanded(house, eventually, hostile) -> None:
    """A box's name for itself, and an operator's reason, hold what FreeRADIUS would look up for them."""
    buyer, grant = house.buy(eventually)
    hostile = hostile.replace("@port@", str(house.port))
    for sender, secret in (("127.0.0.1", SECRET), (EVIL_ADDRESS, EVIL_SECRET)):
        joined = house.join(buyer, box=hostile, sender=sender, secret=secret)
        assert not joined.accepted
        assert (
            joined.attribute("Reply-Message")
            == "'unknown_box: no access point of this name has this address'"
        )
    house.command("revoke", "--grant", grant.grant_id.hex(), "--reason", hostile)
    joined = house.join(buyer)
    assert joined.attribute("Reply-Message") == f"'revoked: grant {grant.grant_id.hex()}: {hostile}'"
    logged = f'"what": "unknown_box", "text": "\'{hostile}'
    assert logged[:60] in house.daemon.said, "in our own log it stands as it was"


def test_a_box_is_who_it_says_at_its_own_address_only(house, eventually) -> None:
    """Another box of ours, with its own secret, that says it were the roof."""
    buyer, grant = house.buy(eventually)
    stranger = {"sender": EVIL_ADDRESS, "secret": EVIL_SECRET}
    joined = house.join(buyer, **stranger)
    assert "unknown_box" in joined.attribute("Reply-Message")
    assert not joined.accepted
    assert house.join(buyer, box="evil", **stranger).accepted, "by its own name it may"
    assert house.join(buyer).accepted
    house.account_for(grant, "Start")
    before = house.status()["uses"]
    house.account_for(grant, "Interim-Update", **stranger, Acct_Session_Time=9, Acct_Input_Octets=10**9)
    house.account_for(grant, "Stop", **stranger)
    house.radclient("acct", **stranger, Acct_Status_Type="Accounting-On", NAS_Identifier="roof")
    page = house.status()
    assert page["counters"]["accounting_unknown_box"] == 3
    assert [{**use, "heard_s_ago": 0} for use in page["uses"]] == [
        {**use, "heard_s_ago": 0} for use in before
    ]


def test_a_question_that_cannot_be_read_is_refused_with_that_reason(house, eventually) -> None:
    buyer, _ = house.buy(eventually)
    joined = house.join(buyer, bssid="zz-%{client:secret}")
    assert not joined.accepted
    assert joined.attribute("Reply-Message") == "'bad_request'"


def test_a_subject_cannot_say_what_json_says(house, eventually) -> None:
    """Its quotes and braces are the device's own choice, and stay inside their string."""
    buyer, _ = house.buy(eventually)
    own = x509.Name([x509.NameAttribute(NameOID.USER_ID, str(buyer.public)), cn("airgrant account")])
    evil = x509.Name([cn('","nas_identifier":"attic","x":"%{User-Name}')])
    made = leaf(buyer.key.public_key(), buyer.key, issuer=own, subject=evil)
    assert house.join(buyer, certificate=made).accepted


def test_whoever_comes_without_eap_is_refused(house) -> None:
    said = house.radclient("auth", User_Name="admin", User_Password="admin", Message_Authenticator="0x00")
    assert "Access-Reject" in said


# ---- Accounting


def test_a_session_is_accounted_for_to_its_end(house, eventually) -> None:
    buyer, grant = house.buy(eventually)
    assert house.join(buyer).accepted
    assert "Accounting-Response" in house.account_for(grant, "Start")
    assert "Accounting-Response" in house.account_for(
        grant, "Interim-Update", Acct_Session_Time=60, Acct_Input_Octets=1_000, Acct_Output_Octets=7,
        Acct_Input_Gigawords=1, Acct_Input_Packets=10, Acct_Output_Packets=0,
    )  # fmt: skip
    (use,) = [use for use in house.status()["uses"] if use["grant"] == grant.grant_id.hex()]
    assert (use["used_bytes"], use["session_id"]) == (2**32 + 1_000 - 500 + 7, "5F3C2A")
    classes = [f"0x{b'served-by:00'.hex()}", f"0x{grant.grant_id.hex()}", f"0x{b'sold-by:00'.hex()}"]
    assert "Accounting-Response" in house.account_for(grant, "Stop", Acct_Session_Time=61, Class=classes)
    assert not [use for use in house.status()["uses"] if use["grant"] == grant.grant_id.hex()]


def test_a_box_says_whose_network_it_is(house, needs, tmp_path) -> None:
    """Stock hostapd, with the lines that we give it; without a radio it says that it is there, and no more."""
    needs("hostapd")
    lines = house.command("hostapd", "--box", "roof", "--server", "127.0.0.1")
    (tmp_path / "hostapd.conf").write_text("interface=lo\ndriver=none\nssid=airgrant\n" + lines)
    with Household(tmp_path) as household:
        hostapd = household.start("hostapd", ["hostapd", tmp_path / "hostapd.conf"])
        hostapd.wait_for_line("AP-ENABLED")
        assert house.radius is not None
        house.radius.wait_for_line(f'Operator-Name = "{OPERATOR_NAME}"', 10)
        assert re.search(
            rf'Acct-Status-Type = Accounting-On\n(.*\n)*?.*Operator-Name = "{OPERATOR_NAME}"',
            house.radius.said,
        )


def test_accounting_that_cannot_be_read_is_not_acknowledged(house) -> None:
    said = {"Acct_Status_Type": "Start", "Acct_Session_Id": "1", "NAS_Identifier": "roof"}
    before = house.status()["counters"].get("accounting: DecodeError", 0)
    assert "Accounting-Response" not in house.radclient("acct", **said)
    assert house.status()["counters"]["accounting: DecodeError"] == before + 1, "it was asked"
    said["Acct_Status_Type"] = "Accounting-On"
    assert "Accounting-Response" in house.radclient("acct", **said), "the box and its secret are right"


# ---- When operatord is away


@pytest.fixture
def own_house(tmp_path: Path) -> Iterator[OperatorHouse]:
    with operator_house(tmp_path, PORT + 20) as running:
        yield running


@pytest.mark.parametrize("zone", ["Europe/Vienna", "America/New_York"])
def test_accounting_does_not_depend_on_the_host_s_time_zone(own_house, eventually, zone) -> None:
    house = own_house
    house.radius.stop()
    house.start_radius(TZ=zone)
    buyer, grant = house.buy(eventually)
    assert house.join(buyer).accepted
    before_s = int(time.time())
    assert "Accounting-Response" in house.account_for(grant, "Start")
    assert "Accounting-Response" in house.account_for(grant, "Stop", Acct_Session_Time=0)
    house.daemon.stop()
    store = Store(house.folder / "state" / "operatord.db")
    (session,) = store.sessions()
    store.close()
    assert session.stopped
    assert before_s <= session.event_s <= time.time()


def test_started_as_root_it_serves_as_freerad(tmp_path, eventually) -> None:
    """It reads what strangers send: once it listens nothing of root is left, and it still finds key and anchors."""
    freerad = pwd.getpwnam("freerad")
    try:
        os.chown(tmp_path, freerad.pw_uid, freerad.pw_gid)
    except OSError as error:
        pytest.skip(f"only root of this machine may give files away: {error}")
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to others
    try:
        with operator_house(folder, PORT + 20, radius_user="freerad") as house:
            buyer, grant = house.buy(eventually)
            assert house.join(buyer).accepted
            assert "Accounting-Response" in house.account_for(grant, "Start")
            assert house.radius is not None
            status = Path(f"/proc/{house.radius.process.pid}/status").read_text()
            who = dict(line.split(":\t", 1) for line in status.splitlines())
            assert set(who["Uid"].split()) == {str(freerad.pw_uid)}, "effective, saved and all"
            assert set(who["Gid"].split()) == {str(freerad.pw_gid)}
            assert "0" not in who["Groups"].split()
            assert int(who["CapEff"], 16) == 0
    finally:
        shutil.rmtree(folder)


def test_without_operatord_nobody_is_let_in_and_nothing_is_forgotten(own_house, eventually) -> None:
    house = own_house
    buyer, grant = house.buy(eventually)
    assert house.join(buyer).accepted
    house.account_for(grant, "Start")
    assert house.status()["clock"] == "right"
    house.daemon.kill()
    assert not house.join(buyer).accepted, "closed, not open"
    store = Store(house.folder / "state" / "operatord.db")
    store.save([KeepPlace(PLACE, str(int(time.time()) + 86_400))])
    store.close()
    house.start()
    assert "this machine's clock is 86" in house.daemon.said, "before the ledger was heard"
    assert house.daemon.said.count('"clock_right"') == 1, "which knows better"
    (use,) = [use for use in house.status()["uses"] if use["grant"] == grant.grant_id.hex()]
    assert (use["station"], use["session_id"]) == (STATION, "5F3C2A")
    assert not house.join(buyer, station="02:00:00:00:02:00").accepted
    assert house.join(buyer).accepted
    # And a trust directory that somebody disturbed meanwhile is put right at the start.
    stranger = PrivateKey.generate()
    house.daemon.stop()
    house.anchor(buyer).unlink()
    house.anchor(stranger).write_text(format_pem(write_anchor(stranger.public)))
    house.start()
    assert house.anchor(buyer).exists()
    assert not house.anchor(stranger).exists()
    assert house.join(buyer).accepted


# ---- Certificates that nobody of ours would make


def cn(text: str) -> x509.NameAttribute:
    return x509.NameAttribute(NameOID.COMMON_NAME, text)


def leaf(
    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    issuer: x509.Name,
    subject: x509.Name | None = None,
    authority: bool = False,
) -> str:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        issuer,
        subject or x509.Name([cn("a station")]),
        key,
        9,
        now - dt.timedelta(hours=1),
        now + dt.timedelta(hours=1),
    )
    constraints = x509.BasicConstraints(ca=authority, path_length=None)
    builder = builder.add_extension(constraints, critical=True)
    if not authority:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(usage, critical=False)
    return format_pem(builder.sign(signer, hashes.SHA256()).public_bytes(DER))
