"""Boxes for things that are added, moved or copied in a picture that is already there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from eligen.assistant.boxes import bounds, box_at, centred, slid
from eligen.assistant.items import Item, node
from eligen.assistant.language.lexicon import lexicon
from eligen.assistant.placement import HIGH
from eligen.assistant.plan import Place
from eligen.assistant.sizing import SMALLEST, kind_of, size_among
from eligen.assistant.spots import GROUND, Sizes, Wish, spots
from eligen.tools.errors import ToolError
from eligen.tools.layout import Box, Entity

NEW: Sizes = ((1.0, 0.0), (0.85, 0.05), (0.7, 0.15), (0.55, 0.3))
MOVED: Sizes = ((1.0, 0.0), (0.9, 0.05), (0.81, 0.1), (0.6, 3.0), (0.45, 4.0))
CROWDED: Sizes = tuple((factor, 0.2 * (1 - factor)) for factor in (1.0, 0.85, 0.7, 0.6, 0.5, 0.4, 0.33, 0.27, 0.22))
COPIED: Sizes = ((1.0, 0.0), (0.85, 0.2))
STANDING = ("ground", "any", "surface", "water")


def boxes_to_add(
    prompt: str, count: int, place: Place | None, entities: Sequence[Entity], factor: float = 1.0
) -> list[Box]:
    """Return boxes for so many new things of a prompt."""
    if place is not None and place.box is not None:
        return _split(place.box, count)
    around = _hosts(place, entities) or entities
    width, height = size_among(prompt, around, factor)
    sizes = tuple((size, price) for size, price in NEW if size == 1 or size * min(width, height) >= SMALLEST)
    return spots(width, height, count, _boxes(entities), _wish(prompt, place, entities, sizes))


def boxes_to_copy(original: Entity, count: int, place: Place | None, entities: Sequence[Entity]) -> list[Box]:
    """Return boxes for copies of an entity, as large as it is if there is room: beside it unless a place is given."""
    if place is not None and place.box is not None:
        return [centred([original.box], box)[0] for box in _split(place.box, count)]
    beside = Wish(home=original.box, sizes=COPIED)
    wish = beside if place is None else _wish(original.prompt, place, entities, COPIED)
    return spots(original.box.width, original.box.height, count, _boxes(entities), wish)


def boxes_for_all(present: Sequence[Entity], count: int, others: Sequence[Entity]) -> list[Box]:
    """Return boxes for so many equal things, of which some are there: these stay if there is room for the rest."""
    first, stay = present[0].box, _boxes(present)
    wish = Wish(home=first, sizes=NEW)
    more = spots(first.width, first.height, count - len(stay), [*_boxes(others), *stay], wish)
    if not any(_covers(a, b) for a in more for b in (*_boxes(others), *stay, *more) if a is not b):
        return [*stay, *more]
    return spots(first.width, first.height, count, _boxes(others), replace(wish, sizes=CROWDED))


def boxes_to_move(moved: Sequence[Entity], place: Place, others: Sequence[Entity]) -> list[Box]:
    """Return boxes for things that go to a place together, arranged as they are and, if there is room, as large.

    One thing alone fills a box that is given.
    """
    old = _boxes(moved)
    if place.box is not None:
        return [place.box] if len(old) == 1 else centred(old, place.box)
    whole = bounds(old)
    wish = _wish(moved[0].prompt, place, others, MOVED, home=whole)
    (there,) = spots(whole.width, whole.height, 1, _boxes(others), wish)
    return [_carried(box, whole, there) for box in old]


def _wish(prompt: str, place: Place | None, entities: Sequence[Entity], sizes: Sizes, home: Box | None = None) -> Wish:
    kinds = [(entity.box, kind_of(entity.prompt).item.stands) for entity in entities]
    relation, noun = place.relation if place else None, kind_of(prompt).noun.name
    if relation == "on" and noun in lexicon().set("printed"):
        relation = "inside"  # a logo on a car lies within it, where a cat stands upon it
    feet = [box.y1 for box, stands in kinds if stands in STANDING]
    return Wish(
        relation=relation,
        hosts=tuple(entity.box for entity in _hosts(place, entities)),
        region=place.region if place else (),
        home=home,
        high=kind_of(prompt).item.stands in HIGH,
        foot=median(feet) if feet else GROUND,
        sizes=sizes,
    )


def _hosts(place: Place | None, entities: Sequence[Entity]) -> list[Entity]:
    """Return the entities that a place refers to; ToolError when the relation is no place or lacks one."""
    if place is None or place.relation is None:
        return []
    hosts = [entity for entity in entities if entity.id in place.of]
    if place.relation in ("bigger", "smaller"):
        raise ToolError(f"{place.relation!r} says no place")
    if missing := set(place.of) - {entity.id for entity in hosts}:
        raise ToolError(f"nothing can be placed relative to {', '.join(sorted(missing))}, which is itself or not there")
    if place.relation == "between" and len(hosts) < 2:
        raise ToolError(f"between {hosts[0].id} and what? that needs two things")
    return hosts


def _boxes(entities: Sequence[Entity]) -> list[Box]:
    return [entity.box for entity in entities]


def _covers(one: Box, other: Box) -> bool:
    """Tell whether two boxes lie over each other by more than a little."""
    return one.intersection(other) > 0.1 * min(one.area, other.area)


def _carried(box: Box, old: Box, new: Box) -> Box:
    """Return a box at the place in `new` that it has in `old`."""
    if (new.width, new.height) == (old.width, old.height):
        return slid([box], new.x0 - old.x0, new.y0 - old.y0)[0]
    across, down = new.width / old.width, new.height / old.height
    x0, y0 = new.x0 + (box.x0 - old.x0) * across, new.y0 + (box.y0 - old.y0) * down
    return box_at(x0, y0, box.width * across, box.height * down)


def _split(box: Box, count: int) -> list[Box]:
    """Return a box's cells, one for each thing; the box itself for one."""
    if count == 1:
        return [box]
    columns = node(Item(box.height, box.width, count)).columns
    rows = -(-count // columns)
    width, height = box.width / columns, box.height / rows
    cells = [divmod(at, columns) for at in range(count)]
    return [box_at(box.x0 + x * width, box.y0 + y * height, width, height) for y, x in cells]
