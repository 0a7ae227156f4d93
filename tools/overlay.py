"""The layout drawn over its picture: numbered boxes, mask outlines and a legend."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter, ImageFont, ImageOps

from eligen.tools.imagefiles import open_image
from eligen.tools.layout import Box, Layout
from eligen.tools.masks import union

SHORTEST_SIDE = 512
PALETTE = ("#e6194b", "#0082c8", "#ffe119", "#3cb44b", "#f58231", "#911eb4", "#46f0f0", "#f032e6", "#d2f53c", "#008080")
TINT = 0.3
LINE = 3
TEXT = 18

Colour = tuple[int, int, int]
Spot = tuple[int, int, int, int]


def draw_layout(image: Image.Image, layout: Layout) -> Image.Image:
    """Return a larger RGB copy of the picture with every entity's box (and mask) drawn and a legend below.

    Style images and entities' references are shown beneath, what is one entity's in a frame of its colour. Masks and
    they are paths of files. Raises UserError when one cannot be read.
    """
    factor = max(1, -(-SHORTEST_SIDE // min(image.size)))
    picture = image.convert("RGB").resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC)
    colours = [_colour(index) for index in range(len(layout.entities))]
    for entity, colour in zip(layout.entities, colours, strict=True):
        if entity.mask is not None:
            _draw_mask(picture, Path(entity.mask), colour)
    for entity, colour in zip(layout.entities, colours, strict=True):
        _draw_box(picture, entity.box, colour)
    taken: list[Spot] = []
    for index in sorted(range(len(colours)), key=lambda index: layout.entities[index].box.area):
        taken.append(_draw_badge(picture, str(index + 1), layout.entities[index].box, colours[index], taken))
    sheet = _stacked(picture, _legend(picture.width, layout, colours))
    frames = {entity.id: colour for entity, colour in zip(layout.entities, colours, strict=True)}
    styles = [(style.image, frames.get(style.entity or "")) for style in layout.style_images]
    alike = [(one.reference, colour) for one, colour in zip(layout.entities, colours, strict=True) if one.reference]
    for title, shown in (("style", styles), ("like", alike)):
        sheet = _stacked(sheet, _references(picture.width, title, shown)) if shown else sheet
    return sheet


def _colour(index: int) -> Colour:
    if index < len(PALETTE):
        red, green, blue = ImageColor.getrgb(PALETTE[index])[:3]
        return red, green, blue
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(index * 0.618 % 1, 0.75, 0.95))
    return red, green, blue


def _ink(colour: Colour) -> str:
    red, green, blue = colour
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"


def _draw_mask(picture: Image.Image, path: Path, colour: Colour) -> None:
    mask = union([open_image(path)], picture.height, picture.width).convert("L")
    rim = ImageChops.subtract(mask.filter(ImageFilter.MaxFilter(2 * LINE + 1)), mask)
    picture.paste(colour, mask=mask.point(lambda value: value * TINT))
    picture.paste(colour, mask=rim)


def _draw_box(picture: Image.Image, box: Box, colour: Colour) -> None:
    x0, y0, x1, y1 = box.pixels(*picture.size)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=_ink(colour), width=LINE + 2)
    draw.rectangle((x0 + 1, y0 + 1, max(x1 - 2, x0 + 1), max(y1 - 2, y0 + 1)), outline=colour, width=LINE)


def _draw_badge(picture: Image.Image, text: str, box: Box, colour: Colour, taken: list[Spot]) -> Spot:
    font = ImageFont.load_default(TEXT + 4)
    side = 30
    spots = list(_corners(box.pixels(*picture.size), side, picture.size))
    spot = next((spot for spot in spots if not any(_overlap(spot, other) for other in taken)), spots[0])
    draw = ImageDraw.Draw(picture)
    draw.rectangle((spot[0], spot[1], spot[2] - 1, spot[3] - 1), fill=colour, outline=_ink(colour), width=1)
    draw.text(((spot[0] + spot[2]) / 2, (spot[1] + spot[3]) / 2), text, fill=_ink(colour), font=font, anchor="mm")
    return spot


def _corners(box: Spot, side: int, size: tuple[int, int]) -> Iterator[Spot]:
    for x in (box[0], box[2] - side, (box[0] + box[2] - side) // 2):
        for y in (box[1], box[3] - side, (box[1] + box[3] - side) // 2):
            left, top = min(max(x, 0), size[0] - side), min(max(y, 0), size[1] - side)
            yield left, top, left + side, top + side


def _overlap(one: Spot, other: Spot) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _legend(width: int, layout: Layout, colours: list[Colour]) -> Image.Image:
    font, step, margin = ImageFont.load_default(TEXT), TEXT + 8, 10
    columns = int((width - 2 * margin - 2 * TEXT) / font.getlength("n"))
    rows: list[tuple[str, Colour | None]] = [(line, None) for line in _lines(layout.prompt, columns)]
    for number, (entity, colour) in enumerate(zip(layout.entities, colours, strict=True), start=1):
        first, *rest = _lines(f"{number}  {entity.prompt}", columns)
        rows += [(first, colour), *((line, None) for line in rest)]
    legend = Image.new("RGB", (width, len(rows) * step + 2 * margin), "white")
    draw = ImageDraw.Draw(legend)
    for row, (text, swatch) in enumerate(rows):
        y = margin + row * step
        if swatch is not None:
            draw.rectangle((margin, y + 2, margin + TEXT, y + 2 + TEXT), fill=swatch, outline="black")
        draw.text((margin + 1.6 * TEXT, y), text, fill="black", font=font)
    return legend


def _references(width: int, title: str, shown: Sequence[tuple[str, Colour | None]]) -> Image.Image:
    """Return a strip of reference pictures, small, some in a frame."""
    font, side, margin = ImageFont.load_default(TEXT), 3 * TEXT, 10
    strip = Image.new("RGB", (width, side + 2 * margin), "white")
    draw = ImageDraw.Draw(strip)
    draw.text((margin, margin + side / 2), title, fill="black", font=font, anchor="lm")
    for number, (path, frame) in enumerate(shown):
        left = 5 * TEXT + number * (side + margin)
        thumbnail = ImageOps.fit(open_image(Path(path)).convert("RGB"), (side, side), Image.Resampling.LANCZOS)
        strip.paste(thumbnail, (left, margin))
        if frame is not None:
            rim = (left - LINE, margin - LINE, left + side + LINE - 1, margin + side + LINE - 1)
            draw.rectangle(rim, outline=frame, width=LINE)
    return strip


def _lines(text: str, columns: int) -> list[str]:
    return wrap(text, columns, max_lines=2, placeholder=" …") or [""]


def _stacked(top: Image.Image, bottom: Image.Image) -> Image.Image:
    sheet = Image.new("RGB", (top.width, top.height + bottom.height))
    sheet.paste(top, (0, 0))
    sheet.paste(bottom, (0, top.height))
    return sheet
