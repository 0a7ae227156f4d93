"""Cutting a sentence into chunks: noun phrases, relations, places, verbs and the small words that join them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from eligen.assistant.language import comparisons, styles, traits
from eligen.assistant.language.lexicon import Lexicon
from eligen.assistant.language.nounphrase import NounPhraseReader
from eligen.assistant.language.opening import read_content, read_opening
from eligen.assistant.language.tokens import COMMA, is_mark, number
from eligen.assistant.language.zones import canvas_length, read_zone

RECENT = 16
OPENING = frozenset(("skip", "stop", "comma", "style", "frame", "aux"))


class Chunk(NamedTuple):
    """A piece of a sentence: its kind, what it means (by kind) and its words."""

    kind: str
    value: Any
    text: str


class Chunker:
    """Cuts token lists into chunks with a lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.noun_phrases = NounPhraseReader(lexicon)

    def cut(self, tokens: Sequence[str]) -> list[Chunk]:
        """Return the chunks of a token list, in order; every token is in one."""
        chunks: list[Chunk] = []
        at = self._request(tokens)
        steps: tuple[Callable[..., tuple[str, Any, int] | None], ...] = (
            self._palette, self._mark, self._style, self._trait, self._comparison, self._fixed, self._zone,
            self._moment, self._writing, self._joint, self._verb_before_object, self._noun, self._single,
        )  # fmt: skip
        while at < len(tokens):
            kind, value, length = next(hit for step in steps if (hit := step(tokens, at, chunks)))
            chunks.append(Chunk(kind, value, " ".join(tokens[at : at + length])))
            at += length
        return chunks

    def _request(self, tokens: Sequence[str]) -> int:
        """Return how many opening words only ask for a picture ("please draw me")."""
        at, openers, requests = 0, self.lexicon.phrases("request_openers"), self.lexicon.phrases("requests")
        found = 0
        while at < len(tokens):
            if is_mark(tokens[at]):  # "hello, draw ..."
                if found or not at:
                    break
                at += 1
            elif (hit := requests.match(tokens, at)) and not self._names_a_thing(tokens, at):
                at += hit[1]
                found = at
            elif hit := openers.match(tokens, at):
                at += hit[1]
            else:
                break
        medium = tokens[at + 1 : at + 2] if tokens[at : at + 1] == ["a"] else tokens[at : at + 1]
        named = bool(medium) and medium[0] in self.lexicon.set("media")
        colon = at + tokens[at : at + 1].count("a") + 1
        if named and tokens[colon : colon + 1] == [":"]:
            return colon + 1
        return at if found else 0

    def _names_a_thing(self, tokens: Sequence[str], at: int) -> bool:
        following = tokens[at + 1] if at + 1 < len(tokens) else "."
        return is_mark(following) or following in ("of", "is", "has", "and", "in", "on", "with", "shows")

    def _mark(self, tokens: Sequence[str], at: int, chunks: list[Chunk]) -> tuple[str, Any, int] | None:
        if not is_mark(tokens[at]):
            return None
        if tokens[at] in "&/":
            return "and", "and", 1
        return ("comma" if tokens[at] in COMMA else "stop"), None, 1

    def _style(self, tokens: Sequence[str], at: int, chunks: list[Chunk]) -> tuple[str, Any, int] | None:
        first = not chunks or all(chunk.kind in OPENING for chunk in chunks)
        last = chunks[-1].kind if chunks else ""
        return styles.read(tokens, at, self.lexicon, opening=first, apart=first or last in ("comma", "stop"))

    def _palette(self, tokens: Sequence[str], at: int, chunks: list[Chunk]) -> tuple[str, Any, int] | None:
        """Read ", red, blue and yellow" right behind three things."""
        phrase = chunks[-1].value if chunks and chunks[-1].kind == "noun" else None
        if phrase is None or not phrase.numbered or phrase.count < 2:
            return None
        return traits.read_palette(tokens, at, phrase.count, self.lexicon)

    def _trait(self, tokens: Sequence[str], at: int, chunks: list[Chunk]) -> tuple[str, Any, int] | None:
        """Read "all different colours" behind a noun."""
        return traits.read(tokens, at) if any(chunk.kind == "noun" for chunk in chunks) else None

    def _comparison(self, tokens: Sequence[str], at: int, chunks: list[Chunk]) -> tuple[str, Any, int] | None:
        """Read "more", "twice as many", "the same number of", "the number of", "than that of"."""
        recent = [chunk.kind for chunk in chunks[-RECENT:] if chunk.kind in ("number of", "compare", "than", "stop")]
        waits, counted = recent[-1:] == ["compare"], "number of" in recent
        return comparisons.read(tokens, at, self.lexicon, open_pair=waits, counted=counted)

    def _fixed(self, tokens: Sequence[str], at: int, chunks: list[Chunk]) -> tuple[str, Any, int] | None:
        """Read the phrases of the data that mean one thing wherever they stand."""
        if tokens[at] == "not" and (hit := self.noun_phrases.read(tokens, at)) and hit[0].negated:
            return "noun", hit[0], hit[1] - at
        best: tuple[str, Any, int] | None = None
        for kind, name in FIXED:
            hit = self.lexicon.phrases(name).match(tokens, at)
            if hit and (best is None or hit[1] > best[2]):
                best = kind, hit[0], hit[1]
        relation = self.lexicon.relations.match(tokens, at)
        return None if best and relation and relation[1] > best[2] else best

    def _zone(self, tokens: Sequence[str], at: int, chunks: list[Chunk]) -> tuple[str, Any, int] | None:
        """Read a place on the canvas: "on the left", "in the top left corner of the picture"."""
        zone = read_zone(tokens, at, self.lexicon)
        if zone is None:
            return None
        bare = not zone.opened and not zone.named and not self._closes(tokens, zone.end, chunks)
        if bare or not self._on_canvas(tokens, zone.end, bool(zone.sides)):
            return None
        length = zone.end + canvas_length(tokens, zone.end, self.lexicon) - at
        return "zone", (zone.sides or ("bottom", "right"), zone.named in ("corner", "edge", "border")), length

    def _closes(self, tokens: Sequence[str], end: int, chunks: list[Chunk]) -> bool:
        if tokens[end : end + 1] == [":"]:
            return True
        after_thing = bool(chunks) and chunks[-1].kind in ("noun", "aux", "verb")
        return after_thing and (end >= len(tokens) or is_mark(tokens[end]) or tokens[end] in ("and", "of"))

    def _on_canvas(self, tokens: Sequence[str], end: int, sided: bool) -> bool:
        """Tell whether what follows leaves the phrase a place on the canvas, not a side of some thing."""
        if tokens[end : end + 1] != ["of"]:
            following = tokens[end] if end < len(tokens) else "."
            return (
                is_mark(following)
                or following in self.lexicon.stops
                or following in self.lexicon.verbs
                or (self.lexicon.longest(tokens, end) is None)
            )
        hit = self.noun_phrases.read(tokens, end + 1)
        in_place = sided and hit is not None and hit[0].noun is not None and hit[0].noun.kind == "place"
        return in_place or canvas_length(tokens, end, self.lexicon) > 0

    def _moment(self, tokens: Sequence[str], at: int, chunks: list[Chunk]) -> tuple[str, Any, int] | None:
        hit = self.lexicon.phrases("moments").match(tokens, at)
        if hit and self.noun_phrases.read(tokens, at + hit[1] - 1) is not None:
            reach = self.noun_phrases.read(tokens, at + 1)
            if reach and reach[1] > at + hit[1]:
                return None
        return ("moment", hit[0], hit[1]) if hit else None

    def _writing(self, tokens: Sequence[str], at: int, chunks: list[Chunk]) -> tuple[str, Any, int] | None:
        """Read "says no parking", the words of a sign, and "made of glass"."""
        after = chunks[-1].kind if chunks else ""
        if (made := self.lexicon.phrases("made").match(tokens, at)) and chunks:
            start = at + made[1]
            start += read_opening(tokens, start, self.lexicon).length
            return "writing", None, start - at + len(read_content(tokens, start, self.lexicon))
        end, quoted = at + 1, tokens[at] in ("says", "saying", "labeled", "labelled", "titled")
        if not quoted or after not in ("noun", "relative"):
            return None
        while end < len(tokens) and not is_mark(tokens[end]) and not self.lexicon.relations.match(tokens, end):
            end += 1
        return "writing", None, end - at

    def _joint(self, tokens: Sequence[str], at: int, chunks: list[Chunk]) -> tuple[str, Any, int] | None:
        if hit := self.lexicon.relations.match(tokens, at):
            return "relation", hit[0], hit[1]
        if tokens[at] in self.lexicon.set("auxiliaries"):
            return "aux", None, 1
        return None

    def _verb_before_object(self, tokens: Sequence[str], at: int, chunks: list[Chunk]) -> tuple[str, Any, int] | None:
        """Read a verb: after a noun, or a participle that no noun follows directly."""
        word, lexicon = tokens[at], self.lexicon
        if word not in lexicon.verbs and not lexicon.is_participle(word):
            return None
        before = chunks[-1].kind if chunks else ""
        if tokens[at - 1 : at] == ["to"] and lexicon.verbs.get(word) == word:
            return "verb", word, 1
        following = tokens[at + 1] if at + 1 < len(tokens) else "."
        open_end = is_mark(following) or following in lexicon.stops or following in lexicon.set("adverbs")
        open_end = open_end or number(following, lexicon) is not None
        many = before == "noun" and chunks[-1].value.plural and open_end
        third = before in ("noun", "zone", "moment") and word.endswith("s")
        if lexicon.longest(tokens, at) and not third and not many:
            return None
        if before in ("noun", "aux", "skip", "relative", "zone", "pronoun") or open_end:
            return "verb", lexicon.verbs.get(word, word), 1
        return None

    def _noun(self, tokens: Sequence[str], at: int, chunks: list[Chunk]) -> tuple[str, Any, int] | None:
        adverb = tokens[at] in self.lexicon.set("adverbs") and not self.lexicon.longest(tokens, at)
        if adverb and tokens[at : at + 1] != ["other"]:
            return None
        denied = bool(chunks) and chunks[-1].kind == "negate"
        if not (hit := self.noun_phrases.read(tokens, at, bare=denied)):
            return None
        phrase, end = hit
        lone_colour = end == at + 1 and self.lexicon.is_adjective(tokens[at]) and not phrase.plural
        after = chunks[-1].kind if chunks else ""
        if lone_colour and (after in ("aux", "describe", "noun") or not phrase.noun):
            return "describe", (tokens[at],), 1
        return "noun", phrase, end - at

    def _single(self, tokens: Sequence[str], at: int, chunks: list[Chunk]) -> tuple[str, Any, int]:
        word, lexicon = tokens[at], self.lexicon
        if word in lexicon.words["pronouns"]:
            return "pronoun", lexicon.words["pronouns"][word], 1
        if lexicon.is_adjective(word):
            return "describe", (word,), 1
        if word in lexicon.verbs:
            return "verb", lexicon.verbs[word], 1
        if word in lexicon.set("adverbs") or word in lexicon.set("determiners") or word.endswith("ly"):
            return "skip", None, 1
        if word in lexicon.set("indefinite"):
            return "pronoun", "none", 1
        return "unread", None, 1


FIXED = (
    ("negate", "negators"), ("nobody", "nobody"), ("has", "possession"), ("skip", "fillers"), ("frame", "frames"),
    ("depth", "depths"), ("height", "heights"), ("and", "conjunctions"), ("break", "breaks"), ("relative", "relatives"),
    ("pronoun", "pronouns"),
)  # fmt: skip
