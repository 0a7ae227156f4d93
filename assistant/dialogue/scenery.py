"""Reading what is about the whole picture: backgrounds, weather, styles, and words taken as they are."""

from __future__ import annotations

from collections.abc import Iterator

from eligen.assistant.dialogue.sentence import Sentence, Slotted
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.language.nounphrase import NounPhrase, NounPhraseReader
from eligen.assistant.language.tokens import is_mark

ARTICLES = ("a", "an", "the")
ABOVE = frozenset(("sky", "moon", "star", "cloud"))
LONGEST = 12
PARTING = frozenset(("but", "please", "instead", "thanks", "rather"))
NO_STYLE = PARTING | {"this", "that", "these", "it", "its", "s", "everything", "call", "name", "is", "are", "be", "was"}


class SceneryReader:
    """Slot readers for backgrounds and styles."""

    def __init__(self, lists: WordLists) -> None:
        self.lists = lists
        self.lexicon = lists.lexicon
        self.noun_phrases = NounPhraseReader(lists.lexicon)

    def words(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read words as they are, the longest run first; each "and" and comma inside makes it less likely."""
        cost, readings = 0.0, list[Slotted]()
        for end in range(at + 1, min(len(text), at + LONGEST) + 1):
            token = text.tokens[end - 1]
            if token in PARTING or token == ":" or text.tokens[at] == "s":
                break
            cost += 0.35 if is_mark(token) else 0.2 if token in ("and", "then") else 0.01
            if not is_mark(token) and token not in ("and", "then", *ARTICLES):
                readings.append(Slotted(" ".join(text.tokens[at:end]), end, cost))
        return iter(readings[::-1])

    def rest(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read everything to the end of the sentence."""
        yield Slotted(" ".join(text.tokens[at:]), len(text))

    def setting(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a place to be in: "a green meadow", "the desert at night"."""
        for stop in range(min(len(text), at + LONGEST), at, -1):
            hit = self.noun_phrases.read(text.tokens[:stop], at, bare=True)
            if hit and hit[1] == stop and self._is_place(hit[0]):
                yield Slotted(" ".join(text.tokens[at:stop]), stop)
                moment = self.lexicon.phrases("moments").match(text.tokens, stop) if stop < len(text) else None
                if moment:
                    yield Slotted(" ".join(text.tokens[at : stop + moment[1]]), stop + moment[1])
        for value, end, cost in self.weather(text, at):
            yield Slotted(value, end, cost + 0.1)

    def _is_place(self, phrase: NounPhrase) -> bool:
        owned = phrase.text.split()[0] in self.lexicon.set("possessives")
        if phrase.noun is None or phrase.noun.kind != "place" or owned or phrase.numbered:
            return False
        if self.lists.orders & {*phrase.modifiers}:
            return False
        return phrase.noun.name not in self.lists.set("unplaceable")

    def weather(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read weather and times of day."""
        if hit := self.lists.find("weather", text.tokens, at):
            yield Slotted(hit[0], hit[1])
        if hit := self.lexicon.phrases("moments").match(text.tokens, at):
            end = at + hit[1]
            yield Slotted(hit[0], end)
            if text.tokens[end : end + 1] in (["under"], ["with"]):
                sky = self.noun_phrases.read(text.tokens, end + 1)
                if sky and sky[0].noun and sky[0].noun.name in ABOVE:
                    yield Slotted(" ".join(text.tokens[at : sky[1]]).removeprefix("at "), sky[1])

    def tone(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read light and colours of the whole picture: "warmer", "less colourful"."""
        if hit := self.lists.find("tones", text.tokens, at):
            yield Slotted(hit[0], hit[1])

    def style(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a style by its name: "an oil painting", "pixel art", "a low-poly 3d render", "watercolour style"."""
        start = at + (text.tokens[at] in ARTICLES)
        for end in range(min(len(text), start + LONGEST), start, -1):
            words = text.tokens[start:end]
            if any(is_mark(word) or word in ARTICLES or word in NO_STYLE for word in words):
                continue
            named = any(self.lexicon.phrases("styles").match(words, i) for i in range(len(words)))
            medium = words[-1] in self.lexicon.set("style_nouns") | self.lexicon.depictions
            joined = " of " in f" {' '.join(words)} "
            if ((named or (medium and len(words) > 1)) and not any(map(self._names_thing, words))) or (
                medium and joined
            ):
                bare = words[-1] in ("style", "styles", "look") and len(words) > 1
                yield Slotted(" ".join(words[:-1] if bare else words), end, 0.02 * len(words))

    def style_before(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read the words between an article and "style"."""
        start = at + (text.tokens[at] in ARTICLES)
        for value, end, cost in self.words(text, start) if start < len(text) else ():
            if end - start <= 5 and not (NO_STYLE | {"at", "same"}) & {*text.tokens[start:end]}:
                yield Slotted(value, end, cost + 0.05)

    def _names_thing(self, word: str) -> bool:
        noun = self.lexicon.nouns.get(word)
        listed = word in self.lexicon.set("style_nouns") | self.lexicon.depictions
        return noun is not None and noun.kind in ("animal", "person") and not listed
