"""What a dialogue talked of last: what "it" and "them" may mean, found from the layouts and the messages so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from eligen.assistant.context import Context
from eligen.assistant.dialogue.actions import ACTIONS
from eligen.assistant.dialogue.grammar import grammar
from eligen.assistant.dialogue.meanings import Reference, Request, Spot
from eligen.assistant.dialogue.messages import Spoken
from eligen.assistant.dialogue.reading import BACK, changing, requests_of
from eligen.assistant.dialogue.references import resolve
from eligen.assistant.dialogue.sentence import Sentence
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.dialogue.work import Ids, Missing, Refused, Unclear, Work, changes
from eligen.tools.layout import Entity, Layout

FAR = 8  # messages back


def begin(context: Context, lists: WordLists) -> Work:
    """Return the state before a message: the layouts, and what was talked of, the latest first."""
    if context.layout is None:
        return Work(context, lists, Layout(prompt=""))
    work = Work(context, lists, context.layout, past=[*context.layouts[:-1]])
    work.focus = _talked_of(context, lists)
    return work


def _talked_of(context: Context, lists: WordLists) -> list[Ids]:
    """Walk back through messages and versions: what a message changed, then what else it named.

    What an undone message named counts too: "make the dog red", "undo", "make it blue".
    """
    focus: list[Ids] = []
    at, undone = len(context.layouts) - 1, 0
    users = [message.text for message in context.dialogue if message.role == "user"]
    for text in reversed(users[1:][-FAR:]):
        requests = requests_of(text, context, lists.lexicon)
        kinds = {request.do for request in requests}
        edits = bool(changing(requests))
        if kinds & BACK and not edits:
            undone += sum((r.get("NUMBER") or 1) * (r.get("TIMES") or 1) for r in requests if r.do == "undo")
        elif edits and undone:
            undone -= 1
        elif edits and at > 0:
            focus.append(_changed(context.layouts[at - 1], context.layouts[at]))
            at -= 1
            undone += bool(kinds & {"correct", "lessen"})
        focus += _named(context, lists, requests, context.layouts[at])
    return [ids for ids in focus if ids]


def _changed(before: Layout, after: Layout) -> Ids:
    """Return what a version changed, or removed; nothing where all of it is new."""
    new = changes(before, after)
    kept = {entity.id for entity in before.entities}
    if len(new) == len(after.entities) > 1 and not kept & set(new):
        return ()
    here = {entity.id for entity in after.entities}
    return new or tuple(entity.id for entity in before.entities if entity.id not in here)


def _named(context: Context, lists: WordLists, requests: Sequence[Request], layout: Layout) -> Iterator[Ids]:
    for request in requests:
        if request.do.startswith("ask"):
            yield _answered(Work(context, lists, layout, past=[*context.layouts[:-1]]), request)
        for references in referred(request):
            try:
                found = resolve(Work(context, lists, layout), references)
            except (Missing, Unclear):
                continue
            yield tuple(entity.id for entity in found)


def _answered(work: Work, request: Request) -> Ids:
    """Return what the answer to a question was about."""
    with suppress(Missing, Unclear, Refused):
        ACTIONS[request.do](work, request)
    return work.focus[0] if work.focus else ()


def spoken_of(work: Work, sentence: Spoken) -> list[Entity]:
    """Return the first things of the picture that a sentence names, whatever it says of them."""
    text = Sentence(sentence.tokens, grammar(work.lists.lexicon))
    for at in range(len(text)):
        for references, _, _ in text.slot("THINGS", at):
            if all(reference.kind == "noun" for reference in references):
                with suppress(Missing, Unclear):
                    return resolve(work, references)
    return []


def referred(request: Request) -> Iterator[tuple[Reference, ...]]:
    """Yield the references of a request by nouns, as they come."""
    for _, value in request.values:
        if isinstance(value, Spot):
            value = value.of or ((value.was,) if value.was else ())
        if isinstance(value, tuple) and value and all(isinstance(one, Reference) for one in value):
            nouns = tuple(reference for reference in value if reference.kind in ("noun", "all", "people"))
            if nouns:
                yield nouns
