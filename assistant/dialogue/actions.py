"""What each request does to things: remove, count, add, give, copy, replace, exchange."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from eligen.assistant.dialogue.kinds import matching, noun_of
from eligen.assistant.dialogue.meanings import Newcomer, Reference, Request, Spot
from eligen.assistant.dialogue.picks import distance, is_at
from eligen.assistant.dialogue.places import place
from eligen.assistant.dialogue.references import resolve
from eligen.assistant.dialogue.replies import number as in_words
from eligen.assistant.dialogue.work import Missing, Refused, Unclear, Work
from eligen.assistant.items import MOST
from eligen.assistant.language.inflection import plural
from eligen.assistant.plan import Add, Describe, Duplicate, Place, Remove, SetCount
from eligen.tools.layout import Entity

Action = Callable[[Work, Request], None]
ACTIONS: dict[str, Action] = {}
SIZES = (1.0, 0.6, 0.4)
BESIDE = frozenset(("left", "right", "above", "below"))
LIKE = frozenset(("identical", "same", "similar"))
IT = Reference("it", kind="it")


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
    work.do(Remove(ids=ids(things(work, request))))


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


@does("keep only")
def keep_only(work: Work, request: Request) -> None:
    kept = things(work, request)
    if rest := [entity for entity in work.layout.entities if entity not in kept]:
        work.do(Remove(ids=ids(rest)))
        work.attend(ids(kept))


# --- how many


@does("count")
def count(work: Work, request: Request) -> None:
    """Make the number of equal things as said; what is not there yet is added, or takes the place of "it"."""
    counted: Newcomer | None = request.get("COUNTED")
    number = request.get("NUMBER") if counted is None else counted.count
    if counted is None:
        found = _all_alike(work, request)
    else:
        found = _counted(work, counted)
        if not found:
            work.do(_new(work, counted, None))
            return
    set_count(work, found, min(number, MOST))
    looks = [word for word in counted.words if word not in ("and", ",")] if counted else []
    now = [entity for entity in work.layout.entities if entity.id in work.focus[0]] if looks else []
    dress(work, [e for e in now if not all(work.prompts.shows(e.prompt, word) for word in looks)], looks)


def _counted(work: Work, counted: Newcomer) -> list[Entity]:
    """Return what is there of a counted noun: those of the adjectives said, if any show them."""
    assert counted.noun is not None
    found = matching(counted.noun, work.layout.entities, work.lists.lexicon, widely=False)
    shown = [e for e in found if all(work.prompts.shows(e.prompt, word) for word in counted.words)]
    return shown or found


def _all_alike(work: Work, request: Request) -> list[Entity]:
    """Return the things that are to be so many: for "it", all of its kind."""
    references = request.get("THINGS") or (IT,)
    if all(reference.kind == "noun" for reference in references):
        return resolve(work, [replace(reference, number=None) for reference in references])
    talked_of = [replace(reference, kind="again") if reference.kind == "it" else reference for reference in references]
    return alike(work, resolve(work, talked_of)[0])


def alike(work: Work, entity: Entity) -> list[Entity]:
    """Return all things of an entity's kind."""
    lexicon = work.lists.lexicon
    return matching(noun_of(entity, lexicon), work.layout.entities, lexicon, widely=False)


def dress(work: Work, dressed: Sequence[Entity], words: Sequence[str]) -> None:
    """Give things adjectives; say so where all of them have these already."""
    edits = [Describe(id=e.id, prompt=work.prompts.described(e.prompt, words)) for e in dressed]
    changes = [edit for edit, entity in zip(edits, dressed, strict=True) if edit.prompt != entity.prompt]
    for edit in changes:
        work.do(edit)
    if not changes and dressed:
        work.said.append(f"The {noun_of(dressed[0], work.lists.lexicon).name} is {' '.join(words)} already.")
    work.attend(ids(dressed))


def set_count(work: Work, found: Sequence[Entity], number: int) -> None:
    if number == 0:
        work.do(Remove(ids=ids(found)))
    elif number != len(found):
        old = {entity.id for entity in work.layout.entities} - set(ids(found))
        work.do(SetCount(ids=ids(found), n=number))
        work.attend(entity.id for entity in work.layout.entities if entity.id not in old)
    else:
        work.said.append(f"There {'are' if number > 1 else 'is'} {in_words(number)} already.")
        work.attend(ids(found))


@does("multiply")
def multiply(work: Work, request: Request) -> None:
    found = _all_alike(work, request)
    set_count(work, found, min(max(round(len(found) * request.get("MULTIPLE")), 1), MOST))


@does("too many")
def too_many(work: Work, request: Request) -> None:
    name = plural(noun_of(_all_alike(work, request)[0], work.lists.lexicon).name)
    work.said.append(f"How many {name} should there be?")


@does("fewer")
def fewer(work: Work, request: Request) -> None:
    found = _all_alike(work, request)
    set_count(work, found, max(len(found) - (request.get("NUMBER") or 1), 0))


# --- what is new


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
    for newcomer in request.get("NEWS"):
        if request.loose and not _is_listed(newcomer) and newcomer.text.split()[0] in newcomer.name.split()[:1]:
            raise Refused(f'I do not know what to do with "{newcomer.text}".')
        if known := _model(work, newcomer):
            added += work.do(Duplicate(id=known.id, count=newcomer.count, place=_where(work, request.get("PLACE"), "")))
        else:
            added += work.do(_fitting(work, _new(work, newcomer, request.get("PLACE"))))
    work.attend(added)


@does("more of")
def more_of(work: Work, request: Request) -> None:
    """Add more of what is there: "two more of those birds"."""
    new: Newcomer = request.get("NOUN")
    add(work, request.put("NEWS", (replace(new, count=request.get("NUMBER") or new.count, more=True),)))


def _fitting(work: Work, new: Add) -> Add:
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
    """Return what "an identical tree" is to be identical to."""
    return next(iter(examples(work, newcomer)), None) if LIKE & set(newcomer.words) else None


def _where(work: Work, spot: Spot | None, prompt: str) -> Place | None:
    return place(work, spot, prompt=prompt) if spot else None


def _new(work: Work, newcomer: Newcomer, spot: Spot | None) -> Add:
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


@does("add each")
def add_each(work: Work, request: Request) -> None:
    """Add things each at a place of its own: "two trees, one on the left and one on the right"."""
    one = replace(request.get("NEW"), count=1)
    spots = [spot for spot in map(request.get, ("first", "second", "third")) if spot is not None]
    work.attend([entity_id for spot in spots for entity_id in work.do(_fitting(work, _new(work, one, spot)))])


@does("add beside")
def add_beside(work: Work, request: Request) -> None:
    """Add one thing on each side of others."""
    added: list[str] = []
    for host in things(work, request):
        for side in ("left", "right"):
            spot = Spot("", relation=side, of=(Reference(host.id, kind="id"),))
            added += work.do(_fitting(work, _new(work, replace(request.get("NEW"), count=1), spot)))
    work.attend(added)


@does("empty")
def empty(work: Work, request: Request) -> None:
    """Remember a place that is said to be empty: "there" means it."""
    work.there = request.get("PLACE")


def adorn(work: Work, adorned: Sequence[str], link: str, worn: str) -> None:
    """Say in the prompts of things what they have or wear: "a cat with green eyes"."""
    for entity in work.layout.entities:
        if entity.id in adorned:
            joined = "and" if f" {link} " in entity.prompt else link
            work.do(Describe(id=entity.id, prompt=f"{entity.prompt} {joined} {worn}"))
    work.attend(adorned)


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
            work.do(Add(prompt=prompt_of(work, newcomer), count=newcomer.count, place=_worn(work, owner, newcomer)))


def _worn(work: Work, owner: Entity, newcomer: Newcomer) -> Place:
    worn = newcomer.noun is not None and newcomer.noun.name in work.lists.lexicon.set("worn_on_head")
    return Place(relation="on" if worn else "next", of=(owner.id,))


@does("thanks")
def thanks(work: Work, request: Request) -> None:
    work.said.append("You are welcome.")


@does("greet")
def greet(work: Work, request: Request) -> None:
    work.said.append("Hello! Tell me what to change.")


@does("topic")
def topic(work: Work, request: Request) -> None:
    """Take what is named for what is talked of."""
    counted: Newcomer | None = request.get("COUNTED")
    found = things(work, request) if counted is None else _counted(work, counted)
    work.attend(ids(found))
    if found:
        work.otherwise = f"What should I change about the {noun_of(found[0], work.lists.lexicon).name}?"


@does("unsaid")
def unsaid(work: Work, request: Request) -> None:
    """Ask what is meant by "something is missing"."""
    work.otherwise = "Tell me what to add or to change."


@does("keep", "nothing")
def nothing(work: Work, request: Request) -> None:
    """Do nothing; what is spoken of is what "it" means from now on."""
    references: Any = request.get("THINGS")
    try:
        if references:
            work.attend(ids(resolve(work, references)))
    except (Missing, Unclear):
        return
