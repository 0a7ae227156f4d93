"""Whether turns were as the scenario expects, and whether a simulated user got what it wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from eligen.assistant.evaluation.checks.base import Scene
from eligen.assistant.evaluation.evaluators.base import Course, Score
from eligen.assistant.evaluation.scenarios import Scenario, Turn


class Expected:
    """Checks every turn's expectations; a turn is right if all hold, a dialogue if all its turns are."""

    def evaluate(self, course: Course) -> Iterable[Score]:
        """Return a score for each check, turn and dialogue; for a goal, whether it was reached and how soon."""
        scenario, played = course.scenario, course.played
        if scenario.goal is not None:
            reached = bool(played.reached)
            why = "" if reached else f"not as wished after {len(played.turns)} messages"
            yield Score(measure="goal reached", value=reached, decides=True, why=why)
            yield Score(measure="messages needed", value=len(played.turns), better="lower", share=False)
            return
        named, wrong = frozenset(nouns(scenario)), False
        for number, turn in enumerate(scenario.turns, start=1):
            if not turn.expect:
                continue
            failures = list(self._failures(course, turn, number, named))
            for kind, soft, why in failures:
                name = f"check: {kind}{' (soft)' if soft else ''}"
                yield Score(measure=name, value=not why, turn=number, why=why)
            said = "; ".join(why for _, soft, why in failures if why and not soft)
            wrong |= bool(said)
            yield Score(measure="turn right", value=not said, turn=number, why=said)
        if any(turn.expect for turn in scenario.turns):
            yield Score(measure="dialogue right", value=not wrong and not played.crash, decides=True)

    def _failures(
        self, course: Course, turn: Turn, number: int, named: frozenset[str]
    ) -> Iterator[tuple[str, bool, str]]:
        """Yield (kind, soft, what is wrong) of each expectation; everything is wrong with a turn that never came."""
        turns = course.played.turns[:number]
        for one in turn.expect:
            why = one.failure(Scene(turns, named)) if len(turns) == number else "the agent broke before"
            yield one.kind, one.soft, why


def nouns(scenario: Scenario) -> Iterator[str]:
    """Yield the nouns that a scenario's expectations name."""
    for turn in scenario.turns:
        yield from _nouns([one.model_dump(mode="json") for one in turn.expect])


def _nouns(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from [item] if name == "noun" else _nouns(item)
    elif isinstance(value, list):
        for item in value:
            yield from _nouns(item)
