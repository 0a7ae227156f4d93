"""Which entities a noun may mean: the same word, another word for it, or a sort that it belongs to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from rapidfuzz.distance import OSA

from eligen.assistant.language.lexicon import Lexicon, Noun
from eligen.assistant.sizing import kind_of
from eligen.tools.layout import Entity

SAME, OTHER_WORD, SORT, LAST_WORD = range(4)
SHORTEST_MISSPELT, LONG = 4, 8
SORTED = {"animal": "animal", "person": "person", "human": "person", "people": "person"}


def plain(noun: Noun, lexicon: Lexicon) -> tuple[tuple[str, ...], Noun]:
    """Return the colours in a noun's name, and the noun without them: black and bear of "black bear"."""
    words = noun.name.split()
    colours = 0
    while colours < len(words) - 1 and lexicon.is_colour(words[colours]):
        colours += 1
    bare = lexicon.nouns.get(" ".join(words[colours:])) if colours else None
    return (tuple(words[:colours]), bare) if bare is not None and bare.kind == noun.kind else ((), noun)


def noun_of(entity: Entity, lexicon: Lexicon) -> Noun:
    """Return the noun that an entity's prompt is about."""
    return plain(kind_of(entity.prompt).noun, lexicon)[1]


def name(entity: Entity) -> str:
    """Return an entity's prompt without its article."""
    first, _, rest = entity.prompt.strip().partition(" ")
    return rest if rest and first.lower() in ("a", "an", "the") else entity.prompt.strip()


def matching(noun: Noun, entities: Iterable[Entity], lexicon: Lexicon, *, widely: bool) -> list[Entity]:
    """Return the entities that a noun may mean: the closest in meaning, or (`widely`) all of its sort too.

    An unknown word that names nothing is taken for a slip of the pen of one that does.
    """
    shown = [(noun_of(entity, lexicon), entity) for entity in entities]
    found = [(grade, entity) for own, entity in shown if (grade := rank(noun, own)) is not None]
    if not found and not noun.known:
        found = [(SAME, entity) for own, entity in shown if misspelt(noun.name, own.name)]
    if not found:
        return []
    named = sum(grade == SAME for grade, _ in found) > 1
    best = SORT if widely and not named else min(grade for grade, _ in found)
    return [entity for grade, entity in found if grade <= max(best, min(grade for grade, _ in found))]


def rank(said: Noun, shown: Noun) -> int | None:
    """Return how far apart what is said and what is shown are in meaning; None when they are different things."""
    name, other = said.name, shown.name
    if name == other:
        return SAME
    if name in anything():
        return (
            SORT if name in ("thing", "object", "item", "element", "one", "entity") or shown.kind != "thing" else None
        )
    if other in same_as(name):
        return OTHER_WORD
    if (
        SORTED.get(name) == shown.kind
        or other in sorts().get(name, ())
        or same_as(other) & sorts().get(name, frozenset())
    ):
        return SORT
    tail = other.split()[-1] == name.split()[-1]
    if tail and (" " not in name or " " not in other):
        return OTHER_WORD if said.kind == shown.kind else LAST_WORD
    return None


def misspelt(word: str, name: str) -> bool:
    """Tell whether a word is a name with a letter or two wrong."""
    if min(len(word), len(name)) < SHORTEST_MISSPELT:
        return False
    return OSA.distance(word, name) <= (2 if len(name) >= LONG else 1)


@cache
def same_as(name: str) -> frozenset[str]:
    """Return the other words for a thing."""
    return frozenset(word for group in _data()["same"] if name in group for word in group)


@cache
def sorts() -> dict[str, frozenset[str]]:
    """Return the members of each sort of things."""
    return {sort: frozenset(names.split(", ")) for sort, names in _data()["sorts"].items()}


@cache
def people(sort: str) -> frozenset[str]:
    """Return the words for people of a sort, "man" or "woman"."""
    return same_as(sort) | sorts()[sort] - {"witch"}


@cache
def anything() -> frozenset[str]:
    """Return the words for things in general."""
    return frozenset(_data()["anything"].split(", "))


@cache
def _data() -> dict:
    data = json.loads((files(__package__) / "kinds.json").read_text(encoding="utf-8"))
    return {**data, "same": [group.split(", ") for group in data["same"]]}
