"""What is asked of wpa_supplicant, in an order in which the fake and the real one have to answer alike."""

CONVERSATION = (
    "PING",
    "LIST_NETWORKS",
    "LIST_NETWORKS LAST_ID=0",
    "ADD_NETWORK",
    "ADD_NETWORK",
    "LIST_NETWORKS",
    "SET_NETWORK 0 ssid 616972",
    "SET_NETWORK 0 proto RSN",
    "SET_NETWORK 0 key_mgmt WPA-EAP WPA-EAP-SHA256",
    "SET_NETWORK 0 ieee80211w 1",
    "SET_NETWORK 0 eap TLS",
    'SET_NETWORK 0 identity "anonymous@airgrant"',
    'SET_NETWORK 0 id_str "airgrant/0,1"',
    'SET_NETWORK 0 ca_cert "blob://airgrant-anchor"',
    'SET_NETWORK 0 client_cert "blob://airgrant-certificate"',
    'SET_NETWORK 0 private_key "blob://airgrant-key"',
    'SET_NETWORK 0 phase1 "tls_disable_tlsv1_3=0"',
    "SET_NETWORK 0 bssid 02:00:00:00:00:01",
    "SET_NETWORK 0 bssid any",
    "SET_NETWORK 0 nonsense 1",
    "SET_NETWORK 9 ssid 616972",
    "GET_NETWORK 0 id_str",
    "GET_NETWORK 1 id_str",
    "GET_NETWORK 9 id_str",
    "GET_NETWORK 0 private_key",
    "SET blob airgrant-key 0102",
    "SET blob airgrant-key ",
    "SET blob airgrant-key",
    "SET blob airgrant-key 012",
    "LIST_NETWORKS LAST_ID=0",
    "BSS FIRST MASK=0x83",
    "BSS ID-7 MASK=0x400",
    "GAS_REQUEST 02:00:00:00:00:00 00 00010200dddd",
    "ENABLE_NETWORK 1",
    "ENABLE_NETWORK 9",
    "REMOVE_NETWORK 9",
    "REMOVE_NETWORK 1",
    "LIST_NETWORKS",
    "REMOVE_NETWORK 0",
    "DISCONNECT",
    "STATUS",
    "NONSENSE",
)
STATUS_LINES = ("wpa_state=",)
"""Of STATUS, what both have to say."""


def converse(request) -> dict[str, str]:
    """Question and answer; of STATUS the lines that matter."""
    answers: dict[str, str] = {}
    for number, command in enumerate(CONVERSATION):
        reply = request(command)
        if command == "STATUS":
            reply = "\n".join(line for line in reply.splitlines() if line.startswith(STATUS_LINES))
        answers[f"{number} {command}"] = reply
    return answers
