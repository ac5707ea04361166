"""A complete FreeRADIUS 3.2 configuration for this operator: EAP-TLS, accounting, and nothing else.

Pure: settings and secrets in, file names and their texts out; `operatord freeradius --out FOLDER` writes them. What it
does: a station's certificate has to lead to a file of the trust directory; then the virtual server `check-eap-tls` asks
operatord, and without its yes (also when it is not there) the answer is no. No resumption, so that each join is asked
about. Accounting is acknowledged when operatord has it on disk, and asked for again by the access point when not.
Both questions say from which address the packet came: a secret belongs to an address, a name to whoever claims it.
Strangers are never served by root: who starts it as root has it go on as the user whom its files belong to.
Reference: FreeRADIUS 3.2 raddb; RFC 5216, RFC 9190 (EAP-TLS with TLS 1.3).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from operatord.settings import OperatorSettings
from wire.errors import ConfigError

LIBRARY = Path("/usr/lib/freeradius")
"""Where Debian has FreeRADIUS's modules."""
_ADDRESS = "%{Packet-Src-IP-Address}:-%{Packet-Src-IPv6-Address}"
_AUTHORISE = {
    "issuer": "TLS-Client-Cert-Issuer",
    "subject": "TLS-Client-Cert-Subject",
    "station": "Calling-Station-Id",
    "called_station": "Called-Station-Id",
    "nas_identifier": "NAS-Identifier",
    "address": _ADDRESS,
}
"""(name in the question: what FreeRADIUS puts there)"""
_ACCOUNT = {
    "Packet-Src-IP-Address": _ADDRESS,
    **{
        name: name
        for name in (
            "NAS-Identifier", "Called-Station-Id", "Calling-Station-Id", "Chargeable-User-Identity",
            "Acct-Session-Id", "Acct-Session-Time", "Acct-Delay-Time", "Acct-Terminate-Cause",
            "Acct-Input-Octets", "Acct-Input-Gigawords", "Acct-Input-Packets",
            "Acct-Output-Octets", "Acct-Output-Gigawords", "Acct-Output-Packets",
        )
    },
    "Class": "Class[*]",
    # As numbers: FreeRADIUS prints times in the host's own time zone, and names what it has names for.
    "Acct-Status-Type": "integer:Acct-Status-Type",
    "Event-Timestamp": "integer:Event-Timestamp",
}  # fmt: skip

_MAIN = """\
# Written by `operatord freeradius`. Change operatord's settings and write it again.
prefix = /usr
libdir = {library}
confdir = {folder}
run_dir = {run}
logdir = {run}
pidfile = {run}/radiusd.pid
max_request_time = 10
cleanup_delay = 5
max_requests = 16384
hostname_lookups = no

log {{
	destination = stdout
	auth = yes
}}

security {{
	# Started as root it goes on as these, whom the files belong to, before it listens.
	user = {user}
	group = {group}
	allow_core_dumps = no
	max_attributes = 200
	# An honest buyer who is early waits long enough.
	reject_delay = 0
	status_server = no
}}

thread pool {{
	start_servers = 2
	max_servers = 16
	min_spare_servers = 2
	max_spare_servers = 4
	max_queue_size = 65536
}}

{clients}
modules {{
	always reject {{
		rcode = reject
	}}

	eap {{
		default_eap_type = tls
		timer_expire = 60
		max_sessions = ${{max_requests}}
		tls-config accounts {{
			private_key_file = {key}
			certificate_file = {certificate}
			# Accounts that hold a grant; operatord keeps it, and nothing has to be restarted.
			ca_path = {trust}
			auto_chain = no
			check_crl = no
			tls_min_version = "1.2"
			tls_max_version = "1.3"
			ecdh_curve = "prime256v1"
			cipher_list = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305"
			# No resumption: each join is asked about.
			cache {{
				enable = no
			}}
		}}
		tls {{
			tls = accounts
			virtual_server = check-eap-tls
		}}
	}}

	rest operatord_authorise {{
		connect_uri = "{http}"
		connect_timeout = 2
		authorize {{
			uri = "${{..connect_uri}}/v1/authorise"
			method = "post"
			body = "json"
			data = "{authorise}"
			force_to = "json"
			timeout = 5
			tls = {{}}
		}}
{pool}
	}}

	rest operatord_accounting {{
		connect_uri = "{http}"
		connect_timeout = 2
		accounting {{
			uri = "${{..connect_uri}}/v1/accounting"
			method = "post"
			body = "json"
			data = "{account}"
			timeout = 5
			tls = {{}}
		}}
{pool}
	}}
}}

server airgrant {{
	listen {{
		type = auth
		ipaddr = {address}
		port = {authentication_port}
	}}
	listen {{
		type = acct
		ipaddr = {address}
		port = {accounting_port}
	}}
	authorize {{
		eap {{
			ok = return
			updated = return
		}}
		# Whoever comes without EAP comes to the wrong door.
		reject
	}}
	authenticate {{
		eap
	}}
	preacct {{
	}}
	accounting {{
		operatord_accounting
	}}
}}

# Between a verified certificate and the Access-Accept.
server check-eap-tls {{
	authorize {{
		operatord_authorise {{
			fail = 1
			reject = 1
			userlock = 1
			invalid = 1
			notfound = 1
		}}
		if (updated) {{
			update control {{
				&Auth-Type := Accept
			}}
		}}
		else {{
			reject
		}}
	}}
}}
"""

_CLIENT = """\
client {name} {{
	ipaddr = {address}
	secret = "{secret}"
	shortname = {name}
	require_message_authenticator = yes
}}
"""

_POOL = """\
		pool {
			start = 0
			min = 0
			max = 16
			spare = 2
			uses = 0
			lifetime = 0
			idle_timeout = 60
			connect_timeout = 2
		}"""

_DICTIONARY = """\
# Attributes of the Wireless Broadband Alliance that FreeRADIUS 3.2.1 does not know yet; vendor 14122 is WISPr's.
# https://github.com/wireless-broadband-alliance/RADIUS-VSA
BEGIN-VENDOR	WISPr
ATTRIBUTE	WBA-Offered-Service			12	string
ATTRIBUTE	WBA-Financial-Clearing-Provider		13	string
ATTRIBUTE	WBA-Data-Clearing-Provider		14	string
ATTRIBUTE	WBA-Linear-Volume-Rate			15	octets
ATTRIBUTE	WBA-Identity-Provider			16	string
ATTRIBUTE	WBA-Custom-SLA				17	octets
END-VENDOR	WISPr
"""


@dataclass(frozen=True, slots=True)
class RunsAs:
    """Names of the user and the group that FreeRADIUS serves as; its files are theirs."""

    user: str
    group: str


def render_freeradius(
    settings: OperatorSettings,
    secrets: Mapping[str, str],
    folder: Path,
    runs_as: RunsAs,
    library: Path = LIBRARY,
) -> dict[str, str]:
    """(file name: text) for `folder`, whose `run` FreeRADIUS writes to. `secrets` are those of the boxes, by name."""
    for name, secret in secrets.items():
        _check_secret(name, secret)
    clients = "".join(
        _CLIENT.format(name=name, address=address, secret=secret)
        for name, address, secret in _clients(settings, secrets)
    )
    radius = settings.radius
    main = _MAIN.format(
        library=library,
        folder=folder,
        run=folder / "run",
        user=runs_as.user,
        group=runs_as.group,
        clients=clients,
        key=radius.key,
        certificate=radius.certificate,
        trust=settings.trust,
        http=f"http://{settings.http_host}:{settings.http_port}",
        authorise=_question(_AUTHORISE),
        account=_question(_ACCOUNT),
        pool=_POOL,
        address=radius.address,
        authentication_port=radius.authentication_port,
        accounting_port=radius.accounting_port,
    )
    return {"radiusd.conf": main, "dictionary": _DICTIONARY}


def _question(asked: Mapping[str, str]) -> str:
    """The JSON that asks, each value quoted by FreeRADIUS: a subject is whatever a stranger likes."""
    fields = (f'\\"{name}\\":\\"%{{jsonquote:%{{{expansion}}}}}\\"' for name, expansion in asked.items())
    return "{" + ",".join(fields) + "}"


def _clients(settings: OperatorSettings, secrets: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(name, address, secret); FreeRADIUS knows a client by its address, so that boxes behind one share a secret."""
    by_address: dict[str, tuple[str, str]] = {}
    for name, address in settings.addresses.items():
        known = by_address.setdefault(address.address, (name, secrets[name]))
        if known[1] != secrets[name]:
            raise ConfigError(
                f"boxes.{name}.secret: {address.address} is {known[0]}'s too, with another secret"
            )
    return [(name, address, secret) for address, (name, secret) in by_address.items()]


def _check_secret(name: str, secret: str) -> None:
    if len(secret) < 16 or not secret.isascii() or not secret.isalnum():
        raise ConfigError(
            f"boxes.{name}.secret: a secret has at least 16 letters and digits (openssl rand -hex 16)"
        )
