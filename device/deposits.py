"""What is deposited with operators, as a ledger says, kept for when there is no network. A shell: HTTP and files.

    wallet.kept/deposits.json      {"<operator's account>": micro-bandcoin, ...}; mode 0600

Asked of a ledger's pages (GET /v1/payplace/OPERATOR/...) while there is a network; whoever wants to join has none yet.
A number that is too high costs a refusal, one that is too low a deposit that is not used: no signature hangs on it.
What is being shifted to another operator does not count. Units: micro-bandcoin (ubc).
"""

import http.client
import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from device.keeping import kept_folder, write_kept
from wire.errors import ConfigError, ShellError
from wire.ids import PublicKey

TIMEOUT_S = 10.0
MAX_PAGE_BYTES = 64 * 1024


def fetch_deposits(url: str, account: PublicKey, operators: Iterable[PublicKey]) -> dict[PublicKey, int]:
    """What the ledger at `url` says this account has with each of these; 0 where it has no channel. Raises
    ConfigError for what is no URL, ShellError if nobody answers or what comes is no such page.
    """
    return {operator: _fetch_one(url, account, operator) for operator in operators}


def load_deposits(wallet: Path) -> dict[PublicKey, int]:
    """As they were kept; empty if nothing was. Raises ConfigError for a file that is damaged."""
    path = _path(wallet)
    try:
        page = json.loads(path.read_text())
        if isinstance(page, dict) and all(type(ubc) is int and ubc >= 0 for ubc in page.values()):
            return {PublicKey.parse(operator): ubc for operator, ubc in page.items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ShellError(str(path), error.strerror or str(error)) from None
    except (ValueError, RecursionError):
        pass
    raise ConfigError(f"{path}: is not what was kept there; take it away, and ask the ledger again")


def keep_deposits(wallet: Path, deposits: Mapping[PublicKey, int]) -> None:
    """Raises ShellError."""
    page = {str(operator): ubc for operator, ubc in deposits.items()}
    write_kept(_path(wallet), json.dumps(page).encode())


def _path(wallet: Path) -> Path:
    return kept_folder(wallet) / "deposits.json"


def _fetch_one(url: str, account: PublicKey, operator: PublicKey) -> int:
    about = f"/v1/payplace/{operator}"
    number = _get(url, f"{about}/consumers/{account}")
    if number is None:
        return 0
    page = _get(url, f"{about}/channels/{number.get('number')}")
    match page:
        case {"consumer": consumer, "deposited_ubc": int(deposited), "shifting_ubc": int(shifting)} if (
            consumer == str(account) and 0 <= shifting <= deposited
        ):
            return deposited - shifting
    raise ShellError(url, f"what is shown of the channel with {operator} is none")


def _get(url: str, path: str) -> dict[str, Any] | None:
    """A page, or None where there is none."""
    parts = urlsplit(url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    if parts.scheme not in kinds or not parts.hostname:
        raise ConfigError(f"{url!r} is not a ledger such as http://127.0.0.1:8573")
    connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", parts.path.rstrip("/") + path)
        answer = connection.getresponse()
        content = answer.read(MAX_PAGE_BYTES)
        page = json.loads(content) if answer.status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND} else None
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise ShellError(url, str(error) or type(error).__name__) from error
    finally:
        connection.close()
    if not isinstance(page, dict):
        raise ShellError(url, f"{path}: status {answer.status}, and no page of a ledger")
    return page if answer.status == HTTPStatus.OK else None
