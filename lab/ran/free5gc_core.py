"""Two real network functions of a 5G core, free5GC's PCF and SMF, as a context manager.

They are of free5GC 3.0.5 (January 2021): what was to be had of a core as Go modules; docs/testing.md says what was not.
In: a folder for their files and logs. Out: orders to what stands in for the rest of a core, and what it
saw. Everything is on the loopback: run it inside lab/sandbox.sh. The programs are built by `lab/go.sh build`.
"""

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab.processes import Child, Household, wait_until
from lab.ran.subscriber_store import SubscriberStore
from lab.ran.told import Fact, Told
from wire.errors import ShellError

PROGRAMS = Path(__file__).resolve().parents[2] / "build/go/bin"
NAMES = ("ferretdb", "free5gc-pcf", "free5gc-smf", "free5gc-standin")
PCF, SMF = ("127.0.1.17", 8_000), ("127.0.1.13", 8_000)
STANDIN, UPF = ("127.0.1.12", 8_000), "127.0.1.20"
START_S = 60.0
"""In an emulated guest a start takes seconds."""


@dataclass(slots=True)
class Core:
    """A core with its files in `folder`, running while the block runs."""

    folder: Path
    _household: Household = field(init=False)
    _standin: Told = field(init=False)
    _standin_runs: bool = field(default=False, init=False)
    _functions: dict[str, Child] = field(default_factory=dict, init=False)
    _store: SubscriberStore = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.folder.absolute()
        self._household = Household(self.folder / "log")
        self._store = SubscriberStore(self.folder / "store")
        arguments: list[str | Path] = [PROGRAMS / "free5gc-standin", f"{STANDIN[0]}:{STANDIN[1]}", UPF]
        self._standin = Told("standin", arguments, self.folder / "log")

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def order(self, *words: str) -> Fact:
        """Have the stand-in do something as an AMF would; what came of it. ShellError where the core said no."""
        line = " ".join(words)
        self._standin.order(line)
        answer = self._standin.take("obeyed", lambda fact: fact["order"] == line)
        if "error" in answer:
            raise ShellError("free5gc", f"{line[:60]}: {answer['error']}")
        return answer

    def told(self, name: str, fits: Callable[[Fact], bool] = lambda _: True) -> Fact:
        """The first such fact of all that the stand-in saw. Raises ShellError at the deadline."""
        seen: list[Fact] = []

        def look() -> bool:
            seen[:] = [fact for fact in self._standin.told() if fact["event"] == name and fits(fact)]
            return bool(seen)

        wait_until(look, name, START_S)
        return seen[0]

    def said(self, function: str) -> str:
        """The log of `pcf` or `smf`."""
        return self._functions[function].said

    def wait_for_line(self, function: str, pattern: str, deadline_s: float = 20.0) -> None:
        self._functions[function].wait_for_line(pattern, deadline_s)

    # ---- Starting and stopping

    def _start(self) -> None:
        for name in NAMES:
            if not (PROGRAMS / name).exists():
                raise ShellError(name, f"there is no {PROGRAMS / name}: run lab/go.sh build {name}")
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        self._store.start()
        store = f"mongodb://{self._store.address.host}:{self._store.address.port}"
        self._standin.__enter__()
        self._standin_runs = True
        self._standin.take("ready", deadline_s=START_S)
        self._start_function("pcf", _pcf_settings(store))
        self._standin.take("enrolled", lambda fact: fact["type"] == "PCF", START_S)
        self._start_function("smf", _smf_settings())
        self._standin.take("associated", deadline_s=START_S)
        for name, address in (("pcf", PCF), ("smf", SMF)):
            self._functions[name].wait_for(partial(_answers, address), f"port {address[1]}", START_S)

    def _start_function(self, name: str, settings: Mapping[str, Any]) -> None:
        file = self.folder / f"{name}.yaml"
        file.write_text(json.dumps(settings))  # JSON is YAML
        routing = self.folder / "uerouting.yaml"
        routing.write_text(json.dumps({"info": {"version": "1.0.0"}}))
        arguments = [f"--{name}cfg", str(file)] + (["--uerouting", str(routing)] if name == "smf" else [])
        self._functions[name] = self._household.start(
            name,
            [PROGRAMS / f"free5gc-{name}", *arguments],
            folder=self.folder,
            environment={"GIN_MODE": "release"},
        )

    def _stop(self) -> None:
        if self._standin_runs:
            self._standin.__exit__(None, None, None)
        self._household.stop()
        self._store.__exit__(None, None, None)


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, 1.0).close()
    except OSError:
        return False
    return True


def _sbi(address: tuple[str, int]) -> dict[str, Any]:
    return {"scheme": "http", "registerIPv4": address[0], "bindingIPv4": address[0], "port": address[1]}


def _settings(configuration: dict[str, Any]) -> dict[str, Any]:
    return {"info": {"version": "1.0.0"}, "configuration": configuration}


def _pcf_settings(store: str) -> dict[str, Any]:
    services = {"npcf-am-policy-control": "", "npcf-smpolicycontrol": "3fff", "npcf-policyauthorization": "3"}
    return _settings(
        {
            "pcfName": "PCF",
            "sbi": _sbi(PCF),
            "timeFormat": "2019-01-02 15:04:05",
            "defaultBdtRefId": "BdtPolicyId-",
            "nrfUri": f"http://{STANDIN[0]}:{STANDIN[1]}",
            "serviceList": [
                {"serviceName": name, "suppFeat": features} for name, features in services.items()
            ],
            "mongodb": {"name": "free5gc", "url": store},
        }
    )


def _smf_settings() -> dict[str, Any]:
    slice_ = {"sst": 1, "sd": "000001"}
    return _settings(
        {
            "smfName": "SMF",
            "sbi": _sbi(SMF),
            "pfcp": {"addr": SMF[0]},
            "nrfUri": f"http://{STANDIN[0]}:{STANDIN[1]}",
            "serviceNameList": ["nsmf-pdusession", "nsmf-event-exposure"],
            "snssaiInfos": [
                {
                    "sNssai": slice_,
                    "dnnInfos": [
                        {"dnn": "internet", "dns": {"ipv4": "10.60.0.1"}, "ueSubnet": "10.60.0.0/16"}
                    ],
                }
            ],
            "userplane_information": {
                "up_nodes": {
                    "gNB": {"type": "AN", "an_ip": "127.0.1.40"},
                    "UPF": {
                        "type": "UPF",
                        "node_id": UPF,
                        "sNssaiUpfInfos": [{"sNssai": slice_, "dnnUpfInfoList": [{"dnn": "internet"}]}],
                        "interfaces": [
                            {"interfaceType": "N3", "endpoints": [UPF], "networkInstance": "internet"}
                        ],
                    },
                },
                "links": [{"A": "gNB", "B": "UPF"}],
            },
        }
    )
