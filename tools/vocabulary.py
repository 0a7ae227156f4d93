"""What a model was trained to paint: its nouns, the way to them from other words, and what to say then."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import StringConstraints
from rapidfuzz import process
from rapidfuzz.distance import OSA

from eligen.tools.errors import UserError
from eligen.tools.layout import Value
from eligen.tools.nounphrases import MODIFIERS, SCENERY, Word, adjoining, article, head_phrase, normal, singular, words
from eligen.tools.profiles import MINI_FOLDER
from eligen.tools.userinput import parse_json, read_text, validated

THESAURUS = Path(__file__).with_name("thesaurus.json")
ARTICLE = re.compile(r"\b(a)n?(\s+)$", re.IGNORECASE)
UNKNOWN = "'{}' is not among the things this model knows"
SHORTEST_MISSPELT = 4
LONG = 7

Name = Annotated[str, StringConstraints(pattern=r"[^\W_]", max_length=64)]
CodePoint = Annotated[str, StringConstraints(pattern=r"^(10|[0-9A-F])?[0-9A-F]{4}$")]
Reason = Literal["known", "thesaurus", "spelling", "phrase"]


class Noun(Value):
    """A trained noun: the glyph that draws it, its other names, and whether it comes in colours and materials."""

    noun: Name
    codepoint: CodePoint
    plural: Name
    synonyms: tuple[Name, ...] = ()
    kind: str = "object"
    colours: bool = False
    materials: bool = False


@dataclass(frozen=True)
class Match:
    """A trained noun found in a text, and the place of its name there."""

    noun: str
    start: int
    end: int
    plural: bool


@dataclass(frozen=True)
class Nearest:
    """The trained noun nearest to a phrase, and what led to it.

    "known": the head noun itself; "thesaurus": a thing like it; "spelling": a slip of the pen; "phrase": another
    noun of the phrase.
    """

    noun: str
    reason: Reason


@dataclass(frozen=True)
class _Way:
    """The trained noun that a phrase leads to, from the word that starts at `start`."""

    nearest: Nearest
    start: int
    plural: bool


class Vocabulary:
    """The nouns that a model was trained on.

    `thesaurus` leads from a name to the names of things like it, the nearest first; None means the shipped one.
    Raises UserError when a noun repeats or a name stands for two nouns.
    """

    def __init__(self, entries: Sequence[Noun], *, thesaurus: Mapping[str, Sequence[str]] | None = None) -> None:
        self.entries = {entry.noun: entry for entry in entries}
        self._thesaurus = shipped_thesaurus() if thesaurus is None else thesaurus
        self._names = _names(entries)
        self._lexicon = list(self._names | dict.fromkeys(self._thesaurus))
        self._listed = frozenset(self._lexicon)
        self._longest = max((key.count(" ") + 1 for key in self._lexicon), default=1)

    @classmethod
    def load(cls, folder: Path = MINI_FOLDER) -> Vocabulary:
        """Return the vocabulary of a model folder; UserError when its vocabulary.json is missing or malformed."""
        path = folder / "vocabulary.json"
        listed = parse_json(read_text(path), path.name)
        if not isinstance(listed, list) or not listed:
            raise UserError(f"{path.name}: not a list of nouns")
        return cls([validated(Noun, value, f"{path.name}, noun {i}") for i, value in enumerate(listed, start=1)])

    @property
    def nouns(self) -> tuple[str, ...]:
        """Return the canonical nouns in the order of the file."""
        return tuple(self.entries)

    def as_json(self) -> list[dict[str, Any]]:
        """Return what `eligen models vocabulary --json` prints: noun, code points and synonyms of each."""
        return [
            {"noun": entry.noun, "codepoints": [entry.codepoint], "synonyms": list(entry.synonyms)}
            for entry in self.entries.values()
        ]

    def find(self, text: str) -> Match | None:
        """Return the trained noun a text is about: its head noun, else the longest it names, the first among equals."""
        phrase = self._phrase(text)
        head = head_phrase(text, phrase)[-1:]
        named = [word for word in phrase if word.key in self._names]
        word = max([word for word in head if word in named] or named, key=lambda word: len(word.text), default=None)
        if word is None or word.key is None:
            return None
        return Match(self._names[word.key].noun, word.start, word.end, word.plural)

    def nearest(self, phrase: str) -> Nearest | None:
        """Return the trained noun nearest to what a phrase is about, None when nothing is near."""
        head = head_phrase(phrase, self._phrase(phrase))
        way = self._way(head) if head else None
        return way.nearest if way else None

    def translate(self, prompt: str) -> tuple[str, list[str]]:
        """Return the prompt in words that the model knows, and a notice when its noun was replaced or is unknown.

        Only the head noun changes: its adjectives and what follows it stay. A prompt without a noun, or about
        scenery, is left alone.
        """
        head = head_phrase(prompt, self._phrase(prompt))
        if not head or (head[-1].lower in SCENERY and head[-1].key not in self._names):
            return prompt, []
        way, end = self._way(head), head[-1].end
        if way is None:
            return prompt, [f"{UNKNOWN.format(head[-1].text)}, nor is anything like it; painted as it stands"]
        if way.nearest.reason == "known":
            return prompt, []
        noun = self.entries[way.nearest.noun]
        translated = _put(prompt, way.start, end, noun.plural if way.plural else noun.noun)
        return translated, [f"{UNKNOWN.format(prompt[way.start : end])}; painted as {noun.noun!r}"]

    def _phrase(self, text: str) -> list[Word]:
        """Return the words of a text, the listed phrases among them joined, the longest first."""
        rest, phrase = words(text), []
        while rest:
            sizes = range(min(self._longest, len(rest)), 0, -1)
            size, word = next(
                ((size, word) for size in sizes if (word := self._listed_word(text, rest[:size]))), (1, rest[0])
            )
            phrase.append(word)
            rest = rest[size:]
        return phrase

    def _listed_word(self, text: str, parts: Sequence[Word]) -> Word | None:
        """Return the parts as one word when they are listed under that name or its singular."""
        if not all(adjoining(text, left, right) for left, right in pairwise(parts)):
            return None
        start, end = parts[0].start, parts[-1].end
        name = [word.lower for word in parts]
        counted = 0 if "of" in name else -1
        for form, plural in ((name[counted], False), (singular(name[counted]), True)):
            name[counted] = form or ""
            if (key := " ".join(name)) in self._listed:
                return Word(text[start:end], start, end, key, plural or self._is_plural(key))
        return None

    def _is_plural(self, key: str) -> bool:
        return key in self._names and self._names[key].plural

    def _way(self, head: Sequence[Word]) -> _Way | None:
        """Return the way from a head phrase to a trained noun: from its head noun, else from another noun of it."""
        *before, last = head
        if before and not before[-1].key and before[-1].lower not in MODIFIERS:
            name = self._spelt(f"{before[-1].lower} {last.lower}", slips=1)
            if " " in name and (noun := self._like(name)):
                return _Way(Nearest(noun, "spelling"), before[-1].start, last.plural)
        if last.key in self._names:
            return _Way(Nearest(self._names[last.key].noun, "known"), last.start, last.plural)
        if last.key and (noun := self._like(last.key)):
            return _Way(Nearest(noun, "thesaurus"), last.start, last.plural)
        slips = 2 if len(last.text) >= LONG else 1
        for form, plural in ((last.lower, False), (singular(last.lower), True)):
            if not last.key and form and (noun := self._like(name := self._spelt(form, slips=slips))):
                return _Way(Nearest(noun, "spelling"), last.start, plural or self._is_plural(name))
        for word in reversed(before):
            if word.key and not word.describes and (noun := self._like(word.key)):
                return _Way(Nearest(noun, "phrase"), word.start, word.plural)
        return None

    def _like(self, key: str) -> str | None:
        """Return the first trained noun on a breadth-first walk through the thesaurus from a name, itself included."""
        walk = [key]
        for step in walk:
            if step in self._names:
                return self._names[step].noun
            walk += [near for near in self._thesaurus.get(step, ()) if near not in walk]
        return None

    def _spelt(self, word: str, *, slips: int) -> str:
        """Return the listed name at most so many slips from a word, "" when there is none; first letters must agree."""
        if len(word) < SHORTEST_MISSPELT:
            return ""
        names = [name for name in self._lexicon if name.startswith(word[0]) and len(name) >= SHORTEST_MISSPELT - 1]
        found = process.extractOne(word, names, scorer=OSA.distance, score_cutoff=slips)
        return found[0] if found else ""


@cache
def shipped_thesaurus() -> Mapping[str, Sequence[str]]:
    """Return the thesaurus of this package: everyday nouns, each with names of things like it, nearest first."""
    listed = json.loads(THESAURUS.read_text(encoding="utf-8"))
    return {normal(name): [normal(near) for near in like] for name, like in listed.items()}


@dataclass(frozen=True)
class _Name:
    noun: str
    plural: bool


def _names(entries: Iterable[Noun]) -> dict[str, _Name]:
    """Return every name of the nouns, plurals and synonyms among them, in its normal form."""
    names: dict[str, _Name] = {}
    seen: set[str] = set()
    for entry in entries:
        if entry.noun in seen:
            raise UserError(f"vocabulary: {entry.noun!r} repeats")
        seen.add(entry.noun)
        for name in (entry.noun, *entry.synonyms, entry.plural):
            plural = name == entry.plural != entry.noun
            taken = names.setdefault(normal(name), _Name(entry.noun, plural))
            if taken.noun != entry.noun:
                raise UserError(f"vocabulary: {name!r} stands for {taken.noun!r} and for {entry.noun!r}")
    return names


def _put(prompt: str, start: int, end: int, name: str) -> str:
    """Return the prompt with a name in that place and the article before it agreeing."""
    before = ARTICLE.sub(lambda found: found[1] + article(name)[1:] + found[2], prompt[:start])
    return before + name + prompt[end:]
