"""Questions back: which of several things is meant, or what to do about one that is not there."""

from __future__ import annotations

from collections.abc import Sequence

from eligen.assistant.dialogue.kinds import name, noun_of
from eligen.assistant.dialogue.meanings import Reference
from eligen.assistant.dialogue.work import Missing, Unclear
from eligen.assistant.language.inflection import plural
from eligen.assistant.language.lexicon import Lexicon
from eligen.assistant.language.saying import listed, number
from eligen.tools.layout import Entity

MOST_OPTIONS = 8
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def labels(entities: Sequence[Entity]) -> list[str]:
    """Return a short name for each of some entities that tells it from the others."""
    names = [name(entity) for entity in entities]
    if len(set(names)) == 1:
        return [f"the {side} one" for side in _sides(entities)] if len(names) > 1 else [f"the {names[0]}"]
    found: list[str] = []
    for entity, own in zip(entities, names, strict=True):
        alike = [other for other, its in zip(entities, names, strict=True) if its == own]
        side = _sides(alike)[alike.index(entity)] if len(alike) > 1 else ""
        found.append(" ".join(filter(None, ("the", side, own))))
    return found


def _sides(entities: Sequence[Entity]) -> list[str]:
    """Return for each of some entities where it is among them: "left", "middle", "second"."""
    xs, ys = zip(*(entity.box.centre for entity in entities), strict=True)
    axis = 0 if max(xs) - min(xs) >= max(ys) - min(ys) else 1
    order = sorted(entities, key=lambda entity: entity.box.centre[axis])
    first, last = (("left", "right"), ("top", "bottom"))[axis]
    words = {2: (first, last), 3: (first, "middle", last)}.get(len(order), ORDINALS)
    return [words[order.index(entity)] for entity in entities]


def which(unclear: Unclear, lexicon: Lexicon) -> str:
    """Return the question which of several things is meant."""
    kinds = {noun_of(entity, lexicon).name for entity in unclear.entities}
    count = len(unclear.entities)
    if len(kinds) > 1:
        return f'What do you mean by "{unclear.reference.text}": {_or(labels(unclear.entities[:MOST_OPTIONS]))}?'
    told = _or(labels(unclear.entities)) if count <= MOST_OPTIONS else "one of them"
    return f"There are {number(count)} {plural(kinds.pop())}: do you mean {told}?"


def _or(names: Sequence[str]) -> str:
    return listed(names).replace(" and ", " or ") if len(names) > 1 else names[0]


def absent(missing: Missing) -> str:
    """Return the sentence that says what is not there."""
    if missing.why:
        return missing.why
    reference = missing.reference
    if reference.noun is None:
        return f'I do not see what you mean by "{reference.text}".'
    named = described(reference)
    return f"There is no {named} in the picture."


def described(reference: Reference) -> str:
    """Return what a reference speaks of: its adjectives and its noun."""
    assert reference.noun is not None
    words = [word for word in reference.words if word not in ("and", ",", "other") and not word.startswith("from ")]
    return " ".join((*words, reference.noun.name))


def shall_i_add(missing: Missing) -> str:
    """Return the question whether to add what is not there."""
    return f"{absent(missing)} Shall I add one?"


def do_you_mean(missing: Missing) -> str:
    """Return the question whether something similar is meant."""
    return f"{absent(missing)} Do you mean {_or(labels(missing.near))}?"
