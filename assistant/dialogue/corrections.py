"""Corrections and repetitions: "no, the other one", "I said red", "a bit more", "the cat too"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eligen.assistant.context import Context
from eligen.assistant.dialogue.meanings import Look, Newcomer, Reference, Request, Size, Way
from eligen.assistant.dialogue.reading import BACK, MOVES, changing, is_question, requests_of
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.dialogue.work import Refused, Work, changes
from eligen.assistant.items import MOST

OTHER = Reference("the other one", number=1, kind="other")
SAME_THINGS = Reference("the same", number=None, kind="again")
EVERY = frozenset(("them all", "both"))
AGAIN = frozenset(("correct", "repeat", "lessen"))
SAME = {"NEWS": ("NEWS", "NEW", "COUNTED"), "WAY": ("WAY", "PLACE"), "PLACE": ("PLACE", "WAY"),
        "COUNTED": ("COUNTED", "NUMBER", "NEWS"), "STYLE": ("STYLE", "STYLE_WORDS", "STYLE_BEFORE"),
        "SETTING": ("SETTING", "WORDS", "WORDS_BEFORE")}  # fmt: skip


def last_requests(context: Context, lists: WordLists) -> list[Request]:
    """Return what was asked for last that changed something; an answer stands for what had been asked before it."""
    messages = list(context.dialogue)
    first = next((at for at, message in enumerate(messages) if message.role == "user"), 0)
    fixes: list[Request] = []
    for at in range(len(messages) - 1, first, -1):
        if messages[at].role != "user":
            continue
        found = changing(requests_of(messages[at].text, context, lists.lexicon))
        answered = at and is_question(messages[at - 1]) and all(request.loose for request in found)
        if not found or answered:
            continue
        if found[0].do == "start over":
            return []
        if all(request.do in AGAIN for request in found):
            fixes += [request for request in found if request.get("FIX")]
            continue
        own = [request for request in found if request.do == "correct" and request.get("FIX")]
        found = [request for request in found if request.do not in AGAIN]
        for fix in (*own, *fixes):
            found = _substituted(found, *fix.get("FIX")) or found
        return found
    return []


def was_undone(context: Context, lists: WordLists) -> bool:
    """Tell whether the last message already went back."""
    users = [message.text for message in context.dialogue if message.role == "user"]
    return bool(users) and any(request.do in BACK for request in requests_of(users[-1], context, lists.lexicon))


def corrected(work: Work, request: Request, before: Sequence[Request]) -> list[Request]:
    """Undo what was understood wrongly; return the requests to do in its place. Refused where nothing fits."""
    again = put_right(before, request)
    if not was_undone(work.context, work.lists) and len(work.context.layouts) > 1:
        wrong = _touched(work)
        work.undo(1)
        work.wrong = wrong
        work.attend(entity.id for entity in work.layout.entities if entity.id in wrong)
    return again


def put_right(before: Sequence[Request], request: Request) -> list[Request]:
    """Return requests with the part changed that a correction names. Refused where none has such a part."""
    again = _substituted(before, *(request.get("FIX") or ("THINGS", (OTHER,))))
    if not again:
        raise Refused("I do not know what you want to be different.")
    return again


def _touched(work: Work) -> tuple[str, ...]:
    before, after = work.context.layouts[-2:]
    here = {entity.id for entity in after.entities}
    return (*changes(before, after), *(entity.id for entity in before.entities if entity.id not in here))


def repeated(work: Work, request: Request, before: Sequence[Request]) -> list[Request]:
    """Return the last requests again, for other things where these are named."""
    if not before:
        raise Refused("I do not know what to do with that.")
    things = request.get("THINGS")
    if things and all(reference.kind in EVERY for reference in things):
        return []  # "the chairs must go, all of them" says it twice
    if things and (again := _substituted(before, "THINGS", things)):
        return again
    if things and not things[0].definite:
        raise Refused("I do not know what to do with that.")
    if things:
        return list(before)
    return [one.put("THINGS", (SAME_THINGS,)) if one.get("THINGS") else one for one in before]


def lessened(work: Work, request: Request, before: Sequence[Request]) -> list[Request]:
    """Undo the last step; return it half as large. Refused where it has no size."""
    halves = [one for one in map(_halved, before) if one is not None]
    if not halves:
        raise Refused("I do not know what should be less.")
    wrong = _touched(work) if len(work.context.layouts) > 1 else ()
    work.undo(1)
    work.attend(wrong)
    return [one.put("THINGS", (SAME_THINGS,)) for one in halves]


def _halved(request: Request) -> Request | None:
    way, size, amount = request.get("WAY"), request.get("SIZE"), request.get("AMOUNT")
    if isinstance(way, Way):
        half = None if way.fraction is None else way.fraction / 2
        return request.put("WAY", replace(way, steps=way.steps / 2, fraction=half))
    if isinstance(size, Size):
        factor = None if size.factor is None else size.factor**0.5
        return request.put("SIZE", replace(size, steps=size.steps / 2, factor=factor))
    if amount or request.do in ("enlarge", "reduce", "raise", "lower"):
        kind, value = amount or ("steps", 1.0)
        return request.put("AMOUNT", (kind, value**0.5 if kind == "factor" else value / 2))
    return None


def _substituted(requests: Sequence[Request], slot: str, value: Any) -> list[Request]:
    """Return requests with the last one that has a part of that sort changed; [] where none has."""
    for at in range(len(requests) - 1, -1, -1):
        if (changed := _with(requests[at], slot, value)) is not None:
            return [*requests[:at], changed, *requests[at + 1 :]]
    return []


def _with(request: Request, slot: str, value: Any) -> Request | None:
    if slot == "THINGS" and request.do == "resize kind":
        return replace(request, do="resize", values=(*request.values, ("THINGS", value)))
    if slot == "THINGS" and request.get("THINGS"):
        return _with_things(request, value)
    if slot == "THINGS" and request.get("PLACE") and request.get("PLACE").of:
        return request.put("PLACE", replace(request.get("PLACE"), of=value))
    for name in SAME.get(slot, (slot,)):
        if request.get(name) is None or (slot == "WAY" and name == "PLACE" and request.do not in MOVES):
            continue
        if slot in ("WAY", "PLACE"):
            bare = replace(request, values=tuple(pair for pair in request.values if pair[0] not in ("WAY", "PLACE")))
            return bare.put(slot, value)
        return _fitting(request, name, slot, value)
    if slot == "LOOK" and isinstance(value, Look) and (named := _relooked(request, value)):
        return named
    if slot == "LOOK" and request.get("THINGS") and isinstance(value, Look):
        narrowed = tuple(replace(one, words=(*one.words, *value.words)) for one in request.get("THINGS"))
        return request.put("THINGS", narrowed)
    return None


def _relooked(request: Request, look: Look) -> Request | None:
    """Return a request with the adjectives of its last new thing changed: "a red mug", "no, white"."""
    if (news := request.get("NEWS")) and news[-1].words:
        return request.put("NEWS", (*news[:-1], replace(news[-1], words=look.words)))
    if (new := request.get("NEW")) and new.words:
        return request.put("NEW", replace(new, words=look.words))
    return None


def _fitting(request: Request, name: str, slot: str, value: Any) -> Request | None:
    """Return a request with a part changed to a value that was read for a slot of a similar sort."""
    if name == "NEW":
        return request.put(name, value[0]) if len(value) == 1 else None
    if name == "COUNTED" and slot == "NEWS":
        return request.put(name, value[0]) if value[0].numbered else None
    if name == "NUMBER" and isinstance(value, Newcomer):
        return request.put(name, min(value.count, MOST))
    if name == "NEWS" and slot == "COUNTED":
        return request.put(name, (value,))
    return request.put(name, value)


def _with_things(request: Request, value: tuple[Reference, ...]) -> Request:
    """Return a request about other things; where only what it is relative to was named again, that changes."""
    spot = request.get("PLACE")
    named = {reference.noun.name for reference in value if reference.noun is not None}
    about = {reference.noun.name for reference in request.get("THINGS") if reference.noun is not None}
    hosts = {reference.noun.name for reference in (spot.of if spot else ()) if reference.noun is not None}
    if named & hosts and not named & about:
        return request.put("PLACE", replace(spot, of=value))
    return request.put("THINGS", value)
