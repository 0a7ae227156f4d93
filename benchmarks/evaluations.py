"""Is an evaluation the same however it ran? python -m benchmarks.evaluations [--dialogues N] [--kills N] [--ray]

Dialogues of a simulated user with the rules planner toward hidden pictures: in one go; killed at random moments and
resumed; by two processes; on Ray. Prints for each whether its report is that of the first, seconds aside.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

from eligen.assistant.evaluation.report import read_report
from eligen.assistant.evaluation.results import ROWS
from eligen.tools.nounphrases import article
from eligen.tools.vocabulary import Vocabulary

COMMAND = (sys.executable, "-c", "import sys; from eligen.assistant.cli import main; sys.exit(main())", "eval")
COLOURS = ("red", "blue", "green", "yellow", "white", "black")
PATIENCE = 15
CELLS = [(x, y) for x in (0.02, 0.36, 0.7) for y in (0.04, 0.37, 0.7)]
SIDE = 0.26


def goal(rng: random.Random, nouns: Sequence[str]) -> dict[str, Any]:
    """Return a hidden layout of two to four coloured things; the first message tells of all but the last."""
    count = rng.randint(2, 4)
    prompts = [f"{article(colour := rng.choice(COLOURS))} {colour} {noun}" for noun in rng.sample(nouns, count)]
    places = rng.sample(CELLS, count)
    entities = [
        {"id": f"thing-{number}", "prompt": prompt, "box": [x, y, round(x + SIDE, 2), round(y + SIDE, 2)]}
        for number, (prompt, (x, y)) in enumerate(zip(prompts, places, strict=True))
    ]
    return {"patience": PATIENCE, "layout": {"prompt": " and ".join(prompts[:-1]), "entities": entities}}


def write_suite(path: Path, count: int) -> None:
    """Write a suite of so many dialogues, the same ones every time."""
    rng, nouns = random.Random(0), [n.noun for n in Vocabulary.load().entries.values() if n.colours]
    scenarios = [{"id": f"goal-{number:03}", "goal": goal(rng, nouns)} for number in range(count)]
    path.write_text(json.dumps({"name": "goals", "paint": False, "scenarios": scenarios}))


def finish(suite: Path, report: Path, *args: str) -> dict[str, Any]:
    """Run an evaluation to its end and return its report without seconds."""
    subprocess.run([*COMMAND, str(suite), "--report", str(report), *args], check=True, stdout=subprocess.DEVNULL)
    return read_report(report).model_dump(mode="json", exclude={"timing"})


def kill(suite: Path, report: Path, rng: random.Random, count: int) -> int:
    """Start an evaluation, kill it at a random moment after a random number of rows; return how many rows it left."""
    rows = report / ROWS
    left = rows.read_bytes().count(b"\n") if rows.exists() else 0
    enough = left + rng.randint(1, max(count // 4, 1))
    process = subprocess.Popen([*COMMAND, str(suite), "--report", str(report)], stdout=subprocess.DEVNULL)
    while process.poll() is None and (not rows.exists() or rows.read_bytes().count(b"\n") < enough):
        sleep(rng.uniform(0.001, 0.1))
    sleep(rng.uniform(0, 0.05))
    process.send_signal(signal.SIGKILL)
    process.wait()
    return rows.read_bytes().count(b"\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dialogues", type=int, default=200)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--ray", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder, rng = Path(name), random.Random(1)
        suite = folder / "goals.json"
        write_suite(suite, options.dialogues)
        start = perf_counter()
        whole = finish(suite, folder / "whole")
        reached = sum(case["right"] for case in whole["cases"])
        print(f"{options.dialogues} dialogues, {reached} goals reached, {perf_counter() - start:.0f} s in one go")
        rows = [kill(suite, folder / "killed", rng, options.dialogues) for _ in range(options.kills)]
        print(f"killed after {rows} rows and resumed: {told(finish(suite, folder / 'killed'), whole)}")
        print(f"two processes: {told(finish(suite, folder / 'two', '--workers', '2'), whole)}")
        if options.ray:
            ray = finish(suite, folder / "ray", "--engine", "ray", "--workers", "2")
            print(f"Ray with two workers: {told(ray, whole)}")


def told(report: dict[str, Any], other: dict[str, Any]) -> str:
    """Return whether two reports are the same."""
    return "the same report" if report == other else "ANOTHER REPORT"


if __name__ == "__main__":
    main()
