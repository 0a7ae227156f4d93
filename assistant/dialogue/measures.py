"""Reading comparisons: "further left", "the biggest", "closer to the tree than the dog", and what they measure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from eligen.assistant.dialogue.meanings import Measure
from eligen.assistant.dialogue.sentence import Sentence, Slotted
from eligen.assistant.dialogue.wordlists import WordLists

FURTHER = frozenset(("further", "farther", "furthest", "farthest", "most", "more"))
UPRIGHT = frozenset(("taller", "tallest", "shorter", "shortest", "higher", "highest"))
BROAD = frozenset(("wider", "widest", "narrower", "narrowest", "broader", "broadest"))
COMPARED = ("er", "est", "most")
AXES = {"left": ("x", -1), "right": ("x", 1), "top": ("y", -1), "bottom": ("y", 1)}


class MeasureReader:
    """Slot reader for what things are compared by."""

    def __init__(self, lists: WordLists) -> None:
        self.lists = lists

    def measure(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a comparison, with what it is to ("than the dog") where that is said."""
        start = at + (text.tokens[at] == "the")
        starts = [start]
        while amount := self.lists.find("amounts", text.tokens, start):
            start = amount[1]
            starts.append(start)
        for first in starts:
            for hit in self._measures(text, first) if first < len(text) else ():
                measure = replace(hit.value, text=" ".join(text.tokens[at : hit.end]))
                yield hit._replace(value=measure)
                if text.tokens[hit.end : hit.end + 1] == ["than"]:
                    for things, end, cost in text.slot("THINGS", hit.end + 1):
                        yield Slotted(replace(measure, than=things), end, hit.cost + cost)

    def _measures(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Yield what is measured, and which way is more."""
        word = text.tokens[at]
        if (hit := self.lists.find("bigger", text.tokens, at)) and word not in ("up", "down"):
            yield Slotted(Measure("", _size(text.tokens[hit[1] - 1]), hit[0]), hit[1])
        if word in self.lists.table("measures") and word.endswith("est"):
            yield Slotted(Measure("", _size(word), self.lists.table("measures")[word]), at + 1)
        if word in self.lists.table("newness") and word.endswith(COMPARED):
            yield Slotted(Measure("", "age", self.lists.table("newness")[word]), at + 1)
        yield from self._sides(text, at)
        for name, sign in (("closer_to", 1), ("nearest", 1), ("away_from", -1)):
            for start in text.grammar.ends(name, text, at):
                for things, end, cost in text.slot("THINGS", start):
                    yield Slotted(Measure("", "near", sign, things), end, cost)

    def _sides(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Yield "leftmost", "higher up", "furthest to the right"."""
        tokens, end = text.tokens, at
        while end < len(tokens) and tokens[end] in FURTHER:
            end += 1
        far = end > at
        opened = text.grammar.ends("towards", text, end)[:1] if far and end < len(tokens) else []
        end = opened[0] if opened else end
        if end >= len(tokens) or not (far or tokens[end].endswith(COMPARED)):
            return
        side = self.lists.table("sides").get(tokens[end])
        if side in AXES:
            yield Slotted(Measure("", *AXES[side]), end + 1 + (tokens[end + 1 : end + 2] in (["up"], ["down"])))
        elif hit := self.lists.find("ways", tokens, end):
            (dx, dy), after = hit
            yield Slotted(Measure("", "x" if dx else "y", dx or dy), after)


def _size(word: str) -> str:
    return "height" if word in UPRIGHT else "width" if word in BROAD else "size"
