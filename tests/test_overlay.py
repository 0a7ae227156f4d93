"""The overlay is large enough to read and shows every box, mask and number."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from eligen.tools.layout import Box, Entity, Layout
from eligen.tools.overlay import PALETTE, SHORTEST_SIDE, draw_layout

GREY = Image.new("RGB", (128, 128), "grey")
CAT = Entity(prompt="a cat", box=Box(x0=0.25, y0=0.25, x1=0.75, y1=0.75))


def colours_in(image: Image.Image, box: tuple[int, int, int, int]) -> set[tuple[int, int, int]]:
    """Return the colours of a part of an RGB image."""
    return {colour for _, colour in image.crop(box).getcolors(2**24) or []}  # type: ignore[misc]


@pytest.mark.parametrize("size", [(128, 128), (256, 128), (128, 256), (64, 2048), (1024, 1024)])
def test_the_picture_is_enlarged_until_it_can_be_read(size: tuple[int, int]):
    sheet = draw_layout(Image.new("RGB", size), Layout(prompt="a cat", entities=(CAT,)))
    assert sheet.width >= SHORTEST_SIDE
    assert sheet.width % size[0] == 0
    assert sheet.height > size[1] * sheet.width // size[0]


def test_boxes_are_drawn_where_they_lie_and_the_rest_stays():
    sheet = draw_layout(GREY, Layout(prompt="a cat", entities=(CAT,)))
    red = tuple(int(PALETTE[0][i : i + 2], 16) for i in (1, 3, 5))
    assert sheet.getpixel((130, 256)) == red
    assert sheet.getpixel((256, 381)) == red
    assert colours_in(sheet, (0, 0, 512, 127)) == {(128, 128, 128)}
    assert colours_in(sheet, (180, 180, 370, 370)) == {(128, 128, 128)}


def test_masks_are_tinted_inside_and_rimmed(tmp_path: Path):
    mask = Image.new("L", (32, 32))
    ImageDraw.Draw(mask).rectangle((12, 12, 19, 19), fill=255)
    mask.save(tmp_path / "mask.png")
    entity = CAT.model_copy(update={"mask": str(tmp_path / "mask.png")})
    sheet = draw_layout(GREY, Layout(prompt="a cat", entities=(entity,)))
    red = tuple(int(PALETTE[0][i : i + 2], 16) for i in (1, 3, 5))
    (inside,) = colours_in(sheet, (200, 200, 300, 300))
    assert inside[0] > 128 > inside[1]
    assert sheet.getpixel((190, 256)) == red
    assert sheet.getpixel((180, 256)) == (128, 128, 128)


def test_many_entities_of_one_place_keep_their_numbers_apart():
    layout = Layout(prompt="six cats", entities=(CAT,) * 6)
    shown = colours_in(draw_layout(GREY, layout), (128, 128, 384, 384))
    assert {tuple(int(text[i : i + 2], 16) for i in (1, 3, 5)) for text in PALETTE[:6]} <= shown


def test_more_entities_than_colours_and_no_entity_at_all():
    layout = Layout(prompt="many " * 500, entities=(CAT,) * 30)
    assert draw_layout(GREY, layout).height > draw_layout(GREY, Layout(prompt="nothing")).height > 512


def test_an_entity_s_reference_is_shown_in_its_colour(tmp_path: Path):
    Image.new("RGB", (80, 20), (1, 2, 3)).save(tmp_path / "logo.png")
    like_it = CAT.model_copy(update={"reference": str(tmp_path / "logo.png")})
    bare, shown = (draw_layout(GREY, Layout(prompt="a cat", entities=(entity,))) for entity in (CAT, like_it))
    assert shown.height > bare.height
    strip = colours_in(shown, (0, bare.height, shown.width, shown.height))
    assert (1, 2, 3) in strip
    assert tuple(int(PALETTE[0][i : i + 2], 16) for i in (1, 3, 5)) in strip
