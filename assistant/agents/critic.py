"""The critic's node: looks at what was painted, and has what failed painted again, a few times at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from langgraph.config import get_stream_writer
from langgraph.types import Command

from eligen.assistant.pictures import Pictures
from eligen.assistant.regions import grown
from eligen.assistant.routing import FEATHER, Step, derived
from eligen.assistant.state import Candidate, State, as_json
from eligen.assistant.turns import Finding, Verdict
from eligen.tools.errors import ModelOutputError
from eligen.tools.layout import Entity, Layout
from eligen.tools.requests import GenerateRequest, InpaintRequest, RepaintRequest, TransferRequest

if TYPE_CHECKING:
    from PIL import Image

RETRIES = 2


class Eye(Protocol):
    """Anything that sees what is in a picture, where, and whether it is as it should be."""

    def look(self, image: Image.Image, entities: Sequence[Entity]) -> tuple[Finding, ...]:
        """Return a finding for each of the entities; ModelOutputError when nothing can be told."""
        ...

    def ground(self, image: Image.Image) -> Layout:
        """Return what a picture shows as a layout; ModelOutputError when nothing can be told."""
        ...


@dataclass(frozen=True)
class CriticAgent:
    """Gives the last candidate its verdict, and asks for another while something failed and tries are left."""

    eye: Eye
    pictures: Pictures
    retries: int = RETRIES

    def __call__(self, state: State) -> Command[Literal["painter", "record"]]:
        if state.error:
            return Command(goto="record")
        write = get_stream_writer()
        write({"doing": "looking"})
        *earlier, last = state.candidates
        candidates = (*earlier, self._judged(last))
        kept = best(candidates)
        if candidates[-1].verdict is None or kept.verdict is None or kept.verdict.ok or len(candidates) > self.retries:
            return Command(goto="record", update=as_json(candidates=candidates))
        again = retry(kept, attempt=len(candidates))
        write({"doing": "once more: " + ", ".join(finding.prompt for finding in kept.verdict.failed)})
        return Command(goto="painter", update=as_json(candidates=candidates, steps=(again,)))

    def _judged(self, candidate: Candidate) -> Candidate:
        """Return a candidate with its verdict, or with a notice where the eye gave no answer."""
        image = self.pictures.open(candidate.picture)
        painted = {entity.id: entity for request in candidate.requests for entity in repainted(request)}
        try:
            findings = self.eye.look(image, list(painted.values())) if painted else ()
        except ModelOutputError as error:
            return candidate.model_copy(
                update={"notices": (*candidate.notices, f"the picture was not checked: {error}")}
            )
        verdict = Verdict(findings=findings, unchanged=self._left_alone(candidate, image))
        return candidate.model_copy(update={"verdict": verdict})

    def _left_alone(self, candidate: Candidate, image: Image.Image) -> bool:
        """Return whether everything outside a candidate's mask is bit for bit what it was before the turn."""
        import numpy as np

        from eligen.tools.measures import difference_outside

        first = candidate.requests[0]
        if candidate.mask is None or not isinstance(first, RepaintRequest):
            return True
        mask = np.asarray(self.pictures.open(candidate.mask)) > 0
        return difference_outside(self.pictures.open(first.image), image, mask) == 0


def repainted(request: GenerateRequest) -> list[Entity]:
    """Return the entities that a request paints anew, for the most part at least."""
    if isinstance(request, InpaintRequest) and request.mask is not None:
        return list(request.entities)
    if isinstance(request, InpaintRequest | TransferRequest) and request.region:
        places = request.region
        return [e for e in request.entities if max(place.intersection(e.box) for place in places) > e.box.area / 2]
    if isinstance(request, InpaintRequest):
        return [entity for entity in request.entities if entity.box not in request.keep]
    return list(request.entities)


def best(candidates: Sequence[Candidate]) -> Candidate:
    """Return the candidate of the best verdict, the first of equals and where there are no verdicts."""
    return max(candidates, key=lambda candidate: candidate.verdict.rank if candidate.verdict else ())


def retry(candidate: Candidate, *, attempt: int) -> Step:
    """Return the step that paints what failed in a candidate again, with another seed and nowhere else than before."""
    assert candidate.verdict is not None
    last, attempted = candidate.requests[-1], {"seed": derived(candidate.requests[-1].seed, "retry", str(attempt))}
    failed = {finding.id for finding in candidate.verdict.failed}
    chosen = tuple(entity for entity in last.entities if entity.id in failed)
    if isinstance(last, TransferRequest) and chosen:
        fields = dict(last) | attempted | {"image": candidate.picture, "entities": chosen}
        return Step(tool="transfer", request=TransferRequest(**fields))
    request = next(one for one in reversed(candidate.requests) if not isinstance(one, TransferRequest))
    fields = dict(request) | attempted
    boxes = [entity.box for entity in request.entities if entity.id in failed]
    if not isinstance(request, InpaintRequest) or request is not last:
        region = tuple(grown(box, FEATHER) for box in boxes)
        fields |= {"image": candidate.picture, "region": region, "carried": ()}
    elif request.region and not request.carried:  # what is carried is cut out of the picture before
        region = tuple(place for place in request.region if any(place.intersection(box) for box in boxes))
        fields |= {"image": candidate.picture, "region": region}
    return Step(tool="inpaint", request=InpaintRequest(**fields))
