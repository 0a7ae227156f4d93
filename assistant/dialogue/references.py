"""Which entities of a layout a reference means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import dist
from pathlib import Path

from eligen.assistant.dialogue.kinds import matching, noun_of, people
from eligen.assistant.dialogue.meanings import Newcomer, Reference, Spot
from eligen.assistant.dialogue.picks import Picker
from eligen.assistant.dialogue.work import Missing, Unclear, Work
from eligen.assistant.items import MOST
from eligen.assistant.language.lexicon import Noun
from eligen.assistant.plan import Add
from eligen.tools.layout import Box, Entity, Layout

RECENT = 3
NOTHING = "There is nothing in the picture."


def resolve(work: Work, references: Sequence[Reference], layout: Layout | None = None) -> list[Entity]:
    """Return the entities that references mean, each once; Unclear or Missing when they do not say which."""
    found: dict[str, Entity] = {}
    for reference in references:
        found |= {entity.id: entity for entity in Resolver(work, layout or work.layout).resolve(reference)}
    if references and not found:
        raise Missing(references[0], why="That leaves nothing.")
    return list(found.values())


def choose(work: Work, reference: Reference, candidates: Sequence[Entity]) -> list[Entity]:
    """Return those of some candidates that a reference means."""
    found = list(candidates)
    if reference.noun is not None:
        found = matching(reference.noun, found, work.lists.lexicon, widely=True)
    return Resolver(work, work.layout).picker(reference).narrowed(found)


def hosts(work: Work) -> Callable[[Spot], list[Entity]]:
    """Return what finds the things that a place is relative to."""
    return lambda spot: resolve(work, spot.of)


def invite(work: Work, reference: Reference) -> list[Entity]:
    """Add what a reference speaks of, and return it. Missing when it names nothing."""
    if reference.noun is None:
        raise Missing(reference)
    looks = [word for word in reference.words if work.prompts.sort(word) != "other"]
    new = Newcomer(reference.text, reference.noun, tuple(looks), name=reference.noun.name)
    ids = work.do(Add(prompt=work.prompts.new(new), count=min(max(reference.number or 1, 1), MOST)))
    return [entity for entity in work.layout.entities if entity.id in ids]


def apart(one: Box, other: Box) -> float:
    """Return how far the middles of two boxes are apart."""
    return dist(one.centre, other.centre)


class Resolver:
    """Resolves references in one layout."""

    def __init__(self, work: Work, layout: Layout) -> None:
        self.work = work
        self.lexicon = work.lists.lexicon
        self.layout = layout
        self.entities = list(layout.entities)

    def resolve(self, reference: Reference) -> list[Entity]:
        """Return what a reference means."""
        if reference.text in self.work.choices:
            return [entity for entity in self.entities if entity.id in self.work.choices[reference.text]]
        try:
            found = self._noun(reference) if reference.kind == "noun" else self._pronoun(reference)
        except Missing:
            if reference.text not in self.work.invited or self.layout is not self.work.layout:
                raise
            found = invite(self.work, reference)
        out = {entity.id for entity in resolve(self.work, reference.without, self.layout)}
        left = [entity for entity in found if entity.id not in out]
        return left[: -reference.spared] if reference.spared else left

    def picker(self, reference: Reference) -> Picker:
        """Return what narrows down candidates for a reference."""
        return Picker(self.work, reference, lambda spot: resolve(self.work, spot.of, self.layout))

    # --- nouns

    def _noun(self, reference: Reference) -> list[Entity]:
        assert reference.noun is not None
        named = matching(reference.noun, self.entities, self.lexicon, widely=reference.number != 1)
        if not named:
            raise Missing(reference)
        found = self.picker(reference).narrowed(named, strictly=False)
        if not found and reference.where and len(named) == 1:
            return named  # "put the lamp on the table, between the mugs", where it is not yet on the table
        if not found:
            raise Missing(reference, named)
        return self._few(reference, found)

    def _few(self, reference: Reference, found: list[Entity]) -> list[Entity]:
        """Return as many of the candidates as the reference speaks of; Unclear when it does not say which."""
        wanted, said = reference.number, reference.text.split()
        if wanted is None or len(found) <= wanted:
            return found
        if reference.noun is not None and self.lexicon.invariant(reference.noun.name) and said[0] == "the":
            return found  # "the fish" may be several
        groups = self._groups()
        now = [entity for entity in groups[0] if entity in found] if groups else []
        if said[0] in ("that", "this", "these", "those") and len(now) == wanted:
            return now
        before = {entity.id: entity for entity in self.work.context.layouts[-1].entities}
        still = [entity for entity in found if before.get(entity.id) == entity]
        if len(still) == wanted and len(still) < len(found) and not now:
            return still  # "make the white dog brown and the brown one white"
        if owners := self._owners(reference):
            return sorted(found, key=lambda entity: min(apart(entity.box, owner.box) for owner in owners))[:wanted]
        if not reference.definite or ("of" in said and said[0] not in ("the", "this", "that")):
            return found[-wanted:]
        raise Unclear(reference, found)

    def _owners(self, reference: Reference) -> list[Entity]:
        """Return whose a thing is said to be, nothing where that is not said or not clear."""
        with suppress(Missing, Unclear):
            return resolve(self.work, reference.owner, self.layout)
        return []

    # --- pronouns

    def _pronoun(self, reference: Reference) -> list[Entity]:
        readers = {
            "it": self._it, "him": self._him,
            "them": self._them, "both": self._them, "them all": self._them, "again": self._again,
            "all": self._all, "people": self._people, "one": self._one, "other": self._other, "others": self._others,
            "everything else": self._everything_else, "former": self._of_two, "latter": self._of_two,
            "pictured": self._pictured,
            "id": lambda reference: [entity for entity in self.entities if entity.id == reference.text],
        }  # fmt: skip
        if not self.entities:
            raise Missing(reference, why=NOTHING)
        return readers[reference.kind](reference)

    def _pictured(self, reference: Reference) -> list[Entity]:
        """Return what was made to look like a picture of that name, or is called so."""
        known = [named.reference for named in self.work.references if named.name == reference.text]
        pictures = {Path(picture).stem for picture in known}  # paths and hashes of the same file
        found = [entity for entity in self.entities if entity.reference and Path(entity.reference).stem in pictures]
        found = found or matching(Noun(reference.text), self.entities, self.lexicon, widely=False)
        if not found:
            raise Missing(reference, why=f"{reference.text.capitalize()} is not in the picture.")
        return self._few(reference, found)

    def _groups(self) -> list[list[Entity]]:
        """Return what was talked of and is there, the latest first."""
        groups = ([entity for entity in self.entities if entity.id in ids] for ids in self.work.focus)
        return [group for group in groups if group]

    def _it(self, reference: Reference) -> list[Entity]:
        groups = self._groups() or [self.entities]
        if len(groups[0]) > 1:
            raise Unclear(reference, groups[0])
        return groups[0]

    def _him(self, reference: Reference) -> list[Entity]:
        """Return the person talked of, else the animal, else the only one there is; else what "it" means."""
        others = people("man") if reference.text in ("she", "her") else people("woman")
        for kinds in (("person",), ("person", "animal")):
            nouns = {entity.id: noun_of(entity, self.lexicon) for entity in self.entities}
            alive = {entity_id for entity_id, noun in nouns.items() if noun.kind in kinds and noun.name not in others}
            groups = [[e for e in group if e.id in alive] for group in self._groups()]
            talked_of = next(filter(None, groups), [e for e in self.entities if e.id in alive])
            if len(talked_of) == 1:
                return talked_of
        return self._it(reference)

    def _again(self, reference: Reference) -> list[Entity]:
        """Return what the last change was about."""
        groups = self._groups()
        return groups[0] if groups else self._it(reference)

    def _them(self, reference: Reference) -> list[Entity]:
        """Return several things talked of together or one after the other, else the only ones there are several of."""
        groups = self._groups()
        if several := next((group for group in groups[:RECENT] if len(group) > 1), None):
            return several
        latest = {entity.id: entity for group in groups[:2] for entity in group}
        if len(latest) > 1:
            return list(latest.values())
        names = [noun_of(entity, self.lexicon).name for entity in self.entities]
        plural = {name for name in names if names.count(name) > 1}
        if groups and (name := noun_of(groups[0][0], self.lexicon).name) in plural:
            plural = {name}
        alike = [entity for entity, name in zip(self.entities, names, strict=True) if name in plural]
        if len(plural) == 1 and (groups or reference.kind != "them all" or 2 * len(alike) > len(names)):
            return alike
        return self._all(reference)

    def _all(self, reference: Reference) -> list[Entity]:
        if not (found := self.picker(reference).narrowed(self.entities)):
            raise Missing(reference, why="There is nothing there.")
        return found

    def _people(self, reference: Reference) -> list[Entity]:
        people = [entity for entity in self.entities if noun_of(entity, self.lexicon).kind == "person"]
        return people or self._all(reference)

    def _like_focus(self) -> list[Entity]:
        """Return the things of the kind that is talked of."""
        for known in filter(None, (self.work.entity(entity_id) for ids in self.work.focus for entity_id in ids)):
            if alike := matching(noun_of(known, self.lexicon), self.entities, self.lexicon, widely=False):
                return alike
        return []

    def _others_alike(self) -> list[Entity]:
        now = set(self.work.focus[0]) if self.work.focus else set()
        return [entity for entity in self._like_focus() if entity.id not in now]

    def _other(self, reference: Reference) -> list[Entity]:
        """Return the one of the kind talked of that is not it."""
        rest = self._others_alike() or self._everything_else(reference)
        if len(rest) > 1:
            raise Unclear(reference, rest)
        return rest

    def _others(self, reference: Reference) -> list[Entity]:
        return self._others_alike() or self._everything_else(reference)

    def _everything_else(self, reference: Reference) -> list[Entity]:
        now = set(self.work.focus[0]) if self.work.focus else set()
        if not (rest := [entity for entity in self.entities if entity.id not in now]):
            raise Missing(reference, why="There is nothing else in the picture.")
        return rest

    def _of_two(self, reference: Reference) -> list[Entity]:
        """Return the former or the latter of the two things talked of last."""
        groups = self._groups()
        mentioned = list({group[0].id: group[0] for group in groups if len(group) == 1}.values())
        pair = mentioned[:2] if len(mentioned) > 1 else next((group for group in groups if len(group) == 2), [])
        if not pair:
            raise Unclear(reference, self.entities)
        return [pair[0] if reference.kind == "former" else pair[1]]

    def _one(self, reference: Reference) -> list[Entity]:
        """Return "the red one": of the kind talked of, else of all things."""
        alike = self._like_focus()
        for candidates in (alike, self.entities):
            if found := self.picker(reference).narrowed(candidates):
                return self._few(reference, found)
        raise Missing(reference, alike)
