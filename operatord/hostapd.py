"""What stock hostapd has to be told of this operator: the RADIUS lines of a box's hostapd.conf.

Pure. The rest of that file (radio, SSID, bridge) is the box's own matter: docs/apd.md. Every request says who asks,
so that the accounting of a box is known by its name and not by its address; every association asks; Disconnects are
refused without a fresh timestamp and a valid authenticator. Reference: hostapd.conf of hostapd 2.10.
"""

from collections.abc import Sequence

from operatord.settings import OperatorSettings

DAS_WINDOW_S = 30
"""How far a Disconnect's timestamp may be from the box's clock (hostapd's own default: 300).

hostapd gives a station that comes back its old session id, so that a Disconnect that somebody kept would end that
session too, within this time.
"""
_LINES = """\
# The RADIUS part of {box}'s hostapd.conf, written by `operatord hostapd`.
ieee8021x=1
wpa=2
wpa_key_mgmt=WPA-EAP
rsn_pairwise=CCMP
ieee80211w=1
nas_identifier={box}
own_ip_addr={address}
auth_server_addr={server}
auth_server_port={authentication_port}
auth_server_shared_secret={secret}
acct_server_addr={server}
acct_server_port={accounting_port}
acct_server_shared_secret={secret}
radius_acct_interim_interval=60
radius_request_cui=1
radius_das_port={das_port}
radius_das_client={server} {secret}
radius_das_time_window={window_s}
radius_das_require_event_timestamp=1
radius_das_require_message_authenticator=1
# A key that hostapd remembers from an earlier association would let in without asking.
disable_pmksa_caching=1
# Authenticating again each hour would ask whether the right still holds, and make new keys. Here a Session-Timeout ends
# what is over, a Disconnect and the box itself end what is revoked, and CCMP counts to 2^48 before it wants a new key;
# what would be left of it is that a customer is thrown out whose hour comes while the operator is away.
eap_reauth_period=0
"""


def render_hostapd(
    settings: OperatorSettings, box: str, secret: str, server: str, vendor_attributes: Sequence[bytes] = ()
) -> str:
    """The lines for one box, which reaches FreeRADIUS at `server`."""
    address = settings.addresses[box]
    lines = _LINES.format(
        box=box,
        address=address.address,
        server=server,
        authentication_port=settings.radius.authentication_port,
        accounting_port=settings.radius.accounting_port,
        secret=secret,
        das_port=address.das_port,
        window_s=DAS_WINDOW_S,
    )
    if settings.radius.operator_name:
        for requests in ("auth", "acct"):
            lines += f"radius_{requests}_req_attr=126:s:{settings.radius.operator_name}\n"
    return lines + "".join(f"radius_auth_req_attr=26:x:{value.hex()}\n" for value in vendor_attributes)
