"""A plan in the making: the layout as the edits so far leave it, what was before, and what "it" may mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from eligen.assistant.context import Context
from eligen.assistant.dialogue.meanings import Reference, Spot
from eligen.assistant.dialogue.prompts import Prompts
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.edits import apply
from eligen.assistant.plan import Edit, LayoutEdit, NamedReference, Undo
from eligen.tools.layout import Entity, Layout

Ids = tuple[str, ...]


class Unclear(Exception):
    """A reference may mean several things of the picture."""

    def __init__(self, reference: Reference, entities: Iterable[Entity]) -> None:
        super().__init__(reference.text)
        self.reference = reference
        self.entities = tuple(entities)


class Missing(Exception):
    """A reference names nothing in the picture; `near` are things that it may have meant all the same."""

    def __init__(self, reference: Reference, near: Iterable[Entity] = (), *, why: str = "") -> None:
        super().__init__(reference.text)
        self.reference = reference
        self.near = tuple(near)
        self.why = why


class Refused(Exception):
    """What is asked for cannot be done, and why, in a sentence for the user."""


class Unattached(Refused):
    """A message speaks of a picture that was not sent with it."""


@dataclass
class Work:
    """The state of planning one message.

    `past` are the layouts before the current one, oldest first; `focus` what was talked of, the latest first (removed
    things too); `choices` say what a reference that was unclear means, `invited` which missing ones may be added;
    `wrong` are things that were taken by mistake; `said` are sentences for the reply, `otherwise` is one for when
    nothing is done or said; `notices` are what was not read, `read` is how the rest was; `names` are pictures that got
    a name; `version` is the layout of the context that the edits start from, `there` an empty place that was spoken of,
    `regretted` how many versions were gone back because the last was not liked.
    """

    context: Context
    lists: WordLists
    layout: Layout
    past: list[Layout] = field(default_factory=list)
    focus: list[Ids] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    choices: Mapping[str, Ids] = field(default_factory=dict)
    invited: frozenset[str] = frozenset()
    wrong: Ids = ()
    said: list[str] = field(default_factory=list)
    otherwise: str = ""
    notices: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    names: list[NamedReference] = field(default_factory=list)
    version: int = -1
    there: Spot | None = None
    regretted: int = 0

    @property
    def prompts(self) -> Prompts:
        return Prompts(self.lists)

    @property
    def references(self) -> list[NamedReference]:
        """The pictures that have names, the latest last."""
        return [*self.context.references, *self.names]

    def copy(self) -> Work:
        """Return a copy that can be changed on trial."""
        return replace(
            self, past=[*self.past], focus=[*self.focus], edits=[*self.edits],
            said=[*self.said], names=[*self.names], notices=[*self.notices], read=[*self.read],
        )  # fmt: skip

    def do(self, *edits: LayoutEdit) -> Ids:
        """Apply edits; return the ids that they changed or made, which "it" means from now on."""
        before = self.layout
        made = {entity.id for layout in (*self.context.layouts, *self.past) for entity in layout.entities}
        after = apply(before, edits, taken=made | self.context.taken)
        self.edits += edits
        self.past.append(before)
        self.layout = after
        changed = changes(before, after)
        gone = tuple(
            entity.id for entity in before.entities if entity not in after.entities and entity.id not in changed
        )
        self.attend(changed or gone)
        return changed

    def attend(self, ids: Iterable[str]) -> None:
        """Make these what is talked of now."""
        if some := tuple(ids):
            self.focus.insert(0, some)

    def undo(self, steps: int) -> None:
        """Go back: what this message did before is dropped, then so many versions."""
        layouts = self.context.layouts
        steps = min(steps, len(layouts) - 1)
        if steps < 1:
            raise Refused("There is nothing to undo: this is the first picture.")
        undone = sum(edit.steps for edit in self.edits if isinstance(edit, Undo))
        kept = max(len(layouts) - 1 - steps - undone, 0)
        changed = changes(layouts[kept], self.layout) or changes(self.layout, layouts[kept])
        self.edits = [Undo(steps=len(layouts) - 1 - kept)]
        self.layout, self.past, self.version = layouts[kept], [*layouts[:kept]], kept
        self.attend(entity.id for entity in self.layout.entities if entity.id in changed)

    def entity(self, entity_id: str) -> Entity | None:
        """Return the entity of that id, as it is or as it last was."""
        for layout in (self.layout, *reversed(self.past)):
            for entity in layout.entities:
                if entity.id == entity_id:
                    return entity
        return None


def changes(before: Layout, after: Layout) -> Ids:
    """Return the ids of what is new or other in a layout than in the one before."""
    return tuple(entity.id for entity in after.entities if entity not in before.entities)
