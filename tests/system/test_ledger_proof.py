"""The proof of a grant out of a real ledger: by HTTP, by MQTT and by `airgrant ledger proof`, verified offline."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import cli
from ledger.abci.network import Network, Operator, format_network
from ledger.intake import ProofQuery, write_query
from ledger.pages import GrantProofPage
from tests.ledger_house import PRICE_UBC, purchase
from wire.comet_commit import (
    COMMIT,
    BlockId,
    CometHeader,
    Precommit,
    SignedBlock,
    Validator,
    _canonical_precommit,
    in_order,
    validators_hash,
    write_signed_block,
)
from wire.grant_proof import verify_grant_proof, verify_grant_under
from wire.keys import PrivateKey

pytestmark = pytest.mark.system


def proof(*arguments: str) -> int:
    return cli.ledger(["proof", *arguments])


def test_one_of_many_proves_its_grant(house, provider, buyer, tmp_path: Path, capsys) -> None:
    keys = [PrivateKey.from_secret(1_000 + number).public for number in range(6)]
    consumers = b"".join(key.octets for key in keys)
    action = replace(purchase(provider), price_ubc=6 * PRICE_UBC, consumer_keys=consumers)
    with house.client(buyer) as client:
        receipt = house.receipt(client.submit(house.sign(action, buyer)))
        assert receipt.executed, receipt.detail
        subject = receipt.subject
        answer = client.ask("query", write_query(ProofQuery(subject, keys[5].octets)))
    grant = verify_grant_proof(answer, house.key.public, house.ledger_id)
    assert (grant.consumer, grant.position) == (keys[5], 5)

    page = house.reader.read(GrantProofPage, f"proofs/grants/{subject.hex()}/{keys[5]}")
    assert base64.b64decode(page.proof) == answer
    assert (page.bytes, page.grant_id) == (len(answer), grant.grant_id.hex())
    assert verify_grant_under(answer, bytes.fromhex(page.app_hash)) == grant
    assert house.reader.read(GrantProofPage, f"proofs/grants/{page.grant_id}") == page
    with pytest.raises(LookupError, match="bought nothing"):
        house.reader.get(f"proofs/grants/{subject.hex()}/{buyer.public}")
    with pytest.raises(LookupError, match="no grant"):
        house.reader.get(f"proofs/grants/{bytes(16).hex()}")

    saved = str(tmp_path / "grant.proof")
    url = ["--ledger", house.reader.url]
    named = [subject.hex(), "--consumer", str(keys[5])]
    assert proof("fetch", *named, "--out", saved, *url) == 0
    assert Path(saved).read_bytes() == answer
    assert "name yours by" in " ".join(capsys.readouterr().out.split())
    assert proof("fetch", *named, "--out", saved, *url, "--ledger-id", house.ledger_id.hex()) == 0
    assert f"of the ledger {house.ledger_id.hex()}" in " ".join(capsys.readouterr().out.split())
    assert proof("fetch", *named, "--out", saved + "2", *url, "--ledger-id", "ab" * 32) == 1
    assert f"is the ledger {house.ledger_id.hex()}, not" in capsys.readouterr().err
    assert not Path(saved + "2").exists()
    trusted = ["--key", str(house.key.public), "--ledger-id", house.ledger_id.hex()]
    capsys.readouterr()
    assert proof("verify", saved, *trusted, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["ok"], shown["grant_id"], shown["consumer"]) == (True, page.grant_id, str(keys[5]))
    assert proof("verify", saved, "--app-hash", page.app_hash) == 0
    assert "the proof holds" in capsys.readouterr().out


def test_what_the_validators_of_a_network_signed_is_verified(
    house, provider, buyer, tmp_path: Path, capsys
) -> None:
    with house.client(buyer) as client:
        grant = house.grant(client.submit(house.sign(purchase(provider), buyer)).grants[0])
    saved, url = tmp_path / "grant.proof", ["--ledger", house.reader.url]
    assert proof("fetch", grant.grant_id.hex(), "--out", str(saved), *url) == 0
    page = house.reader.read(GrantProofPage, f"proofs/grants/{grant.grant_id.hex()}")
    keys = [Ed25519PrivateKey.generate() for _ in range(4)]
    operators = tuple(
        Operator(
            f"op{n}",
            PrivateKey.from_secret(60 + n).public,
            Validator(key.public_key().public_bytes_raw(), 1),
            f"{n:040x}",
            f"192.0.2.{n + 1}:26656",
        )
        for n, key in enumerate(keys)
    )
    network = Network(operators, house.key.public, 1_700_000_000)
    described, block = tmp_path / "network.toml", tmp_path / "block.json"
    described.write_text(format_network(network))
    offline = ["verify", str(saved), "--network", str(described), "--signed-block", str(block)]
    for app_hash, signers, status in (
        (page.app_hash, 3, 0),
        (page.app_hash, 2, 1),
        ("00" * 32, 4, 1),
    ):
        signed = sign_block(network, keys[:signers], bytes.fromhex(app_hash))
        block.write_text(json.dumps({"signed_block": base64.b64encode(signed).decode()}))
        capsys.readouterr()
        assert proof(*offline) == status
    assert proof("verify", str(saved), "--network", str(described)) == 2
    block.write_text("[]")
    assert proof(*offline) == 1


def sign_block(network: Network, keys: list[Ed25519PrivateKey], app_hash: bytes) -> bytes:
    """As CometBFT has it, by these; the other validators were absent."""
    deciding, octets = validators_hash(network.validators), bytes(32)
    header = CometHeader(
        *(11, 1, network.chain_id, 9, 1_700_000_001, BlockId(octets, 1, octets), octets, octets),
        *(deciding, deciding, octets, app_hash, octets, octets, octets[:20]),
    )
    vote = _canonical_precommit(header, 0, BlockId(header.hash, 1, octets), 1_700_000_002)
    signatures = {key.public_key().public_bytes_raw(): key.sign(vote) for key in keys}
    precommits = tuple(
        Precommit(COMMIT, 1_700_000_002, signatures[one.key])
        if one.key in signatures
        else Precommit(1, 0, b"")
        for one in in_order(network.validators)
    )
    return write_signed_block(SignedBlock(header, 0, 1, octets, precommits))


def test_what_does_not_hold_is_status_1_and_a_wrong_line_2(house, provider, buyer, tmp_path, capsys) -> None:
    with house.client(buyer) as client:
        grant = house.grant(client.submit(house.sign(purchase(provider), buyer)).grants[0])
    saved, url = tmp_path / "grant.proof", ["--ledger", house.reader.url]
    assert proof("fetch", grant.grant_id.hex(), "--out", str(saved), *url) == 0
    good, trusted = saved.read_bytes(), ["--key", str(house.key.public), "--ledger-id"]
    assert proof("verify", str(saved), *trusted, "00" * 32) == 1
    assert proof("verify", str(saved), "--app-hash", "00" * 32) == 1
    saved.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert proof("verify", str(saved), *trusted, house.ledger_id.hex(), "--json") == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["ok"] is False
    assert proof("fetch", "00" * 16, "--out", str(saved), *url) == 1
    assert proof("verify", str(tmp_path / "nothing"), *trusted, house.ledger_id.hex()) == 3
    for wrong in (
        ["fetch", "00" * 32, "--out", str(saved), *url],
        ["fetch", "00" * 16, "--consumer", str(buyer.public), "--out", str(saved), *url],
        ["fetch", "00", "--out", str(saved)],
        ["verify", str(saved)],
        ["verify", str(saved), *trusted, house.ledger_id.hex(), "--app-hash", "00" * 32],
        ["verify", str(saved), "--key", "00"],
        [],
    ):
        assert proof(*wrong) == 2
