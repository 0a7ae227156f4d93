"""The scene a sentence describes: things with counts and attributes, how they stand to each other, and the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from eligen.assistant.items import Link, Relation
from eligen.assistant.language.comparisons import Comparison
from eligen.assistant.language.lexicon import Noun
from eligen.assistant.language.nounphrase import NounPhrase


@dataclass
class Thing:
    """One kind of thing in the scene: `count` of it, all with the common modifiers, each with its own in `own`."""

    noun: Noun
    count: int
    exact: bool
    modifiers: list[str] = field(default_factory=list)
    named: str = ""
    complement: str = ""
    pose: str = ""
    zone: tuple[str, ...] = ()
    flush: bool = False
    depth: str = ""
    stands: str = ""
    own: list[list[str]] = field(default_factory=list)
    told: int = 0

    @property
    def name(self) -> str:
        """The thing in words, for explanations."""
        return " ".join((*self.modifiers, self.named or self.noun.name))

    @property
    def all_modifiers(self) -> set[str]:
        """The adjectives of any member."""
        return {*self.modifiers, *chain.from_iterable(self.own)}

    @property
    def last_word(self) -> str:
        return self.noun.name.split()[-1]

    @property
    def alive(self) -> bool:
        return self.noun.kind in ("person", "animal")

    def describe(self, words: Iterable[str], *, joined: bool = False) -> None:
        """Add adjectives to all members; `joined` puts an "and" before them."""
        new = [word for word in words if word not in self.modifiers]
        self.modifiers += ["and", *new] if joined and self.modifiers and new else new

    def tell_apart(self, count: int, words: Iterable[str]) -> str:
        """Give adjectives to the next `count` members alone; return which these are."""
        self.own += [[] for _ in range(self.count - len(self.own))]
        first, self.told = self.told, min(self.told + count, self.count)
        for member in self.own[first : self.told]:
            member += words
        return f"{self.noun.name} {first + 1}"


@dataclass
class Scene:
    """What was read from a text, with an explanation of how."""

    things: list[Thing] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    comparisons: list[tuple[int, Comparison, int]] = field(default_factory=list)
    background: list[str] = field(default_factory=list)
    style: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    explanation: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def add(self, phrase: NounPhrase, noun: Noun, count: int, exact: bool) -> int:
        """Add what a noun phrase names and return its index."""
        named, sides = phrase.named, ("left", "right")
        modifiers = [word for word in phrase.modifiers if word not in sides]
        self.things.append(Thing(noun, count, exact, modifiers, named, phrase.complement))
        known = "" if noun.known else ", a noun the lexicon does not list"
        about = f" ({' '.join(phrase.modifiers)})" if phrase.modifiers else ""
        self.explain(phrase.text, f"{count} x {named or noun.name}{about}{known}")
        return len(self.things) - 1

    def halve(self, index: int) -> int:
        """Split "two trees" into one and one; return the index of the second half."""
        thing = self.things[index]
        half = thing.count // 2
        thing.count -= half
        self.things.append(Thing(thing.noun, half, thing.exact, list(thing.modifiers), thing.named, thing.complement))
        return len(self.things) - 1

    def link(
        self, first: int, relation: Relation, second: int, third: int | None = None, *, weak: bool = False
    ) -> None:
        """Add a relation between two or three different things, once."""
        link = Link(first, relation, second, third, weak)
        if link in self.links or first in (second, third):
            return
        self.links.append(link)
        others = self.names(i for i in (second, third) if i is not None)
        self.explanation.append(f"{self.names([first])}: {relation} {others}")

    def exclude(self, noun: str, words: str) -> None:
        """Note what must not be in the picture."""
        self.excluded.append(noun)
        self.explain(words, f"not in the picture: {noun}")

    def explain(self, words: str, meaning: str) -> None:
        """Note how some words were read."""
        self.explanation.append(f'"{words}": {meaning}')

    def names(self, things: Iterable[int]) -> str:
        """Return the names of things by index."""
        return " and ".join(self.things[i].name for i in things)
