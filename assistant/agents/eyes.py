"""The critic's eyes: a profile's Sam and CLIP pair, or a multimodal language model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import Field, ValidationError

from eligen.assistant.agents.critic import Eye
from eligen.assistant.chat_models.base import ChatMessage, ChatModel
from eligen.assistant.items import MOST
from eligen.assistant.sizing import kind_of
from eligen.assistant.turns import Finding
from eligen.prompts import render
from eligen.tools.errors import ModelOutputError
from eligen.tools.layout import Box, Entity, Layout, Prompt, Value, fresh_id
from eligen.tools.profiles import Profile
from eligen.tools.userinput import reason

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from eligen.tools.naming import Namer
    from eligen.tools.segmentation import Segmenter

Answer = TypeVar("Answer", bound=Value)
T = TypeVar("T")
Thousandth = Annotated[int, Field(ge=0, le=1000)]

ANSWERS = 2
SEEN_RANK = 8  # a thing is there when its noun is among so many likeliest ones of its crop
PLACED_IOU = 0.3
COLOUR_AGREES = 0.5


def get_eye(profile: Profile, model: ChatModel | None = None, *, device: str | None = None) -> Eye | None:
    """Return what a profile's pictures are looked at with, None where nothing is there that could.

    That is its own Sam and CLIP pair, else a language model that takes pictures.
    """
    folder, sam = profile.folder, profile.sam_file
    if folder is not None and (folder / "clip").is_dir() and sam is not None and sam.is_file():
        return PairEye(profile=profile, device=device)
    return ModelEye(model) if model is not None and model.vision else None


class PairEye:
    """Looks with Sam for a thing's shape in its box, and with the CLIP pair for its noun; colours are measured."""

    def __init__(self, *, profile: Profile, device: str | None = None) -> None:
        self.profile, self.device = profile, device

    @cached_property
    def segmenter(self) -> Segmenter:
        """Finds the shapes."""
        from eligen.tools.segmentation import Segmenter

        return Segmenter(profile=self.profile, device=self.device)

    @cached_property
    def namer(self) -> Namer:
        """Knows the nouns."""
        from eligen.tools.naming import Namer

        return Namer(profile=self.profile, device=self.device)

    def look(self, image: Image.Image, entities: Sequence[Entity]) -> tuple[Finding, ...]:
        """Return a finding for each entity; one whose noun the pair does not know is present where a shape is."""
        from eligen.tools.measures import box_of, in_box

        boxes = [entity.box for entity in entities]
        guesses = self.namer.names(image, boxes)
        findings = []
        for entity, segment, ranked in zip(entities, self.segmenter.in_boxes(image, boxes), guesses, strict=True):
            noun, said_before = self._noun(entity.prompt)
            rank = next((rank for rank, guess in enumerate(ranked) if guess.noun == noun), 0)
            overlap = shape.iou(entity.box) if (shape := box_of(segment.mask)) else 0.0
            colour = agreement(image, segment.mask & in_box(entity.box, *image.size), said_before)
            chance = ranked[rank].probability if noun else 1.0
            findings.append(
                Finding(
                    id=entity.id,
                    prompt=entity.prompt,
                    present=shape is not None and rank < SEEN_RANK,
                    placed=overlap >= PLACED_IOU,
                    attributes=colour >= COLOUR_AGREES,
                    score=(chance + overlap + colour) / 3,
                )
            )
        return tuple(findings)

    def ground(self, image: Image.Image) -> Layout:
        """Return what a picture shows: the things that Sam finds in it by itself, named by the pair."""
        from eligen.tools.naming import layout_of

        return layout_of(image, self.segmenter, self.namer)

    def _noun(self, prompt: str) -> tuple[str | None, str]:
        """Return the trained noun that a prompt was painted as, None where there is none, and the words before it."""
        text, _ = self.namer.vocabulary.translate(prompt)
        known = self.namer.vocabulary.find(text)
        return (known.noun, text[: known.start]) if known else (None, "")


def agreement(image: Image.Image, mask: np.ndarray, words: str) -> float:
    """Return how well the colours among some words agree with what a mask shows, 0..1; 1 where there are none."""
    from eligen.tools.measures import colour_agreement

    found = [colour_agreement(image, word, mask) for word in re.findall(r"[a-z]+", words.lower())] if mask.any() else []
    return min([1.0, *(share for share in found if share is not None)])


class Seen(Value):
    """What a language model says of one numbered thing."""

    number: Annotated[int, Field(ge=1)]
    present: bool
    placed: bool
    attributes: bool


class Look(Value):
    """A language model's whole answer."""

    things: tuple[Seen, ...]


class Found(Value):
    """One thing that a language model found; its box is in thousandths of the picture's sides."""

    prompt: Prompt
    box: tuple[Thousandth, Thousandth, Thousandth, Thousandth]


class Contents(Value):
    """A language model's whole answer to what a picture shows."""

    things: Annotated[tuple[Found, ...], Field(max_length=MOST)]
    background: str


class ModelEye:
    """Asks a multimodal language model about the picture with numbered boxes."""

    def __init__(self, model: ChatModel) -> None:
        self.model = model

    def look(self, image: Image.Image, entities: Sequence[Entity]) -> tuple[Finding, ...]:
        """Return a finding for each entity; ModelOutputError when the model gives no usable answer twice."""
        from eligen.tools.overlay import draw_layout

        numbered = draw_layout(image, Layout(prompt="", entities=tuple(entities)).without_files())
        things = [{"number": n, "prompt": entity.prompt} for n, entity in enumerate(entities, start=1)]
        message = ChatMessage("user", render("critic", things=things), (image.convert("RGB"), numbered))
        return self._asked(message, Look, partial(_findings, entities=entities))

    def ground(self, image: Image.Image) -> Layout:
        """Return what the model finds in a picture; ModelOutputError when it gives no usable answer twice."""
        message = ChatMessage("user", render("contents", most=MOST), (image.convert("RGB"),))
        return self._asked(message, Contents, _layout)

    def _asked(self, message: ChatMessage, form: type[Answer], read: Callable[[Answer], T]) -> T:
        """Return what is read from the model's answer to a message."""
        problem = ""
        for _ in range(ANSWERS):
            try:
                text = self.model.reply([message], schema=form.model_json_schema())
                return read(form.model_validate_json(text[text.find("{") : text.rfind("}") + 1]))
            except ModelOutputError as error:
                problem = str(error)
            except ValidationError as error:
                problem = reason(error)
        raise ModelOutputError(problem)


def _layout(contents: Contents) -> Layout:
    """Return the layout that a model's answer describes; ValidationError when a box is empty."""
    entities: list[Entity] = []
    for found in contents.things:
        name = fresh_id(kind_of(found.prompt).noun.name, (entity.id for entity in entities))
        box = Box.model_validate([edge / 1000 for edge in found.box])
        entities.append(Entity(id=name, prompt=found.prompt, box=box))
    return Layout(prompt="", entities=tuple(entities), background=contents.background)


def _findings(look: Look, entities: Sequence[Entity]) -> tuple[Finding, ...]:
    """Return the findings in a model's answer; ModelOutputError when it is not about each of the entities."""
    seen = {one.number: one for one in look.things}
    if set(seen) != set(range(1, len(entities) + 1)):
        raise ModelOutputError(f"the answer is about {len(seen)} things, not about each of {len(entities)}")
    return tuple(
        Finding(id=entity.id, prompt=entity.prompt, score=_share(one), **one.model_dump(exclude={"number"}))
        for entity, one in zip(entities, (seen[n] for n in sorted(seen)), strict=True)
    )


def _share(one: Seen) -> float:
    return (one.present + one.placed + one.attributes) / 3
