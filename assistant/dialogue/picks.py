"""Choosing among equal things: by adjectives, size, side, order, age and place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eligen.assistant.dialogue.meanings import Reference, Spot
from eligen.assistant.dialogue.work import Missing, Work
from eligen.tools.layout import Box, Entity

LEVEL = 0.04  # centres closer than this are level
NEXT = 0.12
FOOT = 0.75  # of the height: what ends lower stands beside a thing rather than on it
NO_PICK = frozenset(("and", ",", "same", "single", "only", "very", "own", "far", "whole"))
KEYS: dict[str, Callable[[Box], float]] = {
    "left": lambda box: box.centre[0],
    "right": lambda box: -box.centre[0],
    "top": lambda box: box.centre[1],
    "bottom": lambda box: -box.centre[1],
}

Hosts = Callable[[Spot], list[Entity]]


class Picker:
    """Narrows candidates down by what a reference says of them; `hosts` finds what its places are relative to."""

    def __init__(self, work: Work, reference: Reference, hosts: Hosts) -> None:
        self.work = work
        self.lists = work.lists
        self.reference = reference
        self.hosts = hosts
        self.single = reference.number == 1

    def narrowed(self, candidates: Sequence[Entity], *, strictly: bool = True) -> list[Entity]:
        """Return the candidates that are left; [] when a colour, or (`strictly`) any adjective, rules all out."""
        found, picks = list(candidates), []
        for word in self.reference.words:
            if self._rank(word) >= 0:
                picks.append(word)
            elif word not in NO_PICK and not word.startswith("from "):
                found = self._showing(word, found, strictly=strictly)
        for spot in self.reference.where:
            found = self._at(spot, found)
        for word in sorted(picks, key=self._rank):
            found = self._picked(word, found) if found else []
        return found

    def _rank(self, word: str) -> int:
        """Return when a word picks: of the left dogs the second, not of the second dogs the left; -1 for others."""
        tables = ("newness", "measures", "sides", "ordinals")
        if word == "other":
            return 0
        corner = "-" in word and all(part in self.lists.table("sides") for part in word.split("-"))
        return 3 if corner else next((at for at, name in enumerate(tables, 1) if word in self.lists.table(name)), -1)

    def _showing(self, word: str, candidates: list[Entity], *, strictly: bool) -> list[Entity]:
        """Return the candidates whose prompt says an adjective, or once said it."""
        prompts = self.work.prompts
        if found := [entity for entity in candidates if prompts.shows(entity.prompt, word)]:
            return found
        ids = {entity.id for entity in candidates}
        earlier = (entity for layout in self.work.past for entity in layout.entities if entity.id in ids)
        once = {entity.id for entity in earlier if prompts.shows(entity.prompt, word)}
        if len(once) == 1:
            return [entity for entity in candidates if entity.id in once]
        if (sort := prompts.sort(word)) == "other":
            return [] if strictly else candidates
        plain = not prompts.read(candidates[0].prompt).words(sort) if candidates else False
        return candidates if plain and len(candidates) == 1 and not strictly else []

    def _picked(self, word: str, found: list[Entity]) -> list[Entity]:
        """Return the candidates that a word such as "other", "left", "bigger" or "second" picks."""
        if word == "other":
            here = {entity.id for entity in found}
            groups = ({*ids} & here for ids in self.work.focus)
            now = {*self.work.wrong} or next((ids for ids in groups if 0 < len(ids) < len(here)), set())
            return [entity for entity in found if entity.id not in now] or found
        shown = [entity for entity in found if self.work.prompts.shows(entity.prompt, word)]
        if word in self.lists.table("newness"):
            return shown or self._by_age(found, newest=self.lists.table("newness")[word] > 0)
        if word in self.lists.table("measures"):
            order = sorted(found, key=lambda entity: -self.lists.table("measures")[word] * entity.box.area)
            return shown or (order[:1] if self.single else order)
        if word in self.lists.table("sides"):
            return self._by_side(self.lists.table("sides")[word], found)
        if word in self.lists.table("ordinals"):
            return self._by_order(self.lists.table("ordinals")[word], found)
        return _at_corner([self.lists.table("sides")[part] for part in word.split("-")], found)

    def _by_age(self, found: list[Entity], *, newest: bool) -> list[Entity]:
        layouts = [*self.work.past, self.work.layout]
        births = {
            entity.id: next(at for at, layout in enumerate(layouts) if any(e.id == entity.id for e in layout.entities))
            for entity in found
        }
        if newest and found and not max(births.values()):
            raise Missing(self.reference, why="Nothing was added yet.")
        wanted = max(births.values()) if newest else min(births.values())
        return [entity for entity in found if births[entity.id] == wanted]

    def _by_side(self, side: str, found: list[Entity]) -> list[Entity]:
        """Return the outermost candidate on a side, the middle one, or those in that half of the canvas."""
        if side == "center":
            order = sorted(found, key=lambda entity: entity.box.centre[0 if _wide(found) else 1])
            middle = order[(len(order) - 1) // 2 : len(order) // 2 + 1]
            return sorted(middle, key=lambda entity: abs(entity.box.centre[0] - 0.5))[:1]
        order = sorted(found, key=lambda entity: KEYS[side](entity.box))
        return order[:1] if self.single else ([e for e in found if _in_half(e.box, side)] or order[:1])

    def _by_order(self, nth: int, found: list[Entity]) -> list[Entity]:
        """Return the nth from the left (as they came where they stand above each other), or the first few."""
        order = sorted(found, key=lambda entity: entity.box.centre[0]) if _wide(found) else list(found)
        if {"from right", "from bottom"} & set(self.reference.words):
            order.reverse()
        few = self.reference.number or 1
        if few > 1:
            return order[:few] if nth > 0 else order[-few:]
        if abs(nth) > len(order):
            many = f"are only {len(order)}" if len(order) > 1 else "is only one"
            raise Missing(self.reference, why=f"There {many} of them.")
        return [order[nth - 1 if nth > 0 else nth]]

    def _at(self, spot: Spot, found: list[Entity]) -> list[Entity]:
        """Return the candidates at a place; for one, the nearest to it."""
        if spot.region:
            sides = [side for side in spot.region if side in KEYS]
            return _at_corner(sides, found) if len(sides) > 1 else self._by_side(sides[0] if sides else "center", found)
        if spot.relation is None:
            return found
        hosts = self.hosts(spot)
        boxes = [host.box for host in hosts]
        scored = sorted(
            ((distance(spot.relation, entity.box, boxes), entity) for entity in found if entity not in hosts),
            key=lambda pair: pair[0],
        )
        true = [entity for far, entity in scored if far < 1]
        return true[:1] if self.single else true


def is_at(spot: Spot, entity: Entity, hosts: Hosts) -> bool:
    """Tell whether an entity is at a place in words."""
    if spot.region:
        sides = [side for side in spot.region if side in KEYS]
        central = max(abs(at - 0.5) for at in entity.box.centre) < 0.17
        return all(_in_half(entity.box, side) for side in sides) if sides else central
    if spot.relation is None:
        return False
    others = [host.box for host in hosts(spot) if host.id != entity.id]
    far = distance(spot.relation, entity.box, others) if others else 1.0
    return far < (NEXT if spot.relation == "next" else 1.0)


def how_far(spot: Spot, entity: Entity, hosts: Hosts) -> float:
    """Return how far an entity is from a place in words."""
    if spot.relation is not None:
        return distance(spot.relation, entity.box, [host.box for host in hosts(spot) if host.id != entity.id])
    return sum(KEYS[side](entity.box) for side in spot.region if side in KEYS)


def distance(relation: str, box: Box, hosts: Sequence[Box]) -> float:
    """Return how far a box is from standing so to hosts: below 1 where it does, the less the nearer it is."""
    near = min((_gap(box, host) for host in hosts), default=2.0)
    (x, y), centres = box.centre, [host.centre for host in hosts]
    xs = [centre[0] for centre in centres] or [x]
    wrong = {
        "left": all(x >= cx for cx, _ in centres),
        "right": all(x <= cx for cx, _ in centres),
        "above": all(y >= cy for _, cy in centres),
        "below": all(y <= cy for _, cy in centres),
        "on": all(box.y1 > host.y0 + FOOT * host.height for host in hosts) or near > NEXT / 2,
        "inside": near > 0,
        "between": len(centres) > 1 and not min(xs) < x < max(xs),
        "front": near > NEXT,
        "behind": near > NEXT,
    }.get(relation, False)
    return near / 2 + wrong


def _gap(one: Box, other: Box) -> float:
    across = max(other.x0 - one.x1, one.x0 - other.x1, 0.0)
    down = max(other.y0 - one.y1, one.y0 - other.y1, 0.0)
    return (across**2 + down**2) ** 0.5


def _wide(found: Sequence[Entity]) -> bool:
    """Tell whether things stand beside each other rather than above each other."""
    xs, ys = zip(*(entity.box.centre for entity in found), strict=True)
    return max(xs) - min(xs) >= min(LEVEL, max(ys) - min(ys))


def _in_half(box: Box, side: str) -> bool:
    return KEYS[side](box) < (0.5 if side in ("left", "top") else -0.5)


def _at_corner(sides: Sequence[str], found: list[Entity]) -> list[Entity]:
    return sorted(found, key=lambda entity: sum(KEYS[side](entity.box) for side in sides if side in KEYS))[:1]
