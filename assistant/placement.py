"""From words to boxes: things, their relations and their places become boxes on the canvas. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eligen.assistant.arrangement import Group, arrange
from eligen.assistant.boxes import box_at
from eligen.assistant.items import Item, Link, Node
from eligen.tools.layout import Box

MARGIN = 0.04
SPACE = 0.05
LARGEST = 0.72  # of one thing alone
PAINTABLE = 0.12
USUAL = 0.27
MILDER = (0.85, 0.7)  # powers of sizes
HIGH = frozenset(("sky", "wall"))


@dataclass(frozen=True)
class Area:
    """A part of the canvas to fill, in fractions."""

    x0: float = MARGIN
    y0: float = MARGIN
    x1: float = 1 - MARGIN
    y1: float = 1 - MARGIN

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0


def place(items: Sequence[Item], links: Sequence[Link]) -> list[list[Box]]:
    """Return the boxes of each item's members, as fractions of the canvas.

    Relations hold by clear margins unless they contradict each other, things in words' places are there, what
    stands on the ground stands on a common line, and nothing overlaps that no relation makes overlap. Sizes differ as
    in life, and less so where that makes the smallest thing too small to paint.
    """
    best = _placed(items, links)
    for power in MILDER:
        if (smallest := _smallest(best)) >= PAINTABLE:
            break
        tried = _placed([_milder(item, power) for item in items], links)
        best = tried if _smallest(tried) > 1.05 * smallest else best
    return best


def _placed(items: Sequence[Item], links: Sequence[Link]) -> list[list[Box]]:
    boxes: list[list[Box]] = [[] for _ in items]
    groups = arrange(items, links)
    for area, members in _areas(items, groups):
        for group, x, y, scale in _shelves(area, members):
            for index, node in group.nodes.items():
                boxes[index] = _members(node, items[index].count, x, y, scale)
    return boxes


def _milder(item: Item, power: float) -> Item:
    """Return an item whose size differs less from the usual one."""
    factor = ((item.width * item.height) ** 0.5 / USUAL) ** (power - 1)
    return replace(item, width=item.width * factor, height=item.height * factor)


def _smallest(boxes: Sequence[Sequence[Box]]) -> float:
    return min((min(box.width, box.height) for members in boxes for box in members), default=1.0)


def unmet(boxes: Sequence[Sequence[Box]], links: Sequence[Link]) -> list[Link]:
    """Return the links of direction that boxes do not obey, as when two of them contradict each other."""
    axes = {"left": (0, -1), "right": (0, 1), "above": (1, -1), "on": (1, -1), "below": (1, 1)}
    broken = []
    for link in links:
        if link.relation in axes and boxes[link.first] and boxes[link.second]:
            axis, sign = axes[link.relation]
            offset = boxes[link.first][0].centre[axis] - boxes[link.second][0].centre[axis]
            if sign * offset <= 0:
                broken.append(link)
    return broken


def _zone(items: Sequence[Item], group: Group) -> tuple[str, ...]:
    return next((items[i].zone for i in group.nodes if items[i].zone), ())


def _areas(items: Sequence[Item], groups: Sequence[Group]) -> list[tuple[Area, list[Group]]]:
    """Divide the canvas: an area for each place named in words, and what is left for the rest, high or low."""
    zones: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        zones.setdefault(_zone(items, group), []).append(group)
    free = zones.pop((), [])
    used = {side for zone in zones for side in zone}
    crowded = bool(free) or "center" in used
    areas = [(_zone_area(zone, crowded), members) for zone, members in zones.items()]
    rest = _rest(list(zones))
    high = [g for g in free if all(items[i].stands in HIGH for i in g.nodes)]
    back = [g for g in free if g not in high and any(items[i].depth == "background" for i in g.nodes)]
    low = [g for g in free if g not in high and g not in back]
    bands = [(band, share) for band, share in ((high, 0.3), (back, 0.25), (low, 0.55)) if band]
    total, y = sum(share for _, share in bands), rest.y0
    for band, share in bands:
        bottom = y + rest.height * share / total
        areas.append((Area(rest.x0, y, rest.x1, bottom - SPACE * (bottom < rest.y1 - 1e-9)), band))
        y = bottom
    return areas


def _zone_area(zone: Sequence[str], crowded: bool) -> Area:
    near, far = (0.33, 0.67) if crowded else (0.47, 0.53)
    x0, x1 = {"left": (MARGIN, near), "right": (far, 1 - MARGIN)}.get(
        next((s for s in zone if s in ("left", "right")), ""), (MARGIN, 1 - MARGIN)
    )
    y0, y1 = {"top": (MARGIN, near), "bottom": (far, 1 - MARGIN)}.get(
        next((s for s in zone if s in ("top", "bottom")), ""), (MARGIN, 1 - MARGIN)
    )
    if "center" in zone:
        x0, x1 = (0.35, 0.65) if len(zone) == 1 or zone[0] in ("top", "bottom") else (x0, x1)
        y0, y1 = (0.3, 0.7) if len(zone) == 1 or zone[0] in ("left", "right") else (y0, y1)
    return Area(x0, y0, x1, y1)


def _rest(zones: Sequence[Sequence[str]]) -> Area:
    """Return the largest simple part of the canvas that no named place takes."""
    x0, y0, x1, y1 = MARGIN, MARGIN, 1 - MARGIN, 1 - MARGIN
    for zone in zones:
        if "top" in zone:
            y0 = 0.38
        elif "bottom" in zone:
            y1 = 0.62
        elif "left" in zone:
            x0 = 0.38
        elif "right" in zone:
            x1 = 0.62
    if ["center"] in [list(zone) for zone in zones]:
        x1 = min(x1, 0.28) if x0 < 0.2 else x1
        x0 = max(x0, 0.72) if x0 > 0.3 else x0
    return Area(x0, y0, x1, y1)


def _shelves(area: Area, groups: Sequence[Group]) -> list[tuple[Group, float, float, float]]:
    """Stand groups side by side in as few rows as keep them large; return each with its corner and scale."""
    best: tuple[float, list[list[Group]], float] | None = None
    for count in range(1, len(groups) + 1):
        rows = _rows(groups, count)
        scale = _scale(area, rows)
        if best is None or scale * 0.85 > best[0]:
            best = scale, rows, scale
    if best is None:
        return []
    scale, rows, _ = best
    heights = [max(g.height for g in row) * scale for row in rows]
    spare = area.height - sum(heights) - SPACE * (len(rows) - 1)
    placed, bottom = [], area.y1 - spare * (0.5 if len(groups) == 1 else 0.35)
    for row, height in zip(reversed(rows), reversed(heights), strict=True):
        slack = area.width - sum(g.width * scale for g in row)
        gap = slack / (len(row) + 1)
        x = area.x0 + gap
        for group in row:
            placed.append((group, x, bottom - group.height * scale, scale))
            x += group.width * scale + gap
        bottom -= height + SPACE
    return placed


def _rows(groups: Sequence[Group], count: int) -> list[list[Group]]:
    """Split groups in order into rows of about equal width."""
    total, reached = sum(g.width for g in groups), 0.0
    rows: list[list[Group]] = [[] for _ in range(count)]
    for group in groups:
        middle = reached + group.width / 2
        rows[min(int(middle / total * count), count - 1)].append(group)
        reached += group.width
    return [row for row in rows if row]


def _scale(area: Area, rows: Sequence[Sequence[Group]]) -> float:
    widest = max(
        sum(g.width for g in row) / (area.width - SPACE * (len(row) - 1)) if area.width > SPACE * len(row) else 1e9
        for row in rows
    )
    tallest = sum(max(g.height for g in row) for row in rows) / max(area.height - SPACE * (len(rows) - 1), 1e-3)
    members = [node.rows * node.columns for row in rows for group in row for node in group.nodes.values()]
    largest = max(max(g.width, g.height) for row in rows for g in row) / (LARGEST if members == [1] else 1.0)
    return 1 / max(widest, tallest, largest)


def _members(node: Node, count: int, x: float, y: float, scale: float) -> list[Box]:
    """Return the boxes of a block's members, row by row; a short last row is centred."""
    width, height = node.width * scale / node.columns, node.height * scale / node.rows
    left, top = x + (node.x - node.width / 2) * scale, y + node.top * scale
    shrink = 1 / 1.05 if count > 1 else 1.0
    boxes = []
    for at in range(count):
        row, column = divmod(at, node.columns)
        in_row = min(node.columns, count - row * node.columns)
        cx = left + (column + 0.5 + (node.columns - in_row) / 2) * width
        boxes.append(
            box_at(cx - width * shrink / 2, top + (row + 0.5 - shrink / 2) * height, width * shrink, height * shrink)
        )
    return boxes
