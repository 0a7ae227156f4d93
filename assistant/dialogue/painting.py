"""What the requests about looks do: describe, background, weather, style, paint again; and those about versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from eligen.assistant.dialogue.actions import adorn, does, dress, ids, things
from eligen.assistant.dialogue.kinds import matching, noun_of
from eligen.assistant.dialogue.likeness import of_picture, sent
from eligen.assistant.dialogue.meanings import Look, Newcomer, Reference, Request
from eligen.assistant.dialogue.places import name
from eligen.assistant.dialogue.references import resolve
from eligen.assistant.dialogue.work import Missing, Refused, Unclear, Work, changes
from eligen.assistant.language.inflection import article
from eligen.assistant.language.traits import COLOURS
from eligen.assistant.plan import Background, Describe, LayoutEdit, Move, Place, Redo, Regenerate, Style

WEATHERS = frozenset(("snow", "rain", "storm", "fog", "mist", "sunshine", "cloudy sky", "wind", "hail", "thunderstorm"))


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


@does("background")
def background(work: Work, request: Request) -> None:
    """Change the background; putting one thing of several in the place where it is anyhow moves that thing."""
    words: str = request.get("SETTING") or request.get("WORDS") or request.get("WORDS_BEFORE")
    references: tuple[Reference, ...] = request.get("THINGS") or ()
    if (old := request.get("was")) and old.split()[-1] not in work.layout.background.split():
        raise Refused(f"The background is {work.layout.background or 'left open'}.")
    if references and all(reference.kind == "noun" for reference in references):
        found = resolve(work, references)
        if words.split()[-1] in work.layout.background.split() and len(found) < len(work.layout.entities):
            work.do(Move(ids=ids(found), place=Place(region=("bottom",))))
            return
    work.do(Background(prompt=words))


@does("no background")
def no_background(work: Work, request: Request) -> None:
    work.do(Background(prompt="plain white background"))


@does("weather")
def weather(work: Work, request: Request) -> None:
    """Add weather or a time of day to the background, in the place of what it was before."""
    new: str = request.get("WEATHER")
    known = {*WEATHERS, *work.lists.table("weather").values()}
    kept = [
        part
        for part in work.layout.background.split(", ")
        if (part and (part in WEATHERS) != (new in WEATHERS)) or part not in known
    ]
    work.do(Background(prompt=", ".join(filter(None, [*kept, new, request.get("more")]))))


@does("scenery")
def scenery(work: Work, request: Request) -> None:
    """Colour the sky, the grass or the walls: as a thing where it is one, else in the background."""
    at = next(at for at, word in enumerate(request.text.split()) if word in work.lists.lists["landscape"])
    part = request.text.split()[at]
    look: Look = request.get("LOOK")
    found = [e for e in work.layout.entities if noun_of(e, work.lists.lexicon).name == part]
    if found:
        dress(work, found, look.words)
        return
    kept = [old for old in work.layout.background.split(", ") if old and old.split()[-1:] != [part]]
    work.do(Background(prompt=", ".join((*kept, f"{' '.join(look.words)} {part}"))))


@does("style")
def style(work: Work, request: Request) -> None:
    """Change the style, by words or by the picture that was sent."""
    words: str = next(filter(None, map(request.get, ("STYLE", "STYLE_WORDS", "STYLE_BEFORE"))))
    for prefix in ("the ", "an ", "a ", "style of "):
        words = words.removeprefix(prefix)
    words = words.removesuffix(" style")
    if (pictured := of_picture(words, work.lists)) is not None:
        work.do(Style(reference=sent(work, pictured).reference))
    else:
        work.do(Style(prompt=words))


@does("tone")
def tone(work: Work, request: Request) -> None:
    """Add light or colours to the style."""
    kept = [old for old in work.layout.style.split(", ") if old and old not in work.lists.table("tones").values()]
    work.do(Style(prompt=", ".join((*kept, request.get("TONE")))))


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
    looks = [work.prompts.read(entity.prompt) for entity in found]
    same_kind = len({look.name for look in looks}) == 1 and not {*request.text.split()} & {*work.lists.lists["hue"]}
    sorts = () if same_kind else ("colour",)
    said = [words for look in looks if (words := look.words(*sorts))]
    if not said:
        work.said.append(f"They {'look alike' if same_kind else 'have no colour'} already: tell me which colour.")
        return
    dress(work, found, Counter(said).most_common(1)[0][0])
    work.attend(ids(found))


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


@does("complaint")
def complaint(work: Work, request: Request) -> None:
    """Offer a way back."""
    work.otherwise = "Sorry. Say undo to take the last change back, or tell me what should be different."


@does("no style")
def no_style(work: Work, request: Request) -> None:
    work.do(Style())


@does("regenerate")
def regenerate(work: Work, request: Request) -> None:
    """Paint things again: those named, else all of the picture."""
    newcomer: Newcomer | None = request.get("NOUN")
    if newcomer is not None and newcomer.noun is not None:
        found = matching(newcomer.noun, work.layout.entities, work.lists.lexicon, widely=False)
        if not found:
            raise Missing(Reference(newcomer.text, newcomer.noun))
        latest = [entity for group in work.focus for entity in found if entity.id in group][:1]
        again = latest or found[:1]
    else:
        again = things(work, request) if request.get("THINGS") else []
    work.do(Regenerate(ids=ids(again)))
    work.attend(ids(again))


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


@does("undo")
def undo(work: Work, request: Request) -> None:
    work.undo((request.get("NUMBER") or 1) * (request.get("TIMES") or 1))


@does("undo all")
def undo_all(work: Work, request: Request) -> None:
    work.undo(len(work.context.layouts) - 1)


@does("redo")
def redo(work: Work, request: Request) -> None:
    work.edits = [Redo(steps=min((request.get("NUMBER") or 1) * (request.get("TIMES") or 1), 100))]
