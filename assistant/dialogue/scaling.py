"""What the requests about sizes do."""

from __future__ import annotations

from collections.abc import Sequence

from eligen.assistant.dialogue.actions import does, things, together
from eligen.assistant.dialogue.kinds import name
from eligen.assistant.dialogue.meanings import Newcomer, Reference, Request, Size
from eligen.assistant.dialogue.references import resolve
from eligen.assistant.dialogue.work import Work
from eligen.assistant.plan import LayoutEdit, Resize
from eligen.tools.layout import Entity

THEM = Reference("them", number=None, kind="them")
STEP = 1.4  # of the sides: "make it bigger"
VARIED = 1.3  # times the size of the next smaller one: "in different sizes"
LEAST, LARGEST = 0.06, 16.0


@does("resize")
def resize(work: Work, request: Request) -> None:
    factor = request.get("factor") or request.get("MULTIPLIED")
    _scale(work, things(work, request), request.get("SIZE") or Size("", factor=factor))


@does("resize kind")
def resize_kind(work: Work, request: Request) -> None:
    """Scale what is there of a noun ("I want a bigger cat"); add one where there is none."""
    new: Newcomer = request.get("NOUN")
    where = (request.get("where"),) if request.get("where") else ()
    reference = Reference(f"the {new.text}", new.noun, new.words, where=where)
    found = resolve(work, [reference])
    _scale(work, found, request.get("SIZE"))


def _scale(work: Work, scaled: Sequence[Entity], size: Size) -> None:
    """Scale each thing by a factor, by usual steps, or until it is as large as (or larger than) others."""
    hosts = resolve(work, size.than) if size.than else []
    edits: list[LayoutEdit] = []
    for entity in scaled:
        factor = size.factor or STEP**size.steps
        if hosts:
            largest = max(hosts, key=lambda host: host.box.area)
            like = (largest.box.area / entity.box.area) ** 0.5
            factor = like * (size.factor or STEP ** (0.5 * size.steps))
            already = size.steps * (entity.box.area - largest.box.area) > 0
            factor = STEP ** (0.5 * size.steps) if already else factor
        factor = min(max(factor, LEAST), LARGEST)
        if abs(factor - 1) > 0.01:
            edits.append(Resize(ids=(entity.id,), factor=round(factor, 4)))
    before = work.layout
    together(work, edits)
    if work.layout == before:
        work.said.append(f"The {name(scaled[0])} cannot be scaled that way: it has that size already.")


@does("enlarge", "reduce")
def scale(work: Work, request: Request) -> None:
    """Scale things up or down, by as much as is said: "a bit", "by half", "to double its size", "two times"."""
    up = request.do == "enlarge"
    size: Size | None = request.get("SIZE")
    if size is None:
        kind, amount = request.get("AMOUNT") or ("steps", 1.0)
        if kind == "steps":
            factor = STEP ** (amount if up else -amount)
        elif kind == "factor":
            factor = amount if up else 1 / amount
        else:
            factor = 1 + amount if up else max(1 - amount, LEAST)
        size = Size("", factor=factor)
    _scale(work, things(work, request), size)


@does("mismade", "undersized")
def mismade(work: Work, request: Request) -> None:
    """Make what is too big smaller, and what is too small (or not big enough) bigger."""
    sign = request.get("BIG") * (1 if request.do == "undersized" else -1)
    _scale(work, things(work, request), Size("", steps=1.0 if sign > 0 else -1.0))


@does("vary sizes")
def vary_sizes(work: Work, request: Request) -> None:
    """Give each of several things a size of its own, the middle one the size that it has."""
    found = things(work, request)
    middle = (len(found) - 1) / 2
    factors = [round(VARIED ** (at - middle), 4) for at in range(len(found))]
    together(work, [Resize(ids=(e.id,), factor=f) for e, f in zip(found, factors, strict=True) if f != 1])


@does("same size")
def same_size(work: Work, request: Request) -> None:
    """Give things the size of others, or of the first of them."""
    scaled = things(work, request if request.get("THINGS") else request.put("THINGS", (THEM,)))
    model = resolve(work, request.get("other"))[0] if request.get("other") else scaled[0]
    edits = [
        Resize(ids=(entity.id,), factor=round(min(max((model.box.area / entity.box.area) ** 0.5, LEAST), LARGEST), 4))
        for entity in scaled
        if entity.id != model.id
    ]
    together(work, edits)
