"""The rules of the architecture that a program can check: pure functions from a tree of modules to complaints.

Each complaint says where, what is wrong, what to do instead, and why. The tables at the top are meant to be read and
extended: every exception is one line with its reason. `test_tidy.py` holds the tree against the rules, and
`test_tidy_rules.py` holds the rules against planted faults.
"""

from __future__ import annotations

import ast
import fnmatch
import sys
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath
from typing import Any

# ---- Tables ----------------------------------------------------------------------------------------------------------

MAY_IMPORT: dict[str, frozenset[str]] = {
    "wire": frozenset(),
    "market": frozenset({"wire"}),
    "ledger": frozenset({"wire", "market"}),
    "nas_tunnel": frozenset({"wire"}),
    "tc_shaper": frozenset({"wire"}),
    "ran_slicing": frozenset({"wire"}),
    "apd": frozenset({"wire", "nas_tunnel", "tc_shaper", "ran_slicing"}),
    "operatord": frozenset({"wire", "market", "ledger"}),
    "device": frozenset({"wire", "nas_tunnel", "market"}),
    "lab": frozenset({
        "wire", "market", "ledger", "nas_tunnel", "tc_shaper", "ran_slicing", "apd", "operatord", "device",
    }),
    "airgrant": frozenset(),  # it looks subcommands up by name, so that none is loaded before it is asked for
    "images": frozenset(),
}  # fmt: skip
"""The floor plan of docs/architecture.md: who may import whom."""

THIRD_PARTY: dict[str, frozenset[str]] = {
    "wire": frozenset({"cryptography"}),
    "market": frozenset({"numpy", "scipy", "gymnasium", "pettingzoo"}),  # the latter two in market/envs alone
    "nas_tunnel": frozenset({"scapy"}),
    "tc_shaper": frozenset({"pyroute2"}),
    "ran_slicing": frozenset(),
    "apd": frozenset({"cryptography", "paho", "pyroute2", "tpm2_pytss"}),
    "ledger": frozenset({
        "cryptography", "aiomqtt", "paho", "fastapi", "starlette", "pydantic", "uvicorn", "rich", "psycopg",
        "numpy", "py_arkworks_bls12381",
    }),
    "operatord": frozenset({
        "cryptography", "aiomqtt", "paho", "fastapi", "starlette", "pydantic", "uvicorn", "rich", "pyrad", "jinja2",
        "webauthn",
    }),
    "device": frozenset({"cryptography", "paho", "rich"}),
    "airgrant": frozenset(),
    "images": frozenset({"mkdocs"}),  # images/site, which it calls
}  # fmt: skip
"""Which foreign libraries a package may use at all (`lab`: any). The box's list is decision 8 of the architecture."""

PURE_THIRD_PARTY = frozenset({
    "cryptography", "gymnasium", "jinja2", "numpy", "pettingzoo", "pydantic", "py_arkworks_bls12381", "scipy",
    "webauthn",
})  # fmt: skip
"""Foreign libraries that do no I/O, so that a pure module may use them where its package may."""

SHELLS: dict[str, str] = {
    "airgrant.py": "the command: argv, stdout, exit status",
    "apd/__main__.py": "the command of the box",
    "apd/daemon.py": "the loop that turns commands into calls of shells",
    "apd/config.py": "the one place that reads the configuration file",
    "apd/setup_cli.py": "the terminal, and devices of this machine",
    "apd/setup_files.py": "the files of the first configuration",
    "apd/enrol_cli.py": "the terminal, and keys on disk",
    "apd/setup_clear.py": "the kernel, and that configuration",
    "apd/uci_cli.py": "the two files of settings on OpenWrt",
    "apd/shells/*": "one outside world per file",
    "tc_shaper/kernel.py": "the kernel's traffic control and nftables",
    "tc_shaper/ue_meter.py": "the kernel's nftables",
    "tc_shaper/nft.py": "the nft program",
    "tc_shaper/netlink.py": "sockets to the kernel",
    "tc_shaper/ethtool.py": "device features, by ioctl",
    "ledger/child_module.py": "where this process finds modules",
    "ledger/verifier.py": "a process that answers on its output",
    "ledger/verifying.py": "those processes",
    "ledger/database.py": "opens one of the two that follow",
    "ledger/sqlite_store.py": "SQLite and the disk",
    "ledger/postgres_store.py": "PostgreSQL",
    "ledger/showing.py": "the terminal, through rich",
    "ledger/tables.py": "the terminal, through rich",
    "ledger/clearing/log.py": "SQLite and the disk",
    "ledger/clearing/opening.py": "processes that open bids",
    "ledger/asking.py": "one question over HTTP",
    "ledger/clearing/callback.py": "asks providers and keepers over the network",
    "ledger/clearing/turns.py": "threads that ask them, each host in its turn",
    "ledger/clearing/offer_desk.py": "a provider's answers by HTTP",
    "ledger/clearing/house_client.py": "asks a clearing house over the network",
    "ledger/clearing/ledger_view.py": "reads the application of this process",
    "ledger/clearing/ledger_word.py": "reads a ledger's log, or its pages",
    "ledger/clearing/keeper_clocks.py": "asks keepers what time it is",
    "ledger/clearing/cli.py": "argv, stdout, exit status",
    "ledger/clearing_service.py": "the clearing house by HTTP, and the loop that settles auctions",
    "ledger/archive.py": "reads the same file, from several threads",
    "ledger/application.py": "the state machine over the store, and locks for those who read it",
    "ledger/engine.py": "one thread that commits, over the application",
    "ledger/opening.py": "opens the store and verifies it",
    "ledger/answering.py": "answers out of the engine's log",
    "ledger/service.py": "the MQTT service",
    "ledger/identity.py": "key and certificate files",
    "ledger/tls.py": "certificates and keys in files",
    "ledger/ordering.py": "hands blocks to a thread, and a clock to the embedded engine",
    "ledger/abci/server.py": "the socket on which CometBFT asks",
    "ledger/abci/rpc.py": "asks CometBFT",
    "ledger/abci/waiting.py": "futures of the event loop",
    "ledger/abci/pages.py": "more of the HTTP service",
    "ledger/abci/join_cli.py": "argv, stdout, files, exit status",
    "ledger/abci/status_cli.py": "argv, stdout, exit status",
    "ledger/abci/consensus.py": "the event loop between the two",
    "ledger/abci/snapshots.py": "reads the store, and keeps pieces in a file until all are there",
    "ledger/http.py": "the HTTP service",
    "ledger/payplace/summary_pages.py": "more of the HTTP service",
    "ledger/payplace/pages.py": "more of the HTTP service",
    "ledger/clubs/pages.py": "more of the HTTP service",
    "ledger/status_http.py": "one page more of it",
    "ledger/log_cli.py": "argv, stdout, files, exit status",
    "ledger/client.py": "asks a ledger over the network",
    "ledger/cli.py": "argv, stdout, exit status",
    "ledger/unanswered.py": "a file beside a key",
    "ledger/__main__.py": "the command that runs the service",
    "ledger/toml_file.py": "the configuration file",
    "ledger/running.py": "the event loop of a service, and the exit status of a command",
    "ledger/gateway.py": "two brokers, and threads between them",
    "ledger/gateway_cli.py": "argv, stdout, exit status",
    "ledger/proof_cli.py": "argv, stdout, files, exit status",
    "ledger/usage_cli.py": "argv, stdout, files, exit status",
    "ledger/report_cli.py": "argv, stdout, files, exit status",
    "ledger/reports/bulk.py": "report files, SQLite's temporary disk, processes that verify",
    "ledger/reports/grant_uses.py": "SQLite's temporary disk",
    "ledger/reports/tables.py": "the terminal, through rich",
    "ledger/payplace/deposit_cli.py": "argv, stdout, key files, exit status",
    "ledger/clubs/club_cli.py": "argv, stdout, key files, exit status",
    "ledger/exchange/audit.py": "SQLite and the disk",
    "ledger/exchange/bank.py": "the bank, over HTTP",
    "ledger/exchange/cli.py": "argv, stdout, exit status",
    "ledger/exchange/desk.py": "the book over its table, from several threads",
    "ledger/exchange/fake_bank.py": "a fake of the bank's side, on a socket",
    "ledger/exchange/service.py": "the loop around the book: ledger, bank, clock",
    "ledger/exchange/tables.py": "the terminal, through rich",
    "ledger/exchange/webhook.py": "the HTTP service for gateways",
    "ledger/evm/node.py": "a local EVM node: its process and its JSON-RPC",
    "ledger/evm/deployed.py": "contracts on that node",
    "ledger/evm/payplace.py": "one of them",
    "operatord/__main__.py": "the operator's command",
    "operatord/daemon.py": "the loop that turns commands into calls of shells",
    "operatord/box_cli.py": "argv, stdout, programs that hear of a box, exit status",
    "operatord/shells/*": "one outside world per file",
    "operatord/tables.py": "the terminal, through rich",
    "operatord/payplace/store.py": "SQLite and the disk",
    "operatord/payplace/settling.py": "carries steps out, over that disk and the chain, for several threads",
    "operatord/payplace/http.py": "the HTTP service for merchants",
    "operatord/payplace/crowds.py": "who waits at its door: tasks of its loop, and whose turn chance says",
    "operatord/payplace/earnings.py": "SQLite of operatord, only read",
    "operatord/payplace/opening.py": "key files, and the ledger over the network",
    "operatord/payplace/running.py": "the loop around the steps: clock and threads",
    "operatord/payplace/merchant_files.py": "a merchant's disk",
    "operatord/payplace/merchant.py": "looks at blocks and signs, over that disk and the chain",
    "operatord/payplace/office.py": "asks an operator over HTTP",
    "operatord/payplace/ledger_chain.py": "asks a ledger over the network",
    "operatord/payplace/merchant_cli.py": "argv, stdout, exit status",
    "operatord/payplace/payouts_cli.py": "argv, stdout, exit status",
    "operatord/lease_cli.py": "argv, stdout, files, exit status",
    "operatord/compare_cli.py": "argv, stdout, files, exit status",
    "operatord/trace_cli.py": "argv, stdout, files, exit status",
    "operatord/page/pages.py": "the operator's page by HTTP",
    "operatord/page/history.py": "SQLite and the disk",
    "operatord/page/ledger_look.py": "reads a ledger's pages, and operatord's database",
    "operatord/page/sight.py": "asks operatord over its control socket; a thread that looks at the ledger",
    "operatord/page/serving.py": "the process of the page: its sockets, and whoever started it",
    "operatord/person_cli.py": "argv, stdout, the file of people, exit status",
    "operatord/page/people_store.py": "SQLite and the disk",
    "operatord/page/guard.py": "HTTP requests to the page, the log and the clock",
    "operatord/page/login.py": "the same for logging in, and chance",
    "device/cli.py": "argv, stdout, exit status",
    "device/console.py": "how the device's commands speak",
    "device/bid_cli.py": "argv, stdout, exit status, the lobby's socket, and bids on disk",
    "device/offers_cli.py": "argv, stdout, exit status",
    "device/connect_cli.py": "argv, stdout, exit status",
    "device/scores_cli.py": "argv, stdout, exit status",
    "device/agent_cli.py": "argv, stdout, exit status",
    "device/agent_files.py": "the agent's book and decisions on disk, and its lock",
    "device/user_agent.py": "the loop that decides and has it done: clock, disk",
    "device/deposits.py": "asks a ledger over HTTP, and the disk",
    "device/survey.py": "the loop that only looks: sockets, clock",
    "device/udp.py": "datagrams of the lobby",
    "device/wallet.py": "the key and the pinned ledger on disk",
    "device/keeping.py": "grants and purchases on disk",
    "device/purse.py": "what was paid as one goes, on disk",
    "device/experience.py": "what is known of sellers, on disk",
    "device/asking_around.py": "asks a ledger over HTTP",
    "device/going.py": "the loop that buys, pays and moves on: sockets, clock",
    "device/counters.py": "the kernel's counters of an interface",
    "device/counters_file.py": "what they counted, on disk",
    "device/payer.py": "the loop around paying as one goes: socket, clock, randomness",
    "device/library.py": "the loop around the agent: clock, socket, randomness",
    "device/wpa.py": "wpa_supplicant's control socket",
    "device/supplicant.py": "the loop's hands on wpa_supplicant: clock and keys",
    "device/fake_access_point.py": "a fake of the other side, on a socket",
    "device/fake_air.py": "a fake radio neighbourhood of such others",
    "device/fake_wpa.py": "a fake wpa_supplicant, on a socket",
    "ran_slicing/mongo.py": "the store of subscribers",
    "ran_slicing/http2.py": "network functions of the core",
    "ran_slicing/info_page.py": "the lists of the core",
    "ran_slicing/core.py": "the loop that asks the core, over those three",
    "ran_slicing/ran_cli.py": "argv, stdout, exit status, and the gNB's files",
    "ran_slicing/websocket.py": "the socket to a gNB's remote control",
    "nas_tunnel/scapy.py": "layers for Scapy, which reads files and sockets where its user asks for it",
    "nas_tunnel/scapy_cellular.py": "more of them",
    "nas_tunnel/pcap_cli.py": "argv, stdout, exit status, and capture files through Scapy",
    "lab/*": "the lab is all outside world",
    "images/site/pages.py": "mkdocs, and the pages and files of the tree that it is given",
    "images/stage.py": "argv, stdout, exit status, and files of the tree",
    "images/containers/health.py": "a container's health check: HTTP, the kernel's table of connections, exit status",
    "images/openwrt/stage.py": "the same for OpenWrt, and the Python that makes byte-code",
}
"""The files that may do I/O, by pattern, with the world that each owns. Everything else is pure."""

IO_MODULES = frozenset({
    "asyncio", "concurrent", "ctypes", "fcntl", "ftplib", "glob", "http", "logging", "mmap", "multiprocessing", "os",
    "pty", "random", "resource", "sched", "secrets", "select", "selectors", "shutil", "signal", "smtplib",
    "socket", "socketserver", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "termios", "threading", "time", "tty",
    "urllib", "uuid",
})  # fmt: skip
"""Standard modules that touch the outside: files, sockets, clocks, chance, processes."""

COMMAND_LINES: dict[str, str] = {
    "airgrant.py": "the command",
    "apd/__main__.py": "the command of the box",
    "ledger/cli.py": "subcommands of airgrant",
    "ledger/exchange/cli.py": "more of them",
    "ledger/gateway_cli.py": "more of them",
    "ledger/proof_cli.py": "a subcommand of airgrant",
    "ledger/usage_cli.py": "a subcommand of airgrant",
    "ledger/report_cli.py": "a subcommand of airgrant",
    "ledger/log_cli.py": "more of them",
    "ledger/__main__.py": "the command that runs the service",
    "ledger/abci/join_cli.py": "a subcommand of airgrant",
    "ledger/abci/status_cli.py": "a subcommand of airgrant",
    "ledger/clearing/cli.py": "a subcommand of airgrant",
    "operatord/__main__.py": "the operator's command",
    "operatord/box_cli.py": "more of it",
    "operatord/payplace/merchant_cli.py": "subcommands of airgrant",
    "operatord/payplace/payouts_cli.py": "more of them",
    "operatord/lease_cli.py": "more of them",
    "operatord/compare_cli.py": "more of them",
    "operatord/person_cli.py": "subcommands of operatord",
    "device/cli.py": "subcommands of airgrant",
    "device/console.py": "what they share",
    "device/bid_cli.py": "more of them",
    "device/offers_cli.py": "more of them",
    "device/connect_cli.py": "more of them",
    "device/scores_cli.py": "more of them",
    "device/agent_cli.py": "more of them",
    "ledger/payplace/deposit_cli.py": "a subcommand of airgrant",
    "ledger/clubs/club_cli.py": "a subcommand of airgrant",
    "nas_tunnel/pcap_cli.py": "a subcommand of airgrant",
    "ran_slicing/ran_cli.py": "a subcommand of airgrant",
    "lab/*": "people watch the lab",
}
"""Files that speak to a person, and so may print and may read the environment."""

BROAD_EXCEPT: dict[str, str] = {
    "operatord/payplace/running.py": "one merchant's data must not stop everybody's notarisation; told where it was",
    "apd/daemon.py": "the one place that must outlive a fault in a shell, and turns it into an event",
    "ledger/application.py": "a fault of ours refuses one submission; others that came with it are not ours to drop",
    "ledger/service.py": "the same for one message and for one answer; each fault is told with its traceback",
    "ledger/clearing_service.py": "a house that fails stops and is told of; the ledger in the same process goes on",
    "operatord/shells/enrolment_door.py": "what a stranger brings about must not close the door to all; told of",
    "ledger/enrolment.py": "an X.509 library has no list of what it raises about a stranger's certificate",
}

CLOCKS: dict[str, str] = {
    "apd/shells/clock.py": "the box's clock",
    "apd/daemon.py": "reads the clock once per event",
    "ledger/service.py": "stamps what arrives",
    "ran_slicing/core.py": "compares its clock with the core's stamps",
    "ledger/ordering.py": "stamps blocks",
    "ledger/abci/consensus.py": "how long a proposal may take, and whether a transaction is late",
    "ledger/abci/status_cli.py": "waits for the next block",
    "ledger/http.py": "answers as of now",
    "ledger/client.py": "stamps requests",
    "ledger/cli.py": "shows times to a person",
    "ledger/clearing/cli.py": "says when an auction is cleared",
    "ledger/clearing/keeper_clocks.py": "compares its clock with those of keepers",
    "ledger/clearing/offer_desk.py": "a provider signs nothing before the clearing time",
    "ledger/clearing_service.py": "stamps bids, and knows when an auction is due",
    "ledger/exchange/cli.py": "gives the exchange its clock",
    "ledger/usage_cli.py": "knows whether a grant has ended, and dates a payment",
    "ledger/gateway.py": "times what is under way",
    "ledger/exchange/service.py": "waits before it asks again",
    "ledger/__main__.py": "gives the service its clock",
    "operatord/daemon.py": "reads the clock once per event",
    "operatord/page/sight.py": "shows what is now",
    "operatord/shells/das.py": "stamps Disconnects",
    "operatord/shells/http.py": "stamps what arrives",
    "operatord/shells/enrolment_door.py": "knows whether an invitation has expired, and dates certificates",
    "operatord/shells/broker_takeover.py": "dates a certificate of minutes",
    "operatord/box_cli.py": "says until when an invitation is good",
    "apd/shells/first_contact.py": "dates the opening of an account, and waits no longer than it should",
    "operatord/__main__.py": "dates certificates",
    "operatord/lease_cli.py": "says until when a quote is valid",
    "operatord/person_cli.py": "dates people and their links",
    "operatord/page/guard.py": "gives logins their clock",
    "device/cli.py": "stamps purchases",
    "device/udp.py": "stamps datagrams",
    "operatord/shells/summaries.py": "knows when a period is over",
    "device/payer.py": "pays each interval",
    "device/asking_around.py": "ends an answer that drips",
    "device/going.py": "ends when the time that was wanted is over",
    "lab/*": "measures",
    "tests/*": "compares with the real clock",
}
"""Files that may ask what time it is. Everywhere else `now` is an argument."""

INTEGER_ONLY = ("wire", "market", "ledger")
"""Packages whose results are money or are signed: the same inputs give the same bytes on every machine."""

MODELS: dict[str, str] = {
    "market/leasing/users.py": "a model of demand; what becomes money is computed again in integers by quote.py",
    "market/leasing/pricing.py": "the same",
    "market/leasing/mining.py": "the same",
    "market/leasing/paper.py": "the same, as printed",
    "market/tokens/game.py": "a simulation; the ledger's tokens are integers (market/tokens/sharing.py)",
    "market/tokens/paper.py": "what is printed, for comparison",
    "market/envs/*": "what learners see and get; what is paid is integers, in info",
    "market/learning/*": "models of users and of what they learn; money and data are integers",
    "market/sdo/*": "models of users and of an operator's revenue; prices, revenue and data are integers",
    "market/traces/*": "draws synthetic users; what it hands over is integers",
}
"""Files of those packages that may compute in floats, because they estimate and nobody is charged what they find."""

EXCUSED_MODULES: dict[str, str] = {
    "lab/debian_root.py": "tests/images/test_debian.py",
    "lab/docker_engine.py": "tests/images/test_containers.py",
    "images/containers/health.py": "tests/images/test_containers.py",
    "wire/state_proof.py": "tests/ledger/test_state_tree.py",
    "ledger/evm/node.py": "tests/ledger/evm/test_payplace.py",
    "ledger/evm/deployed.py": "tests/ledger/evm/test_payplace.py",
    "lab/evm_rig.py": "tests/ledger/evm/test_payplace.py",
    **{
        f"wire/payplace_{name}.py": "tests/wire/test_payplace_actions.py"
        for name in ("deposit", "notarisation", "registration", "shift", "summary", "withdrawal")
    },
    **{
        f"ledger/payplace/{name}.py": "tests/ledger/payplace/test_acting.py"
        for name in (
            "depositing",
            "leaves",
            "notarising",
            "registering",
            "reserving",
            "shifting",
            "sourcing",
            "views",
            "withdrawing",
        )
    },
    "airgrant.py": "tests/test_airgrant.py",
    "ledger/exchange/events.py": "tests/ledger/exchange/test_braintree.py",
    "ledger/exchange/entry.py": "tests/ledger/exchange/test_audit.py",
    **{
        f"ledger/exchange/{name}.py": "tests/ledger/exchange/test_service.py"
        for name in ("book", "nonces", "planning", "signing")
    },
    "ledger/exchange/fake_bank.py": "tests/ledger/exchange/test_bank.py",
    "ledger/gateway_cli.py": "tests/system/test_gateway.py",
    "ledger/proof_cli.py": "tests/system/test_ledger_proof.py",
    "ledger/usage_cli.py": "tests/system/test_ledger_usage.py",
    "ledger/payplace/deposit_cli.py": "tests/system/test_device_connect.py",
    "ledger/clubs/club_cli.py": "tests/system/test_ledger_clubs.py",
    "ledger/status_http.py": "tests/system/test_ledger_http.py",
    "ledger/gateway.py": "tests/system/test_gateway.py",
    "ledger/exchange/cli.py": "tests/system/test_exchange.py",
    "ledger/exchange/tables.py": "tests/system/test_exchange.py",
    **{
        f"lab/demo/{name}.py": "tests/system/test_demo.py"
        for name in ("__main__", "attacks", "bank", "stage", "story", "verdict", "watch")
    },
    "lab/bench/journey.py": "tests/system/test_demo.py",
    "lab/air_side.py": "tests/system/test_apd_air.py",
    "lab/chromium.py": "tests/operatord/page/test_pages.py",
    "operatord/channel.py": "tests/operatord/test_channels.py",
    "operatord/shells/broker.py": "tests/system/test_operatord_daemon.py",
    "operatord/shells/broker_takeover.py": "tests/system/test_enrolment.py",
    "apd/enrol_cli.py": "tests/system/test_enrolment.py",
    "apd/shells/first_contact.py": "tests/system/test_enrolment.py",
    "apd/shells/enrolment_door.py": "tests/operatord/shells/test_enrolment_door.py",
    **{
        f"operatord/page/{name}.py": "tests/operatord/page/test_pages.py"
        for name in ("ledger_look", "serving", "sight")
    },
    "operatord/payplace/ledger_chain.py": "tests/ledger/payplace/test_pages.py",
    "operatord/payplace/merchant_cli.py": "tests/system/test_payplace.py",
    "operatord/payplace/opening.py": "tests/system/test_payplace.py",
    "operatord/payplace/payouts_cli.py": "tests/system/test_payplace.py",
    "operatord/shells/ledger.py": "tests/system/test_operatord_daemon.py",
    "ledger/clearing/house_client.py": "tests/ledger/test_clearing_service.py",
    "ledger/clearing/ledger_view.py": "tests/ledger/test_clearing_service.py",
    "ledger/clearing/offer_desk.py": "tests/ledger/test_clearing_service.py",
    "ledger/clearing/cli.py": "tests/system/test_ledger_auction.py",
    "lab/ledger_process.py": "tests/system/test_demo.py",
    "lab/postgres.py": "tests/ledger/test_postgres_store.py",
    "ledger/database.py": "tests/ledger/test_store.py",
    "ledger/ordering.py": "tests/system/test_ledger_service.py",
    "ledger/abci/rpc.py": "tests/system/test_lab_ledger.py",
    "lab/bench/ledger_net.py": "tests/system/test_lab_ledger.py",
    "ledger/abci/machine.py": "tests/ledger/abci/test_handling.py",
    **{
        f"lab/ledger_net/{name}.py": "tests/system/test_lab_ledger.py"
        for name in ("__main__", "auctions", "market", "sites", "story", "verdict")
    },
    **{
        f"lab/pay/{name}.py": "tests/system/test_lab_pay.py"
        for name in ("__main__", "access_point", "books", "liar", "phone", "radio", "stage", "story")
    },
    **{
        f"lab/admission/{name}.py": "tests/system/test_lab_admission.py"
        for name in ("__main__", "experiment", "stage")
    },
    **{
        f"lab/auction/{name}.py": "tests/system/test_lab_auction.py"
        for name in ("__main__", "books", "stage", "story")
    },
    "tc_shaper/ue_meter.py": "tests/system/test_shaper_ue_meter.py",
    "lab/cell_site.py": "tests/system/test_apd_cell.py",
    "apd/shells/cell.py": "tests/system/test_apd_cell.py",
    "apd/shells/cell_lobby.py": "tests/system/test_apd_cell.py",
    "apd/shells/fake_ubus.py": "tests/apd/shells/test_hostapd_ubus.py",
    "lab/ran/subscriber_store.py": "tests/system/test_ran_slicing_mongo.py",
    "lab/compose/box.py": "tests/lab/compose/test_sold_slice.py",
    "lab/ran/free5gc_core.py": "tests/system/test_lab_free5gc.py",
    "lab/ran/nas_security.py": "tests/lab/ran/test_amf.py",
    "lab/ran/ngap_messages.py": "tests/lab/ran/test_amf.py",
    "lab/ran/n2.py": "tests/lab/ran/test_amf.py",
    "lab/ran/http2_server.py": "tests/ran_slicing/test_http2.py",
    "ran_slicing/http_message.py": "tests/ran_slicing/test_http2.py",
    "lab/ran/n5_oracle.py": "tests/system/test_ran_slicing_http2.py",
    "lab/ran/core_lists.py": "tests/ran_slicing/test_info_page.py",
    **{
        f"lab/wifi/{name}.py": "tests/guest/test_wifi_journeys.py"
        for name in ("__main__", "capture", "hostile", "journeys", "measure", "stage")
    },
    **{
        f"lab/wifi/{name}.py": "tests/guest/test_wifi_joins.py"
        for name in ("air", "control", "radios", "radius", "supplicant")
    },
}
"""Modules without a test file of their own name, and the test file that covers them instead."""

EXCUSED_TESTS: dict[str, str] = {
    "tests/apd/test_lean.py": "what the daemon does not import, all its modules together",
    "tests/images/test_kubernetes.py": "manifests, which are no module",
    "tests/images/test_openwrt_libraries.py": "the box's modules with the libraries of OpenWrt's releases",
    "tests/images/test_openwrt_router.py": "scripts of images/openwrt on a router of stand-ins",
    "tests/market/learning/test_paper_faults.py": "S8 and S9, over nets, targets and whole days",
    "tests/market/sdo/test_paper_faults.py": "one test per fault of the thesis's chapter 3",
    "tests/market/ubid/test_paper_faults.py": "one test per fault of the thesis's chapter 4, over whole auctions",
    "tests/ledger/payplace/test_adversary.py": "the whole contract, against everybody at once",
    "tests/ledger/payplace/test_attacks.py": "the whole contract, attack by attack",
    "tests/ledger/payplace/test_every_engine.py": "the whole contract, on every engine",
    "tests/ledger/clubs/test_every_engine.py": "the whole contract, on every engine",
    "tests/ledger/payplace/test_paper_faults.py": "what is wrong in the paper's chapter 6",
    "tests/ledger/evm/test_differential.py": "the Solidity twin against the Python contract, step by step",
    "tests/ledger/evm/test_libraries.py": "the contracts of ledger/evm, which are in Solidity, on a node",
    "tests/lab/test_set_up.py": "a shell script: lab/set-up.sh",
    "tests/lab/test_test_script.py": "a shell script: lab/test.sh",
    "tests/lab/test_go.py": "a shell script: lab/go.sh",
    "tests/lab/test_evm.py": "a shell script: lab/evm.sh",
    "tests/docs/test_blocks.py": "every block of commands in docs/ and README.md, against the table of who types it",
    "tests/docs/test_first_sale.py": "docs/guides/first-sale.md, typed in a Debian that runs",
    "tests/docs/test_shop.py": "the commands of docs/, typed at real programs",
    "tests/docs/test_tools.py": "docs/guides/device.md, where `airgrant` comes from: pip, typed",
    "tests/docs/test_commands.py": "every command of docs/ and README.md, against the parsers",
    "tests/images/test_debian.py": "recipes: images/debian, and images/build.sh that packs by them",
    "tests/lab/compose/test_files.py": "the compose files, as Docker Compose reads them",
    "tests/system/test_abci_liars.py": "ledger/abci on real CometBFTs, one of which is not honest",
    "tests/guest/test_shaper_leaves.py": "tc_shaper on a kernel that has fq_codel and CAKE",
    "tests/guest/test_cell_n2.py": "N2 over SCTP, which the guest's kernel has",
    "tests/guest/test_wifi_joins.py": "the Wi-Fi lab under the guest's kernel: lab/wifi",
    "tests/images/test_luci.py": "images/openwrt/luci-app-airgrant, a page in a browser",
    "tests/guest/test_wifi_identity.py": "apd/hostapd_text.py, held against a real hostapd with a hostile station",
    "tests/guest/test_wifi_shells.py": "apd's shells of hostapd and the monitor where there is a radio",
    "tests/guest/test_wifi_airtime.py": "what kernel and hostapd count of a station, under apd/shortfall.py",
    "tests/guest/test_wifi_journeys.py": "the product on virtual radios",
    "tests/guest/test_wifi_device_wpa.py": "device/wpa.py where there is a radio",
    "tests/guest/test_wifi_shortfall.py": "what a radio loses is signed and paid back, all parts real",
    "tests/ran_slicing/test_a_sold_slice.py": "the whole cell against a simulated gNB, over a socket",
    "tests/wire/test_vectors.py": "every codec against tests/wire/vectors",
    "tests/wire/test_docs.py": "the byte pictures of docs/wire against the vectors",
    "tests/wire/test_properties.py": "every codec: cut, split, garble",
    "tests/nas_tunnel/test_fuzz.py": "every reader of nas_tunnel: tests/nas_tunnel/fuzz.py",
    "tests/wire/test_sizes.py": "every message against the size that it promises",
    "tests/ledger/test_rules.py": "the table of rejections, over all transition functions",
    "tests/ledger/clearing/test_paper_auctions.py": "one test per fault of the printed auctions, over a whole auction",
    "tests/ledger/test_paper_faults.py": "one test per fault of the printed contract, over all transition functions",
    "tests/apd/test_playbooks.py": "the whole daemon: >> event, << command",
}
"""Test files that mirror no module, with the reason that they stand alone."""

EXCUSED_LINES: dict[tuple[str, str], str] = {
    ("tests/system/test_operatord_daemon.py", "sleep"): "how long somebody keeps the database locked",
    ("tests/guest/test_shaper_leaves.py", "sleep"): "the pace of a sender",
    ("tests/conftest.py", "sleep"): "the fixture `eventually`, which waits for a fact",
    ("tests/system/test_lab_air.py", "sleep"): "a measuring window, which has to last",
    ("tests/system/test_lab_broker.py", "sleep"): "the pause of a client that connects again",
    ("tests/system/test_lab_traffic.py", "sleep"): "a measuring window, and an outage of a known length",
    ("tests/system/test_shaper_kernel.py", "sleep"): "the pace of a sender, and a poll with a deadline",
}
"""(file, rule) that may break a banned-call rule, with the reason. Keep it short."""

CLOCK_CALLS = frozenset({
    "time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.datetime.now", "date.today",
})  # fmt: skip

DISK_CALLS = frozenset({"read_bytes", "read_text", "write_bytes", "write_text", "iterdir", "unlink", "mkdir"})
"""Methods of a Path that touch the disk. A Path as a value, in settings for instance, is fine anywhere."""

BAD_NAMES = ("utils", "util", "helpers", "helper", "common", "misc", "manager", "managers")

# ---- The tree --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Module:
    """A Python file: its path from the root with slashes, and what the rules ask of it. Its syntax tree is not kept: so
    much memory is slow to come by, and slower to look through for garbage.
    """

    path: str
    imports: tuple[tuple[int, str], ...]
    """(line, dotted name) of everything imported, wherever in the file; `from a import b` gives a.b."""
    classes: tuple[tuple[int, str], ...]
    has_functions: bool
    faults: tuple[Complaint, ...]
    """What may not be written there."""

    @property
    def package(self) -> str:
        """`wire` for wire/cbor.py, `tests` for any test, `airgrant` for airgrant.py."""
        return package_of(self.path)

    @property
    def dotted(self) -> str:
        """`wire.cbor` for wire/cbor.py; `wire` for wire/__init__.py."""
        return self.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    @property
    def is_test(self) -> bool:
        return self.package == "tests"


@dataclass(frozen=True, slots=True)
class Complaint:
    """One line for a person: where, what, what instead, why."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


Rule = Callable[[list[Module]], Iterator[Complaint]]


Nodes = Mapping[type[ast.AST], list[Any]]
"""The nodes of a syntax tree by their kind, each in the order of the text or nearly so."""


def parse_module(path: str, source: str) -> Module:
    """A module from its text; SyntaxError if it is none. The one walk over its tree."""
    nodes: dict[type[ast.AST], list[Any]] = defaultdict(list)
    for node in ast.walk(ast.parse(source, path)):
        nodes[type(node)].append(node)
    return Module(
        path,
        imports=tuple(_imports(path, nodes)),
        classes=tuple((node.lineno, node.name) for node in nodes[ast.ClassDef]),
        has_functions=bool(nodes[ast.FunctionDef] or nodes[ast.AsyncFunctionDef]),
        faults=tuple(_complain(path, nodes)),
    )


def read_tree(root: Path) -> list[Module]:
    """Every module of the project below `root`: the packages of the floor plan, root modules, and tests."""
    folders = [name for name in (*MAY_IMPORT, "tests") if (root / name).is_dir()]
    paths = [*root.glob("*.py"), *(path for name in folders for path in (root / name).rglob("*.py"))]
    return [
        parse_module(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(paths)
        if "vectors" not in path.parts
    ]


def package_of(path: str) -> str:
    return path.split("/", maxsplit=1)[0].removesuffix(".py")


def listed(path: str, table: Iterable[str]) -> bool:
    """Whether a path is in a table of patterns; `*` also crosses folders."""
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in table)


# ---- Imports ---------------------------------------------------------------------------------------------------------


def _imports(path: str, nodes: Nodes) -> Iterator[tuple[int, str]]:
    for node in nodes[ast.Import]:
        yield from ((node.lineno, alias.name) for alias in node.names)
    for node in nodes[ast.ImportFrom]:
        base = _absolute(path, node)
        yield from ((node.lineno, f"{base}.{alias.name}".lstrip(".")) for alias in node.names)


def _absolute(path: str, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    parts = PurePosixPath(path).parent.parts
    return ".".join((*parts[: len(parts) - node.level + 1], *((node.module,) if node.module else ())))


def import_direction(tree: list[Module]) -> Iterator[Complaint]:
    """Packages import only what stands below them in the floor plan."""
    for module in tree:
        if module.is_test:
            continue
        for line, name in module.imports:
            top = name.split(".")[0]
            if top == "tests":
                yield Complaint(
                    module.path, line, "nobody imports tests: move what you need beside the shell it fakes"
                )
            elif (
                top in MAY_IMPORT and top != module.package and top not in MAY_IMPORT.get(module.package, ())
            ):
                yield Complaint(module.path, line, _direction(module.package, top))


def _direction(package: str, top: str) -> str:
    below = ", ".join(sorted(MAY_IMPORT.get(package, ()))) or "nothing of ours"
    return (
        f"{package} may not import {top} (it may import {below}): put the missing word into wire, "
        "or take the decision in apd, so that each package can be read and tested without the others"
    )


def third_party(tree: list[Module]) -> Iterator[Complaint]:
    """A package uses only the foreign libraries that the architecture grants it."""
    for module in tree:
        if module.is_test or module.package == "lab":
            continue
        for line, name in module.imports:
            top = name.split(".")[0]
            if top in sys.stdlib_module_names or top in MAY_IMPORT or top == "tests":
                continue
            if top not in THIRD_PARTY.get(module.package, ()):
                allowed = (
                    ", ".join(sorted(THIRD_PARTY.get(module.package, ()))) or "only the standard library"
                )
                yield Complaint(
                    module.path,
                    line,
                    f"{module.package} may not use {top} (it may use {allowed}): write the few lines, or move this "
                    "to a package that may, because what the box does not carry cannot break it",
                )


def pure_modules(tree: list[Module]) -> Iterator[Complaint]:
    """Only the files listed in SHELLS touch the outside."""
    for module in tree:
        if module.is_test or listed(module.path, SHELLS):
            continue
        for line, name in module.imports:
            top = name.split(".")[0]
            foreign = (
                top not in sys.stdlib_module_names and top not in MAY_IMPORT and top not in PURE_THIRD_PARTY
            )
            if top in IO_MODULES or foreign:
                yield Complaint(
                    module.path,
                    line,
                    f"{top} belongs in a shell: take bytes, time and chance as arguments and give effects as values, "
                    "or list this file in SHELLS (tests/tidy_rules.py) with the world that it owns",
                )


def shells_stay_outside(tree: list[Module]) -> Iterator[Complaint]:
    """A pure module never imports a shell, even of its own package."""
    shells = {module.dotted for module in tree if not module.is_test and listed(module.path, SHELLS)}
    for module in tree:
        if module.is_test or listed(module.path, SHELLS):
            continue
        seen: set[str] = set()
        for line, name in module.imports:
            shell = next((known for known in (name, name.rpartition(".")[0]) if known in shells), None)
            if shell and shell not in seen:
                seen.add(shell)
                yield Complaint(
                    module.path,
                    line,
                    f"a pure module may not import the shell {shell}: the daemon or the command line joins the two, "
                    "so that the pure part runs where its shell cannot",
                )


def no_circles(tree: list[Module]) -> Iterator[Complaint]:
    """Modules of the product stand above and below each other: no import, wherever in a file, leads back to it."""
    product = {module.dotted: module for module in tree if not module.is_test}
    lines: dict[str, dict[str, int]] = {}
    for name, module in product.items():
        wanted = ((line, _module_of(imported, product)) for line, imported in module.imports)
        lines[name] = {other: line for line, other in sorted(wanted) if other not in ("", name)}
    while (circle := _find_circle(lines)) is not None:
        first, second = circle[:2]
        yield Complaint(
            product[first].path,
            lines[first].pop(second),
            f"imports in a circle: {' imports '.join(circle)}: move the word that both need into a file below them, "
            "or the place where they meet into one above them, so that each can be read and tried without the other",
        )


def _module_of(imported: str, product: Container[str]) -> str:
    """Of `from a.b import c`, a.b.c or a.b, whichever is a module; empty for what is none of ours."""
    return next((name for name in (imported, imported.rpartition(".")[0]) if name in product), "")


def _find_circle(imports: Mapping[str, Iterable[str]]) -> list[str] | None:
    """One, from its first module in the alphabet around to it; None if there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        circle = error.args[1][:0:-1]  # each but the last is imported by the one after it
        begins = circle.index(min(circle))
        return [*circle[begins:], *circle[:begins], circle[begins]]
    return None


# ---- Names and mirrors -----------------------------------------------------------------------------------------------


def good_names(tree: list[Module]) -> Iterator[Complaint]:
    """No file is called after nothing in particular."""
    for module in tree:
        stem = PurePosixPath(module.path).stem.removeprefix("test_")
        if stem in BAD_NAMES:
            yield Complaint(
                module.path,
                1,
                f"{stem!r} says nothing: name the file after what it owns, or move each piece to its owner",
            )
        for line, name in module.classes:
            if name.endswith(("Manager", "Helper", "Utils")):
                yield Complaint(
                    module.path, line, f"{name}: name the class after what it is, not that it acts"
                )


def no_test_packages(tree: list[Module]) -> Iterator[Complaint]:
    """tests/ has no __init__.py, or `import market` finds the test folder."""
    for module in tree:
        if module.is_test and module.path.endswith("__init__.py"):
            yield Complaint(
                module.path, 1, "remove it: with it, `import market` finds tests/market instead of market"
            )


def mirror(tree: list[Module]) -> Iterator[Complaint]:
    """Each module that does something has a test file of its name, and each test file a module. What has no function
    only declares events, commands or constants, and is tried by its users.
    """
    tests = {module.path for module in tree if PurePosixPath(module.path).name.startswith("test_")}
    wanted: set[str] = set()
    for module in tree:
        if module.is_test or module.path.endswith("__init__.py"):
            continue
        accepted = test_files(module.path)
        wanted.update(accepted)
        if not tests.intersection(accepted) and module.has_functions:
            yield Complaint(
                module.path,
                1,
                f"no test file: write {accepted[0]}, or say in EXCUSED_MODULES (tests/tidy_rules.py) which one covers "
                "it, because a reader looks for the examples of a module under its name",
            )
    for path in sorted(tests - wanted):
        if path.startswith("tests/system/") or path.count("/") == 1 or path in EXCUSED_TESTS:
            continue
        yield Complaint(
            path,
            1,
            "tests no module of that name: rename it after the module, move it to tests/system if it needs the real "
            "world, or give its reason in EXCUSED_TESTS (tests/tidy_rules.py)",
        )


def test_files(path: str) -> list[str]:
    """Where the tests of a module may stand, the best place first."""
    if path in EXCUSED_MODULES:
        return [EXCUSED_MODULES[path]]
    folder, stem = PurePosixPath(path).parent, PurePosixPath(path).stem.strip("_")
    package = folder.parts[0] if folder.parts else ""
    places = [f"tests/{folder}/test_{stem}.py", f"tests/{package}/test_{stem}.py"]
    if listed(path, SHELLS):  # its world is real: a system test may be all there is to say
        places += [f"tests/system/test_{stem}.py", f"tests/system/test_{package}_{stem}.py"]
    return list(dict.fromkeys(places))


test_files.__test__ = False  # type: ignore[attr-defined]  # pytest takes its name for a test


# ---- Banned calls ----------------------------------------------------------------------------------------------------


def banned_calls(tree: list[Module]) -> Iterator[Complaint]:
    """What may not be written at all, or only in named places."""
    for module in tree:
        yield from module.faults


Fault = tuple[ast.AST, str, str]
"""Where, by which rule, and what to do instead."""


def _complain(path: str, nodes: Nodes) -> list[Complaint]:
    finders = [_world_faults, _task_faults, _error_faults]
    if package_of(path) in INTEGER_ONLY and not listed(path, (*SHELLS, *MODELS)):
        finders.append(_integer_faults)
    if package_of(path) == "tests":
        finders.append(_test_faults)
    complaints = [
        Complaint(path, getattr(node, "lineno", 1), f"{text} [{rule}]")
        for find in finders
        for node, rule, text in find(path, nodes)
        if (path, rule) not in EXCUSED_LINES
    ]
    return sorted(complaints, key=lambda complaint: complaint.line)


def _world_faults(path: str, nodes: Nodes) -> Iterator[Fault]:
    is_test = package_of(path) == "tests"
    speaks, may_draw = is_test or listed(path, COMMAND_LINES), is_test or package_of(path) == "lab"
    has_clock, has_disk = listed(path, CLOCKS), is_test or listed(path, SHELLS)
    for node in nodes[ast.Call]:
        name = dotted_name(node.func)
        if name in CLOCK_CALLS and not has_clock:
            yield (
                node,
                "clock",
                f"{name}(): take `now` as an argument, so that a test can say what time it is",
            )
        method = name.rpartition(".")[2]
        if (name == "open" or method in DISK_CALLS) and not has_disk:
            text = "take the bytes as an argument; the shell or command line that knows the file reads it"
            yield node, "disk", f"{method}(): {text}"
        if name.startswith("random.") and not may_draw:
            text = "take random bytes as an argument (secrets in a shell), so that a run can be repeated"
            yield node, "chance", f"{name}(): {text}"
        if name == "print" and not speaks:
            text = "print(): return a value or an event; only a command line speaks to a person"
            yield node, "print", text
        if name == "os.getenv" and not speaks:
            yield node, "environment", f"os.getenv(): {_SETTINGS}"
        if name in {"eval", "exec", "os.system", "pickle.loads", "pickle.load"}:
            text = "runs what it is given; parse it, or start a program with a list of arguments"
            yield node, "danger", f"{name}(): {text}"
    for node in nodes[ast.Attribute]:
        if node.attr == "environ" and dotted_name(node) == "os.environ" and not speaks:
            yield node, "environment", f"os.environ: {_SETTINGS}"
    for node in nodes[ast.keyword]:
        if node.arg == "shell" and _is(node.value, value=True):
            text = (
                "shell=True: start the program with a list of arguments, so that no byte of them is a command"
            )
            yield node, "danger", text


_SETTINGS = "settings come as arguments from the one place that reads them"


def _task_faults(_path: str, nodes: Nodes) -> Iterator[Fault]:
    for node in nodes[ast.Expr]:
        name = dotted_name(node.value.func) if isinstance(node.value, ast.Call) else ""
        if name.endswith(("create_task", "ensure_future")) and not name.startswith(
            ("group.", "tasks.", "task_group.")
        ):
            text = "hold the task or use a TaskGroup; the loop forgets an unheld task and its errors"
            yield node, "task", f"{name}(): {text}"


def _integer_faults(_path: str, nodes: Nodes) -> Iterator[Fault]:
    why = "the same inputs must give the same bytes on every machine"
    for_people = _text_for_people(nodes)
    for node in nodes[ast.Call]:
        if node not in for_people and dotted_name(node.func) in {"float", "round"}:
            yield node, "integer", f"{dotted_name(node.func)}(): use integers and name the rounding; {why}"
    for node in nodes[ast.Constant]:
        if node not in for_people and isinstance(node.value, float):
            yield node, "integer", f"{node.value}: use an integer in a smaller unit; {why}"
    for node in (*nodes[ast.BinOp], *nodes[ast.AugAssign]):
        if node not in for_people and isinstance(node.op, ast.Div) and not _joins_paths(node):
            yield node, "integer", f"/: use // or a named rounding; {why}"


def _text_for_people(nodes: Nodes) -> set[ast.AST]:
    """Everything inside functions called format_x: their text is read, never signed, hashed or added up."""
    return {
        inside
        for function in nodes[ast.FunctionDef]
        if function.name.lstrip("_").startswith("format_")
        for inside in ast.walk(function)
    }


def _joins_paths(node: ast.BinOp | ast.AugAssign) -> bool:
    """folder.parent / name, root / "file": not arithmetic."""
    if isinstance(node, ast.AugAssign):
        return False
    is_text = isinstance(node.right, ast.JoinedStr) or (
        isinstance(node.right, ast.Constant) and isinstance(node.right.value, str)
    )
    return is_text or (isinstance(node.left, ast.Attribute) and node.left.attr == "parent")


def _error_faults(path: str, nodes: Nodes) -> Iterator[Fault]:
    for node in nodes[ast.ExceptHandler] if not listed(path, BROAD_EXCEPT) else ():
        last = node.body[-1]
        goes_on = isinstance(last, ast.Raise) and last.exc is None  # it tidies up and lets the error pass
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if not goes_on and any(
            kind is None or dotted_name(kind) in {"Exception", "BaseException"} for kind in kinds
        ):
            text = "name the errors that you can answer; the others are ours, and must crash to be seen"
            yield node, "broad except", text
    for node in nodes[ast.FunctionDef] if package_of(path) != "tests" else ():
        if node.name.lstrip("_").startswith("verify") and dotted_name(node.returns) == "bool":
            text = f"{node.name}() returns a boolean that can be ignored: raise what is wrong instead"
            yield node, "verify", text


def _test_faults(_path: str, nodes: Nodes) -> Iterator[Fault]:
    for node in nodes[ast.Assert]:
        if isinstance(node.test, ast.Constant) and node.test.value:
            text = "this assert cannot fail: compare with what you expect, or remove it"
            yield node, "hollow", text
        if isinstance(node.test, ast.Tuple):
            yield node, "hollow", "a tuple is always true: take the parentheses off"
    for node in (*nodes[ast.Import], *nodes[ast.ImportFrom]):
        if _imports_mock(node):
            text = (
                "no mocks: give the code a value, or use the fake of the outside that stands beside its shell"
            )
            yield node, "mock", text
    for node in nodes[ast.Call]:
        name = dotted_name(node.func)
        if name in {"monkeypatch.setattr", "mocker.patch"}:
            text = "pass what the code needs as an argument; a patched name tests the patch"
            yield node, "mock", f"{name}(): {text}"
        if name == "time.sleep" or (
            name == "asyncio.sleep" and not _is(node.args[0] if node.args else None, value=0)
        ):
            yield (
                node,
                "sleep",
                f"{name}(): wait for a fact with a deadline (fixture `eventually`), never for a while",
            )
        if name in {"pytest.mark.skip", "pytest.skip"} and not (node.args or node.keywords):
            yield node, "skip", f"{name}(): {_MISSING}"
    for node in (*nodes[ast.FunctionDef], *nodes[ast.AsyncFunctionDef]):
        if "pytest.mark.skip" in [dotted_name(mark) for mark in node.decorator_list]:
            yield node, "skip", f"pytest.mark.skip: {_MISSING}"


_MISSING = "say what is missing, so that a person can supply it"


def _imports_mock(node: ast.Import | ast.ImportFrom) -> bool:
    names = {alias.name for alias in node.names}
    if isinstance(node, ast.Import):
        return not names.isdisjoint({"unittest.mock", "mock"})
    return node.module in {"unittest.mock", "mock"} or (node.module == "unittest" and "mock" in names)


def _is(node: ast.AST | None, *, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value == value and type(node.value) is type(value)


def dotted_name(node: ast.AST | None) -> str:
    """`a.b.c` of an expression that is only names and dots; else the empty string."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join((node.id, *reversed(parts)))


# ---- The tables themselves -------------------------------------------------------------------------------------------


def live_excuses(tree: list[Module]) -> Iterator[Complaint]:
    """An excuse whose file has gone is removed, so that the tables stay worth reading."""
    paths = {module.path for module in tree}
    for path, covering in EXCUSED_MODULES.items():
        if path not in paths or covering not in paths:
            yield Complaint(
                "tests/tidy_rules.py", 1, f"EXCUSED_MODULES: {path} or {covering} is gone: remove the line"
            )
    for path, _ in EXCUSED_LINES:
        if path not in paths:
            yield Complaint("tests/tidy_rules.py", 1, f"EXCUSED_LINES: {path} is gone: remove the line")


RULES: dict[str, Rule] = {
    "imports follow the floor plan": import_direction,
    "foreign libraries are granted": third_party,
    "only shells touch the outside": pure_modules,
    "pure modules do not import shells": shells_stay_outside,
    "nobody imports in a circle": no_circles,
    "names say something": good_names,
    "tests are not packages": no_test_packages,
    "modules and tests mirror each other": mirror,
    "banned calls": banned_calls,
    "excuses are alive": live_excuses,
}
