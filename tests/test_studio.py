"""The studio without its page: gestures, desks, turns that are watched, stopped, sent again; files to take away."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError
from scripted import CAT, DOG, SCENE, Eye, Sketcher

from eligen.assistant.archive import import_session
from eligen.assistant.context import Context
from eligen.assistant.edits import apply
from eligen.assistant.plan import Add, Describe, Move, Place, Remove, Replace, Shape, Stack, Style
from eligen.assistant.session import Session
from eligen.assistant.state import Progress
from eligen.assistant.studio.choices import Choices
from eligen.assistant.studio.desk import Desk
from eligen.assistant.studio.engine import STAGES, Engine
from eligen.assistant.studio.files import cut_out_file, layers_file, layout_file, picture_file, session_file
from eligen.assistant.studio.gestures import Drawn, Gesture, edits_of, mask_of, planned, told, tried
from eligen.assistant.studio.running import Running, Stopped, Work, duration, seconds_left
from eligen.assistant.studio.studio import MOST_DESKS, Options, Studio
from eligen.assistant.studio.worker import CUT_OFF, STOPPED
from eligen.tools.errors import ToolError, UserError
from eligen.tools.layout import Box
from eligen.tools.profiles import get_profile
from eligen.tools.requestfiles import read_request
from eligen.tools.requests import GenerateRequest
from eligen.ui import settings

BOX = Box(x0=0.1, y0=0.2, x1=0.5, y1=0.6)
FIRST = "a red cat to the left of a blue car on a meadow"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path / "home"))


class Gate:
    """Lets a painter go on one step at a time."""

    def __init__(self) -> None:
        self.steps = threading.Semaphore(0)
        self.reached = threading.Event()

    def __call__(self, request: GenerateRequest) -> None:
        if request.prompt != "a dot":
            self.reached.set()
            assert self.steps.acquire(timeout=20)


@pytest.fixture
def desk_at() -> Iterator[Callable[..., Desk]]:
    """Return a function that opens the desk `s` over a painter."""
    desks: list[Desk] = []

    def open_(painter: Any = None, name: str = "s", **choices: Any) -> Desk:
        engine = Engine(get_profile(), painter=painter or Sketcher(), eye=Eye())
        desks.append(Desk(name, lambda profile: engine, Choices(size=(64, 64), seed=7, **choices)))
        return desks[-1]

    yield open_
    for desk in desks:
        desk.close()


def settled(desk: Desk, seconds: float = 30) -> Desk:
    """Wait until nothing is under way."""
    for _ in range(int(seconds / 0.02)):
        if desk.idle:
            return desk
        time.sleep(0.02)
    raise AssertionError(f"still {desk.running}")


def drawn_mask(*box: int) -> str:
    """Return a drawn shape as the canvas tells it: a box in a PNG's alpha."""
    image = Image.new("RGBA", (64, 64))
    image.paste((1, 2, 3, 255), box)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


# -- gestures


@pytest.mark.parametrize(
    ("gesture", "edits", "words"),
    [
        ({"do": "move", "id": "cat-1", "box": [0.1, 0.25, 0.6, 0.75]},
         (Move(ids=("cat-1",), place=Place(box=Box(x0=0.1, y0=0.25, x1=0.6, y1=0.75))),), "Moved a red cat"),
        ({"do": "move", "id": "cat-1", "box": BOX}, (Move(ids=("cat-1",), place=Place(box=BOX)),), "Resized a red cat"),
        ({"do": "add", "prompt": "a tree", "box": BOX}, (Add(prompt="a tree", place=Place(box=BOX)),), "Added a tree"),
        ({"do": "rename", "id": "cat-1", "prompt": "a green cat"},
         (Describe(id="cat-1", prompt="a green cat"),), "Changed a red cat to a green cat"),
        ({"do": "rename", "id": "cat-1", "prompt": "a fox"}, (Replace(id="cat-1", prompt="a fox"),),
         "Changed a red cat to a fox"),
        ({"do": "remove", "id": "dog-1"}, (Remove(ids=("dog-1",)),), "Removed a blue dog"),
        ({"do": "stack", "ids": ["dog-1", "cat-1"]}, (Stack(ids=("dog-1", "cat-1")),), "Changed the order of things"),
        ({"do": "shape", "id": "cat-1"}, (Shape(id="cat-1", box=CAT.box),), "Gave a red cat its box back"),
    ],
)  # fmt: skip
def test_gestures_are_edits(gesture: dict[str, Any], edits: tuple[Any, ...], words: str):
    read = Gesture.model_validate(gesture | {"n": 1})
    assert edits_of(read, SCENE) == edits
    assert told(read, SCENE) == words


def test_a_drawn_shape_makes_or_changes_a_thing():
    mask = drawn_mask(8, 16, 24, 40)
    shape, box = mask_of(Gesture(do="shape", n=1, mask=mask)) or (None, None)
    assert shape is not None
    assert box == Box(x0=8 / 64, y0=16 / 64, x1=24 / 64, y1=40 / 64)
    assert (shape.mode, shape.getbbox(), shape.getextrema()) == ("L", (8, 16, 24, 40), (0, 255))
    change = edits_of(Gesture(do="shape", n=1, id="cat-1", mask=mask), SCENE, drawn=Drawn("f", box))
    assert change == (Shape(id="cat-1", box=box, mask="f"),)
    new = edits_of(Gesture(do="add", n=1, prompt="a cat", mask=mask), SCENE, drawn=Drawn("f", box), taken=("cat-2",))
    assert new == (Add(prompt="a cat", place=Place(box=box)), Shape(id="cat-3", box=box, mask="f"))


@pytest.mark.parametrize(
    ("gesture", "why"),
    [
        ({"do": "remove", "id": "moon-1"}, "not in the picture any more"),
        ({"do": "move", "id": "cat-1"}, "nothing is said"),
        ({"do": "add", "box": BOX}, "not in the picture"),
    ],
)
def test_gestures_that_mean_nothing_are_refused(gesture: dict[str, Any], why: str):
    with pytest.raises(UserError, match=why):
        edits_of(Gesture.model_validate(gesture | {"n": 1}), SCENE)


@pytest.mark.parametrize(
    "gesture",
    [{"do": "paint"}, {"do": "move", "box": [0.5, 0, 0.2, 1]}, {"do": "rename", "prompt": " "}, {"do": "move", "x": 1}],
)
def test_gestures_that_cannot_be_read_are_refused(gesture: dict[str, Any]):
    with pytest.raises(ValidationError):
        Gesture.model_validate(gesture | {"n": 1})


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        (drawn_mask(0, 0, 0, 0), "empty"),
        ("data:image/png;base64,AAAA", "cannot be read"),
        ("data:image/png;base64,?", "cannot be read"),
        ("/etc/passwd", "cannot be read"),
    ],
)
def test_shapes_that_cannot_be_used_are_refused(mask: str, why: str):
    with pytest.raises(UserError, match=why):
        mask_of(Gesture(do="shape", n=1, id="cat-1", mask=mask))


def test_several_gestures_are_one_plan_and_shown_before_it_is_made():
    gestures = [
        Gesture(do="add", n=1, prompt="a tree", box=BOX),
        Gesture(do="rename", n=2, id="tree-1", prompt="a green tree"),
        Gesture(do="shape", n=3, id="cat-1", mask=drawn_mask(8, 16, 24, 40)),
        Gesture(do="remove", n=4, id="moon-1"),
    ]
    plan = planned(gestures[:3], Context(layouts=(SCENE,), attachments=("shape.png",)))
    layout = apply(SCENE, plan.edits)  # type: ignore[arg-type]
    assert [(entity.prompt, entity.mask) for entity in layout.entities] == [
        ("a red cat", "shape.png"),
        ("a blue dog", None),
        ("a green tree", None),
    ]
    shown = tried(SCENE, gestures)
    assert [entity.box for entity in shown.entities] == [entity.box for entity in layout.entities]
    with pytest.raises(UserError, match="no picture yet"):
        planned(gestures, Context())


def test_what_is_drawn_after_something_was_taken_away_keeps_the_name_it_is_shown_by():
    gestures = [
        Gesture(do="add", n=1, prompt="a tree", box=BOX),
        Gesture(do="remove", n=2, id="tree-2"),
        Gesture(do="add", n=3, prompt="a tree", mask=drawn_mask(8, 16, 24, 40)),
        Gesture(do="move", n=4, id="tree-3", box=BOX),
    ]
    taken = frozenset({"cat-1", "dog-1", "tree-1"})
    shown = tried(SCENE, gestures, taken=taken)
    assert [entity.id for entity in shown.entities] == ["cat-1", "dog-1", "tree-3"]
    plan = planned(gestures, Context(layouts=(SCENE,), taken=taken, attachments=("shape.png",)))
    layout = apply(SCENE, plan.edits, taken=taken)  # type: ignore[arg-type]
    assert [entity.id for entity in layout.entities] == ["cat-1", "dog-1", "tree-3"]


# -- a turn under way


@pytest.mark.parametrize(
    ("done", "total", "seconds", "left"), [(0, 19, 1.0, None), (5, 20, 10.0, 30.0), (20, 20, 9.0, 0.0)]
)
def test_the_time_left(done: int, total: int, seconds: float, left: float | None):
    assert seconds_left(done, total, seconds) == left


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (8.4, "8 s"), (89, "89 s"), (95, "2 min"), (3540, "59 min"), (4800, "1 h 20 min")],
)
def test_times_in_words(seconds: float, words: str):
    assert duration(seconds) == words


def test_what_is_being_done_in_words():
    running = Running(Work("paint"))
    running.follow(Progress(doing="planning"))
    assert (str(running), running.share) == ("planning …", 0.0)
    running.follow(Progress(doing="painting", done=1, total=4))
    assert (str(running), running.share) == ("painting, step 1 of 4", 0.25)
    running.follow(Progress(doing="painting", done=3, total=4))
    assert str(running) == "painting, step 3 of 4 · 1 s left"
    running.waits(2)
    assert str(running) == "waiting for the painter: 2 before you"
    running.stopping.set()
    with pytest.raises(Stopped):
        running.check()


# -- desks


def test_a_message_is_answered_and_the_plan_is_seen_before_the_picture(desk_at: Callable[..., Desk]):
    gate = Gate()
    desk = desk_at(Sketcher(hook=gate))
    assert (desk.turns, desk.layout, desk.picture, desk.size) == ((), None, None, (64, 64))
    desk.send(FIRST)
    assert gate.reached.wait(20)
    running = desk.running
    assert running is not None
    assert running.reply.startswith("I planned")
    assert [entity.prompt for entity in (desk.layout or SCENE).entities] == ["a red cat", "a blue car"]
    assert desk.history.versions == ()
    gate.steps.release(2)
    settled(desk)
    assert [turn.version for turn in desk.turns] == [1]
    assert desk.picture is not None


def test_a_gesture_is_a_turn_and_can_be_undone(desk_at: Callable[..., Desk]):
    desk = desk_at()
    desk.send(FIRST)
    before = settled(desk).history.current
    desk.gesture(Gesture(do="move", n=5, id="cat-1", box=BOX))
    desk.gesture(Gesture(do="move", n=5, id="cat-1", box=DOG.box))
    turn = settled(desk).turns[-1]
    assert (turn.user, turn.reply, turn.tools, turn.version) == ("Moved a red cat", "Done.", ("inpaint",), 2) or (
        turn.user == "Resized a red cat"
    )
    assert len(desk.turns) == 2
    assert desk.layout is not None
    assert desk.layout.entity("cat-1").box == BOX
    desk.gesture(Gesture(do="undo", n=6))
    assert desk.history.current == before
    desk.gesture(Gesture(do="redo", n=7))
    assert desk.history.head == 2
    with pytest.raises(ToolError, match="nothing to redo"):
        desk.gesture(Gesture(do="redo", n=8))


def test_a_painted_shape_stays_in_the_layout(desk_at: Callable[..., Desk]):
    painter = Sketcher()
    desk = desk_at(painter)
    desk.send(FIRST)
    settled(desk).gesture(Gesture(do="shape", n=1, id="cat-1", mask=drawn_mask(8, 16, 24, 40)))
    turn = settled(desk).turns[-1]
    assert (turn.user, turn.error, turn.version) == ("Painted the shape of a red cat", None, 2)
    assert desk.layout is not None
    cat = desk.layout.entity("cat-1")
    assert turn.attachments == (cat.mask,)
    assert desk.attached(turn)[0].is_file()
    desk.gesture(Gesture(do="shape", n=2, id="cat-1"))
    assert settled(desk).layout is not None
    assert desk.history.versions[2].layout.entity("cat-1") == cat.model_copy(update={"mask": None})


def test_changes_by_hand_are_gathered_where_that_is_chosen(desk_at: Callable[..., Desk]):
    desk = desk_at(at_once=False)
    desk.send(FIRST)
    settled(desk)
    desk.gesture(Gesture(do="add", n=1, prompt="a tree", box=BOX))
    desk.gesture(Gesture(do="remove", n=2, id="cat-1"))
    assert (len(desk.turns), len(desk.drafts)) == (1, 2)
    assert [entity.prompt for entity in (desk.layout or SCENE).entities] == ["a blue car", "a tree"]
    desk.discard()
    assert [entity.prompt for entity in (desk.layout or SCENE).entities] == ["a red cat", "a blue car"]
    desk.gesture(Gesture(do="remove", n=3, id="cat-1"))
    desk.paint()
    assert settled(desk).turns[-1].user == "Removed a red cat"


def test_a_stopped_turn_loses_nothing(desk_at: Callable[..., Desk]):
    gate = Gate()
    desk = desk_at(Sketcher(hook=gate))
    desk.send(FIRST)
    assert gate.reached.wait(20)
    desk.send("make the cat green")
    desk.stop()
    gate.steps.release(100)
    settled(desk)
    assert [(halted.work.text, halted.why) for halted in desk.halted] == [
        ("make the cat green", STOPPED),
        (FIRST, STOPPED),
    ]
    assert desk.turns == ()
    desk.again(desk.halted[1])
    assert settled(desk).turns[0].version == 1
    desk.forget(desk.halted[0])
    assert desk.halted == []


def test_messages_wait_for_the_turn_before_them(desk_at: Callable[..., Desk]):
    desk = desk_at()
    for text in (FIRST, "make the cat green", "remove the car"):
        desk.send(text)
    settled(desk)
    assert [turn.user for turn in desk.turns] == [FIRST, "make the cat green", "remove the car"]


@pytest.mark.parametrize(("error", "told"), [(UserError("no room"), "no room"), (KeyError("x"), "a fault of this")])
def test_a_turn_that_fails_is_said_and_the_next_goes_on(
    desk_at: Callable[..., Desk], error: Exception, told: str, caplog: pytest.LogCaptureFixture
):
    def fail(request: GenerateRequest) -> None:
        if request.prompt != "a dot":
            raise error

    painter = Sketcher(hook=fail)
    desk = desk_at(painter)
    desk.send(FIRST)
    settled(desk)
    assert told in desk.halted[0].why
    assert isinstance(error, UserError) or "a turn failed" in caplog.text
    painter.hook = None
    desk.again(desk.halted[0])
    assert settled(desk).turns[0].painted
    painter.hook = fail
    desk.send("make the cat green")
    assert [halted.after for halted in settled(desk).halted] == [1]


def test_candidates_are_versions_side_by_side(desk_at: Callable[..., Desk]):
    desk = desk_at(candidates=3)
    desk.send(FIRST)
    versions = settled(desk).history.versions
    assert [version.parent for version in versions] == [0, 0, 0]
    assert [version.seed for version in versions] == [7, 8, 9]
    assert len({version.picture for version in versions}) == 3
    assert [turn.varied for turn in desk.turns] == [0, 1, 1]
    assert desk.history.head == 1
    desk.goto(3)
    desk.repaint(50)
    assert settled(desk).history.current == desk.history.versions[3]
    assert (desk.history.versions[3].seed, desk.history.versions[3].parent) == (50, 0)


def test_stopping_at_the_other_candidates_keeps_the_first(desk_at: Callable[..., Desk]):
    second, stopped = threading.Event(), threading.Event()

    def wait(request: GenerateRequest) -> None:
        if request.seed == 8:
            second.set()
            assert stopped.wait(20)

    desk = desk_at(Sketcher(hook=wait), candidates=3)
    desk.send(FIRST)
    assert second.wait(20)
    desk.stop()
    stopped.set()
    assert (len(settled(desk).turns), desk.history.head, desk.halted) == (1, 1, [])


def test_a_guidance_of_nought_is_painted_with(desk_at: Callable[..., Desk]):
    painter = Sketcher()
    desk = desk_at(painter, guidance=0.0)
    desk.send(FIRST)
    assert settled(desk).idle
    assert painter.requests[-1].guidance == 0.0


def test_choices_work_from_the_next_turn_on(desk_at: Callable[..., Desk]):
    painter = Sketcher()
    desk = desk_at(painter, steps=3)
    desk.send(FIRST)
    settled(desk).choose(steps=5, guidance=2.0, preset="fast")
    desk.send("make the cat green")
    assert len(settled(desk).turns) == 2
    assert [(request.steps, request.guidance) for request in painter.requests[1:]] == [(3, 3.5), (5, 2.0)]
    assert [request.preset for request in painter.requests[1:]] == ["exact", "fast"]
    with pytest.raises(ValidationError):
        desk.choose(steps=0)


def test_what_is_locked_stays(desk_at: Callable[..., Desk]):
    desk = desk_at()
    desk.send(FIRST)
    settled(desk).lock("cat-1")
    desk.send("make the cat green")
    assert settled(desk).turns[-1].error == "a red cat is locked: unlock it first"
    desk.lock("cat-1")
    desk.send("make the cat green")
    assert settled(desk).turns[-1].error is None


def test_a_reference_is_an_attachment(desk_at: Callable[..., Desk], tmp_path: Path):
    desk = desk_at()
    desk.send(FIRST)
    settled(desk)
    Image.new("RGB", (32, 32), "orange").save(tmp_path / "orange.png")
    file = desk.keep("orange.png", (tmp_path / "orange.png").read_bytes())
    desk.edit("Took the style", lambda context: [Style(reference=context.attachments[0])], [file])
    turn = settled(desk).turns[-1]
    assert (turn.error, turn.tools, len(turn.attachments)) == (None, ("style",), 1)
    with pytest.raises(UserError, match="not an image"):
        desk.keep("orange.png", b"none")


def test_a_turn_that_was_cut_off_is_found_and_finished(desk_at: Callable[..., Desk]):
    class Killed(BaseException):
        pass

    def die(request: GenerateRequest) -> None:
        raise Killed

    desk = desk_at(Sketcher(hook=die))
    with pytest.raises(Killed), Session.open("s", planner=desk._handed, painter=desk.engine.painter) as session:
        session.send(FIRST)
    desk = desk_at()
    assert desk.turns == ()
    assert [(halted.work.text, halted.why) for halted in desk.halted] == [(FIRST, CUT_OFF)]
    desk.again(desk.halted[0])
    assert settled(desk).turns[0].version == 1


def test_two_sessions_share_a_painter_in_turn(desk_at: Callable[..., Desk]):
    gate = Gate()
    engine = Engine(get_profile(), painter=Sketcher(hook=gate), eye=Eye())
    one, other = (Desk(name, lambda profile: engine, Choices(size=(64, 64))) for name in ("one", "other"))
    one.send(FIRST)
    assert gate.reached.wait(20)
    other.send("a house")
    for _ in range(500):
        if other.running and other.running.place:
            break
        time.sleep(0.02)
    assert str(other.running) == "waiting for the painter: 1 before you"
    gate.steps.release(100)
    assert (len(settled(one).turns), len(settled(other).turns)) == (1, 1)
    assert one.layout != other.layout
    one.close()
    other.close()


# -- loading


def loaded(engine: Engine) -> None:
    while not engine.wait(0.05):
        pass


def test_loading_is_told_and_what_fails_is_said_and_tried_again():
    class Missing(Sketcher):
        there = False

        def paint(self, request: GenerateRequest, *, on_step: Any = None) -> Any:
            if not self.there:
                raise UserError("weights missing: no folder")
            return super().paint(request, on_step=on_step)

    painter = Missing()
    engine = Engine(get_profile(), painter=painter, eye=Eye())
    engine.start()
    with pytest.raises(UserError, match="weights missing"):
        loaded(engine)
    assert (engine.ready, engine.stage, engine.error) == (False, STAGES[2], "weights missing: no folder")
    painter.there = True
    engine.start()
    assert engine.wait(20)
    assert (engine.ready, engine.done, engine.error) == (True, len(STAGES), None)


# -- files


@pytest.fixture
def painted(desk_at: Callable[..., Desk]) -> Desk:
    desk = desk_at()
    desk.send(FIRST)
    settled(desk)
    desk.send("make the cat green")
    return settled(desk)


def test_the_picture_and_its_layout_open_again(painted: Desk, tmp_path: Path):
    (tmp_path / "p.png").write_bytes(picture_file(painted))
    (tmp_path / "p.json").write_bytes(layout_file(painted))
    requests = [read_request(tmp_path / name) for name in ("p.png", "p.json")]
    assert requests[0] == requests[1]
    current = painted.history.current
    assert current is not None
    assert requests[0].layout == current.layout
    assert (requests[0].seed, requests[0].width, type(requests[0])) == (7, 64, GenerateRequest)
    with Image.open(tmp_path / "p.png") as one, Image.open(painted.picture or "") as other:
        assert one.tobytes() == other.tobytes()
    painted.goto(1)
    assert json.loads(layout_file(painted))["versions"] == {"sketcher": "1"}


def test_the_session_opens_again(painted: Desk, tmp_path: Path):
    (tmp_path / "s.zip").write_bytes(session_file(painted))
    assert import_session(tmp_path / "s.zip", "again") == "again"
    again = Desk("again", painted.engines, Choices())
    assert (again.history, again.turns) == (painted.history, painted.turns)
    again.close()


def test_the_layers_and_cut_outs_by_the_mini_s_sam(painted: Desk):
    with zipfile.ZipFile(io.BytesIO(layers_file(painted))) as file:
        names = {name for name in file.namelist() if name.startswith("data/")}
    assert {"data/layer0.png"} < names
    with Image.open(io.BytesIO(cut_out_file(painted, "cat-1"))) as image:
        assert image.mode == "RGBA"
    with pytest.raises(UserError, match="any more"):
        cut_out_file(painted, "moon-1")


def test_without_a_picture_there_is_nothing_to_take(desk_at: Callable[..., Desk]):
    for make in (picture_file, layout_file, layers_file, session_file):
        with pytest.raises(UserError, match="no picture yet"):
            make(desk_at())


# -- the studio


def test_a_studio_keeps_a_desk_for_each_session():
    studio = Studio(Options(choices=Choices(steps=4)))
    assert studio.desk("a") is studio.desk("a")
    assert studio.desk("a") is not studio.desk("b")
    assert studio.desk("a").choices.steps == 4
    assert studio.desk("a").engine is studio.desk("b").engine
    for bad in ("../a", "", "a/b"):
        with pytest.raises(UserError, match="cannot name a session"):
            studio.desk(bad)


def test_desks_that_nobody_uses_are_closed_and_come_back(painted: Desk):
    studio = Studio(Options())
    desk = studio.desk(painted.name)
    painted.close()
    assert len(desk.turns) == 2
    for number in range(MOST_DESKS):
        studio.desk(f"s{number}")
    assert studio.desk(painted.name) is not desk
    assert len(studio.desk(painted.name).turns) == 2
    studio.desk(painted.name).close()


@pytest.mark.parametrize(("host", "local"), [("127.0.0.1", True), ("localhost", True), ("0.0.0.0", False)])
def test_where_others_can_visit_nobody_sees_or_guesses_a_session(host: str, local: bool, painted: Desk):
    studio = Studio(Options(host=host))
    assert studio.local == local
    assert (painted.name in studio.sessions) == local
    assert (len(studio.fresh_name()) == 32) == (not local)


# -- widgets that come back with their tab are told as changed


@pytest.mark.parametrize(("typed", "painted_again"), [(3, []), (None, []), (4, [4])])
def test_a_seed_that_is_there_already_paints_nothing(
    typed: int | None, painted_again: list[int], painted: Desk, monkeypatch: pytest.MonkeyPatch
):
    seeds: list[int] = []
    monkeypatch.setattr(painted, "repaint", seeds.append)
    monkeypatch.setattr(settings.st, "session_state", {"seed": typed})
    settings.reseed(painted, "seed", 3)
    assert seeds == painted_again


@pytest.mark.parametrize(("profile", "steps"), [("mini", 7), ("flux-dev", None)])
def test_only_another_profile_sets_the_steps_back(
    profile: str, steps: int | None, desk_at: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
):
    desk = desk_at()
    desk.choose(steps=7)
    monkeypatch.setattr(desk.engine, "start", lambda: None)
    told = settings.bound(desk, "profile", steps=None)
    monkeypatch.setattr(settings.st, "session_state", {told["key"]: profile})
    told["on_change"]()
    assert (desk.choices.profile, desk.choices.steps) == (profile, steps)
