"""Expectations of what a turn changed and what it left alone, compared with an earlier layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from eligen.assistant.dialogue.kinds import noun_of
from eligen.assistant.evaluation.checks.base import Check, Scene, Selector, has_words, same_box
from eligen.assistant.evaluation.checks.positions import at_place, gap
from eligen.assistant.language.lexicon import lexicon
from eligen.tools.layout import Entity
from eligen.tools.nounphrases import COLOURS, MATERIALS

BIGGER, SMALLER, NEARBY, FULL = 1.1, 0.9, 0.1, 0.6
LIKE = (0.8, 1.25)
COPY, COPY_OVERLAP = (0.65, 1.55), 0.9
RESTORED, REPLACED = 0.02, 0.5
STEP, SIDEWAYS, NO_ROOM = 0.02, 0.05, 0.01
Way = Literal["left", "right", "up", "down"]


class Unchanged(Check):
    """These have the boxes they had, but for the chosen ones in `but`; without `these` it is everything."""

    these: tuple[Selector, ...] = ()
    but: tuple[Selector, ...] = ()

    def failure(self, scene: Scene) -> str:
        """Return what was changed."""
        before = scene.before()
        spared = [entity for one in self.but for entity in scene.chosen(one, before)]
        groups = [scene.found(one, before) for one in self.these] if self.these else [[*before.entities]]
        for selector, group in zip(self.these, groups, strict=False):
            if not group:
                return f"there was no {selector.noun}"
        kept = [entity for group in groups for entity in group if entity not in spared]
        for entity in kept:
            noun = noun_of(entity, lexicon()).name
            if not any(
                same_box(entity, other) and noun_of(other, lexicon()).name == noun for other in scene.now.entities
            ):
                return f"{entity.prompt} was changed"
        return ""


class SameAs(Check):
    """The layout is that of an earlier turn, counted from 1."""

    turn: int = Field(ge=1)

    def failure(self, scene: Scene) -> str:
        """Return the first difference."""
        before, left = scene.after(self.turn).entities, [*scene.now.entities]
        if len(before) != len(left):
            return f"{len(left)} entities, not {len(before)}"
        for entity in before:
            same = [other for other in left if same_box(entity, other) and _traits(entity) == _traits(other)]
            if not same:
                return f"{entity.prompt} is not as in turn {self.turn}"
            left.remove(same[0])
        return ""


class Moved(Check):
    """They went that way, and hardly any other; as far as there is room."""

    of: Selector
    to: Way

    def failure(self, scene: Scene) -> str:
        """Return how they went instead."""
        return _each(scene, self.of, self._failure)

    def _failure(self, before: Entity, after: Entity) -> str:
        box = before.box
        dx, dy = (b - a for a, b in zip(box.centre, after.box.centre, strict=True))
        ways = {
            "left": (-dx, dy, box.x0), "right": (dx, dy, 1 - box.x1),
            "up": (-dy, dx, box.y0), "down": (dy, dx, 1 - box.y1),
        }  # fmt: skip
        along, across, room = ways[self.to]
        least = min(STEP, room / 2) if room >= NO_ROOM else -STEP / 4
        fits = along >= least and abs(across) <= max(SIDEWAYS, along / 2)
        return "" if fits else f"{before.prompt} went {dx:+.2f}, {dy:+.2f}"


class Resized(Check):
    """They became bigger or smaller where they are; `factor` is the range of the areas' ratio."""

    of: Selector
    to: Literal["bigger", "smaller"]
    factor: tuple[float, float] | None = None

    def failure(self, scene: Scene) -> str:
        """Return by how much they changed instead."""
        return _each(scene, self.of, self._failure)

    def _failure(self, before: Entity, after: Entity) -> str:
        ratio = after.box.area / before.box.area
        low, high = self.factor or ((BIGGER, 1e9) if self.to == "bigger" else (0.0, SMALLER))
        if self.to == "bigger" and before.box.area > FULL:
            low, high = 1.0, 1e9
        if not low <= ratio <= high:
            return f"{before.prompt} takes {ratio:.2f} of its room"
        return f"{before.prompt} went away" if not self.factor and gap(before.box, after.box) >= NEARBY else ""


class KeepsSize(Check):
    """They are as large as they were."""

    of: Selector

    def failure(self, scene: Scene) -> str:
        """Return which are not."""
        return _each(scene, self.of, _other_size)


class KeepsBox(Check):
    """They are where they were, as large as they were."""

    of: Selector

    def failure(self, scene: Scene) -> str:
        """Return which are not."""
        return _each(scene, self.of, lambda a, b: "" if same_box(a, b) else f"{a.prompt} has another box")


class Becomes(Check):
    """They have a new look, and perhaps lost an old one."""

    of: Selector
    looks: str = Field(min_length=1)
    lost: str | None = None

    def failure(self, scene: Scene) -> str:
        """Return what they are instead."""
        return _each(scene, self.of, self._failure)

    def _failure(self, _before: Entity, after: Entity) -> str:
        fits = has_words(after, self.looks) and not (self.lost and has_words(after, self.lost))
        return "" if fits else f"it is {after.prompt}"


class TakesPlace(Check):
    """One of them is where another was, in the turn before or in `turn`."""

    of: Selector
    place_of: Selector
    turn: int | None = Field(default=None, ge=1)

    def failure(self, scene: Scene) -> str:
        """Return that none is."""
        place = scene.chosen(self.place_of, scene.before(self.turn))[:1]
        fits = place and any(
            place[0].box.iou(entity.box) >= REPLACED or at_place(entity.box, place[0].box)
            for entity in scene.found(self.of)
        )
        return "" if fits else f"{self.of.noun} is not where {self.place_of.noun} was"


class Restored(Check):
    """One of them has the very box that another had, in the turn before or in `turn`."""

    of: Selector
    place_of: Selector
    turn: int | None = Field(default=None, ge=1)

    def failure(self, scene: Scene) -> str:
        """Return that none has."""
        place = scene.chosen(self.place_of, scene.before(self.turn))[:1]
        fits = place and any(same_box(place[0], entity, RESTORED) for entity in scene.found(self.of))
        return "" if fits else f"{self.of.noun} is not back in its place"


class Copied(Check):
    """There are `n` more of them, about as large as the first and not on top of any."""

    of: Selector
    n: int = Field(default=1, ge=1)

    def failure(self, scene: Scene) -> str:
        """Return what is wrong with the copies."""
        before = scene.found(self.of, scene.before())
        now = scene.found(self.of)
        new = [entity for entity in now if not any(same_box(entity, old) for old in before)]
        if not before or len(now) != len(before) + self.n or len(new) != self.n:
            return f"{len(now)} of {self.of.noun} after {len(before)}"
        source = scene.chosen(self.of, scene.before())[0].box
        alike = all(COPY[0] <= entity.box.area / source.area <= COPY[1] for entity in new)
        apart = all(entity.box.iou(old.box) < COPY_OVERLAP for entity in new for old in before)
        return "" if alike and apart else "the copy is not alike, or on top of the original"


class Swapped(Check):
    """Two changed places."""

    a: Selector
    b: Selector

    def failure(self, scene: Scene) -> str:
        """Return that they did not."""
        for (a, a_now), (b, b_now) in zip(scene.tracked(self.a)[:1], scene.tracked(self.b)[:1], strict=False):
            if a_now and b_now and at_place(a_now.box, b.box) and at_place(b_now.box, a.box):
                return ""
        return f"{self.a.noun} and {self.b.noun} did not change places"


def _each(scene: Scene, selector: Selector, failure: Callable[[Entity, Entity], str]) -> str:
    """Return the first failure among tracked entities; that one is lost, or was never there, is one too."""
    tracked = scene.tracked(selector)
    if not tracked:
        return f"there was no {selector.noun}"
    for before, after in tracked:
        if after is None:
            return f"{before.prompt} is lost"
        if said := failure(before, after):
            return said
    return ""


def _other_size(before: Entity, after: Entity) -> str:
    ratios = (after.box.width / before.box.width, after.box.height / before.box.height)
    return "" if all(LIKE[0] <= ratio <= LIKE[1] for ratio in ratios) else f"{before.prompt} has another size"


def _traits(entity: Entity) -> tuple[str, frozenset[str]]:
    words = frozenset(entity.prompt.lower().replace(",", " ").split())
    return noun_of(entity, lexicon()).name, words & (COLOURS | MATERIALS)
