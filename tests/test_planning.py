"""Planning files of dialogues."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.commands.planners import asked_for
from eligen.assistant.context import Context
from eligen.assistant.plan import (
    Add,
    Compose,
    Describe,
    Edit,
    Move,
    Option,
    Plan,
    Question,
    Redo,
    Remove,
    Style,
    Transfer,
    Undo,
)
from eligen.assistant.planning import Dialogue, plan_dialogue, plan_file
from eligen.tools.errors import EligenError, ModelOutputError, ToolError, UserError
from eligen.tools.layout import Box, Entity, Layout

BOX = Box(x0=0.4, y0=0.4, x1=0.6, y1=0.6)
CAT = Layout(prompt="a cat", entities=(Entity(id="cat-1", prompt="a cat", box=BOX),), background="a meadow")
ASKED = Question(text="which colour?", options=(Option(label="red"), Option(label="blue")))


class Scripted:
    """Plans what it was told to, and remembers what it was shown."""

    def __init__(self, answers: Sequence[Plan | EligenError]) -> None:
        self.answers = iter(answers)
        self.seen: list[Context] = []

    def plan(self, text: str, context: Context) -> Plan:
        self.seen.append(context)
        answer = next(self.answers)
        if isinstance(answer, EligenError):
            raise answer
        return answer


def edited(*edits: Edit) -> Plan:
    return Plan(reply="done", edits=edits)


def turns(*answers: Plan | EligenError) -> list[dict[str, Any]]:
    dialogue = Dialogue(id="x", turns=tuple(f"message {n}" for n in range(len(answers))))
    planned: list[dict[str, Any]] = plan_dialogue(dialogue, Scripted(answers))["turns"]
    return planned


def test_a_file_is_planned_line_by_line(tmp_path: Path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        '{"id": "a", "turns": ["a watercolour of a cat on the beach"]}\n\n{"id": "b", "turns": ["two dogs"]}\n'
    )
    assert plan_file(source, output, RulesPlanner()) == 2
    first, second = map(json.loads, output.read_text().splitlines())
    assert first["id"] == "a"
    turn = first["turns"][0]
    assert set(turn) == {"entities", "background", "tools", "reply", "question", "error"}
    assert [set(entity) for entity in turn["entities"]] == [{"prompt", "box"}]
    assert len(turn["entities"][0]["box"]) == 4
    assert turn["background"] == "the beach, watercolour"
    assert turn["tools"] == ["generate"]
    assert turn["question"] is None
    assert turn["error"] is None
    assert len(second["turns"][0]["entities"]) == 2


START = edited(Compose(layout=CAT))


def test_every_turn_shows_the_whole_layout_and_its_tools():
    found = turns(
        START,
        edited(Describe(id="cat-1", prompt="a red cat"), Move(ids=("cat-1",), dx=0.1)),
        edited(Style(prompt="watercolour")),
        edited(Move(ids=("cat-1",), dx=0.0)),
        edited(Add(prompt="a dog")),
        Plan(reply="there are two"),
    )
    assert [turn["tools"] for turn in found] == [["generate"], ["inpaint"], ["style"], [], ["inpaint"], []]
    assert found[1]["entities"] == [{"prompt": "a red cat", "box": [0.5, 0.4, 0.7, 0.6]}]
    assert found[2]["background"] == "a meadow, watercolour"
    assert len(found[5]["entities"]) == 2
    assert found[5]["reply"] == "there are two"


def test_undo_redo_and_branches():
    found = turns(
        START,
        edited(Describe(id="cat-1", prompt="a red cat")),
        edited(Remove(ids=("cat-1",))),
        edited(Undo(steps=2)),
        edited(Redo()),
        edited(Undo(), Describe(id="cat-1", prompt="a blue cat")),
        edited(Redo()),
    )
    shown = [[entity["prompt"] for entity in turn["entities"]] for turn in found]
    assert shown == [["a cat"], ["a red cat"], [], ["a cat"], ["a red cat"], ["a blue cat"], ["a blue cat"]]
    assert [turn["tools"] for turn in found[3:]] == [[], [], ["inpaint"], []]
    assert found[6]["error"] == "there is nothing to redo"


def test_planners_know_the_ids_of_all_branches():
    dialogue = Dialogue(id="x", turns=("a cat", "and a dog", "undo", "another dog"))
    dog = edited(Add(prompt="a dog"))
    planner = Scripted([START, dog, edited(Undo()), dog])
    plan_dialogue(dialogue, planner)
    assert [sorted(context.taken) for context in planner.seen] == [
        [],
        ["cat-1"],
        ["cat-1", "dog-1"],
        ["cat-1", "dog-1"],
    ]


def test_what_changes_nothing_is_no_version_to_undo():
    found = turns(START, edited(Add(prompt="a dog")), edited(Move(ids=("cat-1",), dx=0.0)), edited(Undo()))
    assert found[3]["entities"] == found[0]["entities"]


def test_a_question_leaves_the_layout_and_the_next_turn_answers_it():
    dialogue = Dialogue(id="x", turns=("a cat", "paint it", "red", "thanks"))
    planner = Scripted(
        [START, Plan(reply="", question=ASKED), edited(Describe(id="cat-1", prompt="a red cat")), Plan(reply="bye")]
    )
    found = plan_dialogue(dialogue, planner)["turns"]
    assert found[1]["question"] == "which colour?"
    assert found[1]["entities"] == found[0]["entities"]
    assert found[2]["question"] is None
    assert [context.question for context in planner.seen] == [None, None, ASKED, None]
    assert [len(context.layouts) for context in planner.seen] == [0, 1, 1, 2]
    assert [message.text for message in planner.seen[3].dialogue[2:6]] == ["paint it", "which colour?", "red", "done"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (edited(Remove(ids=("cow-1",))), "there is no 'cow-1'"),
        (edited(Transfer(id="cow-1", reference="a.png")), "there is no 'cow-1'"),
        (ToolError("not that"), "not that"),
        (UserError("not so"), "not so"),
        (ModelOutputError("nonsense"), "nonsense"),
    ],
)
def test_an_error_is_that_turns_alone(answer: Plan | EligenError, told: str):
    found = turns(START, answer, edited(Add(prompt="a dog")))
    assert told in found[1]["error"]
    assert found[1]["entities"] == found[0]["entities"]
    assert found[1]["tools"] == []
    assert found[2]["error"] is None
    assert len(found[2]["entities"]) == 2


def test_the_layout_that_a_first_message_asked_for():
    assert asked_for(START) == CAT
    with pytest.raises(UserError, match="which colour"):
        asked_for(Plan(reply="hm", question=ASKED))
    with pytest.raises(UserError, match="hello"):
        asked_for(Plan(reply="hello"))


def test_an_empty_first_turn_is_that_dialogues_error():
    found = plan_dialogue(Dialogue(id="a", turns=(" ",)), RulesPlanner())["turns"]
    assert found[0]["error"] == "the prompt is empty"
    assert found[0]["entities"] == []


def test_only_line_feeds_end_lines(tmp_path: Path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"id": "a\u2028b", "turns": ["a cat\x85"]}\r\n', encoding="utf-8")
    assert plan_file(source, output, RulesPlanner()) == 1
    assert json.loads(output.read_text(encoding="utf-8"))["id"] == "a\u2028b"


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        '{"id": "a"}',
        '{"turns": ["a cat"]}',
        '{"id": "a", "turns": []}',
        '{"id": "a", "turns": "a cat"}',
        '{"id": 3, "turns": ["a cat"]}',
        '{"id": "a", "turns": ["a cat"], "extra": 1}',
    ],
)
def test_a_malformed_line_is_named(line: str, tmp_path: Path):
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": "x", "turns": ["a cat"]}\n' + line + "\n")
    with pytest.raises(UserError, match="line 2: ") as refused:
        plan_file(source, tmp_path / "out.jsonl", RulesPlanner())
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out.jsonl").exists()


def test_unusable_files_are_user_errors(tmp_path: Path):
    with pytest.raises(UserError, match="no file at"):
        plan_file(tmp_path / "missing.jsonl", tmp_path / "out.jsonl", RulesPlanner())
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8"):
        plan_file(tmp_path / "bytes.jsonl", tmp_path / "out.jsonl", RulesPlanner())
    (tmp_path / "in.jsonl").write_text('{"id": "x", "turns": ["a cat"]}\n')
    with pytest.raises(UserError, match="cannot write"):
        plan_file(tmp_path / "in.jsonl", tmp_path, RulesPlanner())
