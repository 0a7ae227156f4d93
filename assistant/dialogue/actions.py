"""What requests do: the register of all of them, and the plainest: remove, keep, dress, chat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from eligen.assistant.dialogue.kinds import matching, noun_of
from eligen.assistant.dialogue.meanings import Newcomer, Reference, Request, Spot
from eligen.assistant.dialogue.picks import is_at
from eligen.assistant.dialogue.questions import absent
from eligen.assistant.dialogue.references import resolve
from eligen.assistant.dialogue.work import Missing, Refused, Unclear, Work
from eligen.assistant.plan import Describe, LayoutEdit, Remove
from eligen.tools.layout import Entity

Action = Callable[[Work, Request], None]
ACTIONS: dict[str, Action] = {}
IT = Reference("it", kind="it")
SAID_TWICE = frozenset(("it", "him", "them", "them all", "both"))


def does(*names: str) -> Callable[[Action], Action]:
    """Register what carries out the requests of these names."""

    def register(action: Action) -> Action:
        ACTIONS.update(dict.fromkeys(names, action))
        return action

    return register


def things(work: Work, request: Request, key: str = "THINGS") -> list[Entity]:
    """Return the things that a request is about, and make them what is talked of."""
    found = resolve(work, request.get(key) or (IT,))
    work.attend(entity.id for entity in found)
    return found


def ids(entities: Sequence[Entity]) -> tuple[str, ...]:
    return tuple(entity.id for entity in entities)


@does("remove")
def remove(work: Work, request: Request) -> None:
    """Remove things; "no more shells, drop them all" says it twice."""
    removed = bool(work.edits) and isinstance(work.edits[-1], Remove) and bool(work.focus)
    gone = removed and not any(entity.id in work.focus[0] for entity in work.layout.entities)
    if not (gone and all(reference.kind in SAID_TWICE for reference in request.get("THINGS"))):
        work.do(Remove(ids=ids(things(work, request))))


@does("remove every")
def remove_every(work: Work, request: Request) -> None:
    """Remove all things of a kind: "neither dog should stay"."""
    remove(work, request.put("THINGS", tuple(replace(one, number=None) for one in request.get("THINGS"))))


@does("remove half")
def remove_half(work: Work, request: Request) -> None:
    """Remove the later half of things."""
    found = things(work, request)
    if len(found) < 2:
        raise Refused(f"There is only one {noun_of(found[0], work.lists.lexicon).name}.")
    work.do(Remove(ids=ids(found[(len(found) + 1) // 2 :])))


@does("remove from")
def remove_from(work: Work, request: Request) -> None:
    """Remove what is on things."""
    under = things(work, request)
    spot = Spot("", relation="on", of=tuple(Reference(entity.id, kind="id") for entity in under))
    on = [entity for entity in work.layout.entities if entity not in under and is_at(spot, entity, lambda _: under)]
    if not on:
        raise Refused(f"There is nothing on the {noun_of(under[0], work.lists.lexicon).name}.")
    work.do(Remove(ids=ids(on)))


@does("cannot")
def cannot(work: Work, request: Request) -> None:
    """Say that the picture as a whole cannot be turned, cut or saved."""
    work.said.append("I cannot do that to the picture: I change what is in it, its background and its style.")


@does("set seed")
def set_seed(work: Work, request: Request) -> None:
    """Say where seeds are chosen."""
    work.said.append("A seed is a setting, not a change: --seed on the command line, Seed in the studio's settings.")


@does("if there")
def if_there(work: Work, request: Request) -> None:
    """Do something if there is what it is about: "if there is a bird, remove it"."""
    try:
        about = things(work, request) if request.get("THINGS") else ()
    except Missing as missing:
        work.otherwise = absent(missing)
        return
    work.attend(ids(about))
    then: Request = request.get("FRAME")
    ACTIONS[then.do](work, then)


@does("about")
def about(work: Work, request: Request) -> None:
    """Do something to what was named before it: "the frog on the left, paint it blue"."""
    then: Request = request.get("FRAME")
    ACTIONS[then.do](work, then.put("THINGS", request.get("THINGS")))


@does("keep only", "keep only of")
def keep_only(work: Work, request: Request) -> None:
    """Remove all else, of a group where one is named: "of the dogs, keep only the left one"."""
    group = resolve(work, request.get("group")) if request.get("group") else work.layout.entities
    if request.get("group"):
        work.attend(ids(group))
    kept = things(work, request)
    if rest := [entity for entity in group if entity not in kept]:
        work.do(Remove(ids=ids(rest)))
        work.attend(ids(kept))


def dress(work: Work, dressed: Sequence[Entity], words: Sequence[str]) -> None:
    """Give things adjectives; say so where all of them have these already."""
    edits = [Describe(id=e.id, prompt=work.prompts.described(e.prompt, words)) for e in dressed]
    changes = [edit for edit, entity in zip(edits, dressed, strict=True) if edit.prompt != entity.prompt]
    for edit in changes:
        work.do(edit)
    if not changes and dressed:
        work.said.append(f"The {noun_of(dressed[0], work.lists.lexicon).name} is {' '.join(words)} already.")
    work.attend(ids(dressed))


def adorn(work: Work, adorned: Sequence[str], link: str, worn: str) -> None:
    """Say in the prompts of things what they have or wear: "a cat with green eyes"."""
    for entity in work.layout.entities:
        if entity.id in adorned:
            joined = "and" if f" {link} " in entity.prompt else link
            work.do(Describe(id=entity.id, prompt=f"{entity.prompt} {joined} {worn}"))
    work.attend(adorned)


def together(work: Work, edits: Sequence[LayoutEdit]) -> None:
    """Do edits as one: all that they change is talked of then."""
    changed = [entity_id for edit in edits for entity_id in work.do(edit)]
    work.attend(changed)


@does("thanks")
def thanks(work: Work, request: Request) -> None:
    work.said.append("You are welcome.")


@does("greet")
def greet(work: Work, request: Request) -> None:
    work.said.append("Hello! Tell me what to change.")


def those_counted(work: Work, counted: Newcomer) -> list[Entity]:
    """Return what is there of a counted noun: those of the adjectives said, if any show them."""
    assert counted.noun is not None
    found = matching(counted.noun, work.layout.entities, work.lists.lexicon, widely=False)
    shown = [e for e in found if all(work.prompts.shows(e.prompt, word) for word in counted.words)]
    return shown or found


@does("topic")
def topic(work: Work, request: Request) -> None:
    """Take what is named for what is talked of."""
    counted: Newcomer | None = request.get("COUNTED")
    found = things(work, request) if counted is None else those_counted(work, counted)
    work.attend(ids(found))
    if found:
        work.otherwise = f"What should I change about the {noun_of(found[0], work.lists.lexicon).name}?"


@does("unsaid")
def unsaid(work: Work, request: Request) -> None:
    """Ask what is meant by "something is missing"."""
    work.otherwise = "Tell me what to add or to change."


@does("nothing")
def nothing(work: Work, request: Request) -> None:
    """Do nothing; what is spoken of is what "it" means from now on."""
    references: Any = request.get("THINGS")
    try:
        if references:
            work.attend(ids(resolve(work, references)))
    except (Missing, Unclear):
        return
