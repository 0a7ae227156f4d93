"""A request's prompts in the words that a model knows: what an entity is painted as, the whole picture says too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from eligen.tools.nounphrases import DETERMINERS, article, singular, words
from eligen.tools.vocabulary import ARTICLE, Vocabulary


@dataclass(frozen=True)
class Wording:
    """The prompts to paint with, and what the user should know about them, a line each."""

    prompt: str
    entity_prompts: tuple[str, ...]
    notices: tuple[str, ...] = ()


def in_known_words(vocabulary: Vocabulary | None, prompt: str, entity_prompts: Sequence[str]) -> Wording:
    """Return the prompts in the vocabulary's words; without entities the prompt's own noun is what matters."""
    if vocabulary is None:
        return Wording(prompt, tuple(entity_prompts))
    if not entity_prompts:
        translated, notices = vocabulary.translate(prompt)
        return Wording(translated, (), tuple(notices))
    known, lines = zip(*map(vocabulary.translate, entity_prompts), strict=True)
    for said, meant in zip(entity_prompts, known, strict=True):
        if said != meant:
            prompt = _carried(prompt, said, meant, vocabulary)
    return Wording(prompt, known, tuple(line for some in lines for line in some))


def cuts(limits: Sequence[tuple[str, int]], count: Callable[[str], int]) -> Iterator[str]:
    """Yield a line for each text that has, by `count`, more tokens than its limit."""
    for text, most in limits:
        if (tokens := count(text)) > most:
            yield f"prompt cut to its first {most} of {tokens} tokens: {text[:40]!r}..."


def _carried(prompt: str, said: str, meant: str, vocabulary: Vocabulary) -> str:
    """Return the prompt with the noun that changed between `said` and `meant` changed there too, plurals in plural."""
    old, new = _change(said, meant)
    match = vocabulary.find(" ".join(new))
    if match is None:
        return prompt
    entry = vocabulary.entries[match.noun]
    *before, last = old
    forms = {last, f"{last}s", f"{last}es", singular(last)}
    found = words(prompt)
    for end in range(len(found), len(before), -1):
        start, word = end - len(old), found[end - 1]
        same = word.lower in forms or singular(word.lower) == last
        if same and [other.lower for other in found[start : end - 1]] == before:
            plural = match.plural if word.lower == last else len(word.lower) > len(last)
            name = entry.plural if plural else entry.noun
            prompt = ARTICLE.sub(_agreeing(name), prompt[: found[start].start]) + name + prompt[word.end :]
    return prompt


def _change(said: str, meant: str) -> tuple[list[str], list[str]]:
    """Return the words of both texts without determiners and without what they begin and end with alike."""
    old, new = ([word.lower for word in words(text) if word.lower not in DETERMINERS] for text in (said, meant))
    while min(len(old), len(new)) > 1 and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while min(len(old), len(new)) > 1 and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return old, new


def _agreeing(name: str) -> Callable[[re.Match[str]], str]:
    return lambda found: found[1] + article(name)[1:] + found[2]
