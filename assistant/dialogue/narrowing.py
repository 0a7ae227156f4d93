"""Reading what is said behind a reference to narrow it down: "on the left", "that is red", "you just added"."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from eligen.assistant.dialogue.meanings import Reference, Spot
from eligen.assistant.dialogue.sentence import Sentence, Slotted
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.language.nounphrase import NounPhraseReader

REACH = 12
HAVING = ("with", "wearing", "holding", "carrying", "that has", "in")


class Narrower:
    """Reads on behind references."""

    def __init__(self, lists: WordLists) -> None:
        self.lists = lists
        self.lexicon = lists.lexicon
        self.noun_phrases = NounPhraseReader(lists.lexicon)

    def narrowed(self, text: Sentence, hit: Slotted) -> Iterator[Slotted]:
        """Yield a reference with what is said behind it: "on the left", "furthest to the left", "that you added"."""
        reference: Reference = hit.value
        yield from self._taken_up(text, hit)
        if reference.kind not in ("noun", "one", "other", "all"):
            return
        start = self._relative(text, hit.end)
        for word, end in self._extremes(text, start):
            longer = self._longer(text, reference, hit.end, end, words=(word, *reference.words))
            yield Slotted(longer, end, hit.cost + 0.05)
        if reference.kind == "other":
            return
        for spot, end, cost in (*text.slot("SPOT", start), *self._nearest(text, start)):
            far = 0.05 if spot.region else 0.12
            where = (*reference.where, spot)
            yield Slotted(self._longer(text, reference, hit.end, end, where=where), end, hit.cost + cost + far)
        for words, end, cost in (*self._looking(text, hit.end, start), *self._having(text, start)):
            longer = self._longer(text, reference, hit.end, end, words=(*reference.words, *words))
            yield Slotted(longer, end, hit.cost + cost + 0.05)

    def _taken_up(self, text: Sentence, hit: Slotted) -> Iterator[Slotted]:
        """Yield a reference with the pronoun that takes it up again: "the dog he must be in the middle"."""
        pronoun, verb = (*text.tokens[hit.end : hit.end + 2], ".", ".")[:2]
        if pronoun in ("he", "she", "it", "they") and verb in self.lexicon.set("auxiliaries") | {"has", "needs"}:
            yield Slotted(hit.value, hit.end + 1, hit.cost + 0.1)

    def _looking(self, text: Sentence, at: int, start: int) -> Iterator[Slotted]:
        """Yield the adjectives of "that is red"."""
        for look, end, cost in text.slot("LOOK", start) if start > at else ():
            yield Slotted(look.words, end, cost)

    def _having(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Yield what is said with "with the white fur", "wearing a hat"."""
        if at + 1 >= len(text) or text.tokens[at] not in HAVING:
            return
        for stop in range(min(len(text), at + REACH), at + 1, -1):
            hit = self.noun_phrases.read(text.tokens[:stop], at + 1, bare=True)
            if hit and hit[1] == stop and hit[0].noun is not None:
                own = hit[0].noun.kind == "part" or hit[0].noun.name in self.lists.set("markings")
                words = hit[0].modifiers if own else (*hit[0].modifiers, hit[0].noun.name)
                yield Slotted(words, stop, 0.1 if own or hit[0].definite else 0.9)

    def _nearest(self, text: Sentence, at: int) -> Iterator[Slotted]:
        for start in text.grammar.ends("nearest", text, at):
            for things, end, cost in text.slot("THINGS", start):
                yield Slotted(Spot(" ".join(text.tokens[at:end]), relation="next", of=things), end, cost)

    def _longer(self, text: Sentence, reference: Reference, at: int, end: int, **fields: Any) -> Reference:
        said = " ".join((reference.text, *text.tokens[at:end]))
        return replace(reference, text=said, **fields)

    def _relative(self, text: Sentence, at: int) -> int:
        """Return where a phrase goes on behind "that is", "standing", "located"; `at` itself without one."""
        return next(iter(text.grammar.ends("standing", text, at)), at)

    def _extremes(self, text: Sentence, at: int) -> Iterator[tuple[str, int]]:
        """Yield "furthest to the left", "from the right", "(that) you just added" as words, and where they end."""
        tokens, table = text.tokens, self.lists.table("sides")
        for end in text.grammar.ends("most_towards", text, at):
            end += tokens[end : end + 1] == ["the"]
            if end < len(tokens) and tokens[end] in table:
                after = end + 1
                while after < len(tokens) and tokens[after] in (*self.lists.lists["edge"], "hand"):
                    after += 1
                yield table[tokens[end]], after
        start = at + 1 + (tokens[at + 1 : at + 2] == ["the"])
        if tokens[at : at + 1] == ["from"] and start < len(tokens) and tokens[start] in table:
            yield f"from {table[tokens[start]]}", start + 1
        for end in text.grammar.ends("just_added", text, at):
            yield "new", end


def just_done(tokens: Sequence[str], at: int, verbs: Collection[str]) -> int:
    """Return where "the one (that) you have just moved" ends, 0 where nothing like it starts; `verbs` are past."""
    end = at + 1 if tokens[at] == "what" else at + 2
    if tokens[at] != "what" and tokens[at:end] not in (["the", "one"], ["the", "ones"], ["the", "thing"]):
        return 0
    end += tokens[end : end + 1] in (["that"], ["which"])
    if tokens[end : end + 1] not in (["you"], ["i"], ["we"]):
        return 0
    end += 1
    while tokens[end : end + 1] in (["have"], ["had"], ["just"], ["last"]):
        end += 1
    return end + 1 if tokens[end : end + 1] and tokens[end] in verbs else 0
