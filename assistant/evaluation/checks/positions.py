"""When one box is left of another: this project's rule and those of published benchmarks. Pure geometry."""

from __future__ import annotations

from math import hypot, sqrt
from typing import Literal

from eligen.tools.layout import Box

Direction = Literal["left of", "right of", "above", "below", "next to"]
Rule = Literal["own", "lmd", "nsr", "geneval", "t2i"]
APART = 0.01
NEAR, OVERLAP = 0.2, 0.5
EDGE, THIRD, MIDDLE = 0.05, 0.4, 0.12
SAME_PLACE = 0.1
GENEVAL_SLACK, GENEVAL_SHARE = 0.1, 0.5
T2I_OVERLAP, T2I_NEAR = 0.1, 150 / 480


def holds(rule: Rule, direction: Direction, a: Box, b: Box) -> bool:
    """Return whether `a` is so to `b`.

    own: centres apart on the axis; next to means a small gap. lmd: centres compared on the axis (LMD). nsr: the
    direction between centres within 45 degrees (LayoutGPT's NSR-1K). geneval: the offset less a tenth of the sizes
    has its larger share on the axis (GenEval). t2i: the axis dominates and they hardly overlap (T2I-CompBench).
    """
    (ax, ay), (bx, by) = a.centre, b.centre
    dx, dy = ax - bx, ay - by
    if direction == "next to":
        return _beside(rule, a, b, dx, dy)
    along, across = (dx, dy) if direction in ("left of", "right of") else (dy, dx)
    along = -along if direction in ("left of", "above") else along
    if rule in ("own", "lmd"):
        return along > (APART if rule == "own" else 0)
    if rule == "t2i":
        return along > abs(across) and a.iou(b) < T2I_OVERLAP
    far = hypot(dx, dy)
    if rule == "nsr":
        return far > 0 and along / far > sqrt(2) / 2
    size = a.width + b.width if direction in ("left of", "right of") else a.height + b.height
    return far > 0 and (along - GENEVAL_SLACK * size) / far > GENEVAL_SHARE


def _beside(rule: Rule, a: Box, b: Box, dx: float, dy: float) -> bool:
    if rule == "t2i":
        return abs(dx) < T2I_NEAR or abs(dy) < T2I_NEAR
    if rule == "nsr":
        return (far := hypot(dx, dy)) > 0 and abs(dx) / far > sqrt(2) / 2
    return gap(a, b) <= NEAR and a.iou(b) < OVERLAP


def gap(a: Box, b: Box) -> float:
    """Return the distance between two boxes' edges, 0 when they touch."""
    return hypot(max(0.0, a.x0 - b.x1, b.x0 - a.x1), max(0.0, a.y0 - b.y1, b.y0 - a.y1))


def in_region(box: Box, where: str) -> bool:
    """Return whether a box is in a part of the picture such as left, top-right or center."""
    x, y = box.centre
    parts = {
        "left": x < 0.5 and (x <= THIRD or box.x0 <= EDGE),
        "right": x > 0.5 and (x >= 1 - THIRD or box.x1 >= 1 - EDGE),
        "top": y < 0.5 and (y <= THIRD or box.y0 <= EDGE),
        "bottom": y > 0.5 and (y >= 1 - THIRD or box.y1 >= 1 - EDGE),
        "center": abs(x - 0.5) <= MIDDLE and abs(y - 0.5) <= MIDDLE,
    }
    return all(parts[part] for part in where.split("-"))


def at_place(box: Box, place: Box) -> bool:
    """Return whether a box is where another was: its centre, as far as the canvas lets it, or on the same ground."""
    (x, y), (px, py) = box.centre, place.centre
    reach_x, reach_y = _within(px, box.width), _within(py, box.height)
    across = min(abs(x - reach_x), abs(x - px)) <= SAME_PLACE
    down = min(abs(y - reach_y), abs(y - py), abs(box.y1 - place.y1)) <= SAME_PLACE
    return across and down


def _within(at: float, size: float) -> float:
    return min(max(at, size / 2), 1 - size / 2)
