"""The window that an edit needs: whole tokens, a margin, and the same noise and places as in the whole picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eligen.tools.crops import LEAST, TOKEN, Window
from eligen.tools.generation import Painter
from eligen.tools.layout import Box, Entity
from eligen.tools.profiles import get_profile
from eligen.tools.requests import InpaintRequest


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


# -- through the painter


SIDE = 128


@pytest.fixture(scope="module")
def painter(tiny_model_dir: Path) -> Painter:
    return Painter(profile=get_profile("mini", model_dir=tiny_model_dir))


def edit(tmp_path: Path, box: Box, preset: str) -> InpaintRequest:
    path = tmp_path / "before.png"
    if not path.exists():
        Image.effect_noise((SIDE, SIDE), 90).convert("RGB").save(path)
    cat, dog = Entity(id="cat-1", prompt="a cat", box=box), Entity(id="dog-1", prompt="a dog", box=FAR)
    return InpaintRequest(
        prompt="a cat on grass", entities=(cat, dog), width=SIDE, height=SIDE, seed=3, steps=2, image=str(path),
        region=(box,), preset=preset,
    )  # fmt: skip


FAR = Box(x0=0.8, y0=0.8, x1=1, y1=1)
NEAR = Box(x0=0.1, y0=0.1, x1=0.4, y1=0.4)


def test_an_edit_computes_its_window_and_leaves_every_other_pixel(painter: Painter, tmp_path: Path) -> None:
    seen: list[int] = []
    embedder = painter.model.pipeline.transformer.x_embedder
    hook = embedder.register_forward_hook(lambda module, inputs, output: seen.append(output.shape[1]))
    for preset, tokens in (("exact", 64), ("balanced", 25)):
        seen.clear()
        request = edit(tmp_path, NEAR, preset)
        painted = painter.paint(request)
        assert set(seen) == {tokens}
        before = np.asarray(Image.open(request.image))
        after, mask = np.asarray(painted.image), np.asarray(painted.mask) > 0
        assert np.array_equal(before[~mask], after[~mask])
        assert (before[mask] != after[mask]).any()
        assert painter.paint(request).image.tobytes() == painted.image.tobytes()
    hook.remove()


def test_an_edit_of_everything_is_the_whole_picture() -> None:
    window = Window.around(torch.ones(SIDE, SIDE, dtype=torch.bool))
    image = Image.effect_noise((SIDE, SIDE), 90)
    assert window.whole
    assert window.scene({"image": image})["image"].tobytes() == image.tobytes()


def test_tokens_of_a_window_have_the_places_and_the_noise_of_the_whole(painter: Painter) -> None:
    pipe = painter.model.pipeline
    window = Window(32, 16, 64, 80, (SIDE, SIDE))
    texts = torch.zeros(1, 4, 32), torch.zeros(1, 32)
    whole, part = (
        pipe.conditioning(*texts, SIDE, SIDE).img_ids,
        pipe.conditioning(*texts, 64, 80, origin=(32, 16)).img_ids,
    )
    assert torch.equal(window.tokens(whole[None])[0], part)


def test_previews_of_an_edit_are_whole_pictures(painter: Painter, tmp_path: Path) -> None:
    shown: list[Image.Image] = []
    painter.paint(edit(tmp_path, NEAR, "balanced"), on_step=lambda done, total, preview: shown.append(preview()))
    assert [image.size for image in shown] == [(SIDE, SIDE)] * 2
