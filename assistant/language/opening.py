"""The words of a noun phrase before its head: how many and which (the opening), and the content words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eligen.assistant.language.lexicon import Lexicon
from eligen.assistant.language.tokens import is_mark, number

LONGEST_OPENING = 8
LONGEST_CONTENT = 12
DEFINITE = frozenset(("the", "this", "that", "these", "those"))
SINGLE = frozenset(("another", "each", "every", "this", "that"))


@dataclass(frozen=True)
class Opening:
    """The words before the adjectives: how many, and how determined."""

    length: int = 0
    count: int | None = None
    exact: bool = False
    numbered: bool = False
    determined: bool = False
    definite: bool = False
    negated: bool = False
    other: bool = False


def read_opening(tokens: Sequence[str], at: int, lexicon: Lexicon) -> Opening:
    """Read determiners, numbers and quantifiers ("the two other", "a few", "no")."""
    found, end = Opening(), at
    while end < min(len(tokens), at + LONGEST_OPENING):
        piece = _piece(found, tokens, end, lexicon)
        if piece is None:
            break
        found, length = piece
        end += length
        found = replace(found, length=end - at)
    return found


def _piece(found: Opening, tokens: Sequence[str], at: int, lexicon: Lexicon) -> tuple[Opening, int] | None:
    """Return the opening with the next determiner or number added, and that one's length in words."""
    token = tokens[at]
    if not found.length and (hit := lexicon.phrases("negative_determiners").match(tokens, at)):
        return replace(found, negated=True, determined=True), hit[1]
    if hit := lexicon.phrases("exact").match(tokens, at):
        return replace(found, count=hit[0], exact=True, numbered=True, determined=True), hit[1]
    if hit := lexicon.phrases("vague").match(tokens, at):
        return replace(found, count=hit[0], exact=False, determined=True), hit[1]
    if (value := number(token, lexicon)) is not None and not _is_pronoun(tokens, at, lexicon):
        count = value * (found.count or 1) if value in (100, 1000) else value
        several = token not in ("a", "an")
        return replace(found, count=count, exact=True, numbered=several, determined=True), 1
    if token in lexicon.set("determiners"):
        single = 1 if token in SINGLE else found.count
        other = token in ("another", "other")
        return replace(found, count=single, definite=token in DEFINITE, determined=True, other=other), 1
    return None


def _is_pronoun(tokens: Sequence[str], at: int, lexicon: Lexicon) -> bool:
    """Tell whether "one" stands for a thing: nothing that it could count follows."""
    return tokens[at] == "one" and not read_content(tokens, at + 1, lexicon) and tokens[at + 1 : at + 2] != ["of"]


def read_content(tokens: Sequence[str], start: int, lexicon: Lexicon) -> list[str]:
    """Return the words up to the next closed-class word; a comma or "and" between adjectives stays inside."""
    words: list[str] = []
    end = start
    while end < min(start + LONGEST_CONTENT, len(tokens)):
        match = lexicon.longest(tokens, end)
        length = match.length if match else 1
        joins = tokens[end] in ("and", ",") and bool(words) and _joins_adjectives(words, tokens, end, lexicon)
        if length == 1 and not joins and _closes(tokens, end, start, lexicon):
            break
        words += tokens[end : end + length]
        end += length
    return words


def _closes(tokens: Sequence[str], at: int, start: int, lexicon: Lexicon) -> bool:
    """Tell whether a token belongs to no noun phrase that started before it."""
    token, following = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else "."
    if is_mark(token) or (number(token, lexicon) is not None and token != "one"):
        return True
    if token not in lexicon.stops or (at == start > 0 and _is_side(tokens, start, lexicon)):
        return following == "than" and token.endswith("er")
    auxiliaries = lexicon.set("auxiliaries")
    ends = is_mark(following) or (following in lexicon.stops and following not in auxiliaries)
    return not (token in lexicon.nouns and token in auxiliaries and ends)


def _is_side(tokens: Sequence[str], at: int, lexicon: Lexicon) -> bool:
    """Tell whether "left" or "right" is an adjective there ("the left dog")."""
    following = tokens[at + 1] if at + 1 < len(tokens) else "."
    zone_noun = following in lexicon.set("zone_nouns") or following == "hand"
    known = None if is_mark(following) else lexicon.longest(tokens, at + 1)
    return tokens[at] in ("left", "right") and tokens[at - 1] == "the" and known is not None and not zone_noun


def _joins_adjectives(words: list[str], tokens: Sequence[str], at: int, lexicon: Lexicon) -> bool:
    """Tell whether an "and" or comma stands between adjectives of one noun ("a tall, thin and old man")."""
    following, after = (*tokens[at + 1 : at + 3], ".", ".")[:2]
    noun_seen = any(lexicon.longest(words, k) for k, word in enumerate(words) if not lexicon.is_adjective(word))
    describes = lexicon.is_adjective(following) or lexicon.is_participle(following)
    noun_follows = after in ("and", ",") or not (is_mark(after) or after in lexicon.stops)
    return describes and noun_follows and not noun_seen and words[-1] not in ("and", ",")
