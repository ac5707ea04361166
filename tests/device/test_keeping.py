"""What is kept beside the wallet: private, whole, found again, and forgotten only when it is over."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from device.keeping import (
    LONGER_S,
    Kept,
    find_grant,
    forget_purchase,
    grant_path,
    keep_grant,
    keep_purchase,
    kept_folder,
    load_kept,
)
from device.wallet import Wallet, load_wallet, pin_ledger
from tests.device.playbook import BUYER, World
from wire.errors import ShellError
from wire.keys import PrivateKey


@pytest.fixture
def bought() -> World:
    world = World()
    world.add(ledger=PrivateKey.from_secret(13))
    world.buy()
    return world


@pytest.fixture
def wallet(tmp_path: Path, bought: World) -> Wallet:
    path = tmp_path / "w.pem"
    path.write_bytes(BUYER.to_pem())
    path.chmod(0o600)
    return pin_ledger(load_wallet(path), bought.pinned)


def keep_both(wallet: Wallet, world: World) -> None:
    keep_grant(wallet.path, world.grant.grant_id, world.state.grant_bytes)
    keep_purchase(
        wallet.path,
        world.purchase.transaction_id,
        world.purchase.transaction,
        world.aps["ap"].announcement().offer,
        world.purchase.allocate.provider,
    )


def test_what_was_kept_is_found(wallet: Wallet, bought: World) -> None:
    assert load_kept(wallet, bought.now.utc_s) == Kept()
    keep_both(wallet, bought)
    kept = load_kept(wallet, bought.now.utc_s)
    (held,), (purchase,) = kept.grants, kept.purchases
    assert (held.grant, held.encoded) == (bought.grant, bought.state.grant_bytes)
    assert replace(purchase, offer=bought.purchase.offer) == bought.purchase
    assert purchase.offer.allocation_duration_s == bought.purchase.offer.allocation_duration_s
    assert kept.unreadable == ()
    path = grant_path(wallet.path, bought.grant.grant_id)
    assert find_grant(wallet.path, bought.state.grant_bytes) == path
    assert find_grant(wallet.path, b"other") is None


def test_by_a_link_to_the_wallet_the_same_is_found(wallet: Wallet, bought: World, tmp_path: Path) -> None:
    keep_both(wallet, bought)
    link = tmp_path / "link.pem"
    link.symlink_to(wallet.path.name)
    assert find_grant(link, bought.state.grant_bytes) == grant_path(wallet.path, bought.grant.grant_id)


def test_nobody_else_may_read_it(wallet: Wallet, bought: World) -> None:
    old = os.umask(0)
    try:
        keep_both(wallet, bought)
    finally:
        os.umask(old)
    folder = kept_folder(wallet.path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600, 0o600]


def test_a_purchase_that_was_answered_goes(wallet: Wallet, bought: World) -> None:
    keep_both(wallet, bought)
    forget_purchase(wallet.path, bought.purchase.transaction_id)
    forget_purchase(wallet.path, bought.purchase.transaction_id)
    kept = load_kept(wallet, bought.now.utc_s)
    assert (len(kept.grants), kept.purchases) == (1, ())


def test_nothing_is_forgotten_before_its_end(wallet: Wallet, bought: World) -> None:
    """And a day more: a clock that is hours ahead throws nothing away."""
    keep_both(wallet, bought)
    kept = load_kept(wallet, bought.grant.ends_s + LONGER_S)
    assert (len(kept.grants), len(kept.purchases)) == (1, 1)
    kept = load_kept(wallet, bought.grant.ends_s + LONGER_S + 1)
    assert (len(kept.grants), len(kept.purchases)) == (0, 1)
    matters_until_s = bought.purchase.valid_until_s + bought.purchase.offer.allocation_duration_s
    assert load_kept(wallet, matters_until_s + LONGER_S + 1) == Kept()
    assert list(kept_folder(wallet.path).iterdir()) == []


def test_what_is_of_another_ledger_or_account_or_damaged_stays_and_is_named(
    wallet: Wallet, bought: World, tmp_path: Path
) -> None:
    keep_both(wallet, bought)
    folder = kept_folder(wallet.path)
    for name, text in {"a.grant": b"", "b.purchase": b"{", "c.purchase": b"[]"}.items():
        (folder / name).write_bytes(text)
    (folder / "d.purchase").write_text('{"transaction": "00", "offer": "xx", "provider": "02"}')
    (folder / ".e.grant.new").write_bytes(b"half")
    kept = load_kept(wallet, 2**40)
    assert [path.name for path in kept.unreadable] == ["a.grant", "b.purchase", "c.purchase", "d.purchase"]
    keep_both(wallet, bought)
    stranger = replace(wallet, key=PrivateKey.from_secret(99))
    elsewhere = replace(wallet, pinned=replace(bought.pinned, ledger_id=b"\1" * 32))
    for other in (stranger, elsewhere, replace(wallet, pinned=None)):
        kept = load_kept(other, 2**40)
        assert (kept.grants, kept.purchases, len(kept.unreadable)) == ((), (), 6)


def test_what_cannot_be_written_is_said(wallet: Wallet) -> None:
    kept_folder(wallet.path).write_text("no folder")
    with pytest.raises(ShellError, match=r"w\.kept"):
        keep_grant(wallet.path, bytes(16), b"x")
    with pytest.raises(ShellError, match=r"w\.kept"):
        forget_purchase(wallet.path, bytes(32))
    assert load_kept(wallet, 0) == Kept()
