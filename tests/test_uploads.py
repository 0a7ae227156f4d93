"""Pictures that are attached to be changed: their size, what is seen in them, and edits of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scripted import CAT, SCENE, Eye, Planner, Sketcher

from eligen.assistant.plan import Compose, Plan, Style
from eligen.assistant.session import Session
from eligen.assistant.uploads import fitted, size_for
from eligen.tools.errors import ModelOutputError, UserError
from eligen.tools.layout import Layout

AREA = 64 * 64


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path / "home"))


def opened(**options: object) -> Session:
    usual = {"planner": Planner(), "painter": Sketcher(), "eye": Eye(), "critic": False, "size": (64, 64), "seed": 7}
    return Session.open("s", **(usual | options))  # type: ignore[arg-type]


def photo(folder: Path, size: tuple[int, int] = (64, 64), name: str = "photo.png") -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / name)
    return folder / name


def pixels(path: Path | None) -> Image.Image:
    assert path is not None
    with Image.open(path) as image:
        return image.convert("RGB")


# -- sizes


@pytest.mark.parametrize(
    ("size", "area", "expected"),
    [
        ((128, 128), 128 * 128, (128, 128)),
        ((64, 256), 128 * 128, (64, 256)),
        ((100, 100), 128 * 128, (96, 96)),
        ((1000, 700), 128 * 128, (160, 112)),
        ((4000, 3000), 1024 * 1024, (1184, 880)),
        ((40, 30), 128 * 128, (80, 64)),
        ((10_000, 10), 128 * 128, (256, 64)),
        ((10, 10_000), 1024 * 1024, (64, 2048)),
        ((1, 1), 64 * 64, (64, 64)),
    ],
)
def test_a_picture_keeps_its_proportions_at_a_size_that_can_be_painted(
    size: tuple[int, int], area: int, expected: tuple[int, int]
):
    assert size_for(*size, area) == expected


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(64, 1024))
def test_every_size_can_be_painted_and_stays(width: int, height: int, side: int):
    size = size_for(width, height, side * side)
    assert all(64 <= one <= 2048 and one % 16 == 0 for one in size)
    assert size[0] * size[1] <= 1.5 * max(side, 64) ** 2
    if max(size) <= side:
        assert size_for(*size, side * side) == size


def test_a_picture_that_fits_stays_bit_for_bit_and_another_is_cut_in_the_middle(tmp_path: Path):
    image = pixels(photo(tmp_path))
    assert fitted(image, (64, 64)).tobytes() == image.tobytes()
    stripes = Image.new("RGB", (300, 100), "red")
    stripes.paste("blue", (100, 0, 200, 100))
    assert fitted(stripes, (64, 64)).crop((4, 0, 60, 64)).getcolors() == [(56 * 64, (0, 0, 255))]


def test_what_shines_through_becomes_white():
    assert fitted(Image.new("RGBA", (64, 64), (255, 0, 0, 0)), (64, 64)).getpixel((5, 5)) == (255, 255, 255)
    palette = Image.new("P", (64, 64))
    palette.info["transparency"] = 0
    assert fitted(palette, (64, 64)).getpixel((5, 5)) == (255, 255, 255)


# -- in a session


def test_a_picture_by_itself_becomes_the_first_version(tmp_path: Path):
    with opened() as session:
        turn = session.send("", [photo(tmp_path)])
        assert (turn.reply, turn.painted, turn.version) == ("I see a red cat and a blue dog.", False, 1)
        assert session.layout == SCENE
        assert pixels(session.picture).tobytes() == pixels(photo(tmp_path)).tobytes()
        assert session.history.current.requests == ()
        assert session.send("make the cat green").tools == ("inpaint",)
        changed = np.array(pixels(session.picture)) != np.array(pixels(photo(tmp_path)))
        assert changed[:, :32].any()
        assert not changed[:, 36:].any()


def test_a_message_is_about_the_picture_that_comes_with_it(tmp_path: Path):
    planner = Planner()
    with opened(planner=planner) as session:
        turn = session.send("remove the cat", [photo(tmp_path)])
        assert (turn.reply, turn.painted, turn.version) == ("The cat is gone.", True, 2)
        assert turn.notices[0] == "I see a red cat and a blue dog."
        assert planner.contexts[-1].attachments == ()
        assert planner.contexts[-1].layout == SCENE
        assert [entity.id for entity in session.layout.entities] == ["dog-1"]
        assert len(session.turns) == 1
        session.undo()
        assert session.layout == SCENE
        assert session.undo() is None


def test_another_picture_later_has_a_size_and_ids_of_its_own(tmp_path: Path):
    with opened(size=(128, 128)) as session:
        session.send("a red cat and a blue dog")
        turn = session.send("", [photo(tmp_path, (300, 150))])
        assert turn.reply == "I see a red cat and a blue dog. The picture is 300x150: here it is 176x96."
        assert [entity.id for entity in session.layout.entities] == ["cat-2", "dog-2"]
        assert (session.settings.width, session.settings.height) == (176, 96)
        session.undo()
        assert (session.settings.width, session.settings.height) == (128, 128)
        assert session.layout == SCENE
    with opened(size=None) as session:
        session.goto(2)
        session.send("a red cat and a blue dog")
        assert pixels(session.picture).size == (176, 96)


class Stylist(Planner):
    """Takes the style of what is attached."""

    def plan(self, text: str, context: object) -> Plan:
        (reference,) = context.attachments  # type: ignore[attr-defined]
        return Plan(reply="Done.", edits=(Compose(layout=SCENE), Style(reference=reference)))


def test_a_picture_that_the_plan_refers_to_is_not_the_one_to_be_changed(tmp_path: Path):
    with opened(planner=Stylist()) as session:
        turn = session.send("a red cat in the style of this", [photo(tmp_path)])
        assert all(version.requests for version in session.history.versions)
        assert "I see" not in turn.reply


def test_a_message_that_cannot_be_done_leaves_the_picture(tmp_path: Path):
    with opened() as session:
        turn = session.send("abracadabra", [photo(tmp_path)])
        assert turn.reply == "I could not do that: nobody knows what 'abracadabra' means."
        assert (turn.version, session.layout) == (1, SCENE)


def test_a_question_about_a_picture_is_answered_without_taking_it_again(tmp_path: Path):
    with opened() as session:
        assert session.send("remove it", [photo(tmp_path)]).question is not None
        session.answer("the dog")
        assert session.layout.entities == (CAT,)
        assert len(session.history.versions) == 2


class Blind(Eye):
    def ground(self, image: Image.Image) -> Layout:
        raise ModelOutputError("no JSON")


@pytest.mark.parametrize("eye", [None, Blind(), Eye(sees=Layout(prompt=""))])
def test_a_picture_in_which_nothing_is_known_can_still_be_added_to(tmp_path: Path, eye: Eye | None):
    with opened(eye=eye) as session:
        assert session.send("", [photo(tmp_path)]).reply == "I see nothing in the picture that I know."
        assert session.layout.entities == ()
        assert session.send("add a tree").tools == ("inpaint",)


def test_broken_and_huge_pictures_are_refused_in_one_line(tmp_path: Path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nxx")
    Image.new("1", (9000, 9000)).save(tmp_path / "huge.png")
    with opened() as session:
        for name, why in (("broken.png", "not an image"), ("huge.png", "too large"), ("none.png", "no image at")):
            with pytest.raises(UserError, match=why) as caught:
                session.send("", [tmp_path / name])
            assert "\n" not in str(caught.value)
        assert session.turns == ()


class Killed(BaseException):
    """What stands in for a killed process."""


def test_a_turn_that_was_cut_off_after_the_picture_came_in_is_finished(tmp_path: Path):
    def kill(request: object) -> None:
        raise Killed

    with opened(painter=Sketcher(hook=kill)) as session, pytest.raises(Killed):
        session.send("remove the cat", [photo(tmp_path)])
    with opened() as session:
        assert session.unfinished == "remove the cat"
        assert session.resume().version == 2
        assert pixels(session.picture_of(1)).tobytes() == pixels(photo(tmp_path)).tobytes()
