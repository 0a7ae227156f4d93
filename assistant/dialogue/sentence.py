"""A sentence that is being read: its tokens, and what was found at each place of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from eligen.assistant.dialogue.patterns import Grammar

Phrase = list[str]


class Hit(NamedTuple):
    """One way to read a pattern: where it ends, how far-fetched that is, and the values of its slots."""

    end: int
    cost: float = 0.0
    values: tuple[tuple[str, Any], ...] = ()


class Slotted(NamedTuple):
    """One way to read a slot."""

    value: Any
    end: int
    cost: float = 0.0


class Sentence:
    """The tokens of a sentence, with what was found at each place kept."""

    def __init__(self, tokens: Sequence[str], grammar: Grammar) -> None:
        self.tokens = list(tokens)
        self.grammar = grammar
        self._slots: dict[tuple[str, int], list[Slotted]] = {}
        self._starts: dict[int, tuple[int, ...]] = {}
        self.read: dict[tuple[Hashable, int], list[Hit]] = {}

    def __len__(self) -> int:
        return len(self.tokens)

    def starts(self, at: int) -> tuple[int, ...]:
        """Return where a part may start: there, and after fillers, a comma or a colon."""
        if at not in self._starts:
            found = [at]
            for start in found:
                after = self.grammar.ends("fillers", self, start)
                after += [start + 1] if self.tokens[start : start + 1] in ([","], [":"]) else []
                found += [end for end in after if end not in found]
            self._starts[at] = tuple(sorted(found))
        return self._starts[at]

    def ends(self, phrases: Mapping[str, Sequence[Phrase]], at: int) -> list[int]:
        """Return where the phrases that start there end, the longest first."""
        listed = phrases.get(self.tokens[at], ()) if at < len(self) else ()
        return [at + len(words) for words in listed if self.tokens[at : at + len(words)] == words]

    def slot(self, name: str, at: int) -> list[Slotted]:
        """Return the readings of a slot that starts exactly there."""
        if (name, at) not in self._slots:
            self._slots[name, at] = []  # a slot that starts with itself reads nothing
            self._slots[name, at] = list(self.grammar.slots[name](self, at)) if at < len(self) else []
        return self._slots[name, at]
