"""The rules planner holds its bar on the planning cases."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.planning import plan_file

FOLDER = Path(__file__).parent / "fixtures" / "planbench"
CASES = FOLDER / "single_dev.jsonl"
OVERALL = 0.97
EACH_TASK = 0.85
LARGE = 10
MISLABELLED = {"nsr1k / spatial-natural": 0.7}


def load(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def judge() -> ModuleType:
    spec = importlib.util.spec_from_file_location("planbench_judge", FOLDER / "judge.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table(judge: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    return scored(judge, load(CASES), tmp_path_factory.mktemp("planbench"))


def scored(judge: ModuleType, cases: list[dict[str, Any]], folder: Path) -> dict[str, dict[str, float]]:
    """Return what the judge says of the rules planner's layouts, by task."""
    source, output = folder / "in.jsonl", folder / "out.jsonl"
    source.write_text("".join(json.dumps({"id": c["id"], "turns": [c["prompt"]]}) + "\n" for c in cases))
    assert plan_file(source, output, RulesPlanner()) == len(cases)
    report = judge.score(cases, load(output), out=lambda *lines: None)
    assert report["missing"] == 0
    return report["tables"]["single"]


def test_overall(table: dict[str, dict[str, float]]):
    assert table["OVERALL single turn"]["acc"] >= OVERALL


def test_sentences_of_our_own(judge: ModuleType, tmp_path: Path):
    found = scored(judge, load(FOLDER / "single_own.jsonl"), tmp_path)
    assert found["OVERALL single turn"]["acc"] >= OVERALL


def test_every_large_task(table: dict[str, dict[str, float]]):
    large = {name: row["acc"] for name, row in table.items() if row["n"] >= LARGE}
    assert len(large) > 10
    assert {name for name, accuracy in large.items() if accuracy < MISLABELLED.get(name, EACH_TASK)} == set()


def test_the_judge_can_fail(judge: ModuleType):
    cases = load(CASES)
    empty = [{"id": case["id"], "turns": [{"entities": [], "error": None}]} for case in cases]
    report = judge.score(cases, empty, out=lambda *lines: None)
    assert report["tables"]["single"]["OVERALL single turn"]["acc"] < 0.05
