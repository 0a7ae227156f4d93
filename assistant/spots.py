"""Where new and moved things fit among those that stay: the cheapest of many places. Pure geometry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from eligen.assistant.boxes import bounds, box_at
from eligen.assistant.items import Relation
from eligen.assistant.positions import GAP, MARGIN, OVERLAPPING, RELATIONS, Edges, between, middle, region, sunk
from eligen.tools.layout import Box

GRID = 16
GROUND = 0.86
HORIZON = 0.24
INSIDE = 0.92

Cost = Callable[[Edges], float]
Sizes = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Wish:
    """Where a thing should go: a relation to hosts, a part of the canvas, near a home, high or low; else anywhere free.

    `sizes` are the factors by which it may be scaled to find room, each with what that costs.
    """

    relation: Relation | None = None
    hosts: tuple[Box, ...] = ()
    region: tuple[str, ...] = ()
    home: Box | None = None
    high: bool = False
    foot: float = GROUND
    sizes: Sizes = ((1.0, 0.0),)


def spots(width: float, height: float, count: int, others: Sequence[Box], wish: Wish) -> list[Box]:
    """Return boxes for `count` things of one size among `others`, as the wish says, all scaled alike."""
    tried = []
    for factor, price in _factors(width, height, wish):
        found, total = list[Box](), count * price
        for _ in range(count):
            box, cost = _cheapest(width * factor, height * factor, [*others, *found], wish)
            found.append(box)
            total += cost
        tried.append((total, found))
    return min(tried, key=lambda one: one[0])[1]


def _factors(width: float, height: float, wish: Wish) -> Sizes:
    """Return the scales to try: what goes into something, or does not fit on the canvas, is made to fit."""
    room = 1 - 2 * MARGIN if wish.home is None else 1.0
    fit = min(room / width, room / height, 1.0)
    if wish.relation == "inside":
        host = bounds(wish.hosts)
        fit = min(fit, INSIDE * host.width / width, INSIDE * host.height / height)
    smaller = [(factor, price) for factor, price in wish.sizes if factor < fit]
    return (fit, 0.0), *smaller


def _cheapest(width: float, height: float, others: Sequence[Box], wish: Wish) -> tuple[Box, float]:
    around = [box.as_tuple() for box in others if wish.relation not in OVERLAPPING or box not in wish.hosts]
    cost = _cost(wish)
    places = [(x0, y0, x0 + width, y0 + height) for x0, y0 in _corners(width, height, wish)]
    lowest, best = inf, places[0]
    for alone, edges in sorted((cost(edges), edges) for edges in places):
        if alone >= lowest:
            break
        total = alone + sum(_crowding(edges, other) for other in around)
        if total < lowest:
            lowest, best = total, edges
    return box_at(best[0], best[1], width, height), lowest


def _corners(width: float, height: float, wish: Wish) -> Iterator[tuple[float, float]]:
    """Yield top left corners: a grid over the canvas, and those that line up with hosts, home and margins."""
    marks = [*wish.hosts, *([wish.home] if wish.home else [])]
    xs, ys = set[float](), {wish.foot - height}
    for box in marks:
        xs |= {box.x0, box.x1 - width, box.centre[0] - width / 2, box.x0 - GAP - width, box.x1 + GAP}
        ys |= {box.y0, box.y1 - height, box.centre[1] - height / 2, box.y0 - GAP - height, box.y1 + GAP}
        ys |= {box.y0 + sunk(height, box.height) - height}
    for first, second in pairwise(sorted(wish.hosts, key=lambda box: box.centre)):
        xs.add((first.x1 + second.x0 - width) / 2)
    for found, side in ((xs, width), (ys, height)):
        low, high = min(MARGIN, (1 - side) / 2), max(1 - MARGIN - side, (1 - side) / 2)
        found |= {low + (high - low) * step / GRID for step in range(GRID + 1)}
    yield from ((x, y) for y in _legal(ys, height) for x in _legal(xs, width))


def _legal(found: set[float], side: float) -> list[float]:
    return sorted({min(max(at, 0.0), 1 - side) for at in found})


def _crowding(a: Edges, b: Edges) -> float:
    """Return what it costs to lie over another thing, or too close to it: the share of the smaller that is covered."""
    pad = GAP / 3
    across = min(a[2], b[2]) - max(a[0], b[0]) + pad
    down = min(a[3], b[3]) - max(a[1], b[1]) + pad
    if across <= 0 or down <= 0:
        return 0.0
    return 1.5 * across * down / min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))


def _cost(wish: Wish) -> Cost:
    """Return what a place costs besides what it covers."""
    hosts = [box.as_tuple() for box in wish.hosts]
    if wish.relation == "between":
        return between(hosts)
    if wish.relation is not None:
        relation, host = RELATIONS[wish.relation], bounds(wish.hosts).as_tuple()
        return lambda a: relation(a, host)
    stay = _home(wish)
    if wish.region:
        side = region(wish.region)
        return lambda a: side(a) + 0.2 * stay(a)
    return stay


def _home(wish: Wish) -> Cost:
    """Return what it costs to be away from home; without one, from the height of things of this kind."""
    if wish.home is not None:
        x, y = wish.home.centre
        return lambda a: 0.3 * abs(middle(a, 0) - x) + 0.6 * abs(middle(a, 1) - y)
    if wish.high:
        return lambda a: 0.5 * abs(middle(a, 1) - HORIZON) + 0.05 * abs(middle(a, 0) - 0.5)
    return lambda a: 0.8 * abs(a[3] - wish.foot) + 0.05 * abs(middle(a, 0) - 0.5)
