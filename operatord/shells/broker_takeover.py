"""Takes a box's connection at the broker away from whoever has it, once its certificate counts no more.

A broker that reads its list of certificates again goes on with the connections that it has. A client that comes with
the same client id takes the other's place (MQTT 5.0 clause 3.1.4), and on the listener of boxes that id is the name in
the certificate, whatever the client says (`use_username_as_clientid`). So for a moment we are that box, with a
certificate of minutes by the authority of boxes; what the broker kept for the box is thrown away. Decides nothing.
"""

import ssl
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from operatord.box_authority import BoxAuthority, sign_name
from operatord.shells.enrolment_files import new_serial
from wire.errors import ShellError
from wire.keys import PrivateKey

TIMEOUT_S = 10.0
_LIFETIME = timedelta(minutes=10)


def take_over(authority: BoxAuthority, name: str, host: str, port: int, broker_authority: Path) -> None:
    """Returns when nobody is connected as this box. Raises ShellError."""
    where, done, said = f"broker {host}:{port}", threading.Event(), [""]
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id_of(name), protocol=paho.MQTTv5)

    def connected(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        said[0] = f"refused: {reason}" if reason.is_failure else ""
        done.set()

    client.on_connect = connected
    client.tls_set_context(_context(authority, name, broker_authority))
    try:
        client.connect(host, port, clean_start=True)
        client.loop_start()
        if not done.wait(TIMEOUT_S) or said[0]:
            raise ShellError(where, said[0] or "did not answer in time")
    except (OSError, ValueError) as error:
        raise ShellError(where, str(error)) from error
    finally:
        client.disconnect()
        client.loop_stop()


def client_id_of(name: str) -> str:
    """As apd/shells/mqtt.py says it."""
    return f"apd-{name[:20]}"


def _context(authority: BoxAuthority, name: str, broker_authority: Path) -> ssl.SSLContext:
    """Its files are gone when this returns."""
    key = PrivateKey.generate()
    certificate = sign_name(authority, name, key.key.public_key(), int(time.time()), new_serial(), _LIFETIME)
    try:
        context = ssl.create_default_context(cafile=str(broker_authority))
        with tempfile.TemporaryDirectory(prefix="airgrant-") as folder:
            files = Path(folder, "key"), Path(folder, "certificate")
            files[0].write_bytes(key.to_pem())
            files[1].write_text(certificate)
            context.load_cert_chain(files[1], files[0])
    except OSError as error:
        raise ShellError("broker", f"{broker_authority}: {error}") from error
    return context
