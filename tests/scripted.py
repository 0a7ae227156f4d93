"""Stand-ins at the interfaces: a planner that knows its lines, a painter of noise, an eye told what to miss."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from eligen.assistant.context import Context
from eligen.assistant.plan import (
    Add,
    Compose,
    Describe,
    NamedReference,
    Option,
    Place,
    Plan,
    Question,
    Redo,
    Regenerate,
    Remove,
    Style,
    Undo,
)
from eligen.assistant.turns import Finding
from eligen.tools.errors import ToolError
from eligen.tools.layout import Box, Entity, Layout
from eligen.tools.requests import GenerateRequest, RepaintRequest

LEFT, RIGHT = Box(x0=0.0, y0=0.25, x1=0.5, y1=0.75), Box(x0=0.5, y0=0.25, x1=1.0, y1=0.75)
CAT = Entity(id="cat-1", prompt="a red cat", box=LEFT)
DOG = Entity(id="dog-1", prompt="a blue dog", box=RIGHT)
SCENE = Layout(prompt="a red cat and a blue dog", entities=(CAT, DOG))
WHICH = Question(
    text="Which one, the cat or the dog?",
    options=(
        Option(label="the cat", edits=(Remove(ids=("cat-1",)),)),
        Option(label="the dog", edits=(Remove(ids=("dog-1",)),)),
    ),
)
LINES = {
    "a red cat and a blue dog": Plan(reply="A cat and a dog.", edits=(Compose(layout=SCENE),)),
    "make the cat green": Plan(reply="The cat is green.", edits=(Describe(id="cat-1", prompt="a green cat"),)),
    "make the dog pink": Plan(reply="The dog is pink.", edits=(Describe(id="dog-1", prompt="a pink dog"),)),
    "remove the cat": Plan(reply="The cat is gone.", edits=(Remove(ids=("cat-1",)),)),
    "add a tree": Plan(
        reply="A tree.", edits=(Add(prompt="a tree", place=Place(box=Box(x0=0.4, y0=0.0, x1=0.6, y1=0.5))),)
    ),
    "remove it": Plan(reply="", question=WHICH),
    "try again": Plan(reply="Once more.", edits=(Regenerate(),)),
    "as a sketch": Plan(reply="A sketch.", edits=(Style(prompt="pencil sketch"),)),
    "undo": Plan(reply="Undone.", edits=(Undo(),)),
    "redo": Plan(reply="Redone.", edits=(Redo(),)),
    "no, the dog": Plan(reply="The dog, then.", edits=(Undo(), Describe(id="dog-1", prompt="a green dog"))),
    "thanks": Plan(reply="You are welcome."),
}


class Planner:
    """Answers known messages with known plans, and an open question by the label of one of its options."""

    def __init__(self, lines: Mapping[str, Plan] = LINES) -> None:
        self.lines = lines
        self.contexts: list[Context] = []

    def plan(self, text: str, context: Context) -> Plan:
        self.contexts.append(context)
        for option in context.question.options if context.question else ():
            if text == option.label:
                return Plan(reply=f"Done with {text}.", edits=option.edits)
        if text not in self.lines:
            raise ToolError(f"nobody knows what {text!r} means")
        return self.lines[text]


class Namer(Planner):
    """Gives what is attached a name."""

    def plan(self, text: str, context: Context) -> Plan:
        names = tuple(NamedReference(name="bob", reference=one) for one in context.attachments)
        return super().plan(text, context).model_copy(update={"names": names})


@dataclass(frozen=True)
class Sketch:
    """What a painter answers."""

    image: Image.Image
    request: GenerateRequest
    notices: tuple[str, ...] = ()
    mask: Image.Image | None = None


class Sketcher:
    """Paints noise of the request's seed and prompt where the request says; two steps each."""

    def __init__(self, refuses: str = "", hook: Callable[[GenerateRequest], None] | None = None) -> None:
        self.refuses, self.hook = refuses, hook
        self.requests: list[GenerateRequest] = []

    def paint(self, request: GenerateRequest, *, on_step: Any = None) -> Sketch:
        self.requests.append(request)
        if self.refuses and any(self.refuses in entity.prompt for entity in request.entities):
            raise ToolError(f"there is no way to paint {self.refuses}")
        noise = random.Random(f"{request.seed} {request.prompt}").randbytes(3 * request.width * request.height)
        fresh = Image.frombytes("RGB", (request.width, request.height), noise)
        image, mask = fresh, None
        if isinstance(request, RepaintRequest):
            mask = Image.new("L", fresh.size)
            with Image.open(Path(request.image)) as before:
                image = before.convert("RGB")
            for box in getattr(request, "region", ()) or [entity.box for entity in request.entities]:
                area = box.pixels(request.width, request.height)
                image.paste(fresh.crop(area), area)
                mask.paste(255, area)
        for step in (1, 2):
            if self.hook:
                self.hook(request)
            if on_step:
                on_step(step, 2, lambda: image)
        return Sketch(
            image, request.model_copy(update={"versions": {"sketcher": "1"}}), ("painted by a sketcher",), mask
        )


class Eye:
    """Sees in each picture the entities missing that it was told to miss, one set a look, and the scene it was told."""

    def __init__(self, *missing: set[str], sees: Layout = SCENE) -> None:
        self.missing, self.sees = list(missing), sees

    def look(self, image: Image.Image, entities: Sequence[Entity]) -> tuple[Finding, ...]:
        missed = self.missing.pop(0) if self.missing else set()
        return tuple(
            Finding(id=e.id, prompt=e.prompt, present=e.id not in missed, placed=True, attributes=True, score=0.5)
            for e in entities
        )

    def ground(self, image: Image.Image) -> Layout:
        return self.sees
