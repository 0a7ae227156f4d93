"""From chunks to a scene: what is there, what is background, what must not be there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from eligen.assistant.language import traits
from eligen.assistant.language.chunks import Chunk, Chunker
from eligen.assistant.language.counting import CountReader
from eligen.assistant.language.details import DetailReader
from eligen.assistant.language.lexicon import Lexicon, Noun
from eligen.assistant.language.nounphrase import NounPhrase
from eligen.assistant.language.reading import Reading
from eligen.assistant.language.relations import RelationReader
from eligen.assistant.language.scene import Scene
from eligen.assistant.language.tokens import tokenise

EMPTY_PLACES = frozenset(("background", "backdrop", "interior", "setting"))
MOST_TOKENS = 600
NEVER_BACKGROUND = ("left", "right", "between", "bigger", "smaller", "holding")
SHELTERS = frozenset(("balcony", "terrace", "deck", "dock", "pier", "platform", "ceiling"))  # things, to what is under


def read(text: str, lexicon: Lexicon) -> Scene:
    """Return the scene that a normalised text describes."""
    return SceneReader(lexicon, text).read()


class SceneReader:
    """Reads one text; each kind of chunk has its reader."""

    def __init__(self, lexicon: Lexicon, text: str) -> None:
        self.lexicon = lexicon
        tokens = tokenise(text)
        self.reading = Reading(lexicon, Chunker(lexicon).cut(tokens[:MOST_TOKENS]))
        self.scene = self.reading.scene
        if len(tokens) > MOST_TOKENS:
            self.scene.notices.append(f"only the first {MOST_TOKENS} of {len(tokens)} words and marks were read")
        self.relations = RelationReader(self.reading)
        self.counts = CountReader(self.reading)
        self.details = DetailReader(self.reading)
        self.handlers = self._handlers()

    def read(self) -> Scene:
        """Return the scene."""
        for at, chunk in enumerate(self.reading.chunks):
            self.reading.at = at
            if chunk.kind != "skip":
                self.handlers[chunk.kind](chunk)
                self.reading.previous = chunk.kind
        self.counts.settle()
        return self.scene

    def _handlers(self) -> dict[str, Callable[[Chunk], None]]:
        """Return what reads each kind of chunk."""
        relations, counts, details = self.relations, self.counts, self.details
        return {
            "noun": self._noun,
            "relation": relations.relation,
            "has": relations.has,
            "verb": relations.verb,
            "pronoun": relations.pronoun,
            "zone": relations.zone,
            "number of": counts.number_of,
            "bound": counts.take_bound,
            "compare": counts.compare,
            "outnumber": counts.outnumber,
            "than": counts.than,
            "describe": details.describe,
            "trait": details.trait,
            "palette": details.palette,
            "writing": details.writing,
            "depth": details.depth,
            "height": details.height,
            "moment": details.moment,
            "style": details.style,
            "unread": details.unread,
            "nobody": self._nobody,
            "negate": self._negate,
            "and": self._and,
            "comma": self._and,
            "stop": self._stop,
            "break": self._break,
            "frame": self._frame,
            "aux": self._aux,
            "relative": lambda chunk: None,
        }

    def _noun(self, chunk: Chunk) -> None:
        phrase: NounPhrase = chunk.value
        if self._denies(phrase):
            return
        if phrase.noun is None:
            self._stand_in(phrase)
        elif not self._names_the_picture(phrase, phrase.noun):
            self._place_noun(phrase, phrase.noun)

    def _place_noun(self, phrase: NounPhrase, noun: Noun) -> None:
        clause = self.reading.clause
        if noun.kind == "abstract" or (noun.name in self.lexicon.set("sports") and not phrase.determined):
            clause.pending = ""
            self.scene.explain(phrase.text, "nothing that can be placed")
        elif (noun.kind == "part" and self._belongs_to_a_thing(phrase)) or self._is_fitted(phrase):
            self._part(phrase)
        elif self._is_background(phrase, noun):
            self._background(phrase, noun)
        else:
            self._thing(phrase, noun)

    def _belongs_to_a_thing(self, phrase: NounPhrase) -> bool:
        """Tell whether a part is one of a thing named before, as "on two branches" is not."""
        pending = self.reading.clause.pending
        return (
            pending == "with" or (bool(pending) and not phrase.numbered) or self.reading.clause.last_relation == "part"
        )

    def _is_fitted(self, phrase: NounPhrase) -> bool:
        """Tell whether something is a part of what has it here: "a house with a door", "with a carrot nose"."""
        clause, word = self.reading.clause, phrase.text.split()[-1]
        if clause.pending != "with" and not (clause.last_relation == "part" and self.reading.previous == "and"):
            return False
        part = self.lexicon.longest([word], 0)
        owners = [self.reading.thing(at) for at in clause.pending_subjects or clause.subjects]
        made_of = part is not None and part.noun.kind == "part" and len(phrase.text.split()) > 2
        return made_of or any(word in self.lexicon.fittings(owner.noun.name) for owner in owners)

    def _denies(self, phrase: NounPhrase) -> bool:
        """Note a thing that must not be there; a denial reaches over "or" and lists of bare nouns."""
        reading, clause = self.reading, self.reading.clause
        if clause.negated and reading.goes_on():
            word = reading.chunks[reading.at - 1].text
            listed = not phrase.determined or word in ("or", "nor") or (clause.negated != "no" and word == "and")
            clause.negated = clause.negated if listed and not phrase.numbered else ""
        if not (phrase.negated or clause.negated) or phrase.noun is None:
            return False
        clause.negated, clause.pending = clause.negated or "no", ""
        self.scene.exclude(phrase.noun.name, phrase.text)
        return True

    def _names_the_picture(self, phrase: NounPhrase, noun: Noun) -> bool:
        """Tell whether the phrase only names the picture ("a street scene without ..."), and take its place."""
        opens = self.reading.previous in ("", "frame", "style", "stop") and not self.reading.clause.pending
        left = self.reading.next_kind() in ("negate", "has", "break", "relative")
        if not opens or not (noun.name == "scene" or (noun.name in self.lexicon.depictions and left)):
            return False
        self.scene.background += [word for word in phrase.modifiers if self.lexicon.is_place(word)]
        return True

    def _part(self, phrase: NounPhrase) -> None:
        """Read a part of a thing: "with blue eyes" is the thing's own, "on its back" is no place of its own."""
        clause = self.reading.clause
        owners = [thing for thing in map(self.reading.thing, clause.pending_subjects) if not thing.complement]
        if clause.pending == "with" and owners:
            for thing in owners:
                thing.complement = f"with {phrase.text}"
            clause.last_relation = "part"
        elif self.reading.previous == "and" and clause.last_relation == "part":
            for thing in map(self.reading.thing, clause.subjects):
                thing.complement += f" and {phrase.text}"
        elif clause.company:
            self._at_part(clause.company[0], held=clause.pending in ("inside", "below"))
        self.scene.explain(phrase.text, f"part of {self.scene.names(clause.pending_subjects) or 'the scene'}")
        clause.pending = ""

    def _at_part(self, host: int, *, held: bool) -> None:
        """Link what is "in its mouth" or "on its roof" to the thing whose part it is."""
        for i in self.reading.clause.subjects:
            if held:
                self.scene.link(host, "holding", i)
            else:
                self.scene.link(i, "on", host)

    def _is_background(self, phrase: NounPhrase, noun: Noun) -> bool:
        place, pending = noun.kind == "place" and not phrase.numbered, self.reading.clause.pending
        sheltered = pending == "below" and noun.name in SHELTERS
        return place and not self.counts.active and pending not in NEVER_BACKGROUND and not sheltered

    def _background(self, phrase: NounPhrase, noun: Noun) -> None:
        clause, words = self.reading.clause, phrase.text
        if noun.name in EMPTY_PLACES and not phrase.modifiers:
            words = phrase.complement.removeprefix("of ")
        self.details.add_background(words)
        clause.pending = ""
        if self.reading.previous in ("", "frame", "stop", "style"):
            clause.subjects = []
        if clause.opens:
            clause.forward.pop()

    def _stand_in(self, phrase: NounPhrase) -> None:
        """Read "one", "the other", "a black one": the next of several things, or one more like the last thing."""
        things = self.scene.things
        if phrase.definite and phrase.modifiers and (known := self._known_by(phrase.modifiers)) is not None:
            if not self.counts.take(known):
                self.relations.fill(known, phrase)
            return
        group = next((thing for thing in reversed(things) if 1 < thing.count > thing.told), None)
        if group is not None:
            self.reading.telling_apart = True
            member = group.tell_apart(phrase.count, phrase.modifiers)
            self.scene.explain(phrase.text, " ".join((member, *phrase.modifiers)))
        elif things:
            self._thing(replace(phrase, definite=False), things[-1].noun)
        else:
            self.details.unread(Chunk("unread", None, phrase.text))

    def _known_by(self, looks: tuple[str, ...]) -> int | None:
        """Return the thing that "the blue one" means: the only one of which that was said."""
        found = [at for at, thing in enumerate(self.scene.things) if set(looks) <= thing.all_modifiers]
        return found[0] if len(found) == 1 else None

    def _thing(self, phrase: NounPhrase, noun: Noun) -> None:
        index = self.counts.named_before(phrase)
        if index is None:
            index = self.scene.add(phrase, noun, *self.counts.count(phrase))
            traits.coloured_differently(self.scene.things[index], phrase.text)
        self.reading.telling_apart = False
        if (side := phrase.modifiers[:1]) in (("left",), ("right",)):
            self.relations.set_zone([index], (side, False))
        if not self.counts.take(index):
            self.relations.fill(index, phrase)

    def _nobody(self, chunk: Chunk) -> None:
        self.scene.exclude(chunk.value, chunk.text)

    def _negate(self, chunk: Chunk) -> None:
        self.reading.clause.negated = chunk.text

    def _and(self, chunk: Chunk) -> None:
        if self.reading.clause.between is None:
            self.reading.clause.pending = ""

    def _stop(self, chunk: Chunk) -> None:
        self.reading.end_clause()
        self.counts.counting = False

    def _break(self, chunk: Chunk) -> None:
        if self.reading.clause.subjects:
            self.reading.end_clause()
        self.reading.clause.negated = ""

    def _frame(self, chunk: Chunk) -> None:
        clause = self.reading.clause
        clause.pending, clause.subjects, clause.anchor = "", [], None

    def _aux(self, chunk: Chunk) -> None:
        self.reading.clause.verb_seen = True
