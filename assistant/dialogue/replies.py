"""Saying what was done, in one or two short sentences."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

from eligen.assistant.dialogue.places import name
from eligen.assistant.language.inflection import plural
from eligen.assistant.plan import (
    Add,
    Background,
    Compose,
    Describe,
    Duplicate,
    Edit,
    Move,
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

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def told(edits: Sequence[Edit], layouts: Sequence[Layout]) -> str:
    """Return what edits did, given the layouts in which their ids are known: "I removed the cat and ..."."""
    known = {entity.id: entity for layout in layouts for entity in layout.entities}
    parts = list(dict.fromkeys(filter(None, (_did(edit, known) for edit in edits))))
    if not parts:
        return ""
    *first, last = parts
    return f"I {', '.join(first)}{' and ' if first else ''}{last}."


def number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def listed(names: Sequence[str]) -> str:
    """Return "a, b and c"."""
    *first, last = names or ("",)
    return f"{', '.join(first)} and {last}" if first else last


def _the(ids: Sequence[str], known: dict[str, Entity]) -> str:
    names = [name(known[i]) if i in known else i.rpartition("-")[0] for i in ids]
    counted = dict.fromkeys(names)
    return listed([f"the {n}" if names.count(n) == 1 else f"the {number(names.count(n))} {plural(n)}" for n in counted])


@singledispatch
def _did(edit: Edit, known: dict[str, Entity]) -> str:
    raise NotImplementedError(edit.op)


@_did.register
def _(edit: Compose, known: dict[str, Entity]) -> str:
    return "started a new picture"


@_did.register
def _(edit: Add, known: dict[str, Entity]) -> str:
    bare = edit.prompt.partition(" ")[2] if edit.prompt.startswith(("a ", "an ", "the ")) else edit.prompt
    return f"added {edit.prompt if edit.count == 1 else f'{number(edit.count)} {plural(bare)}'}"


@_did.register
def _(edit: Remove, known: dict[str, Entity]) -> str:
    return f"removed {_the(edit.ids, known)}"


@_did.register
def _(edit: Move, known: dict[str, Entity]) -> str:
    return f"moved {_the(edit.ids, known)}"


@_did.register
def _(edit: Resize, known: dict[str, Entity]) -> str:
    return f"made {_the(edit.ids, known)} {'bigger' if edit.factor > 1 else 'smaller'}"


@_did.register
def _(edit: Describe, known: dict[str, Entity]) -> str:
    return f"changed {_the([edit.id], known)} to {edit.prompt}"


@_did.register
def _(edit: Replace, known: dict[str, Entity]) -> str:
    return f"replaced {_the([edit.id], known)} by {edit.prompt}"


@_did.register
def _(edit: Duplicate, known: dict[str, Entity]) -> str:
    return f"copied {_the([edit.id], known)}{f' {number(edit.count)} times' if edit.count > 1 else ''}"


@_did.register
def _(edit: Swap, known: dict[str, Entity]) -> str:
    return f"let {_the([edit.first, edit.second], known)} change places"


@_did.register
def _(edit: SetCount, known: dict[str, Entity]) -> str:
    bare = name(known[edit.ids[0]]) if edit.ids[0] in known else edit.ids[0].rpartition("-")[0]
    return f"made it {number(edit.n)} {plural(bare) if edit.n != 1 else bare}"


@_did.register
def _(edit: Background, known: dict[str, Entity]) -> str:
    return f"changed the background to {edit.prompt}" if edit.prompt else "removed the background"


@_did.register
def _(edit: Style, known: dict[str, Entity]) -> str:
    if edit.reference:
        return "took over the style of your picture"
    return f"changed the style to {edit.prompt}" if edit.prompt else "dropped the style"


@_did.register
def _(edit: Transfer, known: dict[str, Entity]) -> str:
    return f"made {_the([edit.id], known)} look like the one in your picture"


@_did.register
def _(edit: Regenerate, known: dict[str, Entity]) -> str:
    return f"painted {_the(edit.ids, known) if edit.ids else 'everything'} again"


@_did.register
def _(edit: Undo, known: dict[str, Entity]) -> str:
    return "undid the last change" if edit.steps == 1 else f"went {number(edit.steps)} steps back"


@_did.register
def _(edit: Redo, known: dict[str, Entity]) -> str:
    return "did the undone change again" if edit.steps == 1 else f"went {number(edit.steps)} steps forward"
