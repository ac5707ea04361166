"""A merchant's disk: what it signed for is there after any restart, readable for nobody else."""

import pytest

from ledger.payplace.payout_block import write_block_head
from ledger.payplace.payout_leaf import leaf_hash_of
from operatord.payplace.merchant_files import MerchantFiles, Promise
from tests.ledger.payplace.payouts import block, leaf, merchant_id
from tests.payplace_watch import Memory
from wire.errors import DecodeError, ShellError

ME = merchant_id(1)


def promise(period, amounts):
    head, (content,) = block({ME: amounts}, period=period)
    return Promise(write_block_head(head) + bytes(48), content, 0, (bytes(32),), {2: b"x", 1: b"y"})


def test_promises_are_kept_for_ever_and_found(tmp_path):
    files = MerchantFiles(tmp_path)
    first, second = promise(7, {1: 5}), promise(8, {1: 6})
    for one in (first, second):
        files.promise(one.announcement, one)
    files = MerchantFiles(tmp_path)
    assert list(files.promises()) == [second, first]
    assert files.promise_of_period(7) == first
    assert files.promise_of_period(9) is None
    for found in (files, Memory([first, second])):
        assert found.latest_promise() == second
        assert found.promise_of_root(second.head.root) == second
        assert found.promise_of_leaf(leaf_hash_of(leaf(ME, {1: 5}))) == first
        assert found.promise_of_root(bytes(32)) is None
        assert found.promise_of_leaf(bytes(32)) is None


def test_a_key_is_made_once_and_is_private(tmp_path):
    key = MerchantFiles(tmp_path).key(bytes(32))
    assert MerchantFiles(tmp_path).key(bytes([1]) * 32).public == key.public
    path = tmp_path / "merchant.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("0\n")
    with pytest.raises(DecodeError, match=r"merchant\.key"):
        MerchantFiles(tmp_path).key(bytes(32))


def test_a_block_is_there_when_it_is_whole(tmp_path):
    files, root = MerchantFiles(tmp_path), bytes(32)
    with pytest.raises(DecodeError, match="more than 5"):
        files.save_block(root, [b"123", b"456"], 5)
    assert not files.has_block(root)
    files.save_block(root, [b"123", b"456"], 6)
    assert b"".join(files.chunks(root)) == b"123456"
    files.forget_blocks([root])
    assert files.has_block(root)
    files.forget_block(root)
    assert not files.has_block(root)
    with pytest.raises(ShellError):
        list(files.chunks(root))


def test_evidence_is_both_announcements(tmp_path):
    MerchantFiles(tmp_path).accuse(7, [b"one", b"two"])
    assert (tmp_path / "two-blocks-7").read_bytes() == b"onetwo"


def test_a_file_that_is_none_of_ours_is_named(tmp_path):
    files = MerchantFiles(tmp_path)
    (tmp_path / "promises" / "1-2").write_bytes(b"\x80")
    with pytest.raises(DecodeError, match="1-2"):
        list(files.promises())
