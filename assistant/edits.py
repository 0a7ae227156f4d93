"""Edits of a layout: what an edit does not name stays exactly as it was. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import singledispatch

from eligen.assistant.boxes import centred, fitted, scaled, slid
from eligen.assistant.caption import caption
from eligen.assistant.drafts import Draft, stem
from eligen.assistant.placing import boxes_for_all, boxes_to_add, boxes_to_copy, boxes_to_move
from eligen.assistant.plan import (
    Add,
    Background,
    Compose,
    Describe,
    Duplicate,
    LayoutEdit,
    Move,
    Regenerate,
    Remove,
    Replace,
    Resize,
    SetCount,
    Shape,
    Stack,
    Style,
    Swap,
    Transfer,
)
from eligen.assistant.sizing import kind_of, size_in_place
from eligen.tools.errors import ToolError
from eligen.tools.layout import Layout, StyleImage


def apply(layout: Layout | None, edits: Sequence[LayoutEdit], *, taken: Iterable[str] = ()) -> Layout:
    """Return the layout after the edits, one after the other; None is the state before the first picture.

    `taken` are the ids of all versions, which nothing new gets: an id means the same thing for ever. The global
    prompt is put into new words when what it speaks of changes. Raises ToolError that names the unknown id or says
    what cannot be done.
    """
    ids = {*taken, *(entity.id for entity in (layout.entities if layout else ()))}
    for edit in edits:
        layout = _composed(edit, ids) if isinstance(edit, Compose) else _edited(layout, edit, ids)
        ids |= {entity.id for entity in layout.entities}
    if layout is None:
        raise ToolError("there is no picture yet to change")
    return layout


def _composed(edit: Compose, taken: set[str]) -> Layout:
    """Return a new picture's layout, whose entities keep their ids unless something else has or had them."""
    own = [entity.id for entity in edit.layout.entities if entity.id and entity.id not in taken]
    draft, names = Draft(edit.layout, taken), dict[str | None, str | None]({None: None})
    for entity in edit.layout.entities:
        name = entity.id if entity.id in own else draft.named(stem(entity.id) or kind_of(entity.prompt).noun.name)
        names[entity.id] = name
        draft.change(entity, id=name)
    styles = [style.model_copy(update={"entity": names[style.entity]}) for style in edit.layout.style_images]
    composed = edit.layout.model_copy(update={"entities": tuple(draft.entities), "style_images": tuple(styles)})
    return composed if composed.prompt.strip() else composed.model_copy(update={"prompt": caption(composed)})


def _edited(layout: Layout | None, edit: LayoutEdit, taken: set[str]) -> Layout:
    """Return the layout after one edit, the same object when it changes nothing."""
    if layout is None:
        raise ToolError("there is no picture yet to change")
    draft = Draft(layout, taken)
    _change(edit, draft)
    shown = (None, *(entity.id for entity in draft.entities))
    fields = {
        "entities": tuple(draft.entities),
        "background": draft.background,
        "style": draft.style,
        "style_images": tuple(style for style in draft.style_images if style.entity in shown),
    }
    new = layout.model_copy(update=fields)
    return layout if new == layout else new.model_copy(update={"prompt": caption(new)})


@singledispatch
def _change(edit: LayoutEdit, draft: Draft) -> None:
    """Change a draft as an edit says."""
    raise NotImplementedError(edit.op)


@_change.register
def _add(edit: Add, draft: Draft) -> None:
    draft.check_room(edit.count)
    boxes = boxes_to_add(edit.prompt, edit.count, edit.place, draft.entities, edit.size)
    draft.add(edit.prompt, boxes, kind_of(edit.prompt).noun.name, place=edit.place)


@_change.register
def _remove(edit: Remove, draft: Draft) -> None:
    draft.remove(draft.get(edit.ids))


@_change.register
def _move(edit: Move, draft: Draft) -> None:
    moved = draft.get(edit.ids)
    boxes = [entity.box for entity in moved]
    if edit.place is not None:
        boxes = boxes_to_move(moved, edit.place, draft.but(moved))
    for entity, box in zip(moved, slid(boxes, edit.dx, edit.dy), strict=True):
        draft.change(entity, box=box)
    draft.restack([entity.id for entity in moved], edit.place)


@_change.register
def _resize(edit: Resize, draft: Draft) -> None:
    for entity in draft.get(edit.ids):
        draft.change(entity, box=scaled(entity.box, edit.factor))


@_change.register
def _describe(edit: Describe, draft: Draft) -> None:
    (entity,) = draft.get([edit.id])
    draft.change(entity, prompt=edit.prompt)


@_change.register
def _replace(edit: Replace, draft: Draft) -> None:
    (old,) = draft.get([edit.id])
    box = fitted(old.box, *size_in_place(edit.prompt, old))
    name = draft.named(kind_of(edit.prompt).noun.name)
    draft.change(old, id=name, prompt=edit.prompt, box=box, mask=None, reference=None)


@_change.register
def _duplicate(edit: Duplicate, draft: Draft) -> None:
    (original,) = draft.get([edit.id])
    draft.check_room(edit.count)
    boxes = boxes_to_copy(original, edit.count, edit.place, draft.entities)
    draft.add_copies(original, boxes, edit.place)


@_change.register
def _swap(edit: Swap, draft: Draft) -> None:
    if edit.first == edit.second:
        raise ToolError(f"{edit.first} cannot change places with itself")
    first, second = draft.get([edit.first, edit.second])
    draft.change(first, box=centred([first.box], second.box)[0])
    draft.change(second, box=centred([second.box], first.box)[0])


@_change.register
def _count(edit: SetCount, draft: Draft) -> None:
    present = draft.get(edit.ids)
    first, missing = present[0], edit.n - len(present)
    draft.remove(present[edit.n :])
    if missing > 0:
        draft.check_room(missing)
        boxes = boxes_for_all(present, edit.n, draft.but(present))
        for entity, box in zip(present, boxes, strict=False):
            draft.change(entity, box=box)
        draft.add_copies(first, boxes[len(present) :])


@_change.register
def _background(edit: Background, draft: Draft) -> None:
    draft.background = edit.prompt


@_change.register
def _style(edit: Style, draft: Draft) -> None:
    named = tuple(entity.id for entity in draft.get(edit.ids)) or (None,)
    if named == (None,):
        draft.style = edit.prompt
    others = tuple(style for style in draft.style_images if style.entity not in named)
    new = tuple(StyleImage(image=edit.reference, entity=name) for name in named if edit.reference is not None)
    draft.style_images = others + new


@_change.register
def _transfer(edit: Transfer, draft: Draft) -> None:
    (entity,) = draft.get([edit.id])
    draft.change(entity, reference=edit.reference)


@_change.register
def _regenerate(edit: Regenerate, draft: Draft) -> None:
    draft.get(edit.ids)


@_change.register
def _shape(edit: Shape, draft: Draft) -> None:
    (entity,) = draft.get([edit.id])
    draft.change(entity, box=edit.box)
    (entity,) = draft.get([edit.id])
    draft.change(entity, mask=edit.mask)


@_change.register
def _stack(edit: Stack, draft: Draft) -> None:
    stacked = draft.get(edit.ids)
    if missing := draft.but(stacked):
        raise ToolError(f"an order is of all things: {missing[0].id} is missing")
    draft.entities = stacked
