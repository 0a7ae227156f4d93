"""A simulated user with a picture in mind: says what is wrong with the layout so far, and answers questions."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from eligen.assistant.dialogue.kinds import noun_of
from eligen.assistant.edits import apply
from eligen.assistant.evaluation.checks.base import has_words
from eligen.assistant.language.lexicon import lexicon
from eligen.assistant.plan import Question, Redo, Undo
from eligen.tools.errors import ToolError
from eligen.tools.layout import Entity, Layout
from eligen.tools.nounphrases import COLOURS, MATERIALS

NEAR = 0.15  # of a side: how far off its place a thing may be
ADD = ("Add {what} {where}.", "Please put {what} {where}.", "There should be {what} {where}.")
REMOVE = ("Remove the {what}.", "I don't want the {what}.", "Take away the {what}.")
LOOK = ("Make the {what} {look}.", "The {what} should be {look}.", "Please make the {what} {look}.")
MOVE = ("Move the {what} {where}.", "Please move the {what} {where}.", "Can you move the {what} {where}?")


@dataclass(frozen=True)
class Wish:
    """Something to be changed, the thing it is about, and the ways to say it.

    `nudge` is which way to go for a thing that was sent to its place and did not quite arrive.
    """

    thing: Entity
    ways: tuple[str, ...]
    what: str
    where: str = ""
    nudge: str = ""
    look: str = ""

    def said(self, rng: random.Random, where: str) -> str:
        """Return one way to say it."""
        return rng.choice(self.ways).format(what=self.what, where=where, look=self.look)


class SimulatedUser:
    """Talks toward a layout; the same seed and answers, the same words."""

    def __init__(self, goal: Layout, seed: int) -> None:
        self.goal = goal
        self.rng = random.Random(seed)
        self._about: Entity | None = None
        self._sent: set[tuple[str, str]] = set()

    def message(self, layout: Layout | None) -> str | None:
        """Return what to say next, None when the layout is as wished."""
        if layout is None or not layout.entities:
            return self.goal.prompt
        wishes = list(wanted(self.goal, layout))
        if not wishes:
            return None
        wish = self.rng.choice(wishes)
        self._about = wish.thing
        sent = (wish.thing.id, wish.where)
        where = wish.nudge if wish.nudge and sent in self._sent else wish.where
        self._sent.add(sent)
        return wish.said(self.rng, where)

    def answer(self, question: Question, layout: Layout | None) -> str:
        """Return the option that leads nearest to the goal; where there is none, the thing that was spoken of."""
        far = {option.label: self._distance(option.edits, layout) for option in question.options}
        if far:
            return min(far, key=far.__getitem__)
        return f"the {bare(self._about.prompt)}" if self._about else "yes"

    def _distance(self, edits: object, layout: Layout | None) -> tuple[int, float]:
        steps = [edit for edit in edits if not isinstance(edit, Undo | Redo)] if isinstance(edits, tuple) else []
        try:
            after = apply(layout, steps) if steps else layout
        except ToolError:
            return 10**6, 0.0
        return (len(list(wanted(self.goal, after))), _offset(self.goal, after)) if after else (10**6, 0.0)


def wanted(goal: Layout, layout: Layout) -> Iterator[Wish]:
    """Yield what must still change: things to add, to remove, to look otherwise, to be elsewhere."""
    pairs = matched(goal, layout)
    for wish, thing in pairs:
        if thing is None:
            yield Wish(wish, ADD, wish.prompt, place(wish.box.centre))
        else:
            yield from _to_change(wish, thing, layout)
    kept = [thing for _, thing in pairs]
    yield from (Wish(thing, REMOVE, named(thing, layout)) for thing in layout.entities if thing not in kept)


def _to_change(wish: Entity, thing: Entity, layout: Layout) -> Iterator[Wish]:
    missing = [word for word in looks(wish) if not has_words(thing, word)]
    if missing:
        yield Wish(thing, LOOK, named(thing, layout), look=missing[0])
    (x, y), (goal_x, goal_y) = thing.box.centre, wish.box.centre
    dx, dy = goal_x - x, goal_y - y
    if max(abs(dx), abs(dy)) <= NEAR:
        return
    across = f"a bit to the {'right' if dx > 0 else 'left'}"
    nudge = across if abs(dx) >= abs(dy) else f"a bit {'down' if dy > 0 else 'up'}"
    telling = [*(("left", "right") if abs(dx) > NEAR else ()), *(("top", "bottom") if abs(dy) > NEAR else ())]
    there = place((goal_x, goal_y))
    if there == place((x, y)) or not any(word in there for word in telling):
        there = nudge
    yield Wish(thing, MOVE, named(thing, layout), re.sub("^(in|on|at) the", "to the", there), nudge)


def matched(goal: Layout, layout: Layout) -> list[tuple[Entity, Entity | None]]:
    """Return each thing of the goal with the nearest free one of its noun and look, else of its noun, else None."""
    free, pairs = [*layout.entities], []
    for wish in goal.entities:
        alike = [thing for thing in free if noun_of(thing, lexicon()).name == noun_of(wish, lexicon()).name]
        best = min(alike, key=lambda thing: (not _looks_so(thing, wish), _apart(thing, wish)), default=None)
        if best is not None:
            free.remove(best)
        pairs.append((wish, best))
    return pairs


def place(centre: tuple[float, float]) -> str:
    """Return the part of the picture around a point in words."""
    x, y = ((value > 1 / 3) + (value > 2 / 3) for value in centre)
    across, down = ("left", "", "right")[x], ("top", "", "bottom")[y]
    if across and down:
        return f"in the {down} {across} corner"
    return f"at the {down}" if down else f"on the {across}" if across else "in the middle"


def named(thing: Entity, layout: Layout) -> str:
    """Return a thing's noun, with its look where others share the noun."""
    noun = noun_of(thing, lexicon()).name
    others = [one for one in layout.entities if one is not thing and noun_of(one, lexicon()).name == noun]
    return bare(thing.prompt) if others else noun


def bare(prompt: str) -> str:
    """Return a prompt without its article."""
    first, _, rest = prompt.partition(" ")
    return rest if first.lower() in ("a", "an", "the") and rest else prompt


def looks(entity: Entity) -> list[str]:
    """Return the colours and materials in an entity's prompt."""
    return [word for word in entity.prompt.lower().split() if word in COLOURS | MATERIALS]


def _looks_so(thing: Entity, wish: Entity) -> bool:
    return all(has_words(thing, word) for word in looks(wish))


def _apart(one: Entity, other: Entity) -> float:
    return max(abs(a - b) for a, b in zip(one.box.centre, other.box.centre, strict=True))


def _offset(goal: Layout, layout: Layout) -> float:
    return sum(_apart(wish, thing) if thing else 1.0 for wish, thing in matched(goal, layout))
