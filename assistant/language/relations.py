"""Reading relations: prepositions, verbs, "with" and pronouns, and which things they join."""

from __future__ import annotations

from typing import cast

from eligen.assistant.items import Relation
from eligen.assistant.language.carrying import CARRIED, TURNED, carrying, worn
from eligen.assistant.language.chunks import Chunk
from eligen.assistant.language.nounphrase import NounPhrase
from eligen.assistant.language.reading import GOES_ON, Reading, Zone

PLAIN = frozenset(("loose", "with"))


class RelationReader:
    """Joins the things of a reading as its chunks come."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    # --- what opens a relation

    def relation(self, chunk: Chunk) -> None:
        """Read a preposition: it waits for its object, or, said first, for its subject."""
        reading, clause, relation = self.reading, self.reading.clause, chunk.value
        if reading.previous == "negate":
            reading.scene.notices.append(f'not read: a denied relation ("{chunk.text}")')
        goes_on = clause.negated == "without" and reading.next_kind() != "pronoun" and reading.previous != "negate"
        if clause.negated and not goes_on:
            clause.negated, clause.pending, clause.pending_subjects = "", "loose", []
            return
        clause.negated = ""
        if relation == "loose" and clause.pending:
            return
        clause.between = None
        if reading.next_kind() == "relative" and clause.subjects:
            host = clause.anchor if clause.anchor is not None else clause.subjects[-1]
            clause.forward, clause.pending, clause.subjects, clause.anchor = [(relation, host)], "", [], None
            return
        if not clause.subjects or self.reading.relation_opens():
            clause.forward.append(("pending", None))
            clause.pending, clause.pending_subjects = relation, []
            return
        clause.pending, clause.pending_subjects = relation, self.reading.subjects_of(relation)
        if reading.next_kind() == "pronoun":
            carried = clause.last_relation in CARRIED and clause.anchor is not None
            clause.pending_subjects = [cast(int, clause.anchor)] if carried else clause.subjects
        if relation == "on" and reading.previous == "verb":
            clause.pending = self._operated(reading.chunks[reading.at - 1].value)
        has_no_object = reading.next_kind() in GOES_ON | {"stop"}
        if has_no_object and relation not in PLAIN | {"on", "inside", "between"}:
            self._refer("one")

    def _operated(self, verb: str) -> str:
        """Return how one stands to a thing one talks or works on."""
        lexicon = self.reading.lexicon
        return "holding" if verb in lexicon.set("handled") else "front" if verb in lexicon.set("worked") else "on"

    def has(self, chunk: Chunk) -> None:
        """Read "with": what follows belongs to the last object, else to the subjects."""
        clause = self.reading.clause
        clause.negated = ""
        clause.pending = "with" if clause.subjects else ""
        clause.pending_subjects = [clause.anchor] if clause.anchor is not None else clause.subjects

    def verb(self, chunk: Chunk) -> None:
        """Read a verb: a pose of its subjects, and perhaps a relation to the noun that follows."""
        reading, clause, base = self.reading, self.reading.clause, chunk.value
        at_object = reading.previous == "noun" and clause.anchor is not None and clause.last_relation not in CARRIED
        acting = [cast(int, clause.anchor)] if at_object else clause.subjects
        if clause.company and not any(reading.thing(i).alive for i in acting):
            acting = clause.subjects = clause.company
            clause.company = []
        for thing in map(reading.thing, acting):
            if base in reading.lexicon.set("poses") and not thing.pose and chunk.text.endswith("ing"):
                thing.pose = chunk.text
        clause.verb_seen = True
        if clause.subjects:
            clause.pending = reading.lexicon.words["verb_relations"].get(base, "next")
            clause.pending_subjects = list(clause.subjects)
        reading.scene.explain(chunk.text, f"what {reading.scene.names(acting) or 'something'} does")

    def pronoun(self, chunk: Chunk) -> None:
        """Read "it", "him", "them" as the object of a waiting relation or as subjects."""
        self._refer(chunk.value)

    def _refer(self, kind: str) -> None:
        reading, clause = self.reading, self.reading.clause
        if not clause.pending or clause.pending == "between":
            clause.subjects = [] if kind == "none" else clause.subjects
            clause.subjects = clause.subjects or self.reading.antecedents(kind, [])
            return
        relation, subjects = clause.pending, clause.pending_subjects
        targets = self.reading.antecedents(kind, subjects)
        if not targets and kind in ("one", "person") and len(subjects) > 1:  # "a camel, a tent to the left of it"
            *_, before, last = subjects
            targets, subjects = [before], [last]
        clause.pending = ""
        for target in targets if relation not in PLAIN else ():
            self._relate([i for i in subjects if i not in targets], relation, target)
        if kind == "none":
            clause.subjects, clause.anchor = [], None
        elif targets and reading.previous == "relation":
            clause.subjects, clause.anchor, clause.verb_seen = targets, None, True

    # --- what fills it

    def fill(self, index: int, phrase: NounPhrase) -> None:
        """Join a thing to the relation that waits for it, or make it a subject."""
        reading, clause = self.reading, self.reading.clause
        if clause.between is not None:
            for first in clause.pending_subjects:
                reading.scene.link(first, "between", clause.between, index)
            clause.between, clause.pending, clause.anchor = None, "", index
        elif clause.pending == "between" and reading.thing(index).count == 1:
            clause.between = index
        elif clause.pending:
            self._object(index)
        elif reading.goes_on() and self._carried_too(index):
            self._relate(clause.pending_subjects, clause.last_relation, index)
        elif (
            reading.goes_on() and clause.last_relation == "part" and worn(self.reading, clause.pending_subjects, index)
        ):
            self._relate(clause.pending_subjects, "wearing", index)
        else:
            self._subject(index)

    def _object(self, index: int) -> None:
        clause = self.reading.clause
        relation, subjects = clause.pending, [i for i in clause.pending_subjects if i != index]
        people = all(self.reading.thing(i).noun.kind == "person" for i in subjects)
        if relation == "inside" and people and worn(self.reading, subjects, index):
            relation = "wearing"
        elif relation == "inside" and self.reading.thing(index).last_word in self.reading.lexicon.set("seats"):
            relation = "on"
        clause.pending, clause.last_relation, clause.anchor = "", relation, index
        if clause.opens:
            clause.forward[-1] = (relation, index)
        elif relation == "between":
            other = self.reading.scene.halve(index)
            for first in subjects:
                self.reading.scene.link(first, "between", index, other)
        elif relation == "with":
            self._belonging(subjects, index)
        elif relation not in PLAIN:
            self._relate(subjects, relation, index)

    def _belonging(self, subjects: list[int], index: int) -> None:
        """Read what "with" brings: worn, held or borne by its holder, or just there; what follows is about both."""
        clause = self.reading.clause
        relation = carrying(self.reading, subjects, index)
        if relation and self.reading.next_kinds(2) != ["relation", "pronoun"]:
            clause.last_relation, clause.anchor = relation, index
            self._relate(subjects, relation, index)
        else:
            self.reading.topic = subjects or self.reading.topic
            clause.company = [*clause.company, *subjects]
            clause.subjects, clause.anchor = [index], None

    def _carried_too(self, index: int) -> bool:
        """Tell whether "and ..." goes on with what the clause's subjects hold, wear or bear."""
        clause = self.reading.clause
        if clause.last_relation == "wearing":
            return worn(self.reading, clause.pending_subjects, index)
        person = self.reading.thing(index).noun.kind == "person"
        return clause.last_relation in CARRIED and clause.anchor is not None and not person

    def _subject(self, index: int) -> None:
        """Make a thing what the clause is about, beside the other subjects where "and" joins them."""
        reading, clause = self.reading, self.reading.clause
        if reading.goes_on() and clause.subjects and not clause.verb_seen and clause.anchor is None:
            clause.subjects = [*clause.subjects, index]
        else:
            reading.topic = clause.subjects or reading.topic
            clause.company = clause.company if reading.goes_on() and clause.last_relation == "with" else []
            clause.subjects, clause.anchor, clause.verb_seen = [index], None, False
        clause.last_relation = ""
        for relation, value in clause.forward:
            if isinstance(value, tuple):
                self.set_zone([index], value)
            elif value is not None:
                self._relate([index], relation, value)

    def _relate(self, subjects: list[int], relation: str, index: int) -> None:
        """Link each subject to a thing; where the last subject carries the others, they follow it weakly."""
        chained = bool(subjects) and subjects[-1] == self.reading.clause.chained
        for first in subjects:
            if turned := TURNED.get(relation):
                self.reading.scene.link(index, turned, first)
            else:
                weak = chained and first != subjects[-1] and relation in ("left", "right", "next")
                self.reading.scene.link(first, cast(Relation, relation), index, weak=weak)

    # --- places on the canvas

    def zone(self, chunk: Chunk) -> None:
        """Read "on the left": the place of the last noun, of all subjects after a verb, or of what comes next."""
        reading, clause = self.reading, self.reading.clause
        follows = reading.next_kinds(1, "skip", "aux", "frame", "comma") == ["noun"]
        if clause.last_relation in CARRIED and chunk.value[0] == ("top",):
            reading.scene.explain(chunk.text, f"top of {reading.scene.names(clause.pending_subjects)}")
            return
        if not clause.subjects or (reading.goes_on() and follows):
            clause.forward = [("zone", chunk.value)]
            clause.subjects, clause.anchor = [], None
        else:
            self.set_zone(clause.subjects if clause.verb_seen else clause.subjects[-1:], chunk.value)
        clause.pending = ""

    def set_zone(self, things: list[int], value: Zone) -> None:
        """Put things in a place of the canvas."""
        for thing in map(self.reading.thing, things):
            thing.zone, thing.flush = value
        self.reading.scene.explain(" ".join(value[0]), f"place of {self.reading.scene.names(things)}")
