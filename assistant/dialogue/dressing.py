"""What the requests about looks do: describe, recolour, match, swap colours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from eligen.assistant.dialogue.actions import adorn, does, dress, ids, things
from eligen.assistant.dialogue.kinds import noun_of
from eligen.assistant.dialogue.meanings import Look, Reference, Request
from eligen.assistant.dialogue.references import resolve
from eligen.assistant.dialogue.work import Missing, Refused, Work
from eligen.assistant.language.inflection import article
from eligen.assistant.language.traits import COLOURS
from eligen.assistant.plan import Background, Describe
from eligen.tools.layout import Entity


@does("describe")
def describe(work: Work, request: Request) -> None:
    """Give each thing adjectives, or the colour of others."""
    look: Look = request.get("LOOK")
    words = look.words
    if look.like:
        model = resolve(work, look.like)[0]
        words = work.prompts.read(model.prompt).words("colour")
        if not words:
            raise Refused(f"I do not know the colour of {model.prompt}.")
    try:
        found = things(work, request)
    except Missing as missing:
        if missing.reference.noun is None or missing.reference.noun.name not in work.layout.background.split():
            raise
        work.do(Background(prompt=_setting(work.layout.background, words)))
        return
    dress(work, found, words)


def _setting(background: str, words: Sequence[str]) -> str:
    """Return a background of another look: "a modern kitchen"."""
    article_, _, rest = background.partition(" ")
    if article_ in ("a", "an"):
        bare = " ".join((*words, rest))
        return f"{article(bare)} {bare}"
    return " ".join((article_, *words, rest)) if article_ == "the" else " ".join((*words, background))


@does("tail")
def tail(work: Work, request: Request) -> None:
    """Give things adjectives and parts: "black with white sails"."""
    described_things = things(work, request)
    dress(work, described_things, request.get("LOOK").words)
    adorn(work, ids(described_things), "with", request.get("tail"))


@does("part")
def part(work: Work, request: Request) -> None:
    """Give a part of things a look: "the house's roof red"."""
    owners = resolve(work, request.get("THINGS") or request.get("OWNER") or (Reference("it", kind="it"),))
    named = next(word for word in request.text.split() if word in work.lists.lists["part"])
    adorn(work, ids(owners), "with", f"{' '.join(request.get('LOOK').words)} {named}")


@does("swap looks")
def swap_looks(work: Work, request: Request) -> None:
    """Let two things exchange their colours."""
    pair = [*things(work, request), *(resolve(work, request.get("other")) if request.get("other") else ())]
    if len(pair) != 2:
        raise Refused("Two things can exchange their colours.")
    colours = [work.prompts.read(entity.prompt).words("colour") for entity in pair]
    if not all(colours):
        raise Refused("I do not know the colours of both.")
    for entity, words in zip(pair, reversed(colours), strict=True):
        work.do(Describe(id=entity.id, prompt=work.prompts.described(entity.prompt, words)))
    work.attend(ids(pair))


@does("recolour")
def recolour(work: Work, request: Request) -> None:
    """Give each thing a colour that none of them has."""
    described_things = things(work, request)
    now = [work.prompts.read(entity.prompt).words("colour") for entity in described_things]
    if {"colours", "colors", "each", "all"} & {*request.text.split()} and all(now) and len(set(now)) == len(now) > 1:
        work.said.append("They have different colours already.")
        return
    taken = {word for e in described_things for word in work.prompts.read(e.prompt).words("colour")}
    free = [colour for colour in COLOURS if colour not in taken]
    for entity, colour in zip(described_things, free, strict=False):
        dress(work, [entity], (colour,))
    work.attend(ids(described_things))


@does("unify")
def unify(work: Work, request: Request) -> None:
    """Give things of one kind the look that most of them have, else the first one's; of several kinds, its colour."""
    found = things(work, request)
    if len(found) == 1:
        found = [*_talked_of_before(work, found[0]), *found]
    looks = [work.prompts.read(entity.prompt) for entity in found]
    same_kind = len({look.name for look in looks}) == 1 and not {*request.text.split()} & {*work.lists.lists["hue"]}
    sorts = () if same_kind else ("colour",)
    said = [words for look in looks if (words := look.words(*sorts))]
    if not said:
        work.said.append(f"They {'look alike' if same_kind else 'have no colour'} already: tell me which colour.")
        return
    dress(work, found, Counter(said).most_common(1)[0][0])
    work.attend(ids(found))


def _talked_of_before(work: Work, entity: Entity) -> list[Entity]:
    """Return the last other thing that was talked of: whose look "the same colour for this one" means."""
    ids = (entity_id for group in work.focus for entity_id in group if entity_id != entity.id)
    return [known for known in map(work.entity, ids) if known is not None][:1]


@does("describe like")
def describe_like(work: Work, request: Request) -> None:
    """Give things the colour of others: "make the mug match the lamp"."""
    describe(work, request.put("LOOK", Look(request.text, like=request.get("other"))))


@does("not look")
def not_look(work: Work, request: Request) -> None:
    """Ask what a thing should look like that is not to look as it does."""
    work.otherwise = f"How should the {noun_of(things(work, request)[0], work.lists.lexicon).name} look instead?"


@does("which colour")
def which_colour(work: Work, request: Request) -> None:
    """Ask which colour "a warmer colour" is."""
    found = things(work, request)
    work.otherwise = f"Which colour should the {noun_of(found[0], work.lists.lexicon).name} have?"
