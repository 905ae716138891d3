"""Drawn maps"""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from mmembed.explore.clusters.naming import Name
from mmembed.explore.map.drawing import SIDE, drawing_of
from mmembed.explore.map.picture_map import PictureMap
from mmembed.explore.map.svg import BACKGROUND, INK, svg_of
from mmembed.media.map_painting import Painting, paint, square_picture
from tests.explore.map import maps
from tests.explore.vectors import grouped


def named_map() -> PictureMap:
    known = maps.map_of(grouped([60, 50, 40, 30]), 2, 4)
    names = iter(["dog <&", "cat", "a very long name of a cluster", "x\x1b", "e", "f"])
    levels = tuple(
        tuple(replace(one, name=Name(next(names), (), 0.5)) for one in level)
        for level in known.levels
    )
    return replace(known, levels=levels)


def webp() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(buffer, "WEBP")
    return buffer.getvalue()


def test_every_picture_is_a_dot_and_nothing_overlaps() -> None:
    drawing = drawing_of(named_map())
    assert sum(len(dots.places) for dots in drawing.dots) == 180
    assert max(drawing.width, drawing.height) == SIDE
    room = [drawing.width, drawing.height]
    assert all(((dots.places >= 0) & (dots.places <= room)).all() for dots in drawing.dots)
    assert drawing.labels
    boxes = [
        (one.x - one.side / 2, one.y - one.side / 2, one.x + one.side / 2, one.y + one.side / 2)
        for one in drawing.pictures
    ]
    assert boxes
    for first, second in combinations(boxes, 2):
        apart_x = first[2] <= second[0] or second[2] <= first[0]
        assert apart_x or first[3] <= second[1] or second[3] <= first[1]


def test_svg_is_sound_and_whole() -> None:
    drawing = drawing_of(named_map())
    pictures = {one.item_id: square_picture(webp(), one.side) for one in drawing.pictures}
    text = svg_of(drawing, pictures, dict.fromkeys(pictures, "/p/<a>&\x1b.jpg"))
    root = ET.fromstring(text)
    names = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert set(names) <= {"a very long name of a cluster", "x", "e", "f"}
    images = list(root.iter("{http://www.w3.org/2000/svg}image"))
    assert len(images) == len(pictures)
    assert all((one.get("href") or "").startswith("data:image/webp;base64,") for one in images)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.slow
def test_png_shows_dots_pictures_and_names() -> None:
    drawing = drawing_of(named_map())
    content = paint(
        Painting(drawing.width, drawing.height, BACKGROUND, INK),
        [(dots.colour, dots.places) for dots in drawing.dots],
        drawing.radius,
        [(one.x, one.y, one.side, one.colour, webp()) for one in drawing.pictures],
        [(one.x, one.y, one.size, one.text) for one in drawing.labels],
    )
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (drawing.width, drawing.height)
        pixels = np.asarray(image.convert("RGB"))
    first = drawing.pictures[0]
    red = pixels[round(first.y), round(first.x)].astype(int)
    assert red[0] > 200 > 60 > red[1]
    white = (pixels == 255).all(axis=2).sum()
    assert white > 500  # the names
