"""What pictures are looked at with: a profile's Sam and CLIP pair, or a real CLIP where the user has one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from eligen.assistant.agents.eyes import agreement
from eligen.tools.errors import UserError
from eligen.tools.layout import Box, Entity
from eligen.tools.measures import Sight, basic_colour, box_of, in_box, placements
from eligen.tools.profiles import Profile
from eligen.tools.vocabulary import Vocabulary

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image

    from eligen.tools.naming import Namer
    from eligen.tools.segmentation import Segmenter

WHOLE = Box(x0=0.0, y0=0.0, x1=1.0, y1=1.0)
FOUND_IOU, LOOKS_SO = 0.5, 0.5


class Clip(Protocol):
    """Pictures and texts as unit vectors of one space."""

    def features(self, image: Image.Image, boxes: Sequence[Box]) -> torch.Tensor:
        """Return the features of each box's crop, (boxes, D)."""
        ...

    def likeness(self, image: Image.Image, boxes: Sequence[Box], texts: Sequence[str]) -> torch.Tensor:
        """Return cosines (boxes, texts)."""
        ...


@dataclass(frozen=True)
class Seen:
    """What is seen of an entity: the noun of its box, how what was found overlaps it, its colour.

    `named` is whether its own noun is the likeliest of a crop of its box. `iou` is that of its box and the thing of its
    noun that was found in the whole picture without being told any box, 0 when it is missing. Both are None where the
    prompt names nothing that can be told, `looks` where it names no colour.
    """

    id: str
    named: bool | None = None
    iou: float | None = None
    looks: bool | None = None

    @property
    def success(self) -> bool:
        """Whether the thing is there, in its place and as it should look."""
        return bool(self.named) and (self.iou or 0.0) >= FOUND_IOU and self.looks is not False


class Witness:
    """The models of a profile that look, each loaded when first needed."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    @property
    def missing_clip(self) -> str:
        """Why there is no CLIP pair, "" where there is one."""
        folder = self.profile.folder
        here = folder is not None and (folder / "clip").is_dir()
        return "" if here else f"profile {self.profile.name} has no CLIP pair"

    @property
    def missing_sam(self) -> str:
        """Why there is no Sam, "" where there is one."""
        file = self.profile.sam_file
        return "" if file is not None and file.is_file() else f"profile {self.profile.name} has no Sam file here"

    @cached_property
    def clip(self) -> Namer:
        """The CLIP pair, which also names things."""
        from eligen.tools.naming import Namer

        return Namer(profile=self.profile)

    @cached_property
    def segmenter(self) -> Segmenter:
        """The Sam."""
        from eligen.tools.segmentation import Segmenter

        return Segmenter(profile=self.profile)

    def seen(self, image: Image.Image, entities: Sequence[Entity]) -> list[Seen]:
        """Return what is seen of each entity. Without a CLIP pair only colours are."""
        boxes = [entity.box for entity in entities]
        read = [self._noun(entity.prompt) for entity in entities]
        looks = [self._looks(image, box, shape.mask, said) for box, shape, (_, said) in
                 zip(boxes, self.segmenter.in_boxes(image, boxes), read, strict=True)]  # fmt: skip
        if self.missing_clip:
            return [Seen(entity.id, looks=look) for entity, look in zip(entities, looks, strict=True)]
        guesses = self.clip.names(image, boxes)
        asked = [Sight(noun or "", box) for (noun, _), box in zip(read, boxes, strict=True)]
        placed = placements(asked, self.found(image))
        return [
            Seen(entity.id, ranked[0].noun == noun, place.box_iou, look) if noun else Seen(entity.id, looks=look)
            for entity, (noun, _), ranked, place, look in zip(entities, read, guesses, placed, looks, strict=True)
        ]

    def found(self, image: Image.Image) -> list[Sight]:
        """Return the things that Sam finds in a picture by itself, named by the CLIP pair."""
        segments = [segment.mask for segment in self.segmenter.proposals(image)]
        shown = [(box, mask) for mask in segments if (box := box_of(mask))]
        named = self.clip.names(image, [box for box, _ in shown])
        return [Sight(ranked[0].noun, box, mask) for ranked, (box, mask) in zip(named, shown, strict=True)]

    def _looks(self, image: Image.Image, box: Box, mask: np.ndarray, said: str) -> bool | None:
        """Return whether the shape in a box has the colours of some words, None where they name none."""
        if not colours(said):
            return None
        return agreement(image, mask & in_box(box, *image.size), said) >= LOOKS_SO

    def _noun(self, prompt: str) -> tuple[str | None, str]:
        """Return the trained noun that a prompt is painted as, None where there is none, and the words before it."""
        if not self.profile.has_vocabulary:
            return None, prompt
        vocabulary = self.vocabulary
        text, _ = vocabulary.translate(prompt)
        known = vocabulary.find(text)
        return (known.noun, text[: known.start]) if known else (None, prompt)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The profile's nouns."""
        return Vocabulary.load(self.profile.folder) if self.profile.folder else Vocabulary.load()


class RealClip:
    """A CLIP model that the user has, as a transformers folder."""

    def __init__(self, folder: Path) -> None:
        from transformers import CLIPModel, CLIPProcessor

        if not (folder / "config.json").is_file():
            raise UserError(f"no CLIP folder at {folder}")
        self.model = CLIPModel.from_pretrained(folder, local_files_only=True).eval().requires_grad_(False)
        self.processor = CLIPProcessor.from_pretrained(folder, local_files_only=True)

    def features(self, image: Image.Image, boxes: Sequence[Box]) -> torch.Tensor:
        """Return the features of each box's crop, (boxes, D)."""
        crops = [image.convert("RGB").crop(box.pixels(*image.size)) for box in boxes]
        pixels = self.processor(images=crops, return_tensors="pt").pixel_values
        return _unit(self.model.get_image_features(pixel_values=pixels).pooler_output)

    def likeness(self, image: Image.Image, boxes: Sequence[Box], texts: Sequence[str]) -> torch.Tensor:
        """Return cosines (boxes, texts)."""
        words = self.processor(text=list(texts), return_tensors="pt", padding=True, truncation=True)
        read = self.model.get_text_features(input_ids=words.input_ids, attention_mask=words.attention_mask)
        return self.features(image, boxes) @ _unit(read.pooler_output).T


def colours(words: str) -> list[str]:
    """Return the words that name a colour."""
    return [word for word in words.lower().split() if basic_colour(word)]


def _unit(features: torch.Tensor) -> torch.Tensor:
    return features / features.norm(dim=-1, keepdim=True)
