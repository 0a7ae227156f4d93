"""Reading looks: "red", "black and white", "made of wood", "a darker shade of blue", "the same colour as the car"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from eligen.assistant.dialogue.meanings import Look
from eligen.assistant.dialogue.sentence import Sentence, Slotted
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.language.inflection import present_participle
from eligen.assistant.language.tokens import is_mark, number

MOST_WORDS = 6
AFTER_POSE = ("and", "please", "under", "on", "in", "next", "beside", "behind", "near", "by", "below", "above", "at")
WITH = ("with", "to", "at", "after", "for", "from", "against", "about")
MADE = ("made", "built", "out", "covered")
OUT_OF = [["out", "of"], ["of"], ["from"], ["in"], ["with"], ["have"], ["having"]]
OUT_OF += [[made, *words] for made in MADE for words in OUT_OF]
ENDS = ("one", "ones", "version", "variant", "colored", "coloured", "looking", "all", "over")


class Word(NamedTuple):
    """An adjective: where it ends and how doubtful it is."""

    words: tuple[str, ...]
    end: int
    cost: float = 0.0


class LookReader:
    """Slot readers for adjectives said of things."""

    def __init__(self, lists: WordLists) -> None:
        self.lists = lists
        self.lexicon = lists.lexicon
        self.opening = lists.set("look opening")
        self.no_acts = (lists.orders - lists.set("deeds")) | lists.set("states")

    def look(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read adjectives, colours, materials, patterns and poses."""
        found: dict[int, Slotted] = {}
        for start in self._openings(text, at):
            for hit in (*self._adjectives(text, start), *self._made_of(text, start), *self._like(text, start)):
                look = Look(" ".join(text.tokens[at : hit.end]), hit.value.words, hit.value.like)
                cost = hit.cost + 0.6 * self._is_thing(text.tokens[at : hit.end])
                if hit.end not in found or cost < found[hit.end].cost:
                    found[hit.end] = Slotted(look, hit.end, cost)
        return iter(sorted(found.values(), key=lambda hit: -hit.end))

    def _is_thing(self, tokens: list[str]) -> bool:
        """Tell whether words such as "an orange" name a thing and not its colour."""
        return tokens[0] in ("a", "an") and tokens[-1] in self.lexicon.nouns

    def plain_look(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a look whose every word is known to be one."""
        return (hit for hit in text.slot("LOOK", at) if hit.cost <= 0.1)

    def act(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a verb that things do something with: "chase", "chases", "is chasing", "look at", "play with"."""
        start = at + (text.tokens[at] in ("be", "is", "are"))
        word = text.tokens[start] if start < len(text) else "."
        base = self.lexicon.verbs.get(word)
        progressive = word.endswith("ing")
        if base is None or base in self.no_acts or (start > at and not progressive):
            return
        cost = 0.1 if base == word or progressive else 0.3
        yield Slotted(base, start + 1, cost)
        if text.tokens[start + 1 : start + 2] and text.tokens[start + 1] in WITH:
            yield Slotted(base, start + 2, cost + 0.05)

    def _openings(self, text: Sentence, at: int) -> list[int]:
        """Return where adjectives may start: there, and behind "a", "the colour", "very", "a shade of"."""
        tokens, starts = text.tokens, [at]
        end = at
        while hit := self.lists.find("amounts", tokens, end):
            end = hit[1]
            starts.append(end)
        while end < len(tokens) and end < at + 3 and tokens[end] in self.opening:
            end += 1
            starts.append(end)
        if tokens[at] in ("in", "to", "into", "as", "with") and at + 1 < len(tokens):
            starts += [at + 1, at + 2] if tokens[at + 1] in ("a", "the", "an") else [at + 1]
        for start in list(starts):
            for after in text.grammar.ends("finish", text, start):
                starts.append(after + (tokens[after : after + 1] == ["of"]))
        return sorted({start for start in starts if start < len(tokens)})

    def _adjectives(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Yield lists of adjectives of every length, closed by "one" or "colour" where it is said."""
        words: tuple[str, ...] = ()
        cost, end = 0.0, at
        while len(words) < MOST_WORDS and (word := self._word(text, end)):
            words, cost, end = (*words, *word.words), cost + word.cost, word.end
            yield Slotted(Look("", words), end, cost)
            after = end
            while after < len(text) and text.tokens[after] in ENDS:
                after += 1
                yield Slotted(Look("", words), after, cost)
            for closed in text.grammar.ends("finish", text, end):
                yield Slotted(Look("", words), closed, cost)
            joined = end
            while joined < len(text) and text.tokens[joined] in ("and", ","):
                joined += 1
            if joined > end:
                both = text.tokens[end] == "and" and self._coloured(words[-1]) and self._word(text, joined)
                words = (*words, "and") if both and self._coloured(both.words[0]) else words
                if not self._word(text, joined):
                    return
                end = joined

    def _word(self, text: Sentence, at: int) -> Word | None:
        """Return the adjective that starts there."""
        tokens = text.tokens
        if at >= len(tokens) or is_mark(tokens[at]) or tokens[at] == "and":
            return None
        word = tokens[at]
        if hit := self.lists.find("shades", tokens, at):
            return Word((hit[0],), hit[1])
        if (
            word in self.lists.set("comparatives")
            or word in self.lists.table("big")
            or word in self.lists.table("ordinals")
            or word in self.lists.set("no look")
        ):
            return None
        if self._coloured(word) or self.lexicon.is_adjective(word) or word in self.lists.set("patterns"):
            noun = self.lexicon.longest(tokens, at)
            several = noun is not None and noun.length > 1
            return None if several else Word((word,), at + 1, 0.0 if noun is None or self._coloured(word) else 0.1)
        if self.lexicon.verbs.get(word) in self.lexicon.set("poses") and (
            word.endswith("ing") or self._caused(text, at)
        ):
            return Word((present_participle(self.lexicon.verbs[word]),), at + 1, 0.1)
        return self._doubtful(text, at)

    def _caused(self, text: Sentence, at: int) -> bool:
        """Tell whether a bare verb ends what is said of a thing, as in "make the cat sleep (under the tree)"."""
        return at > 1 and (at + 1 >= len(text) or is_mark(text.tokens[at + 1]) or text.tokens[at + 1] in AFTER_POSE)

    def _coloured(self, word: str) -> bool:
        return self.lexicon.is_colour(word) or word in self.lists.set("more colours") | self.lists.set("shades")

    def _doubtful(self, text: Sentence, at: int) -> Word | None:
        """Return a word that no list has, where it may be an adjective: no noun, verb, number or small word."""
        word = text.tokens[at]
        closed = word in self.lexicon.stops or word in self.lists.lists["small_words"] or len(word) < 3
        known = self.lexicon.longest(text.tokens, at) is not None or word in self.lexicon.verbs
        participle = self.lexicon.is_participle(word) or word.endswith(
            ("y", "ish", "ful", "ous", "ic", "less", "like", "al")
        )
        if closed or (known and not participle) or number(word, self.lexicon) is not None or word in self.lexicon.nouns:
            return None
        if word in self.lexicon.set("adverbs") or self.lists.find("amounts", text.tokens, at):
            return None
        if word.endswith("ed") and text.tokens[at + 1 : at + 2] in (["off"], ["on"], ["up"], ["down"], ["out"]):
            return Word((f"{word}-{text.tokens[at + 1]}",), at + 2, 0.2)
        return Word((word,), at + 1, 0.25 if participle else 0.9)

    def _made_of(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read "made of wood", "with stripes", and the bare "stripes"."""
        starts = [
            (at, 0.35),
            *((at + len(words), 0.0) for words in OUT_OF if text.tokens[at : at + len(words)] == words),
        ]
        for start, cost in starts:
            first = start
            while first < len(text) and (text.tokens[first] in self.opening or self._word(text, first)):
                first += 1
                if first - start > 3:
                    break
            for begin in dict.fromkeys((start, first)):
                if hit := self.lists.find("made of", text.tokens, begin):
                    before = tuple(w for w in text.tokens[start:begin] if w not in self.opening)
                    yield Slotted(Look("", (*before, hit[0])), hit[1], cost)

    def _like(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read "the same colour as the car", "like the car"."""
        for end in text.grammar.ends("same_look", text, at):
            for things, after, cost in text.slot("THINGS", end):
                yield Slotted(Look("", like=things), after, cost)
