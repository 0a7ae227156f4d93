"""Reading comparisons of numbers as they come along in a sentence."""

from __future__ import annotations

from eligen.assistant.language import comparisons
from eligen.assistant.language.chunks import Chunk
from eligen.assistant.language.comparisons import Comparison
from eligen.assistant.language.nounphrase import NounPhrase
from eligen.assistant.language.reading import Reading

VAGUE = 2


class CountReader:
    """Keeps the open comparison of a reading and its first side."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.comparison: Comparison | None = None
        self.first: int | None = None
        self.counting = False
        self.bound = 0

    @property
    def active(self) -> bool:
        """Whether the next noun is a side of a comparison."""
        return self.comparison is not None or self.counting

    def number_of(self, chunk: Chunk) -> None:
        """Read "the number of": what follows is counted, not shown again."""
        self.counting = True

    def take_bound(self, chunk: Chunk) -> None:
        """Read "more than" before a number."""
        self.bound = chunk.value

    def compare(self, chunk: Chunk) -> None:
        """Open a comparison."""
        self.comparison = chunk.value

    def than(self, chunk: Chunk) -> None:
        """Read "than" and "than that of": the second side follows."""
        self.counting = False

    def outnumber(self, chunk: Chunk) -> None:
        """Open a comparison whose first side is the subject."""
        self.comparison = chunk.value
        self.first = self.reading.clause.subjects[-1] if self.reading.clause.subjects else None

    def count(self, phrase: NounPhrase) -> tuple[int, bool]:
        """Return how many a new thing is, and whether that was said outright."""
        if self.comparison is not None and not phrase.numbered:
            return VAGUE, False
        bound, self.bound = self.bound, 0
        return max(phrase.count + bound, 1), phrase.exact and not bound and not (self.counting and phrase.plural)

    def named_before(self, phrase: NounPhrase) -> int | None:
        """Return the thing that "the cat", a compared noun or a later number repeats."""
        things = self.reading.scene.things
        for i, thing in enumerate(things):
            compared = any(i in (first, second) for first, _, second in self.reading.scene.comparisons)
            if compared and phrase.numbered and not thing.exact and thing.noun == phrase.noun:
                thing.count, thing.exact = phrase.count, True
                return i
        if not self.active and (phrase.numbered or not phrase.definite):
            return None
        places_anew = self.reading.next_kind() == "zone"
        fitting = (
            i
            for i, thing in enumerate(things)
            if thing.noun == phrase.noun
            and set(phrase.modifiers) <= thing.all_modifiers
            and not (places_anew and thing.zone)
        )
        return next(fitting, None)

    def take(self, index: int) -> bool:
        """Take a thing as a side of the comparison; False where none is open."""
        scene, clause = self.reading.scene, self.reading.clause
        if self.comparison is None:
            if self.counting:
                self.counting, self.first = False, index
                return True
            return False
        self.counting = False
        if self.first is None:
            self.first, clause.subjects = index, [index]
        elif index != self.first:
            scene.comparisons.append((self.first, self.comparison, index))
            scene.explanation.append(
                f"number of {scene.names([self.first])} {self.comparison.op} number of {scene.names([index])}"
            )
            self.comparison = self.first = None
            clause.subjects = [*clause.subjects, index]
        return True

    def settle(self) -> None:
        """Choose the counts that were left open so that the comparisons hold; note those that cannot."""
        scene = self.reading.scene
        counts = [thing.count for thing in scene.things]
        failures = comparisons.settle(counts, [thing.exact for thing in scene.things], scene.comparisons)
        scene.notices += [f"the numbers asked for contradict the comparison: {failure}" for failure in failures]
        for thing, count in zip(scene.things, counts, strict=True):
            thing.count = count
