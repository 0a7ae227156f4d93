"""Entity prompts as words: what they say of a thing, and the same thing with another look. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eligen.assistant.dialogue.kinds import plain
from eligen.assistant.dialogue.meanings import Newcomer
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.language.inflection import article, is_plural
from eligen.assistant.language.nounphrase import NounPhraseReader
from eligen.assistant.language.opening import read_opening
from eligen.assistant.language.tokens import tokenise

ORDER = ("other", "colour", "pattern", "material")
BEHIND = frozenset(("with", "wearing", "holding", "carrying", "that", "which", "on", "in", "next", "under", "at"))


@dataclass(frozen=True)
class Wording:
    """A prompt in parts: article, adjectives in groups of one sort, the name with what belongs to it, and the rest."""

    article: str
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    name: str
    tail: tuple[str, ...]

    @property
    def text(self) -> str:
        words = [word for _, group in self.groups for word in group]
        phrase = " ".join((*words, self.name, *self.tail)).strip()
        phrase = phrase.replace(" ,", ",")
        return f"{article(phrase)} {phrase}" if self.article in ("a", "an") else f"{self.article} {phrase}".strip()

    def words(self, *sorts: str) -> tuple[str, ...]:
        """Return the adjectives of these sorts (default: all)."""
        return tuple(word for sort, group in self.groups if not sorts or sort in sorts for word in group)


class Prompts:
    """Reads and rewrites entity prompts with the word lists."""

    def __init__(self, lists: WordLists) -> None:
        self.lists = lists
        self.lexicon = lists.lexicon
        self.noun_phrases = NounPhraseReader(lists.lexicon)

    def read(self, prompt: str) -> Wording:
        """Return a prompt in parts; all of it is the name where it is no noun phrase."""
        tokens = tokenise(prompt)
        hit = self.noun_phrases.read(tokens, 0, bare=True) if tokens else None
        if hit is None or hit[0].noun is None:
            return Wording("", (), prompt, ())
        phrase, end = hit
        start = read_opening(tokens, 0, self.lexicon).length
        colours = plain(phrase.noun, self.lexicon)[0] if phrase.noun else ()
        opening, at, left = " ".join(tokens[:start]), start, [*phrase.modifiers, *colours]
        while at < end and (tokens[at] == "," or (left and tokens[at] == left[0])):
            left = left[tokens[at] != "," :]
            at += 1
        return Wording(
            opening, self._grouped((*phrase.modifiers, *colours)), " ".join(tokens[at:end]), tuple(tokens[end:])
        )

    def described(self, prompt: str, words: Sequence[str]) -> str:
        """Return a prompt with another look: colours replace colours, materials materials, patterns patterns,
        poses poses and opposites each other; other adjectives are added."""
        old = self.read(prompt)
        poses = [word for word in words if self._is_pose(word)]
        groups = list(old.groups)
        for sort, group in self._grouped([word for word in words if word not in poses]):
            groups = self._with(groups, sort, group)
        tail = old.tail
        if poses:
            tail = (*poses, *(word for word in tail if not self._is_pose(word)))
        return Wording(old.article, tuple(groups), old.name, tail).text

    def without_pose(self, prompt: str) -> str:
        """Return a prompt without what its thing does: "a cat" for "a cat sleeping"."""
        words = prompt.split()
        return " ".join(words[:-1]) if len(words) > 1 and self._is_pose(words[-1]) else prompt

    def new(self, newcomer: Newcomer, name: str = "") -> str:
        """Return the prompt of one new thing; `name` stands in for "one"."""
        named = newcomer.name or name
        words = (word for word in newcomer.words if word != ",")
        phrase = " ".join(filter(None, (" ".join(words), named, newcomer.tail)))
        counted = named in self.lexicon.pairs or (named and is_plural(named.split()[0]) and " of " in named)
        return phrase if counted else f"{article(phrase)} {phrase}"

    def shows(self, prompt: str, word: str) -> bool:
        """Tell whether a prompt says an adjective of its thing."""
        tokens = tokenise(prompt)
        own = next((at for at, token in enumerate(tokens) if at and token in BEHIND), len(tokens))
        return bool(self._forms(word) & {form for token in tokens[:own] for form in self._forms(token)})

    def sort(self, word: str) -> str:
        """Return what an adjective is about: its colour, pattern or material, or something other."""
        if word in self.lists.set("patterns"):
            return "pattern"
        if self.lexicon.is_colour(word) or word in self.lists.set("more colours"):
            return "colour"
        made = word in self.lexicon.set("materials") or word in self.lists.table("made of").values()
        return "material" if made else "other"

    def _forms(self, word: str) -> set[str]:
        spelt = {"grey": "gray", "metallic": "metal", "wood": "wooden", "gold": "golden", "woollen": "woolen"}
        return {spelt.get(word, word), *(spelt.get(part, part) for part in word.split("-"))}

    def _is_pose(self, word: str) -> bool:
        return word.endswith("ing") and word in self.lexicon.verbs and not self.lexicon.is_adjective(word)

    def _grouped(self, words: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return adjectives in groups of one sort: "dark blue", "black and white"."""
        groups: list[tuple[str, tuple[str, ...]]] = []
        shades: tuple[str, ...] = ()
        for at, word in enumerate(words):
            following = words[at + 1] if at + 1 < len(words) else ""
            shade = word in self.lists.set("shades") and (
                self.sort(following) == "colour" or following in self.lists.set("shades")
            )
            if shade:
                shades = (*shades, word)
            elif word in ("and", ",") or (groups and groups[-1][0] == "colour" and self.sort(word) == "colour"):
                if groups and word != ",":
                    groups[-1] = (groups[-1][0], (*groups[-1][1], *shades, word))
                    shades = ()
            else:
                groups.append((self.sort(word), (*shades, word)))
                shades = ()
        return tuple(groups)

    def _with(
        self, groups: list[tuple[str, tuple[str, ...]]], sort: str, group: tuple[str, ...]
    ) -> list[tuple[str, tuple[str, ...]]]:
        """Return groups with a new one in the place of those that it rules out, else where its sort belongs."""
        against = {other for word in group for other in self.lists.opposites(word)}
        out = [
            at
            for at, (old, words) in enumerate(groups)
            if (old == sort != "other") or against & set(words) or words == group
        ]
        kept = [one for at, one in enumerate(groups) if at not in out]
        later = (at for at, (old, _) in enumerate(kept) if ORDER.index(old) > ORDER.index(sort))
        at = out[0] if out else next(later, len(kept))
        return [*kept[:at], (sort, group), *kept[at:]]
