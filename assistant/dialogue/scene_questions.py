"""Answering questions about the picture from its layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eligen.assistant.dialogue.actions import does
from eligen.assistant.dialogue.kinds import matching, name
from eligen.assistant.dialogue.meanings import Newcomer, Reference, Request, Spot
from eligen.assistant.dialogue.picks import is_at
from eligen.assistant.dialogue.references import hosts, resolve
from eligen.assistant.dialogue.work import Missing, Work
from eligen.assistant.language.inflection import plural
from eligen.assistant.language.saying import listed, number
from eligen.tools.layout import Box, Entity, Layout

ONES = Reference("they", number=None, kind="one")  # all of the kind that is talked of
CAN = "You can tell me to add, remove, move, scale, recolour, replace, copy or exchange things, and to undo."


@does("ask count")
def how_many(work: Work, request: Request) -> None:
    try:
        asked = request if request.get("THINGS") else request.put("THINGS", (ONES,))
        found = _asked(work, asked, many=True)
    except Missing as missing:
        found, noun = [], missing.reference.noun
        work.said.append(f"There are no {plural(noun.name)} in the picture." if noun else "There are none.")
        return
    spot, look = request.get("PLACE"), request.get("LOOK")
    if spot is not None:
        found = [entity for entity in found if is_at(spot, entity, hosts(work))]
    if look is not None:
        found = [e for e in found if all(work.prompts.shows(e.prompt, word) for word in look.words)]
    if not found:
        work.said.append("There are none.")
        return
    what = listed([entity.prompt for entity in found])
    work.said.append(f"There {'are' if len(found) > 1 else 'is'} {number(len(found))}: {what}.")


@does("ask more")
def whether_more(work: Work, request: Request) -> None:
    """Answer "are there more cats than dogs?"."""
    first, second = (_counted(work, request.get(key)) for key in ("THINGS", "other"))
    words = {*request.text.split()}
    true = len(first) < len(second) if words & {"fewer", "less"} else len(first) > len(second)
    true = len(first) == len(second) if "as" in words else true
    work.said.append(f"{'Yes' if true else 'No'}: {number(len(first))} and {number(len(second))}.")


def _counted(work: Work, references: Sequence[Reference]) -> list[Entity]:
    try:
        return resolve(work, references)
    except Missing:
        return []


@does("ask list")
def what_is_there(work: Work, request: Request) -> None:
    work.said.append(f"I see {overview(work.layout)}.")


@does("ask where")
def where(work: Work, request: Request) -> None:
    for entity in _asked(work, request):
        work.said.append(f"The {name(entity)} is {whereabouts(entity, work.layout.entities)}.")


@does("ask look")
def looks(work: Work, request: Request) -> None:
    for entity in _asked(work, request):
        work.said.append(f"It is {entity.prompt}.")


@does("ask whether")
def whether_there(work: Work, request: Request) -> None:
    """Answer "is there a cat next to the tree?"."""
    news: tuple[Newcomer, ...] = request.get("NEWS") or ()
    if not news:
        found = _asked(work, request)
    else:
        found = []
        for newcomer in news:
            if newcomer.noun is not None:
                same = matching(newcomer.noun, work.layout.entities, work.lists.lexicon, widely=True)
                found += [e for e in same if all(work.prompts.shows(e.prompt, word) for word in newcomer.words)]
    spot: Spot | None = request.get("PLACE")
    if spot is not None:
        found = [entity for entity in found if is_at(spot, entity, hosts(work))]
    work.attend(entity.id for entity in found)
    work.said.append(f"Yes: {listed([entity.prompt for entity in found])}." if found else "No, there is not.")


@does("ask true")
def whether_so(work: Work, request: Request) -> None:
    """Answer "is the cat red?" and "is the cat left of the dog?"."""
    spot, look = request.get("PLACE"), request.get("LOOK")
    for entity in _asked(work, request):
        if spot is not None:
            true = is_at(spot, entity, hosts(work))
        else:
            true = look is None or all(work.prompts.shows(entity.prompt, word) for word in look.words)
        seen = f"it is {whereabouts(entity, work.layout.entities)}" if spot else f"it is {entity.prompt}"
        work.said.append(f"Yes, {seen}." if true else f"No, {seen}.")


@does("ask beside")
def what_is_beside(work: Work, request: Request) -> None:
    found = [entity for entity in work.layout.entities if is_at(request.get("PLACE"), entity, hosts(work))]
    work.attend(entity.id for entity in found)
    work.said.append(f"{listed([entity.prompt for entity in found]).capitalize() or 'Nothing'}.")


@does("ask nearer")
def which_is_nearer(work: Work, request: Request) -> None:
    """Answer "is the cat closer to the tree or the car?" and "what is closest to the tree?"."""
    (asked, *_) = _asked(work, request)
    choice = [key for key in ("one", "two") if request.get(key)]
    others = [entity for key in choice for entity in resolve(work, [request.get(key)])]
    others = others or [entity for entity in work.layout.entities if entity.id != asked.id]
    if not others:
        raise Missing(Reference("the others"), why="There is nothing else in the picture.")
    near = min(others, key=lambda other: apart(asked.box, other.box))
    work.attend([near.id])
    work.said.append(f"The {name(near)} is closest to the {name(asked)}.")


@does("ask size")
def how_big(work: Work, request: Request) -> None:
    for entity in _asked(work, request):
        across, down = round(100 * entity.box.width), round(100 * entity.box.height)
        work.said.append(f"The {name(entity)} takes {across} % of the picture's width and {down} % of its height.")


@does("ask background")
def which_background(work: Work, request: Request) -> None:
    work.said.append(f"The background is {work.layout.background or 'left open'}.")


@does("ask style")
def which_style(work: Work, request: Request) -> None:
    work.said.append(f"The style is {work.layout.style or 'left open'}.")


@does("ask help")
def what_can_i_say(work: Work, request: Request) -> None:
    work.said.append(f"I plan pictures and change them as you say. {CAN}")


def _asked(work: Work, request: Request, *, many: bool = False) -> list[Entity]:
    references = request.get("THINGS") or (Reference("it", kind="it"),)
    found = resolve(work, [replace(one, number=None) for one in references] if many else references)
    work.attend(entity.id for entity in found)
    return found


def overview(layout: Layout) -> str:
    """Return everything in a layout in words."""
    shown = listed([entity.prompt for entity in layout.entities]) or "nothing in particular"
    around = f"; the background is {layout.background}" if layout.background else ""
    return f"{shown}{around}{f'; the style is {layout.style}' if layout.style else ''}"


def whereabouts(entity: Entity, entities: Sequence[Entity]) -> str:
    """Return where an entity is: its part of the canvas and its nearest neighbour."""
    x, y = entity.box.centre
    down = "at the top" if y < 0.36 else "at the bottom" if y > 0.64 else ""
    across = "on the left" if x < 0.4 else "on the right" if x > 0.6 else ""
    part = " ".join(filter(None, (down, across))) or "in the middle"
    others = [other for other in entities if other.id != entity.id]
    if not others:
        return part
    near = min(others, key=lambda other: apart(entity.box, other.box))
    other = "other " if name(near) == name(entity) else ""
    return f"{part}, {_side(entity.box, near.box)} the {other}{name(near)}"


def apart(one: Box, other: Box) -> float:
    """Return the squared distance of two boxes' centres."""
    (x, y), (u, v) = one.centre, other.centre
    return (x - u) ** 2 + (y - v) ** 2


def _side(one: Box, other: Box) -> str:
    dx, dy = one.centre[0] - other.centre[0], one.centre[1] - other.centre[1]
    if abs(dx) >= abs(dy):
        return "to the left of" if dx < 0 else "to the right of"
    return "above" if dy < 0 else "below"
