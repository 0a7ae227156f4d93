"""What the requests about the whole picture do: background, weather, style, light, paint again."""

from __future__ import annotations

from eligen.assistant.dialogue.actions import does, dress, ids, things
from eligen.assistant.dialogue.kinds import matching, noun_of
from eligen.assistant.dialogue.likeness import of_picture, sent
from eligen.assistant.dialogue.meanings import Look, Newcomer, Reference, Request
from eligen.assistant.dialogue.references import resolve
from eligen.assistant.dialogue.work import Missing, Refused, Work
from eligen.assistant.plan import Background, Move, Place, Regenerate, Style

WEATHERS = frozenset(("snow", "rain", "storm", "fog", "mist", "sunshine", "cloudy sky", "wind", "hail", "thunderstorm"))
NO_BACKDROP = "A picture cannot be the background: say it in words, or send the picture alone and change what is in it."


@does("background")
def background(work: Work, request: Request) -> None:
    """Change the background; putting one thing of several in the place where it is anyhow moves that thing."""
    words: str = request.get("SETTING") or request.get("WORDS") or request.get("WORDS_BEFORE")
    references: tuple[Reference, ...] = request.get("THINGS") or ()
    if (old := request.get("was")) and old.split()[-1] not in work.layout.background.split():
        raise Refused(f"The background is {work.layout.background or 'left open'}.")
    if (pictured := of_picture(words, work.lists)) is not None:
        sent(work, pictured)
        raise Refused(NO_BACKDROP)
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


@does("no style")
def no_style(work: Work, request: Request) -> None:
    work.do(Style(ids=ids(things(work, request)) if request.get("THINGS") else ()))


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
