"""What of a picture must be repainted when its layout changes, and what stays or goes along. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from eligen.assistant.drafts import stem
from eligen.assistant.plan import Duplicate, LayoutEdit, Regenerate, SetCount
from eligen.tools.layout import Box, Entity, Layout
from eligen.tools.requests import Carry

CANVAS = Box(x0=0.0, y0=0.0, x1=1.0, y1=1.0)


def repainted(old: Layout, new: Layout, edits: Sequence[LayoutEdit], *, margin: float) -> dict[str, Any] | None:
    """Return the fields of an inpaint that say what to repaint: region or keep, entities, carried; None for nothing.

    The region is the old and new places of what changed, grown by a margin. For a new background it is everything
    but the things that stay as they are.
    """
    again = {name for edit in edits if isinstance(edit, Regenerate) for name in edit.ids} | _restyled(old, new)
    places = tuple(dict.fromkeys(grown(box, margin) for box in _places(old, new, again)))
    carried = tuple(_carried(old, new, edits, again))
    if new.background != old.background:
        keep = tuple(entity.box for entity in new.entities if entity in old.entities and entity.id not in again)
        return {"keep": keep, "region": () if keep else (CANVAS,), "entities": new.entities, "carried": carried}
    if not places:
        return None
    touched = tuple(entity for entity in new.entities if any(entity.box.intersection(place) for place in places))
    return {"region": places, "entities": touched, "carried": carried}


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


def _places(old: Layout, new: Layout, again: set[str]) -> Iterator[Box]:
    """Yield the old and new boxes of what changed or is to be painted again, and where the order of things changed."""
    before, after = _by_id(old), _by_id(new)
    for name in (*before, *(name for name in after if name not in before)):
        was, now = before.get(name), after.get(name)
        if was != now or name in again:
            yield from (entity.box for entity in (was, now) if entity is not None)
    order = [name for name in before if name in after]
    rank = {name: at for at, name in enumerate(after)}
    for under, over in combinations(order, 2):
        if rank[under] > rank[over]:
            yield from _overlap(after[under].box, after[over].box)


def _carried(old: Layout, new: Layout, edits: Sequence[LayoutEdit], again: set[str]) -> Iterator[Carry]:
    """Yield what keeps its look at a new place or size: the thing itself, and copies of a thing.

    What got another shape by hand is to fill that, so it is not carried.
    """
    before = _by_id(old)
    originals = [before[name] for name in _copied(edits) if name in before]
    for entity in new.entities:
        was = before.get(entity.id)
        if was is None:
            was = next((one for one in originals if stem(one.id) == stem(entity.id) and _alike(one, entity)), None)
        if was is None or (entity.mask is not None and entity.mask != was.mask) or entity.id in again:
            continue
        if was.box != entity.box and _alike(was, entity):
            yield Carry(source=was.box, target=entity.box)


def _copied(edits: Sequence[LayoutEdit]) -> Iterator[str]:
    """Yield the ids of what edits make copies of."""
    for edit in edits:
        if isinstance(edit, Duplicate):
            yield edit.id
        elif isinstance(edit, SetCount):
            yield edit.ids[0]


def _alike(one: Entity, other: Entity) -> bool:
    return (one.prompt, one.reference) == (other.prompt, other.reference)


def _by_id(layout: Layout) -> dict[str, Entity]:
    return {entity.id: entity for entity in layout.entities}


def _overlap(a: Box, b: Box) -> Iterator[Box]:
    if a.intersection(b):
        yield Box(x0=max(a.x0, b.x0), y0=max(a.y0, b.y0), x1=min(a.x1, b.x1), y1=min(a.y1, b.y1))
