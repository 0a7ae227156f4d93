"""What "with" means: worn by people, held by vessels, borne by tables, or just there."""

from __future__ import annotations

from collections.abc import Sequence

from eligen.assistant.items import Relation
from eligen.assistant.language.reading import Reading

CARRIED = frozenset(("holding", "wearing", "bearing", "containing"))
TURNED: dict[str, Relation] = {"bearing": "on", "containing": "inside"}


def carrying(reading: Reading, hosts: Sequence[int], index: int) -> str:
    """Return how hosts have a thing: "wearing", "containing", "bearing", or "" for just being with it."""
    if worn(reading, hosts, index):
        return "wearing"
    if _held(reading, hosts):
        return "containing"
    return "bearing" if _borne(reading, hosts, index) else ""


def worn(reading: Reading, hosts: Sequence[int], index: int) -> bool:
    """Tell whether a thing is clothing and its hosts can wear it."""
    noun, lexicon = reading.thing(index).noun, reading.lexicon
    clothes = noun.kind == "wear" or noun.name in lexicon.set("worn_on_head") | lexicon.set("worn_on_feet")
    return clothes and bool(hosts) and all(reading.thing(i).alive for i in hosts)


def _held(reading: Reading, hosts: Sequence[int]) -> bool:
    vessels = reading.lexicon.set("holds")
    return bool(hosts) and all(reading.thing(i).last_word in vessels for i in hosts)


def _borne(reading: Reading, hosts: Sequence[int], index: int) -> bool:
    tops, noun = reading.lexicon.set("tops"), reading.thing(index).noun
    things = [reading.thing(i) for i in hosts]
    wide = all(thing.last_word in tops and thing.noun.width > noun.width for thing in things)
    return bool(things) and wide and noun.stands == "surface"
