"""How large things are: typical sizes, and sizes that fit a picture which is already there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from statistics import median

from eligen.assistant.items import Item
from eligen.assistant.language.lexicon import Lexicon, Noun, lexicon
from eligen.assistant.language.reader import read
from eligen.assistant.language.scene import Thing
from eligen.assistant.language.tokens import normalise
from eligen.tools.layout import Box, Entity

ALONE = 0.6
LARGEST, SMALLEST = 0.92, 0.12
AS_REPLACED = (0.5, 1.3)


@dataclass(frozen=True)
class Kind:
    """What an entity's prompt is about: a noun, and a thing of typical size beside a person of 0.56."""

    noun: Noun
    item: Item

    @property
    def size(self) -> float:
        """The side of a square as large."""
        return (self.item.width * self.item.height) ** 0.5


def item(thing: Thing, lexicon: Lexicon) -> Item:
    """Return what placement must know of a thing: typical sizes are scaled by words such as "huge"."""
    scale = prod(_scales(thing.modifiers))
    return Item(
        thing.noun.width * scale,
        thing.noun.height * scale,
        thing.count,
        thing.stands or thing.noun.stands,
        thing.zone,
        thing.flush,
        thing.depth,
        next((part for part in ("head", "feet") if thing.noun.name in lexicon.set("worn_on_" + part)), "body"),
    )


def own_sizes(thing: Thing, boxes: Sequence[Box]) -> list[Box]:
    """Return the boxes of a thing's members with those that are smaller by their own words smaller, on their feet."""
    scales = [prod(_scales(words)) for words in [*thing.own, *([[]] * (len(boxes) - len(thing.own)))]]
    return [_shrunk(box, scale / max(scales)) for box, scale in zip(boxes, scales, strict=False)]


def _scales(words: Sequence[str]) -> list[float]:
    sizes = lexicon().words["sizes"]
    return [sizes[word] for word in words if word in sizes]


def _shrunk(box: Box, factor: float) -> Box:
    if factor == 1:
        return box
    width, height = box.width * factor, box.height * factor
    return Box.around(box.centre[0], box.y1 - height / 2, width, height)


@lru_cache(maxsize=4096)
def kind_of(prompt: str) -> Kind:
    """Return what kind of thing an entity's prompt is about: the first one it names."""
    words, text = lexicon(), normalise(prompt)
    things = read(text, words).things
    if things:
        return Kind(things[0].noun, item(things[0], words))
    noun = words.unknown((text.split() or ["thing"])[-1]).noun
    return Kind(noun, Item(noun.width, noun.height))


def usual_scale(entities: Sequence[Entity]) -> float | None:
    """Return how large the picture shows things, as a multiple of their typical sizes; None without things."""
    scales = [entity.box.area**0.5 / kind_of(entity.prompt).size for entity in entities]
    return median(scales) if scales else None


def size_among(prompt: str, entities: Sequence[Entity], factor: float = 1.0) -> tuple[float, float]:
    """Return the (width, height) for a new thing that suits the entities around it, times a factor; always visible."""
    kind = kind_of(prompt)
    width, height = kind.item.width, kind.item.height
    scale = usual_scale(entities) or ALONE / max(width, height)
    scale = max(scale * factor, SMALLEST / min(width, height))
    scale = min(scale, LARGEST / max(width, height))
    return width * scale, height * scale


def size_in_place(prompt: str, old: Entity) -> tuple[float, float]:
    """Return the (width, height) for a thing that replaces another: smaller where it is in life, but not as much."""
    new, before = kind_of(prompt), kind_of(old.prompt)
    low, high = AS_REPLACED
    ratio = min(max((new.size / before.size) ** 0.5, low), high)
    scale = old.box.area**0.5 * ratio / new.size
    scale = max(scale, SMALLEST / min(new.item.width, new.item.height))
    scale = min(scale, LARGEST / max(new.item.width, new.item.height))
    return new.item.width * scale, new.item.height * scale
