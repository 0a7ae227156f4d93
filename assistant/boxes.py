"""Boxes moved and scaled on the canvas, to four decimals: what is moved there and back is where it was. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from eligen.tools.layout import Box

DIGITS = 4
SMALLEST = 0.03


def box_at(x0: float, y0: float, width: float, height: float) -> Box:
    """Return the box of that corner and size, slid (and if need be cut) to lie on the canvas."""
    width, height = (min(max(round(side, DIGITS), 10**-DIGITS), 1.0) for side in (width, height))
    x0, y0 = (min(max(round(at, DIGITS), 0.0), 1.0 - side) for at, side in ((x0, width), (y0, height)))
    return Box(x0=x0, y0=y0, x1=min(round(x0 + width, DIGITS), 1.0), y1=min(round(y0 + height, DIGITS), 1.0))


def bounds(boxes: Sequence[Box]) -> Box:
    """Return the smallest box around boxes."""
    x0, y0, x1, y1 = zip(*(box.as_tuple() for box in boxes), strict=True)
    return Box(x0=min(x0), y0=min(y0), x1=max(x1), y1=max(y1))


def slid(boxes: Sequence[Box], dx: float, dy: float) -> list[Box]:
    """Return boxes moved together, which stop at the canvas's edge; the coordinates of an axis without way stay."""
    whole = bounds(boxes)
    dx = min(max(round(dx, DIGITS), -whole.x0), 1 - whole.x1)
    dy = min(max(round(dy, DIGITS), -whole.y0), 1 - whole.y1)
    return [
        Box(x0=_moved(box.x0, dx), y0=_moved(box.y0, dy), x1=_moved(box.x1, dx), y1=_moved(box.y1, dy)) for box in boxes
    ]


def centred(boxes: Sequence[Box], target: Box) -> list[Box]:
    """Return boxes moved together so that they lie around the target's centre, as far as the canvas lets them."""
    here = bounds(boxes)
    return slid(
        boxes, _between(here.x0 + here.x1, target.x0 + target.x1), _between(here.y0 + here.y1, target.y0 + target.y1)
    )


def scaled(box: Box, factor: float) -> Box:
    """Return a box scaled around its centre, no larger than the canvas and no smaller than what shows, then slid on."""
    factor = min(factor, 1 / box.width, 1 / box.height)
    factor = max(factor, min(1.0, SMALLEST / min(box.width, box.height)))
    return fitted(box, box.width * factor, box.height * factor) if factor != 1 else box


def fitted(box: Box, width: float, height: float) -> Box:
    """Return a box of that size around another's centre, slid onto the canvas."""
    x, y = box.centre
    return box_at(x - width / 2, y - height / 2, width, height)


def _moved(at: float, way: float) -> float:
    return min(max(round(at + way, DIGITS), 0.0), 1.0) if way else at


def _between(here: float, there: float) -> float:
    """Return the way between two middles given as sums of edges; halves go to even, so the way back is as long."""
    return round(round((there - here) * 10**DIGITS) / 2) / 10**DIGITS
