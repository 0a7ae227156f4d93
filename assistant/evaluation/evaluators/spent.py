"""What a case cost."""

from __future__ import annotations

from collections.abc import Iterable

from eligen.assistant.evaluation.evaluators.base import Course, Score

SECONDS = "seconds"


class Spent:
    """Adds up a case's seconds, passes of the image model, retries, and a language model's calls and tokens."""

    def evaluate(self, course: Course) -> Iterable[Score]:
        """Return a score for each kind of cost; for those of a language model only where there is one."""
        costs = [turn.cost for turn in course.played.turns]
        totals = {
            SECONDS: sum(cost.seconds for cost in costs),
            "forwards": sum(cost.forwards for cost in costs),
            "retries": sum(cost.retries for cost in costs),
            "model calls": sum(cost.calls for cost in costs),
            "model tokens": sum(cost.tokens for cost in costs),
        }
        for name, total in totals.items():
            if total or name in (SECONDS, *(("forwards", "retries") if course.painted else ())):
                yield Score(measure=name, value=total, better="lower", share=False)
