"""A store of subscribers that speaks MongoDB's wire protocol: FerretDB in front of SQLite, as a context manager.

Owns one folder, which keeps the documents, and one process. It is built by `lab/go.sh build ferretdb`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.processes import Child, Household
from ran_slicing.store_address import StoreAddress
from wire.errors import ShellError

PROGRAM = Path(__file__).resolve().parents[2] / "build/go/bin/ferretdb"
HOST = "127.0.0.1"


@dataclass(slots=True)
class SubscriberStore:
    """A store with its documents in `folder`, running while the block runs."""

    folder: Path
    address: StoreAddress = StoreAddress(HOST, 0, "open5gs")
    _household: Household = field(init=False)
    _process: Child | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.folder = self.folder.absolute()
        self._household = Household(self.folder / "log")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._household.stop()

    def start(self) -> None:
        """Returns once it takes connections, on the port that it had before; ShellError otherwise."""
        if not PROGRAM.exists():
            raise ShellError("ferretdb", f"there is no {PROGRAM}: run lab/go.sh build ferretdb")
        documents = self.folder / "documents"
        documents.mkdir(parents=True, exist_ok=True)
        self._process = self._household.start(
            "ferretdb", [PROGRAM, documents, f"{self.address.host}:{self.address.port}"], folder=self.folder
        )
        found = self._process.wait_for_line(r"^mongodb://[^:]+:(\d+)/")
        self.address = self.address._replace(port=int(found[1]))

    def stop(self) -> None:
        """The documents stay."""
        assert self._process is not None, "it was not started"
        self._process.stop()
