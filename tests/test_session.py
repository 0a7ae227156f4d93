"""Sessions from end to end: turns, questions, versions, and what a restart finds."""

from __future__ import annotations

import errno
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops
from scripted import CAT, SCENE, WHICH, Eye, Namer, Planner, Sketcher

from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.context import Context
from eligen.assistant.plan import Plan
from eligen.assistant.session import Session
from eligen.assistant.state import Progress
from eligen.assistant.turns import Turn
from eligen.tools.errors import ToolError, UserError
from eligen.tools.profiles import MINI

Open = Callable[..., Session]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def open_session() -> Iterator[Open]:
    """Return a function that opens the session `s`, closing the one it opened before."""
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


def files(session: Session) -> set[str]:
    return {path.stem for path in (session._store.folder / "pictures").iterdir()}


def pixels(path: Path | None) -> Image.Image:
    assert path is not None
    with Image.open(path) as image:
        return image.convert("RGB")


def changed(before: Path | None, after: Path | None) -> tuple[int, int, int, int] | None:
    """Return the box, in pixels, outside which two pictures are bit for bit the same."""
    return ImageChops.difference(pixels(before), pixels(after)).getbbox()


def test_a_first_message_paints_a_first_version(open_session: Open):
    session = open_session()
    turn = session.send("a red cat and a blue dog")
    assert (turn.number, turn.reply, turn.tools, turn.version, turn.painted) == (
        1,
        "A cat and a dog.",
        ("generate",),
        1,
        True,
    )
    assert turn.notices == ("painted by a sketcher",)
    assert session.layout == SCENE
    (request,) = session.history.current.requests
    assert (request.seed, request.width, request.versions) == (7, 64, {"sketcher": "1"})
    assert pixels(session.picture).size == (64, 64)
    assert files(session) == {session.history.current.picture}


def test_an_edit_repaints_only_what_it_names(open_session: Open):
    session = open_session()
    session.send("a red cat and a blue dog")
    first = session.picture
    turn = session.send("make the cat green")
    assert turn.tools == ("inpaint",)
    assert [entity.prompt for entity in session.layout.entities] == ["a green cat", "a blue dog"]
    assert session.layout.entities[1] == SCENE.entities[1]
    box = changed(first, session.picture)
    assert box is not None
    assert box[2] <= 36
    assert session.history.current.requests[0].image == session.history.versions[0].picture
    mask = pixels(session._store.pictures.path(session.history.current.mask)).convert("L")
    assert mask.getbbox()[2] <= 36
    assert session.history.versions[0].mask is None


def test_undo_redo_and_branches_by_words_and_by_methods(open_session: Open):
    session = open_session()
    for text in ("a red cat and a blue dog", "make the cat green", "make the dog pink"):
        session.send(text)
    turn = session.send("undo")
    assert (turn.version, turn.painted, turn.tools) == (2, False, ())
    assert session.undo() == session.history.versions[0]
    assert session.send("redo").version == 2
    assert session.send("no, the dog").version == 4
    assert session.history.current.parent == 1
    assert [entity.prompt for entity in session.layout.entities] == ["a red cat", "a green dog"]
    assert session.history.branches == (3, 4)
    assert session.goto(3) == session.history.versions[2]
    assert session.redo is not None
    with pytest.raises(ToolError, match="nothing to redo"):
        session.redo()
    again = open_session()
    assert again.history.head == 3
    assert again.undo(9) is None
    assert again.picture is None
    assert again.layout is None


def test_an_edit_after_undoing_the_first_version_begins_anew(open_session: Open):
    session = open_session()
    session.send("a red cat and a blue dog")
    session.undo()
    assert session.send("make the cat green").error == "there is no picture yet to change"
    assert session.send("a red cat and a blue dog").version == 2
    assert session.history.branches == (1, 2)
    assert {entity.id for entity in session.layout.entities} & {"cat-1", "dog-1"} == set()


def test_small_talk_and_impossible_edits_make_no_version(open_session: Open):
    session = open_session()
    first = session.send("remove the cat")
    assert first.error == "there is no picture yet to change"
    assert first.reply == "I could not do that: there is no picture yet to change."
    session.send("a red cat and a blue dog")
    turn = session.send("thanks")
    assert (turn.reply, turn.version, turn.painted, turn.error) == ("You are welcome.", 1, False, None)
    assert session.send("redo").error == "there is nothing to redo"
    assert session.send("abracadabra").reply == "I could not do that: nobody knows what 'abracadabra' means."
    assert len(session.history.versions) == 1


def test_what_a_tool_cannot_do_leaves_everything_as_it_was(open_session: Open):
    session = open_session(painter=Sketcher(refuses="green"))
    for text in ("a red cat and a blue dog", "make the dog pink"):
        session.send(text)
    turn = session.send("no, the dog")
    assert turn.reply == "I could not do that: there is no way to paint green."
    assert (turn.version, session.history.head, turn.painted) == (2, 2, False)
    assert len(session.history.versions) == 2


def test_a_question_waits_for_its_answer(open_session: Open):
    planner = Planner()
    session = open_session(planner=planner)
    session.send("a red cat and a blue dog")
    turn = session.send("remove it")
    assert (turn.question, session.question, turn.painted, turn.version) == (WHICH, WHICH, False, 1)
    assert session.unfinished is None
    answered = session.answer("the dog")
    assert (answered.number, answered.user, answered.reply, session.question) == (
        3,
        "the dog",
        "Done with the dog.",
        None,
    )
    assert session.layout.entities == (CAT,)
    assert planner.contexts[-1].question == WHICH
    assert [message.text for message in planner.contexts[-1].dialogue][-2:] == ["remove it", WHICH.text]
    with pytest.raises(UserError, match="no open question"):
        session.answer("the cat")


def test_a_question_waits_across_a_restart(open_session: Open):
    session = open_session()
    session.send("a red cat and a blue dog")
    session.send("remove it")
    again = open_session()
    assert again._thread.waits
    assert again.unfinished is None
    assert again.answer("the cat").reply == "Done with the cat."
    assert [entity.id for entity in again.layout.entities] == ["dog-1"]


def test_another_message_than_an_answer_is_a_new_message(open_session: Open):
    session = open_session()
    session.send("a red cat and a blue dog")
    session.send("remove it")
    assert session.send("make the cat green").painted
    assert session.question is None


def test_a_plan_is_approved_before_it_is_painted(open_session: Open):
    session = open_session(approve=True)
    turn = session.send("a red cat and a blue dog")
    assert (turn.painted, turn.question.text, session.picture) == (False, "Shall I paint it?", None)
    assert session.send("no").reply == "I left it as it was."
    session.send("a red cat and a blue dog")
    again = open_session(approve=True)
    assert again.send("Yes.").painted
    assert again.layout == SCENE
    again.send("make the cat green")
    assert again.send("make the dog pink").question.options[0].edits == Planner().lines["make the dog pink"].edits
    assert again.send("yes, paint it").painted
    assert [entity.prompt for entity in again.layout.entities] == ["a red cat", "a pink dog"]
    assert not again.send("undo").question


def test_progress_and_previews_are_streamed(open_session: Open):
    *events, turn = open_session().stream("a red cat and a blue dog")
    assert isinstance(turn, Turn)
    assert [str(event) for event in events] == ["planning", "painting 1/2", "painting 2/2"]
    assert isinstance(events[-1], Progress)
    assert events[-1].preview().size == (64, 64)


def test_a_stream_that_is_closed_leaves_no_trace(open_session: Open):
    session = open_session()
    session.send("a red cat and a blue dog")
    stream = session.stream("make the cat green")
    assert [str(next(stream)) for _ in range(2)] == ["planning", "painting 1/2"]
    stream.close()
    assert session.unfinished is None
    assert len(session.turns) == 1
    assert session.send("make the dog pink").number == 2


class Killed(BaseException):
    """What stands in for a killed process."""


@pytest.mark.parametrize("known", [0, 1])
def test_a_turn_that_was_cut_off_is_resumed_or_given_up(open_session: Open, known: int):
    def kill(request: Any) -> None:
        if any("green" in entity.prompt for entity in request.entities):
            raise Killed

    session = open_session(painter=Sketcher(hook=kill))
    session.send("a red cat and a blue dog")
    with pytest.raises(Killed):
        session.send("make the cat green")
    again = open_session()
    assert again.unfinished == "make the cat green"
    assert len(again.turns) == 1
    if known:
        assert again.resume().reply == "The cat is green."
    else:
        assert again.send("make the dog pink").number == 2
    assert again.unfinished is None
    assert again.resume() is None
    versions = again.history.versions
    assert files(again) == {name for version in versions for name in (version.picture, version.mask)} - {None}


class Dying(Planner):
    """Dies of the first message."""

    def plan(self, text: str, context: Context) -> Plan:
        raise Killed


@pytest.mark.parametrize("checkpoints", [2, 1])
def test_a_turn_that_was_cut_off_before_it_was_planned_is_resumed(open_session: Open, tmp_path: Path, checkpoints: int):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "x.png")
    session = open_session(planner=Dying())
    with pytest.raises(Killed):
        session.send("a red cat and a blue dog", [tmp_path / "x.png"])
    file = session.folder / "checkpoints.sqlite"
    session.close()
    with closing(sqlite3.connect(file)) as database, database:
        ids = sorted(row[0] for row in database.execute("SELECT checkpoint_id FROM checkpoints"))
        assert len(ids) == 2
        database.executemany("DELETE FROM checkpoints WHERE checkpoint_id = ?", [(one,) for one in ids[checkpoints:]])
    again = open_session(planner=Namer())
    assert again.unfinished == "a red cat and a blue dog"
    turn = again.resume()
    assert (turn.painted, again.layout) == (True, SCENE)
    assert set(turn.attachments) < files(again)


def test_attached_pictures_are_kept_and_shown_to_the_planner(open_session: Open, tmp_path: Path):
    planner = Namer()
    Image.new("L", (20, 10), 99).save(tmp_path / "x.jpg")
    session = open_session(planner=planner)
    turn = session.send("remove it", [tmp_path / "x.jpg"])
    (seen,) = planner.contexts[-1].attachments
    assert pixels(Path(seen)).size == (20, 10)
    assert Path(seen).stem == turn.attachments[0]
    assert files(session) == set(turn.attachments)
    session.send("thanks")
    assert planner.contexts[-1].attachments == (seen,)  # those that the question was about
    session.send("thanks")
    assert planner.contexts[-1].attachments == ()


def test_bad_messages_are_refused_in_one_line(open_session: Open, tmp_path: Path):
    session = open_session()
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    for text, attached, why in (
        (" \t ", [], "is empty"),
        ("x" * 10_001, [], "too long"),
        ("thanks", [tmp_path / "missing.png"], "no image"),
        ("thanks", [tmp_path / "broken.png"], "not an image"),
        ("thanks", [tmp_path / "broken.png"] * 9, "too many"),
    ):
        with pytest.raises(UserError, match=why):
            session.send(text, attached)
    assert session.turns == ()
    assert session.unfinished is None


def test_a_full_disk_is_told_and_the_session_goes_on(open_session: Open, monkeypatch: pytest.MonkeyPatch):
    session = open_session()
    session.send("a red cat and a blue dog")
    before = session.history, session.turns
    for database in (session._store._open().database, session._thread._saver.conn):
        database.execute("PRAGMA query_only = ON")
        for _ in range(2):
            with pytest.raises(UserError, match=r"^cannot write to .*/s: "):
                session.send("make the cat green")
        database.execute("PRAGMA query_only = OFF")
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(errno.ENOSPC, "disk full")))
        with pytest.raises(UserError, match=r"^cannot write .*: disk full") as refused:
            session.send("make the cat green")
        assert "\n" not in str(refused.value)
        assert files(session) == {session.history.current.picture}
    assert (session.history, session.turns) == before
    assert session.send("make the cat green").version == 2


def test_a_finished_turn_is_answered_when_its_checkpoints_cannot_be_deleted(
    open_session: Open, monkeypatch: pytest.MonkeyPatch
):
    session = open_session()
    with monkeypatch.context() as patch:
        patch.setattr(
            session._thread._saver,
            "delete_thread",
            lambda name: (_ for _ in ()).throw(sqlite3.OperationalError("full")),
        )
        assert session.send("a red cat and a blue dog").version == 1
    assert session.send("make the cat green").version == 2
    assert open_session().unfinished is None


def test_damaged_settings_are_told_in_one_line(open_session: Open, tmp_path: Path):
    session = open_session()
    session._store.record(session.history, settings='{"width": "wide"}')
    for use in (lambda: session.export(tmp_path / "s.zip"), open_session):
        with pytest.raises(UserError, match=r"^the settings of session 's' are damaged: ") as refused:
            use()
        assert "\n" not in str(refused.value)


def test_a_session_keeps_its_size_and_takes_the_rest(open_session: Open):
    assert open_session().settings.seed == 7
    again = open_session(size=None, seed=None, steps=3)
    assert (again.settings.width, again.settings.seed, again.settings.steps) == (64, 7, 3)
    with pytest.raises(UserError, match="paints 64x64"):
        open_session(size=(128, 64))


def test_a_picture_painted_again_keeps_its_new_seed_until_another_is_given(open_session: Open):
    session = open_session()

    def seed(text: str) -> int:
        session.send(text)
        return session.history.current.requests[0].seed

    first, again = seed("a red cat and a blue dog"), seed("try again")
    assert first == 7 != again
    assert seed("as a sketch") == seed("make the cat green") == again
    assert seed("try again") not in (first, again)
    session.goto(1)
    assert seed("as a sketch") == first
    session = open_session(seed=9)
    assert seed("make the dog pink") == seed("a red cat and a blue dog") == 9
    again = seed("try again")
    assert seed("as a sketch") == again != 9


def test_sessions_get_names_and_seeds_of_their_own():
    names, seeds = set(), set()
    for _ in range(3):
        with Session.open(planner=Planner(), painter=Sketcher()) as session:
            names.add(session.name)
            seeds.add(session.settings.seed)
            assert (session.settings.width, session.settings.profile) == (MINI.width, "mini")
    assert len(names) == len(seeds) == 3


def test_state_holds_no_picture_and_finished_turns_leave_no_checkpoint(open_session: Open):
    session = open_session()
    session.send("a red cat and a blue dog")
    assert session._thread.under_way == {}
    session.send("remove it")
    values = session._thread.snapshot().values
    assert json.loads(json.dumps(values)) == values
    assert len(json.dumps(values)) < 2000


def test_a_turn_adds_little_beside_its_pictures(open_session: Open):
    session = open_session()

    def size() -> int:
        return sum(path.stat().st_size for path in session._store.folder.iterdir() if path.is_file())

    session.send("a red cat and a blue dog")
    colours = ["make the cat green", "undo", "make the dog pink", "undo"]
    sizes = []
    for number in range(40):
        session.send(colours[number % 4])
        sizes.append(size())
    assert max(after - before for before, after in pairwise(sizes[30:])) <= 20_000


def test_the_critic_has_what_failed_painted_again(open_session: Open):
    painter = Sketcher()
    session = open_session(painter=painter, eye=Eye({"dog-1"}, set()))
    turn = session.send("a red cat and a blue dog")
    assert (turn.tries, turn.verdict.ok, turn.reply, turn.tools) == (2, True, "A cat and a dog.", ("generate",))
    first, second = painter.requests
    (place,) = second.region
    assert place.intersection(SCENE.entities[1].box) == SCENE.entities[1].box.area
    assert place.area < 1.5 * SCENE.entities[1].box.area
    assert second.seed != first.seed
    assert [
        len(request.region) if hasattr(request, "region") else 0 for request in session.history.current.requests
    ] == [0, 1]
    assert files(session) == {session.history.current.picture, session.history.current.requests[1].image}


def test_the_best_candidate_is_kept_and_what_is_wrong_is_said(open_session: Open):
    painter = Sketcher()
    session = open_session(painter=painter, eye=Eye({"dog-1", "cat-1"}, {"dog-1"}, {"dog-1", "cat-1"}))
    turn = session.send("a red cat and a blue dog")
    assert len(painter.requests) == turn.tries == 3
    assert turn.reply == "A cat and a dog. The blue dog is missing: I could not fit it."
    assert [finding.id for finding in turn.verdict.failed] == ["dog-1"]
    _, kept = session.history.current.requests
    assert files(session) == {session.history.current.picture, kept.image}


def test_a_picture_keeps_its_name_when_the_session_is_opened_again(open_session: Open, tmp_path: Path):
    Image.new("L", (20, 10), 99).save(tmp_path / "x.jpg")
    session = open_session(planner=RulesPlanner())
    named = session.send("This is my logo", [tmp_path / "x.jpg"])
    assert [(one.name, one.reference) for one in named.names] == [("logo", named.attachments[0])]
    assert not named.painted
    again = open_session(planner=RulesPlanner())
    again.send("a mug with a spoon")
    assert again.turns[0].names == named.names
    assert named.attachments[0] in files(again)
