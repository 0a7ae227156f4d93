"""How things that stand in relation to each other are arranged: pure geometry, in units of typical sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from eligen.assistant.items import Item, Link, Node, Relation, node

GAP = 0.05
NEAR = 1.6
STEPS = 200
STILL = 1e-6
HARD_TURN = 0.5  # an off-axis offset may be at most this part of the offset along the axis
OVERLAPS = frozenset(("on", "inside", "front", "behind", "holding", "wearing"))


@dataclass
class Group:
    """Items joined by relations, arranged together: their nodes by index, shifted to start at (0, 0)."""

    nodes: dict[int, Node]
    width: float = 0.0
    height: float = 0.0
    links: list[Link] = field(default_factory=list)


def arrange(items: Sequence[Item], links: Sequence[Link]) -> list[Group]:
    """Return the groups of related items, in order of mention, each arranged so that its relations hold."""
    plain = [link for link in _pairs(links) if link.first != link.second]
    groups: list[Group] = []
    for members in _components(len(items), plain):
        nodes = {i: node(items[i]) for i in members}
        inside = [link for link in plain if link.first in nodes]
        _fit_sizes(nodes, items, inside)
        _start(nodes, inside)
        _settle(nodes, items, inside)
        groups.append(_at_origin(Group(nodes, links=inside)))
    return groups


def _pairs(links: Sequence[Link]) -> Iterator[Link]:
    """Yield links of two, in one direction each: right, below and behind turned round, between as two lefts."""
    turned: dict[str, Relation] = {"right": "left", "below": "above", "behind": "front", "smaller": "bigger"}
    for link in links:
        if link.relation == "between" and link.third is not None:
            yield from (Link(link.second, "left", link.first), Link(link.first, "left", link.third))
        elif link.relation in turned:
            yield Link(link.second, turned[link.relation], link.first, weak=link.weak)
        else:
            yield link


def _components(count: int, links: Sequence[Link]) -> list[list[int]]:
    label = list(range(count))
    for link in links:
        a, b = label[link.first], label[link.second]
        label = [min(a, b) if known in (a, b) else known for known in label]
    return [[i for i in range(count) if label[i] == name] for name in dict.fromkeys(label)]


def _fit_sizes(nodes: dict[int, Node], items: Sequence[Item], links: Sequence[Link]) -> None:
    """Make what is inside, held or worn fit its host, and what is said to be bigger bigger."""
    share = {"inside": 0.6, "holding": 0.5}
    for host in {link.second for link in links if link.relation == "on"}:
        riders = [nodes[link.first] for link in links if link.relation == "on" and link.second == host]
        crowd = (sum(rider.width + GAP for rider in riders) - GAP) / nodes[host].width
        if crowd > 1 and (len(riders) > 1 or riders[0].columns > 1):
            nodes[host].width *= min(crowd, 1.5)
            for rider in riders:
                rider.resize(min(1.5 / crowd, 1.0))
    for link in links:
        a, b = nodes[link.first], nodes[link.second]
        if link.relation == "bigger" and a.width * a.height < 1.5 * b.width * b.height:
            a.resize((1.5 * b.width * b.height / (a.width * a.height)) ** 0.5)
        elif link.relation == "inside":
            need = max(a.width / b.width, a.height / b.height) / share["inside"]
            b.resize(min(max(need, 1.0), 1.6))
            a.resize(min(1.0, max(need, 1.0) ** -1 * min(max(need, 1.0), 1.6)))
        elif link.relation == "holding":
            b.resize(min(1.0, share["holding"] / max(b.width / a.width / 1.6, b.height / a.height)))
        elif link.relation == "wearing":
            width, height = {"head": (0.55, 0.16), "feet": (0.8, 0.12), "body": (0.75, 0.42)}[
                items[link.second].worn_on
            ]
            b.width, b.height = a.width * width, a.height * height


def _start(nodes: dict[int, Node], links: Sequence[Link]) -> None:
    """Give every node a first place: walk along the links from the first node."""
    placed = [next(iter(nodes))]
    sides: dict[int, int] = {}
    while len(placed) < len(nodes):
        link, known = next(
            (link, known)
            for link in sorted(links, key=lambda link: link.weak)
            for known in placed
            if (link.first == known and link.second not in placed)
            or (link.second == known and link.first not in placed)
        )
        other = link.second if link.first == known else link.first
        a, b = nodes[known], nodes[other]
        sign = 1 if link.first == known else -1
        across, up = (a.width + b.width) / 2 + GAP, (a.height + b.height) / 2 + GAP
        if link.relation == "next":
            sign = 1 if sides.get(known, 0) % 2 == 0 else -1
            sides[known] = sides.get(known, 0) + 1
            sides[other] = sides.get(other, 0) + (sign < 0)
        dx = sign * across if link.relation in ("left", "next", "bigger") else 0.0
        dy = {"above": sign * up, "on": sign * up}.get(link.relation, 0.0)
        level = a.bottom - b.height / 2 if dx else a.y
        b.x, b.y = a.x + dx, level + dy
        placed.append(other)


def _settle(nodes: dict[int, Node], items: Sequence[Item], links: Sequence[Link]) -> None:
    """Step until nothing moves any more."""
    for _ in range(STEPS if len(nodes) > 1 else 0):
        before = [(n.x, n.y) for n in nodes.values()]
        _step(nodes, items, links)
        if all(abs(n.x - x) + abs(n.y - y) < STILL for n, (x, y) in zip(nodes.values(), before, strict=True)):
            return


def _step(nodes: dict[int, Node], items: Sequence[Item], links: Sequence[Link]) -> None:
    """Move every pair a little towards what its relation wants, and unrelated ones apart."""
    for link in links:
        a, b = nodes[link.first], nodes[link.second]
        if link.weak and link.relation in ("left", "next"):
            _make_room(a, b)
        elif link.relation in ("left", "next"):
            _beside(a, b, near=link.relation == "next")
        elif link.relation == "above":
            _over(a, b)
        elif link.relation in ("on", "inside"):
            sunk = min(0.12 * b.height, 0.2 * a.height)
            a.y = b.top - a.height / 2 + sunk if link.relation == "on" else b.y + (b.height - a.height) * 0.2
            alone = sum(k.relation == link.relation and k.second == link.second for k in links) == 1
            _within(a, b, max(0.0, (b.width - a.width) / 2) * (0.2 if alone else 1.0))
        elif link.relation == "front":
            a.y += (b.bottom + 0.1 * b.height - a.bottom) / 2
            covers = a.width * a.height > 0.4 * b.width * b.height
            _within(a, b, b.width / 2 + a.width / 2 if covers else b.width / 3, at_least=b.width * 0.45 * covers)
        elif link.relation in ("holding", "wearing"):
            _on_body(a, b, link.relation, items[link.second].worn_on)
    overlapping = {frozenset((k.first, k.second)) for k in links if k.relation in OVERLAPS}
    hosts = {(k.first, k.second) for k in links if k.relation in ("on", "inside")}
    names = list(nodes)
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            if frozenset((first, second)) not in overlapping:
                shared = any((first, h) in hosts and (second, h) in hosts for h in names)
                _apart(nodes[first], nodes[second], sideways=shared)


def _on_body(a: Node, b: Node, relation: str, worn_on: str) -> None:
    """Put what is held at the holder's side and what is worn on its place of the body."""
    if relation == "holding":
        b.x, b.y = a.x + a.width * 0.45, a.y + a.height * 0.02
    else:
        level = {"head": b.height / 2, "feet": a.height - b.height / 2, "body": a.height * 0.45}[worn_on]
        b.x, b.y = a.x, a.top + level


def _make_room(a: Node, b: Node) -> None:
    """Keep b so far to its side of a that it is more beside than above it."""
    sign = 1 if b.x >= a.x else -1
    want = max((a.width + b.width) / 2 + GAP, 1.2 * abs(b.y - a.y))
    b.x = a.x + sign * max(want, sign * (b.x - a.x))


def _beside(a: Node, b: Node, *, near: bool) -> None:
    """Keep a left of b (or b on the side where it is), clear of it and clearly more beside than above."""
    sign = -1 if near and b.x < a.x else 1
    dx, dy = sign * (b.x - a.x), b.y - a.y
    clear = (a.width + b.width) / 2 + GAP
    want = max(clear, min(abs(dy) / HARD_TURN, 1.5 * clear))
    want = max(want, min(dx, NEAR * clear)) if near else max(want, dx)
    if dx != want:
        move = sign * (want - dx) / 2
        a.x, b.x = a.x - move, b.x + move
    if abs(dy) > HARD_TURN * want:
        move = (abs(dy) - HARD_TURN * want) / 2 * (1 if dy > 0 else -1)
        a.y, b.y = a.y + move, b.y - move


def _over(a: Node, b: Node) -> None:
    """Keep a above b, clear of it and clearly more above than beside."""
    dx, dy = b.x - a.x, b.y - a.y
    clear = (a.height + b.height) / 2 + GAP
    want = max(clear, min(abs(dx) / HARD_TURN, 1.5 * clear))
    if dy < want:
        a.y, b.y = a.y - (want - dy) / 2, b.y + (want - dy) / 2
    if abs(dx) > HARD_TURN / 2 * want:
        move = (abs(dx) - HARD_TURN / 2 * want) / 2 * (1 if dx > 0 else -1)
        a.x, b.x = a.x + move, b.x - move


def _within(a: Node, b: Node, reach: float, at_least: float = 0.0) -> None:
    """Keep a's centre within `reach` (and at least so far) of b's, along x."""
    dx = a.x - b.x
    if abs(dx) < at_least:
        a.x = b.x + at_least * (1 if dx >= 0 else -1)
    elif abs(dx) > reach:
        a.x = b.x + reach * (1 if dx > 0 else -1)


def _apart(a: Node, b: Node, *, sideways: bool) -> None:
    """Push two overlapping nodes apart along the shorter way."""
    dx, dy = b.x - a.x, b.y - a.y
    over_x = (a.width + b.width) / 2 + GAP / 2 - abs(dx)
    over_y = (a.height + b.height) / 2 + GAP / 2 - abs(dy)
    if over_x <= 0 or over_y <= 0:
        return
    if sideways or over_x <= over_y:
        move = over_x / 2 * (1 if dx >= 0 else -1)
        a.x, b.x = a.x - move, b.x + move
    else:
        move = over_y / 2 * (1 if dy >= 0 else -1)
        a.y, b.y = a.y - move, b.y + move


def _at_origin(group: Group) -> Group:
    nodes = group.nodes.values()
    left, top = min(n.x - n.width / 2 for n in nodes), min(n.top for n in nodes)
    for n in nodes:
        n.x, n.y = n.x - left, n.y - top
    group.width, group.height = max(n.x + n.width / 2 for n in nodes), max(n.bottom for n in nodes)
    return group
