"""Reading what is to be added: "two red cats", "another dog", "a cat sleeping", "a plastic one"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from eligen.assistant.dialogue.kinds import plain
from eligen.assistant.dialogue.meanings import Newcomer
from eligen.assistant.dialogue.sentence import Sentence, Slotted
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.language.nounphrase import NounPhrase, NounPhraseReader
from eligen.assistant.language.tokens import number
from eligen.assistant.language.traits import read_palette

REACH = 12
BARE = 0.3
JOINERS = ("and", ",", "plus", "&", "or")
MORE = ("more", "additional", "further", "extra", "new", "second", "third", "fourth")
PARTS = ("with", "wearing", "holding", "carrying")


class NewcomerReader:
    """Slot readers for things that are not there yet."""

    def __init__(self, lists: WordLists) -> None:
        self.lists = lists
        self.lexicon = lists.lexicon
        self.noun_phrases = NounPhraseReader(lists.lexicon)

    def newcomers(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read one or several new things: "a cat, two dogs and a tree"."""
        found: list[Slotted] = []
        open_ends = [Slotted((), at)]
        while open_ends:
            done, start, cost = open_ends.pop()
            for new, end, extra in text.slot("NEW", start):
                each, end = self._each(text, new, end)
                listed = Slotted((*done, *each), end, cost + extra)
                found.append(listed)
                joined = end
                while joined < len(text) and text.tokens[joined] in JOINERS:
                    joined += 1
                if joined > end and len(listed.value) < REACH:
                    open_ends.append(Slotted(listed.value, joined, listed.cost))
        yield from sorted(found, key=lambda hit: -hit.end)

    def _each(self, text: Sentence, new: Newcomer, end: int) -> tuple[list[Newcomer], int]:
        """Return "three balloons, red, blue and yellow" as three of their own, others as they are, and the end."""
        several = new.numbered and new.count > 1 and end < len(text)
        palette = read_palette(text.tokens, end, new.count, self.lexicon) if several else None
        if palette is None:
            return [new], end
        _, colours, length = palette
        return [replace(new, count=1, words=(*new.words, colour)) for colour in colours], end + length

    def newcomer(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read one noun phrase for new things, with what is said of them behind it."""
        ends = set[int]()
        for stop in range(min(len(text), at + REACH), at, -1):
            hit = self.noun_phrases.read(text.tokens[:stop], at, bare=True)
            if hit is None or hit[1] in ends or (new := self._newcomer(hit[0])) is None:
                continue
            ends.add(hit[1])
            cost = self._strangeness(hit[0])
            yield Slotted(new, hit[1], cost)
            yield from self._with_tail(text, new, hit[1], cost)

    def counted(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a number of things: "three rockets", "only one dog"."""
        for new, end, cost in text.slot("NEW", at):
            if new.numbered and not new.more and not new.tail and new.noun is not None:
                yield Slotted(new, end, cost)

    def some(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read some of several: "one seagull", "two of them", "one", "another one"."""
        for new, end, cost in text.slot("NEW", at):
            if not new.tail and (new.numbered or text.tokens[at] in ("one", "another")):
                yield Slotted(new, end, 0.0 if " of " in new.text else cost)

    def pointed(self, text: Sentence, at: int) -> Iterator[tuple[Newcomer, int]]:
        """Yield the one thing that a noun phrase behind "this" or "my" names, and where it ends; long phrases first."""
        ends = set[int]()
        for stop in range(min(len(text), at + REACH), at, -1):
            hit = self.noun_phrases.read(text.tokens[:stop], at, bare=True)
            new = self._newcomer(replace(hit[0], determined=True)) if hit and hit[1] not in ends else None
            if hit and new is not None and new.noun is not None:
                ends.add(hit[1])
                yield replace(new, more=False), hit[1]

    def noun(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a bare noun phrase without an article of its own."""
        for new, end, cost in text.slot("NEW", at):
            if text.tokens[at] not in ("a", "an", "the") and new.noun is not None:
                yield Slotted(new, end, max(cost - BARE, 0.0))

    def _newcomer(self, phrase: NounPhrase) -> Newcomer | None:
        words = tuple(word for word in phrase.modifiers if word not in MORE)
        first = phrase.text.split()[0]
        more = len(words) < len(phrase.modifiers) or first in ("another", "more")
        if phrase.negated or first in (
            "all",
            "each",
            "every",
            "both",
            "this",
            "that",
            "these",
            "those",
            "its",
            "their",
        ):
            return None
        said = set(phrase.text.split())
        if self.lists.set("persons") & said or (first == "the" and said & {"other", "others"}):
            return None
        if phrase.noun is None:
            if phrase.text.split()[-1] not in ("one", "ones", "another") or phrase.definite:
                return None
            if not phrase.modifiers and first not in ("another", "one"):
                return None
            return Newcomer(phrase.text, None, words, phrase.count, phrase.numbered, more)
        last = phrase.text.split()[-1]
        if (phrase.noun.kind == "part" and not phrase.determined) or last in self.lists.set("markings"):
            return None
        no_things = self.lists.set("unplaceable") | self.lists.set("fruitless") | self.lists.set("markings")
        if phrase.noun.name in no_things or self.lists.is_no_noun(phrase.noun):
            return None
        colours, noun = plain(phrase.noun, self.lexicon)
        words = (*words, *colours)
        if first == "some" and not phrase.plural:
            phrase = replace(phrase, count=1)
        name = phrase.named or f"{noun.name} {phrase.complement}".strip()
        return Newcomer(phrase.text, noun, words, phrase.count, phrase.numbered, more, name)

    def _strangeness(self, phrase: NounPhrase) -> float:
        """Return how unlikely a noun phrase is to name something new."""
        cost = 0.5 * phrase.definite
        if phrase.noun is not None:
            cost += (0.3 + 0.5 * (not phrase.determined)) * (not phrase.noun.known) + 0.3 * (
                phrase.noun.kind in ("abstract", "place", "part")
            )
            cost += BARE * (not phrase.determined and not phrase.plural)
        known = (self.lexicon.is_adjective, self.lexicon.is_participle, self.lists.set("patterns").__contains__)
        tables = (self.lists.table("big"), self.lists.set("more colours"), self.lists.set("shades"), MORE, ("and", ","))
        odd = [w for w in phrase.modifiers if not any(f(w) for f in known) and not any(w in t for t in tables)]
        first = phrase.text.split()[0]
        act = self.lexicon.verbs.get(first) == first and not self.lexicon.is_adjective(first)
        cost += 0.6 * (act and not phrase.determined and first not in self.lexicon.nouns)  # "breathe fire"
        return cost + 0.15 * len(odd) + len(self.lists.orders & {*odd})

    def _with_tail(self, text: Sentence, new: Newcomer, end: int, cost: float) -> Iterator[Slotted]:
        """Yield a new thing with its pose, what it has, or what it is made of: "sleeping", "with a red hat"."""
        tokens = text.tokens
        if end >= len(tokens):
            return
        start = end + (2 if tokens[end : end + 2] in (["that", "is"], ["which", "is"], ["who", "is"]) else 0)
        word = tokens[start] if start < len(tokens) else "."
        if self.lexicon.verbs.get(word) in self.lexicon.set("poses") and word.endswith("ing"):
            yield Slotted(replace(new, tail=word), start + 1, cost + 0.02)
        if word in PARTS and start + 1 < len(tokens):
            for stop in range(min(len(tokens), start + REACH), start + 1, -1):
                hit = self.noun_phrases.read(tokens[:stop], start + 1, bare=True)
                if hit and hit[1] == stop and hit[0].noun and not (word == "with" and hit[0].definite):
                    tail = " ".join(tokens[start:stop])
                    yield Slotted(replace(new, tail=tail), stop, cost + 0.1 + 0.2 * (not hit[0].noun.known))
        behind = start > end or word in ("in", "made", "out") or self.lexicon.is_adjective(word)
        if behind and number(word, self.lexicon) is None:
            for look, after, extra in text.slot("LOOK", start):
                if look.words:
                    yield Slotted(replace(new, words=(*new.words, *look.words)), after, cost + extra + 0.1)
