"""What of a picture must be repainted when its layout changes, and what stays or goes along. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from eligen.assistant.drafts import stem
from eligen.assistant.plan import Duplicate, LayoutEdit, Regenerate, SetCount
from eligen.tools.layout import Box, Entity, Layout
from eligen.tools.requests import Carry

SAME = 1e-3  # of the canvas: boxes lie on a grid of four decimals
CANVAS = Box(x0=0.0, y0=0.0, x1=1.0, y1=1.0)


@dataclass(frozen=True)
class Change:
    """The fields of an inpaint and, after it, of a transfer that make one picture of another; None where not needed."""

    inpaint: dict[str, Any] | None
    transfer: dict[str, Any] | None


def repainted(old: Layout, new: Layout, edits: Sequence[LayoutEdit], *, margin: float) -> Change:
    """Return what is to be repainted of a picture, by words (region or keep, entities, carried) and by references.

    The region is the old and new places of what changed, grown by a margin. For a new background it is everything
    but the things that stay as they are. A thing with a reference is transferred again where it changes or is touched,
    unless it keeps its own pixels.
    """
    again = {name for edit in edits if isinstance(edit, Regenerate) for name in edit.ids} | _restyled(old, new)
    carried = dict(_carried(old, new, edits, again))
    before = _by_id(old)
    anew = [
        entity
        for entity in new.entities
        if entity.reference is not None
        and entity.id not in carried
        and (before.get(entity.id) != entity or entity.id in again)
    ]
    own = {entity.id for entity in anew}
    left = tuple(_places(old, new, again, own))
    places = tuple(dict.fromkeys(grown(box, margin) for box in left))
    moved = tuple(carried.values())
    if new.background != old.background:
        keep = tuple(entity.box for entity in new.entities if entity in old.entities and entity.id not in again)
        by_words = tuple(entity for entity in new.entities if entity.id not in own)
        region = () if keep else (CANVAS,)
        fields = {"keep": keep, "region": region, "entities": plain(by_words), "carried": moved}
        return Change(fields, transfer(new, anew, margin=margin))
    touched = [
        entity
        for entity in new.entities
        if entity.id not in own and any(entity.box.intersection(place) for place in places)
    ]
    by_words = tuple(
        entity
        for entity in touched  # a touch by the margin is no reason to transfer a thing again
        if entity.reference is None or entity.id in carried or not any(entity.box.intersection(box) for box in left)
    )
    partly = [entity for entity in touched if entity not in by_words and not _hidden(entity, new)]
    fields = {"region": places, "entities": plain(by_words), "carried": moved}
    return Change(fields if places else None, transfer(new, anew, partly, places, margin=margin))


def transfer(
    layout: Layout,
    anew: Sequence[Entity],
    partly: Sequence[Entity] = (),
    places: tuple[Box, ...] = (),
    *,
    margin: float,
) -> dict[str, Any] | None:
    """Return the fields of a transfer of things as a whole, and of others as far as they lie in some places."""
    chosen = tuple(entity for entity in layout.entities if entity in anew or entity in partly)
    if not chosen:
        return None
    region = (*(grown(entity.box, margin) for entity in anew), *places) if partly else ()
    keep = dict.fromkeys(
        front.box
        for entity in chosen
        for front in _in_front(entity, layout)
        if front not in chosen and not _covers(front, entity)
    )
    return {"entities": chosen, "region": region, "keep": tuple(keep)}


def plain(entities: Sequence[Entity]) -> tuple[Entity, ...]:
    """Return the entities without their references, as words alone paint them."""
    return tuple(entity.model_copy(update={"reference": None}) for entity in entities)


def _in_front(entity: Entity, layout: Layout) -> Iterator[Entity]:
    """Yield the things before which an entity lies, as far as they touch it."""
    at = layout.entities.index(entity)
    yield from (front for front in layout.entities[at + 1 :] if front.box.intersection(entity.box))


def _covers(front: Entity, entity: Entity) -> bool:
    return front.box.intersection(entity.box) > entity.box.area / 2


def _hidden(entity: Entity, layout: Layout) -> bool:
    return any(_covers(front, entity) for front in _in_front(entity, layout))


def grown(box: Box, margin: float) -> Box:
    """Return a box larger by a margin on each side, cut at the canvas's edge."""
    return Box(
        x0=max(box.x0 - margin, 0.0),
        y0=max(box.y0 - margin, 0.0),
        x1=min(box.x1 + margin, 1.0),
        y1=min(box.y1 + margin, 1.0),
    )


def _restyled(old: Layout, new: Layout) -> set[str]:
    """Return the ids of the things whose own style is another."""
    styles = {*old.style_images} ^ {*new.style_images}
    return {style.entity for style in styles if style.entity is not None}


def _places(old: Layout, new: Layout, again: set[str], own: set[str]) -> Iterator[Box]:
    """Yield the old and new boxes of what changed or is to be painted again, and where the order of things changed.

    Of `own`, which are painted apart, only the places that they left.
    """
    before, after = _by_id(old), _by_id(new)
    for name in (*before, *(name for name in after if name not in before)):
        was, now = before.get(name), after.get(name)
        if name in own:
            yield from (entity.box for entity in (was,) if entity is not None and now and entity.box != now.box)
        elif was != now or name in again:
            yield from (entity.box for entity in (was, now) if entity is not None)
    order = [name for name in before if name in after]
    rank = {name: at for at, name in enumerate(after)}
    for under, over in combinations(order, 2):
        if rank[under] > rank[over]:
            yield from _overlap(after[under].box, after[over].box)


def _carried(old: Layout, new: Layout, edits: Sequence[LayoutEdit], again: set[str]) -> Iterator[tuple[str, Carry]]:
    """Yield what keeps its look at a new place or size, by id: the thing itself, and copies of a thing.

    What got another shape by hand is to fill that, so it is not carried. What has a reference and another size is
    better painted after it once more than stretched.
    """
    before = _by_id(old)
    originals = [before[name] for name in _copied(edits) if name in before]
    for entity in new.entities:
        was = before.get(entity.id)
        if was is None:
            was = next((one for one in originals if stem(one.id) == stem(entity.id) and _alike(one, entity)), None)
        if was is None or (entity.mask is not None and entity.mask != was.mask) or entity.id in again:
            continue
        if was.box == entity.box or not _alike(was, entity):
            continue
        if entity.reference is None or _same_size(was.box, entity.box):
            yield entity.id, Carry(source=was.box, target=entity.box)


def _copied(edits: Sequence[LayoutEdit]) -> Iterator[str]:
    """Yield the ids of what edits make copies of."""
    for edit in edits:
        if isinstance(edit, Duplicate):
            yield edit.id
        elif isinstance(edit, SetCount):
            yield edit.ids[0]


def _alike(one: Entity, other: Entity) -> bool:
    return (one.prompt, one.reference) == (other.prompt, other.reference)


def _same_size(one: Box, other: Box) -> bool:
    return abs(one.width - other.width) < SAME and abs(one.height - other.height) < SAME


def _by_id(layout: Layout) -> dict[str, Entity]:
    return {entity.id: entity for entity in layout.entities}


def _overlap(a: Box, b: Box) -> Iterator[Box]:
    if a.intersection(b):
        yield Box(x0=max(a.x0, b.x0), y0=max(a.y0, b.y0), x1=min(a.x1, b.x1), y1=min(a.y1, b.y1))
