"""From places and ways in words to places of the plan: where things go, where they were, and how far that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eligen.assistant.boxes import fitted
from eligen.assistant.dialogue.kinds import name
from eligen.assistant.dialogue.meanings import SINGULAR, Reference, Spot, Way
from eligen.assistant.dialogue.references import invite, resolve
from eligen.assistant.dialogue.work import Missing, Refused, Work
from eligen.assistant.plan import Background, Move, Place
from eligen.assistant.sizing import kind_of, size_in_place
from eligen.tools.layout import Box, Entity, Layout

STEP = 0.15  # of the canvas: "move it left"
EDGE = 0.02  # what stays free at an edge
STILL = 0.004
STANDING = ("ground", "surface", "any")


def place(work: Work, spot: Spot, moved: Sequence[Entity] = (), prompt: str = "") -> Place | None:
    """Return the plan's place for a place in words; None where it is the whole picture.

    `moved` are the things that go there, `prompt` is what a new thing is: both say how large it is there.
    """
    if work.there is not None and spot.text.split()[-1:] == ["there"]:
        spot = work.there
    if spot.region:
        return Place(region=spot.region)
    if spot.across:
        return _across(work, spot, moved)
    if spot.was is not None:
        old = former(work, spot.was, moved, first=spot.first)
        return Place(box=in_place_of(old, moved, prompt))
    assert spot.relation is not None
    try:
        hosts = _hosts(work, spot.of, {entity.id for entity in moved})
    except Missing as missing:
        if missing.reference.noun is None or missing.reference.noun.kind != "place":
            raise
        if moved:
            return Place(region=("bottom",))
        _surround(work, missing.reference)
        return None
    mine = {entity.id for entity in moved}
    of = tuple(entity.id for entity in hosts if entity.id not in mine)
    if not of:
        raise Refused("Nothing can be placed relative to itself.")
    if spot.relation == "between" and len(of) < 2:
        return Place(relation="next", of=of)
    return Place(relation=spot.relation, of=of)


def _surround(work: Work, where: Reference) -> None:
    """Make the place that a new thing is said to be in the background where that was left open."""
    background = work.layout.background
    if not background:
        work.do(Background(prompt=where.text))
    elif where.noun is not None and where.noun.name not in background:
        work.notices.append(f"the background is still {background}")


def _across(work: Work, spot: Spot, moved: Sequence[Entity]) -> Place | None:
    """Return the place on the other side of a thing, or of the canvas, from where something is now."""
    if not moved:
        return Place(relation="next", of=tuple(e.id for e in resolve(work, spot.of))) if spot.of else None
    x, y = moved[0].box.centre
    if "corner" in spot.text.split():
        return Place(region=("bottom" if y < 0.5 else "top", "right" if x < 0.5 else "left"))
    if spot.of:
        host = resolve(work, spot.of)[0]
        return Place(relation="right" if x < host.box.centre[0] else "left", of=(host.id,))
    return Place(region=("right" if x < 0.5 else "left",))


def _hosts(work: Work, references: Sequence[Reference], moved: set[str]) -> list[Entity]:
    """Return the things that a place is relative to; "it" is not what goes there, and a new one is added."""
    around = replace(work, focus=[ids for ids in work.focus if not set(ids) <= moved]) if moved else work
    hosts: list[Entity] = []
    for reference in references:
        try:
            hosts += resolve(work if reference.kind in ("noun", "other") else around, [reference])
        except Missing as missing:
            new = missing.reference
            known = new.noun is not None and new.noun.kind not in ("place", "part", "abstract")
            if new.definite or not known or missing.near:
                raise
            hosts += invite(work, new)
    return hosts


def former(work: Work, was: Reference, moved: Sequence[Entity] = (), *, first: bool = False) -> Entity:
    """Return a thing as it stood where it is spoken of: itself before it moved, or what is there no more."""
    if was.kind in SINGULAR | {"them"}:
        return _its_place(work, was, moved, first=first)
    here = [entity.id for entity in work.layout.entities]
    layouts = [*reversed(work.past), work.layout]
    for wanted in ("gone", "any"):
        for layout in layouts:
            if found := _lost(work, was, layout, here if wanted == "gone" else []):
                return _unless_here(work, found)
    raise Missing(was)


def _its_place(work: Work, was: Reference, moved: Sequence[Entity], *, first: bool) -> Entity:
    """Return what "it" was where it was: what goes there itself, else what was talked of."""
    if len(moved) == 1 and (box := home(work, moved[0], first=first)):
        return moved[0].model_copy(update={"box": box})
    mine = {entity.id for entity in moved}
    talked_of = (work.entity(entity_id) for ids in work.focus for entity_id in ids if entity_id not in mine)
    here = {entity.id for entity in work.layout.entities}
    found = next((entity for entity in talked_of if entity is not None and (not moved or entity.id not in here)), None)
    if found is not None:
        return _unless_here(work, found)
    if moved:
        raise Refused(f"The {name(moved[0])} has not been anywhere else.")
    raise Missing(was)


def _lost(work: Work, was: Reference, layout: Layout, here: Sequence[str]) -> Entity | None:
    """Return what a reference means in a layout, if that is not among those still here."""
    left = layout.model_copy(update={"entities": tuple(e for e in layout.entities if e.id not in here)})
    try:
        return next(iter(resolve(work, [was], left)), None)
    except Missing:
        return None


def _unless_here(work: Work, entity: Entity) -> Entity:
    """Return a thing as it stood before it moved, as it stands if it never did, as it last stood if it is gone."""
    here = next((other for other in work.layout.entities if other.id == entity.id), None)
    if here is None:
        return entity
    box = home(work, here)
    return here.model_copy(update={"box": box}) if box else here


def home(work: Work, entity: Entity, *, first: bool = False) -> Box | None:
    """Return the box of an entity before its place last changed, or (`first`) before it changed several times in a
    row; None where it never did.

    It is as large there as it is now, unless it was scaled when it was moved.
    """
    boxes = [e.box for layout in work.past for e in layout.entities if e.id == entity.id]
    elsewhere = [at for at, box in enumerate(boxes) if _away(box, entity.box)]
    if not elsewhere:
        return None
    at = elsewhere[-1]
    while first and at and _away(boxes[at - 1], boxes[at]):
        at -= 1
    old, there = boxes[at], [*boxes, entity.box][elsewhere[-1] + 1]
    across, down = entity.box.width / there.width, entity.box.height / there.height
    if max(abs(across - 1), abs(down - 1)) < STILL:
        return old
    return fitted(old, old.width * across, old.height * down)


def _away(one: Box, other: Box) -> bool:
    (x, y), (u, v) = one.centre, other.centre
    return max(abs(x - u), abs(y - v), abs(one.y1 - other.y1) if abs(one.height - other.height) < STILL else 0) > STILL


def in_place_of(old: Entity, moved: Sequence[Entity], prompt: str = "") -> Box:
    """Return the box of what comes to another thing's place: of its own size, on the same ground."""
    if moved:
        size = (moved[0].box.width, moved[0].box.height)
        stands = kind_of(moved[0].prompt).item.stands
    else:
        size, stands = size_in_place(prompt, old), kind_of(prompt).item.stands
    if moved and moved[0].id == old.id:
        return old.box
    both = stands in STANDING and kind_of(old.prompt).item.stands in STANDING
    box = fitted(old.box, *size)
    down = old.box.y1 - box.y1 if both else 0.0
    return Box.around(box.centre[0], box.centre[1] + down, box.width, box.height)


def moves(work: Work, entities: Sequence[Entity], way: Way) -> list[Move]:
    """Return the moves of things along a way, each as far as the canvas lets it."""
    found = [_towards(work, entity, way) if way.towards else _along(entity, way) for entity in entities]
    return [move for move in found if move.dx or move.dy]


def _along(entity: Entity, way: Way) -> Move:
    box = entity.box
    step = way.fraction if way.fraction is not None else STEP * way.steps
    room = (box.x0 if way.dx < 0 else 1 - box.x1, box.y0 if way.dy < 0 else 1 - box.y1)
    far = [(_to_edge(space) if way.edge else min(step, space)) for space in room]
    return Move(ids=(entity.id,), dx=round(way.dx * far[0], 4), dy=round(way.dy * far[1], 4))


def _to_edge(space: float) -> float:
    """Return how far something moves to an edge: almost there, and all the way where it is almost there already."""
    return space if space < 3 * EDGE else space - EDGE


def _towards(work: Work, entity: Entity, way: Way) -> Move:
    """Return a move nearer to things, or away from them, along the line between."""
    hosts = [host for host in resolve(work, way.towards) if host.id != entity.id]
    if not hosts:
        raise Refused("Nothing can be moved towards itself.")
    (x, y), centres = entity.box.centre, [host.box.centre for host in hosts]
    dx, dy = sum(c[0] for c in centres) / len(centres) - x, sum(c[1] for c in centres) / len(centres) - y
    distance = (dx * dx + dy * dy) ** 0.5 or 1e-6
    step = way.fraction if way.fraction is not None else STEP * way.steps
    if way.away:
        dx, dy = (-dx, -dy) if (dx, dy) != (0, 0) else (1.0, 0.0)
    else:
        gap = (
            max((entity.box.width + hosts[0].box.width) / 2, 0.0)
            if abs(dx) > abs(dy)
            else (entity.box.height + hosts[0].box.height) / 2
        )
        step = max(min(max(step, 0.4 * distance), distance - gap), 0.0)
    box = entity.box
    go_x = min(max(dx / distance * step, -box.x0), 1 - box.x1)
    go_y = min(max(dy / distance * step, -box.y0), 1 - box.y1)
    return Move(ids=(entity.id,), dx=round(go_x, 4) + 0.0, dy=round(go_y, 4) + 0.0)  # no -0.0
