"""Which test types the commands of which block, and what cannot be typed here, and why.

Every block of commands in docs/ and README.md has a name, and stands in exactly one of three tables; `LEFT_OUT` has the
lines of typed blocks that are not typed. docs/testing.md shows what is not run, and why.
"""

from __future__ import annotations

SHOP, SHOP_WORLD = "tests/docs/test_shop.py", "tests/docs/shop.py"
ENROLMENT = "tests/system/test_enrolment.py"
SALE = "tests/docs/test_first_sale.py"
DEBIAN = "tests/images/test_debian.py"

EXECUTED: dict[str, str] = {
    "agent-settings": SHOP,
    "box-commands": SHOP,
    "containers-admit": "tests/images/test_containers.py",
    "containers-apd-run": "tests/images/test_containers.py",
    "containers-apd-setup": "tests/images/test_containers.py",
    "containers-box": "tests/images/test_containers.py",
    "containers-kubernetes-keys": "tests/images/test_containers.py",
    "containers-money": "tests/images/test_containers.py",
    "containers-up": "tests/images/test_containers.py",
    "device-agent": SHOP,
    "device-commands": SHOP,
    "device-scores": SHOP,
    "enrolment-add": ENROLMENT,
    "enrolment-box": ENROLMENT,
    "enrolment-listener": ENROLMENT,
    "enrolment-money": ENROLMENT,
    "enrolment-replace": ENROLMENT,
    "enrolment-revoke": ENROLMENT,
    "gateway-tpm-certificate": "tests/system/test_gateway_tpm.py",
    "gateway-tpm-key": "tests/system/test_gateway_tpm.py",
    "guide-auditor-fetch": SHOP,
    "guide-auditor-verify": SHOP,
    "guide-device-buy": SHOP,
    "guide-device-key": SHOP,
    "guide-operator-day": SHOP,
    "guide-protocol-pcap": SHOP,
    "guide-protocol-scapy": SHOP,
    "lease-quote": SHOP,
    "ledger-accounts": SHOP_WORLD,
    "ledger-acl": SHOP_WORLD,
    "ledger-box": SHOP_WORLD,
    "ledger-buy": SHOP_WORLD,
    "ledger-certificates": SHOP_WORLD,
    "ledger-club": SHOP,
    "ledger-init": SHOP_WORLD,
    "ledger-look": SHOP,
    "ledger-money": SHOP_WORLD,
    "ledger-mosquitto": SHOP_WORLD,
    "ledger-serve": SHOP_WORLD,
    "ledger-usage": SHOP,
    "ledger-usage-terms": SHOP,
    "install-air": DEBIAN,
    "operator-file": DEBIAN,
    "operator-keys": SHOP,
    "operator-secret": SHOP,
    "operator-settings": SHOP,
    "operator-start": SHOP,
    "page-people": "tests/operatord/test_person_cli.py",
    "readme-try": SHOP,
    "reports-hour": SHOP,
    "sale-box": SALE,
    "sale-buy": SALE,
    "sale-install": SALE,
    "sale-ledger": SALE,
    "sale-look": SALE,
    "sale-serves": SALE,
    "sale-values": SALE,
}
"""Name of a block: the file that takes its words from the page and runs them."""

OWN_WORDS: dict[str, str] = {
    "box-auction-offer": "tests/system/test_ledger_cli.py",
    "capture-air": "tests/nas_tunnel/test_pcap_cli.py",
    "capture-core": "tests/guest/test_cell_n2.py",
    "cell-buy": "tests/system/test_compose_apd.py",
    "cell-lab": "tests/lab/ran",
    "cell-plan": "tests/ran_slicing/test_ran_cli.py",
    "cell-run": "tests/system/test_compose_apd.py",
    "cell-ways": "tests/lab/ran",
    "containers-build": "tests/images/test_containers.py",
    "containers-load": "tests/images/test_containers.py",
    "contributing": "lab/test.sh",
    "device-bid": "tests/system/test_device_bid.py",
    "device-deposit": "tests/system/test_payplace.py",
    "evm": "tests/ledger/evm",
    "exchange-commands": "tests/system/test_exchange.py",
    "exchange-export": "tests/system/test_exchange.py",
    "enrolment-list": "tests/operatord/test_box_cli.py",
    "gateway-run": "tests/system/test_gateway.py",
    "gateway-tpm-run": "tests/system/test_gateway_tpm.py",
    "guide-contributor": "lab/test.sh",
    "guide-researcher": "tests/lab/papers",
    "install-build": DEBIAN,
    "install-owner": SHOP,
    "install-package": DEBIAN,
    "install-remove": DEBIAN,
    "install-sell": DEBIAN,
    "install-setup": DEBIAN,
    "install-setup-script": ENROLMENT,
    "install-upgrade": DEBIAN,
    "ledger-auction": "tests/system/test_ledger_auction.py",
    "ledger-join": "tests/system/test_lab_ledger.py",
    "ledger-joins": "tests/system/test_lab_ledger.py",
    "ledger-keepers": "tests/system/test_ledger_auction.py",
    "ledger-trust": "tests/system/test_lab_ledger.py",
    "ledger-anew": "tests/system/test_lab_ledger.py",
    "merchant": "tests/system/test_payplace.py",
    "operator-commands": "tests/system/test_operatord_radius.py",
    "papers": "tests/lab/papers",
    "papers-admission": "tests/system/test_lab_admission.py",
    "payouts": "tests/system/test_payplace.py",
    "readme-demo": "tests/system/test_demo.py",
    "readme-make": "lab/test.sh",
    "sale-source": DEBIAN,
    "start-demo": "tests/system/test_demo.py",
    "tests": "lab/test.sh",
    "router-ask": "tests/apd/shells/test_ubus_object.py",
    "router-revoke": "tests/apd/test_main.py",
    "tests-long": "tests/ledger/payplace/test_adversary.py",
    "wifi-lab": "tests/guest/test_wifi_journeys.py",
}
"""Name of a block: the tests that run the same commands, or what a goal of make runs, in words of their own."""

NOT_RUN: dict[str, str] = {
    "cell-compose": "images of Open5GS and srsRAN; run.sh is tried against a docker that plays them",
    "containers-kubernetes-apply": "a cluster; the overlay is built and read in tests/images/test_containers.py",
    "cell-seen": "a core with metrics, and a UE with iperf3",
    "ledger-postgresql": "a database server of the whole machine; the store is tried against a PostgreSQL of its own",
    "operator-packages": "packages and users of a whole machine",
    "tests-namespaces": "Ubuntu's AppArmor",
    "wifi-hostapd": "a radio; the file is read by hostapd in tests/system/test_docs_wifi.py, and in the guest",
}
"""Name of a block: what is not here for it."""

LEFT_OUT: dict[tuple[str, str], str] = {
    (
        "box-commands",
        "apd clear",
    ): "it ends the sessions that other tests use; tests/apd/test_setup_clear.py runs it",
    ("box-commands", "apd revoke"): "it ends a session for good; tests/apd/test_main.py",
    ("box-commands", "apd run"): "it serves already, by ledger.md",
    (
        "box-commands",
        "apd setup",
    ): "it writes to /etc; tests/images/test_debian.py runs it in a Debian of its own",
    ("box-commands", "apd sib"): "a box on a wire has no cell; tests/apd/test_sib.py",
    (
        "device-commands",
        "airgrant bid",
    ): "a box that auctions sells nothing else; tests/system/test_device_bid.py",
    ("device-commands", "airgrant leave"): "it leaves a Wi-Fi network; tests/system/test_device_wpa.py",
    (
        "ledger-usage",
        "airgrant ledger usage pay",
    ): "two minutes after a grant's end; tests/system/test_ledger_usage.py",
    ("operator-start", "chown"): "the user airgrant",
    ("operator-start", "journalctl"): "systemd as the first process",
    ("operator-start", "systemctl"): "systemd as the first process",
}
"""(name of a typed block, how the line begins): why that line is not typed, or where it is."""
