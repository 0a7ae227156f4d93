"""Edits of a layout: what an edit does not name stays exactly as it was. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import singledispatch

from eligen.assistant.items import MOST
from eligen.assistant.plan import Background, Compose, Describe, LayoutEdit, Regenerate, Remove, Style, Transfer
from eligen.tools.errors import ToolError
from eligen.tools.layout import Entity, Layout, fresh_id


def apply(layout: Layout | None, edits: Sequence[LayoutEdit], *, taken: Iterable[str] = ()) -> Layout:
    """Return the layout after the edits, one after the other; None is the state before the first picture.

    `taken` are the ids of earlier versions, which no new entity gets. Raises ToolError that names the unknown id or
    says what cannot be done.
    """
    known = set(taken)
    for edit in edits:
        known |= {entity.id for entity in layout.entities} if layout else set()
        layout = _checked(_applied(edit, Scene(layout, known)))
    if layout is None:
        raise ToolError("there is no picture yet to change")
    return layout


@dataclass(frozen=True)
class Scene:
    """The layout before an edit, and every id that was ever given away in it."""

    before: Layout | None
    taken: set[str]

    @property
    def layout(self) -> Layout:
        """The layout; ToolError when there is none yet."""
        if self.before is None:
            raise ToolError("there is no picture yet to change")
        return self.before

    def entity(self, entity_id: str) -> Entity:
        """Return the entity of that id; ToolError when there is none."""
        try:
            return self.layout.entity(entity_id)
        except KeyError:
            known = ", ".join(entity.id for entity in self.layout.entities) or "none"
            raise ToolError(f"there is no {entity_id!r} in the picture: known are {known}") from None

    def without(self, ids: Iterable[str]) -> tuple[Entity, ...]:
        """Return the entities but these; ToolError when one is unknown."""
        gone = {self.entity(entity_id).id for entity_id in ids}
        return tuple(entity for entity in self.layout.entities if entity.id not in gone)

    def changed(self, *entities: Entity) -> tuple[Entity, ...]:
        """Return all entities, these in place of those of their ids."""
        new = {self.entity(entity.id).id: entity for entity in entities}
        return tuple(new.get(entity.id, entity) for entity in self.layout.entities)


def stem(entity: Entity) -> str:
    """Return the part of an entity's id that others of its kind share: dog of dog-2."""
    return re.sub(r"-\d+$", "", entity.id)


@singledispatch
def _applied(edit: LayoutEdit, scene: Scene) -> Layout:
    raise ToolError(f"{edit.op} cannot be done yet")


@_applied.register
def _(edit: Compose, scene: Scene) -> Layout:
    entities: list[Entity] = []
    for entity in edit.layout.entities:
        used = scene.taken | {other.id for other in entities}
        name = entity.id if entity.id and entity.id not in used else fresh_id(stem(entity), used)
        entities.append(entity if name == entity.id else entity.model_copy(update={"id": name}))
    return edit.layout.model_copy(update={"entities": tuple(entities)})


@_applied.register
def _(edit: Remove, scene: Scene) -> Layout:
    return scene.layout.model_copy(update={"entities": scene.without(edit.ids)})


@_applied.register
def _(edit: Describe, scene: Scene) -> Layout:
    described = scene.entity(edit.id).model_copy(update={"prompt": edit.prompt})
    return scene.layout.model_copy(update={"entities": scene.changed(described)})


@_applied.register
def _(edit: Background, scene: Scene) -> Layout:
    return scene.layout.model_copy(update={"background": edit.prompt})


@_applied.register
def _(edit: Style, scene: Scene) -> Layout:
    return scene.layout.model_copy(update={"style": edit.prompt})


@_applied.register
def _(edit: Transfer, scene: Scene) -> Layout:
    transferred = scene.entity(edit.id).model_copy(update={"reference": edit.reference})
    return scene.layout.model_copy(update={"entities": scene.changed(transferred)})


@_applied.register
def _(edit: Regenerate, scene: Scene) -> Layout:
    for entity_id in edit.ids:
        scene.entity(entity_id)
    return scene.layout


def _checked(layout: Layout) -> Layout:
    if len(layout.entities) > MOST:
        raise ToolError(f"{len(layout.entities)} things are too many: a picture holds {MOST}")
    return layout
