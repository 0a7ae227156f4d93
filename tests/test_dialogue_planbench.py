"""The rules planner holds its bar on the dialogues among the planning cases."""

import json
from pathlib import Path

import pytest
from test_planbench import FOLDER, load
from test_planbench import judge as judge

from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.planning import plan_file

EDITS, DIALOGUES = 0.97, 0.92


@pytest.fixture(scope="module")
def table(judge, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    folder: Path = tmp_path_factory.mktemp("planbench")
    cases = load(FOLDER / "multi_dev.jsonl")
    source, output = folder / "in.jsonl", folder / "out.jsonl"
    lines = ({"id": case["id"], "turns": [turn["user"] for turn in case["turns"]]} for case in cases)
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert plan_file(source, output, RulesPlanner()) == len(cases)
    report = judge.score(cases, load(output), out=lambda *words: None)
    assert report["missing"] == 0
    return report["tables"]["multi/dev"]


def test_edit_turns(table: dict[str, dict[str, float]]):
    assert table["edit turns (without the first)"]["acc"] >= EDITS


def test_whole_dialogues(table: dict[str, dict[str, float]]):
    assert table["whole dialogues"]["acc"] >= DIALOGUES
