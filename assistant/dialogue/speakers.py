"""Reading on whose behalf something is asked: "she", "my daughter and I", "the client", "Ella"."""

from __future__ import annotations

from collections.abc import Iterator

from eligen.assistant.dialogue.sentence import Sentence, Slotted
from eligen.assistant.dialogue.wordlists import WordLists

PRONOUNS = frozenset(("i", "we", "he", "she", "they", "you"))
OWNERS = frozenset(("my", "our", "the", "his", "her", "their", "your"))
NAMED = 0.3  # an unknown word may be a name, or a thing


class SpeakerReader:
    """The slot reader for people who are not in the picture."""

    def __init__(self, lists: WordLists) -> None:
        self.lists = lists

    def who(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read one person, or somebody "and I"."""
        for said, end, cost in self._one(text, at):
            yield Slotted(said, end, cost)
            if text.tokens[end : end + 2] == ["and", "i"]:
                yield Slotted(said, end + 2, cost)

    def _one(self, text: Sentence, at: int) -> Iterator[Slotted]:
        tokens, roles = text.tokens, self.lists.lexicon.set("roles")
        first = tokens[at]
        if first in PRONOUNS:
            yield Slotted(first, at + 1)
        elif first in OWNERS:
            for end in (at + 2, at + 3):
                if end <= len(tokens) and tokens[end - 1] in roles:
                    yield Slotted(tokens[end - 1], end)
        elif first in roles:
            yield Slotted(first, at + 1, 0.05)
        elif first.isalpha() and not self.lists.knows(first):
            yield Slotted(first, at + 1, NAMED)
