"""Answering questions that compare: "which dog is further left?", "is the cat bigger?", "are they alike?"."""

from __future__ import annotations

from collections.abc import Sequence

from eligen.assistant.dialogue.actions import does, things
from eligen.assistant.dialogue.kinds import matching, name
from eligen.assistant.dialogue.meanings import Measure, Newcomer, Reference, Request
from eligen.assistant.dialogue.picks import is_at
from eligen.assistant.dialogue.references import hosts, resolve
from eligen.assistant.dialogue.scene_questions import ONES, apart, whereabouts
from eligen.assistant.dialogue.work import Missing, Refused, Work
from eligen.assistant.language.saying import listed
from eligen.tools.layout import Entity

EVEN = 0.01  # of the canvas: no difference that anybody sees
BE = frozenset(("is", "are", "has", "have", "stands", "sits", "lies", "looks", "hangs", "flies"))


@does("ask compare")
def which_is_more(work: Work, request: Request) -> None:
    """Answer which of some things is most so, or whether one is more so than others."""
    measure: Measure = request.get("MEASURE")
    near = resolve(work, measure.of)
    asked = [entity for entity in _asked(work, request) if entity not in near]
    if measure.than or (request.get("THINGS") and len(asked) == 1):
        _whether(work, measure, near, asked)
        return
    if len(asked) < 2:
        raise Refused("There are not two things to compare.")
    order = sorted(asked, key=lambda entity: -_much(work, measure, near, entity))
    most, second = (_much(work, measure, near, entity) for entity in order[:2])
    if most - second < EVEN:
        work.said.append("I see no difference there.")
        return
    work.attend([order[0].id])
    work.said.append(_told(work, order[0], asked, f"is {measure.text}"))


def _whether(work: Work, measure: Measure, near: Sequence[Entity], asked: Sequence[Entity]) -> None:
    """Answer whether things are more so than others, or than everything else."""
    others = resolve(work, measure.than) if measure.than else work.layout.entities
    others = [entity for entity in others if entity not in asked and entity not in near]
    if not asked or not others:
        raise Refused("There is nothing to compare that with.")
    least = min(_much(work, measure, near, entity) for entity in asked)
    true = all(least - _much(work, measure, near, other) >= EVEN for other in others)
    work.attend(entity.id for entity in asked)
    said = f"the {name(asked[0])} is {'' if true else 'not '}{measure.text}"
    work.said.append(f"{'Yes' if true else 'No'}, {said}." if len(asked) == 1 else "Yes." if true else "No.")


def _asked(work: Work, request: Request) -> list[Entity]:
    """Return the things among which one is asked for: those named, those of a noun, those talked of, else all."""
    if request.get("THINGS"):
        return resolve(work, request.get("THINGS"))
    new: Newcomer | None = request.get("NOUN")
    if new is not None and new.noun is not None:
        found = matching(new.noun, work.layout.entities, work.lists.lexicon, widely=True)
        if not found:
            raise Missing(Reference(new.text, new.noun))
        return found
    talked_of = resolve(work, [ONES]) if "one" in request.text.split() else []
    return talked_of if len(talked_of) > 1 else list(work.layout.entities)


def _much(work: Work, measure: Measure, near: Sequence[Entity], entity: Entity) -> float:
    """Return how much an entity is what is compared."""
    box = entity.box
    if measure.by == "near":
        value = -(min(apart(box, host.box) for host in near) ** 0.5)
    elif measure.by == "age":
        layouts = [*work.past, work.layout]
        value = next(at for at, layout in enumerate(layouts) if any(e.id == entity.id for e in layout.entities))
    else:
        value = {"x": box.centre[0], "y": box.centre[1], "width": box.width, "height": box.height,
                 "size": box.area**0.5}[measure.by]  # fmt: skip
    return measure.sign * value


def _told(work: Work, entity: Entity, among: Sequence[Entity], rest: str) -> str:
    """Return a sentence about one of some things; where its name does not tell it from the others, where it is."""
    alike = [other for other in among if name(other) == name(entity)]
    if len(alike) > 1:
        return f"The {name(entity)} {whereabouts(entity, work.layout.entities)}."
    return f"The {name(entity)} {rest}."


@does("ask which")
def which_is_so(work: Work, request: Request) -> None:
    """Answer "which of the dogs is brown?" and "which cup is on the table?"."""
    spot, look = request.get("PLACE"), request.get("LOOK")
    asked = _asked(work, request)
    if spot is not None:
        found = [entity for entity in asked if is_at(spot, entity, hosts(work))]
    else:
        found = [e for e in asked if all(work.prompts.shows(e.prompt, word) for word in look.words)]
    work.attend(entity.id for entity in found)
    if len(found) == 1:
        said = request.text.split()
        verb = next(at for at, word in enumerate(said) if word in BE)
        work.said.append(_told(work, found[0], asked, " ".join(said[verb:])))
        return
    work.said.append(f"{listed([entity.prompt for entity in found]).capitalize()}." if found else "None.")


@does("ask same")
def whether_alike(work: Work, request: Request) -> None:
    """Answer whether things have the same size, colour, or look."""
    asked = things(work, request)
    if request.get("other"):
        asked += [entity for entity in resolve(work, request.get("other")) if entity not in asked]
    if len(asked) < 2:
        raise Refused("There is nothing to compare that with.")
    words = {*request.text.split()}
    if words & {"big", "large", "tall", *work.lists.lists["size"]}:
        sizes = [entity.box.area**0.5 for entity in asked]
        true = max(sizes) - min(sizes) < EVEN
    else:
        sorts = ("colour",) if words & {*work.lists.lists["hue"]} else ()
        true = len({work.prompts.read(entity.prompt).words(*sorts) for entity in asked}) == 1
    work.said.append(f"{'Yes' if true else 'No'}: {listed([entity.prompt for entity in asked])}.")
