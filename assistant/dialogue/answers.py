"""Understanding the answer to an open question: which of its options is meant."""

from __future__ import annotations

from collections.abc import Sequence

from eligen.assistant.dialogue.grammar import grammar
from eligen.assistant.dialogue.messages import sentences
from eligen.assistant.dialogue.references import choose
from eligen.assistant.dialogue.sentence import Sentence
from eligen.assistant.dialogue.settling import named_ids
from eligen.assistant.dialogue.work import Missing, Unclear, Work
from eligen.assistant.language.tokens import number
from eligen.assistant.plan import Option, Question

LONGEST = 8
ASSENT = frozenset(("one", "go", "ahead", "course", "of", "is", "a", "please", "thanks", "it", "that", "so", "add"))


def option(text: str, question: Question, work: Work) -> Option | None:
    """Return the option that an answer means; None when it matches none of them, or several."""
    words = _words(text)
    if not words or not question.options:
        return None
    answer = Answer(words, question.options, work)
    return answer.same() or answer.by_number() or answer.by_yes() or answer.by_words() or answer.by_reference()


def _words(text: str) -> list[str]:
    return [word for sentence in sentences(text) for word in sentence.tokens if word[0].isalnum()]


class Answer:
    """The words of an answer, and the options that it may mean."""

    def __init__(self, words: Sequence[str], options: Sequence[Option], work: Work) -> None:
        self.words = words
        self.options = options
        self.labels = [_words(one.label) for one in options]
        self.work = work
        self.lists = work.lists

    def same(self) -> Option | None:
        """Return the option whose label the answer is."""
        return next((one for one, label in zip(self.options, self.labels, strict=True) if label == self.words), None)

    def by_number(self) -> Option | None:
        """Read "2", "option two", "the second one", where no label says such a word itself."""
        rest = [word for word in self.words if word not in self.lists.set("answering")]
        if len(rest) != 1 or any(rest[0] in label for label in self.labels):
            return None
        value = number(rest[0], self.lists.lexicon) or self.lists.table("ordinals").get(rest[0])
        every = self.lists.set("every")
        single = [
            one for one, label in zip(self.options, self.labels, strict=True) if one.edits and not every & {*label}
        ]
        if value is None or not 1 <= abs(value) <= len(single):
            return None
        return single[value - 1 if value > 0 else value]

    def by_yes(self) -> Option | None:
        """Read a yes or a no, where labels begin with these words."""
        starts = {label[0]: one for one, label in zip(self.options, self.labels, strict=True) if label}
        if (
            "yes" in starts
            and self.words[0] in self.lists.set("yes")
            and {*self.words} <= self.lists.set("yes") | ASSENT
        ):
            return starts["yes"]
        names = any(self.lists.lexicon.longest(self.words, at) for at in range(len(self.words)))
        if "no" in starts and self.words[0] in self.lists.set("no") and len(self.words) <= LONGEST // 2 and not names:
            return starts["no"]
        return None

    def by_words(self) -> Option | None:
        """Return the only option whose label has all the telling words of the answer."""
        every = self.lists.set("every")
        telling = {self._plain(word) for word in self.words} - self.lists.set("answering") - every
        if len(self.words) > LONGEST or not (telling or every & {*self.words}):
            return None
        fitting = [
            one
            for one, label in zip(self.options, self.labels, strict=True)
            if telling <= {*map(self._plain, label)} and bool(every & {*self.words}) == bool(every & {*label})
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _plain(self, word: str) -> str:
        """Return words for the same side, size or place in a row as one word."""
        for table in ("sides", "ordinals", "measures"):
            if word in self.lists.table(table):
                return f"{table} {self.lists.table(table)[word]}"
        return {"grey": "gray"}.get(word, word)

    def by_reference(self) -> Option | None:
        """Return the option about the thing that an answer such as "the one next to the tree" means."""
        abouts = [{entity_id for edit in one.edits for entity_id in named_ids(edit)} for one in self.options]
        common = set.intersection(*abouts) if all(abouts) else set()
        told = {entity_id for ids in abouts for entity_id in ids} - common
        candidates = [entity for entity in self.work.layout.entities if entity.id in told]
        for references, end, _ in Sentence(self.words, grammar(self.lists.lexicon)).slot("THINGS", 0):
            if end < len(self.words) or len(references) != 1:
                continue
            try:
                found = {entity.id for entity in choose(self.work, references[0], candidates)}
            except (Missing, Unclear):
                continue
            fitting = [one for one, ids in zip(self.options, abouts, strict=True) if found and ids & told == found]
            if len(fitting) == 1:
                return fitting[0]
        return None
