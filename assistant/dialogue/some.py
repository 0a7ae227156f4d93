"""What the requests do that speak of some of several: "one gull should sit on the bench, another on the roof"."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from eligen.assistant.dialogue.actions import does, dress, ids, those_counted
from eligen.assistant.dialogue.adding import add, fitting, new_of
from eligen.assistant.dialogue.meanings import Look, Newcomer, Reference, Request, Spot
from eligen.assistant.dialogue.picks import how_far
from eligen.assistant.dialogue.places import place
from eligen.assistant.dialogue.references import hosts, resolve
from eligen.assistant.dialogue.work import Missing, Unclear, Work
from eligen.assistant.plan import Move
from eligen.tools.layout import Entity


@does("place some")
def place_some(work: Work, request: Request) -> None:
    """Move some of several to a place ("one gull should sit on the bench"), or add them where there are no more."""
    some: Newcomer = request.get("SOME") or request.get("one")
    said = some.text.split()[0]
    layouts = work.context.layouts
    earlier = layouts[-2] if some.noun is None and len(layouts) > 1 else layouts[-1]
    before = {entity.id: entity.box for entity in earlier.entities}
    found = _of_kind(work, some)
    still = [entity for entity in found if before.get(entity.id) == entity.box]
    picked = len(still) < len(found)  # some of them were moved just now
    enough = len(found) > some.count or len(found) == some.count > 1
    spot: Spot = request.get("PLACE")
    if len(still) < some.count or not enough or (some.more and not picked) or (request.get("one") and said != "one"):
        add(work, request.put("NEWS", (some,)))
        return
    late = {entity_id for group in work.focus[:2] for entity_id in group}
    order = sorted(still, key=lambda entity: (entity.id in late, how_far(spot, entity, hosts(work))))
    moved = order[: some.count]
    work.do(Move(ids=ids(moved), place=place(work, spot, moved)))
    work.attend(ids(moved))


@does("look some")
def dress_some(work: Work, request: Request) -> None:
    """Give some of several a look ("another one red"); where there are no more of them, add them."""
    some: Newcomer = request.get("SOME")
    look: Look = request.get("LOOK")
    before = {entity.id: entity.prompt for entity in work.context.layouts[-1].entities}
    shown = [word for word in look.words if work.prompts.sort(word) != "other"] or list(look.words)
    free = [e for e in _of_kind(work, some) if before.get(e.id) == e.prompt and not _said(work, e, shown)]
    if len(free) < some.count:
        add(work, request.put("NEWS", (replace(some, words=(*some.words, *look.words)),)))
        return
    late = {entity_id for group in work.focus[:2] for entity_id in group}
    dress(work, sorted(free, key=lambda entity: entity.id in late)[: some.count], look.words)


def _said(work: Work, entity: Entity, words: Sequence[str]) -> bool:
    return all(work.prompts.shows(entity.prompt, word) for word in words)


def _of_kind(work: Work, some: Newcomer) -> list[Entity]:
    """Return the things that some are of: of a noun and its adjectives, else of the kind that is talked of."""
    if some.noun is not None:
        return those_counted(work, some)
    with suppress(Missing, Unclear):
        return resolve(work, [Reference(some.text, words=some.words, number=None, kind="one")])
    return []


@does("add each")
def add_each(work: Work, request: Request) -> None:
    """Put things each at a place of its own: "two trees, one on the left and one on the right"."""
    one = replace(request.get("NEW"), count=1)
    spots = [spot for spot in map(request.get, ("first", "second", "third")) if spot is not None]
    if one.text.split()[0] == "one" and len(_of_kind(work, one)) >= len(spots):
        for spot in spots:
            place_some(work, request.put("SOME", one).put("PLACE", spot))
        return
    work.attend([entity_id for spot in spots for entity_id in work.do(fitting(work, new_of(work, one, spot)))])
