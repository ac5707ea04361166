"""The files of a first configuration: made beside, read back as the daemon reads them, and moved into their place.

A shell: the configuration's folder. Texts and keys come in, files that others cannot read go out. A key of an account
that is there already is kept, as it may hold money. Raises ConfigError, OSError.
"""

import grp
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from apd.config import load_config
from apd.setup import OperatorFile
from wire.errors import ConfigError
from wire.ids import MacAddress
from wire.keys import PrivateKey

GROUP = "airgrant"
"""Of the daemon's own user, which reads the configuration and cannot write it."""
PROVIDER = "provider.pem"
SECRET, _SHOWN = 0o640, 0o644


def write_files(
    config: Path,
    settings: str,
    operator: OperatorFile,
    read_address: Callable[[str], MacAddress],
    more: Mapping[str, str] = MappingProxyType({}),
    try_out: Callable[[Path], None] = lambda _draft: None,
) -> str:
    """The account. Everything is made beside, read as the daemon reads it, tried out there, and moved into its place,
    the settings last. `more`: secret files beside them.
    """
    folder = config.parent
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    provider = folder / PROVIDER
    with _beside(folder) as draft:
        files = {
            "authority.pem": (operator.authority, _SHOWN),
            "box.pem": (operator.certificate, _SHOWN),
            "box.key": (operator.certificate_key, SECRET),
            **{name: (text, SECRET) for name, text in more.items()},
            config.name: (settings, SECRET),
        }
        if provider.exists():
            shutil.copy2(provider, draft / PROVIDER)
        else:
            files = {PROVIDER: (PrivateKey.generate().to_pem().decode(), SECRET), **files}
        for name, (text, mode) in files.items():
            write_new(draft / name, text, mode)
        _check_certificate(operator)
        try:
            account = load_config(draft / config.name, read_address).box.provider
        except ConfigError as error:
            raise ConfigError(str(error).replace(str(draft), str(folder))) from None
        try_out(draft)
        for name in files:
            (draft / name).replace(folder / name)
        _share(provider)
    sync_names(folder)
    return str(account)


def _check_certificate(operator: OperatorFile) -> None:
    """The broker would say less about a key of another box. Raises ConfigError."""
    from cryptography import x509

    try:
        box = PrivateKey.from_pem(operator.certificate_key.encode(), "the key")
        certificate = x509.load_pem_x509_certificate(operator.certificate.encode())
        x509.load_pem_x509_certificate(operator.authority.encode())
    except ValueError as error:
        raise ConfigError(f"the operator's file: {error}") from None
    if certificate.public_key().public_numbers() != box.key.public_key().public_numbers():  # type: ignore[union-attr]
        raise ConfigError("the operator's file: ledger.certificate_key: is not the key of ledger.certificate")


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    draft = Path(tempfile.mkdtemp(prefix=".setup-", dir=folder))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_new(path: Path, text: str, mode: int) -> None:
    """Never readable by others, not for an instant; on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        group = _group()
        if group is not None:
            os.fchown(descriptor, -1, group)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)


def _share(key: Path) -> None:
    """A key that its owner put there himself: the daemon has to read it, too."""
    group = _group()
    if group is not None:
        os.chown(key, -1, group)
        key.chmod(SECRET)


def _group() -> int | None:
    """The daemon's, where a package made one and we may give it files."""
    if os.geteuid() != 0:
        return None
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None


def sync_names(folder: Path) -> None:
    """What is called what in it is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
