"""The subscribers of the compose labs, as Open5GS stores them.

Out: documents, and a store that holds them. The keys are the ones that the UEs of these labs have in their files; they
are printed in every tutorial and keep nothing secret. UE 1 may use the lobby and both slots, UE 2 only the lobby.
Reference: Open5GS webui/server/models/subscriber.js, lib/dbi/subscription.c.   Units: Mbit/s where it says 2.
"""

from collections.abc import Iterable, Mapping, Sequence

from ran_slicing.bson import Document, Int64
from ran_slicing.mongo import Mongo
from ran_slicing.snssai import Snssai, format_sd
from ran_slicing.store_address import StoreAddress
from ran_slicing.subscriber import COLLECTION
from wire.errors import ShellError

K = "00112233445566778899aabbccddeeff"
OPC = "63bfa50ee6523365ff14c1f45f88737d"
LOBBY, SLOT_1, SLOT_2 = Snssai(1, 0xFF), Snssai(1, 1), Snssai(1, 2)
"""Each with a differentiator: Open5GS takes a slice without one for any slice of the same type."""
SUBSCRIBERS = {
    "001010000000001": (LOBBY, SLOT_1, SLOT_2),
    "001010000000002": (LOBBY,),
}
ONE_SLICE = dict.fromkeys(SUBSCRIBERS, (LOBBY,))
"""As apd wants them: each in the lobby until it buys."""
_MBPS = 2
"""Open5GS's unit: 0 bit/s, 1 kbit/s, 2 Mbit/s, 3 Gbit/s, 4 Tbit/s."""
_IPV4 = 1


def subscriber_document(imsi: str, slices: Iterable[Snssai]) -> Document:
    """A subscriber who may use these slices, each with one session `internet` of 5QI 9."""
    return {
        "schema_version": 1,
        "imsi": imsi,
        "msisdn": [],
        "imeisv": [],
        "security": {"k": K, "op": None, "opc": OPC, "amf": "8000", "sqn": Int64(64)},
        "ambr": _ambr(1_000),
        "slice": [_slice(snssai) for snssai in slices],
        "access_restriction_data": 32,
        "subscriber_status": 0,
        "operator_determined_barring": 0,
        "network_access_mode": 0,
        "subscribed_rau_tau_timer": 12,
    }


def _slice(snssai: Snssai) -> Document:
    named: Document = {"sst": snssai.sst, "default_indicator": True, "session": [_session()]}
    return named if snssai.sd is None else {**named, "sd": format_sd(snssai.sd)}


def _session() -> Document:
    arp: Document = {"priority_level": 8, "pre_emption_capability": 1, "pre_emption_vulnerability": 2}
    return {
        "name": "internet",
        "type": _IPV4,
        "qos": {"index": 9, "arp": arp},
        "ambr": _ambr(1_000),
        "pcc_rule": [],
    }


def _ambr(rate_mbps: int) -> Document:
    return {
        "downlink": {"value": rate_mbps, "unit": _MBPS},
        "uplink": {"value": rate_mbps, "unit": _MBPS},
    }


async def store_subscribers(
    address: StoreAddress, subscribers: Mapping[str, Sequence[Snssai]] = SUBSCRIBERS
) -> None:
    """Put them into the store; who is there already is as new. Raises ShellError."""
    store = Mongo(address)
    try:
        for imsi, slices in subscribers.items():
            change: Document = {"q": {"imsi": imsi}, "u": subscriber_document(imsi, slices), "upsert": True}
            reply = await store.run({"update": COLLECTION, "updates": [change]})
            if reply.get("n") != 1:
                raise ShellError("subscribers", f"the store did not take {imsi}: {reply}")
    finally:
        await store.close()
