"""Where the reading of a text stands: the clause, its subjects, and what still waits for a noun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from eligen.assistant.language.chunks import Chunk
from eligen.assistant.language.lexicon import Lexicon
from eligen.assistant.language.scene import Scene, Thing

GOES_ON = frozenset(("and", "comma"))
SPATIAL = frozenset(("left", "right", "above", "below", "on", "next"))
SIDEWAYS = ("left", "right", "above", "below")
Zone = tuple[tuple[str, ...], bool]


@dataclass
class Clause:
    """One clause so far.

    `subjects` are what it is about and `anchor` the object of its last relation; `pending` is a relation of
    `pending_subjects` that still wants its object; `forward` are relations and places said before their subject;
    `company` are the holders of what "with" brought in; `chained` is an object that carries the subjects.
    """

    subjects: list[int] = field(default_factory=list)
    anchor: int | None = None
    pending: str = ""
    pending_subjects: list[int] = field(default_factory=list)
    company: list[int] = field(default_factory=list)
    forward: list[tuple[str, int | Zone | None]] = field(default_factory=list)
    between: int | None = None
    chained: int | None = None
    last_relation: str = ""
    verb_seen: bool = False
    negated: str = ""

    @property
    def opens(self) -> bool:
        """Whether a relation was said whose subject comes later."""
        return bool(self.forward) and self.forward[-1][0] == "pending"


@dataclass
class Reading:
    """The state that the readers of nouns, relations and small words share."""

    lexicon: Lexicon
    chunks: Sequence[Chunk]
    scene: Scene = field(default_factory=Scene)
    clause: Clause = field(default_factory=Clause)
    topic: list[int] = field(default_factory=list)
    at: int = 0
    previous: str = ""
    telling_apart: bool = False

    def thing(self, index: int) -> Thing:
        return self.scene.things[index]

    def next_kinds(self, count: int, *skipped: str) -> list[str]:
        """Return the kinds of the next chunks, leaving out the skipped kinds."""
        kinds = (chunk.kind for chunk in self.chunks[self.at + 1 : self.at + 1 + 2 * count])
        return [kind for kind in kinds if kind not in skipped][:count]

    def next_kind(self) -> str:
        return self.chunks[self.at + 1].kind if self.at + 1 < len(self.chunks) else "stop"

    def goes_on(self) -> bool:
        return self.previous in GOES_ON

    def end_clause(self) -> None:
        """Close the clause: what it was about is what "it" and "they" will mean."""
        self.topic = self.clause.subjects or self.topic
        self.clause = Clause()

    def relation_opens(self) -> bool:
        """Tell whether a relation opens a clause ("..., and on the table there is a cup")."""
        following = self.next_kinds(3, "skip")
        return self.goes_on() and following in [["noun", kind, "noun"] for kind in ("frame", "aux", "comma")]

    def subjects_of(self, relation: str) -> list[int]:
        """Return who stands in a relation: the last noun, all joined subjects, or subject and object of a chain."""
        clause = self.clause
        if clause.anchor is not None:
            return self._in_chain(relation, clause.anchor)
        if clause.company and relation in SPATIAL:
            return [*clause.company, *clause.subjects]
        things = [self.thing(i) for i in clause.subjects]
        heap = relation == "on" and all(thing.noun.stands == "surface" for thing in things)
        several = len(things) > 2 and not heap
        if len(things) > 1 and not clause.verb_seen and (relation in SIDEWAYS or several):
            return clause.subjects[-1:]
        return clause.subjects

    def _in_chain(self, relation: str, anchor: int) -> list[int]:
        """Return who stands in a relation said after another one's object: "a cat on a chair under a window"."""
        clause = self.clause
        if clause.last_relation == "inside" or (relation == "on" and clause.last_relation in ("on", "above")):
            return [anchor]
        together = clause.last_relation in SPATIAL and relation in SPATIAL
        if not together or (relation == "on" and clause.last_relation == "below"):
            return clause.subjects
        clause.chained = anchor if clause.last_relation in ("on", "above", "below") else None
        return [*clause.subjects, anchor]

    def antecedents(self, kind: str, subjects: list[int]) -> list[int]:
        """Return what "it", "him" or "them" stands for: the topic, or the last thing that fits."""
        if kind in ("none", "each other"):
            return []
        topic = [i for i in self.topic if i not in subjects]
        if kind == "all":
            return topic
        others = [i for i in range(len(self.scene.things)) if i not in subjects]
        fits = [i for i in others if (self.thing(i).noun.kind == "person") == (kind == "person")]
        return [i for i in topic if i in fits][:1] or topic[:1] or fits[-1:] or others[-1:]
