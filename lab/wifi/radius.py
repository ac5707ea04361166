"""A FreeRADIUS for comparison: EAP-TLS and EAP-TTLS as a campus would run them, with an authority and a password.

Nothing of Airgrant is in it; what the product uses is written by `operatord freeradius`, started by the same
function. The settings are whole: no file of the distribution's configuration is read.

Reference: FreeRADIUS 3.2.   Ports: authentication 1812, accounting 1813.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from lab.certificates import Identity
from lab.namespaces import Namespace
from lab.processes import Child, Household

READY_DEADLINE_S = 30.0
LIBRARIES = Path("/usr/lib/freeradius")

SETTINGS = """\
prefix = /usr
libdir = {libraries}
confdir = {folder}
run_dir = {folder}
logdir = {folder}
pidfile = {folder}/radiusd.pid
max_requests = 1024
security {{
  reject_delay = 0
}}
thread pool {{
  start_servers = 2
  max_servers = 4
  min_spare_servers = 1
  max_spare_servers = 2
}}
client lab {{
  ipaddr = 0.0.0.0/0
  secret = {secret}
  require_message_authenticator = yes
}}
modules {{
  always ok {{
    rcode = ok
  }}
  pap {{
  }}
  files {{
    usersfile = {folder}/users
  }}
  eap {{
    default_eap_type = tls
    timer_expire = 60
    max_sessions = 1024
    tls-config lab {{
      private_key_file = {key}
      certificate_file = {certificate}
      ca_file = {authority}
      auto_chain = no
      tls_min_version = "1.2"
      tls_max_version = "1.2"
      ecdh_curve = ""
      cache {{
        enable = no
      }}
    }}
    tls {{
      tls = lab
    }}
    ttls {{
      tls = lab
      default_eap_type = md5
      virtual_server = inner
    }}
  }}
}}
server default {{
  listen {{
    type = auth
    ipaddr = {address}
    port = 1812
  }}
  listen {{
    type = acct
    ipaddr = {address}
    port = 1813
  }}
  authorize {{
    eap {{
      ok = return
    }}
  }}
  authenticate {{
    eap
  }}
  accounting {{
    ok
  }}
}}
server inner {{
  authorize {{
    files
    pap
  }}
  authenticate {{
    pap
  }}
}}
"""


def write_comparison(
    folder: Path, address: str, secret: str, server: Identity, users: Sequence[tuple[str, str]]
) -> Path:
    """The settings folder of the FreeRADIUS for comparison: clients of `server.authority`, and these passwords."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dictionary").write_text("$INCLUDE /usr/share/freeradius/dictionary\n")
    (folder / "users").write_text(
        "".join(f'{user} Cleartext-Password := "{password}"\n' for user, password in users)
    )
    settings = folder / "radiusd.conf"
    settings.touch(mode=0o600)
    settings.write_text(
        SETTINGS.format(
            libraries=LIBRARIES,
            folder=folder,
            secret=secret,
            key=server.key,
            certificate=server.certificate,
            authority=server.authority,
            address=address,
        )
    )
    return folder


def start_freeradius(
    household: Household, namespace: Namespace, folder: Path, *, name: str = "freeradius"
) -> Child:
    """FreeRADIUS with the settings in `folder`; returns once it processes requests. Raises ShellError."""
    words: list[str | Path] = ["freeradius", "-d", folder, "-n", "radiusd", "-f", "-l", "stdout"]
    child = household.start(name, words, namespace=namespace, environment={"LC_ALL": "C", **_no_proxy()})
    child.wait_for_line("Ready to process requests", READY_DEADLINE_S)
    return child


def _no_proxy() -> dict[str, str]:
    """The way to operatord is never through a proxy of whoever runs the lab."""
    return {"no_proxy": "*"} if os.environ.get("http_proxy") else {}
