"""docs/wire shows the bytes that are sent: each picture, size, field and link is held against the code."""

from __future__ import annotations

import re
from pathlib import Path

import cbor2
import pytest

from nas_tunnel.anqp import (
    ANSWER_IDS,
    FIRST_ANSWER_ID,
    MAX_ELEMENT_BYTES,
    OFFER_IDS,
    OUI,
    read_air_offer,
    read_answers,
    read_beacon_element,
    read_query,
)
from nas_tunnel.carriage import CARRIAGES
from nas_tunnel.cb_data import EIGHT_BIT_DATA, GSM_7_BIT, MAX_CONTENT_BYTES, MAX_PAGES, text_settings
from nas_tunnel.cell_offer import read_beacon_name, read_cell_offer
from nas_tunnel.lobby import MAX_PURCHASE_BYTES, PORT, Refused, read_lobby
from tests.wire.byte_picture import FIELDS, draw, read_picture
from tests.wire.examples import MESSAGES, SIGNED
from tests.wire.make_vectors import BLOCK, refresh, shown, size_table
from wire.warning_id import AIRGRANT, OWN, PUBLIC_WARNING

PAGES = {
    path.name: path.read_text() for path in sorted((Path(__file__).parents[2] / "docs" / "wire").glob("*.md"))
}
PICTURES = {
    found[2]: found[0].split("```\n")[1].rstrip("\n")
    for text in PAGES.values()
    for found in BLOCK.finditer(text)
}
PAGE_OF = {
    **dict.fromkeys(
        ("create", "deposit", "withdraw", "transfer", "post_offer", "allocate"), "transaction.md"
    ),
    **dict.fromkeys(
        ("boot_record", "usage_report", "usage_report_short", "anchor_record"), "meter_record.md"
    ),
    **dict.fromkeys(("bid", "settling_offer", "session_bid", "session_offer"), "transaction.md"),
    **dict.fromkeys(("found_club", "spend_tokens"), "club_actions.md"),
    "offer_of_use": "offer.md",
    "grant_of_use": "grant.md",
    **dict.fromkeys(
        ("time_key", "sealed_bid", "auction_receipt", "auction_list", "generate_offer"), "auction.md"
    ),
    **dict.fromkeys(("session_auction", "outbid_receipt"), "auction.md"),
    **dict.fromkeys(("enrolment_request", "enrolment_answer", "enrolment_reply"), "enrolment.md"),
}


def test_every_message_has_its_picture() -> None:
    assert set(PICTURES) == set(shown())
    assert set(shown()) - set(MESSAGES) == {
        "lobby_announcement", "lobby_join", "anqp_offer", "anqp_purchase", "anqp_answers", "beacon_element",
        "cell_offer", "beacon_name", "pco_purchase", "eap_shop",
    }  # fmt: skip


@pytest.mark.parametrize("name", shown())
def test_the_picture_shows_the_vector(name: str) -> None:
    """After a change on purpose: python -m tests.wire.make_vectors."""
    assert read_picture(PICTURES[name]) == shown()[name]
    assert PICTURES[name] == draw(name, shown()[name])


@pytest.mark.parametrize("name", MESSAGES)
def test_the_bytes_in_the_page_are_read_as_the_example(name: str) -> None:
    data = read_picture(PICTURES[name])
    assert MESSAGES[name].read(data) == MESSAGES[name].example
    cbor2.loads(data)


@pytest.mark.parametrize("name", ["lobby_announcement", "lobby_join"])
def test_the_datagrams_in_the_page_are_read(name: str) -> None:
    assert type(read_lobby(read_picture(PICTURES[name]))).__name__.lower() == name.removeprefix("lobby_")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_what_the_script_makes_of_it(page: str) -> None:
    assert refresh(PAGES[page]) == PAGES[page]


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in {"withdraw", "transfer"}])
def test_every_field_stands_in_its_pages_table(name: str) -> None:
    text = PAGES[PAGE_OF.get(name, f"{name}.md")]
    for label, title in FIELDS[name].items():
        assert f"| {label} | `{re.split(r'[ :]', title)[0]}` |" in text


def test_sizes() -> None:
    assert size_table() in PAGES["README.md"]


@pytest.mark.parametrize("name", SIGNED)
def test_every_purpose_stands_in_the_table(name: str) -> None:
    purpose = MESSAGES[name].external.split(b"/")
    assert f"`{purpose[0].decode()}/{purpose[1].decode()}" in PAGES["README.md"]


def test_what_is_sent_over_the_air_is_read() -> None:
    offer = read_air_offer(read_picture(PICTURES["anqp_offer"]))
    assert (offer.offer, offer.network) == (MESSAGES["offer"].golden, MESSAGES["network"].golden)
    query = read_query(read_picture(PICTURES["anqp_purchase"]))
    assert (query.ids, query.purchase) == (OFFER_IDS, MESSAGES["allocate"].golden)
    (refused,) = read_answers(read_picture(PICTURES["anqp_answers"]))
    assert isinstance(refused, Refused)
    assert read_beacon_element(read_picture(PICTURES["beacon_element"])).floor_down_kbps == 5_000


def test_what_a_cell_broadcasts_is_read() -> None:
    cell = read_cell_offer(read_picture(PICTURES["cell_offer"]))
    assert cell.offer == MESSAGES["offer"].golden
    beacon = read_beacon_name(read_picture(PICTURES["beacon_name"]))
    assert beacon == read_beacon_element(read_picture(PICTURES["beacon_element"]))


def test_the_carriages_stand_in_their_page() -> None:
    page = PAGES["cellular-broadcast.md"]
    for row in CARRIAGES.values():
        line = f"| {row.name} | {row.form.value} | {row.segment_bytes} | {row.segments} | {row.source} |"
        assert line in page
    page = " ".join(page.split())
    assert f"{PUBLIC_WARNING[0]} to {PUBLIC_WARNING[-1]}" in page
    assert f"{OWN[0]} to {OWN[-1]} ({OWN[0]:X} to {OWN[-1]:X} hex)" in page
    assert f"The default is {AIRGRANT} ({AIRGRANT:X} hex)" in page
    assert f"{EIGHT_BIT_DATA:02X} hex, eight-bit data" in page
    assert f"{GSM_7_BIT:02X} hex, GSM 7 bit" in page
    told = text_settings(read_picture(PICTURES["cell_offer"]))
    assert f"serial_num: {told['serial_num']}, data_coding_scheme: {told['data_coding_scheme']}" in page
    assert f'warning_message: "{str(told["warning_message"])[:6]}..."' in page
    assert f"At most {MAX_CONTENT_BYTES:,} bytes are carried, which is {MAX_PAGES} pages" in page


def test_the_numbers_of_the_air_stand_in_its_page() -> None:
    page = PAGES["anqp.md"]
    assert f"{FIRST_ANSWER_ID} to {FIRST_ANSWER_ID + ANSWER_IDS - 1}" in page
    assert f"{FIRST_ANSWER_ID} + (the first 8 octets of its id, big endian) mod {ANSWER_IDS}" in page
    assert f"At most {MAX_ELEMENT_BYTES:,} bytes" in page
    assert OUI.hex("-") in page
    assert f"at most {MAX_PURCHASE_BYTES:,} bytes" in page


def test_links_lead_somewhere() -> None:
    for page, text in PAGES.items():
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            assert target in PAGES, f"{page} links to {target}"


def test_the_lobby_is_where_the_page_says() -> None:
    assert f"port {PORT}" in PAGES["lobby.md"]
