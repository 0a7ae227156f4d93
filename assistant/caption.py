"""The global prompt of a layout that was edited: what is in it, where and in which style, in plain words. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from eligen.assistant.language.inflection import article, plural
from eligen.assistant.language.saying import listed, number
from eligen.assistant.sizing import kind_of
from eligen.tools.layout import Layout

PLACED = re.compile(
    r"(in|on|at|under|by|near|among|with|against|inside|above|over|behind|beside|during|outdoors|indoors)\b"
)
ARTICLES = re.compile(r"(a|an|the|one)\s+", re.IGNORECASE)
DETERMINED = re.compile(r"(a|an|the|some|my|our|his|her|its|their|this|that|\w+'s)\s", re.IGNORECASE)
UNCOUNTED = frozenset(("snow", "space", "water", "grass", "sand", "ice", "night", "fog", "rain", "mist", "smoke"))
ON = frozenset(("meadow", "beach", "street", "road", "hill", "lawn", "stage", "background", "floor", "grass", "sand",
                "sea", "ocean", "lake", "river", "field", "island", "planet", "sidewalk"))  # fmt: skip
UNDER = frozenset(("sky", "skies", "stars"))
AT = frozenset(("night", "midnight", "nightfall", "dawn", "dusk", "twilight", "noon", "sunset", "sunrise"))


def caption(layout: Layout) -> str:
    """Return the layout in one plain phrase: "a red cat and two dogs on a meadow, watercolour"."""
    things = listed(_counted([entity.prompt for entity in layout.entities]))
    places = " ".join(_somewhere(place) for place in re.split(r",\s*", layout.background) if place)
    return ", ".join(filter(None, (f"{things} {places}".strip(), layout.style))) or "an empty picture"


def summary(layout: Layout) -> str:
    """Return what a layout shows, to follow "I see": its caption, or the bare background of one without things."""
    return caption(layout) if layout.entities else layout.background


def _counted(prompts: Sequence[str]) -> list[str]:
    """Return each different prompt once, with the number of those that are alike."""
    return [
        prompt if prompts.count(prompt) == 1 else _many(prompt, prompts.count(prompt))
        for prompt in dict.fromkeys(prompts)
    ]


def _many(prompt: str, count: int) -> str:
    """Return "two cats sleeping" for "a cat sleeping"."""
    bare = ARTICLES.sub("", prompt, count=1) if ARTICLES.match(prompt) else prompt
    noun = re.compile(rf"\b{re.escape(kind_of(prompt).noun.name)}\b", re.IGNORECASE)
    before, of, after = bare.partition(" of ")
    many = f"{plural(before)} of {after}" if of else noun.sub(lambda found: plural(found[0]), bare, count=1)
    return f"{number(count)} {many}"


def _somewhere(place: str) -> str:
    """Return a background with the preposition and the article it needs."""
    if PLACED.match(place.lower()):
        return place
    first, *_, last = (*place.lower().split(), place.lower().split()[-1])
    if first in AT:
        return f"at {place}"
    preposition = "on" if last in ON else "under" if last in UNDER else "in"
    bare = DETERMINED.match(place) or last in UNCOUNTED or last.endswith("s")
    return f"{preposition} {place}" if bare else f"{preposition} {article(place)} {place}"
