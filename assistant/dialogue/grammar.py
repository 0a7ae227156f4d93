"""From a sentence to what it asks for: the cheapest ways to read it as one request after the other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from eligen.assistant.dialogue.amounts import AmountReader
from eligen.assistant.dialogue.looks import LookReader
from eligen.assistant.dialogue.meanings import Request
from eligen.assistant.dialogue.measures import MeasureReader
from eligen.assistant.dialogue.newcomers import NewcomerReader
from eligen.assistant.dialogue.patterns import Grammar, Node
from eligen.assistant.dialogue.pictured import PicturedReader
from eligen.assistant.dialogue.scenery import SceneryReader
from eligen.assistant.dialogue.sentence import Sentence, Slotted
from eligen.assistant.dialogue.speakers import SpeakerReader
from eligen.assistant.dialogue.things import ThingReader
from eligen.assistant.dialogue.whereabouts import PlaceReader
from eligen.assistant.dialogue.wordlists import WordLists, wordlists
from eligen.assistant.language.lexicon import Lexicon
from eligen.assistant.language.tokens import is_mark

BEST = 5
ASIDE = 2.4
CLAUSE, UNREAD, UNJOINED, LATER = 1.0, 1.5, 0.4, 0.004
LOOSE = 0.4
PARALLEL = 0.7  # "make the cat red and the dog blue": what goes on without a verb goes on with the same
IDLE = 1.2  # more than any request: to be all polite words and no request is the last thing that a sentence may be
FIXABLE = ("WAY", "PLACE", "SIZE", "THINGS", "LOOK", "COUNTED", "NUMBER", "NEWS", "STYLE", "SETTING")


class Reading(NamedTuple):
    """One way to read a sentence: how far-fetched it is, the requests in order, and the words that were left over."""

    cost: float
    requests: tuple[Request, ...]
    unread: tuple[str, ...]


class Frame(NamedTuple):
    """A pattern, what it asks for, and how far-fetched that is."""

    do: str
    node: Node
    cost: float


class DialogueGrammar(Grammar):
    """The grammar of edit messages."""

    def __init__(self, lists: WordLists) -> None:
        things, amounts, looks = ThingReader(lists), AmountReader(lists), LookReader(lists)
        places, news, scenery = PlaceReader(lists), NewcomerReader(lists), SceneryReader(lists)
        pictures = PicturedReader(lists, news)
        slots = {
            "THINGS": things.things, "THING": things.thing, "PLAIN_THINGS": things.plain_things, "OWNER": things.owner,
            "NUMBER": amounts.number, "TIMES": amounts.times, "AMOUNT": amounts.amount, "SIZE": amounts.size,
            "SIZE_THAN": amounts.size_than,
            "MULTIPLE": amounts.multiple, "MULTIPLIED": amounts.multiplied, "BIG": amounts.big,
            "MEASURE": MeasureReader(lists).measure,
            "LOOK": looks.look, "PLAIN_LOOK": looks.plain_look, "ACT": looks.act,
            "PLACE": places.place, "SPOT": places.spot, "WAY": places.way,
            "NEW": news.newcomer, "NEWS": news.newcomers, "COUNTED": news.counted, "SOME": news.some, "NOUN": news.noun,
            "WORDS": scenery.words, "REST": scenery.rest, "SETTING": scenery.setting, "WEATHER": scenery.weather,
            "STYLE": scenery.style, "STYLE_WORDS": scenery.words, "STYLE_BEFORE": scenery.style_before,
            "TONE": scenery.tone, "PICTURED": pictures.pictured, "NAME": pictures.name, "WHO": SpeakerReader(lists).who,
            "WORDS_BEFORE": scenery.style_before, "FRAME": self._any_frame, "FRAME_OF_IT": self._frame_of_it,
            "FIX": _fix,
        }  # fmt: skip
        self.things = things
        super().__init__(lists.lists, lists.frames["named"], slots)
        self.frames = [
            Frame(frame["do"], self.compile(say), frame.get("cost", 0.0) + LATER * at)
            for frame in lists.frames["frames"]
            for at, say in enumerate(frame["say"])
        ]

    def read(self, tokens: tuple[str, ...]) -> list[Reading]:
        """Return the readings of a sentence, the likeliest first; the last resort leaves every word unread."""
        text = Sentence(tokens, self)
        best: list[list[Reading]] = [[] for _ in range(len(tokens) + 1)]
        best[len(tokens)] = [Reading(0.0, (), ())]
        for at in range(len(tokens) - 1, -1, -1):
            found = list(self._from(text, at, best))
            unique = {(reading.requests, reading.unread): reading for reading in sorted(found, key=lambda r: -r.cost)}
            best[at] = sorted(unique.values(), key=lambda reading: reading.cost)[:BEST]
        idle = [reading._replace(cost=reading.cost + IDLE) if not reading.requests else reading for reading in best[0]]
        return sorted(idle, key=lambda reading: reading.cost)

    def _from(self, text: Sentence, at: int, best: list[list[Reading]]) -> Iterator[Reading]:
        """Yield the readings of what starts there, given those of what starts later."""
        for start in self.openings(text, at):
            yield from best[start]
        for request, end, cost in self.clauses(text, at):
            joined = end >= len(text) or self._parts(text, end)
            for rest in best[end]:
                extra = 0.0 if joined or not rest.requests else UNJOINED
                if rest.requests and rest.requests[0].loose and rest.requests[0].do == request.do:
                    extra -= PARALLEL
                yield Reading(CLAUSE + cost + extra + rest.cost, (request, *rest.requests), rest.unread)
        for end in self._asides(text, at):
            for rest in best[end]:
                said = " ".join(text.tokens[at:end])
                yield Reading(rest.cost + ASIDE, rest.requests, (said, *rest.unread))
        for rest in best[at + 1]:
            word = text.tokens[at]
            yield Reading(rest.cost + UNREAD, rest.requests, (word, *rest.unread))

    def _asides(self, text: Sentence, at: int) -> list[int]:
        """Return where a part of the sentence between marks ends that may be passed over as a whole."""
        if at and not is_mark(text.tokens[at - 1]):
            return []
        end = next((i for i in range(at, len(text)) if is_mark(text.tokens[i])), len(text))
        return [end] if end - at > 1 and (at, end) != (0, len(text)) else []

    def openings(self, text: Sentence, at: int) -> list[int]:
        """Return where a clause may start behind marks, fillers and polite openings, the nearest first."""
        ends = {at + 1} if is_mark(text.tokens[at]) else set()
        ends |= {*self.ends("fillers", text, at), *self.ends("separators", text, at)}
        ends |= {hit.end for hit in self.match("@opener", text, at)}
        return sorted(end for end in ends if end > at)

    def _parts(self, text: Sentence, at: int) -> bool:
        """Tell whether a mark, a joining word or a filler stands there."""
        return is_mark(text.tokens[at]) or bool(self.ends("separators", text, at) or self.ends("fillers", text, at))

    def clauses(self, text: Sentence, at: int) -> list[Slotted]:
        """Return the requests that can be read from there on."""
        found: dict[tuple[str, int], Slotted] = {}
        listed: list[Slotted] = []
        word = text.tokens[at]
        for frame in self.frames:
            if frame.node.first is not None and word not in frame.node.first:
                continue
            for hit in frame.node.match(text, at):
                if hit.end == at:
                    continue
                said = " ".join(text.tokens[at : hit.end])
                request = Request(frame.do, hit.values, said, loose=frame.cost >= LOOSE)
                listed.append(Slotted(request, hit.end, frame.cost + hit.cost))
        listed += [less for one in listed for less in self._less(text, one)]
        for slotted in sorted(listed, key=lambda one: one.cost):
            found.setdefault((repr(slotted.value), slotted.end), slotted)
        return list(found.values())

    def _less(self, text: Sentence, hit: Slotted) -> Iterator[Slotted]:
        """Yield a request for several things less what is excepted at its end: "make all cats red, except one"."""
        references = hit.value.get("THINGS")
        if references and references[-1].number is None and hit.end < len(text):
            for less in self.things.less(text, hit.end, references):
                yield Slotted(hit.value.put("THINGS", less.value), less.end, hit.cost + less.cost)

    def _any_frame(self, text: Sentence, at: int) -> Iterator[Slotted]:
        yield from self.clauses(text, at)

    def _frame_of_it(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a request about what was named before it: "the frog on the left, paint it blue"."""
        for hit in self.clauses(text, at):
            about = hit.value.get("THINGS") or ()
            if about and all(reference.kind in ("it", "him", "them") for reference in about):
                yield hit


def _fix(text: Sentence, at: int) -> Iterator[Slotted]:
    """Read what a correction may put in the place of what was read wrongly: slot and value."""
    for name in FIXABLE:
        for value, end, cost in text.slot(name, at):
            yield Slotted((name, value), end, cost)


@cache
def grammar(words: Lexicon | None = None) -> DialogueGrammar:
    """Return the dialogue's grammar over a lexicon (default: the shipped one), compiled on first use."""
    return DialogueGrammar(wordlists(words))
