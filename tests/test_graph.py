"""The graph by itself: its shape, what its checkpoints hold, and the places where they may lie."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from scripted import SCENE, WHICH, Eye, Planner, Sketcher

from eligen.assistant.agents.critic import RETRIES, best, repainted, retry
from eligen.assistant.agents.painter import Paints
from eligen.assistant.checkpoints import checkpointer
from eligen.assistant.graph import build_graph
from eligen.assistant.opening import written_settings
from eligen.assistant.routing import Settings, steps
from eligen.assistant.session import Session
from eligen.assistant.state import Candidate, State, as_json
from eligen.assistant.store import Store, session_folder
from eligen.assistant.turns import Finding, Verdict
from eligen.tools.errors import ModelOutputError, UserError
from eligen.tools.layout import Box
from eligen.tools.requests import GenerateRequest, InpaintRequest

ROOT = Path(__file__).parents[1]
SETTINGS = Settings(width=64, height=64, seed=3)
THREAD: Any = {"configurable": {"thread_id": "t"}}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def store() -> Iterator[Store]:
    with Store(session_folder("s")) as opened:
        yield opened


def built(store: Store, *, eye: Any = None, painter: Paints | None = None) -> Any:
    graph = build_graph(
        planner=Planner(), painter=painter or Sketcher(), eye=eye, store=store, settings=SETTINGS, approve=False
    )
    return graph.compile(checkpointer=InMemorySaver())


def test_its_nodes_are_the_agents(store: Store):
    drawn = built(store, eye=Eye()).get_graph()
    assert set(drawn.nodes) == {"__start__", "planner", "upload", "painter", "critic", "record", "ask", "__end__"}
    edges = {(edge.source, edge.target) for edge in drawn.edges}
    assert {("planner", "upload"), ("upload", "planner"), ("planner", "painter"), ("planner", "record")} <= edges
    assert {("painter", "critic"), ("critic", "painter")} <= edges
    assert {("critic", "record"), ("record", "ask"), ("ask", "planner"), ("record", "__end__")} <= edges


def test_without_an_eye_there_is_no_critic(store: Store):
    drawn = built(store).get_graph()
    assert "critic" not in drawn.nodes
    assert ("painter", "record") in {(edge.source, edge.target) for edge in drawn.edges}


def test_a_question_interrupts_and_a_plain_text_resumes(store: Store):
    graph = built(store)
    graph.invoke({"text": "a red cat and a blue dog"}, THREAD)
    answer = graph.invoke({"text": "remove it"}, THREAD)
    (asked,) = answer["__interrupt__"]
    assert asked.value == {"question": WHICH.text, "options": ["the cat", "the dog"]}
    graph.invoke(Command(resume="the dog"), THREAD)
    assert [entity.id for entity in store.history.layouts[-1].entities] == ["cat-1"]
    assert [turn.user for turn in store.turns] == ["a red cat and a blue dog", "remove it", "the dog"]


def test_every_checkpoint_is_plain_json_without_pictures(store: Store):
    graph = built(store, eye=Eye({"cat-1"}))
    graph.invoke({"text": "a red cat and a blue dog"}, THREAD)
    for snapshot in graph.get_state_history(THREAD):
        assert json.loads(json.dumps(snapshot.values)) == snapshot.values
        assert len(json.dumps(snapshot.values)) < 10_000
        if "text" in snapshot.values:
            State(**snapshot.values)


def test_a_session_that_was_never_opened_gets_its_settings(store: Store, tmp_path: Path):
    built(store).invoke({"text": "a red cat and a blue dog"}, THREAD)
    assert written_settings(store) == SETTINGS
    store.record(store.history, settings=SETTINGS.model_copy(update={"seed": 4}).model_dump_json())
    built(store).invoke({"text": "make the cat green"}, THREAD)
    assert written_settings(store).seed == 4


def test_running_record_twice_records_once(store: Store):
    graph = built(store)
    graph.invoke({"text": "a red cat and a blue dog"}, THREAD)
    before = next(shot for shot in graph.get_state_history(THREAD) if shot.next == ("record",))
    graph.invoke(None, before.config)
    assert len(store.turns) == len(store.history.versions) == 1


def test_progress_streams_as_plain_values_but_for_the_preview(store: Store):
    events = list(
        built(store, eye=Eye({"dog-1"})).stream({"text": "a red cat and a blue dog"}, THREAD, stream_mode="custom")
    )
    assert [event["doing"] for event in events] == [
        *("planning", "painting", "painting", "looking", "once more: a blue dog", "painting", "painting", "looking")
    ]
    for event in events:
        event.pop("preview", None)
        json.dumps(event)


def test_the_file_for_langgraph_studio_leads_to_a_graph():
    (target,) = json.loads((ROOT / "langgraph.json").read_text())["graphs"].values()
    path, name = target.split(":")
    spec = importlib.util.spec_from_file_location("loaded_by_studio", ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    graph = getattr(module, name)()
    assert graph is getattr(module, name)()
    assert graph.checkpointer is None
    assert {"planner", "painter"} <= set(graph.get_graph().nodes)


def candidate(*missing: str, request: GenerateRequest, picture: str = "a" * 64) -> Candidate:
    findings = tuple(
        Finding(id=e.id, prompt=e.prompt, present=e.id not in missing, placed=True, attributes=True, score=0.5)
        for e in request.entities
    )
    return Candidate(picture=picture, requests=(request,), verdict=Verdict(findings=findings))


def generated() -> GenerateRequest:
    (step,) = steps(None, SCENE, (), picture=None, settings=SETTINGS)
    return step.request


def test_the_best_candidate_is_the_first_of_equals():
    whole, other, bad = (
        candidate(*missing, request=generated(), picture=name * 64)
        for missing, name in (((), "a"), ((), "b"), (("cat-1",), "c"))
    )
    assert best((bad, whole, other)) is whole
    bare = Candidate(picture="d" * 64, requests=())
    assert best((bare, bare)) is bare


def test_a_retry_of_a_whole_picture_paints_only_what_failed():
    request = retry(candidate("dog-1", request=generated()), attempt=1).request
    assert isinstance(request, InpaintRequest)
    assert request.image == "a" * 64
    assert len(request.region) == 1
    assert request.region[0].intersection(SCENE.entities[0].box) < 0.03
    assert request.entities == SCENE.entities
    assert (
        len({request.seed, generated().seed, retry(candidate("dog-1", request=generated()), attempt=2).request.seed})
        == 3
    )


def test_a_retry_of_an_edit_stays_within_what_the_edit_repainted():
    places = (Box(x0=0.0, y0=0.2, x1=0.55, y1=0.8), Box(x0=0.45, y0=0.2, x1=1.0, y1=0.8))
    edit = InpaintRequest(**dict(generated()), image="b" * 64, region=places)
    request = retry(candidate("cat-1", request=edit), attempt=1).request
    assert request.region == places  # both touch the cat
    far = edit.model_copy(update={"region": (SCENE.entities[0].box, SCENE.entities[1].box)})
    assert retry(candidate("cat-1", request=far), attempt=1).request.region == (SCENE.entities[0].box,)
    kept = InpaintRequest(**dict(generated()), image="b" * 64, keep=places)
    again = retry(candidate("cat-1", request=kept), attempt=1).request
    assert (again.image, again.keep) == ("b" * 64, places)
    assert again.seed != kept.seed


def test_a_hopeless_layout_ends_after_two_retries(store: Store):
    painter = Sketcher()
    built(store, painter=painter, eye=Eye(*[{"cat-1"}] * 9)).invoke({"text": "a red cat and a blue dog"}, THREAD)
    assert len(painter.requests) == store.turns[0].tries == 1 + RETRIES


def test_the_critic_judges_what_was_painted_anew():
    cat, dog = SCENE.entities
    fields = dict(generated())
    assert repainted(generated()) == [cat, dog]
    assert repainted(InpaintRequest(**fields, image="b" * 64, mask="c" * 64)) == [cat, dog]
    assert repainted(
        InpaintRequest(**fields, image="b" * 64, region=(cat.box, Box(x0=0.5, y0=0.2, x1=0.6, y1=1.0)))
    ) == [cat]
    assert repainted(InpaintRequest(**fields, image="b" * 64, keep=(cat.box,))) == [dog]


class Blind:
    """An eye that cannot tell."""

    def look(self, image: Any, entities: Any) -> Any:
        raise ModelOutputError("no JSON")


def test_what_could_not_be_checked_is_kept_and_said(store: Store):
    painter = Sketcher()
    built(store, painter=painter, eye=Blind()).invoke({"text": "a red cat and a blue dog"}, THREAD)
    (turn,) = store.turns
    assert (turn.tries, turn.verdict, turn.painted) == (1, None, True)
    assert "the picture was not checked: no JSON" in turn.notices


@pytest.mark.parametrize("url", ["mysql://x", "x", ""])
def test_unknown_places_for_checkpoints_are_refused(tmp_path: Path, url: str):
    with pytest.raises(UserError, match="SQLite, or in Postgres"), checkpointer(tmp_path, url):
        pass


def test_checkpoints_that_cannot_be_made_are_told(tmp_path: Path):
    (tmp_path / "checkpoints.sqlite").write_bytes(b"")
    connection = partial(sqlite3.connect, f"file:{tmp_path}/checkpoints.sqlite?mode=ro", uri=True)
    with (
        mock.patch("sqlite3.connect", lambda path, **options: connection(**options)),
        pytest.raises(UserError, match=r"^cannot write to "),
        checkpointer(tmp_path),
    ):
        pass


def test_a_server_that_does_not_answer_is_said_without_the_password(tmp_path: Path):
    pytest.importorskip("psycopg")
    with (
        pytest.raises(UserError, match="does not answer") as refused,
        checkpointer(tmp_path, "postgresql://me:sesame@127.0.0.1:1/x"),
    ):
        pass
    assert "sesame" not in str(refused.value)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of a Postgres server of its own, where one is installed."""
    pytest.importorskip("psycopg")
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        pytest.skip("no Postgres is installed")
    with tempfile.TemporaryDirectory() as folder:
        user = {"user": "nobody"} if os.geteuid() == 0 else {}  # it refuses to be run by root
        if user:
            shutil.chown(folder, **user)
        control = ["pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-w"]
        options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
        run = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, **user)
        run(["initdb", "-D", f"{folder}/data", "-U", "me", "-A", "trust"])
        run([*control, "-o", options, "start"])
        yield f"postgresql://me@/postgres?host={folder}"
        run([*control, "-m", "immediate", "stop"])


def test_a_question_waits_in_postgres_too(postgres: str):
    def opened() -> Session:
        return Session.open("p", planner=Planner(), painter=Sketcher(), size=(64, 64), seed=1, checkpoints=postgres)

    with opened() as session:
        session.send("a red cat and a blue dog")
        session.send("remove it")
    with opened() as session:
        assert session._thread.waits
        session.answer("the dog")
        assert [entity.id for entity in session.layout.entities] == ["cat-1"]
        assert session._thread.under_way == {}
        assert not (session._store.folder / "checkpoints.sqlite").exists()


def test_updates_of_the_state_are_json():
    assert as_json(layout=SCENE, steps=(), n=1, error="") == {
        "layout": SCENE.model_dump(mode="json"),
        "steps": [],
        "n": 1,
        "error": "",
    }
