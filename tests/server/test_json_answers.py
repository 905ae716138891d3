"""Items as clients see them."""

from __future__ import annotations

from dataclasses import replace

from mmembed.server.answer_shapes import ItemAnswer
from mmembed.server.json_answers import item_with_links
from mmembed.types import Item

PLAIN = Item(id=1, kind="image", sha256="ab" * 32, date="2024-05-01T08:00:00", added=1_717_000_000)
TAKEN = replace(
    PLAIN,
    taken="2019-05-03T10:11:12.250",
    taken_offset=-210,
    date="2019-05-03T10:11:12",
    lens="50mm",
)


def test_a_picture_without_facts_has_the_date_of_its_file() -> None:
    written = item_with_links(PLAIN)
    assert written["date"] == "2024-05-01T08:00:00"
    assert written["added"] == "2024-05-29T16:26:40+00:00"
    assert (written["lens"], written["location"], written["meta"]) == (None, None, None)


def test_a_date_has_its_offset_where_the_file_says_it() -> None:
    assert item_with_links(TAKEN)["date"] == "2019-05-03T10:11:12.250-03:30"
    assert (
        item_with_links(replace(TAKEN, taken_offset=0))["date"] == "2019-05-03T10:11:12.250+00:00"
    )
    assert item_with_links(replace(TAKEN, taken_offset=None))["date"] == "2019-05-03T10:11:12.250"


def test_a_place_is_both_of_its_coordinates() -> None:
    placed = replace(TAKEN, latitude=0.0, longitude=-13.5)
    assert item_with_links(placed)["location"] == {"latitude": 0.0, "longitude": -13.5}
    assert item_with_links(replace(placed, longitude=None))["location"] is None


def test_every_answer_has_the_fields_that_its_shape_names() -> None:
    assert set(item_with_links(TAKEN)) == set(ItemAnswer.model_fields)


def test_a_time_that_no_calendar_holds_is_left_out() -> None:
    assert item_with_links(replace(PLAIN, added=2**62))["added"] is None
