"""A layout under change: entities found, replaced, inserted and removed by id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from eligen.assistant.items import MOST, Relation
from eligen.assistant.plan import Place
from eligen.tools.errors import ToolError
from eligen.tools.layout import Box, Entity, Layout, fresh_id

BEHIND: frozenset[Relation] = frozenset(("behind", "below", "holding", "wearing"))
BEFORE: frozenset[Relation] = frozenset(("front", "above", "on", "inside"))


class Draft:
    """A layout while it changes: entities from back to front, background, styles; nothing new gets an id in `taken`."""

    def __init__(self, layout: Layout, taken: Iterable[str]) -> None:
        self.entities = list(layout.entities)
        self.background, self.style, self.style_images = layout.background, layout.style, layout.style_images
        self._taken = {*taken, *(entity.id for entity in layout.entities)}

    def get(self, ids: Iterable[str]) -> list[Entity]:
        """Return the entities of these ids, each once; ToolError when there is none of an id."""
        known = {entity.id: entity for entity in self.entities}
        if unknown := [entity_id for entity_id in ids if entity_id not in known]:
            raise ToolError(f"there is no {unknown[0]!r} in the picture: there is {', '.join(known) or 'nothing'}")
        return [known[entity_id] for entity_id in dict.fromkeys(ids)]

    def but(self, some: Sequence[Entity]) -> list[Entity]:
        """Return the other entities."""
        return [entity for entity in self.entities if entity not in some]

    def change(self, old: Entity, **fields: object) -> None:
        """Give an entity other values in its slot; a mask fits only the box it was made for."""
        if fields.get("box", old.box) != old.box:
            fields["mask"] = None
        self.entities[self.entities.index(old)] = old.model_copy(update=fields)

    def remove(self, some: Sequence[Entity]) -> None:
        """Take entities out."""
        self.entities = self.but(some)

    def named(self, stem: str) -> str:
        """Return an id that was never given to anything: dog-3 for dog."""
        self._taken.add(found := fresh_id(stem, self._taken))
        return found

    def check_room(self, count: int) -> None:
        """Raise ToolError when so many more entities are too many."""
        if len(self.entities) + count > MOST:
            raise ToolError(f"{len(self.entities) + count} things are too many: a picture holds {MOST}")

    def add(
        self, prompt: str, boxes: Sequence[Box], stem: str, *, reference: str | None = None, place: Place | None = None
    ) -> list[str]:
        """Put new entities on top of the others, or where their place demands; return their ids."""
        new = [Entity(id=self.named(stem), prompt=prompt, box=box, reference=reference) for box in boxes]
        self.entities += new
        ids = [entity.id for entity in new]
        self.restack(ids, place)
        return ids

    def add_copies(self, original: Entity, boxes: Sequence[Box], place: Place | None = None) -> None:
        """Put copies of an entity in, with its looks and its own style."""
        ids = self.add(original.prompt, boxes, stem(original.id), reference=original.reference, place=place)
        own = [style for style in self.style_images if style.entity == original.id]
        self.style_images += tuple(style.model_copy(update={"entity": name}) for style in own for name in ids)

    def restack(self, ids: Sequence[str], place: Place | None) -> None:
        """Bring entities behind or before the hosts of their place, where the relation demands it."""
        relation = place.relation if place else None
        if place is None or relation not in BEHIND | BEFORE:
            return
        moved = [entity for entity in self.entities if entity.id in ids]
        at = [index for index, entity in enumerate(self.entities) if entity.id in place.of]
        mine = [self.entities.index(entity) for entity in moved]
        if relation in BEHIND and max(mine) > min(at):
            host = self.entities[min(at)]
        elif relation in BEFORE and min(mine) < max(at):
            host = self.entities[max(at)]
        else:
            return
        rest = self.but(moved)
        where = rest.index(host) + (relation in BEFORE)
        self.entities = [*rest[:where], *moved, *rest[where:]]


def stem(entity_id: str) -> str:
    """Return the part of an id that others of its kind share: dog of dog-2."""
    return re.sub(r"-\d+$", "", entity_id)
