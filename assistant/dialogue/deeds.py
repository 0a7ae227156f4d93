"""What each edit did, as a deed that a sentence can tell of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch

from eligen.assistant.dialogue.kinds import name
from eligen.assistant.dialogue.prompts import Prompts
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.language.inflection import plural
from eligen.assistant.language.saying import listed, number
from eligen.assistant.plan import (
    Add,
    Background,
    Compose,
    Describe,
    Duplicate,
    Edit,
    Move,
    Place,
    Redo,
    Regenerate,
    Remove,
    Replace,
    Resize,
    SetCount,
    Style,
    Swap,
    Transfer,
    Undo,
)
from eligen.tools.layout import Entity, Layout

RELATIONS = {"left": "to the left of", "right": "to the right of", "next": "next to", "inside": "in",
             "front": "in front of"}  # fmt: skip
BIT = 0.1  # of the canvas: less is "a bit"
SLIGHTLY = 1.25  # times the size: less is "a bit bigger"


@dataclass(frozen=True)
class Deed:
    """One thing that was done: to which things or with what new ones, and how."""

    verb: str
    ids: tuple[str, ...] = ()
    new: str = ""
    count: int = 1
    how: str = ""


class Known:
    """The things that edits speak of by their ids, as they were before."""

    def __init__(self, layouts: Sequence[Layout], lists: WordLists) -> None:
        self.entities: dict[str, Entity] = {entity.id: entity for layout in layouts for entity in layout.entities}
        self.here = {entity.id for entity in layouts[-1].entities} if layouts else set()
        self.background = layouts[-1].background if layouts else ""
        self.prompts = Prompts(lists)

    def name(self, entity_id: str) -> str:
        entity = self.entities.get(entity_id)
        return self.prompts.without_pose(name(entity)) if entity else entity_id.rpartition("-")[0]

    def the(self, ids: Sequence[str]) -> str:
        """Return "the red cat and the two dogs"."""
        if self.here == set(ids) and len(ids) > 3:
            return "everything"
        names = [self.name(entity_id) for entity_id in ids]
        alike = {one: names.count(one) for one in names}
        return listed([f"the {one}" if n == 1 else f"the {number(n)} {plural(one)}" for one, n in alike.items()])

    def described(self, edit: Describe) -> tuple[str, str]:
        """Return the verb and the rest of what a new prompt changes: "made ... red", "let ... sleep"."""
        old, lists = self.entities.get(edit.id), self.prompts.lists
        before, after = self.prompts.read(old.prompt if old else ""), self.prompts.read(edit.prompt)
        if old is not None:
            self.entities[edit.id] = old.model_copy(update={"prompt": edit.prompt})
        added = edit.prompt.removeprefix(old.prompt).split() if old and edit.prompt.startswith(old.prompt) else []
        if added[1:] and added[0] in ("with", "wearing", "and"):
            return "gave", " ".join(added[1:])
        if before.name == after.name and before.tail == after.tail:
            new = [words for sort, words in after.groups if (sort, words) not in before.groups]
            made = [f"out of {one[0]}" if one[0] in lists.table("made of") else " ".join(one) for one in new]
            if made:
                return "made", " and ".join(made)
        pose = lists.lexicon.verbs.get(after.tail[0]) if after.tail else None
        if pose and before.groups == after.groups:
            return "let", " ".join((pose, *after.tail[1:]))
        return "changed", f"to {edit.prompt}"


def _where(place: Place | None, known: Known, *, going: bool) -> str:
    """Return a place in words: "to the top left", "on the left", "next to the cat"; "" for a box."""
    if place is None or place.box is not None:
        return ""
    if place.relation is not None:
        return f"{RELATIONS.get(place.relation, place.relation)} {known.the(place.of)}"
    sides = " ".join(sorted((side for side in place.region if side != "center"), key=("left", "right").__contains__))
    if not sides:
        return "to the middle" if going else "in the middle"
    return f"to the {sides}" if going else f"{'on' if sides in ('left', 'right') else 'at'} the {sides}"


def _along(edit: Move) -> str:
    across = "" if not edit.dx else "to the left" if edit.dx < 0 else "to the right"
    down = "" if not edit.dy else "up" if edit.dy < 0 else "down"
    far = "a bit " if max(abs(edit.dx), abs(edit.dy)) < BIT else ""
    return far + " and ".join(filter(None, (down, across)))


def _scaled(factor: float) -> str:
    sizes: Mapping[float, str] = {2: "twice as big", 3: "three times as big", 0.5: "half as big"}
    if factor in sizes:
        return sizes[factor]
    bit = "a bit " if 1 / SLIGHTLY < factor < SLIGHTLY else ""
    return f"{bit}{'bigger' if factor > 1 else 'smaller'}"


@singledispatch
def did(edit: Edit, known: Known) -> Deed:
    """Return what an edit did."""
    raise NotImplementedError(edit.op)


@did.register
def _(edit: Compose, known: Known) -> Deed:
    return Deed("started a new picture")


@did.register
def _(edit: Add, known: Known) -> Deed:
    return Deed("added", new=edit.prompt, count=edit.count, how=_where(edit.place, known, going=False))


@did.register
def _(edit: Remove, known: Known) -> Deed:
    return Deed("removed", edit.ids)


@did.register
def _(edit: Move, known: Known) -> Deed:
    return Deed("moved", edit.ids, how=_where(edit.place, known, going=True) if edit.place else _along(edit))


@did.register
def _(edit: Resize, known: Known) -> Deed:
    return Deed("made", edit.ids, how=_scaled(edit.factor))


@did.register
def _(edit: Describe, known: Known) -> Deed:
    verb, how = known.described(edit)
    return Deed(verb, (edit.id,), how=how)


@did.register
def _(edit: Replace, known: Known) -> Deed:
    return Deed("replaced", (edit.id,), new=edit.prompt)


@did.register
def _(edit: Duplicate, known: Known) -> Deed:
    times = f"{number(edit.count)} times" if edit.count > 1 else ""
    return Deed("copied", (edit.id,), how=f"{times} {_where(edit.place, known, going=True)}".strip())


@did.register
def _(edit: Swap, known: Known) -> Deed:
    return Deed("swapped", (edit.first, edit.second))


@did.register
def _(edit: SetCount, known: Known) -> Deed:
    more = edit.n - len(edit.ids)
    if more > 0:
        return Deed(
            "added", new=known.name(edit.ids[0]) if more > 1 else f"another {known.name(edit.ids[0])}", count=more
        )
    return Deed("removed", edit.ids[edit.n :])


@did.register
def _(edit: Background, known: Known) -> Deed:
    before, comma, more = edit.prompt.rpartition(", ")
    if comma and before == known.background:
        return Deed(f"added {more} to the background")
    return Deed(f"changed the background to {edit.prompt}" if edit.prompt else "removed the background")


@did.register
def _(edit: Style, known: Known) -> Deed:
    if edit.reference:
        everything = "" if edit.ids else "everything "
        return Deed("painted", edit.ids, how=f"{everything}in the style of your picture")
    if edit.ids:
        return Deed("dropped the own style of", edit.ids)
    return Deed(f"changed the style to {edit.prompt}" if edit.prompt else "dropped the style")


@did.register
def _(edit: Transfer, known: Known) -> Deed:
    made = edit.id not in known.entities
    return Deed("made it look like your picture") if made else Deed("made", (edit.id,), how="look like your picture")


@did.register
def _(edit: Regenerate, known: Known) -> Deed:
    return Deed("painted", edit.ids, how="again") if edit.ids else Deed("painted everything again")


@did.register
def _(edit: Undo, known: Known) -> Deed:
    return Deed("undid", how="the last change" if edit.steps == 1 else f"the last {number(edit.steps)} changes")


@did.register
def _(edit: Redo, known: Known) -> Deed:
    return Deed("redid", how="the undone change" if edit.steps == 1 else f"{number(edit.steps)} undone changes")
