"""An evaluator that shares nothing with painter or critic: --evaluator benchmarks.independent:Independent

Its eye is a small classifier of drawn things, trained by the benchmarks (once, ten minutes of a core), shipped nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from benchmarks.eye import STEPS, Eye, trained
from eligen.assistant.evaluation.evaluators.base import Course, Score
from eligen.tools.vocabulary import Vocabulary
from training.scenes import COLOURS, World


class Independent:
    """Names the crop of every entity's box, and its colour."""

    def __init__(self, size: str = "128", steps: str = str(STEPS)) -> None:
        self.size, self.steps = int(size), int(steps)

    def evaluate(self, course: Course) -> Iterable[Score]:
        """Return the shares of entities of the right noun, and of the right colour, of every painted picture."""
        for number in course.painted:
            image, layout = course.picture(number), course.played.turns[number - 1].layout
            if image is None or layout is None or not layout.entities:
                continue
            nouns, looks = self.eye.name(image, [entity.box for entity in layout.entities])
            right, coloured = [], []
            for entity, noun, look in zip(layout.entities, nouns, looks, strict=True):
                text, _ = self.vocabulary.translate(entity.prompt)
                known = self.vocabulary.find(text)
                if known is None:
                    continue
                right.append(self.vocabulary.nouns[noun] == known.noun)
                asked = [word for word in COLOURS if word in text[: known.start].split()]
                coloured += [look == word for word in asked]
            if right:
                yield Score(measure="noun (independent eye)", value=sum(right) / len(right), turn=number)
            if coloured:
                yield Score(measure="colour (independent eye)", value=sum(coloured) / len(coloured), turn=number)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The nouns of the small models, which are the first of the drawn world."""
        return Vocabulary.load()

    @cached_property
    def eye(self) -> Eye:
        """The classifier."""
        return trained(World(), len(self.vocabulary.nouns), self.size, self.steps)
