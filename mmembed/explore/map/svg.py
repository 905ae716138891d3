"""A drawn map as SVG: one file, which any browser shows; names stay text."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from mmembed.explore.map.drawing import Dots, Drawing, MapLabel, SmallPicture

BACKGROUND, INK = "#16181c", "#ffffff"


def svg_of(drawing: Drawing, pictures: Mapping[int, bytes], titles: Mapping[int, str]) -> str:
    """pictures: WebP files by item; the others are left out. titles: shown over a picture."""
    box = f"0 0 {drawing.width} {drawing.height}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">',
        f'<rect width="{drawing.width}" height="{drawing.height}" fill="{BACKGROUND}"/>',
        *(_dots(some, drawing.radius) for some in drawing.dots),
        *(
            _picture(one, pictures[one.item_id], titles.get(one.item_id, ""))
            for one in drawing.pictures
            if one.item_id in pictures
        ),
        *map(_label, drawing.labels),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _dots(dots: Dots, radius: float) -> str:
    path = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in dots.places.tolist())
    return (
        f'<path d="{path}" stroke="{dots.colour}" stroke-width="{2 * radius:g}" '
        'stroke-linecap="round" stroke-opacity=".8" fill="none"/>'
    )


def _picture(picture: SmallPicture, webp: bytes, title: str) -> str:
    left, top = picture.x - picture.side / 2, picture.y - picture.side / 2
    place = f'x="{left:.0f}" y="{top:.0f}" width="{picture.side}" height="{picture.side}"'
    data = base64.b64encode(webp).decode()
    return (
        f"<g><title>{escape(_printable(title))}</title>"
        f'<image {place} preserveAspectRatio="xMidYMid slice" '
        f"href={quoteattr(f'data:image/webp;base64,{data}')}/>"
        f'<rect {place} fill="none" stroke="{picture.colour}" stroke-width="3"/></g>'
    )


def _label(label: MapLabel) -> str:
    return (
        f'<text x="{label.x:.0f}" y="{label.y:.0f}" font-size="{label.size}" '
        f'font-family="sans-serif" font-weight="600" text-anchor="middle" '
        f'dominant-baseline="central" fill="{INK}" stroke="{BACKGROUND}" stroke-width="6" '
        f'paint-order="stroke">{escape(_printable(label.text))}</text>'
    )


def _printable(text: str) -> str:
    """Without control characters, which XML cannot hold: a file's name may have any."""
    return "".join(sign for sign in text if sign.isprintable())
