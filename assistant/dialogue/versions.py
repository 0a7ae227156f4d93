"""What the requests about versions do: undo, redo, change back; and complaints, which are offered a way back."""

from __future__ import annotations

from contextlib import suppress

from eligen.assistant.dialogue.actions import does, ids, things
from eligen.assistant.dialogue.kinds import name, noun_of
from eligen.assistant.dialogue.meanings import Request
from eligen.assistant.dialogue.work import Refused, Unclear, Work, changes
from eligen.assistant.plan import Describe, LayoutEdit, Redo, Undo


@does("complaint")
def complaint(work: Work, request: Request) -> None:
    """Offer a way back."""
    work.otherwise = "Sorry. Say undo to take the last change back, or tell me what should be different."


@does("dislike")
def dislike(work: Work, request: Request) -> None:
    """Remember what is not liked: another sentence may say what to do about it."""
    work.otherwise = "What should be different?"
    with suppress(Unclear):
        noun = noun_of(things(work, request)[0], work.lists.lexicon)
        work.otherwise = f"What should be different about the {noun.name}?"


@does("change back")
def change_back(work: Work, request: Request) -> None:
    """Give things the looks and sizes that they had before: by going back where nothing else was changed last."""
    changed = things(work, request)
    before = work.past[-1] if work.past else work.layout
    if (
        not work.edits
        and set(changes(before, work.layout)) == set(ids(changed))
        and len(before.entities) == len(work.layout.entities)
    ):
        work.undo(1)
        return
    first = bool(work.lists.set("at first") & set(request.text.split()))
    edits: list[LayoutEdit] = []
    for entity in changed:
        known = [old for layout in work.past for old in layout.entities if old.id == entity.id]
        other = next((old for old in (known if first else reversed(known)) if old.prompt != entity.prompt), None)
        edits += [Describe(id=entity.id, prompt=other.prompt)] if other else []
    if not edits:
        raise Refused(f"The {name(changed[0])} has not looked any different.")
    work.do(*edits)
    work.attend(ids(changed))


@does("start over")
def start_over(work: Work, request: Request) -> None:
    """Refuse a new picture among other requests, where only an unlikely reading sees one."""
    raise Refused("Tell me in a message of its own that you want a new picture.")


@does("undo")
def undo(work: Work, request: Request) -> None:
    if (
        work.edits
        and isinstance(work.edits[-1], Undo)
        and request.text.endswith(("it", "that", "them", "those", "both"))
    ):
        return  # "I liked it before those two changes. Undo them."
    steps = max(request.get("NUMBER") or 1, request.get("TIMES") or 1) - work.regretted
    if steps or not work.regretted:
        work.undo(steps)
    work.regretted = 0


@does("regret")
def regret(work: Work, request: Request) -> None:
    """Go back one version, unless the same message says how far: "I liked it better before. Undo that."."""
    if not any(isinstance(edit, Undo) for edit in work.edits):
        work.undo(1)
        work.regretted = 1


@does("undo all")
def undo_all(work: Work, request: Request) -> None:
    work.undo(len(work.context.layouts) - 1)


@does("redo")
def redo(work: Work, request: Request) -> None:
    work.edits = [Redo(steps=min((request.get("NUMBER") or 1) * (request.get("TIMES") or 1), 100))]
