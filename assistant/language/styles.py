"""Reading style words: "a watercolour of", "in the style of", ", pixel art"."""

from __future__ import annotations

from collections.abc import Sequence

from eligen.assistant.language.lexicon import Lexicon
from eligen.assistant.language.tokens import is_mark

FOLLOWS_MEDIUM = frozenset(
    ("of", "with", "showing", "depicting", "featuring", "where", "that", "which", "containing", "has", "in")
)
MARKERS = frozenset(["in", "as", "with", "using"])
ARTICLES = frozenset(["a", "an", "the"])
LONGEST = 5
HUNG = frozenset(("hanging", "hangs", "hung", "wall"))

StyleChunk = tuple[str, str, int]


def read(tokens: Sequence[str], at: int, lexicon: Lexicon, *, opening: bool, apart: bool) -> StyleChunk | None:
    """Return the style chunk that starts there.

    `opening`: nothing but requests came before, so "a photo of" is the medium; `apart`: a mark came before.
    """
    medium = _medium(tokens, at, lexicon) if opening else None
    return medium or _manner(tokens, at, lexicon) or (_bare(tokens, at, lexicon) if apart else None)


def _medium(tokens: Sequence[str], at: int, lexicon: Lexicon) -> StyleChunk | None:
    """Read "a realistic photo of": the words that are not plain "picture" or "scene" are the style."""
    start = at + (tokens[at] in ARTICLES)
    for end in range(start, min(start + LONGEST, len(tokens))):
        word = tokens[end]
        following = tokens[end + 1] if end + 1 < len(tokens) else ""
        styled = lexicon.phrases("styles").match(tokens, start)
        whole_style = styled is not None and styled[1] == end - start + 1
        if word in lexicon.depictions and not at and HUNG & set(tokens[end:]):
            return None
        if (word in lexicon.depictions or whole_style) and following in FOLLOWS_MEDIUM | {":", ","}:
            if whole_style and following not in ("of", ":", ",") and word not in lexicon.depictions:
                return None
            words = [w for w in tokens[start : end + 1] if w not in lexicon.set("plain_media")]
            if word in lexicon.set("plain_media") and any(map(lexicon.is_place, words)):
                return None
            return "style", " ".join(words), end + 1 - at + (following == "of")
        if is_mark(word) or (word in lexicon.stops and word != "and"):
            return None
    return None


def _manner(tokens: Sequence[str], at: int, lexicon: Lexicon) -> StyleChunk | None:
    """Read "in the style of X", "in X style" and "in watercolour"."""
    if tokens[at] not in MARKERS:
        return None
    start = at + 1 + (tokens[at + 1 : at + 2] != [] and tokens[at + 1] in ARTICLES)
    nouns = lexicon.set("style_nouns")
    if start < len(tokens) and tokens[start] in nouns and tokens[start + 1 : start + 2] == ["of"]:
        end = start + 2
        while end < len(tokens) and not is_mark(tokens[end]) and end < start + 2 + LONGEST:
            end += 1
        return "style", " ".join(tokens[start + 2 : end]), end - at
    for end in range(start, min(start + LONGEST, len(tokens))):
        if end > start and tokens[end] in ("style", "styles") and _closes(tokens, end + 1, lexicon):
            return "style", " ".join(tokens[start:end]), end + 1 - at
        if is_mark(tokens[end]) or (tokens[end] in lexicon.stops and tokens[end] != "and"):
            break
    return _listed(tokens, at, start, lexicon)


def _bare(tokens: Sequence[str], at: int, lexicon: Lexicon) -> StyleChunk | None:
    """Read ", pixel art": a listed style alone between marks that is not also a thing."""
    noun = lexicon.longest(tokens, at) if not is_mark(tokens[at]) else None
    styled = lexicon.phrases("styles").match(tokens, at)
    if noun and not (styled and styled[1] > noun.length):
        return None
    if styled or tokens[at] in ARTICLES:
        return _listed(tokens, at, at + (tokens[at] in ARTICLES), lexicon)
    for end in range(at + 1, min(at + LONGEST, len(tokens))):
        if tokens[end] == "style" and _closes(tokens, end + 1, lexicon):
            return "style", " ".join(tokens[at:end]), end + 1 - at
        if is_mark(tokens[end]) or tokens[end] in lexicon.stops:
            return None
    return None


def _listed(tokens: Sequence[str], at: int, start: int, lexicon: Lexicon) -> StyleChunk | None:
    if start >= len(tokens) or not (hit := lexicon.phrases("styles").match(tokens, start)):
        return None
    end = start + hit[1]
    end += end < len(tokens) and tokens[end] in lexicon.set("style_nouns")
    if not _closes(tokens, end, lexicon) or tokens[end : end + 1] == ["of"]:
        return None
    return "style", hit[0], end - at


def _closes(tokens: Sequence[str], end: int, lexicon: Lexicon) -> bool:
    return end >= len(tokens) or is_mark(tokens[end]) or tokens[end] in lexicon.stops
