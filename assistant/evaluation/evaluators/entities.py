"""Whether pictures show the layout's entities where they belong, and whether the critic sees the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eligen.assistant.evaluation.evaluators.base import Course, Score
from eligen.assistant.evaluation.witness import Seen

MEASURES = ("entity success", "mean IoU")


class Entities:
    """Looks into every entity's box of every painted picture, with the profile's Sam and CLIP pair."""

    def evaluate(self, course: Course) -> Iterable[Score]:
        """Return entity success, mean IoU and attribute success a turn.

        The IoU is that of an entity's box and the thing of its noun that Sam finds in the picture without being told
        any box; an entity that is not found counts 0. It succeeds when that is 0.5 or more, its noun is the
        likeliest of a crop of its box, and the colour agrees. Without a CLIP pair only colours are told.
        """
        witness = course.witness
        if course.painted and witness.missing_sam:
            names = (*MEASURES, "attribute success")
            yield from (Score(measure=name, value=None, why=witness.missing_sam) for name in names)
            return
        if course.painted and witness.missing_clip:
            yield from (Score(measure=name, value=None, why=witness.missing_clip) for name in MEASURES)
        for number, seen in looked(course):
            told = [one for one in seen if one.named is not None]
            if told:
                wrong = [one.id for one in told if not one.success]
                why = f"not as planned: {', '.join(wrong)}" if wrong else ""
                yield _mean("entity success", number, [one.success for one in told], why)
                yield _mean("mean IoU", number, [one.iou or 0.0 for one in told])
            looks = [one.looks for one in seen if one.looks is not None]
            if looks:
                yield _mean("attribute success", number, looks)


class Agreement:
    """Compares the critic's findings with what `Entities` sees, entity by entity."""

    def evaluate(self, course: Course) -> Iterable[Score]:
        """Return how often they agree, how many failures the critic saw, and how many of its alarms were right."""
        if not any(course.played.turns[number - 1].verdict for number in course.painted):
            return
        if missing := course.witness.missing_clip or course.witness.missing_sam:
            yield Score(measure="critic agreement", value=None, why=missing)
            return
        for number, seen in looked(course):
            verdict = course.played.turns[number - 1].verdict
            if verdict is None:
                continue
            told = {finding.id: finding.ok for finding in verdict.findings}
            pairs = [(told[one.id], one.success) for one in seen if one.id in told and one.named is not None]
            if not pairs:
                continue
            yield _mean("critic agreement", number, [critic == own for critic, own in pairs])
            if failures := [critic for critic, own in pairs if not own]:
                yield _mean("failures the critic saw", number, [not critic for critic in failures])
            if alarms := [own for critic, own in pairs if not critic]:
                yield _mean("critic's alarms that were right", number, [not own for own in alarms])


def looked(course: Course) -> Iterator[tuple[int, list[Seen]]]:
    """Yield (turn, what is seen of its entities) of every painted picture that has some."""
    yield from ((number, seen) for number in course.painted if (seen := course.seen(number)))


def _mean(measure: str, turn: int, values: list[bool] | list[float], why: str = "") -> Score:
    return Score(measure=measure, value=sum(values) / len(values), turn=turn, why=why)
