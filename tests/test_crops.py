"""The window that an edit needs: whole tokens, a margin, and the same noise and places as in the whole picture."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eligen.tools.crops import LEAST, TOKEN, Window


def on(height: int, width: int, box: tuple[int, int, int, int]) -> torch.Tensor:
    mask = torch.zeros(height, width, dtype=torch.bool)
    x0, y0, x1, y1 = box
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((256, 256), (100, 100, 140, 140), (80, 80, 80, 80)),
        ((256, 256), (0, 0, 256, 256), (0, 0, 256, 256)),
        ((256, 256), (0, 0, 4, 4), (0, 0, 64, 64)),
        ((256, 256), (250, 250, 256, 256), (192, 192, 64, 64)),
        ((256, 128), (10, 200, 20, 210), (176, 0, 64, 64)),
        ((1024, 1024), (400, 400, 724, 724), (336, 336, 464, 464)),
        ((64, 64), (30, 30, 34, 34), (0, 0, 64, 64)),
    ],
)
def test_windows(size: tuple[int, int], box: tuple[int, int, int, int], expected: tuple[int, int, int, int]) -> None:
    window = Window.around(on(*size, box))
    assert (window.top, window.left, window.height, window.width) == expected


def test_nothing_to_paint_is_the_whole_picture() -> None:
    assert Window.around(torch.zeros(64, 96, dtype=torch.bool)).whole


@given(st.integers(4, 20), st.integers(4, 20), st.data())
def test_a_window_holds_the_mask_and_whole_tokens(rows: int, columns: int, data: st.DataObject) -> None:
    height, width = rows * TOKEN, columns * TOKEN
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    y1, x1 = data.draw(st.integers(y0 + 1, height)), data.draw(st.integers(x0 + 1, width))
    window = Window.around(on(height, width, (x0, y0, x1, y1)))
    assert all(edge % TOKEN == 0 for edge in (window.top, window.left, window.height, window.width))
    assert window.height >= LEAST <= window.width
    assert 0 <= window.top <= max(0, y0 - TOKEN) < y1 <= min(height, y1 + TOKEN) <= window.top + window.height <= height
    assert 0 <= window.left <= max(0, x0 - TOKEN) < x1 <= min(width, x1 + TOKEN) <= window.left + window.width <= width


def test_tokens_pixels_and_cells_are_cut_alike() -> None:
    window = Window(32, 16, 64, 80, (128, 128))
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    numbers = (rows * 8 + columns).flatten()[None, :, None]
    assert window.tokens(numbers).flatten().tolist() == [r * 8 + c for r in range(2, 6) for c in range(1, 6)]
    for side, cell in ((128, 16), (16, 2), (256, 32)):
        grid = numbers.view(8, 8).byte().repeat_interleave(cell, 0).repeat_interleave(cell, 1)
        cut = window.cut(Image.fromarray(grid.numpy()))
        assert cut.size == (80 * side // 128, 64 * side // 128)
        assert [cut.getpixel((0, 0)), cut.getpixel((cut.width - 1, cut.height - 1))] == [17, 45]
    whole = torch.zeros(3, 128, 128)
    laid = window.laid(whole, torch.ones(3, 64, 80))
    assert laid.sum() == 3 * 64 * 80
    assert laid[:, 32:96, 16:96].all()
    assert not whole.any()


def test_entities_that_are_elsewhere_are_left_out_unless_they_are_numbered() -> None:
    window = Window(0, 0, 64, 64, (128, 128))
    near, far = Image.new("L", (128, 128)), Image.new("L", (30, 50))
    near.paste(255, (10, 10, 40, 40))
    far.paste(255, (25, 40, 30, 50))
    scene = {"prompt": "x", "entity_prompts": ["a", "b"], "entity_masks": [near, far], "image": near.convert("RGB")}
    cut = window.scene(scene)
    assert cut["entity_prompts"] == ["a"]
    assert cut["entity_masks"][0].getbbox() == (10, 10, 40, 40)
    assert (cut["image"].size, cut["height"], cut["width"], cut["origin"]) == ((64, 64), 64, 64, (0, 0))
    assert window.scene(scene | {"image_prompts": ["?"]})["entity_prompts"] == ["a", "b"]
