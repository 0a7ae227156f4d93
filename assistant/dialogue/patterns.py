"""A small language for writing down what people may say, and its matcher.

A pattern is a line of parts: `a|b` is either word, `$name` any phrase of a word list, `@name` another pattern, UPPER
a slot that a function reads (`UPPER:key` keeps its value under another name), `[...]` may be left out, `( ... | ... )`
is one of several. `as_it_is` stands for three words. Filler words may stand between any two parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

from eligen.assistant.dialogue.sentence import Hit, Phrase, Sentence, Slotted

PARTS = re.compile(r"[\[\]()]|[^\s\[\]()]+")


class Node(Protocol):
    """A compiled part: `first` are the words that it may start with, None where that is open."""

    @property
    def first(self) -> frozenset[str] | None: ...

    def match(self, text: Sentence, at: int) -> Iterator[Hit]: ...


SlotReader = Callable[[Sentence, int], Iterable[Slotted]]


class Grammar:
    """Word lists, named patterns and slot readers, and the patterns compiled against them."""

    def __init__(
        self, lists: Mapping[str, Iterable[str]], named: Mapping[str, str], slots: Mapping[str, SlotReader]
    ) -> None:
        self.slots = slots
        self.lists = {name: _by_first(phrases) for name, phrases in lists.items()}
        self._sources = named
        self._named: dict[str, Node] = {}

    def ends(self, name: str, text: Sentence, at: int) -> list[int]:
        """Return where the phrases of a word list that start there end, the longest first."""
        return text.ends(self.lists[name], at)

    def compile(self, pattern: str) -> Node:
        """Return a pattern's matcher; ValueError when it is malformed, KeyError when it names what is not there."""
        parts = PARTS.findall(pattern)
        node, at = self._choice(parts, 0)
        if at < len(parts):
            raise ValueError(f"pattern {pattern!r}: {parts[at]!r} stands alone")
        return node

    def match(self, name: str, text: Sentence, at: int) -> Iterator[Hit]:
        """Return how a named pattern ("@name") can be read from there on."""
        return self._part(name).match(text, at)

    def _choice(self, parts: Sequence[str], at: int) -> tuple[Node, int]:
        options: list[Node] = []
        while True:
            node, at = self._sequence(parts, at)
            options.append(node)
            if at >= len(parts) or parts[at] != "|":
                return (options[0] if len(options) == 1 else Choice(tuple(options))), at
            at += 1

    def _sequence(self, parts: Sequence[str], at: int) -> tuple[Node, int]:
        nodes: list[Node] = []
        while at < len(parts) and parts[at] not in ("|", "]", ")"):
            if parts[at] in ("[", "("):
                closing = {"[": "]", "(": ")"}[parts[at]]
                inner, end = self._choice(parts, at + 1)
                if parts[end : end + 1] != [closing]:
                    raise ValueError(f"pattern {' '.join(parts)!r}: {parts[at]!r} is not closed")
                nodes.append(Choice((inner, Chain(()))) if closing == "]" else inner)
                at = end + 1
            else:
                nodes.append(self._part(parts[at]))
                at += 1
        return (nodes[0] if len(nodes) == 1 else Chain(tuple(nodes))), at

    def _part(self, part: str) -> Node:
        words = part.split("|")
        if len(words) > 1 and not all(map(str.islower, map(_plain, words))):
            return Choice(tuple(map(self._part, words)))
        if part.startswith("@"):
            if part not in self._named:
                self._named[part] = Named(self.compile(self._sources[part[1:]]))
            return self._named[part]
        if part.startswith("$"):
            return Listed(part[1:], frozenset(self.lists[part[1:]]))
        name, _, key = part.partition(":")
        if name.isupper():
            if name not in self.slots:
                raise KeyError(name)
            return Slot(name, key or name)
        return Words(_by_first(word.replace("_", " ") for word in words))


class Words:
    """One of some words or short phrases."""

    def __init__(self, phrases: Mapping[str, Sequence[Phrase]]) -> None:
        self.phrases = phrases
        self.first = frozenset(phrases)

    def match(self, text: Sentence, at: int) -> Iterator[Hit]:
        return (Hit(end) for i in text.starts(at) for end in text.ends(self.phrases, i))


class Listed(NamedTuple):
    """One of the phrases of a word list."""

    name: str
    first: frozenset[str]

    def match(self, text: Sentence, at: int) -> Iterator[Hit]:
        return (Hit(end) for i in text.starts(at) for end in text.grammar.ends(self.name, text, i))


class Slot(NamedTuple):
    """What a slot reader reads, kept under a key."""

    name: str
    key: str
    first: None = None

    def match(self, text: Sentence, at: int) -> Iterator[Hit]:
        for i in text.starts(at):
            for value, end, cost in text.slot(self.name, i):
                yield Hit(end, cost, ((self.key, value),))


class Named:
    """A pattern that others name: read once at each place of a text."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.first = node.first

    def match(self, text: Sentence, at: int) -> Iterator[Hit]:
        if (self, at) not in text.read:
            text.read[self, at] = list(self.node.match(text, at))
        return iter(text.read[self, at])


class Chain:
    """Parts one after the other."""

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self.nodes = nodes

    @cached_property
    def first(self) -> frozenset[str] | None:
        words: frozenset[str] = frozenset()
        for node in self.nodes:
            if node.first is None:
                return None
            words |= node.first - {""}
            if "" not in node.first:
                return words
        return words | {""}

    def match(self, text: Sentence, at: int, done: int = 0) -> Iterator[Hit]:
        if done == len(self.nodes):
            yield Hit(at)
            return
        for hit in self.nodes[done].match(text, at):
            for rest in self.match(text, hit.end, done + 1):
                yield Hit(rest.end, hit.cost + rest.cost, hit.values + rest.values)


class Choice:
    """One of several parts."""

    def __init__(self, options: tuple[Node, ...]) -> None:
        self.options = options

    @cached_property
    def first(self) -> frozenset[str] | None:
        words: frozenset[str] = frozenset()
        for option in self.options:
            if option.first is None:
                return None
            words |= option.first
        return words

    def match(self, text: Sentence, at: int) -> Iterator[Hit]:
        for option in self.options:
            yield from option.match(text, at)


def _plain(word: str) -> str:
    """Return a part of a pattern as a word to look at; what names a list or a pattern is upper case."""
    return word.upper() if word[0] in "$@" else word


def _by_first(phrases: Iterable[str]) -> dict[str, list[Phrase]]:
    """Index phrases by their first word, the longest first."""
    index: dict[str, list[Phrase]] = {}
    for words in sorted(map(str.split, sorted(set(phrases))), key=len, reverse=True):
        index.setdefault(words[0], []).append(words)
    return index
