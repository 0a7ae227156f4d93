"""A conversation that takes over a style and puts a thing of a picture in, on the shipped models from end to end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from eligen.assistant.agents.eyes import get_eye
from eligen.assistant.agents.painter import LazyPainter
from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.history import Version
from eligen.assistant.session import Session
from eligen.assistant.turns import Turn
from eligen.tools.profiles import get_profile
from eligen.tools.requests import GenerateRequest, InpaintRequest, TransferRequest

STEPS = 4  # what is promised holds for any picture, however rough


@dataclass(frozen=True, eq=False)
class Said:
    """A message's turn, the version that was current after it, its pixels, and where it says that it repainted."""

    turn: Turn
    version: Version
    pixels: np.ndarray
    mask: np.ndarray | None

    @property
    def kinds(self) -> list[type]:
        return [type(request) for request in self.version.requests]


def drawing(path: Path) -> Path:
    """Draw blue waves on cream."""
    image = Image.new("RGB", (90, 70), (245, 235, 210))
    for row in range(0, 70, 10):
        ImageDraw.Draw(image).line([(x, row + 4 * (x // 10 % 2)) for x in range(0, 90, 5)], (40, 60, 160), 3)
    image.save(path)
    return path


def logo(path: Path) -> Path:
    """Draw a magenta disc with a white cross, on nothing."""
    image = Image.new("RGBA", (60, 60))
    draw = ImageDraw.Draw(image)
    draw.ellipse((4, 4, 56, 56), (220, 20, 140, 255))
    draw.rectangle((26, 12, 34, 48), "white")
    draw.rectangle((12, 26, 48, 34), "white")
    image.save(path)
    return path


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Said]]:
    """The whole conversation, each message by a word of its own."""
    folder = tmp_path_factory.mktemp("talk")
    waves, cross = drawing(folder / "waves.png"), logo(folder / "logo.png")
    messages: dict[str, tuple[str, list[Path]]] = {
        "first": ("a red cat and a blue car", []),
        "style": ("in the style of this picture", [waves]),
        "logo": ("put this logo on the car", [cross]),
        "undo": ("undo", []),
        "green": ("make the car green", []),
        "name": ("this is my logo", [cross]),
        "named": ("put my logo on the cat", []),
        "own": ("paint only the car in the style of this picture", [cross]),
    }
    profile = get_profile("mini")
    options = {"painter": LazyPainter(profile=profile), "eye": get_eye(profile), "retries": 0}
    said = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELIGEN_HOME", str(folder / "home"))
        with Session.open("both", planner=RulesPlanner(), seed=11, steps=STEPS, **options) as session:
            for word, (text, attached) in messages.items():
                turn = session.send(text, attached)
                assert (turn.error, turn.question) == (None, None), text
                version = session.history.current
                assert version is not None
                mask = session.mask_of(version.id)
                said[word] = Said(turn, version, pixels(session.picture), None if mask is None else pixels(mask))
            yield said


def pixels(path: Path | None) -> np.ndarray:
    assert path is not None
    with Image.open(path) as image:
        return np.asarray(image)


def test_each_message_takes_the_tools_it_needs(talk: dict[str, Said]) -> None:
    assert {word: said.turn.tools for word, said in talk.items()} == {
        "first": ("generate",),
        "style": ("style",),
        "logo": ("transfer",),
        "undo": (),
        "green": ("inpaint",),
        "name": (),
        "named": ("transfer",),
        "own": ("inpaint",),
    }
    assert (talk["green"].kinds, talk["logo"].kinds) == ([InpaintRequest], [TransferRequest])
    assert talk["style"].kinds == [GenerateRequest]


def test_the_style_is_in_its_request_and_in_all_that_is_painted_by_words_later(talk: dict[str, Said]) -> None:
    (waves,) = talk["style"].version.layout.style_images
    assert waves.entity is None
    assert talk["first"].version.layout.style_images == ()
    assert talk["style"].version.requests[0].style_images == (waves,)
    assert talk["green"].version.requests[0].style_images == (waves,)
    for word in ("logo", "named"):
        assert talk[word].version.layout.style_images == (waves,)
        assert talk[word].version.requests[0].style_images == (), "the logo's picture says what it looks like"
    assert not np.array_equal(talk["first"].pixels, talk["style"].pixels)
    assert talk["first"].version.layout.entities == talk["style"].version.layout.entities


def test_the_logo_goes_to_the_car_by_its_picture(talk: dict[str, Said]) -> None:
    layout = talk["logo"].version.layout
    put, car = layout.entity("logo-1"), layout.entity("car-1")
    assert put.box.intersection(car.box) > 0
    transfer = talk["logo"].version.requests[-1]
    assert [entity.id for entity in transfer.entities] == ["logo-1"]
    assert transfer.entities[0].reference == put.reference


@pytest.mark.parametrize(
    ("before", "after"), [("style", "logo"), ("undo", "green"), ("name", "named"), ("named", "own")]
)
def test_pixels_outside_what_a_turn_may_touch_are_the_same(talk: dict[str, Said], before: str, after: str) -> None:
    old, new = talk[before], talk[after]
    assert new.mask is not None
    outside = new.mask == 0
    assert 0.2 < outside.mean() < 1
    assert np.array_equal(old.pixels[outside], new.pixels[outside])
    assert not np.array_equal(old.pixels, new.pixels)


def test_making_the_car_green_leaves_the_cat_alone(talk: dict[str, Said]) -> None:
    cat = talk["green"].version.layout.entity("cat-1")
    assert cat == talk["undo"].version.layout.entity("cat-1")
    assert "green" in talk["green"].version.layout.entity("car-1").prompt
    height, width = talk["green"].pixels.shape[:2]
    x0, y0, x1, y1 = cat.box.pixels(width, height)
    assert talk["green"].mask is not None
    touched = (talk["green"].mask[y0:y1, x0:x1] > 0).mean()
    assert touched < 0.2, "no more than the seam beside it"


def test_undo_gives_the_earlier_picture_back(talk: dict[str, Said]) -> None:
    assert talk["undo"].version == talk["style"].version
    assert np.array_equal(talk["undo"].pixels, talk["style"].pixels)
    assert talk["green"].version.parent == talk["style"].version.id
    assert all(entity.reference is None for entity in talk["green"].version.layout.entities)


def test_a_picture_that_has_a_name_is_used_without_sending_it_again(talk: dict[str, Said]) -> None:
    assert talk["name"].version == talk["green"].version
    again, first = talk["named"].version.layout.entity("logo-2"), talk["logo"].version.layout.entity("logo-1")
    assert again.reference == first.reference
    assert again.box.intersection(talk["named"].version.layout.entity("cat-1").box) > 0
    assert not talk["named"].turn.attachments


def test_a_style_for_the_car_repaints_the_car_alone(talk: dict[str, Said]) -> None:
    (waves,), (_, own) = talk["named"].version.layout.style_images, talk["own"].version.layout.style_images
    assert (own.image != waves.image, own.entity) == (True, "car-1")
    assert talk["own"].version.requests[0].style_images == (waves, own)
    assert talk["own"].version.layout.entities == talk["named"].version.layout.entities
    height, width = talk["own"].pixels.shape[:2]
    x0, y0, x1, y1 = talk["own"].version.layout.entity("car-1").box.pixels(width, height)
    changed = (talk["own"].pixels != talk["named"].pixels).any(2)
    assert changed[y0:y1, x0:x1].mean() > 0.5
