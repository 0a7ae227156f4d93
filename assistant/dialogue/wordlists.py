"""The word lists, tables and frames of the dialogue, read from the JSON files beside this module."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from rapidfuzz.distance import OSA

from eligen.assistant.language.inflection import singular, verb_forms
from eligen.assistant.language.lexicon import Lexicon, Noun, Phrases, lexicon

SURE = 5  # letters: a shorter word is near some other by chance


@dataclass(frozen=True)
class WordLists:
    """What the dialogue knows of words beside the lexicon of the first sentence."""

    words: dict[str, Any]
    frames: dict[str, Any]
    lexicon: Lexicon

    @cached_property
    def lists(self) -> dict[str, list[str]]:
        """The phrases of each word list; of verbs the base and the -ing form."""
        found = {name: text.split(", ") for name, text in self.words["lists"].items()}
        verbs = {name: list(_commands(text.split(", "))) for name, text in self.words["verbs"].items()}
        return found | verbs

    def table(self, name: str) -> dict[str, Any]:
        """Return a table of phrases and their values."""
        table: dict[str, Any] = self.words["tables"][name]
        return table

    def set(self, name: str) -> frozenset[str]:
        """Return a set of single words."""
        return _words(self.words["sets"][name])

    def find(self, name: str, tokens: Sequence[str], at: int) -> tuple[Any, int] | None:
        """Return the value of the longest phrase of a table that starts there, and where it ends."""
        hit = _index(self, name).match(tokens, at) if at < len(tokens) else None
        return (hit[0], at + hit[1]) if hit else None

    def is_no_noun(self, noun: Noun) -> bool:
        """Tell whether a word that is taken for an unlisted noun is another sort of word."""
        name = noun.name
        listed = name in self.lists["small_words"] or name in self.table("shades") or name in self.set("comparatives")
        sized = name in self.table("bigger") or name in self.table("measures") or name in self.table("sides")
        return not noun.known and (
            listed or sized or name in self.lexicon.set("adverbs") or name in self.lexicon.verbs.keys() | self.orders
        )

    @cached_property
    def commands(self) -> frozenset[str]:
        """The words that say what to do: verbs, sizes, directions, colours."""
        verbs = {word for phrases in self.lists.values() for phrase in phrases for word in phrase.split()}
        tables = {
            word for name in ("bigger", "big", "ways", "pronouns") for key in self.table(name) for word in key.split()
        }
        return frozenset(word for word in verbs | tables | self.lexicon.colours if len(word) > 2)

    @cached_property
    def orders(self) -> frozenset[str]:
        """The words that orders begin with, which are no adjectives: "add", "remove"."""
        phrases = ", ".join(self.words["verbs"].values()).split(", ")
        return frozenset(phrase.split()[0] for phrase in phrases) - self.lexicon.adjectives

    @cached_property
    def known(self) -> frozenset[str]:
        """Every word that any list knows."""
        lexicon = self.lexicon
        nouns = {word for name in lexicon.nouns for word in name.split()}
        tables = {word for table in self.words["tables"].values() for phrase in table for word in phrase.split()}
        sets = {word for words in self.words["sets"].values() for word in words.split()}
        styles = {word for style in lexicon.words["styles"] for word in style.split()}
        grammar = lexicon.stops | lexicon.adjectives | lexicon.verbs.keys() | lexicon.set("adverbs")
        return self.commands | nouns | grammar | tables | sets | styles

    @cached_property
    def polite(self) -> frozenset[str]:
        """The words of phrases that say nothing themselves: "please", "if you can"."""
        words = {word for phrase in self.lists["fillers"] for word in phrase.split()}
        return frozenset(words - self.lexicon.set("determiners") - self.lexicon.numbers.keys())

    def knows(self, word: str) -> bool:
        """Tell whether any list has a word, its singular, a part of it, or one that it is a slip of the pen for."""
        parts = {word, singular(word), *word.split("-"), word.removesuffix("'s")}
        return bool(parts & self.known) or (len(word) >= SURE and self.respelt(word) != word)

    def respelt(self, word: str) -> str:
        """Return a command word that a word is one letter away from; the word itself where it is known or near none."""
        if len(word) < 3 or not word.isalpha() or word in self.known or singular(word) in self.known:
            return word
        near = [
            other for other in self.commands if OSA.distance(word, other, score_cutoff=1) <= 1 and other[0] == word[0]
        ]
        return min(near, key=lambda other: (other[-1] != word[-1], abs(len(other) - len(word)), other), default=word)

    def opposites(self, word: str) -> frozenset[str]:
        """Return the adjectives that cannot be true of a thing together with this one."""
        groups = [group.split(", ") for group in self.words["opposites"]]
        return frozenset(other for group in groups if word in group for other in group) - {word}

    def __hash__(self) -> int:
        return id(self)


def _commands(verbs: Sequence[str]) -> Iterator[str]:
    """Yield verb phrases as commands and as "how about ...ing"."""
    for verb in verbs:
        first, _, rest = verb.partition(" ")
        forms = [first, *(form for form in verb_forms(first) if form.endswith("ing"))]
        yield from (f"{form} {rest}".strip() for form in forms)


@cache
def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@cache
def _index(lists: WordLists, name: str) -> Phrases[Any]:
    return Phrases(lists.table(name))


@cache
def wordlists(words: Lexicon | None = None) -> WordLists:
    """Return the shipped word lists beside a lexicon (default: the shipped one)."""
    folder = files(__package__)
    read = {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in ("words", "frames")}
    return WordLists(read["words"], read["frames"], words or lexicon())
