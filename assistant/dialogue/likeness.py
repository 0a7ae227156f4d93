"""What the requests about reference pictures do: names, likenesses, styles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eligen.assistant.dialogue.actions import does, ids, things
from eligen.assistant.dialogue.adding import add, prompt_of
from eligen.assistant.dialogue.grammar import grammar
from eligen.assistant.dialogue.meanings import Name, Pictured, Request
from eligen.assistant.dialogue.places import place
from eligen.assistant.dialogue.prompts import Prompts
from eligen.assistant.dialogue.references import invite
from eligen.assistant.dialogue.sentence import Sentence
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.dialogue.work import Ids, Missing, Refused, Unattached, Work
from eligen.assistant.plan import Add, NamedReference, Replace, Style, Transfer

ATTACH = "Attach the picture you mean."
POINTING = ("it", "this", "that", "these", "this one", "that one")
BEFORE = frozenset(("use", "take", "as", "for", "in", "to"))
THING = "an object"  # what a picture shows where nobody said it


def reference_of(
    pictured: Pictured, attachments: Sequence[str], references: Sequence[NamedReference]
) -> NamedReference | None:
    """Return the reference picture that is meant, the latest of its name; None when there is none."""
    if pictured.name:
        return next((named for named in reversed(references) if named.name == pictured.name), None)
    if not -len(attachments) <= pictured.nth < len(attachments):
        return None
    path = attachments[pictured.nth]
    prompt = next((named.prompt for named in reversed(references) if named.reference == path), "")
    return NamedReference(name=pictured.text, reference=path, prompt=prompt)


def of_picture(words: str, lists: WordLists) -> Pictured | None:
    """Return the reference picture that words speak of, "this style" among them; None where they are other words."""
    tokens = [word for word in words.split() if word not in BEFORE]
    if tokens in (["this", "style"], ["that", "style"]):
        return Pictured(tokens[0])
    for leading in (["the"], ["same"], ["style", "of"], ["front", "of"]):
        if tokens[: len(leading)] == leading and len(tokens) > len(leading) + 1:
            tokens = tokens[len(leading) :]
    if tokens[-2:] == ["s", "style"] or tokens[-1:] == ["s"]:
        tokens = tokens[: tokens.index("s")]
    text = Sentence(tokens, grammar(lists.lexicon))
    return next((hit.value for hit in text.slot("PICTURED", 0) if hit.end == len(tokens) and not hit.value.new), None)


def sent(work: Work, pictured: Pictured) -> NamedReference:
    """Return the reference picture that is meant; Unattached when there is none."""
    if (found := reference_of(pictured, work.context.attachments, work.references)) is None:
        raise Unattached(ATTACH)
    return found


def named(request: Request, prompts: Prompts) -> dict[str, str]:
    """Return the name that a request gives a picture, and the prompt of what it shows."""
    name: Name = request.get("NAME")
    pictured: Pictured | None = request.get("PICTURED")
    shown = pictured.new if pictured else None
    return {"name": name.text, "prompt": prompts.new(replace(shown, count=1)) if shown else name.prompt}


def known_as(picture: NamedReference) -> str:
    return f'I will know this picture as "{picture.name}".'


@does("name picture")
def name_picture(work: Work, request: Request) -> None:
    """Remember a picture by a name, and what it shows."""
    picture = sent(work, request.get("PICTURED") or Pictured("this"))
    work.names.append(picture.model_copy(update=named(request, work.prompts)))
    work.said.append(known_as(work.names[-1]))


@does("likeness")
def likeness(work: Work, request: Request) -> None:
    """Make things look like a picture; what is not there is added."""
    picture = sent(work, request.get("PICTURED"))
    try:
        found = things(work, request)
    except Missing as missing:
        found = invite(work, missing.reference)
    work.do(*(Transfer(id=entity.id, reference=picture.reference) for entity in found))


@does("replace pictured")
def replace_pictured(work: Work, request: Request) -> None:
    """Put what a picture shows in the place of things."""
    pictured: Pictured = request.get("PICTURED")
    picture = sent(work, pictured)
    prompt = _prompt(work, pictured, picture)
    for entity in things(work, request):
        ids: Ids = (entity.id,)
        if prompt and work.prompts.read(prompt).name != work.prompts.read(entity.prompt).name:
            ids = work.do(Replace(id=entity.id, prompt=prompt))
        work.do(*(Transfer(id=entity_id, reference=picture.reference) for entity_id in ids))


@does("add pictured")
def add_pictured(work: Work, request: Request) -> None:
    """Add what a picture shows."""
    pictured: Pictured = request.get("PICTURED")
    if pictured.text in POINTING and not work.context.attachments:
        raise Refused(ATTACH)  # "put it on the left" is more likely about what is there
    picture = sent(work, pictured)
    prompt = _prompt(work, pictured, picture) or pictured.name.capitalize() or THING
    spot = request.get("PLACE")
    ids = work.do(Add(prompt=prompt, place=place(work, spot, prompt=prompt) if spot else None))
    work.do(*(Transfer(id=entity_id, reference=picture.reference) for entity_id in ids))


@does("add like")
def add_like(work: Work, request: Request) -> None:
    """Add things that look like a picture."""
    reference = sent(work, request.get("PICTURED")).reference
    before = {entity.id for entity in work.layout.entities}
    add(work, request)
    new = [entity.id for entity in work.layout.entities if entity.id not in before]
    work.do(*(Transfer(id=entity_id, reference=reference) for entity_id in new))


def _prompt(work: Work, pictured: Pictured, picture: NamedReference) -> str:
    return prompt_of(work, replace(pictured.new, count=1)) if pictured.new else picture.prompt


@does("style after")
def style_after(work: Work, request: Request) -> None:
    """Paint everything, or things alone, in the style of a picture."""
    reference = sent(work, request.get("PICTURED")).reference
    alone = ids(things(work, request)) if request.get("THINGS") else ()
    work.do(Style(reference=reference, ids=alone))
