"""Reading one noun phrase: determiner, count, open-class adjectives, head noun, and its "of" part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eligen.assistant.language import traits
from eligen.assistant.language.lexicon import Lexicon, Match, Noun
from eligen.assistant.language.opening import Opening, read_content, read_opening

BARE_PLURAL = 3
DEEPEST = 3
PRONOUN_HEADS = frozenset(("one", "ones", "other", "others"))


@dataclass(frozen=True)
class NounPhrase:
    """What one noun phrase says; `noun` is None where it stands for a thing named before ("a black one")."""

    noun: Noun | None
    text: str
    modifiers: tuple[str, ...] = ()
    count: int = 1
    exact: bool = False
    numbered: bool = False
    plural: bool = False
    determined: bool = False
    definite: bool = False
    negated: bool = False
    named: str = ""
    complement: str = ""


class NounPhraseReader:
    """Reads noun phrases off a token list with a lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon

    def read(
        self, tokens: Sequence[str], at: int, depth: int = 0, *, bare: bool = False
    ) -> tuple[NounPhrase, int] | None:
        """Return the noun phrase that starts there and the index after it, or None.

        `depth` counts nested "of"s; `bare` takes an unlisted singular without a determiner for a noun too.
        """
        opening = read_opening(tokens, at, self.lexicon)
        start = at + opening.length
        if opening.numbered and tokens[start : start + 1] == ["of"]:
            return self._some_of(tokens, at, start + 1, opening)
        content = read_content(tokens, start, self.lexicon)
        stands_in = content[-1:] and content[-1] in PRONOUN_HEADS
        head = None if stands_in else self._head(content, opening, bare)
        if head is None:
            adjectives = opening.length and content and all(map(self.lexicon.is_adjective, content))
            if stands_in or opening.other or adjectives:
                return self._stand_in(tokens, at, start, content, opening), start + len(content)
            return None
        match, first = self._owner(*head, content)
        owned = match is not head[0]
        if opening.numbered and (opening.count or 1) > 1:
            match = self.lexicon.one_of_pair(match)
        end = start + first + match.length
        phrase = NounPhrase(
            noun=match.noun,
            text=" ".join(tokens[at:end]),
            modifiers=tuple(w for w in content[: first - owned] if w != ","),
            count=self._count(opening, match),
            exact=opening.exact or (opening.count is None and not match.plural),
            numbered=opening.numbered,
            plural=match.plural,
            determined=opening.determined,
            definite=opening.definite,
            negated=opening.negated,
            named=match.noun.name if match.noun.name in self.lexicon.pairs else "",
        )
        of_all = traits.read(tokens, end) is not None and match.plural and match.noun.kind != "part"
        if tokens[end : end + 1] == ["of"] and depth < DEEPEST and not of_all:
            return self._with_complement(phrase, tokens, at, end, depth)
        return phrase, end

    def _some_of(
        self, tokens: Sequence[str], at: int, after_of: int, opening: Opening
    ) -> tuple[NounPhrase, int] | None:
        """Read "two of the dogs" as that many dogs, and "one of them" as a thing named before."""
        count = opening.count or 1
        if tokens[after_of : after_of + 1] == ["them"]:
            return NounPhrase(None, " ".join(tokens[at : after_of + 1]), (), count, exact=True), after_of + 1
        if (inner := self.read(tokens, after_of, DEEPEST)) is None:
            return None
        phrase, end = inner
        return replace(phrase, text=" ".join(tokens[at:end]), count=count, exact=True, numbered=True), end

    def _count(self, opening: Opening, match: Match) -> int:
        if opening.count is not None:
            return opening.count
        return BARE_PLURAL if match.plural and match.noun.name not in self.lexicon.pairs else 1

    def _stand_in(self, tokens: Sequence[str], at: int, start: int, content: list[str], opening: Opening) -> NounPhrase:
        text = " ".join(tokens[at : start + len(content)])
        modifiers = tuple(word for word in content if word not in PRONOUN_HEADS | {",", "and"})
        return NounPhrase(None, text, modifiers, opening.count or 1, opening.exact, definite=opening.definite)

    def _head(self, words: list[str], opening: Opening, bare: bool) -> tuple[Match, int] | None:
        """Return the head noun and where it starts: the last noun before a verb, an adverb or a plural's end."""
        best: tuple[Match, int] | None = None
        at = 0
        while at < len(words):
            match = self.lexicon.longest(words, at)
            if best and self._ends_at(words, at, best[0], match, opening):
                break
            if words[at].endswith("'s"):
                best = None
            elif match and not (best is None and self._describes(match, words, at)):
                best = match, at
                at += match.length
                if match.plural and match.noun.name not in self.lexicon.pairs:
                    break
                continue
            elif best:
                best = self.lexicon.unknown(words[at]), at
            at += 1
        return best or self._unknown_head(words, bare or opening.determined)

    def _owner(self, match: Match, first: int, words: list[str]) -> tuple[Match, int]:
        """Return the elephant of "the elephant's back" and the car of "the car hood", other heads as they are."""
        if match.noun.kind != "part" or not first:
            return match, first
        owner = self.lexicon.longest([words[first - 1].removesuffix("'s")], 0)
        fits = owner is not None and owner.noun.kind in ("thing", "person", "animal")
        return (Match(owner.noun, match.length, plural=False), first) if owner and fits else (match, first)

    def _describes(self, match: Match, words: list[str], at: int) -> bool:
        """Tell whether a noun that is also an adjective ("baby", "toy") describes a later noun."""
        later = range(at + match.length, len(words))
        return match.noun.name in self.lexicon.adjectives and any(self.lexicon.longest(words, k) for k in later)

    def _ends_at(self, words: list[str], at: int, head: Match, match: Match | None, opening: Opening) -> bool:
        """Tell whether the word after a noun no longer belongs to its phrase."""
        word, lexicon = words[at], self.lexicon
        compound = word in lexicon.set("compound_participles") and at + 1 < len(words)
        if compound or (match and match.length > 1):
            return False
        if word in lexicon.set("adverbs") or (lexicon.is_adjective(word) and not match):
            return True
        if lexicon.is_participle(word) and not match:
            return True
        if match is None and word.endswith("ly"):
            return True
        if word not in lexicon.verbs:
            return word in PRONOUN_HEADS or (match is not None and match.plural and opening.count == 1)
        if word in lexicon.words["irregular"] or (word.endswith("s") and not match):
            return True
        if match is None:
            return head.plural
        return match.plural and (opening.count in (None, 1)) and not head.plural

    def _unknown_head(self, words: list[str], determined: bool) -> tuple[Match, int] | None:
        """Return an unlisted noun: the last word before a verb or adverb, if a determiner or plural shows a noun."""
        end, lexicon = 0, self.lexicon
        for at, word in enumerate(words):
            fitting = at > 0 and lexicon.is_adjective(words[at - 1]) and word in lexicon.all_fittings  # "black sails"
            inflected = word in lexicon.verbs and (end > 0 or lexicon.verbs[word] != word)
            verb = lexicon.is_participle(word) or (inflected and word not in lexicon.adjectives and not fitting)
            if end and (verb or word.endswith("ly") or word in lexicon.set("adverbs")):
                break
            plain = word not in ("and", ",") and word not in PRONOUN_HEADS and not word.endswith("'s")
            if plain and not verb and not lexicon.is_adjective(word):
                end = at + 1
        if not end:
            return None
        match = lexicon.unknown(words[end - 1])
        return (match, end - 1) if determined or match.plural else None

    def _with_complement(
        self, phrase: NounPhrase, tokens: Sequence[str], at: int, end: int, depth: int
    ) -> tuple[NounPhrase, int]:
        """Read "of ...": groups count their members, parts stand for the whole, containers keep it as words."""
        inner, after = self.read(tokens, end + 1, depth + 1) or (None, end)
        if inner is None or inner.noun is None or phrase.noun is None:
            return phrase, end
        name, text = phrase.noun.name, " ".join(tokens[at:after])
        tied = name == "bunch" and inner.noun.kind not in ("person", "animal")
        if name in self.lexicon.groups and not inner.numbered and not tied:
            if name == "pair" and (two := tokens[after - 1]) in self.lexicon.pairs:
                one = replace(inner, text=text, count=phrase.count, exact=phrase.exact)
                return replace(one, modifiers=(), named=" ".join(("pair of", *inner.modifiers, two))), after
            size = self.lexicon.groups[name] * phrase.count
            exact = name in ("pair", "couple", "trio", "duo", "dozen") and phrase.exact
            return replace(inner, text=text, count=size, exact=exact, determined=True, negated=phrase.negated), after
        if phrase.noun.kind == "part":
            return replace(inner, text=text), after
        complement = "of " + " ".join(tokens[end + 1 : after])
        if name in self.lexicon.measures or tied:
            named = " ".join((*phrase.modifiers, name, complement))
            return replace(phrase, noun=inner.noun, text=text, modifiers=(), named=named), after
        return replace(phrase, text=text, complement=complement), after
