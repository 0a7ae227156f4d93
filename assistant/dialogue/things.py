"""Reading references: "the second dog", "both of them", "the ball furthest to the left", "everything but the cat"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from eligen.assistant.dialogue.kinds import plain
from eligen.assistant.dialogue.meanings import Reference
from eligen.assistant.dialogue.messages import NAMED
from eligen.assistant.dialogue.narrowing import Narrower, just_done
from eligen.assistant.dialogue.sentence import Sentence, Slotted
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.language.nounphrase import NounPhrase, NounPhraseReader
from eligen.assistant.language.tokens import number

REACH = 12
COMMA = 0.8  # "the cat, the dog" alone is seldom one list
JOINERS = ("and", ",", "or", "plus", "&")
BUT = ("but", "except", "besides", "excluding", "without")
EVERY = ("all", "each", "every", "both", "any", "either")
OPEN = ("in", "on", "at", "by", "near", "with", "wearing", "holding", "carrying", "under", "over")


class ThingReader:
    """Slot readers for things that are in the picture."""

    def __init__(self, lists: WordLists) -> None:
        self.lists = lists
        self.lexicon = lists.lexicon
        self.noun_phrases = NounPhraseReader(lists.lexicon)
        self.narrower = Narrower(lists)

    # --- slots

    def things(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read one or several references, the most words first: "the cat, the dog and both trees"."""
        found: list[Slotted] = []
        open_ends = [Slotted((), at)]
        while open_ends:
            done, start, cost = open_ends.pop()
            loosely = COMMA if len(done) == 1 and text.tokens[start - 1] == "," else 0.0
            for reference, end, extra in text.slot("THING", start):
                listed = Slotted((*done, reference), end, cost + extra)
                found.append(listed._replace(cost=listed.cost + loosely))
                joined = self._joined(text, end)
                if joined and len(listed.value) < REACH:
                    open_ends.append(Slotted(listed.value, joined, listed.cost))
        yield from sorted(self._with_exceptions(text, found), key=lambda hit: -hit.end)

    def plain_things(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read references without an article or pronoun before them: "dogs" of "no dogs"."""
        return (
            hit for hit in text.slot("THINGS", at) if hit.value[0].kind == "noun" and self._is_bare(text.tokens[at])
        )

    def _is_bare(self, word: str) -> bool:
        return word not in self.lexicon.set("determiners") | self.lexicon.set("possessives") | {"a", "an"}

    def _joined(self, text: Sentence, end: int) -> int:
        """Return where the next reference of a list starts, 0 where none does."""
        start = end
        while start < len(text) and text.tokens[start] in JOINERS:
            start += 1
        if text.tokens[end : end + 3] == ["as", "well", "as"]:
            return end + 3
        return start if start > end else 0

    def _with_exceptions(self, text: Sentence, found: list[Slotted]) -> Iterator[Slotted]:
        """Yield references, also with "all_of_them" behind them and less what "except" names."""
        for hit in found:
            yield hit
            ends = {end for start in text.starts(hit.end) for end in text.grammar.ends("all_of_them", text, start)}
            for end in ends:
                every = tuple(replace(reference, number=None) for reference in hit.value)
                yield Slotted(every, end, hit.cost)
            for value, after, cost in [hit, *(Slotted(hit.value, end, hit.cost) for end in ends)]:
                for less in self.less(text, after, value):
                    yield less._replace(cost=cost + less.cost)

    def less(self, text: Sentence, at: int, references: tuple[Reference, ...]) -> Iterator[Slotted]:
        """Yield references less what is excepted there: "but the cat", "except one"."""
        *others, last = references
        for start in self._exceptions(text, at):
            if start < len(text) and (spared := number(text.tokens[start], self.lexicon)) is not None:
                end = start + 3 if text.tokens[start + 1 : start + 3] == ["of", "them"] else start + 1
                yield Slotted((*others, replace(last, spared=spared, number=None)), end, 0.0)
            for without, end, extra in text.slot("THINGS", start) if start < len(text) else ():
                of_them = [
                    replace(one, noun=last.noun, kind=last.kind) if one.kind == "one" else one for one in without
                ]
                yield Slotted((*others, replace(last, without=tuple(of_them), number=None)), end, extra)

    def _exceptions(self, text: Sentence, at: int) -> list[int]:
        tokens, found = text.tokens, []
        at += tokens[at : at + 1] == [","]
        for phrase in (*BUT, "except for", "apart from", "other than", "but not", "with the exception of", "not"):
            words = phrase.split()
            if tokens[at : at + len(words)] == words:
                found.append(at + len(words))
        return found

    def thing(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read one reference."""
        found: dict[int, Slotted] = {}
        for hit in (*self._pronouns(text, at), *self._quantified(text, at), *self._named(text, at)):
            for more in (hit, *self.narrower.narrowed(text, hit)):
                if more.end not in found or more.cost < found[more.end].cost:
                    found[more.end] = more
        return iter(sorted(found.values(), key=lambda hit: -hit.end))

    def owner(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read "its", "their" as the things that they stand for."""
        if hit := self.lists.find("owners", text.tokens, at):
            yield Slotted((Reference(text.tokens[at], kind=hit[0]),), hit[1])

    # --- what a reference may be

    def _pronouns(self, text: Sentence, at: int) -> Iterator[Slotted]:
        if text.tokens[at].startswith(NAMED):
            yield Slotted(Reference(text.tokens[at].removeprefix(NAMED), kind="pictured"), at + 1)
        if hit := self.lists.find("pronouns", text.tokens, at):
            kind, end = hit
            yield Slotted(Reference(" ".join(text.tokens[at:end]), number=None, kind=kind), end)
        if end := just_done(text.tokens, at, self.lists.set("done")):
            yield Slotted(Reference(" ".join(text.tokens[at:end]), number=None, kind="again"), end)

    def _quantified(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read "all of the dogs", "the second of them", "the bigger one of the two dogs"."""
        tokens = text.tokens
        for of in range(at + 1, min(at + 6, len(tokens) - 1)):
            if tokens[of] != "of":
                continue
            words = [word for word in tokens[at:of] if word not in ("the", "one", "ones", "every", "single")]
            words = [] if tokens[at:of] == ["every", "last", "one"] else words
            every = (bool(words) and words[0] in EVERY) or tokens[at] == "every"
            count = number(words[-1], self.lexicon) if words else None
            picks = [word for word in words if word not in EVERY and number(word, self.lexicon) is None]
            if not (every or picks or count) or not all(map(self._picks, picks)):
                continue
            for inner, end, cost in (*self._named(text, of + 1), *self._pronouns(text, of + 1)):
                size = None if every else count or (1 if picks or words == [] else inner.number)
                said = " ".join(tokens[at:end])
                yield Slotted(replace(inner, text=said, words=(*picks, *inner.words), number=size), end, cost)

    def _picks(self, word: str) -> bool:
        """Tell whether a word chooses among equal things."""
        tables = ("ordinals", "sides", "measures", "newness")
        return any(word in self.lists.table(name) for name in tables) or self.lexicon.is_adjective(word)

    def _named(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read noun phrases that start there, of every length: a later word may belong to what is said of them."""
        objects = {"thing": "object", "things": "objects"}
        tokens, ends = [objects.get(token, token) for token in text.tokens], set[int]()
        ordinal = tokens[at] == "the" and at + 2 < len(tokens) and tokens[at + 1] in self.lists.table("ordinals")
        several = ordinal and (number(tokens[at + 2], self.lexicon) or 0) > 1
        start = at + 2 if several else at
        for stop in range(min(len(tokens), start + REACH), start, -1):
            hit = self.noun_phrases.read(tokens[:stop], start, bare=True)
            if hit is None or hit[1] in ends or not (reference := self._reference(hit[0])):
                continue
            ends.add(hit[1])
            words = (tokens[at + 1], *reference.words) if several else reference.words
            said = " ".join(tokens[at : hit[1]])
            owner, words = self._owner_in(tokens[at], words)
            definite = reference.definite or bool(owner)
            reference = replace(reference, text=said, words=words, owner=owner, definite=definite)
            yield Slotted(reference, hit[1], self._strangeness(hit[0], tokens, at))

    def _owner_in(self, first: str, words: tuple[str, ...]) -> tuple[tuple[Reference, ...], tuple[str, ...]]:
        """Return whose a thing is, by "his" or "the man's", and the words said of it without that."""
        if first in self.lists.table("owners"):
            return (Reference(first, kind=self.lists.table("owners")[first]),), words
        for word in words:
            noun = self.lexicon.nouns.get(word.removesuffix("'s")) if word.endswith("'s") else None
            if noun is not None:
                left = tuple(other for other in words if other != word)
                return (Reference(f"the {noun.name}", noun),), left
        return (), words

    def _reference(self, phrase: NounPhrase) -> Reference | None:
        """Return the reference that a noun phrase makes, None where it names no thing."""
        noun, words = phrase.noun, phrase.modifiers
        said = phrase.text.split()
        first = said[0]
        if self.lists.set("persons") & set(said):
            return None
        if noun is None:
            if said == ["one"]:
                return None
            counted, headed = phrase.text.endswith("of them"), said[-1] in ("one", "ones", "other", "others")
            if not counted and (not (headed or phrase.definite) or {"one", "ones"} & set(said[:-1])):
                return None
            plural = phrase.text.split()[-1] in ("ones", "others")
            kind = "other" if "other" in phrase.text.split() or "others" in phrase.text.split() else "one"
            size = None if plural or first in EVERY else phrase.count
            return Reference(phrase.text, None, words, size, kind, phrase.definite)
        colours, noun = plain(noun, self.lexicon)
        words = (*words, *colours)
        if self.lists.is_no_noun(noun) or (" of " in phrase.text and self._part_of(phrase)):
            return None
        if noun.name in self.lists.set("unplaceable") or words[:1] == ("more",) or (phrase.negated and first == "no"):
            return None
        if "other" in phrase.text.split():
            words = ("other", *words)
        whole = first in EVERY or (phrase.plural and not phrase.numbered) or (phrase.definite and phrase.numbered)
        counted = phrase.numbered and " of " in phrase.text
        number = None if (whole and not counted) or first == "both" else phrase.count
        definite = phrase.definite or first in EVERY or not phrase.determined or "other" in words
        return Reference(phrase.text, noun, words, number, "noun", definite)

    def _part_of(self, phrase: NounPhrase) -> bool:
        """Tell whether only a part or a trait of something is meant ("the size of the bird")."""
        before = phrase.text.split(" of ")[0].split()[-1]
        return before != "one" and before in self.lists.set("unplaceable") | self.lists.set("markings")

    def _strangeness(self, phrase: NounPhrase, tokens: list[str], at: int) -> float:
        """Return how unlikely a noun phrase is to be meant as one: unknown nouns, odd adjectives, no article."""
        cost = 0.0
        if phrase.noun is not None:
            cost += (0.3 + 0.5 * (not phrase.determined)) * (not phrase.noun.known) + 0.3 * (
                phrase.noun.kind in ("abstract", "place", "part")
            )
            cost += 0.15 * (not phrase.determined) + 0.6 * (phrase.determined and not self._pointed(phrase))
            first = phrase.modifiers[0] if phrase.modifiers else ""
            cost += 0.4 * (bool(first) and self.lexicon.is_colour(phrase.noun.name))
            cost += 0.6 * (not phrase.determined and first in self.lists.table("bigger"))
        elif not phrase.definite and "other" not in phrase.text.split():
            cost += 1.5 * (tokens[at] in ("a", "an", "another"))
        elif phrase.text == "the one":
            cost += 0.2
        for word in phrase.modifiers:
            cost += 1.0 * (word in self.lists.orders)
            cost += 0.0 if self._picks(word) or word in ("and", ",", "other") else 0.25
        return cost + 0.3 * (tokens[at] in OPEN)

    def _pointed(self, phrase: NounPhrase) -> bool:
        first = phrase.text.split()[0]
        return (
            phrase.definite
            or first in self.lists.table("owners")
            or first in EVERY
            or " of " in phrase.text
            or "other" in phrase.text.split()
        )
