"""Expectations of a layout by itself: what is there, of which look, where."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from eligen.assistant.evaluation.checks.base import Check, Scene, Selector, has_words
from eligen.assistant.evaluation.checks.positions import Direction, Rule, holds, in_region
from eligen.tools.layout import Entity

WHOLE = 0.9
LARGER = 1.05
FIRST_OF_EACH = ("lmd", "geneval", "t2i")


class Count(Check):
    """So many of them are there: `n`, or at least and at most so many."""

    of: Selector
    n: int | None = Field(default=None, ge=0)
    least: int = Field(default=0, ge=0)
    most: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.n is None and self.most is None and not self.least:
            raise ValueError("a count needs n, least or most")
        return self

    def failure(self, scene: Scene) -> str:
        """Return how many there are instead."""
        found = len(scene.found(self.of))
        fits = found >= self.least and (self.most is None or found <= self.most)
        if self.n is not None:
            fits = found == self.n
        return "" if fits else f"{found} of {self.of.noun}"


class Absent(Check):
    """None of them is there."""

    of: Selector

    def failure(self, scene: Scene) -> str:
        """Return that there are some."""
        return f"there is {self.of.noun}" if scene.found(self.of) else ""


class Compare(Check):
    """There are more of one than of another, fewer, or as many."""

    a: Selector
    is_: Literal["more", "fewer", "equal"] = Field(alias="is")
    b: Selector

    def failure(self, scene: Scene) -> str:
        """Return how many there are of each."""
        a, b = len(scene.found(self.a)), len(scene.found(self.b))
        fits = {"more": a > b, "fewer": a < b, "equal": a == b > 0}[self.is_]
        return "" if fits else f"{a} of {self.a.noun} and {b} of {self.b.noun}"


class Attribute(Check):
    """At least `n` of them have a look in their own words; with `first` the first so many listed must."""

    of: Selector
    looks: str = Field(min_length=1)
    n: int = Field(default=1, ge=1)
    first: bool = False

    def failure(self, scene: Scene) -> str:
        """Return how many have it."""
        found = scene.found(self.of)
        number = sum(has_words(entity, self.looks) for entity in (found[: self.n] if self.first else found))
        return "" if number >= self.n else f"{number} of {self.of.noun} {self.looks}"


class Relation(Check):
    """One is so to the other, by the rule of this project or of a published benchmark (docs/evaluation.md)."""

    a: Selector
    is_: Direction = Field(alias="is")
    b: Selector
    rule: Rule = "own"

    def failure(self, scene: Scene) -> str:
        """Return that it is not so."""
        first = self.rule in FIRST_OF_EACH
        a, b = (scene.found(one)[: 1 if first else None] for one in (self.a, self.b))
        held = [holds(self.rule, self.is_, i.box, j.box) for i in a for j in b if i is not j]
        fits = bool(held) and (any(held) if self.rule == "nsr" else all(held))
        return "" if fits else f"{self.a.noun} is not {self.is_} {self.b.noun}"


class Between(Check):
    """One stands between two others, from left to right."""

    of: Selector
    a: Selector
    b: Selector

    def failure(self, scene: Scene) -> str:
        """Return that it does not."""
        found = [scene.found(one)[:1] for one in (self.of, self.a, self.b)]
        if not all(found):
            return "one of the three is missing"
        at, one, other = (entities[0].box.centre[0] for entities in found)
        return "" if min(one, other) < at < max(one, other) else f"{self.of.noun} is not between them"


class Larger(Check):
    """One takes more room than the other."""

    a: Selector
    b: Selector

    def failure(self, scene: Scene) -> str:
        """Return that it does not."""
        a, b = scene.found(self.a)[:1], scene.found(self.b)[:1]
        fits = a and b and a[0].box.area > LARGER * b[0].box.area
        return "" if fits else f"{self.a.noun} is not larger than {self.b.noun}"


class Region(Check):
    """One of them is in a part of the picture, such as top-left; `tracked` means those that were chosen before."""

    of: Selector
    where: str = Field(pattern="^(left|right|top|bottom|center)(-(left|right|top|bottom))?$")
    tracked: bool = False

    def failure(self, scene: Scene) -> str:
        """Return that none is."""
        found: list[Entity | None] = [*scene.found(self.of)]
        if self.tracked:
            found = [after for _, after in scene.tracked(self.of)]
        fits = any(entity and in_region(entity.box, self.where) for entity in found)
        return "" if fits else f"{self.of.noun} is not at the {self.where}"


class Background(Check):
    """The background is described with one of these words."""

    words: tuple[str, ...] = Field(min_length=1)

    def failure(self, scene: Scene) -> str:
        """Return what it is instead."""
        layout = scene.now
        wide = [entity.prompt for entity in layout.entities if entity.box.area >= WHOLE]
        said = " ".join((layout.background, layout.style, *wide))
        return "" if _any(self.words, said) else f"the background is {layout.background!r}"


class Style(Check):
    """The style, or what is said of every thing, has one of these words."""

    words: tuple[str, ...] = Field(min_length=1)

    def failure(self, scene: Scene) -> str:
        """Return what it is instead."""
        layout = scene.now
        said = " ".join((layout.background, layout.style, *(entity.prompt for entity in layout.entities)))
        return "" if _any(self.words, said) else f"the style is {layout.style!r}"


def _any(words: tuple[str, ...], text: str) -> bool:
    return any(re.search(rf"\b{re.escape(word.lower())}", text.lower()) for word in words)
