"""Reading what members of a group share or differ in: "all different colours", "of the same size"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from eligen.assistant.language.lexicon import Lexicon
    from eligen.assistant.language.scene import Thing

COLOURS = ("red", "blue", "yellow", "green", "orange", "purple", "pink", "white", "black", "brown", "grey", "turquoise")
SIZES = ("small", "", "big")
REACH = 10
EACH = r"(?:(?:all|each|both|every one|each one|each of them|all of them|one) )?"
BEING = r"(?:(?:are |is )?(?:in|of|with|having|has|have|are|is|being) )?"
DETERMINED = r"(?:all )?(?:of )?(?:(?:a|an|the|their|its) )?(?:(?:own|very|exactly|completely|slightly) )?"
DIFFERENT, SAME = "different|various|differing|distinct|assorted|varied|varying|own", "same|identical|equal"
COLOUR, SIZE = r"colou?rs?|shades?|hues?|tones?", r"sizes?|heights?|lengths?"
TRAIT = re.compile(
    rf"{EACH}{BEING}{DETERMINED}(?:(?P<other>{DIFFERENT})|(?P<same>{SAME})) "
    rf"(?:(?P<colour>{COLOUR})|(?P<size>{SIZE})|shapes?|looks?)( |$)"
)
COLOURED = re.compile(r"\b(?:different|various|diverse)(?:ly)?[- ]colou?red\b")


class Trait(NamedTuple):
    """What members differ in, or share: their colour, size, or something that is not read."""

    of: str
    differs: bool


def read(tokens: Sequence[str], at: int) -> tuple[str, Any, int] | None:
    """Return the trait chunk (kind, value, words) that starts there."""
    if not (found := TRAIT.match(" ".join(tokens[at : at + REACH]) + " ")):
        return None
    of = "colour" if found["colour"] else "size" if found["size"] else ""
    return "trait", Trait(of, bool(found["other"])), len(found[0].split())


def read_palette(tokens: Sequence[str], at: int, count: int, lexicon: Lexicon) -> tuple[str, Any, int] | None:
    """Return the chunk of ", red, blue and yellow" behind three things: a colour for each, and no noun after them."""
    if tokens[at] not in (",", ":", "(", "-", "in"):
        return None
    end, colours = at + 1, list[str]()
    while end < len(tokens) and len(colours) < count and lexicon.is_colour(tokens[end]):
        colours.append(tokens[end])
        end += 1
        while len(colours) < count and tokens[end : end + 1] in ([","], ["and"]):
            end += 1
    if len(colours) < max(count, 2) or (end < len(tokens) and lexicon.longest(tokens, end)):
        return None
    return "palette", colours, end + (tokens[end : end + 1] == [")"]) - at


def coloured_differently(thing: Thing, said: str) -> None:
    """Read "three differently coloured balloons" as colours of their own."""
    if (found := COLOURED.search(said)) and thing.count > 1:
        thing.modifiers[:] = [word for word in thing.modifiers if word not in found[0].split()]
        differ(thing, Trait("colour", True))


def differ(thing: Thing, trait: Trait) -> None:
    """Give each member of a thing a colour or a size of its own, where that is what they differ in."""
    if not trait.differs or not trait.of:
        return
    common = set(thing.modifiers)
    words = [word for word in (COLOURS if trait.of == "colour" else SIZES) if word not in common]
    thing.own += [[] for _ in range(thing.count - len(thing.own))]
    for member, word in zip(thing.own, cycle(words), strict=False):
        member += [word] if word else []
