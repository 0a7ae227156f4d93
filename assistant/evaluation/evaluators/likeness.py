"""How alike pictures and prompts are to a CLIP: the whole to the global prompt, every box to its entity's."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from eligen.assistant.evaluation.evaluators.base import Course, Score

if TYPE_CHECKING:
    from eligen.assistant.evaluation.witness import RealClip

GLOBAL, LOCAL = "global CLIP score", "local CLIP score"


class Likeness:
    """Cosines of pictures and prompts by the profile's CLIP pair, or by the CLIP in `folder` (transformers' form)."""

    def __init__(self, folder: str | None = None) -> None:
        self.folder = folder

    def evaluate(self, course: Course) -> Iterable[Score]:
        """Return the global and the local score of every painted picture."""
        names = [f"{name} ({Path(self.folder).name})" if self.folder else name for name in (GLOBAL, LOCAL)]
        missing = "" if self.folder else course.witness.missing_clip
        if course.painted and missing:
            yield from (Score(measure=name, value=None, share=False, why=missing) for name in names)
            return
        for number in course.painted:
            image, layout = course.picture(number), course.played.turns[number - 1].layout
            if image is None or layout is None:
                continue
            from eligen.assistant.evaluation.witness import WHOLE

            clip = self._real if self.folder else course.witness.clip
            whole = clip.likeness(image, [WHOLE], [layout.prompt])[0, 0]
            yield Score(measure=names[0], value=float(whole), turn=number, share=False)
            if layout.entities:
                prompts = [entity.prompt for entity in layout.entities]
                own = clip.likeness(image, [entity.box for entity in layout.entities], prompts).diagonal().mean()
                yield Score(measure=names[1], value=float(own), turn=number, share=False)

    @cached_property
    def _real(self) -> RealClip:
        from eligen.assistant.evaluation.witness import RealClip

        return RealClip(Path(self.folder or ""))
