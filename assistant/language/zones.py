"""Reading a part of the canvas: "on the left", "in the top left corner of the picture"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eligen.assistant.language.lexicon import Lexicon

PREPOSITIONS = frozenset(("on", "in", "at", "to", "near", "along", "towards", "toward", "against", "by", "into"))
FAR = frozenset(("far", "very", "extreme", "exact", "dead", "absolute", "precise", "true"))


@dataclass(frozen=True)
class Zone:
    """Sides of the canvas in words; `opened` by a preposition, `named` by "corner", "side" and the like."""

    sides: tuple[str, ...]
    end: int
    opened: bool
    named: str


def read_zone(tokens: Sequence[str], at: int, lexicon: Lexicon) -> Zone | None:
    """Return the zone that starts there, without what may follow it ("of the picture")."""
    zones, end, found = lexicon.words["zones"], at, []
    opened = tokens[at] in PREPOSITIONS
    end += opened
    end += end < len(tokens) and tokens[end] in ("the", "a", "its", "one", *FAR) and opened
    end += end < len(tokens) and tokens[end] in FAR and opened
    while end < len(tokens) and (names := [zones.get(part, "") for part in tokens[end].split("-")]) and all(names):
        found += names
        end += 1
    end += found != [] and tokens[end : end + 1] == ["hand"]
    named = tokens[end] if end < len(tokens) and tokens[end] in lexicon.set("zone_nouns") else ""
    if not found and not (opened and named in ("corner", "edge")):
        return None
    return Zone(tuple(dict.fromkeys(found)), end + bool(named), opened, named)


def canvas_length(tokens: Sequence[str], at: int, lexicon: Lexicon) -> int:
    """Return how many words "of the picture" takes there."""
    if tokens[at : at + 1] not in (["of"], ["in"]):
        return 0
    skip = 2 if tokens[at + 1 : at + 2] in (["the"], ["this"]) else 1
    named = tokens[at + skip : at + skip + 1]
    return skip + 1 if named and named[0] in lexicon.set("canvas") else 0
