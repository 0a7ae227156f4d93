"""Masks on their way to the latent grid, its tokens, and back onto pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from eligen.tools import masks
from eligen.tools.errors import UserError
from eligen.tools.layout import Box

LEFT_HALF = np.zeros((64, 64), dtype=np.uint8)
LEFT_HALF[:, :32] = 255


def grey(array: np.ndarray) -> Image.Image:
    return Image.fromarray(array.astype(np.uint8))


def in_mode(mode: str) -> Image.Image:
    """The left half on, in that mode; where there is alpha, it is what tells on from off."""
    mask = grey(LEFT_HALF)
    if mode in ("LA", "RGBA", "PA"):
        white = Image.new("RGB", mask.size, "white")
        white.putalpha(mask)
        return white.convert(mode)
    if mode == "I;16":
        return Image.fromarray(LEFT_HALF.astype(np.uint16) * 257)
    if mode == "P":
        mask = mask.convert("P")
    if mode == "F":
        return Image.fromarray(LEFT_HALF.astype(np.float32) / 255)
    return mask.convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "PA", "I", "I;16", "F", "CMYK", "HSV", "YCbCr"])
def test_any_mode_is_read_as_the_same_mask(mode: str) -> None:
    image = in_mode(mode)
    assert image.mode == mode
    assert np.array_equal(np.asarray(masks.as_rgb(image)), np.repeat(LEFT_HALF[..., None], 3, axis=2))


def test_a_transparent_palette_entry_is_off() -> None:
    image = grey(LEFT_HALF).convert("P")
    image.info["transparency"] = image.getpixel((0, 0))
    assert masks.vanished([image], 64, 64) == [0]


@pytest.mark.parametrize(
    ("value", "on"),
    [((127, 127, 127), False), ((128, 128, 128), True), ((255, 127, 0), False), ((255, 128, 0), True)],
)
def test_a_cell_is_on_above_half_of_the_channel_mean(value: tuple[int, int, int], on: bool) -> None:
    assert masks.latent_masks([Image.new("RGB", (64, 64), value)], 8, 8).all().item() is on


def test_cells_are_sampled_at_their_centres() -> None:
    """Of each 8 pixels the fifth counts; a mask elsewhere in the cell vanishes, as in the reference."""
    for column in range(8):
        mask = np.zeros((64, 64))
        mask[:, column::8] = 255
        assert masks.latent_masks([grey(mask)], 8, 8).all().item() is (column == 4)


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.randoms(use_true_random=False))
def test_a_token_is_on_if_any_of_its_cells_is(rows: int, columns: int, random: np.random.Generator) -> None:
    cells = torch.tensor([[[random.random() < 0.3 for _ in range(2 * columns)] for _ in range(2 * rows)]])
    tokens = masks.token_masks(cells)
    assert tokens.shape == (1, rows * columns)
    for row in range(rows):
        for column in range(columns):
            block = cells[0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            assert tokens[0, row * columns + column] == block.any()


def test_vanished_names_empty_and_too_small_masks() -> None:
    speck = np.zeros((256, 256))
    speck[0, 0] = 255
    cell = np.zeros((256, 256))
    cell[:8, :8] = 255
    assert masks.vanished([grey(speck), grey(cell), grey(0 * cell)], 256, 256) == [0, 2]
    assert masks.vanished([], 256, 256) == []


@pytest.mark.parametrize("size", [(64, 64), (17, 301), (1, 1), (500, 20)])
def test_masks_of_any_size_cover_the_grid(size: tuple[int, int]) -> None:
    assert masks.latent_masks([Image.new("L", size, 255)], 12, 20).all()
    assert masks.foreground([Image.new("L", size, 255)], 12, 20).all()
    assert np.asarray(masks.union([Image.new("L", size, 255)], 32, 48)).all()


def test_foreground_is_the_union() -> None:
    left, right = grey(LEFT_HALF), grey(255 - LEFT_HALF)
    assert masks.foreground([left, right], 8, 8).all()
    assert torch.equal(masks.foreground([left], 8, 8), masks.latent_masks([left], 8, 8)[0])


def test_box_mask_has_the_box_s_pixels() -> None:
    mask = np.asarray(masks.box_mask(Box(x0=0.25, y0=0.5, x1=1, y1=0.75), 80, 40))
    assert mask.shape == (80, 40)
    assert mask[40:60, 10:].all()
    assert mask.sum() == 255 * 20 * 30


def circle(size: int, radius: int) -> Image.Image:
    mask = Image.new("L", (size, size))
    ImageDraw.Draw(mask).circle((size // 2, size // 2), radius, fill=255)
    return mask


@pytest.mark.parametrize("radius", [0, 1, 4, 100])
def test_feather_stays_inside_and_reaches_one(radius: int) -> None:
    mask = circle(96, 30)
    opacity = masks.feathered(mask, radius)
    outside = torch.from_numpy(np.asarray(mask) == 0)
    assert not opacity[outside].any()
    assert (opacity[~outside] > 0).all()
    assert opacity.max() == 1
    if radius <= 1:
        assert (opacity[~outside] == 1).all()


def test_feather_rises_one_step_a_pixel_but_not_at_the_border() -> None:
    opacity = masks.feathered(grey(LEFT_HALF), 4)
    assert opacity[32, 24:33].tolist() == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0]
    assert (opacity[:, 0] == 1).all()
    assert torch.equal(opacity, opacity[:1].expand(64, -1))


def test_feather_of_an_empty_mask_is_empty() -> None:
    assert not masks.feathered(Image.new("L", (8, 8)), 4).any()


@settings(deadline=None)
@given(st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_pasting_back_keeps_every_pixel_outside(feather: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    before, after = (Image.fromarray(random.integers(0, 256, (48, 48, 3), dtype=np.uint8)) for _ in range(2))
    mask = circle(48, 15)
    result = np.asarray(masks.paste_back(before, after, mask, feather=feather))
    off = np.asarray(mask) == 0
    assert np.array_equal(result[off], np.asarray(before)[off])
    assert np.array_equal(result[24, 24], np.asarray(after)[24, 24])


def test_pasting_back_refuses_other_sizes() -> None:
    small, large = Image.new("RGB", (8, 8)), Image.new("RGB", (16, 16))
    with pytest.raises(UserError, match="sizes differ"):
        masks.paste_back(small, large, small)
