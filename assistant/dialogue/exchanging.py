"""What the requests do that put one thing for another: copy, replace, take the place, change places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eligen.assistant.dialogue.actions import does, dress, things
from eligen.assistant.dialogue.adding import examples, prompt_of
from eligen.assistant.dialogue.counting import alike, set_count
from eligen.assistant.dialogue.kinds import matching, name, noun_of
from eligen.assistant.dialogue.meanings import SINGULAR, Newcomer, Reference, Request, Spot
from eligen.assistant.dialogue.places import in_place_of, place
from eligen.assistant.dialogue.references import resolve
from eligen.assistant.dialogue.work import Missing, Refused, Work
from eligen.assistant.items import MOST
from eligen.assistant.plan import Add, Background, Duplicate, Move, Place, Remove, Replace, SetCount, Swap
from eligen.tools.layout import Entity

BOTH = Reference("both", number=None, kind="both")
EXCHANGING = frozenset(("swap", "exchange", "switch", "interchange", "trade", "swapping", "exchanging", "switching"))


@does("duplicate")
def duplicate(work: Work, request: Request) -> None:
    number = request.get("NUMBER") or request.get("TIMES") or 1
    originals = things(work, request)
    spot = request.get("PLACE")
    where = place(work, spot, originals[:1] if spot.was else ()) if spot else None
    copies: list[str] = []
    for original in originals:
        copies += work.do(Duplicate(id=original.id, count=min(number, MOST), place=where))
    work.attend(copies)


@does("replace")
def exchange(work: Work, request: Request) -> None:
    """Put a new thing in the place of each; one that is there already takes the place, or they swap."""
    new: Newcomer = request.get("NEW")
    first = request.text.split()[0]
    definite = new.text.startswith(("the ", "that ", "this "))
    there = matching(new.noun, work.layout.entities, work.lists.lexicon, widely=False) if definite and new.noun else []
    if new.noun is not None and new.words and _is_it(request) and examples(work, new):
        prefer(work, request)  # "make it a spotted book", of a book that is there
        return
    try:
        old = things(work, request)
    except Missing as missing:
        if missing.reference.noun is None or missing.reference.noun.name not in work.layout.background.split():
            raise
        work.do(Background(prompt=new.text))
        return
    there = [entity for entity in there if entity not in old]
    if len(there) == 1 and len(old) == 1:
        if first in EXCHANGING:
            work.do(Swap(first=old[0].id, second=there[0].id))
        else:
            _take_place(work, there[0], old[0])
        return
    if (
        new.numbered
        and new.noun is not None
        and old
        and matching(new.noun, old, work.lists.lexicon, widely=False) == old
    ):
        set_count(work, alike(work, old[0]), min(new.count, MOST))
    elif new.noun is not None and new.words and not new.tail and all(alike_noun(work, entity, new) for entity in old):
        _replace(work, old, replace(new, noun=None))
    else:
        _replace(work, old, new)


def _is_it(request: Request) -> bool:
    return all(reference.kind in SINGULAR for reference in request.get("THINGS") or ())


def alike_noun(work: Work, entity: Entity, new: Newcomer) -> bool:
    return new.noun is not None and noun_of(entity, work.lists.lexicon).name == new.noun.name


@does("replace last")
def exchange_last(work: Work, request: Request) -> None:
    new: Newcomer = request.get("NEW")
    if new.noun is not None and new.words and examples(work, new):
        prefer(work, request)  # "I want a spotted book instead", of a book that is there
        return
    last = work.focus[0] if work.focus else ()
    if last and not any(entity.id in last for entity in work.layout.entities):
        gone = [entity for entity in map(work.entity, last) if entity is not None]
        prompt = prompt_of(work, replace(new, more=False))
        made = [i for old in gone for i in work.do(Add(prompt=prompt, place=Place(box=in_place_of(old, (), prompt))))]
        work.attend(made)
    else:
        _replace(work, things(work, request), new)


@does("prefer")
def prefer(work: Work, request: Request) -> None:
    """Change the looks of what is there of a noun; what is not there comes in the place of "it"."""
    new: Newcomer = request.get("NEW")
    found = examples(work, new)
    if found and new.words:
        dress(work, resolve(work, [Reference(f"the {new.text}", new.noun, number=1)]) if new.noun else found, new.words)
    else:
        _replace(work, things(work, request), new)


def _replace(work: Work, old: Sequence[Entity], new: Newcomer) -> None:
    """Replace things; "a red one" only changes their looks."""
    if new.noun is None:
        dress(work, old, new.words)
        return
    prompt = prompt_of(work, replace(new, more=False))
    made = [entity_id for entity in old for entity_id in work.do(Replace(id=entity.id, prompt=prompt))]
    if new.numbered and new.count > len(old) == 1:
        work.do(SetCount(ids=tuple(made), n=min(new.count, MOST)))
    else:
        work.attend(made)


@does("take place")
def take_place(work: Work, request: Request) -> None:
    (mover, *more), taken = things(work, request), request.get("other")
    if more or len(taken) != 1:
        raise Refused("Only one thing can take the place of another.")
    try:
        _take_place(work, mover, *resolve(work, taken))
    except Missing:
        box = place(work, Spot("", was=taken[0]), [mover])
        work.do(Move(ids=(mover.id,), place=box))


def _take_place(work: Work, mover: Entity, old: Entity) -> None:
    box = in_place_of(old, [mover])
    work.do(Remove(ids=(old.id,)), Move(ids=(mover.id,), place=Place(box=box)))
    work.attend((mover.id,))


@does("swap")
def swap(work: Work, request: Request) -> None:
    pair = things(work, request if request.get("THINGS") else request.put("THINGS", (BOTH,)))
    if request.get("other"):
        others = resolve(work, request.get("other"))
        pair = [*pair, *(entity for entity in others if entity not in pair)]
    if len(pair) == 1 and len(work.layout.entities) == 2:
        pair = list(work.layout.entities)
    if len(pair) != 2:
        names = ", ".join(name(entity) for entity in pair)
        raise Refused(f"Two things can change places, not {len(pair)}: {names}.")
    work.do(Swap(first=pair[0].id, second=pair[1].id))
