"""Planning files of dialogues."""

import json
from pathlib import Path

import pytest

from eligen.assistant.agents.rules import SINGLE_SENTENCES, RulesPlanner
from eligen.assistant.planning import plan_file, plan_lines
from eligen.tools.errors import UserError


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


def test_later_turns_keep_the_layout_and_say_why():
    (planned,) = plan_lines(['{"id": "a", "turns": ["a cat", "make it red", "undo"]}'], RulesPlanner())
    first, second, third = planned["turns"]
    assert first["error"] is None
    assert second["error"] == third["error"] == SINGLE_SENTENCES
    assert second["entities"] == first["entities"]
    assert second["tools"] == []


def test_an_empty_first_turn_is_that_dialogues_error():
    (planned,) = plan_lines(['{"id": "a", "turns": [" "]}'], RulesPlanner())
    assert planned["turns"][0]["error"] == "the prompt is empty"
    assert planned["turns"][0]["entities"] == []


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
    with pytest.raises(UserError, match=r"^line 2: ") as refused:
        plan_file(source, tmp_path / "out.jsonl", RulesPlanner())
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out.jsonl").exists()


def test_unusable_files_are_user_errors(tmp_path: Path):
    with pytest.raises(UserError, match="cannot read"):
        plan_file(tmp_path / "missing.jsonl", tmp_path / "out.jsonl", RulesPlanner())
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="cannot read"):
        plan_file(tmp_path / "bytes.jsonl", tmp_path / "out.jsonl", RulesPlanner())
    (tmp_path / "in.jsonl").write_text('{"id": "x", "turns": ["a cat"]}\n')
    with pytest.raises(UserError, match="cannot write"):
        plan_file(tmp_path / "in.jsonl", tmp_path, RulesPlanner())
