"""Reading one noun phrase: determiner, count, open-class adjectives, head noun, and its "of" part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eligen.assistant.language.lexicon import Lexicon, Match, Noun
from eligen.assistant.language.tokens import is_mark, number

BARE_PLURAL = 3
DEEPEST = 3
LONGEST_OPENING = 8
LONGEST_CONTENT = 12
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


@dataclass(frozen=True)
class _Opening:
    """The words before the adjectives: how many, and how determined."""

    length: int = 0
    count: int | None = None
    exact: bool = False
    numbered: bool = False
    determined: bool = False
    definite: bool = False
    negated: bool = False
    other: bool = False


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
        opening = self._opening(tokens, at)
        start = at + opening.length
        if opening.numbered and tokens[start : start + 1] == ["of"]:
            return self._some_of(tokens, at, start + 1, opening)
        content = self._content(tokens, start)
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
        if tokens[end : end + 1] == ["of"] and depth < DEEPEST:
            return self._with_complement(phrase, tokens, at, end, depth)
        return phrase, end

    def _some_of(
        self, tokens: Sequence[str], at: int, after_of: int, opening: _Opening
    ) -> tuple[NounPhrase, int] | None:
        """Read "two of the dogs" as that many dogs, and "one of them" as a thing named before."""
        count = opening.count or 1
        if tokens[after_of : after_of + 1] == ["them"]:
            return NounPhrase(None, " ".join(tokens[at : after_of + 1]), (), count, exact=True), after_of + 1
        if (inner := self.read(tokens, after_of, DEEPEST)) is None:
            return None
        phrase, end = inner
        return replace(phrase, text=" ".join(tokens[at:end]), count=count, exact=True, numbered=True), end

    def _count(self, opening: _Opening, match: Match) -> int:
        if opening.count is not None:
            return opening.count
        return BARE_PLURAL if match.plural and match.noun.name not in self.lexicon.pairs else 1

    def _stand_in(
        self, tokens: Sequence[str], at: int, start: int, content: list[str], opening: _Opening
    ) -> NounPhrase:
        text = " ".join(tokens[at : start + len(content)])
        modifiers = tuple(word for word in content if word not in PRONOUN_HEADS | {",", "and"})
        return NounPhrase(None, text, modifiers, opening.count or 1, opening.exact, definite=opening.definite)

    def _opening(self, tokens: Sequence[str], at: int) -> _Opening:
        found, end = _Opening(), at
        while end < min(len(tokens), at + LONGEST_OPENING):
            if (hit := self.lexicon.phrases("negative_determiners").match(tokens, end)) and not found.length:
                found = replace(found, negated=True, determined=True)
            elif hit := self.lexicon.phrases("exact").match(tokens, end):
                found = replace(found, count=hit[0], exact=True, numbered=True, determined=True)
            elif hit := self.lexicon.phrases("vague").match(tokens, end):
                found = replace(found, count=hit[0], exact=False, determined=True)
            elif (value := number(tokens[end], self.lexicon)) is not None and not self._is_pronoun(tokens, end):
                several = tokens[end] not in ("a", "an")
                count = value * (found.count or 1) if value in (100, 1000) else value
                found = replace(found, count=count, exact=True, numbered=several, determined=True)
                hit = (value, 1)
            elif tokens[end] in self.lexicon.set("determiners"):
                definite = tokens[end] in ("the", "this", "that", "these", "those")
                other = tokens[end] in ("another", "other")
                one = 1 if tokens[end] in ("another", "each", "every", "this", "that") else found.count
                found = replace(found, count=one, definite=definite, determined=True, other=other)
                hit = (tokens[end], 1)
            else:
                break
            end += hit[1]
            found = replace(found, length=end - at)
        return found

    def _is_pronoun(self, tokens: Sequence[str], at: int) -> bool:
        """Tell whether "one" stands for a thing: nothing that it could count follows."""
        return tokens[at] == "one" and not self._content(tokens, at + 1) and tokens[at + 1 : at + 2] != ["of"]

    def _content(self, tokens: Sequence[str], start: int) -> list[str]:
        """Return the words up to the next closed-class word; a comma or "and" between adjectives stays inside."""
        words: list[str] = []
        end = start
        while end < min(start + LONGEST_CONTENT, len(tokens)):
            token = tokens[end]
            if (match := self.lexicon.longest(tokens, end)) and match.length > 1:
                words += tokens[end : end + match.length]
                end += match.length
                continue
            adjectives_go_on = token in ("and", ",") and words and self._joins_adjectives(words, tokens, end)
            if not adjectives_go_on and self._closes(tokens, end, start):
                break
            words.append(token)
            end += 1
        return words

    def _closes(self, tokens: Sequence[str], at: int, start: int) -> bool:
        """Tell whether a token belongs to no noun phrase that started before it."""
        token, following = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else "."
        if is_mark(token) or (number(token, self.lexicon) is not None and token != "one"):
            return True
        if token not in self.lexicon.stops or (at == start > 0 and self._side(tokens, start)):
            return following == "than" and token.endswith("er")
        ends = is_mark(following) or following in self.lexicon.stops - self.lexicon.set("auxiliaries")
        return not (token in self.lexicon.nouns and token in self.lexicon.set("auxiliaries") and ends)

    def _side(self, tokens: Sequence[str], at: int) -> bool:
        """Tell whether "left" or "right" is an adjective there ("the left dog")."""
        following = tokens[at + 1] if at + 1 < len(tokens) else "."
        zone_noun = following in self.lexicon.set("zone_nouns") or following == "hand"
        known = self.lexicon.longest(tokens, at + 1) if not is_mark(following) else None
        return tokens[at] in ("left", "right") and tokens[at - 1] == "the" and known is not None and not zone_noun

    def _joins_adjectives(self, words: list[str], tokens: Sequence[str], at: int) -> bool:
        following = tokens[at + 1] if at + 1 < len(tokens) else "."
        last = words[-1]
        first_noun = any(
            self.lexicon.longest(words, k) for k in range(len(words)) if not self.lexicon.is_adjective(words[k])
        )
        describes = self.lexicon.is_adjective(following) or self.lexicon.is_participle(following)
        after = tokens[at + 2] if at + 2 < len(tokens) else "."
        closed = is_mark(after) and after != ","
        noun_follows = not closed and (after not in self.lexicon.stops or after in ("and", ","))
        return describes and noun_follows and not first_noun and last not in ("and", ",")

    def _head(self, words: list[str], opening: _Opening, bare: bool) -> tuple[Match, int] | None:
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

    def _ends_at(self, words: list[str], at: int, head: Match, match: Match | None, opening: _Opening) -> bool:
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
            verb = lexicon.is_participle(word) or (word in lexicon.verbs and word not in lexicon.adjectives)
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
