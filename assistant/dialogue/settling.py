"""Edits that stand for themselves: none needs the id of what another edit of the same plan made.

Ids of new entities are given when a plan is carried out, so a plan does without them; only a new thing's likeness
needs its id, which follows from the ids that were taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from eligen.assistant.edits import apply
from eligen.assistant.plan import (
    Add,
    Compose,
    Describe,
    Duplicate,
    Edit,
    LayoutEdit,
    Move,
    Place,
    Redo,
    Regenerate,
    Remove,
    Replace,
    Resize,
    SetCount,
    Swap,
    Transfer,
    Undo,
)
from eligen.tools.layout import Entity, Layout


def settled(edits: Sequence[Edit], start: Layout, taken: Iterable[str]) -> tuple[Edit, ...]:
    """Return edits that leave the same layout from `start`, with what they make in its final form.

    Edits that only speak of what was there before stay as they are.
    """
    walk = [edit for edit in edits if isinstance(edit, Undo | Redo)]
    work = [edit for edit in edits if not isinstance(edit, Undo | Redo)]
    old = {entity.id for entity in start.entities}
    if not any(set(named_ids(edit)) - old for edit in work if not isinstance(edit, Transfer)):
        return tuple(edits)
    out: list[Edit] = [*walk]
    layout, known = start, {*taken, *old}
    for edit in work:
        after = apply(layout, [edit], taken=known)
        known |= {entity.id for entity in after.entities}
        out += _of_old(edit, layout, after, old)
        layout = after
    made = [entity for entity in layout.entities if entity.id not in old]
    out += [Add(prompt=entity.prompt, place=Place(box=entity.box)) for entity in made]
    return tuple([*out, *_alike(made, apply(start, [e for e in out if not isinstance(e, Undo | Redo)], taken=taken))])


def _alike(made: Sequence[Entity], layout: Layout) -> Iterator[Transfer]:
    """Yield what makes new things look like their references, by the ids that they have in a layout."""
    for entity in made:
        new = (e for e in layout.entities if (e.prompt, e.box) == (entity.prompt, entity.box))
        if entity.reference is not None:
            yield Transfer(id=next(new).id, reference=entity.reference)


def named_ids(edit: Edit) -> tuple[str, ...]:
    """Return the ids that an edit speaks of."""
    place = getattr(edit, "place", None)
    of = place.of if place is not None else ()
    if isinstance(edit, Remove | Move | Resize | SetCount | Regenerate):
        return (*edit.ids, *of)
    if isinstance(edit, Describe | Replace | Duplicate | Transfer):
        return (edit.id, *of)
    return (edit.first, edit.second) if isinstance(edit, Swap) else of


def _of_old(edit: LayoutEdit, before: Layout, after: Layout, old: set[str]) -> list[LayoutEdit]:
    """Return what an edit does to what was there before any of them."""
    if not set(named_ids(edit)) - old and not isinstance(edit, Add | Duplicate | Replace | SetCount | Compose):
        return [edit]
    found: list[LayoutEdit] = []
    there = {entity.id: entity for entity in after.entities}
    for entity in before.entities:
        if entity.id not in old:
            continue
        now = there.get(entity.id)
        if now is None:
            found.append(Remove(ids=(entity.id,)))
            continue
        if now.box != entity.box:
            found.append(Move(ids=(entity.id,), place=Place(box=now.box)))
        if now.prompt != entity.prompt:
            found.append(Describe(id=entity.id, prompt=now.prompt))
    if isinstance(edit, Regenerate | Transfer) and not set(named_ids(edit)) - old:
        found.append(edit)
    return found
