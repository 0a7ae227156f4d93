"""What the requests about places and sizes do: move, put back, scale."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from eligen.assistant.dialogue.actions import IT, does, ids, nothing, things, together
from eligen.assistant.dialogue.kinds import name, noun_of
from eligen.assistant.dialogue.meanings import SINGULAR, Reference, Request, Spot, Way
from eligen.assistant.dialogue.places import home, moves, place
from eligen.assistant.dialogue.references import resolve
from eligen.assistant.dialogue.work import Missing, Refused, Unclear, Work
from eligen.assistant.plan import Add, LayoutEdit, Move, Place
from eligen.tools.layout import Entity

EVEN = 0.002
LEVEL = 0.08
NEARER = 0.35


@does("move")
def move(work: Work, request: Request) -> None:
    """Move things to a place together, or each along a way."""
    moved = things(work, request)
    spot: Spot | None = request.get("PLACE")
    if spot is None:
        _go(work, moved, request.get("WAY"))
    elif spot.was is not None and spot.was.kind in SINGULAR | {"them"} and len(moved) > 1:
        put_back(work, request)
    elif (where := place(work, spot, moved)) is not None:
        work.do(Move(ids=ids(moved), place=where))
        work.attend(ids(moved))


def _go(work: Work, moved: Sequence[Entity], way: Way) -> None:
    if steps := moves(work, moved, way):
        together(work, steps)
    else:
        work.said.append(f"The {name(moved[0])} cannot go any further that way.")
        work.attend(entity.id for entity in moved)


@does("centre")
def centre(work: Work, request: Request) -> None:
    work.do(Move(ids=ids(things(work, request)), place=Place(region=("center",))))


@does("raise", "lower")
def lift(work: Work, request: Request) -> None:
    kind, amount = request.get("AMOUNT") or ("steps", 1.0)
    down = 1 if request.do == "lower" else -1
    way = Way("", 0, down, amount if kind == "steps" else 1.0, amount if kind == "share" else None)
    _go(work, things(work, request), way)


@does("misplaced")
def misplaced(work: Work, request: Request) -> None:
    """Move what is too far to one side a little to the other."""
    way: Way = request.get("WAY")
    _go(work, things(work, request), replace(way, dx=-way.dx, dy=-way.dy, away=not way.away))


@does("apart")
def apart(work: Work, request: Request) -> None:
    """Move things away from others that they are too close to."""
    _go(work, things(work, request), Way("", towards=request.get("other"), away=True))


@does("misplaced inward")
def move_inward(work: Work, request: Request) -> None:
    """Move what is too close to an edge away from it."""
    steps = []
    for entity in things(work, request):
        box = entity.box
        gaps = {(1, 0): box.x0, (-1, 0): 1 - box.x1, (0, 1): box.y0, (0, -1): 1 - box.y1}
        dx, dy = min(gaps, key=lambda way: gaps[way])
        steps += moves(work, [entity], Way("", dx, dy))
    together(work, steps)


@does("put back")
def put_back(work: Work, request: Request) -> None:
    """Put things back where they were before they moved; what was removed comes back."""
    if _undoes_removal(work, request):
        return
    try:
        moved = things(work, request)
    except Missing as missing:
        _bring_back(work, missing.reference, missing)
        return
    if {edit.ids for edit in work.edits if isinstance(edit, Move)} >= {(entity.id,) for entity in moved}:
        return  # "it belongs where it was, so put it back"
    first = bool(work.lists.set("at first") & set(request.text.split()))
    edits: list[LayoutEdit] = []
    for entity in moved:
        if box := home(work, entity, first=first):
            edits.append(Move(ids=(entity.id,), place=Place(box=box)))
    if not edits:
        raise Refused(f"The {name(moved[0])} has not been anywhere else.")
    together(work, edits)


def _undoes_removal(work: Work, request: Request) -> bool:
    """Bring "it" back where it was removed: by going back, if nothing else was changed then."""
    references = request.get("THINGS") or (IT,)
    last = work.focus[0] if work.focus else ()
    here = {entity.id for entity in work.layout.entities}
    if references[0].kind not in SINGULAR | {"them"} or not last or here & set(last):
        return False
    _return(work, [entity for entity in map(work.entity, last) if entity is not None])
    return True


def _return(work: Work, gone: Sequence[Entity]) -> None:
    """Bring back what was removed: by going back if nothing else was changed then, else by adding it again."""
    before = work.past[-1] if work.past else None
    if not work.edits and before is not None:
        rest = before.model_copy(update={"entities": tuple(e for e in before.entities if e not in gone)})
        if rest.model_copy(update={"prompt": work.layout.prompt}) == work.layout:
            work.undo(1)
            return
    together(work, [Add(prompt=entity.prompt, place=Place(box=entity.box)) for entity in gone])


@does("keep")
def keep(work: Work, request: Request) -> None:
    """Leave things as they are; what was removed just now comes back."""
    nothing(work, request)
    with suppress(Missing, Unclear):
        here, kept = {entity.id for entity in work.layout.entities}, request.get("THINGS") or ()
        before = resolve(work, kept, work.past[-1]) if work.past else []
        if gone := [entity for entity in before if entity.id not in here]:
            _return(work, gone)


def _bring_back(work: Work, reference: Reference, missing: Missing) -> None:
    """Add again what was removed, where it was."""
    here = {entity.id for entity in work.layout.entities}
    for layout in reversed(work.past):
        gone = layout.model_copy(update={"entities": tuple(e for e in layout.entities if e.id not in here)})
        try:
            found = resolve(work, [reference], gone)
        except Missing:
            continue
        together(work, [Add(prompt=entity.prompt, place=Place(box=entity.box)) for entity in found])
        return
    raise missing


@does("align")
def align(work: Work, request: Request) -> None:
    """Let things stand on one line, that of the lowest."""
    aligned = things(work, request)
    if request.get("PLACE"):
        move(work, request)
        aligned = [entity for entity in work.layout.entities if entity in aligned or entity.id in work.focus[0]]
    foot = max(entity.box.y1 for entity in aligned)
    steps = [Move(ids=(e.id,), dy=round(foot - e.box.y1, 4)) for e in aligned if foot - e.box.y1 > EVEN]
    if not steps:
        work.said.append("They stand on one line already.")
    together(work, steps)


@does("flank")
def flank(work: Work, request: Request) -> None:
    """Put things on both sides of others: the first half to the left, the rest to the right."""
    flanking = things(work, request)
    hosts = [entity.id for entity in resolve(work, request.get("host"))]
    if len(flanking) < 2:
        raise Refused(f"One {noun_of(flanking[0], work.lists.lexicon).name} cannot be on both sides.")
    order = sorted(flanking, key=lambda entity: entity.box.centre[0])
    half = (len(order) + 1) // 2
    for side, moved in (("left", order[:half]), ("right", order[half:])):
        some = ids(moved)
        work.do(Move(ids=some, place=Place.model_validate({"relation": side, "of": tuple(hosts)})))
    work.attend(entity.id for entity in flanking)


@does("gather", "spread")
def gather(work: Work, request: Request) -> None:
    """Move things towards their common middle, or away from it."""
    moved = things(work, request)
    if len(moved) < 2:
        raise Refused(f"The {name(moved[0])} is alone.")
    xs, ys = zip(*(entity.box.centre for entity in moved), strict=True)
    share = -NEARER if request.do == "gather" else NEARER
    ways = zip(moved, _apart(xs, share), _apart(ys, share), strict=True)
    together(work, [Move(ids=(entity.id,), dx=dx, dy=dy) for entity, dx, dy in ways if dx or dy])


def _apart(centres: Sequence[float], share: float) -> list[float]:
    """Return how far each centre goes from their middle, not at all where they are about level."""
    middle = sum(centres) / len(centres)
    level = max(centres) - min(centres) < LEVEL
    return [0.0 if level else round(share * (centre - middle), 4) for centre in centres]
