"""Reading places and directions: "in the top-left corner", "left of the cat", "where the basket was", "a bit up"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast, get_args

from eligen.assistant.dialogue.meanings import Reference, Spot, Way
from eligen.assistant.dialogue.sentence import Sentence, Slotted
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.items import Relation
from eligen.assistant.language.zones import canvas_length, read_zone
from eligen.assistant.plan import Side

RELATIONS = frozenset(get_args(Relation)) - {"bigger", "smaller", "holding", "wearing"}
SIDES: dict[str, Relation] = {"left": "left", "right": "right", "top": "above", "bottom": "below"}
EDGES = ("edge", "border", "margin", "end", "rim", "frame")
MEASURED = ("image", "image's", "picture", "picture's", "canvas", "frame", "scene", "s", "width", "height", "total")
NO_PLACE = ("to", "towards", "toward", "by", "along")


def _measured(tokens: list[str], at: int) -> int:
    """Return how many words "of the image's width" takes there: what a share is a share of."""
    start = at - (tokens[at - 1] == "of")
    if tokens[start : start + 2] not in (["of", "the"], ["of", "its"]):
        return 0
    end = start + 2
    while tokens[end : end + 1] and tokens[end] in MEASURED:
        end += 1
    return end - at if end > start + 2 else 0


class PlaceReader:
    """Slot readers for places and ways."""

    def __init__(self, lists: WordLists) -> None:
        self.lists = lists
        self.lexicon = lists.lexicon

    # --- places

    def place(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read any place: a part of the canvas, a relation to things, or where something was."""
        starts = {at, *text.grammar.ends("elsewhere", text, at)}
        starts |= {end for start in list(starts) for end in text.grammar.ends("elsewhere", text, start)}
        for start in sorted(starts):
            said = " ".join(text.tokens[at:start])
            yield from (self._said(said, hit) for hit in (*text.slot("SPOT", start), *self._where_was(text, start)))

    def spot(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a place that can tell things apart: a part of the canvas, or a relation to things."""
        yield from self._across(text, at)
        yield from self._region(text, at)
        yield from self._surrounding(text, at)
        yield from self._relation(text, at)
        yield from self._side_of(text, at)

    def _said(self, before: str, hit: Slotted) -> Slotted:
        return hit if not before else Slotted(hit.value, hit.end, hit.cost + 0.01)

    def _across(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read "on the other side (of the tree)"."""
        for end in text.grammar.ends("across", text, at):
            for after in {end, end + canvas_length(text.tokens, end, self.lexicon)}:
                yield Slotted(Spot(" ".join(text.tokens[at:after]), across=True), after)
            if text.tokens[end : end + 1] == ["of"]:
                for things, after, cost in text.slot("THINGS", end + 1):
                    yield Slotted(Spot(" ".join(text.tokens[at:after]), of=things, across=True), after, cost)

    def _region(self, text: Sentence, at: int) -> Iterator[Slotted]:
        zone = read_zone(text.tokens, at, self.lexicon)
        central = zone is not None and zone.sides == ("center",) and zone.end == len(text)
        if zone is None or not (zone.opened or zone.named or len(zone.sides) > 1 or central):
            return
        bare = zone.opened and not zone.named and text.tokens[at] in NO_PLACE and zone.sides in (("left",), ("right",))
        sides = cast(tuple[Side, ...], zone.sides or ("bottom", "right"))
        flush = zone.named in ("corner", "edge", "border")
        end = zone.end
        for after in {end, end + canvas_length(text.tokens, end, self.lexicon)}:
            said = " ".join(text.tokens[at:after])
            follows = text.tokens[after : after + 1] == ["of"]
            cost = 0.3 * (bare and after == end) + 0.3 * follows + 0.2 * (text.tokens[at] in ("toward", "towards"))
            yield Slotted(Spot(said, sides, flush), after, cost)

    def _surrounding(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read "in the sky", "on the ground", "in the foreground" as parts of the canvas."""
        if hit := self.lists.find("surroundings", text.tokens, at):
            yield Slotted(Spot(" ".join(text.tokens[at : hit[1]]), (cast(Side, hit[0]),)), hit[1], 0.1)

    def _relation(self, text: Sentence, at: int) -> Iterator[Slotted]:
        for name, start in self._relation_words(text, at):
            if start >= len(text) or text.tokens[start] in ("front", "back", "top", "bottom"):
                continue
            for things, end, cost in text.slot("THINGS", start):
                if name == "between" and len(things) == 1 and things[0].number == 1:
                    continue
                yield Slotted(Spot(" ".join(text.tokens[at:end]), relation=name, of=things), end, cost)
        for name, start in self._relation_words(text, at):
            alone = start >= len(text) or text.tokens[start] in (",", "and", "please", "too", "then")
            if alone and text.tokens[start - 1] not in (
                "in",
                "on",
                "by",
                "next",
                "left",
                "right",
                "over",
                "around",
                "before",
                "near",
            ):
                yield Slotted(
                    Spot(" ".join(text.tokens[at:start]), relation=name, of=(Reference("it", kind="it"),)), start, 0.3
                )

    def _relation_words(self, text: Sentence, at: int) -> Iterator[tuple[Relation, int]]:
        """Yield the relations whose words start there, the longest first."""
        if hit := self.lists.find("relations", text.tokens, at):
            yield hit
        if (found := self.lexicon.relations.match(text.tokens, at)) and found[0] in RELATIONS:
            yield cast(Relation, found[0]), at + found[1]

    def _side_of(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read "on its left", "to the cat s right side"."""
        tokens = text.tokens
        if tokens[at] not in ("on", "to", "at", "by"):
            return
        for things, end, cost in (*text.slot("OWNER", at + 1), *text.slot("THINGS", at + 1)):
            end += tokens[end : end + 1] == ["s"]
            owned = tokens[end - 1] == "s" or tokens[at + 1] in self.lists.table("owners")
            if owned and end < len(tokens) and (side := self.lists.table("sides").get(tokens[end])) in SIDES:
                end += 1
                end += tokens[end : end + 1] in (["side"], ["hand"]) and 1
                yield Slotted(Spot(" ".join(tokens[at:end]), relation=SIDES[side], of=things), end, cost)

    # --- places of the past

    def _where_was(self, text: Sentence, at: int) -> Iterator[Slotted]:
        for hit in text.grammar.match("@was_there", text, at):
            values = dict(hit.values)
            things = values.get("THINGS") or values.get("OWNER") or (Reference("it", kind="it"),)
            if len(things) == 1:
                said = text.tokens[at : hit.end]
                first = bool(self.lists.set("at first") & set(said))
                yield Slotted(Spot(" ".join(said), was=things[0], first=first), hit.end, hit.cost)

    # --- directions

    def way(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Read a direction with how far: "a bit to the left", "10 percent up", "closer to the tree"."""
        found: dict[int, Slotted] = {}
        for start, steps, fraction in self._amounts(text, at):
            for way, end, cost in (*self._directions(text, start), *self._towards(text, start)):
                for stop, more, share in self._amounts(text, end):
                    far, part = (steps if more == 1.0 else more), (fraction if share is None else share)
                    said = " ".join(text.tokens[at:stop])
                    if stop not in found or cost < found[stop].cost:
                        found[stop] = Slotted(replace(way, text=said, steps=far, fraction=part), stop, cost)
        return iter(sorted(found.values(), key=lambda hit: -hit.end))

    def _amounts(self, text: Sentence, at: int) -> list[tuple[int, float, float | None]]:
        """Return where a direction may go on, with the steps or the share of the canvas said before it."""
        found: list[tuple[int, float, float | None]] = [(at, 1.0, None)]
        tokens = text.tokens
        start = at + (tokens[at : at + 1] == ["by"])
        for (kind, amount), end, _ in text.slot("AMOUNT", start) if start < len(tokens) else ():
            steps = amount if kind == "steps" else 1.0
            end += _measured(tokens, end)
            found.append((end, steps, amount if kind == "share" else None))
            while hit := self.lists.find("amounts", tokens, end):
                steps, end = steps * hit[0], hit[1]
                found.append((end, steps, None))
        return found

    def _directions(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Yield "up", "to the left", "towards the right edge", "up and to the left"."""
        for way, end, _ in self._direction(text, at):
            yield Slotted(way, end)
            joined = end
            while joined < len(text) and text.tokens[joined] in ("and", ",", "then", "a", "bit", "little"):
                joined += 1
            for more, after, _ in self._direction(text, joined) if joined < len(text) else ():
                if (way.dx == 0) != (more.dx == 0):
                    both = Way("", way.dx + more.dx, way.dy + more.dy, edge=way.edge or more.edge)
                    yield Slotted(both, after)

    def _direction(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Yield one direction: "left", "all the way to the top", "towards the right edge", "as far up as possible"."""
        tokens = text.tokens
        whole = text.grammar.ends("all_the_way", text, at)[:1]
        start, edge = (whole[0], True) if whole else (at, False)
        named = self.lists.find("ways", tokens, start) is not None  # "further back" is a way itself
        opened = [] if named else text.grammar.ends("towards", text, start)[:1]
        start = opened[0] if opened else start
        parts = [self.lists.table("ways").get(part) for part in tokens[start].split("-")] if start < len(tokens) else []
        if opened and len(parts) == 2 and parts[0] and parts[1]:
            yield Slotted(Way("", parts[0][0] + parts[1][0], parts[0][1] + parts[1][1], edge=edge), start + 1)
        hit = self.lists.find("ways", tokens, start)
        if hit is None or (tokens[start] in self.lists.set("goals") and not opened):
            return
        (dx, dy), end = hit
        to = bool(opened) and tokens[at] == "to"
        edges = text.grammar.ends("edge", text, end)
        for after in edges:
            yield Slotted(Way("", dx, dy, edge=edge or (to and tokens[end] in EDGES)), after)
        if not edges and not (tokens[start] in self.lists.set("goals") and to):
            yield from (
                Slotted(Way("", dx, dy, edge=True), tail) for tail in text.grammar.ends("as_possible", text, end)
            )
            yield Slotted(Way("", dx, dy, edge=edge), end)

    def _towards(self, text: Sentence, at: int) -> Iterator[Slotted]:
        """Yield "closer to the tree", "away from the house"."""
        for name, away in (("closer_to", False), ("away_from", True)):
            for start in text.grammar.ends(name, text, at):
                for things, end, cost in text.slot("THINGS", start):
                    yield Slotted(Way("", towards=things, away=away), end, cost)
