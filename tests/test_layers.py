"""Pictures taken apart: layers that are the picture again when laid over each other, and files that open again."""

from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from eligen.assistant.cutouts import HALO, Finder, Layer, cut_out, taken_apart
from eligen.assistant.layers import open_raster
from eligen.tools.layout import Box, Entity
from eligen.tools.profiles import get_profile

SIZE = (96, 64)
SUN = Entity(id="sun-1", prompt="a yellow sun", box=Box(x0=0.1, y0=0.1, x1=0.5, y1=0.7))
ROOF = Entity(id="roof-1", prompt="a roof <red & steep>", box=Box(x0=0.3, y0=0.4, x1=0.9, y1=0.9))
SPOTS = {"sun-1": (12, 8, 47, 43), "roof-1": (30, 27, 85, 56)}


@pytest.fixture
def picture() -> Image.Image:
    image = Image.new("RGB", SIZE, "#336699")
    draw = ImageDraw.Draw(image)
    draw.ellipse(SPOTS["sun-1"], fill="yellow")
    draw.rectangle(SPOTS["roof-1"], fill="red")
    return image


@pytest.fixture
def shapes() -> dict[str, np.ndarray]:
    masks = {}
    for name, draw_shape in (("sun-1", "ellipse"), ("roof-1", "rectangle")):
        mask = Image.new("L", SIZE)
        getattr(ImageDraw.Draw(mask), draw_shape)(SPOTS[name], fill=255)
        masks[name] = np.asarray(mask) > 0
    return masks


def merged(layers: list[Layer]) -> Image.Image:
    whole = Image.new("RGBA", layers[0].image.size)
    for layer in layers:
        whole.alpha_composite(layer.image, (layer.x, layer.y))
    return whole


def test_the_layers_are_the_picture_again(picture: Image.Image, shapes: dict[str, np.ndarray]):
    layers = taken_apart(picture, [SUN, ROOF], shapes)
    assert [layer.name for layer in layers] == ["background", "a yellow sun", "a roof <red & steep>"]
    assert ImageChops.difference(merged(layers).convert("RGB"), picture).getbbox() is None
    assert merged(layers).getchannel("A").getextrema() == (255, 255)


def test_what_is_hidden_is_not_in_the_layer_behind(picture: Image.Image, shapes: dict[str, np.ndarray]):
    _, sun, roof = taken_apart(picture, [SUN, ROOF], shapes)
    assert {pixel for _, pixel in roof.image.getcolors() if pixel[3]} >= {(255, 0, 0, 255)}
    assert (255, 0, 0, 255) not in {pixel for _, pixel in sun.image.getcolors()}
    assert (roof.x, roof.y) == (SPOTS["roof-1"][0] - HALO, SPOTS["roof-1"][1] - HALO)


def test_nothing_of_the_things_stays_in_the_background(picture: Image.Image, shapes: dict[str, np.ndarray]):
    background = taken_apart(picture, [SUN, ROOF], shapes)[0]
    assert background.image.convert("RGB").getextrema() == ((0x33, 0x33), (0x66, 0x66), (0x99, 0x99))


def test_an_empty_shape_is_no_layer(picture: Image.Image, shapes: dict[str, np.ndarray]):
    shapes["sun-1"] = np.zeros_like(shapes["sun-1"])
    assert cut_out(picture, shapes["sun-1"], "sun") is None
    assert [layer.name for layer in taken_apart(picture, [SUN, ROOF], shapes)] == ["background", "a roof <red & steep>"]


def test_an_open_raster_file_opens_again(picture: Image.Image, shapes: dict[str, np.ndarray]):
    layers = taken_apart(picture, [SUN, ROOF], shapes)
    with zipfile.ZipFile(io.BytesIO(open_raster(layers))) as file:
        first = file.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert file.read("mimetype") == b"image/openraster"
        root = ElementTree.fromstring(file.read("stack.xml"))
        assert (root.get("w"), root.get("h")) == ("96", "64")
        listed = root.findall("stack/layer")
        assert [one.get("name") for one in listed] == [layer.name for layer in reversed(layers)]
        again = [
            Layer(one.get("name"), opened(file, one.get("src")), int(one.get("x")), int(one.get("y")))
            for one in reversed(listed)
        ]
        assert ImageChops.difference(merged(again).convert("RGB"), picture).getbbox() is None
        assert ImageChops.difference(opened(file, "mergedimage.png").convert("RGB"), picture).getbbox() is None
        assert max(opened(file, "Thumbnails/thumbnail.png").size) <= 256


def opened(file: zipfile.ZipFile, name: str | None) -> Image.Image:
    image = Image.open(io.BytesIO(file.read(name or "")))
    image.load()
    return image


def test_a_real_sam_finds_the_shapes_in_boxes_and_at_points(picture: Image.Image, shapes: dict[str, np.ndarray]):
    finder = Finder(profile=get_profile(), device="cpu")
    found = finder.shapes(picture, [SUN, ROOF])
    assert set(found) == {"sun-1", "roof-1"}
    for name, mask in shapes.items():
        overlap = (found[name] & mask).sum() / (found[name] | mask).sum()
        assert overlap > 0.5, name
    clicked = finder.at_point(picture, 0.7, 0.7)
    assert clicked is not None
    assert clicked[1].iou(ROOF.box) > 0.4
