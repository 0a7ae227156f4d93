"""What the planner knows of words: nouns with size and stand, and the closed classes. Read from two JSON files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import Any, Generic, TypeVar

from eligen.assistant.language.inflection import INVARIANT, singular, singulars, verb_forms

T = TypeVar("T")
LONGEST_NOUN = 3


@dataclass(frozen=True)
class Noun:
    """A noun's name, its typical width and height beside a person of 0.56, what it stands on and its kind."""

    name: str
    width: float = 0.26
    height: float = 0.26
    stands: str = "any"
    kind: str = "thing"
    known: bool = True


@dataclass(frozen=True)
class Match:
    """A noun found in a text: how many words it took and whether it was a plural."""

    noun: Noun
    length: int
    plural: bool


class Phrases(Generic[T]):
    """Fixed phrases with a value each; the longest one at a place of a text is found."""

    def __init__(self, phrases: Mapping[str, T]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], T]]] = {}
        for phrase in sorted(phrases, key=lambda p: -len(p.split())):
            words = tuple(phrase.split())
            self._by_first.setdefault(words[0], []).append((words, phrases[phrase]))

    def match(self, words: Sequence[str], at: int) -> tuple[T, int] | None:
        """Return the value of the longest phrase that starts there, and its length in words."""
        for phrase, value in self._by_first.get(words[at], ()):
            if tuple(words[at : at + len(phrase)]) == phrase:
                return value, len(phrase)
        return None


class Lexicon:
    """The two data files, indexed."""

    def __init__(self, nouns: Mapping[str, Any], words: Mapping[str, Any]) -> None:
        self.words = words
        self.nouns: dict[str, Noun] = {}
        for group in nouns["things"]:
            width, height = group["size"]
            for name in group["nouns"].split(", "):
                noun = Noun(name, width, height, group["stands"], group.get("kind", "thing"))
                self.nouns.setdefault(name, noun)
        for name in nouns["places"].split(", "):
            self.nouns.setdefault(name, Noun(name, 0.9, 0.6, "ground", "place"))
        for name in nouns["abstract"].split(", "):
            self.nouns.setdefault(name, Noun(name, kind="abstract"))
        for name in nouns["parts"].split(", "):
            self.nouns.setdefault(name, Noun(name, 0.12, 0.12, "any", "part"))
        self.depictions = frozenset(nouns["depictions"].split(", "))
        self.containers = frozenset(nouns["containers"].split(", "))
        self.pairs = frozenset(nouns["pairs"].split(", "))
        self.groups: dict[str, int] = nouns["groups"]
        self.measures = self.containers - self.nouns.keys()
        for name in self.measures | self.groups.keys() | self.depictions:
            self.nouns.setdefault(name, Noun(name))
        self.nouns |= {alias: self.nouns[name] for alias, name in words["aliases"].items()}

    def longest(self, words: Sequence[str], at: int) -> Match | None:
        """Return the longest known noun that starts there; its last word may be a plural."""
        for length in range(min(LONGEST_NOUN, len(words) - at), 0, -1):
            start, last = " ".join(words[at : at + length - 1]), words[at + length - 1]
            forms = [*([last] if f"{start} {last}".strip() in self.pairs else []), *singulars(last)]
            for form in forms:
                if noun := self.nouns.get(f"{start} {form}".strip()):
                    return Match(noun, length, plural=form != last or last in self.pairs)
        if "-" in words[at] and (noun := self.nouns.get(words[at].replace("-", " "))):
            return Match(noun, 1, plural=False)
        return None

    def one_of_pair(self, match: Match) -> Match:
        """Return the single thing where a counted plural names one ("two glasses"), else the match itself."""
        noun = self.nouns.get(singular(match.noun.name)) if match.noun.name in self.pairs else None
        return Match(noun, match.length, plural=True) if noun else match

    def unknown(self, word: str) -> Match:
        """Return an unlisted word as a noun of middling size."""
        name = singular(word)
        return Match(Noun(name, known=False), 1, plural=name != word)

    def is_colour(self, word: str) -> bool:
        """Tell whether a word, or each part of a hyphenated one, is a colour."""
        return word != "and" and all(part in self.colours or part == "and" for part in word.split("-"))

    def fittings(self, name: str) -> frozenset[str]:
        """Return the words of what a thing of that name has on it: the doors and windows of a house."""
        key = name.replace(" ", "-")
        owned = (parts for owners, parts in self.words["fittings"].items() if key in owners.split())
        return frozenset(word for parts in owned for word in parts.split())

    @cached_property
    def all_fittings(self) -> frozenset[str]:
        """What any thing has on it."""
        return frozenset(word for parts in self.words["fittings"].values() for word in parts.split())

    def is_adjective(self, word: str) -> bool:
        """Tell whether a word is a listed colour, material or adjective."""
        return word in self.adjectives or self.is_colour(word)

    def is_place(self, word: str) -> bool:
        """Tell whether a word names a place."""
        return word in self.nouns and self.nouns[word].kind == "place"

    def is_participle(self, word: str) -> bool:
        """Tell whether a word ends as a participle does and is no listed exception."""
        return word.endswith(("ing", "ed")) and len(word) > 4 and word not in self.not_participles

    def invariant(self, noun: str) -> bool:
        """Tell whether a noun's plural looks like its singular."""
        return noun.split()[-1] in INVARIANT

    @cached_property
    def verbs(self) -> dict[str, str]:
        """Every known verb form with its base."""
        forms = dict(self.words["irregular"])
        for base in self.words["verbs"].split():
            for form in verb_forms(base):
                forms.setdefault(form, base)
        return forms

    @cached_property
    def relations(self) -> Phrases[str]:
        return Phrases({phrase: name for name, phrases in self.words["relations"].items() for phrase in phrases})

    @cached_property
    def numbers(self) -> dict[str, int]:
        return dict(self.words["numbers"])

    @cached_property
    def adjectives(self) -> frozenset[str]:
        return self.set("adjectives") | self.set("materials")

    @cached_property
    def colours(self) -> frozenset[str]:
        return self.set("colours")

    @cached_property
    def not_participles(self) -> frozenset[str]:
        return self.set("not_participles")

    @cached_property
    def stops(self) -> frozenset[str]:
        """Words that end a noun phrase."""
        single = {phrase for group in self.words["relations"].values() for phrase in group if " " not in phrase}
        listed = [*self.words["conjunctions"], *self.words["breaks"], *self.words["relatives"], *self.words["pronouns"]]
        listed += [*self.words["possession"], *self.words["negators"], *self.words["nobody"]]
        names = ("auxiliaries", "indefinite", "determiners", "possessives")
        return frozenset(single | {w for w in listed if " " not in w} | set().union(*map(self.set, names)) | {"than"})

    def set(self, name: str) -> frozenset[str]:
        """Return a space-separated word list of the data."""
        return _split(self.words[name])

    def phrases(self, name: str) -> Phrases[Any]:
        """Return a list or table of phrases of the data; a list's phrases stand for themselves."""
        return _phrases(self, name)


@cache
def _split(text: str) -> frozenset[str]:
    return frozenset(text.split())


@cache
def _phrases(lexicon: Lexicon, name: str) -> Phrases[Any]:
    data: Mapping[str, Any] | Iterable[str] = lexicon.words[name]
    return Phrases(data if isinstance(data, Mapping) else {phrase: phrase for phrase in data})


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """Return the shipped lexicon, read on first use."""
    folder = files(__package__)
    nouns, words = (json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in ("nouns", "words"))
    return Lexicon(nouns, words)
