"""Versions painted once more, things that are locked, settings of a session, shapes that come with a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from scripted import LINES, SCENE, WHICH, Eye, Planner, Sketcher

from eligen.assistant.plan import Plan, Regenerate, Shape
from eligen.assistant.session import Session
from eligen.assistant.turns import Turn
from eligen.tools.errors import ToolError, UserError
from eligen.tools.layout import Box

FIRST, GREEN, PINK = "a red cat and a blue dog", "make the cat green", "make the dog pink"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path / "home"))


@pytest.fixture
def open_session() -> Iterator[Callable[..., Session]]:
    opened: list[Session] = []

    def open_(**options: Any) -> Session:
        for session in opened:
            session.close()
        options = {"planner": Planner(), "painter": Sketcher(), "size": (64, 64), "seed": 7} | options
        opened.append(Session.open("s", **options))
        return opened[-1]

    yield open_
    for session in opened:
        session.close()


def varied(session: Session, version: int, seed: int) -> Turn:
    *_, turn = session.vary(version, seed)
    assert isinstance(turn, Turn)
    return turn


def test_a_first_picture_is_painted_once_more_beside_the_first(open_session: Callable[..., Session]):
    session = open_session()
    session.send(FIRST)
    turn = varied(session, 1, 8)
    first, second = session.history.versions
    assert (turn.varied, turn.version, turn.tools, turn.painted) == (1, 2, ("generate",), True)
    assert (second.parent, second.layout, second.seed) == (0, first.layout, 8)
    assert second.picture != first.picture
    assert session.undo() is None
    assert session.goto(1) == first


def test_an_edit_is_painted_once_more_from_the_same_picture(open_session: Callable[..., Session]):
    session = open_session()
    session.send(FIRST)
    session.send(GREEN)
    session.send(PINK)
    turn = varied(session, 2, 40)
    edited, again = session.history.versions[1], session.history.versions[3]
    assert (turn.tools, again.parent, again.layout, again.edits) == (("inpaint",), 1, edited.layout, edited.edits)
    assert again.requests[0] == edited.requests[0].model_copy(update={"seed": 40})
    assert again.picture != edited.picture
    assert varied(session, 2, edited.seed).version == 5
    assert session.history.versions[4].picture == edited.picture


def test_what_was_painted_again_by_a_plan_can_be_varied_too(open_session: Callable[..., Session]):
    lines = LINES | {"again": Plan(reply="Again.", edits=(Regenerate(ids=("cat-1",)),))}
    session = open_session(planner=Planner(lines))
    session.send(FIRST)
    session.send("again")
    varied(session, 2, 9)
    pictures = {version.picture for version in session.history.versions}
    assert len(pictures) == 3


def test_a_variation_is_judged_and_drops_an_open_question(open_session: Callable[..., Session]):
    session = open_session(eye=Eye(set(), {"cat-1"}))
    session.send(FIRST)
    assert session.send("remove it").question == WHICH
    turn = varied(session, 1, 5)
    assert (turn.tries, turn.verdict is not None, session.question) == (2, True, None)
    assert session.send("thanks").reply == "You are welcome."


@pytest.mark.parametrize("version", [0, 2, -1])
def test_only_what_was_painted_can_be_painted_again(open_session: Callable[..., Session], version: int):
    session = open_session()
    session.send(FIRST)
    with pytest.raises(UserError, match="was not painted"):
        varied(session, version, 1)
    assert len(session.history.versions) == 1


@pytest.mark.parametrize(
    ("message", "refused"),
    [(GREEN, True), ("remove the cat", True), (PINK, False), (FIRST, True), ("undo", False), ("try again", True),
     ("as a sketch", True), ("add a tree", False)],
)  # fmt: skip
def test_what_is_locked_no_message_changes(open_session: Callable[..., Session], message: str, refused: bool):
    session = open_session()
    session.send(FIRST)
    session.locked = frozenset({"cat-1"})
    turn = session.send(message)
    assert (turn.error == "a red cat is locked: unlock it first") == refused
    assert session.history.head == (0 if message == "undo" else 1 if refused else 2)
    session.locked = frozenset()
    if refused:
        assert session.send(message).error is None


def test_what_is_locked_is_not_painted_again(open_session: Callable[..., Session]):
    session = open_session(planner=Planner(LINES | {"again": Plan(reply="", edits=(Regenerate(ids=("cat-1",)),))}))
    session.send(FIRST)
    session.locked = frozenset({"cat-1"})
    assert session.send("again").error == "a red cat is locked: unlock it first"


def test_what_is_locked_no_variation_paints(open_session: Callable[..., Session]):
    session = open_session()
    session.send(FIRST)
    session.locked = frozenset({"cat-1"})
    assert varied(session, 1, 8).error == "a red cat is locked: unlock it first"
    session.send(PINK)
    assert varied(session, 2, 8).error is None


def test_what_varies_a_variation_varies_the_first(open_session: Callable[..., Session]):
    session = open_session()
    session.send(FIRST)
    turns = [varied(session, version, seed) for version, seed in ((1, 8), (2, 9), (3, 10))]
    assert [turn.varied for turn in turns] == [1, 1, 1]
    assert [version.seed for version in session.history.versions] == [7, 8, 9, 10]


def test_attachments_that_a_failed_plan_did_not_come_to_are_no_picture(
    open_session: Callable[..., Session], tmp_path: Path
):
    Image.new("L", (64, 64)).save(tmp_path / "mask.png")

    class Fails(Planner):
        def plan(self, text: str, context: Any) -> Plan:
            if text == FIRST:
                return super().plan(text, context)
            raise ToolError("that is not in the picture any more")

    session = open_session(planner=Fails())
    session.send(FIRST)
    turn = session.send("shape it", [tmp_path / "mask.png"])
    assert (turn.error, len(session.history.versions)) == ("that is not in the picture any more", 1)


def test_guidance_is_kept_until_another_is_given(open_session: Callable[..., Session]):
    assert open_session(guidance=2.0).settings.guidance == 2.0
    assert open_session().settings.guidance == 2.0
    session = open_session(guidance=4.5)
    session.send(FIRST)
    assert session.history.current is not None
    assert session.history.current.requests[0].guidance == 4.5


def test_a_drawn_shape_comes_with_a_message_and_stays_a_mask(open_session: Callable[..., Session], tmp_path: Path):
    mask = Image.new("L", (64, 64))
    mask.paste(255, (8, 16, 24, 40))
    mask.save(tmp_path / "shape.png")
    box = Box(x0=8 / 64, y0=16 / 64, x1=24 / 64, y1=40 / 64)

    class Hand(Planner):
        def plan(self, text: str, context: Any) -> Plan:
            if text != "shape":
                return super().plan(text, context)
            return Plan(reply="Done.", edits=(Shape(id="cat-1", box=box, mask=context.attachments[0]),))

    painter = Sketcher()
    session = open_session(planner=Hand(), painter=painter)
    session.send(FIRST)
    turn = session.send("shape", [tmp_path / "shape.png"])
    assert session.layout is not None
    cat = session.layout.entity("cat-1")
    assert (turn.attachments, cat.box) == ((cat.mask,), box)
    with Image.open(painter.requests[-1].entities[0].mask or "") as kept:
        assert kept.mode == "L"
        assert list(kept.get_flattened_data()) == list(mask.get_flattened_data())
    assert session.layout.entity("dog-1") == SCENE.entities[1]
