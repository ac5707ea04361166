"""What is taken out of an outer list, whichever protocol it is of."""

from __future__ import annotations

import pytest

from nas_tunnel.aper import Kind, Pdu
from nas_tunnel.ngap import IDS as NGAP
from nas_tunnel.s1ap import IDS as S1AP
from nas_tunnel.signalling import CarriedNas, CarriedWarning, ElementIds, find_carried
from wire.errors import DecodeError

EITHER = pytest.mark.parametrize("ids", [NGAP, S1AP], ids=lambda ids: ids.protocol)


def pdu(ids: ElementIds, *elements: tuple[int, str], procedure: int | None = None) -> Pdu:
    listed = tuple((number, bytes.fromhex(contents)) for number, contents in elements)
    return Pdu(Kind.INITIATING, ids.write_warning if procedure is None else procedure, listed)


@EITHER
def test_nas_with_and_without_names_of_the_ue(ids: ElementIds) -> None:
    nas = (ids.nas, "02abcd")
    assert find_carried(pdu(ids, nas), ids) == CarriedNas(None, None, b"\xab\xcd")
    named = pdu(ids, (ids.core_ue, "0007"), (ids.ran_ue, "0009"), nas)
    assert find_carried(named, ids) == CarriedNas(9, 7, b"\xab\xcd")


@EITHER
def test_a_warning_is_whole_or_none(ids: ElementIds) -> None:
    elements = [
        (ids.message_identifier, "a247"),
        (ids.serial_number, "c001"),
        (ids.warning_contents, "00000f"),
    ]
    assert find_carried(pdu(ids, *elements), ids) == CarriedWarning(0xA247, 0xC001, None, b"\x0f")
    scheme = (ids.data_coding_scheme, "44")
    assert find_carried(pdu(ids, *elements, scheme), ids) == CarriedWarning(0xA247, 0xC001, 0x44, b"\x0f")
    for missing in range(3):
        assert find_carried(pdu(ids, *elements[:missing], *elements[missing + 1 :]), ids) is None
    assert find_carried(pdu(ids, *elements, procedure=0), ids) is None


@EITHER
def test_what_is_malformed_says_which(ids: ElementIds) -> None:
    with pytest.raises(DecodeError, match=f"{ids.protocol} NAS-PDU: octet string of 2 bytes"):
        find_carried(pdu(ids, (ids.nas, "02ab")), ids)
    with pytest.raises(DecodeError, match=f"{ids.protocol} id of a UE: 1f is no length"):
        find_carried(pdu(ids, (ids.nas, "00"), (ids.ran_ue, "1f07")), ids)
