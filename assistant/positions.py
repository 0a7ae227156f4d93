"""How badly a place misses what was asked for: relations to a host and parts of the canvas, as costs. Pure geometry.

A cost is zero where the place is perfect and about 1 where it is wrong by half the canvas; what would make the
relation untrue costs several times as much as what is merely unsightly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import hypot

from eligen.assistant.items import Relation

GAP = 0.03
MARGIN = 0.04
UNTRUE = 10.0
TRUE = 0.02  # centres apart by less are not told apart
UNCLEAR = 3.0
UNSIGHTLY = 0.3
NEAR = 0.16
OVERLAPPING: frozenset[Relation] = frozenset(("on", "inside", "front", "behind", "holding", "wearing"))

Edges = tuple[float, float, float, float]


def middle(edges: Edges, axis: int) -> float:
    """Return the centre along an axis, 0 being x."""
    return (edges[axis] + edges[axis + 2]) / 2


def shared(a: Edges, b: Edges) -> float:
    """Return the area that two boxes share."""
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0.0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)


def area(a: Edges) -> float:
    return (a[2] - a[0]) * (a[3] - a[1])


def sunk(height: float, host: float) -> float:
    """Return how deep what stands on a host of that height sinks into it."""
    return min(0.12 * host, 0.2 * height)


def region(sides: Sequence[str]) -> Callable[[Edges], float]:
    """Return the cost of not lying at these sides of the canvas; "center" is along the axes no other side is on."""
    at = {"left": (0, -1), "right": (0, 1), "top": (1, -1), "bottom": (1, 1)}
    wanted = dict(at[side] for side in sides if side in at)
    if "center" in sides:
        wanted |= {axis: 0 for axis in (0, 1) if axis not in wanted}

    def cost(a: Edges) -> float:
        return sum(_off_side(a, axis, side) for axis, side in wanted.items())

    return cost


def _off_side(a: Edges, axis: int, side: int) -> float:
    if not side:
        off = abs(middle(a, axis) - 0.5)
        return off + _untrue(off - 0.1)
    edge = a[axis] if side < 0 else 1 - a[axis + 2]
    off = middle(a, axis) if side < 0 else 1 - middle(a, axis)
    return abs(edge - MARGIN) + _untrue(min(off - 0.38, edge - MARGIN))


def _beside(a: Edges, b: Edges, axis: int, side: int) -> float:
    """Return the cost of a not lying clear of b on that side, more along the axis than across, level and near."""
    ahead = side * (middle(a, axis) - middle(b, axis))
    clear = a[axis] - b[axis + 2] if side > 0 else b[axis] - a[axis + 2]
    across = abs(middle(a, 1 - axis) - middle(b, 1 - axis))
    level = abs(a[3] - b[3]) if axis == 0 else across
    cost = _untrue(TRUE - ahead) + UNCLEAR * max(GAP - clear, 0.0) + UNCLEAR * max(across - 0.8 * ahead, 0.0)
    return cost + UNSIGHTLY * (max(clear - GAP, 0.0) + level)


def _untrue(missing: float) -> float:
    """Return what it costs that so much is missing until a relation is true."""
    return 5.0 + UNTRUE * missing if missing > 0 else 0.0


def _next(a: Edges, b: Edges) -> float:
    """Return the cost of not standing at b's left or right, near it."""
    far = hypot(max(a[0] - b[2], b[0] - a[2], 0.0), max(a[1] - b[3], b[1] - a[3], 0.0))
    return min(_beside(a, b, 0, -1), _beside(a, b, 0, 1)) + UNCLEAR * max(far - 0.1, 0.0) + _untrue(far - NEAR)


def _on(a: Edges, b: Edges) -> float:
    """Return the cost of not standing on b's top."""
    off = abs(a[3] - b[1] - sunk(a[3] - a[1], b[3] - b[1]))
    across = abs(middle(a, 0) - middle(b, 0))
    reach = max(b[2] - b[0] - (a[2] - a[0]), 0.0) / 2
    return _untrue(middle(a, 1) - middle(b, 1) + TRUE) + UNCLEAR * (off + max(across - reach, 0.0)) + UNSIGHTLY * across


def _inside(a: Edges, b: Edges) -> float:
    across, down = abs(middle(a, 0) - middle(b, 0)), abs(middle(a, 1) - middle(b, 1))
    return UNTRUE * (1 - shared(a, b) / area(a)) + UNSIGHTLY * (across + down)


def _front(a: Edges, b: Edges) -> float:
    """Return the cost of not covering part of b from below."""
    hidden, low = shared(a, b) / area(b), b[3] + 0.1 * (b[3] - b[1])
    apart = max(0.2 - shared(a, b) / min(area(a), area(b)), 0.0)
    return (
        UNCLEAR * (apart + max(hidden - 0.5, 0.0))
        + abs(a[3] - min(low, 1 - MARGIN))
        + 0.1 * abs(middle(a, 0) - middle(b, 0))
    )


def _behind(a: Edges, b: Edges) -> float:
    """Return the cost of not being covered by b in part, or by more than half."""
    hidden, high = shared(a, b) / area(a), b[3] - 0.1 * (b[3] - b[1])
    return (
        UNCLEAR * (max(0.1 - hidden, 0.0) + max(hidden - 0.5, 0.0))
        + abs(a[3] - high)
        + 0.1 * abs(middle(a, 0) - middle(b, 0))
    )


def _holding(a: Edges, b: Edges) -> float:
    """Return the cost of b not being at a's side, at the height of a hand."""
    across = abs(abs(middle(a, 0) - middle(b, 0)) - 0.45 * (a[2] - a[0]))
    return UNCLEAR * (across + abs(middle(a, 1) - middle(b, 1)))


def _wearing(a: Edges, b: Edges) -> float:
    return UNTRUE * (1 - shared(a, b) / area(b)) + UNSIGHTLY * abs(middle(a, 0) - middle(b, 0))


RELATIONS: dict[Relation, Callable[[Edges, Edges], float]] = {
    "left": lambda a, b: _beside(a, b, 0, -1),
    "right": lambda a, b: _beside(a, b, 0, 1),
    "above": lambda a, b: _beside(a, b, 1, -1),
    "below": lambda a, b: _beside(a, b, 1, 1),
    "next": _next,
    "on": _on,
    "inside": _inside,
    "front": _front,
    "behind": _behind,
    "holding": _holding,
    "wearing": _wearing,
}


def between(hosts: Sequence[Edges]) -> Callable[[Edges], float]:
    """Return the cost of not lying between the two outermost hosts, along the axis on which they are further apart."""
    spread = [max(middle(b, axis) for b in hosts) - min(middle(b, axis) for b in hosts) for axis in (0, 1)]
    axis = int(spread[1] > spread[0])
    first, *_, last = sorted(hosts, key=lambda b: middle(b, axis))
    start, end = middle(first, axis), middle(last, axis)
    level = (middle(first, 1 - axis) + middle(last, 1 - axis)) / 2

    def cost(a: Edges) -> float:
        at = middle(a, axis)
        outside = max(start + TRUE - at, at + TRUE - end)
        centre = (first[axis + 2] + last[axis]) / 2
        return _untrue(outside) + UNSIGHTLY * abs(at - centre) + 0.5 * abs(middle(a, 1 - axis) - level)

    return cost
