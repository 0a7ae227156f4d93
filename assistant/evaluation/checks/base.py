"""What checks look at: a scenario's layouts so far, the turn under test, and which entities words mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from eligen.assistant.dialogue.kinds import LAST_WORD, noun_of, rank
from eligen.assistant.evaluation.brief import Brief
from eligen.assistant.evaluation.played import PlayedTurn
from eligen.assistant.language.lexicon import Noun, lexicon
from eligen.tools.layout import Entity, Layout
from eligen.tools.nounphrases import BOUNDARIES

Pick = Literal["left", "right", "top", "bottom", "largest", "smallest", "first", "second", "third", "last"]
ORDINALS = {"first": 0, "second": 1, "third": 2, "last": -1}
EXACT = 1 / 1024 + 1e-6  # what does not change may be rounded to pixels of a large picture
OWN = BOUNDARIES - {"of", "made"}


class Selector(Brief):
    """Which entities: those of a noun, perhaps of a look, all of them or the picked one, or the others.

    `turn` counts from 1 and says in which turn's layout they are looked up; the default is the turn before.
    """

    noun: str = Field(min_length=1)
    looks: str | None = None
    pick: Pick | None = None
    others: bool = False
    all: bool = False
    turn: int | None = Field(default=None, ge=1)


class Check(Brief):
    """One expectation of a turn."""

    def failure(self, scene: Scene) -> str:
        """Return what is wrong after the scene's turn, "" when nothing is."""
        raise NotImplementedError


@dataclass(frozen=True)
class Scene:
    """The turns of a scenario up to the one under test, which is the last; `named` are all nouns it asks about."""

    turns: Sequence[PlayedTurn]
    named: frozenset[str] = frozenset()

    @property
    def turn(self) -> PlayedTurn:
        """The turn under test."""
        return self.turns[-1]

    @property
    def now(self) -> Layout:
        """The layout after it."""
        return self.after(len(self.turns))

    def after(self, turn: int) -> Layout:
        """Return the layout after a turn counted from 1; an empty one before the first picture."""
        layout = self.turns[turn - 1].layout if 1 <= turn <= len(self.turns) else None
        return layout or Layout(prompt="")

    def before(self, turn: int | None = None) -> Layout:
        """Return the layout of an earlier turn, by default the one before."""
        return self.after(len(self.turns) - 1 if turn is None else turn)

    def found(self, selector: Selector, layout: Layout | None = None) -> list[Entity]:
        """Return the entities of a selector's noun and look in a layout, by default the current one."""
        entities = (self.now if layout is None else layout).entities
        fitting = [entity for entity in entities if self._is(entity, selector.noun)]
        return [entity for entity in fitting if selector.looks is None or has_words(entity, selector.looks)]

    def chosen(self, selector: Selector, layout: Layout | None = None) -> list[Entity]:
        """Return the entities that a selector means in a layout: all, the picked one, or all but that."""
        found = self.found(selector, layout)
        if selector.all or not found:
            return found
        picked = picked_of(found, selector.pick)
        return [entity for entity in found if entity not in picked] if selector.others else picked

    def tracked(self, selector: Selector) -> list[tuple[Entity, Entity | None]]:
        """Return the chosen entities of an earlier turn with what they have become: by id, else by a lone prompt."""
        before = self.before(selector.turn)
        return [(entity, self._now_of(entity, before)) for entity in self.chosen(selector, before)]

    def _now_of(self, entity: Entity, before: Layout) -> Entity | None:
        same = [other for other in self.now.entities if other.id and other.id == entity.id]
        known = {other.id for other in before.entities}
        alike = [e for e in self.now.entities if e.id not in known and e.prompt == entity.prompt]
        return same[0] if same else alike[0] if len(alike) == 1 else None

    def _is(self, entity: Entity, noun: str) -> bool:
        own = noun_of(entity, lexicon())
        grade = rank(_noun(noun), own)
        other = own.name in self.named and own.name != noun  # a man is a person, unless men are asked about as well
        return grade is not None and grade < LAST_WORD and not other


def _noun(name: str) -> Noun:
    return lexicon().nouns.get(name.lower()) or Noun(name.lower(), known=False)


def picked_of(entities: list[Entity], pick: Pick | None) -> list[Entity]:
    """Return the one entity that a word picks, the first where there is no word; [] when there are too few."""
    if pick is None:
        return entities[:1]
    if pick in ORDINALS:
        order = sorted(entities, key=lambda entity: entity.box.centre[0])
        at = ORDINALS[pick]
        return [order[at]] if at < len(order) else []
    keys = {
        "left": lambda e: e.box.centre[0], "right": lambda e: -e.box.centre[0],
        "top": lambda e: e.box.centre[1], "bottom": lambda e: -e.box.centre[1],
        "largest": lambda e: -e.box.area, "smallest": lambda e: e.box.area,
    }  # fmt: skip
    return [min(entities, key=keys[pick])]


def has_words(entity: Entity, looks: str) -> bool:
    """Tell whether an entity's own words, none of a clause after it, have all of these ("red|crimson shiny")."""
    own: set[str] = set()
    for word in re.findall(r"[a-z]+", entity.prompt.lower().replace("grey", "gray")):
        if word in OWN and own:
            break
        own.add(word)
    return all(own & set(word.split("|")) for word in looks.lower().replace("grey", "gray").split())


def same_box(one: Entity, other: Entity, tolerance: float = EXACT) -> bool:
    """Tell whether two entities have one box."""
    pairs = zip(one.box.as_tuple(), other.box.as_tuple(), strict=True)
    return all(abs(a - b) <= tolerance for a, b in pairs)
