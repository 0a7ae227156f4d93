"""Noun phrases: words with their places, singular forms, and where the phrase that a prompt is about ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inflect import engine

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")  # noqa: RUF001 (people type it)


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


DETERMINERS = _set("a an the this that these those some any each every another his her its their my your our")
NUMBERS = _set("one two three four five six seven eight nine ten eleven twelve several many few")
COLOURS = _set(
    """red orange yellow green blue purple violet pink brown black white grey gray cyan magenta turquoise teal beige
    cream gold silver maroon navy olive lime indigo crimson scarlet lavender tan peach bronze golden copper ivory
    rainbow colourful colorful multicolored multicoloured"""
)
MATERIALS = _set(
    """wooden wood metal metallic glass plastic stone paper leather fabric ceramic steel iron brass marble crystal
    rubber clay concrete wool woollen woolen silk cotton fluffy furry velvet chrome"""
)
ADJECTIVES = _set(
    """big small large tiny huge little giant tall short long wide narrow thin thick fat slim round flat square
    old new young ancient modern vintage antique rusty shiny dark light bright pale plain striped spotted dotted
    checkered happy sad angry cute funny scary beautiful pretty ugly lovely elegant majestic friendly lonely tired
    sleepy hungry brave wild fast slow loud quiet hot cold warm cool wet dry clean dirty soft hard smooth rough heavy
    empty full open closed broken half whole fresh ripe rotten sweet tasty delicious fancy simple single lone same
    different very really quite more most less asleep awake alone alive left right"""
)
MODIFIERS = DETERMINERS | NUMBERS | COLOURS | MATERIALS | ADJECTIVES

BOUNDARIES = _set(
    """about above across against along among around at atop before behind below beneath beside besides between beyond
    by during for from in inside into near next of off on onto out outside over past through to toward towards under
    underneath upon with within without while as like who which whose where is are was were has have made
    wearing holding carrying eating drinking riding playing reading chasing watching looking"""
)
JOINERS = frozenset({"and", "or", "but"})
MEASURES = _set(
    """photo photograph picture image painting drawing illustration sketch portrait close closeup up view shot pair
    group bunch slice piece pile stack herd flock pack lot couple dozen kind type sort set collection handful row
    heap school swarm bit"""
)
SCENERY = _set(  # painted as backgrounds, in the words of the training captions: no thing that could be missing
    """beach seaside shore coast sand sea ocean lake river water meadow grass field lawn park garden sky night sunset
    sunrise dusk dawn evening snow winter ice forest woods jungle desert dunes mountains hills valley street road
    sidewalk highway town city downtown room bedroom bathroom kitchen office studio restaurant space galaxy scene
    landscape background"""
)
PLURAL_ENDINGS = ("s", "men", "mice", "lice", "dren", "geese", "teeth", "feet", "oxen", "people")
PARTICIPLE_ENDINGS = ("ing", "ed")


@dataclass(frozen=True)
class Word:
    """A word as it stands in a text, or a known phrase of several: `key` is what it is listed under, if anything."""

    text: str
    start: int
    end: int
    key: str | None = None
    plural: bool = False

    @property
    def lower(self) -> str:
        return self.text.lower().replace("’", "'")  # noqa: RUF001

    @property
    def describes(self) -> bool:
        """Tell whether the word only describes: an adjective, a colour, a number, a participle."""
        described = self.lower in MODIFIERS or self.lower.isdecimal()
        return described or (self.key is None and self.lower.endswith(PARTICIPLE_ENDINGS))


def words(text: str) -> list[Word]:
    """Return the words of a text in order; hyphens part them."""
    return [Word(match.group(), match.start(), match.end()) for match in WORD.finditer(text)]


def normal(text: str) -> str:
    """Return a name in the form it is listed under: lower-case words, one space between."""
    return " ".join(word.lower for word in words(text))


@lru_cache(maxsize=4096)
def singular(word: str) -> str | None:
    """Return the singular of a plural word, None when it is no plural."""
    if len(word) < 3 or not word.endswith(PLURAL_ENDINGS) or word in MODIFIERS:
        return None
    return _inflector().singular_noun(word) or None


def article(noun: str) -> str:
    """Return "a" or "an", whichever the noun takes."""
    vowel = noun.lower().startswith(tuple("aeiou")) and not noun.lower().startswith(("eu", "one", "ufo", "uni", "use"))
    return "an" if vowel or noun.lower().startswith("hour") else "a"


def adjoining(text: str, left: Word, right: Word) -> bool:
    """Tell whether nothing but blanks or a hyphen stands between two words of a text."""
    return text[left.end : right.start].strip() in {"", "-"}


def head_phrase(text: str, phrase: Sequence[Word]) -> list[Word]:
    """Return the words of the first noun phrase that names a thing, its last word the head noun; [] when none does.

    `phrase` is every word of the text, phrases of a lexicon already joined. Measures ("a photo of", "a pair of")
    are passed over, and so are words after the head noun that only describe it.
    """
    found: list[Word] = []
    for i, word in enumerate(phrase):
        apart = i > 0 and not adjoining(text, phrase[i - 1], word)
        if word.key is None and word.lower == "of" and found and found[-1].lower in MEASURES:
            found = []
        elif not _parts(word, found, apart=apart):
            if word.lower not in JOINERS:
                found.append(word)
        elif head := _without_tail(found):
            return head
        else:
            found = [] if word.lower in BOUNDARIES else [word]
    return _without_tail(found)


def _parts(word: Word, found: Sequence[Word], *, apart: bool) -> bool:
    """Tell whether a noun phrase ends before this word; `apart` says that punctuation stands before it."""
    after_noun = bool(found) and found[-1].key is not None and not found[-1].describes
    if word.key is not None:
        return apart and after_noun
    if word.lower in BOUNDARIES:
        return True
    if word.lower in DETERMINERS:
        return any(not earlier.describes for earlier in found)
    return after_noun and (apart or word.lower in JOINERS or word.lower.endswith(PARTICIPLE_ENDINGS))


def _without_tail(found: list[Word]) -> list[Word]:
    """Return the words up to the last that can be a head noun."""
    for length in range(len(found), 0, -1):
        word = found[length - 1]
        if word.key is not None or not word.describes:
            return found[:length]
    return []


@cache
def _inflector() -> engine:
    import inflect  # takes a second: only texts with a plural outside the lexicon pay it

    return inflect.engine()
