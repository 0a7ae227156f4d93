"""Measures on shapes and colours whose values are known, and on drawn things."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eligen.tools.layout import Box
from eligen.tools.measures import (
    COLOURS,
    SHADES,
    Placement,
    Sight,
    basic_colour,
    box_of,
    colour_agreement,
    colour_shares,
    difference_outside,
    in_box,
    main_colour,
    mask_iou,
    oklab,
    placements,
    seam,
)


def mask(*corners: int, side: int = 32) -> np.ndarray:
    x0, y0, x1, y1 = corners
    found = np.zeros((side, side), dtype=bool)
    found[y0:y1, x0:x1] = True
    return found


def flat(*rgb: int, side: int = 32) -> np.ndarray:
    return np.full((side, side, 3), rgb, dtype=np.uint8)


@pytest.mark.parametrize(
    ("one", "other", "iou"),
    [
        (mask(0, 0, 8, 8), mask(0, 0, 8, 8), 1),
        (mask(0, 0, 8, 8), mask(8, 0, 16, 8), 0),
        (mask(0, 0, 8, 8), mask(4, 0, 12, 8), 1 / 3),
        (mask(0, 0, 0, 0), mask(0, 0, 0, 0), 0),
    ],
)
def test_mask_iou(one: np.ndarray, other: np.ndarray, iou: float) -> None:
    assert mask_iou(one, other) == pytest.approx(iou)


@given(st.lists(st.integers(0, 32), min_size=4, max_size=4))
def test_a_box_comes_back_from_its_mask(edges: list[int]) -> None:
    (x0, x1), (y0, y1) = sorted(edges[:2]), sorted(edges[2:])
    found = box_of(mask(x0, y0, x1, y1))
    if x0 == x1 or y0 == y1:
        assert found is None
        return
    assert found == Box(x0=x0 / 32, y0=y0 / 32, x1=x1 / 32, y1=y1 / 32)
    assert np.array_equal(in_box(found, 32, 32), mask(x0, y0, x1, y1))


def sight(noun: str, *corners: int) -> Sight:
    shape = mask(*corners)
    box = box_of(shape)
    assert box
    return Sight(noun, box, shape)


def test_a_thing_is_answered_by_the_best_of_its_noun_and_each_answers_once() -> None:
    asked = [sight("cat", 0, 0, 8, 8), sight("cat", 16, 0, 24, 8), sight("dog", 0, 16, 8, 24), sight("fox", 0, 0, 8, 8)]
    found = [sight("dog", 0, 0, 8, 8), sight("cat", 0, 0, 8, 4), sight("cat", 0, 0, 8, 8), sight("owl", 0, 0, 8, 8)]
    assert placements(asked, found) == [Placement(2, 1, 1), Placement(1, 0, 0), Placement(0, 0, 0), Placement()]
    assert placements(asked[:1], []) == [Placement()]
    assert placements([], found) == []


def test_boxes_and_shapes_are_compared_each_with_its_own() -> None:
    asked = Sight("cat", Box(x0=0, y0=0, x1=1, y1=0.5), mask(0, 0, 16, 16))
    assert placements([asked], [sight("cat", 0, 0, 16, 32)]) == [Placement(0, pytest.approx(1 / 3), 0.5)]
    assert placements([Sight("cat", asked.box)], [sight("cat", 0, 0, 32, 32)]) == [Placement(0, 0.5, 0.0)]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.integers(0, 20)), max_size=6))
def test_what_is_found_as_asked_is_placed_without_fault(places: list[tuple[str, int, int]]) -> None:
    asked = [sight(noun, x, y, x + 9, y + 7) for noun, x, y in dict.fromkeys(places)]
    assert placements(asked, asked[::-1]) == [Placement(len(asked) - 1 - i, 1, 1) for i in range(len(asked))]


def test_the_largest_difference_is_sought_outside_only() -> None:
    before, after = flat(10, 20, 30), flat(10, 20, 30)
    after[4, 5] = (10, 90, 30)
    after[20, 20, 2] = 37
    images = Image.fromarray(before), Image.fromarray(after)
    assert difference_outside(*images, mask(0, 0, 0, 0)) == 70
    assert difference_outside(*images, mask(0, 0, 10, 10)) == 7
    assert difference_outside(*images, mask(0, 0, 32, 32)) == 0


def test_a_seam_shows_where_colours_jump_and_not_where_all_is_rough() -> None:
    inside = mask(8, 8, 24, 24)
    smooth, jump = flat(100, 110, 120), flat(100, 110, 120)
    jump[inside] += 20
    rough = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert seam(Image.fromarray(smooth), inside) == 1
    assert seam(Image.fromarray(jump), inside) == pytest.approx(21)
    assert seam(Image.fromarray(rough), inside) == pytest.approx(1, abs=0.2)
    assert seam(Image.fromarray(jump), mask(0, 0, 32, 32)) == 1
    assert seam(Image.fromarray(jump), mask(8, 8, 9, 9)) is None


def test_oklab_has_the_published_values() -> None:
    expected = [[1, 0, 0], [0, 0, 0], [0.628, 0.225, 0.126], [0.866, -0.234, 0.179], [0.452, -0.032, -0.312]]
    colours = [[255] * 3, [0] * 3, [255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert np.allclose(oklab(np.array(colours)), expected, atol=1e-3)


@pytest.mark.parametrize("word", COLOURS)
def test_each_shade_is_its_word(word: str) -> None:
    for shade in SHADES[word]:
        image = Image.fromarray(flat(*shade))
        assert main_colour(image) == word
        assert colour_agreement(image, word) == 1


@pytest.mark.parametrize(
    ("word", "basic"),
    [("navy", "blue"), ("crimson", "red"), ("golden", "yellow"), ("Tomato", "red"), ("gray", "grey"),
     ("light blue", "blue"), ("forest green", "green"), ("wooden", None), ("cat", None)],
)  # fmt: skip
def test_other_colour_words(word: str, basic: str | None) -> None:
    assert basic_colour(word) == basic


def test_outlines_are_no_rivals_of_a_colour() -> None:
    pixels = flat(16, 16, 20)
    pixels[8:20, 8:20] = SHADES["red"][0]
    pixels[20:24, 8:20] = SHADES["green"][0]
    image = Image.fromarray(pixels)
    assert colour_agreement(image, "red") == 1
    assert colour_agreement(image, "green") == pytest.approx(1 / 3)
    assert colour_agreement(image, "blue") == 0
    assert colour_agreement(image, "black") == 1
    assert colour_agreement(image, "big") is None
    assert main_colour(image, mask(8, 8, 20, 24)) == "red"
    assert main_colour(image, mask(8, 16, 20, 24)) in ("red", "green")
    assert main_colour(image, least=0.9) is None
    assert sum(colour_shares(image).values()) == pytest.approx(1)


def test_drawn_things_are_of_the_colour_they_were_given() -> None:
    import random

    import torch

    from training.scenes import COLOURS as DRAWN
    from training.scenes import Scene, Thing, World

    world, rng = World(), random.Random(3)
    nouns = [number for number, noun in enumerate(world.nouns) if noun["colours"]]
    words = [word for word in DRAWN for _ in range(3)]
    scenes = [Scene((Thing(rng.choice(nouns), 0.5, 0.5, 0.7, word),), "meadow") for word in words]
    images, shapes = world.draw(scenes, 64, torch.Generator().manual_seed(0))
    own, others = [], []
    for word, picture, (shape,) in zip(words, images, shapes, strict=True):
        image = Image.fromarray((picture * 255).round().byte().permute(1, 2, 0).numpy())
        agreements = {other: colour_agreement(image, other, shape.numpy()) or 0.0 for other in DRAWN}
        own.append(agreements.pop(word))
        others.append(np.mean(list(agreements.values())))
    assert np.mean(np.array(own) > 0.8) > 0.9
    assert np.mean(others) < 0.2
