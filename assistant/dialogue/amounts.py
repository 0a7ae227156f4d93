"""Reading numbers and sizes: "a bit", "twice as big", "to 50 percent", "less big", "as big as the dog"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eligen.assistant.dialogue.meanings import Size
from eligen.assistant.dialogue.sentence import Sentence, Slotted
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.language.tokens import number

SIZED = frozenset(
    [
        "its",
        "their",
        "the",
        "his",
        "her",
        "current",
        "present",
        "original",
        "size",
        "of",
        "now",
        "it",
        "is",
        "before",
        "that",
        "this",
        "was",
        "previous",
        "normal",
    ]
)
THAN_NOW = ("now", "before", "that", "it is", "it was", "it is now", "they are", "they were", "they are now", "this")
SIZE_WORDS = ("size", "sizes", "scale", "dimensions", "height", "width")
AS = ("as", "so")


class AmountReader:
    """Slot readers for how many, how much and how big."""

    def __init__(self, lists: WordLists) -> None:
        self.lists = lists
        self.lexicon = lists.lexicon

    def number(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a cardinal number ("three", "a single", "just 3")."""
        token = text.tokens[at]
        value = number(token, self.lexicon)
        if value is not None and token not in ("a", "an"):
            yield Slotted(value, at + 1)
        if token in ("none", "zero", "nothing"):
            yield Slotted(0, at + 1)
        if hit := self.lexicon.phrases("exact").match(text.tokens, at):
            yield Slotted(hit[0], at + hit[1], 0.05)

    def times(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read "twice", "three times"."""
        if hit := self.lists.find("times", text.tokens, at):
            yield Slotted(hit[0], hit[1])
        value = number(text.tokens[at], self.lexicon)
        if value and text.tokens[at + 1 : at + 2] in (["times"], ["more"], ["time"]):
            more = text.tokens[at + 1 : at + 3] == ["more", "times"]
            if more or text.tokens[at + 1] != "more":
                yield Slotted(value, at + 2 + more)

    def multiple(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a factor: "double", "twice", "three times", "half"."""
        for name in ("multiples", "factors"):
            if hit := self.lists.find(name, text.tokens, at):
                end = hit[1] + (text.tokens[hit[1] : hit[1] + 1] == ["of"])
                yield Slotted(float(hit[0]), end)
        value = number(text.tokens[at], self.lexicon)
        if value and text.tokens[at + 1 : at + 2] in (["times"], ["fold"]):
            yield Slotted(float(value), at + 2)
        if value and text.tokens[at + 1 : at + 2] == ["percent"]:
            yield Slotted(value / 100, at + 2)

    def multiplied(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a verb that is a factor: "halve"."""
        if text.tokens[at] in ("halve", "halving", "quarter", "triple", "quadruple"):
            factor = {"halve": 0.5, "halving": 0.5, "quarter": 0.25, "triple": 3.0, "quadruple": 4.0}[text.tokens[at]]
            yield Slotted(factor, at + 1)

    def amount(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read how much: usual steps ("a bit", "a lot"), or a share of the size ("50 percent", "half")."""
        if hit := self.lists.find("amounts", text.tokens, at):
            yield Slotted(("steps", hit[0]), hit[1])
        for factor, end, cost in self.multiple(text, at):
            share = factor < 1 or ("percent" in text.tokens[at:end] and factor <= 1)
            kind = "share" if share else "factor"
            yield Slotted((kind, factor), end, cost)
        value = number(text.tokens[at], self.lexicon)
        if value and text.tokens[at + 1 : at + 2] in (["pixels"], ["px"], ["steps"], ["notches"], ["step"], ["notch"]):
            yield Slotted(("steps", 0.5 if value < 5 else 1.0), at + 2)
        if value and text.tokens[at - 1 : at] in (["of"], ["by"]):
            yield Slotted(("factor", float(value)), at + 1, 0.1)

    def big(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read an adjective of size: steps up or down that it stands for."""
        if hit := self.lists.find("big", text.tokens, at):
            end = hit[1] + (text.tokens[hit[1] : hit[1] + 1] == ["enough"])
            yield Slotted(hit[0], end)

    def size(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a new size."""
        for size, end, cost in self._sizes(text, at):
            yield Slotted(Size(" ".join(text.tokens[at:end]), **size), end, cost)

    def size_than(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a size that is measured against other things: "smaller than the dog"."""
        return (hit for hit in text.slot("SIZE", at) if hit.value.than)

    def _sizes(self, text: Sentence, at: int) -> Iterator[tuple[dict[str, Any], int, float]]:
        yield from self._comparative(text, at)
        yield from self._multiple_of_size(text, at)
        tokens = text.tokens
        start = at
        while hit := self.lists.find("amounts", tokens, start):
            start = hit[1]
        if big := self.lists.find("big", tokens, start):
            yield {"steps": float(big[0])}, big[1] + (tokens[big[1] : big[1] + 1] == ["enough"]), 0.05
        if (
            tokens[at] in AS
            and (big := self.lists.find("big", tokens, at + 1))
            and tokens[big[1] : big[1] + 1] == ["as"]
        ):
            for things, end, cost in text.slot("THINGS", big[1] + 1):
                yield {"than": things}, end, cost
            if tokens[big[1] + 1 : big[1] + 2] == ["possible"]:
                yield {"steps": 3.0 * big[0]}, big[1] + 2, 0.0
        same = next((n for n in (3, 2) if tokens[at : at + n] in (["the", "same", "size"], ["same", "size"])), 0)
        if same and tokens[at + same : at + same + 1] == ["as"]:
            for things, end, cost in text.slot("THINGS", at + same + 1):
                yield {"than": things}, end, cost
        if tokens[at : at + 3] == ["the", "size", "of"]:
            for things, end, cost in text.slot("THINGS", at + 3):
                yield {"than": things}, end, cost + 0.1

    def _comparative(self, text: Sentence, at: int) -> Iterator[tuple[dict[str, Any], int, float]]:
        """Read "a bit bigger", "50 percent smaller", "two times larger", "bigger than the house"."""
        for start, steps, factor in self._degrees(text, at):
            hit = self.lists.find("bigger", text.tokens, start)
            if not hit or (hit[1] - start == 1 and text.tokens[start] in ("up", "down")):
                continue
            sign, end = hit
            end += text.tokens[end : end + 2] == ["in", "size"] and 2
            if factor:
                yield {"factor": factor if sign > 0 else 1 / factor}, end, 0.0
            elif after := self.lists.find("amounts", text.tokens, end):
                yield {"steps": sign * float(after[0])}, after[1], 0.0
            yield {"steps": sign * steps, "factor": factor if sign > 0 or not factor else 1 / factor}, end, 0.0
            if text.tokens[end : end + 1] == ["by"]:
                for share, after_by, _ in text.slot("MULTIPLE", end + 1):
                    yield {"factor": 1 + sign * share if share < 1 else share**sign}, after_by, 0.0
            if text.tokens[end : end + 1] == ["than"]:
                for things, after_than, cost in text.slot("THINGS", end + 1):
                    yield {"than": things, "steps": float(sign)}, after_than, cost
                for rest in map(str.split, THAN_NOW):
                    if text.tokens[end + 1 : end + 1 + len(rest)] == rest:
                        yield {"steps": sign * steps, "factor": factor}, end + 1 + len(rest), 0.0

    def _degrees(self, text: Sentence, at: int) -> Iterator[tuple[int, float, float | None]]:
        """Yield where a comparative may start, and the steps or the factor said before it."""
        yield at, 1.0, None
        start, steps = at, 1.0
        while hit := self.lists.find("amounts", text.tokens, start):
            steps *= hit[0]
            start = hit[1]
            yield start, steps, None
        for factor, end, _ in self.multiple(text, at):
            if "percent" in text.tokens[at:end] and factor <= 1:
                yield end, 1.0, 1 + factor
            elif factor != 1:
                yield end, 1.0, factor if factor > 1 else 1 + factor

    def _multiple_of_size(self, text: Sentence, at: int) -> Iterator[tuple[dict[str, Any], int, float]]:
        """Read "twice as big", "half its size", "double the size", "50 percent of its current size"."""
        tokens = text.tokens
        start = at + (tokens[at] in ("to", "at", "in", "by"))
        for factor, end, _ in text.slot("MULTIPLE", start):
            if tokens[end : end + 1] and tokens[end] in AS and (big := self.lists.find("big", tokens, end + 1)):
                scale = factor if big[0] > 0 else 1 / factor
                after = big[1]
                for tail in (["as", "now"], ["as", "before"], ["as", "it", "is"], ["as", "it", "is", "now"],
                             ["as", "it", "was"], ["as", "they", "are"], ["as", "they", "are", "now"]):  # fmt: skip
                    if tokens[after : after + len(tail)] == tail:
                        yield {"factor": scale}, after + len(tail), 0.0
                if tokens[after : after + 1] == ["as"]:
                    for things, far, cost in text.slot("THINGS", after + 1):
                        yield {"factor": scale, "than": things}, far, cost + 0.2
                yield {"factor": scale}, after, 0.0
                continue
            after, sized = end, False
            while after < len(tokens) and tokens[after] in SIZED:
                sized = sized or tokens[after] in SIZE_WORDS
                after += 1
            if sized or "percent" in tokens[start:end]:
                yield {"factor": factor}, after if sized else end, 0.0
            elif end == len(tokens) or tokens[end] in (",", "and", "please", "thanks", "than", "in"):
                yield {"factor": factor}, end, 0.3
