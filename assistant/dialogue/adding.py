"""What the requests do that bring something new: add, give, fill."""

from __future__ import annotations

from dataclasses import replace

from eligen.assistant.dialogue.actions import adorn, does, ids, things
from eligen.assistant.dialogue.kinds import noun_of
from eligen.assistant.dialogue.meanings import Newcomer, Reference, Request, Spot
from eligen.assistant.dialogue.picks import distance
from eligen.assistant.dialogue.places import place
from eligen.assistant.dialogue.references import resolve
from eligen.assistant.dialogue.work import Refused, Work
from eligen.assistant.items import MOST
from eligen.assistant.plan import Add, Duplicate, Move, Place
from eligen.tools.layout import Entity

SIZES = (1.0, 0.6, 0.4)
BESIDE = frozenset(("left", "right", "above", "below"))
DEFINITE = ("the ", "this ", "that ", "these ", "those ")
SAME = "identical"
LIKE = frozenset((SAME, "same", "similar"))


@does("add")
def add(work: Work, request: Request) -> None:
    """Add each newcomer where it is said; "one more dog" looks like the dogs that are there."""
    added: list[str] = []
    spot: Spot | None = request.get("PLACE")
    if spot is not None and spot.of and spot.of[0].text.split()[0] in ("each", "every"):
        for host in resolve(work, spot.of):
            here = Reference(host.id, kind="id")
            add(work, request.put("PLACE", replace(spot, of=(here,))))
        return
    but = request.get("but")
    if spot is not None and (there := _there_already(work, request)):
        work.do(Move(ids=ids(there), place=place(work, spot, there)))
        work.attend(ids(there))
        return
    for newcomer in request.get("NEWS"):
        newcomer = replace(newcomer, words=(*newcomer.words, *but.words)) if but else newcomer
        if request.loose and not _is_listed(newcomer) and newcomer.text.split()[0] in newcomer.name.split()[:1]:
            raise Refused(f'I do not know what to do with "{newcomer.text}".')
        if spot is None and newcomer.text.startswith("the ") and not newcomer.more and _shown(work, newcomer):
            raise Refused(f"{newcomer.text.capitalize()} is there already.")
        if known := _model(work, newcomer):
            added += work.do(Duplicate(id=known.id, count=newcomer.count, place=_where(work, request.get("PLACE"), "")))
        else:
            added += work.do(fitting(work, new_of(work, newcomer, request.get("PLACE"))))
    work.attend(added)


def _there_already(work: Work, request: Request) -> list[Entity]:
    """Return the kids that "kids should be on the left" means: those there, where nothing says that they are new."""
    first: Newcomer = request.get("NEWS")[0]
    word = first.text.split()[0]
    if word == "the" and len(request.get("NEWS")) == 1 and not first.more:
        known = _shown(work, first)
        return known if len(known) == 1 and len(examples(work, first)) == 1 else []
    bare = word not in work.lists.lexicon.set("determiners") | {"a", "an"} and not (first.numbered or first.more)
    if len(request.get("NEWS")) > 1 or not bare or not request.text.startswith(first.text):
        return []
    return _shown(work, first)


def _shown(work: Work, newcomer: Newcomer) -> list[Entity]:
    """Return the things there that are what a newcomer is said to be, but for being like another."""
    looks = [word for word in newcomer.words if word not in LIKE]
    shows = work.prompts.shows
    return [entity for entity in examples(work, newcomer) if all(shows(entity.prompt, look) for look in looks)]


@does("add twin")
def add_twin(work: Work, request: Request) -> None:
    """Add what is to be like one that is there: "a second lamp, identical to the first"."""
    if any(new.text.startswith(DEFINITE) for new in request.get("NEWS")):
        raise Refused(f'I do not know what to do with "{request.text}".')
    add(work, request.put("NEWS", tuple(replace(new, words=(*new.words, SAME)) for new in request.get("NEWS"))))


@does("more of")
def more_of(work: Work, request: Request) -> None:
    """Add more of what is there: "two more of those birds"."""
    new: Newcomer = request.get("NOUN")
    add(work, request.put("NEWS", (replace(new, count=request.get("NUMBER") or new.count, more=True),)))


def fitting(work: Work, new: Add) -> Add:
    """Return an addition as small as it must be for its relation to hold."""
    relation = new.place.relation if new.place else None
    for size in SIZES if relation in BESIDE else ():
        trial, smaller = work.copy(), new.model_copy(update={"size": size})
        made = trial.do(smaller)
        hosts = [entity.box for entity in trial.layout.entities if new.place and entity.id in new.place.of]
        boxes = [entity.box for entity in trial.layout.entities if entity.id in made]
        if all(distance(str(relation), box, hosts) < 1 for box in boxes):
            return smaller
    return new


def _is_listed(newcomer: Newcomer) -> bool:
    return newcomer.noun is not None and newcomer.noun.known


def _model(work: Work, newcomer: Newcomer) -> Entity | None:
    """Return what "an identical red tree" is to be identical to."""
    return next(iter(_shown(work, newcomer)), None) if LIKE & set(newcomer.words) else None


def _where(work: Work, spot: Spot | None, prompt: str) -> Place | None:
    return place(work, spot, prompt=prompt) if spot else None


def new_of(work: Work, newcomer: Newcomer, spot: Spot | None) -> Add:
    prompt = prompt_of(work, newcomer)
    return Add(prompt=prompt, count=min(max(newcomer.count, 1), MOST), place=_where(work, spot, prompt))


def prompt_of(work: Work, newcomer: Newcomer) -> str:
    """Return the prompt of a new thing; "a red one" and "another dog" take after what is there."""
    there = examples(work, newcomer)
    if newcomer.noun is None:
        if not there:
            raise Refused(f'I do not know what "{newcomer.text}" is.')
        bare = work.prompts.read(there[0].prompt)
        same = newcomer.more and not newcomer.words
        return there[0].prompt if same else work.prompts.new(newcomer, bare.name)
    if newcomer.more and not newcomer.words and not newcomer.tail and len({entity.prompt for entity in there}) == 1:
        return there[0].prompt
    return work.prompts.new(newcomer)


def examples(work: Work, newcomer: Newcomer) -> list[Entity]:
    """Return the things of a newcomer's noun that are there; for "one" the last that was talked of."""
    if newcomer.noun is not None:
        return [e for e in work.layout.entities if noun_of(e, work.lists.lexicon).name == newcomer.noun.name]
    talked_of = (work.entity(entity_id) for group in work.focus for entity_id in group)
    alone = list(work.layout.entities) if len(work.layout.entities) == 1 else []
    return [entity for entity in talked_of if entity is not None][:1] or alone


@does("add beside")
def add_beside(work: Work, request: Request) -> None:
    """Add one thing on each side of others."""
    added: list[str] = []
    for host in things(work, request):
        for side in ("left", "right"):
            spot = Spot("", relation=side, of=(Reference(host.id, kind="id"),))
            added += work.do(fitting(work, new_of(work, replace(request.get("NEW"), count=1), spot)))
    work.attend(added)


@does("empty")
def empty(work: Work, request: Request) -> None:
    """Remember a place that is said to be empty: "there" means it."""
    work.there = request.get("PLACE")


def _some(work: Work, newcomer: Newcomer) -> str:
    """Return what a thing has, in words: "a red collar", "green eyes"."""
    prompt = work.prompts.new(newcomer)
    return prompt if newcomer.text.split()[0] in ("a", "an", "one") else newcomer.text


@does("fill")
def fill(work: Work, request: Request) -> None:
    """Add things at the empty place that was spoken of."""
    add(work, request.put("PLACE", work.there) if work.there else request)


@does("give")
def give(work: Work, request: Request) -> None:
    """Add what things get: hats on heads, other things held or beside; parts and clothes become part of them."""
    for owner in things(work, request):
        for newcomer in request.get("NEWS"):
            noun = newcomer.noun
            if noun is not None and (noun.kind == "part" or noun.name in work.lists.set("worn")):
                adorn(work, [owner.id], "with" if noun.kind == "part" else "wearing", _some(work, newcomer))
                continue
            where = _worn(work, owner, newcomer)
            there = [entity for entity in examples(work, newcomer) if entity.id != owner.id]
            if newcomer.text.startswith("the ") and there:
                work.do(Move(ids=(there[-1].id,), place=where))
            else:
                work.do(Add(prompt=prompt_of(work, newcomer), count=newcomer.count, place=where))


def _worn(work: Work, owner: Entity, newcomer: Newcomer) -> Place:
    worn = newcomer.noun is not None and newcomer.noun.name.split()[-1] in work.lists.lexicon.set("worn_on_head")
    return Place(relation="on" if worn else "next", of=(owner.id,))
