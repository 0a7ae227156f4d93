"""Whether pictures took over what reference pictures show: a style, or the look of a thing."""

from __future__ import annotations

from collections.abc import Iterable

from eligen.assistant.evaluation.evaluators.base import Course, Score
from eligen.tools.layout import Box, Layout


class References:
    """Compares pictures with the reference pictures of their layouts, in the features of the profile's CLIP pair."""

    def evaluate(self, course: Course) -> Iterable[Score]:
        """Return how alike they are, and how much more than before the turn that brought the reference.

        A style's picture is compared with the whole, a thing's with the thing's box.
        """
        for number in course.painted:
            turns = course.played.turns
            new, old = turns[number - 1].layout, turns[number - 2].layout if number > 1 else None
            for kind, name, box in brought(new, old):
                if missing := course.witness.missing_clip:
                    yield Score(measure=f"{kind} likeness", value=None, turn=number, share=False, why=missing)
                    continue
                after, before = (self._likeness(course, at, name, box) for at in (number, number - 1))
                if after is not None:
                    yield Score(measure=f"{kind} likeness", value=after, turn=number, share=False)
                if after is not None and before is not None:
                    yield Score(measure=f"{kind} likeness gained", value=after - before, turn=number, share=False)

    def _likeness(self, course: Course, turn: int, reference: str, box: Box) -> float | None:
        from eligen.assistant.evaluation.witness import WHOLE

        image, shown = course.picture(turn), course.image(reference)
        if image is None or shown is None:
            return None
        clip = course.witness.clip
        return float(clip.features(image, [box])[0] @ clip.features(shown, [WHOLE])[0])


def brought(new: Layout | None, old: Layout | None) -> Iterable[tuple[str, str, Box]]:
    """Yield (kind, reference picture, box to compare with it) of the references that only the new layout has."""
    if new is None:
        return
    before = old or Layout(prompt="")
    boxes = {entity.id: entity.box for entity in new.entities}
    for style in new.style_images:
        if style not in before.style_images and (style.entity is None or style.entity in boxes):
            whole = Box(x0=0.0, y0=0.0, x1=1.0, y1=1.0)
            yield "style", style.image, whole if style.entity is None else boxes[style.entity]
    known = {entity.id: entity.reference for entity in before.entities}
    for entity in new.entities:
        if entity.reference is not None and known.get(entity.id) != entity.reference:
            yield "reference", entity.reference, entity.box
