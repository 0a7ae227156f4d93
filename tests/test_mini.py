"""The shipped models do what they are for: what was asked for is where it was asked for."""

import numpy as np
import pytest
from PIL import Image

from eligen.tools.generation import Painter
from eligen.tools.layout import Box, Entity
from eligen.tools.profiles import get_profile
from eligen.tools.requests import Control, GenerateRequest
from eligen.tools.vocabulary import Vocabulary

LEFT, RIGHT = Box.model_validate([0.05, 0.3, 0.45, 0.75]), Box.model_validate([0.55, 0.3, 0.95, 0.75])
CHANNEL = {"red": 0, "green": 1, "blue": 2}


@pytest.fixture(scope="module")
def painter() -> Painter:
    return Painter(profile=get_profile("mini"))


def paint(
    painter: Painter, left: str, right: str, seed: int, control: Control = "eligen", side: int = 128
) -> Image.Image:
    request = GenerateRequest(
        prompt=f"{left} and {right} on a white background",
        entities=(Entity(prompt=left, box=LEFT), Entity(prompt=right, box=RIGHT)),
        width=side,
        height=side,
        seed=seed,
        control=control,
    )
    return painter.paint(request).image


def strength(image: Image.Image, box: Box, colour: str) -> float:
    """Return how much of a box is clearly of that colour, 0..1."""
    pixels = np.asarray(image.crop(box.pixels(*image.size)), dtype=float)
    wanted = pixels[..., CHANNEL[colour]]
    others = np.delete(pixels, CHANNEL[colour], axis=2).max(axis=2)
    return float((wanted - others > 40).mean())


@pytest.mark.parametrize(("left", "right"), [("a red cat", "a blue car"), ("a blue car", "a red cat")])
def test_each_thing_is_painted_in_its_own_box(painter: Painter, left: str, right: str) -> None:
    """Two thirds of the boxes over seeds must hold their own colour and clearly less of the other."""
    right_ones = []
    for seed in range(3):
        image = paint(painter, left, right, seed)
        for box, mine, other in ((LEFT, left, right), (RIGHT, right, left)):
            own, foreign = (strength(image, box, words.split()[1]) for words in (mine, other))
            right_ones.append(own > 0.12 and own > 2 * foreign)
    assert np.mean(right_ones) >= 0.66, right_ones


def test_control_is_what_places_things(painter: Painter) -> None:
    """Swapping the boxes moves the red from one side to the other with control, and moves nothing without it."""

    def shift(control: Control) -> float:
        first, second = (
            paint(painter, *pair, 5, control) for pair in (("a red cat", "a blue car"), ("a blue car", "a red cat"))
        )
        return strength(first, LEFT, "red") - strength(second, LEFT, "red")

    assert shift("eligen") > 0.1
    assert shift("eligen") > shift("none")


def test_any_size_is_painted(painter: Painter) -> None:
    image = paint(painter, "a red cat", "a blue car", 0, side=256)
    assert image.size == (256, 256)
    assert np.asarray(image).std() > 10


def test_the_vocabulary_holds_trained_nouns() -> None:
    listed = Vocabulary.load().as_json()
    assert len(listed) >= 50
    assert all(len(noun["codepoints"]) == 1 for noun in listed)
