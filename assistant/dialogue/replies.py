"""Saying what was done, in one short sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from eligen.assistant.dialogue.deeds import Deed, Known, did
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.language.inflection import plural
from eligen.assistant.language.saying import listed, number
from eligen.assistant.plan import Edit
from eligen.tools.layout import Layout


def told(edits: Sequence[Edit], layouts: Sequence[Layout], lists: WordLists) -> str:
    """Return what edits did to the last of some layouts: "I removed the cat and made the dog bigger."."""
    known = Known(layouts, lists)
    names = Known(layouts, lists)
    deeds = _merged([deed for edit in edits if (deed := did(edit, known))])
    if len(deeds) > 1 and deeds[0].verb == "undid":
        deeds[0] = Deed("took that back")
    return f"I {listed([*_clauses(deeds, names)])}." if deeds else ""


def many(prompt: str, count: int) -> str:
    """Return "a cat" or "three cats"."""
    article, _, bare = prompt.partition(" ")
    return prompt if count == 1 else f"{number(count)} {plural(bare if article in ('a', 'an', 'the') else prompt)}"


def _merged(deeds: Sequence[Deed]) -> list[Deed]:
    """Return deeds with those that are alike as one."""
    found: dict[tuple[str, ...], Deed] = {}
    for deed in deeds:
        key = (deed.verb, deed.new, deed.how, str(bool(deed.ids)))
        if (same := found.get(key)) is None:
            found[key] = deed
        else:
            ids = tuple(dict.fromkeys((*same.ids, *deed.ids)))
            found[key] = replace(same, ids=ids, count=same.count + deed.count)
    return list(found.values())


def _clauses(deeds: Sequence[Deed], known: Known) -> Iterator[str]:
    """Yield each deed in words; what was just said, or is about to be said, is not said twice."""
    for before, deed, after in zip((Deed(""), *deeds), deeds, (*deeds[1:], Deed("")), strict=False):
        again, same = bool(deed.ids) and deed.ids == before.ids, deed.verb == before.verb
        them = "" if same else "it" if len(deed.ids) == 1 else "them"
        object_ = them if again else known.the(deed.ids) if deed.ids else ""
        new = many(deed.new, deed.count) if deed.new else ""
        new = f"with {new}" if deed.ids and new else new
        shared = bool(deed.new) and (deed.verb, deed.how) == (after.verb, after.how)
        yield " ".join(filter(None, ("" if same else deed.verb, object_, new, "" if shared else deed.how)))
