"""Reading what is said about things and about the picture: adjectives, writing, depth, moments, style."""

from __future__ import annotations

from eligen.assistant.language import traits
from eligen.assistant.language.chunks import Chunk
from eligen.assistant.language.inflection import plural
from eligen.assistant.language.reading import Reading


class DetailReader:
    """Adds what chunks say to the things and the background of a reading."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.scene = reading.scene

    def describe(self, chunk: Chunk) -> None:
        """Give adjectives to the subjects ("is black and white") or to the member told apart ("one is red")."""
        subjects = self.reading.clause.subjects
        if self.reading.clause.negated:
            self.scene.notices.append(f'not read: "not {chunk.text}"')
        elif self.reading.telling_apart:
            group = next(thing for thing in reversed(self.scene.things) if thing.told)
            group.own[group.told - 1] += chunk.value
        elif subjects:
            for thing in map(self.reading.thing, subjects):
                thing.describe(chunk.value, joined=self.reading.previous == "and")
            self.scene.explain(chunk.text, f"describes {self.scene.names(subjects)}")
        else:
            self.unread(chunk)

    def trait(self, chunk: Chunk) -> None:
        """Read what the members of the last group differ in, or share."""
        group = next((thing for thing in reversed(self.scene.things) if thing.count > 1), None)
        if group is None or not chunk.value.of:
            self.unread(chunk)
            return
        traits.differ(group, chunk.value)
        self.scene.explain(chunk.text, f"how the {group.count} {plural(group.noun.name)} look")

    def palette(self, chunk: Chunk) -> None:
        """Give each of the things before it a colour of its own."""
        group = self.scene.things[-1]
        group.tell_apart(0, ())
        for member, colour in zip(group.own, chunk.value, strict=False):
            member.append(colour)
        self.scene.explain(chunk.text, f"one colour for each of the {group.count} {plural(group.noun.name)}")

    def writing(self, chunk: Chunk) -> None:
        """Read "says hello" and "made of glass" as the last thing's own."""
        clause = self.reading.clause
        for i in [clause.anchor] if clause.anchor is not None else clause.subjects[-1:]:
            self.reading.thing(i).complement = "that " * chunk.text.startswith("says") + chunk.text
            self.scene.explain(chunk.text, f"belongs to {self.reading.thing(i).name}")

    def depth(self, chunk: Chunk) -> None:
        for i in self.reading.clause.subjects[-1:]:
            self.reading.thing(i).depth = chunk.value
            self.scene.explain(chunk.text, f"depth of {self.scene.names([i])}")

    def height(self, chunk: Chunk) -> None:
        """Read "in the sky" and "on the wall": where the subjects are, and background."""
        clause, words = self.reading.clause, chunk.text.split()
        for i in clause.subjects:
            self.reading.thing(i).stands = chunk.value
            self.scene.explain(chunk.text, f"where {self.scene.names([i])} is")
        if words[-1] in ("sky", "wall", "floor", "ground"):
            self.add_background(" ".join(words[1:]))
        clause.pending = ""

    def moment(self, chunk: Chunk) -> None:
        self.add_background(chunk.text)
        self.reading.clause.pending = ""

    def style(self, chunk: Chunk) -> None:
        if chunk.value and chunk.value not in self.scene.style:
            self.scene.style.append(chunk.value)
            self.scene.explain(chunk.text, f"style: {chunk.value}")

    def add_background(self, words: str) -> None:
        """Add words to the background, once."""
        if words and words not in self.scene.background:
            self.scene.background.append(words)
            self.scene.explain(words, "background")

    def unread(self, chunk: Chunk) -> None:
        """Say that words were not understood."""
        self.scene.notices.append(f'not read: "{chunk.text}"')
