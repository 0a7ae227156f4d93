"""Expectations: what holds, what does not, and agreement with the judge of the planning cases."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from test_planbench import FOLDER, load
from test_planbench import judge as judge

from eligen.assistant.evaluation.agents import Agent, get_agent
from eligen.assistant.evaluation.checks.base import Scene, Selector
from eligen.assistant.evaluation.checks.expectation import Expectation
from eligen.assistant.evaluation.evaluators.expected import nouns
from eligen.assistant.evaluation.importers import planbench
from eligen.assistant.evaluation.play import play
from eligen.assistant.evaluation.played import Message, Played, PlayedTurn
from eligen.assistant.evaluation.scenarios import Scenario
from eligen.assistant.turns import Finding, Verdict
from eligen.tools.layout import Box, Entity, Layout

Change = Callable[[Layout], Layout]


def entity(name: str, prompt: str, *box: float) -> Entity:
    return Entity(id=name, prompt=prompt, box=Box.model_validate(box))


CAT, DOG = entity("cat-1", "a red cat", 0.1, 0.4, 0.3, 0.6), entity("dog-1", "a puppy", 0.6, 0.4, 0.8, 0.6)
CUP = entity("cup-1", "a cup next to a red bowl", 0.4, 0.7, 0.5, 0.8)


def turn(*entities: Entity, said: str = "Here it is.", background: str = "", **fields: Any) -> PlayedTurn:
    layout = Layout(prompt="a picture", entities=entities, background=background)
    return PlayedTurn(messages=(Message(user="go", reply=said),), layout=layout, **fields)


def shifted(one: Entity, dx: float, dy: float) -> Entity:
    x0, y0, x1, y1 = one.box.as_tuple()
    return one.model_copy(update={"box": Box(x0=x0 + dx, y0=y0 + dy, x1=x1 + dx, y1=y1 + dy)})


NOW = [
    ({"count": {"of": "cat", "n": 1}}, True),
    ({"count": {"of": "cat", "n": 0}}, False),
    ({"count": {"of": "cat", "least": 2}}, False),
    ({"count": {"of": {"noun": "cat", "looks": "blue"}, "most": 0}}, True),
    ({"count": {"of": "cat", "most": 0}}, False),
    ({"count": {"of": "cat", "least": 1, "most": 1}}, True),
    ({"absent": "horse"}, True),
    ({"absent": "dog"}, False),
    ({"compare": {"a": "cat", "is": "equal", "b": "dog"}}, True),
    ({"compare": {"a": "cat", "is": "more", "b": "dog"}}, False),
    ({"attribute": {"of": "cat", "looks": "red|crimson"}}, True),
    ({"attribute": {"of": "cup", "looks": "red"}}, False),
    ({"relation": {"a": "cat", "is": "left of", "b": "dog"}}, True),
    ({"relation": {"a": "cat", "is": "above", "b": "dog"}}, False),
    ({"relation": {"a": "cat", "is": "left of", "b": "horse"}}, False),
    ({"between": {"of": "cup", "a": "cat", "b": "dog"}}, True),
    ({"between": {"of": "cat", "a": "cup", "b": "dog"}}, False),
    ({"larger": {"a": "cat", "b": "cup"}}, True),
    ({"larger": {"a": "cup", "b": "cat"}}, False),
    ({"region": {"of": "cat", "where": "left"}}, True),
    ({"region": {"of": "cat", "where": "top-left"}}, False),
    ({"background": ["beach", "meadow"]}, True),
    ({"background": ["forest"]}, False),
    ({"style": ["watercolour"]}, False),
    ({"tools": ["generate"]}, True),
    ({"tools": []}, False),
    ({"verdict": "failed"}, True),
    ({"verdict": "none"}, False),
    ({"reply": {"contains": ["here"], "lacks": ["sorry"], "matches": "it is\\.$"}}, True),
    ({"reply": {"matches": "^no"}}, False),
    ({"asks": False}, True),
    ({"refuses": True}, False),
]


@pytest.mark.parametrize(("raw", "holds"), NOW, ids=str)
def test_a_turn_by_itself(raw: dict[str, Any], holds: bool):
    missed = Finding(id="cat-1", prompt="a cat", present=False, placed=False, attributes=False, score=0)
    now = turn(CAT, DOG, CUP, background="on a meadow", tools=("generate",), verdict=Verdict(findings=(missed,)))
    assert bool(Expectation.model_validate(raw).failure(Scene([now]))) != holds


GREEN = CAT.model_copy(update={"prompt": "a green cat"})
SMALL = CAT.model_copy(update={"box": Box(x0=0.15, y0=0.45, x1=0.25, y1=0.55)})
COPY = entity("cat-2", "a red cat", 0.1, 0.7, 0.3, 0.9)
CHANGES = [
    ({"unchanged": ["dog"]}, (SMALL, DOG), True),
    ({"unchanged": {}}, (SMALL, DOG), False),
    ({"unchanged": {"but": ["cat"]}}, (SMALL, DOG), True),
    ({"unchanged": ["horse"]}, (CAT, DOG), False),
    ({"same_as": 1}, (DOG, CAT), True),
    ({"same_as": 1}, (DOG, GREEN), False),
    ({"moved": {"of": "cat", "to": "right"}}, (shifted(CAT, 0.2, 0.0), DOG), True),
    ({"moved": {"of": "cat", "to": "right"}}, (shifted(CAT, 0.2, 0.2), DOG), False),
    ({"moved": {"of": "cat", "to": "up"}}, (shifted(CAT, 0.0, 0.2), DOG), False),
    ({"resized": {"of": "cat", "to": "smaller"}}, (SMALL, DOG), True),
    ({"resized": {"of": "cat", "to": "bigger"}}, (SMALL, DOG), False),
    ({"resized": {"of": "cat", "to": "smaller", "factor": [0.5, 0.8]}}, (SMALL, DOG), False),
    ({"keeps_size": "cat"}, (shifted(CAT, 0.2, 0.2), DOG), True),
    ({"keeps_size": "cat"}, (SMALL, DOG), False),
    ({"keeps_box": "cat"}, (GREEN, DOG), True),
    ({"keeps_box": "cat"}, (DOG,), False),
    ({"becomes": {"of": "cat", "looks": "green", "lost": "red"}}, (GREEN, DOG), True),
    ({"becomes": {"of": "cat", "looks": "green"}}, (CAT, DOG), False),
    ({"takes_place": {"of": "horse", "place_of": "cat"}}, (entity("h", "a horse", 0.1, 0.4, 0.32, 0.6), DOG), True),
    ({"takes_place": {"of": "horse", "place_of": "dog"}}, (entity("h", "a horse", 0.1, 0.4, 0.32, 0.6), DOG), False),
    ({"restored": {"of": "cat", "place_of": {"noun": "cat"}, "turn": 1}}, (CAT, DOG), True),
    ({"restored": {"of": "cat", "place_of": "cat"}}, (SMALL, DOG), False),
    ({"copied": "cat"}, (CAT, DOG, COPY), True),
    ({"copied": "cat"}, (CAT, DOG), False),
    ({"swapped": {"a": "cat", "b": "dog"}}, (shifted(CAT, 0.5, 0), shifted(DOG, -0.5, 0)), True),
    ({"swapped": {"a": "cat", "b": "dog"}}, (CAT, DOG), False),
]


@pytest.mark.parametrize(("raw", "after", "holds"), CHANGES, ids=str)
def test_a_change(raw: dict[str, Any], after: tuple[Entity, ...], holds: bool):
    assert bool(Expectation.model_validate(raw).failure(Scene([turn(CAT, DOG), turn(*after)]))) != holds


@pytest.mark.parametrize(
    ("raw", "ids"),
    [
        ("cat", ["cat-1"]),
        ({"noun": "cat", "pick": "right"}, ["cat-2"]),
        ({"noun": "cat", "pick": "second"}, ["cat-2"]),
        ({"noun": "cat", "pick": "third"}, []),
        ({"noun": "cat", "all": True}, ["cat-1", "cat-2"]),
        ({"noun": "cat", "pick": "left", "others": True}, ["cat-2"]),
        ({"noun": "cat", "looks": "green"}, ["cat-2"]),
        ("animal", ["cat-1"]),
    ],
    ids=str,
)
def test_which_ones_are_meant(raw: Any, ids: list[str]):
    other = entity("cat-2", "a green cat", 0.7, 0.7, 0.9, 0.9)
    assert [one.id for one in Scene([turn(CAT, other)]).chosen(Selector.model_validate(raw))] == ids


def test_a_sort_does_not_count_what_is_asked_about_itself():
    man = entity("man-1", "a man", 0.1, 0.1, 0.2, 0.5)
    persons = Selector(noun="person")
    assert Scene([turn(man)]).found(persons) == [man]
    assert Scene([turn(man)], frozenset({"man", "person"})).found(persons) == []


# ------------------------------------------------------------------------------ the judge of the planning cases


@pytest.fixture(scope="module")
def agent() -> Agent:
    return get_agent("critic=off")


def dealt(layout: Layout) -> Layout:
    boxes = [one.box for one in layout.entities]
    random.Random(len(layout.prompt)).shuffle(boxes)
    pairs = zip(layout.entities, boxes, strict=True)
    return layout.model_copy(update={"entities": tuple(e.model_copy(update={"box": box}) for e, box in pairs)})


def dropped(layout: Layout) -> Layout:
    return layout.model_copy(update={"entities": layout.entities[1:]})


def faded(layout: Layout) -> Layout:
    looks = {"red", "blue", "green", "yellow", "white", "black", "brown", "pink", "orange", "purple", "gray", "grey"}
    plain = (e.model_copy(update={"prompt": _without(e.prompt, looks)}) for e in layout.entities)
    return layout.model_copy(update={"entities": tuple(plain)})


def _without(prompt: str, words: set[str]) -> str:
    return " ".join(word for word in prompt.split() if word not in words)


def jittered(layout: Layout) -> Layout:
    rng = random.Random(len(layout.entities))
    moved = []
    for one in layout.entities:
        x, y = one.box.centre
        box = Box.around(x + rng.uniform(-0.3, 0.3), y + rng.uniform(-0.3, 0.3), one.box.width, one.box.height)
        moved.append(one.model_copy(update={"box": box}))
    return layout.model_copy(update={"entities": tuple(moved)})


def answers(played: Played, name: str) -> dict[str, Any]:
    """What the judge reads of a played case."""
    turns = []
    for one in played.turns:
        layout = one.layout or Layout(prompt="")
        entities = [{"prompt": e.prompt, "box": e.box.as_list()} for e in layout.entities]
        turns.append({"entities": entities, "background": f"{layout.background} {layout.style}", "error": None})
    return {"id": name, "turns": turns}


def right(scenario: Scenario, played: Played) -> list[bool]:
    named = frozenset(nouns(scenario))
    verdicts = []
    for number, one in enumerate(scenario.turns, start=1):
        scene = Scene(played.turns[:number], named)
        verdicts.append(not any(expected.failure(scene) for expected in one.expect if not expected.soft))
    return verdicts


@pytest.fixture(scope="module")
def talks(agent: Agent) -> list[tuple[Scenario, Played, dict[str, Any]]]:
    """A tenth of the planning cases, played by the rules planner."""
    found = []
    for path in (FOLDER / "single_dev.jsonl", FOLDER / "multi_dev.jsonl"):
        suite = planbench(path)
        for scenario, case in list(zip(suite.scenarios, load(path), strict=True))[::10]:
            found.append((scenario, play(scenario, suite=suite, agent=agent, seed=0)[0], case))
    return found


@pytest.mark.parametrize("change", [lambda layout: layout, dealt, dropped, faded, jittered])
def test_turns_are_right_when_the_judge_says_so(
    change: Change, talks: list[tuple[Scenario, Played, dict[str, Any]]], judge: ModuleType
):
    ours, theirs = [], []
    for scenario, played, case in talks:
        turns = [t.model_copy(update={"layout": change(t.layout)}) if t.layout else t for t in played.turns]
        wrong = played.model_copy(update={"turns": tuple(turns)})
        ours += right(scenario, wrong)
        theirs += [t["ok"] for t in judge.judge_case(case, answers(wrong, scenario.id), Counter(), True)]
    assert len(ours) > 30
    assert sum(one == other for one, other in zip(ours, theirs, strict=True)) >= 0.97 * len(ours)
    assert change is dropped or any(ours)
