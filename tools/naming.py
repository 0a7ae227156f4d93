"""Naming what a picture shows: crops by the profile's CLIP pair, and a whole picture as a layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torchvision.ops import roi_align
from transformers import CLIPModel, CLIPTokenizer

from eligen.tools.errors import UserError
from eligen.tools.layout import Box, Entity, Layout, fresh_id
from eligen.tools.loading import quiet
from eligen.tools.measures import box_of, main_colour
from eligen.tools.nounphrases import article
from eligen.tools.pixels import as_image, as_tensor, grown, membrane
from eligen.tools.profiles import Profile
from eligen.tools.segmentation import Segment, Segmenter
from eligen.tools.vocabulary import Vocabulary

MARGIN = 1.2  # side of a crop over the longer side of its box, as in the pair's training
SURE_NAME, SURE_PLACE, SURE_PLAIN = 0.3, 0.7, 0.8
SMALLEST, LARGEST = 0.004, 0.6  # areas of what may be a thing, over the picture's
COVERED = 0.5
HALO = 2
FLAT = 0.03  # deviation of a plain background's pixels, 1 being the range of a channel
PLACES = (
    "on a meadow", "on a beach", "on the sea", "under water", "at night", "in the sky", "at sunset", "in the snow",
    "in a forest", "in the desert", "in the mountains", "on a street", "in a city", "in a room", "in a kitchen",
    "in space",
)  # fmt: skip


@dataclass(frozen=True)
class Guess:
    """What a crop may show, and how likely among the nouns asked for."""

    noun: str
    probability: float


class Namer:
    """Compares crops of pictures with words by a profile's CLIP pair, which is loaded when first needed."""

    def __init__(self, *, profile: Profile, device: str | None = None) -> None:
        self.profile = profile
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The nouns it names things by."""
        return Vocabulary.load(self._folder)

    @cached_property
    def _folder(self) -> Path:
        folder = self.profile.folder
        if folder is None or not (folder / "clip").is_dir():
            raise UserError(f"weights missing: profile {self.profile.name} has no clip/ folder to name things with")
        return folder

    @cached_property
    def _clip(self) -> CLIPModel:
        with quiet():
            model = CLIPModel.from_pretrained(self._folder / "clip", dtype=torch.float32, local_files_only=True)
        return model.eval().requires_grad_(False).to(self.device)

    @cached_property
    def _tokenizer(self) -> CLIPTokenizer:
        return CLIPTokenizer.from_pretrained(self._folder / "tokenizer")

    def features(self, image: Image.Image, boxes: Sequence[Box]) -> torch.Tensor:
        """Return the unit features of each box's crop, (boxes, D)."""
        pixels = crops(image, boxes, self._clip.config.vision_config.image_size)
        return _unit(self._clip.get_image_features(pixel_values=(pixels * 2 - 1).to(self.device)).pooler_output)

    def likeness(self, image: Image.Image, boxes: Sequence[Box], texts: Sequence[str]) -> torch.Tensor:
        """Return how alike each box's crop and each text are, cosines (boxes, texts)."""
        return self.features(image, boxes) @ self._read(texts).T

    def names(self, image: Image.Image, boxes: Sequence[Box]) -> list[list[Guess]]:
        """Return for each box the vocabulary's nouns, the likeliest first."""
        if not boxes:
            return []
        chances = (self.features(image, boxes) @ self._nouns.T * self._scale).softmax(dim=1)
        ranked = [chance.sort(descending=True) for chance in chances]
        nouns = self.vocabulary.nouns
        return [
            [Guess(nouns[index], value) for value, index in zip(values.tolist(), order.tolist(), strict=True)]
            for values, order in ranked
        ]

    def place(self, image: Image.Image) -> tuple[str, float]:
        """Return the likeliest of PLACES for a whole picture, and how likely."""
        chances = (self.features(image, [Box(x0=0, y0=0, x1=1, y1=1)]) @ self._read(PLACES).T * self._scale).softmax(1)
        value, index = chances[0].max(dim=0)
        return PLACES[int(index)], float(value)

    @cached_property
    def _nouns(self) -> torch.Tensor:
        return self._read([f"{article(noun)} {noun}" for noun in self.vocabulary.nouns])

    @property
    def _scale(self) -> float:
        return float(self._clip.logit_scale.exp())

    def _read(self, texts: Sequence[str]) -> torch.Tensor:
        batch = self._tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt").to(self.device)
        found = self._clip.get_text_features(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
        return _unit(found.pooler_output)


def crops(image: Image.Image, boxes: Sequence[Box], side: int) -> torch.Tensor:
    """Return square crops (N, 3, side, side) in 0..1, centred on the boxes; beyond the picture its edge goes on."""
    middles = torch.tensor([box.centre for box in boxes]) * torch.tensor(image.size)
    halves = torch.tensor([max(box.width * image.width, box.height * image.height) for box in boxes]) * MARGIN / 2
    spare = int(halves.max()) + 1
    pixels = functional.pad(as_tensor(image)[None], (spare,) * 4, mode="replicate")
    corners = torch.cat([middles - halves[:, None], middles + halves[:, None]], dim=1) + spare
    return roi_align(pixels, [corners], side, aligned=True)


def layout_of(image: Image.Image, segmenter: Segmenter, namer: Namer) -> Layout:
    """Return what a picture shows as a layout: the things found, named and tightly boxed; the background if sure."""
    found = things(segmenter.proposals(image))
    boxes = [box for segment in found if (box := box_of(segment.mask))]
    entities: list[Entity] = []
    for segment, box, guesses in zip(found, boxes, namer.names(image, boxes), strict=True):
        if guesses[0].probability < SURE_NAME:
            continue
        noun = guesses[0].noun
        colour = main_colour(image, segment.mask) if namer.vocabulary.entries[noun].colours else None
        words = f"{colour} {noun}" if colour else noun
        name = fresh_id(noun, (entity.id for entity in entities))
        entities.append(Entity(id=name, prompt=f"{article(words)} {words}", box=box))
    background = background_of(image, [segment.mask for segment in found], namer)
    prompt = " ".join(filter(None, (_listed([entity.prompt for entity in entities]), background)))
    return Layout(prompt=prompt or "a picture", entities=tuple(entities), background=background)


def things(segments: Sequence[Segment]) -> list[Segment]:
    """Return the segments that may be things, from back to front: no specks, no backgrounds, no parts of others."""
    kept: list[Segment] = []
    fitting = [segment for segment in segments if SMALLEST <= segment.mask.mean() <= LARGEST]
    for segment in sorted(fitting, key=lambda segment: -segment.mask.sum()):
        covered = np.zeros_like(segment.mask)
        for other in kept:
            covered |= other.mask
        if _edges(segment.mask) < 3 and (segment.mask & covered).sum() <= COVERED * segment.mask.sum():
            kept.append(segment)
    return sorted(kept, key=lambda segment: np.flatnonzero(segment.mask.any(1))[-1])


def background_of(image: Image.Image, shapes: Sequence[np.ndarray], namer: Namer) -> str:
    """Return words for what is behind the things, "" when unsure."""
    pixels, covered = as_tensor(image), torch.zeros(image.height, image.width, dtype=torch.bool)
    for shape in shapes:
        covered |= torch.from_numpy(shape)
    behind = ~grown(covered, HALO)
    if not behind.any():
        return ""
    colour = main_colour(image, behind.numpy(), least=SURE_PLAIN)
    if colour and pixels[:, behind].std(dim=1).max() < FLAT:
        return f"on {article(colour)} {colour} background"
    place, probability = namer.place(as_image(membrane(pixels, behind)))
    return place if probability >= SURE_PLACE else ""


def _edges(mask: np.ndarray) -> int:
    """Return how many of the picture's edges a mask touches."""
    return sum(bool(edge.any()) for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))


def _listed(phrases: Sequence[str]) -> str:
    *first, last = phrases or ("",)
    return f"{', '.join(first)} and {last}" if first else last


def _unit(features: torch.Tensor) -> torch.Tensor:
    return (features / features.norm(dim=-1, keepdim=True)).cpu()
