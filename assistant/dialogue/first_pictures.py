"""New pictures, also from reference pictures: "a mug with this logo", "my dog in the style of this painting"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from eligen.assistant.context import Context
from eligen.assistant.dialogue.grammar import grammar
from eligen.assistant.dialogue.likeness import known_as, named, of_picture, reference_of
from eligen.assistant.dialogue.meanings import Pictured
from eligen.assistant.dialogue.messages import Spoken, sentences
from eligen.assistant.dialogue.prompts import Prompts
from eligen.assistant.dialogue.reading import readings
from eligen.assistant.dialogue.sentence import Sentence
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.edits import apply
from eligen.assistant.plan import Compose, Edit, NamedReference, Plan, Style, Transfer
from eligen.assistant.sizing import kind_of

NO_THINGS = ("abstract", "part", "place")
LOOKING = ("that", "which", "who", "looks", "look", "looking", "exactly", "just", "is", "are")
LIKE = ("like", "as", "resembling")


def new_picture(text: str, context: Context, lists: WordLists, compose: Callable[[str], Plan]) -> Plan:
    """Return the plan of a new picture, in which things and styles are those of the reference pictures spoken of."""
    if not context.attachments and not context.references:
        return compose(text)
    names = _names(text, context, lists)
    known = context.model_copy(update={"references": (*context.references, *names.values())})
    rest = [" ".join(sentence.tokens) for sentence in sentences(text) if sentence not in names]
    if names and not rest:
        return Plan(reply=" ".join(map(known_as, names.values())), names=tuple(names.values()))
    unsaid = [one.prompt for one in names.values() if one.prompt and not any(one.name in said for said in rest)]
    plan = compose(_called(_without_likeness(". ".join((*unsaid, *rest)) if names else text, lists), known))
    return _with_references(plan, text, known, lists).model_copy(update={"names": tuple(names.values())})


def _names(text: str, context: Context, lists: WordLists) -> dict[Spoken, NamedReference]:
    """Return the sentences that only name an attached picture, and the names."""
    found: dict[Spoken, NamedReference] = {}
    for sentence in sentences(text) if context.attachments else ():
        for reading in readings(sentence.tokens, lists.lexicon):
            if [request.do for request in reading.requests] == ["name picture"]:
                (request,) = reading.requests
                picture = reference_of(request.get("PICTURED") or Pictured("this"), context.attachments, ())
                if picture is not None:
                    found[sentence] = picture.model_copy(update=named(request, Prompts(lists)))
                break
    return found


def _called(text: str, context: Context) -> str:
    """Return a text with the things in place of the names that their pictures have: "a dog" for "Rex"."""
    for one in sorted(context.references, key=lambda one: len(one.name), reverse=True):
        thing = one.prompt or one.name.capitalize()
        text = re.sub(rf"\b((the|my|our|your)\s+)?{re.escape(one.name)}\b", thing, text, flags=re.IGNORECASE)
    return text


def _without_likeness(text: str, lists: WordLists) -> str:
    """Return a text without what is said to look like a reference picture: "a cat" for "a cat that looks like this"."""
    found = text
    for sentence in sentences(text):
        tokens = sentence.tokens
        words = Sentence(tokens, grammar(lists.lexicon))
        for at in (at for at in range(1, len(tokens) - 1) if tokens[at] in LIKE):
            if hits := words.slot("PICTURED", at + 1):
                start = at
                while start and tokens[start - 1] in LOOKING:
                    start -= 1
                said = r"\W+".join(map(re.escape, tokens[start : hits[0].end]))
                found = re.sub(rf"\W*\b{said}\b", "", found, flags=re.IGNORECASE)
    return found


def _with_references(plan: Plan, text: str, context: Context, lists: WordLists) -> Plan:
    """Return the plan of a new picture with the styles and likenesses of reference pictures."""
    (compose,) = plan.edits
    assert isinstance(compose, Compose)
    layout, edits = compose.layout, list[Edit]()
    style = of_picture(layout.style, lists)
    if style is not None and (picture := reference_of(style, context.attachments, context.references)):
        reply = plan.reply.replace(f", {layout.style}.", " in the style of your picture.")
        plan = plan.model_copy(update={"reply": reply})
        layout = layout.model_copy(update={"style": ""})
        edits.append(Style(reference=picture.reference))
    start = apply(None, [Compose(layout=layout)], taken=context.taken)
    for noun, pictured in _shown(sentences(text, [one.name for one in context.references]), lists):
        if picture := reference_of(pictured, context.attachments, context.references):
            noun = noun or kind_of(picture.prompt or picture.name).noun.name
            alike = [entity for entity in start.entities if kind_of(entity.prompt).noun.name == noun]
            edits += [Transfer(id=entity.id, reference=picture.reference) for entity in alike]
    return plan.model_copy(update={"edits": (Compose(layout=layout), *dict.fromkeys(edits))})


def _shown(spoken: Sequence[Spoken], lists: WordLists) -> Iterator[tuple[str, Pictured]]:
    """Yield the nouns that are said to be in, or to look like, a reference picture; "" for what has a name."""
    for sentence in spoken:
        text = Sentence(sentence.tokens, grammar(lists.lexicon))
        last, at = "", 0
        while at < len(text):
            noun = lists.lexicon.longest(text.tokens, at)
            hits = [hit for hit in text.slot("PICTURED", at) if hit.value.new or hit.value.name]
            if hits:
                new = hits[0].value.new
                yield new.noun.name if new is not None and new.noun is not None else "", hits[0].value
            elif last and text.tokens[at] in LIKE:
                yield from ((last, hit.value) for hit in text.slot("PICTURED", at + 1)[:1])
            last = noun.noun.name if noun and noun.noun.kind not in NO_THINGS else last
            at += noun.length if noun else 1
