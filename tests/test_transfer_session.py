"""A conversation about a thing of a reference picture: kept with the session, shown again, painted again, exported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from scripted import LINES, Eye, Planner, Sketcher

from eligen.assistant.agents.critic import repainted, retry
from eligen.assistant.archive import import_session
from eligen.assistant.context import Context
from eligen.assistant.plan import Move, Plan, Regenerate, Resize, Transfer
from eligen.assistant.session import Session
from eligen.assistant.state import Candidate
from eligen.assistant.turns import Finding, Verdict
from eligen.tools.layout import Box
from eligen.tools.requests import GenerateRequest, InpaintRequest, TransferRequest


class Copying(Planner):
    """Also answers "like this" with a transfer from the attached picture."""

    def plan(self, text: str, context: Context) -> Plan:
        if text == "make the cat like this":
            return Plan(reply="Like that.", edits=(Transfer(id="cat-1", reference=context.attachments[0]),))
        return super().plan(text, context)


TALK = LINES | {
    "bigger": Plan(reply="Bigger.", edits=(Resize(ids=("cat-1",), factor=1.3),)),
    "up": Plan(reply="Up.", edits=(Move(ids=("cat-1",), dy=-0.1),)),
    "again": Plan(reply="Again.", edits=(Regenerate(ids=("cat-1",)),)),
}


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    Image.new("RGB", (20, 30), (7, 8, 9)).save(tmp_path / "logo.png")
    return tmp_path / "logo.png"


@pytest.fixture
def painter() -> Sketcher:
    return Sketcher()


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, painter: Sketcher) -> Iterator[Session]:
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path / "home"))
    with Session.open("s", planner=Copying(TALK), painter=painter, eye=Eye(), size=(64, 64), seed=7) as opened:
        opened.send("a red cat and a blue dog")
        yield opened


def reference_of(session: Session) -> str | None:
    assert session.layout is not None
    return session.layout.entity("cat-1").reference


def test_the_thing_is_painted_after_the_reference_and_nothing_else(session: Session, logo: Path, painter: Sketcher):
    before = session.picture
    turn = session.send("make the cat like this", [logo])
    assert (turn.tools, turn.error) == (("transfer",), None)
    request = painter.requests[-1]
    assert isinstance(request, TransferRequest)
    with Image.open(Path(request.entities[0].reference or "")) as kept:
        assert kept.size == (20, 30)
    assert before is not None
    assert session.picture is not None
    with Image.open(before) as one, Image.open(session.picture) as other:
        _, _, right, _ = ImageChops.difference(one, other).getbbox() or (0, 0, 0, 0)
    assert right <= 32 + request.grow
    version = session.history.current
    assert version is not None
    assert version.requests[0].entities[0].reference == reference_of(session)
    assert len(reference_of(session) or "") == 64


@pytest.mark.parametrize(
    ("text", "tools"),
    [
        ("bigger", ("inpaint", "transfer")),
        ("again", ("transfer",)),
        ("up", ("inpaint",)),
        ("as a sketch", ("style", "transfer")),
        ("try again", ("generate", "transfer")),
        ("make the cat green", ("transfer",)),
        ("make the dog pink", ("inpaint",)),
    ],
)
def test_later_turns_do_not_lose_the_look(session: Session, logo: Path, text: str, tools: tuple[str, ...]):
    session.send("make the cat like this", [logo])
    kept = reference_of(session)
    turn = session.send(text)
    assert (turn.tools, turn.error) == (tools, None)
    assert reference_of(session) == kept
    version = session.history.current
    assert version is not None
    assert [type(one).__name__ for one in version.requests if one.entities and one.entities[0].reference] == [
        "TransferRequest"
    ] * tools.count("transfer")


def test_the_reference_goes_with_the_session(session: Session, logo: Path, tmp_path: Path):
    session.send("make the cat like this", [logo])
    session.undo()
    assert reference_of(session) is None
    session.redo()
    kept = reference_of(session)
    session.export(tmp_path / "s.zip")
    name = import_session(tmp_path / "s.zip", "copy")
    with Session.open(name, planner=Planner(TALK), painter=Sketcher(), size=(64, 64)) as copied:
        assert reference_of(copied) == kept
        assert copied.send("again").tools == ("transfer",)


# -- the critic


LEFT, RIGHT = Box(x0=0, y0=0, x1=0.4, y1=0.4), Box(x0=0.5, y0=0.5, x1=1, y1=1)
FIELDS = {
    "prompt": "two things",
    "width": 64,
    "height": 64,
    "seed": 1,
    "entities": [{"id": "a", "prompt": "a", "box": LEFT}, {"id": "b", "prompt": "b", "box": RIGHT}],
}
LIKE = FIELDS | {
    "image": "b" * 64,
    "entities": [entity | {"reference": "c" * 64} for entity in FIELDS["entities"]],  # type: ignore[attr-defined]
}


def seen(request: GenerateRequest, *others: GenerateRequest, missing: str) -> Candidate:
    findings = [
        Finding(id=name, prompt=name, present=name not in missing, placed=True, attributes=True, score=0.5)
        for name in "ab"
    ]
    return Candidate(picture="a" * 64, requests=(request, *others), verdict=Verdict(findings=tuple(findings)))


def test_what_was_transferred_and_failed_is_transferred_again():
    last = TransferRequest.model_validate(LIKE)
    assert [entity.id for entity in repainted(last)] == ["a", "b"]
    assert [entity.id for entity in repainted(last.model_copy(update={"region": (LEFT,)}))] == ["a"]
    step = retry(seen(last, missing="b"), attempt=1)
    assert step.tool == "transfer"
    assert isinstance(step.request, TransferRequest)
    assert (step.request.image, [entity.id for entity in step.request.entities]) == ("a" * 64, ["b"])
    assert step.request.seed != last.seed


def test_what_was_painted_by_words_before_a_transfer_is_painted_by_words_again():
    first = InpaintRequest.model_validate(
        FIELDS | {"image": "d" * 64, "region": [LEFT], "carried": [{"source": LEFT, "target": RIGHT}]}
    )
    last = TransferRequest.model_validate(LIKE | {"entities": [LIKE["entities"][1]]})  # type: ignore[index]
    step = retry(seen(first, last, missing="a"), attempt=1)
    assert step.tool == "inpaint"
    assert isinstance(step.request, InpaintRequest)
    assert (step.request.image, step.request.carried) == ("a" * 64, ())
    assert step.request.region[0].intersection(RIGHT) == 0
