"""Shapes that are found in the background, and what is said when they cannot be; pictures on the page."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scripted import CAT, SCENE

from eligen.assistant.studio import shapes
from eligen.assistant.studio.shapes import Shapes
from eligen.tools.errors import UserError
from eligen.tools.layout import Box
from eligen.ui.canvas import complain
from eligen.ui.pieces import LOSSLESS, picture_url

MASK = np.ones((8, 8), dtype=bool)
SAM = "weights missing: no Sam"


class Finder:
    """Finds the same shape anywhere, unless its weights are missing."""

    def __init__(self) -> None:
        self.there, self.asked = False, 0

    def shapes(self, image: Image.Image, entities: Any) -> dict[str, np.ndarray]:
        self.at_point(image, 0.5, 0.5)
        return {entity.id: MASK for entity in entities}

    def at_point(self, image: Image.Image, x: float, y: float) -> tuple[np.ndarray, Box]:
        self.asked += 1
        if not self.there:
            raise UserError(SAM)
        return MASK, CAT.box


class Looks:
    """Shapes of a picture, looked for until pages are to be drawn again."""

    def __init__(self, picture: Path) -> None:
        self.picture, self.finder = picture, Finder()
        self.changed = threading.Event()
        self.shapes = Shapes(self.changed.set)

    def of(self) -> dict[str, np.ndarray]:
        return self.shapes.of(1, self.picture, SCENE.entities, self.finder)  # type: ignore[arg-type]

    def pick(self) -> None:
        self.shapes.pick(1, "cat-1", self.picture, (0.5, 0.5), self.finder)  # type: ignore[arg-type]

    def after(self, look: Callable[[], object]) -> None:
        self.changed.clear()
        look()
        assert self.changed.wait(20)


@pytest.fixture
def looks(tmp_path: Path) -> Looks:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "p.png")
    return Looks(tmp_path / "p.png")


def test_shapes_are_found_once(looks: Looks):
    looks.finder.there = True
    looks.after(looks.of)
    assert set(looks.of()) == set(looks.of()) == {"cat-1", "dog-1"}
    looks.after(looks.pick)
    assert (looks.shapes.picked.id, looks.finder.asked) == ("cat-1", 2)
    assert looks.shapes.failures == []


def test_what_fails_is_said_and_tried_again_after_a_while(looks: Looks, monkeypatch: pytest.MonkeyPatch):
    looks.after(looks.of)
    assert looks.shapes.failures == [SAM]
    assert (looks.of(), looks.of(), looks.finder.asked) == ({}, {}, 1)
    monkeypatch.setattr(shapes.time, "monotonic", lambda: float("inf"))
    looks.finder.there = True
    looks.after(looks.of)
    assert set(looks.of()) == {"cat-1", "dog-1"}
    assert looks.shapes.failures == [SAM]


def test_a_pick_that_fails_is_said_and_the_next_one_finds(looks: Looks):
    looks.after(looks.pick)
    assert (looks.shapes.picked, looks.shapes.failures) == (None, [SAM])
    looks.finder.there = True
    looks.after(looks.pick)
    assert looks.shapes.picked.n == 1


def test_a_picture_that_is_gone_is_said(looks: Looks):
    looks.picture.unlink()
    looks.after(looks.pick)
    looks.after(looks.of)
    assert looks.shapes.failures == [f"no image at {looks.picture}"] * 2


def test_a_failure_is_said_once_in_every_window_that_was_open(monkeypatch: pytest.MonkeyPatch):
    toasts: list[str] = []
    desk = SimpleNamespace(name="s", found=SimpleNamespace(failures=["long ago"]))
    one, other, later = {}, {}, {}

    def drawn(window: dict[str, int]) -> list[str]:
        toasts.clear()
        monkeypatch.setattr("streamlit.session_state", window)
        complain(desk)  # type: ignore[arg-type]
        return [*toasts]

    monkeypatch.setattr("streamlit.toast", lambda text, icon: toasts.append(text))
    assert drawn(one) == drawn(other) == []
    desk.found.failures.append(SAM)
    assert drawn(one) == drawn(other) == [SAM]
    assert drawn(one) == drawn(later) == []


# -- pictures on the page


def shown(file: Path, most: int = 1024) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture_url(file, most).partition(",")[2])))


@pytest.mark.parametrize(("mode", "kind"), [("CMYK", "jpg"), ("L", "png"), ("1", "png"), ("P", "gif"), ("I;16", "png")])
@pytest.mark.parametrize("side", [8, LOSSLESS + 8])
def test_pictures_of_any_mode_are_shown(tmp_path: Path, mode: str, kind: str, side: int):
    Image.new(mode, (side, side)).save(tmp_path / f"p.{kind}")
    image = shown(tmp_path / f"p.{kind}")
    assert (image.mode, image.size) == ("RGB", (side, side))


def test_pictures_are_shown_upright_and_small(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera turned
    Image.new("RGB", (40, 20), "red").save(tmp_path / "p.jpg", exif=exif)
    assert shown(tmp_path / "p.jpg").size == (20, 40)
    assert shown(tmp_path / "p.jpg", 10).size == (5, 10)


def test_what_is_transparent_stays_so(tmp_path: Path):
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "p.png")
    assert shown(tmp_path / "p.png").getpixel((0, 0))[3] == 0
