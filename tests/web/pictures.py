"""A small collection to look at: drawn hills and suns, or a folder of photographs."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from pathlib import Path

from PIL import Image, ImageDraw, UnidentifiedImageError

from tests.web.uploads import Upload

Colour = tuple[int, int, int]

HILLS: dict[str, Colour] = {
    "red": (196, 62, 48),
    "green": (72, 132, 74),
    "blue": (48, 88, 170),
    "golden": (222, 168, 60),
    "violet": (120, 78, 160),
    "white": (236, 238, 240),
}
SKIES: dict[str, Colour] = {
    "a pale sky": (214, 226, 236),
    "an evening sky": (240, 176, 140),
    "a night sky": (24, 28, 56),
}
SHAPES = [(480, 320), (320, 480), (400, 400), (640, 300)]
HOSTILE = '<img src="x" onerror="window.hacked=1"> a hill & a <b>trap</b>'
HOSTILE_NAME = "<img src=x onerror=window.hacked=2>.jpg"


@dataclass(frozen=True)
class Row:
    """An item as the catalog would hold it, with what it takes to draw it."""

    id: int
    kind: str
    path: str
    captions: tuple[str, ...]
    size: tuple[int, int]
    colours: tuple[Colour, Colour] = ((0, 0, 0), (0, 0, 0))
    image_id: int | None = None
    file: Path | None = None

    def brief(self) -> dict[str, object]:
        shown = self.image_id or self.id
        return {
            "id": self.id,
            "kind": self.kind,
            "path": self.path,
            "caption": self.captions[0],
            "tags": ["hill", "<i>drawn</i>"] if self.file is None else [],
            "width": self.size[0] or None,
            "height": self.size[1] or None,
            "bytes": 48_211,
            "format": "JPEG",
            "image_id": self.image_id,
            "links": {
                "thumbnail": f"/v1/items/{shown}/thumbnail",
                "preview": f"/v1/items/{shown}/thumbnail?size=1280",
                "image": f"/v1/items/{shown}/image",
                "self": f"/v1/items/{self.id}",
            },
        }

    def full(self) -> dict[str, object]:
        more = {"captions": list(self.captions), "meta": {"author": "nobody"}}
        where = {"latitude": 52.5043056, "longitude": -13.3666667}
        taken = {"date": "2019-05-03T10:11:12+05:30", "lens": "50mm f/1.8", "location": where}
        taken["camera"] = "Nikon D90"
        return {**self.brief(), **more, **taken, "modified": "2023-11-14T22:13:20+00:00"}

    def data(self) -> bytes:
        return self.file.read_bytes() if self.file else drawn(self.size, self.colours)

    def upload(self) -> Upload:
        return Upload(Path(self.path).name, self.data())


@dataclass
class Collection:
    rows: list[Row] = field(default_factory=list)

    def by_id(self, number: int) -> Row:
        return {row.id: row for row in self.rows}[number]

    def likeness(self, term: dict[str, object], row: Row) -> float:
        """0 to 1: shared words for a text, nearness of the mean colour for a picture."""
        if "text" in term:
            wanted = set(str(term["text"]).lower().split())
            return len(wanted & _words(row)) / max(1, len(wanted))
        if row.kind == "caption":
            return 0.0
        if "item" in term:
            return _nearness(self.by_id(int(str(term["item"]))).data(), row.data())
        return _nearness(base64.b64decode(str(term["image"]).partition(",")[2]), row.data())

    def label(self, upload: Upload, labels: list[str]) -> dict[str, object]:
        """Probabilities by how near the picture's mean colour is to a colour's name."""
        try:
            mean = mean_colour(upload.data)
        except UnidentifiedImageError:
            message = f"{upload.name}: not an image that can be read"
            return {"error": {"message": message, "type": "image_error", "param": None, "code": ""}}
        near = [
            math.exp(-math.dist(mean, HILLS.get(label, (128, 128, 128))) / 40) for label in labels
        ]
        shares = [(value / sum(near), label) for value, label in zip(near, labels, strict=True)]
        return {
            "labels": [
                {"label": label, "probability": share, "score": 0.2 + share / 10}
                for share, label in sorted(shares, reverse=True)
            ]
        }


def _words(row: Row) -> set[str]:
    return {word.strip(".,") for word in " ".join(row.captions).lower().split()}


def _nearness(one: bytes, other: bytes) -> float:
    return 1 - math.dist(mean_colour(one), mean_colour(other)) / 442


@lru_cache(maxsize=1024)
def mean_colour(data: bytes) -> Colour:
    with Image.open(io.BytesIO(data)) as image:
        pixel = image.convert("RGB").resize((1, 1)).getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return pixel[0], pixel[1], pixel[2]


@lru_cache(maxsize=256)
def drawn(size: tuple[int, int], colours: tuple[Colour, Colour]) -> bytes:
    """A hill under a sky, as JPEG."""
    (width, height), (hill, sky) = size, colours
    image = Image.new("RGB", size, sky)
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.62, height * 0.14, width * 0.62 + 54, height * 0.14 + 54), "#fff6dc")
    draw.ellipse((-width * 0.3, height * 0.42, width * 0.9, height * 1.9), hill)
    shade = tuple(value * 3 // 4 for value in hill)
    draw.ellipse((width * 0.35, height * 0.6, width * 1.5, height * 1.9), shade)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def drawn_collection() -> Collection:
    """72 hills of every colour, shape and sky with a caption each; two of them hostile."""
    rows: list[Row] = []
    for hill, sky, size in product(HILLS, SKIES, SHAPES):
        number = len(rows) + 1
        caption, path = f"a {hill} hill under {sky}", f"/pictures/hills/{hill}-{number}.jpg"
        if number == 2:
            caption = HOSTILE
        if number == 3:
            path = f"/pictures/{HOSTILE_NAME}"
        colours = (HILLS[hill], SKIES[sky])
        rows.append(Row(number, "image", path, (caption, f"{hill} hill"), size, colours))
    return Collection(rows + [_caption_of(row, len(rows)) for row in rows])


def _caption_of(row: Row, offset: int) -> Row:
    return Row(row.id + offset, "caption", row.path, row.captions[:1], (0, 0), image_id=row.id)


def photo_collection(folder: Path) -> Collection:
    """The pictures of a folder that have captions: in captions.jsonl, or in texts beside them."""
    rows: list[Row] = []
    for file, captions in _captioned(folder):
        with Image.open(file) as image:
            size = image.size
        rows.append(Row(len(rows) + 1, "image", str(file), captions, size, file=file))
    return Collection(rows + [_caption_of(row, len(rows)) for row in rows])


def _captioned(folder: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    manifest = folder / "captions.jsonl"
    if manifest.is_file():
        for line in manifest.read_text("utf-8").splitlines():
            told = json.loads(line)
            yield folder / told["file_name"], tuple(told["captions"])
        return
    for file in sorted(folder.iterdir()):
        text = file.with_suffix(".txt")
        if file != text and text.is_file():
            yield file, tuple(text.read_text("utf-8").splitlines())
