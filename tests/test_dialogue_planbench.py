"""The rules planner holds its bar on the dialogues among the planning cases."""

import json
from pathlib import Path

import pytest
from test_planbench import FOLDER, load
from test_planbench import judge as judge

from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.planning import plan_file

BARS = {"multi_dev": (0.97, 0.92), "multi_own": (0.95, 0.90)}  # edit turns, whole dialogues


@pytest.mark.parametrize("name", BARS)
def test_dialogues_keep_their_bar(name: str, judge, tmp_path: Path):
    cases = load(FOLDER / f"{name}.jsonl")
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = ({"id": case["id"], "turns": [turn["user"] for turn in case["turns"]]} for case in cases)
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert plan_file(source, output, RulesPlanner()) == len(cases)
    report = judge.score(cases, load(output), out=lambda *words: None)
    assert report["missing"] == 0
    table = report["tables"]["multi/dev"]
    reached = table["edit turns (without the first)"]["acc"], table["whole dialogues"]["acc"]
    assert all(found >= bar for found, bar in zip(reached, BARS[name], strict=True)), reached
