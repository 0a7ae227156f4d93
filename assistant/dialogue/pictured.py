"""Reading which reference picture is meant: "this", "the attached photo", "the dog in the second picture", "@rex"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from eligen.assistant.dialogue.meanings import Name, Pictured
from eligen.assistant.dialogue.messages import NAMED, OWNERS
from eligen.assistant.dialogue.newcomers import NewcomerReader
from eligen.assistant.dialogue.sentence import Sentence, Slotted
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.language.inflection import article
from eligen.assistant.language.tokens import is_mark

LONGEST_NAME = 3
POINTING = ("this", "that", "these", "those", *OWNERS)
FROM = ("in", "from", "on", "of")
ONE = (("the", "one"), ("that", "one"), ("what", "is"), ("what", "you", "see"), ("the", "thing"))


class PicturedReader:
    """Slot readers for reference pictures and their names."""

    def __init__(self, lists: WordLists, news: NewcomerReader) -> None:
        self.lists = lists
        self.lexicon = lists.lexicon
        self.news = news

    def pictured(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a reference picture, or a thing in one."""
        said = text.tokens[at]
        if said.startswith(NAMED):
            yield Slotted(Pictured(said, name=said.removeprefix(NAMED)), at + 1)
        yield from self._sent(text, at)
        start = at + (said in POINTING)
        attached = next(iter(text.grammar.ends("attached", text, start)), start)
        for new, end in self.news.pointed(text, attached) if at < attached < len(text) else ():
            if new.name not in self.lists.lists["picture"]:
                if said != "the" or attached > start:
                    strange = 0.1 if new.noun is not None and new.noun.known else 0.4
                    yield Slotted(Pictured(" ".join(text.tokens[at:end]), new=new), end, strange)
                if end < len(text) and text.tokens[end] in FROM:
                    for picture, after, cost in self._sent(text, end + 1):
                        yield Slotted(replace(picture, new=new), after, cost)

    def _sent(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Yield "this", "the attached picture", "the second photo", "the picture I sent you"."""
        one = next((len(words) for words in ONE if tuple(text.tokens[at : at + len(words)]) == words), 0)
        start = at + one + 1 if one and text.tokens[at + one : at + one + 1] in ([word] for word in FROM) else at
        for hit in text.grammar.match("@sent", text, start) if start < len(text) else ():
            words = text.tokens[at : hit.end]
            nth = next(
                (self.lists.table("ordinals")[word] for word in words if word in self.lists.table("ordinals")), -1
            )
            yield Slotted(Pictured(" ".join(words), nth - (nth > 0)), hit.end, 0.1)

    def name(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a name: "rex", "my logo", "my dog rex"."""
        start = at + (text.tokens[at] in OWNERS)
        tokens = [token.removeprefix(NAMED) for token in text.tokens]
        end = next((i for i in range(start, len(text)) if is_mark(tokens[i])), len(text))
        words = " ".join(tokens[start:end]).split()
        if not 0 < len(words) <= LONGEST_NAME or not all(word.replace("-", "").isalnum() for word in words):
            return
        noun = self.lexicon.longest(words, 0) if words else None
        known = " ".join(words[: noun.length]) if noun else ""
        if words[0] in self.lexicon.stops or known in self.lists.lists["picture"]:
            return
        common = start == at and (
            known == " ".join(words) or words[0] in self.lists.known | {*self.lists.lists["nice"]}
        )
        words = words[noun.length :] if noun and noun.length < len(words) else words
        owned = known or (" ".join(words) if start > at else "")
        yield Slotted(Name(" ".join(words), f"{article(owned)} {owned}" if owned else ""), end, 0.1 + common)
