"""Runs: killed and resumed, in processes and on Ray, agents that break and agents that are worse."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from itertools import islice, permutations
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from evaluations import suite
from test_planbench import FOLDER

from eligen.assistant.cli import main
from eligen.assistant.evaluation.report import Report, read_report
from eligen.assistant.evaluation.results import ROWS, Rows

DIALOGUES = f"planbench:{FOLDER / 'multi_dev.jsonl'}"
DOCUMENT = Path(__file__).parents[1] / "docs" / "evaluation.md"
SHORT = 30
GOAL = {
    "id": "goal",
    "goal": {
        "patience": 10,
        "layout": {
            "prompt": "a red apple and a tree",
            "entities": [
                {"id": "apple-1", "prompt": "a red apple", "box": [0.7, 0.05, 0.95, 0.3]},
                {"id": "tree-1", "prompt": "a tree", "box": [0.05, 0.3, 0.4, 0.9]},
                {"id": "duck-1", "prompt": "a white duck", "box": [0.5, 0.6, 0.8, 0.9]},
            ],
        },
    },
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder where plug-ins are found, also by processes that are started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(Path(__file__).parent), *sys.path])
    for name in ("shuffled", "crowding"):
        sys.modules.pop(name, None)
    return tmp_path


def written(name: str, value: Any) -> str:
    Path(name).write_text(value if isinstance(value, str) else value.model_dump_json(exclude_defaults=True))
    return name


def evaluated(report: str, *args: str, code: int = 0) -> Report:
    assert main(["eval", *args, "--report", report]) == code
    return read_report(Path(report))


def timeless(report: Report) -> dict[str, Any]:
    return report.model_dump(mode="json", exclude={"timing"})


def mean(report: Report, measure: str, agent: str = "eligen") -> float:
    (one,) = [m for m in report.measures if (m.measure, m.agent, m.tag) == (measure, agent, "")]
    assert one.found is not None
    return one.found.mean


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A run of 10 dialogues in one go."""
    return evaluated(str(tmp_path_factory.mktemp("unbroken")), DIALOGUES, "--limit", "10", "--repeats", "2")


def test_a_killed_run_goes_on_to_the_same_report(unbroken: Report):
    command = [sys.executable, "-c", "import sys; from eligen.assistant.cli import main; sys.exit(main())", "eval"]
    killed = subprocess.Popen([*command, DIALOGUES, "--limit", "10", "--repeats", "2", "--report", "out"])
    rows, start = Path("out", ROWS), monotonic()
    while (not rows.exists() or rows.read_text().count("\n") < 3) and monotonic() - start < 300:
        sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    done = rows.read_text()
    assert 3 <= done.count("\n") < 20
    rows.write_text(done + '{"key": "torn by the ki')
    resumed = evaluated("out", DIALOGUES, "--limit", "10", "--repeats", "2")
    assert timeless(resumed) == timeless(unbroken)
    assert rows.read_text().startswith(done)
    assert rows.read_text().count("\n") == 20


def test_two_processes_give_the_same_report(unbroken: Report):
    assert timeless(evaluated("out", DIALOGUES, "--limit", "10", "--repeats", "2", "--workers", "2")) == timeless(
        unbroken
    )


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is an extra")
def test_two_workers_on_ray_give_the_same_report(unbroken: Report):
    code = "import sys; from eligen.assistant.cli import main; sys.exit(main())"
    args = [
        "eval",
        DIALOGUES,
        "--limit",
        "10",
        "--repeats",
        "2",
        "--engine",
        "ray",
        "--workers",
        "2",
        "--report",
        "out",
    ]
    run = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr
    assert timeless(read_report(Path("out"))) == timeless(unbroken)


def test_a_second_run_plays_nothing():
    source = written("mine.json", suite("a cat", "make it red", name="mine"))
    first, rows = evaluated("out", source), Path("out", ROWS).read_text()
    assert timeless(evaluated("out", source)) == timeless(first)
    assert Path("out", ROWS).read_text() == rows
    evaluated("out", source, "--seed", "1")
    assert Path("out", ROWS).read_text().count("\n") == 2


def test_an_agent_that_breaks_is_a_failure_and_tried_again():
    source = written("mine.json", suite("a cat", {"say": "break", "expect": [{"asks": False}]}, name="mine"))
    report = evaluated("out", source, "--agent", "evaluations:moody,label=moody")
    (case,) = report.cases
    assert case.right is False
    assert case.wrong[0] == "the agent broke: ZeroDivisionError: it broke"
    assert "evaluations.py" in (case.played.crash or "")
    assert [turn.layout.entities[0].prompt for turn in case.played.turns if turn.layout] == ["a cat"]
    evaluated("out", source, "--agent", "evaluations:moody,label=moody")
    assert Path("out", ROWS).read_text().count("\n") == 2


def test_a_bar_that_is_missed_is_exit_code_1(capsys: pytest.CaptureFixture[str]):
    turn = {"say": "a cat", "expect": [{"count": {"of": "dog", "n": 1}}]}
    source = written("mine.json", suite(turn, name="mine", bars={"turn right": 0.5, "entity success": 0.1}))
    report = evaluated("out", source, code=1)
    assert [(bar.measure, bar.mean, bar.passed) for bar in report.bars] == [
        ("turn right", 0.0, False),
        ("entity success", None, False),
    ]
    assert "turn right is 0, the bar is 0.5" in capsys.readouterr().err
    assert evaluated("in", written("m2.json", suite(turn["say"], name="mine", bars={}))).passed


def test_answers_are_given_to_the_questions_they_fit():
    turn = {
        "say": "remove the cat",
        "answers": [{"say": "no such thing", "to": "which colour of shoe"}, "the blue one"],
        "expect": [{"asks": True}, {"count": {"of": "cat", "n": 1}}, {"attribute": {"of": "cat", "looks": "red"}}],
    }
    (case,) = evaluated("out", written("mine.json", suite("a red cat and a blue cat", turn, name="mine"))).cases
    assert case.right, case.wrong
    assert [message.user for message in case.played.turns[1].messages] == ["remove the cat", "the blue one"]


def test_a_simulated_user_gets_what_it_wants_and_runs_out_of_patience():
    impatient = {"id": "brief", "goal": GOAL["goal"] | {"patience": 1}}
    made = suite("x", name="mine").model_copy(update={"scenarios": ()}).model_dump(mode="json")
    Path("mine.json").write_text(json.dumps(made | {"scenarios": [GOAL, impatient]}))
    brief, whole = evaluated("out", "mine.json").cases
    assert (brief.scenario, brief.right) == ("brief", False)
    assert whole.right
    talk = [message.user for turn in whole.played.turns for message in turn.messages]
    assert talk[0] == "a red apple and a tree"
    assert any("white duck" in message for message in talk[1:])
    assert whole.values["messages needed"] == len(whole.played.turns) >= 2
    again = evaluated("again", "mine.json")
    assert again.cases[1] == whole


def blocks() -> dict[str, str]:
    """The plug-ins that docs/evaluation.md teaches, by file name."""
    found = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)
    return dict(found)


def test_the_documents_evaluator():
    code = blocks()["crowding.py"]
    assert code.count("\n") < SHORT
    written("crowding.py", code)
    source = written("mine.json", suite("a cat behind a dog", name="mine"))
    (case,) = evaluated("out", source, "--evaluator", "crowding:Crowding").cases
    boxes = [entity.box for entity in case.played.turns[0].layout.entities]
    assert case.values["largest overlap"] == boxes[0].iou(boxes[1]) > 0


def rows_of_things(count: int) -> str:
    """Write a suite of sentences about three things in a row and return its file."""
    things = ("cat", "dog", "horse", "tree", "car", "house", "chair", "boat")
    scenarios = []
    for a, b, c in islice(permutations(things, 3), 0, None, 11):
        expect = [{"relation": {"a": x, "is": "left of", "b": y}} for x, y in ((a, b), (b, c))]
        turn = {"say": f"a {a} on the left, a {b} in the middle and a {c} on the right", "expect": expect}
        scenarios.append({"id": f"{a}-{b}-{c}", "turns": [turn]})
    Path("rows.json").write_text(json.dumps({"name": "rows", "paint": False, "scenarios": scenarios[:count]}))
    return "rows.json"


def test_the_documents_agent_is_found_significantly_worse(capsys: pytest.CaptureFixture[str]):
    code = blocks()["shuffled.py"]
    assert code.count("\n") < SHORT + 5
    written("shuffled.py", code)
    source = rows_of_things(25)
    rules, shuffled = ("--agent", "label=rules,critic=off"), ("--agent", "shuffled:agent,label=shuffled,critic=off")
    report = evaluated("out", source, *rules, *shuffled)
    assert mean(report, "turn right", "rules") == 1 > 0.5 > mean(report, "turn right", "shuffled")
    (found,) = [one for one in report.comparisons if one.measure == "turn right"]
    assert (found.a, found.b, found.finding) == ("rules", "shuffled", "worse")
    assert found.adjusted < 0.01
    assert found.high is not None
    assert found.high < 0
    evaluated("a", source, *rules)
    evaluated("b", source, *shuffled)
    assert main(["eval", "--compare", "a", "b", "--report", "c"]) == 1
    assert "worse (25 scenarios)" in capsys.readouterr().out
    assert main(["eval", "--compare", "a", "a", "--report", "c"]) == 0
    assert "no difference shown" in Path("c", "comparison.html").read_text()


def test_other_code_or_another_seed_is_another_case():
    written("shuffled.py", blocks()["shuffled.py"])
    source = written("mine.json", suite("a cat", name="mine"))
    evaluated("out", source, "--agent", "shuffled:agent")
    written("shuffled.py", blocks()["shuffled.py"] + "\n# changed\n")
    from eligen.assistant.evaluation.runner import agent_of

    agent_of.cache_clear()
    evaluated("out", source, "--agent", "shuffled:agent")
    assert Path("out", ROWS).read_text().count("\n") == 2


def test_a_damaged_file_of_rows_is_told(capsys: pytest.CaptureFixture[str]):
    source = written("mine.json", suite("a cat", name="mine"))
    evaluated("out", source)
    Path("out", ROWS).write_text('{"key": 1}\n')
    assert main(["eval", source, "--report", "out"]) == 2
    said = capsys.readouterr().err
    assert "results.jsonl, line 1: key: " in said
    assert said.endswith("results.jsonl to start again\n")


def test_rows_hold_any_text():
    source = written("mine.json", suite("a cat", name="mine"))
    evaluated("out", source)
    rows = Path("out", ROWS)
    (line,) = rows.read_text().splitlines()
    value = json.loads(line)
    value["played"]["turns"][0]["messages"][0]["reply"] = "one\u2028two\u2029three\x85four"
    rows.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")
    with closing(Rows(Path("out"))) as read:
        row = read.get(value["key"])
    assert row is not None
    assert row.played.turns[0].messages[0].reply == "one\u2028two\u2029three\x85four"


def test_two_runs_do_not_write_to_one_folder(capsys: pytest.CaptureFixture[str]):
    source = written("mine.json", suite("a cat", name="mine"))
    with closing(Rows(Path("out"))):
        assert main(["eval", source, "--report", "out"]) == 2
    assert "another run is writing" in capsys.readouterr().err
    evaluated("out", source)


def test_a_report_that_cannot_be_written_is_told(capsys: pytest.CaptureFixture[str]):
    written("file", "x")
    source = written("mine.json", suite("a cat", name="mine"))
    assert main(["eval", source, "--report", "file"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_sessions_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ELIGEN_HOME", "home")
    evaluated("out", written("mine.json", suite("a cat", name="mine")))
    assert os.environ["ELIGEN_HOME"] == "home"
    assert not Path("home").exists()
