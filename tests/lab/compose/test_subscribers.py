"""The subscribers of the compose labs: what the planner of rules and the UEs' own files say to them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.compose.subscribers import OPC, SLOT_1, SUBSCRIBERS, K, store_subscribers, subscriber_document
from lab.ran.subscriber_store import SubscriberStore
from ran_slicing.mongo import Mongo
from ran_slicing.subscriber import COLLECTION, SubscriberChange, WantedRule, plan_rule

FOLDER = Path(__file__).parents[3] / "lab/compose"
FILES = {
    "001010000000001": ["srsran/ue.conf", "ueransim/ue-slot.yaml"],
    "001010000000002": ["ueransim/ue-lobby.yaml"],
}


@pytest.mark.parametrize(("imsi", "file"), [(imsi, file) for imsi, files in FILES.items() for file in files])
def test_a_ue_of_these_labs_has_the_identity_and_keys_of_its_subscriber(imsi: str, file: str) -> None:
    text = (FOLDER / file).read_text().lower()
    assert imsi in SUBSCRIBERS
    assert re.search(rf"(supi: 'imsi-|imsi = ){imsi}\b", text)
    assert re.search(rf"\bk(ey)?( =|:) '?{K}\b", text)
    assert re.search(rf"\bopc? ?[=:] '?{OPC}\b", text)


def test_a_rule_for_a_sale_fits_into_the_slot_of_ue_1() -> None:
    document = subscriber_document("001010000000001", SUBSCRIBERS["001010000000001"])
    wanted = WantedRule("imsi-001010000000001", SLOT_1, "internet", 2)
    change = plan_rule(document, wanted)
    assert isinstance(change, SubscriberChange)
    assert "slice.1.session.0.pcc_rule" in str(change.update)


def test_a_store_holds_them_and_takes_them_twice(
    tmp_path: Path, go_program: Callable[[str], Path], run_async: Callable[[Any], Any]
) -> None:
    go_program("ferretdb")
    with SubscriberStore(tmp_path) as store:

        async def story() -> list[object]:
            await store_subscribers(store.address)
            await store_subscribers(store.address)
            mongo = Mongo(store.address)
            try:
                found = [await mongo.find_one(COLLECTION, {"imsi": imsi}) for imsi in SUBSCRIBERS]
                count = await mongo.run({"count": COLLECTION})
            finally:
                await mongo.close()
            return [*found, count["n"]]

        *found, count = run_async(story())
    assert count == len(SUBSCRIBERS)
    for document, (imsi, slices) in zip(found, SUBSCRIBERS.items(), strict=True):
        assert isinstance(document, dict)
        document.pop("_id")
        assert document == subscriber_document(imsi, slices)
