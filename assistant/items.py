"""What is placed: items, the relations between them, and the blocks their members form. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Relation = Literal[
    "left", "right", "above", "below", "next", "on", "inside", "front", "behind", "between",
    "holding", "wearing", "bigger", "smaller",
]  # fmt: skip
STACKED = 1.35  # how much worse one above the other is, for two: one speaks of the left one and the right one
MEMBER_GAP = 0.05
MOST = 24  # entities of a layout


@dataclass(frozen=True)
class Link:
    """A relation: item `first` stands so to item `second` (and to `third` for "between").

    A `weak` one follows from another (what rides a horse is beside what the horse is beside): it only asks for room.
    """

    first: int
    relation: Relation
    second: int
    third: int | None = None
    weak: bool = False


@dataclass
class Item:
    """Some equal things to place: how many, the size of one, what they stand on, where words put them."""

    width: float
    height: float
    count: int = 1
    stands: str = "any"
    zone: tuple[str, ...] = ()
    flush: bool = False
    depth: str = ""
    worn_on: str = "body"


@dataclass
class Node:
    """An item's block on the plane: centre and size, and the grid its members stand in."""

    width: float
    height: float
    columns: int
    rows: int
    x: float = 0.0
    y: float = 0.0

    @property
    def bottom(self) -> float:
        return self.y + self.height / 2

    @property
    def top(self) -> float:
        return self.y - self.height / 2

    def resize(self, factor: float) -> None:
        self.width, self.height = self.width * factor, self.height * factor


def node(item: Item) -> Node:
    """Return an item's block: members in rows, as square as their number allows; two stand rather side by side."""
    best = (1e9, 1)
    for columns in range(1, item.count + 1):
        rows = -(-item.count // columns)
        width = columns * item.width * (1 + MEMBER_GAP) * 1.1
        height = rows * item.height * (1 + MEMBER_GAP) * 1.1
        spare = columns * rows - item.count
        stacked = STACKED if rows == item.count == 2 else 1.0
        best = min(best, (max(width, 1.25 * height) * (1 + 0.1 * spare) * stacked, columns))
    columns = best[1]
    rows = -(-item.count // columns)
    gap = MEMBER_GAP * (item.count > 1)
    return Node(columns * item.width * (1 + gap), rows * item.height * (1 + gap), columns, rows)
