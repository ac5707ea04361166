"""The link to the broker: what can be said without one. Against mosquitto it is in tests/system/test_apd_mqtt.py."""

import asyncio
import ssl
import warnings

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from apd.events import BrokerLost, ProviderCommanded
from apd.settings import LedgerLinkSettings
from apd.shells.mqtt import Mqtt
from lab.certificates import Authority, account_hex, new_key
from tests.apd.world import LEDGER, PROVIDER
from wire.errors import ConfigError


@pytest.fixture
def settings(tmp_path, free_port):
    key = new_key()
    identity = Authority.create(tmp_path).issue_client(account_hex(key.public_key()), key, label="box")
    return LedgerLinkSettings(
        host="127.0.0.1",
        authority_file=identity.authority,
        certificate_file=identity.certificate,
        certificate_key_file=identity.key,
        key=LEDGER.public,
        ledger_id=bytes(32),
        port=free_port(),
    )


def changed(settings: LedgerLinkSettings, **changes: object) -> LedgerLinkSettings:
    values = {name: getattr(settings, name) for name in LedgerLinkSettings.__slots__}
    return LedgerLinkSettings(**{**values, **changes})


@pytest.mark.parametrize("name", ["authority_file", "certificate_file", "certificate_key_file"])
def test_files_that_are_not_there_or_not_what_they_should_be(tmp_path, settings, name):
    (tmp_path / "nonsense.pem").write_text("nonsense")
    for path in (tmp_path / "nothing.pem", tmp_path / "nonsense.pem"):
        with pytest.raises(ConfigError, match="ledger"):
            Mqtt(changed(settings, **{name: path}), PROVIDER.public)


def test_a_certificate_whose_name_would_be_several_topic_levels(tmp_path, settings):
    key = new_key()
    identity = Authority.create(tmp_path / "b").issue_client("evil/+/#", key, label="evil")
    with pytest.raises(ConfigError, match="cannot be part of a topic"):
        Mqtt(
            changed(settings, certificate_file=identity.certificate, certificate_key_file=identity.key),
            PROVIDER.public,
        )


def test_a_broker_that_is_not_there_is_reported_and_tried_again(settings, run_async):
    async def run():
        events, news = [], asyncio.Event()

        def report(event):
            events.append(event)
            news.set()

        link = Mqtt(settings, PROVIDER.public)
        link.start(report)
        async with asyncio.timeout(10):
            while len(events) < 2:
                await news.wait()
                news.clear()
        link.publish("report", b"into the void", b"c")
        link.close()
        await asyncio.sleep(0)
        return events

    events = run_async(run())
    assert all(isinstance(event, BrokerLost) for event in events)
    assert "127.0.0.1" in events[0].detail


def test_packets_that_share_a_record_of_tls_do_not_wait_for_the_next(settings, tmp_path, run_async):
    """The loop sees bytes in the kernel's socket, and not those that TLS has decrypted already."""
    topic = f"airgrant/v1/down/{identity_of(settings)}/command".encode()
    body = len(topic).to_bytes(2, "big") + topic + b"\0"
    publish = [bytes((0x30, *remaining(len(body) + 1))) + body + b"%d" % n for n in range(3)]
    suback = b"\x90\x06\0\x01\0\x01\x01\x01"
    certificate = Authority.create(tmp_path / "server").issue_server("broker", ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    hung_up = asyncio.Event()

    async def serve(reader, writer):
        await reader.read(2_000)  # CONNECT
        writer.write(b"\x20\x03\0\0\0")
        await reader.read(2_000)  # SUBSCRIBE
        writer.write(suback + b"".join(publish))
        await reader.read()  # until the client hangs up
        writer.close()
        hung_up.set()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", settings.port, ssl=context)
        commands, all_there = [], asyncio.Event()

        def report(event):
            if isinstance(event, ProviderCommanded):
                commands.append(event.data)
            if len(commands) == len(publish):
                all_there.set()

        link = Mqtt(changed(settings, authority_file=certificate.authority), PROVIDER.public)
        link.start(report)
        async with asyncio.timeout(5):
            await all_there.wait()
        link.close()
        await hung_up.wait()
        server.close()
        await server.wait_closed()
        return commands

    assert run_async(run()) == [b"0", b"1", b"2"]


def remaining(length: int) -> bytes:
    """MQTT's variable byte integer."""
    return bytes((length,)) if length < 128 else bytes((length % 128 | 0x80, length // 128))


def identity_of(settings: LedgerLinkSettings) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # 66 characters, as everywhere
        subject = x509.load_pem_x509_certificate(settings.certificate_file.read_bytes()).subject
    return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def test_one_that_was_never_started_can_be_closed(settings):
    link = Mqtt(settings, PROVIDER.public)
    link.publish("report", b"nobody hears", b"c")
    link.close()
