"""Pictures with annotated entities, in the format of the published EliGen data, and their embeddings kept on disk.

`metadata.json` is a list of rows {"image", "prompt", "eligen_entity_prompts", "eligen_entity_masks"}; the paths are
relative to it. `metadata.jsonl` has one row a line. A row may have "eligen_entity_boxes" (fractions of the picture)
instead of masks; where it has both, the masks count.
"""

import hashlib
import json
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, model_validator
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from eligen.tools.eligen import FluxEliGenPipeline
from eligen.tools.errors import UserError
from eligen.tools.imagefiles import open_image
from eligen.tools.layout import Box, Prompt
from eligen.tools.masks import box_mask, latent_masks
from eligen.tools.userinput import parse_json, read_json_lines, read_text, validated
from training.entity_batches import Batch, without_entities

ENCODERS = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")


class Row(BaseModel):
    """One picture: its caption and its entities, each with a prompt and a mask or a box; other fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    image: str
    prompt: Prompt
    eligen_entity_prompts: tuple[Prompt, ...]
    eligen_entity_masks: tuple[str, ...] = ()
    eligen_entity_boxes: tuple[Box, ...] = ()

    @model_validator(mode="after")
    def _every_entity_has_a_place(self) -> Self:
        count = len(self.eligen_entity_prompts)
        places = {len(self.eligen_entity_masks), len(self.eligen_entity_boxes)} - {0}
        if places != ({count} - {0}):
            raise ValueError(f"{count} entity prompts need as many masks or boxes")
        return self

    def masks(self, folder: Path, height: int, width: int) -> list[Image.Image]:
        """Return the entities' masks, from their files or else as filled boxes of a height x width picture."""
        if self.eligen_entity_masks:
            return [open_image(folder / name) for name in self.eligen_entity_masks]
        return [box_mask(box, height, width) for box in self.eligen_entity_boxes]


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a metadata file; UserError names the first that is malformed."""
    if path.suffix == ".jsonl":
        values = list(read_json_lines(path))
    else:
        listed = parse_json(read_text(path), path.name)
        if not isinstance(listed, list):
            raise UserError(f"{path.name} is not a list of rows")
        values = [(f"{path.name}, row {number}", value) for number, value in enumerate(listed, start=1)]
    if not values:
        raise UserError(f"{path.name} has no rows")
    return [validated(Row, value, where) for where, value in values]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write the metadata file."""
    listed = [row.model_dump(mode="json", exclude_defaults=True) for row in rows]
    path.write_text(json.dumps(listed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Sizes:
    """How large pictures and texts are made: at most side * side pixels, and so many tokens a prompt."""

    side: int
    text_length: int
    entity_length: int

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """Return (width, height) of nearly the same aspect, in whole tokens and within the area; never enlarged."""
        shrink = min(1.0, self.side / math.sqrt(width * height))
        return tuple(max(16, math.floor(edge * shrink / 16 + 0.5) * 16) for edge in (width, height))  # type: ignore[return-value]


class AnnotatedPictures:
    """The rows of a metadata file as batches, from embeddings that are made once and kept in a folder."""

    def __init__(self, metadata: Path, model: Path, cache: Path, sizes: Sizes) -> None:
        self.folder, self.model, self.sizes = metadata.parent, model, sizes
        encoders = [path for part in ENCODERS for path in sorted((model / part).glob("*"))]
        self._settings = (asdict(sizes), _stamps(encoders))
        self.files = {cache / f"{self._key(row)}.safetensors": row for row in read_rows(metadata)}
        self.silent = cache / f"silent-{self._key(None)}.safetensors"
        self._buckets: dict[tuple[int, ...], list[Path]] = {}

    def encode(self, device: torch.device, dtype: torch.dtype, rank: int = 0, ranks: int = 1) -> None:
        """Make what is missing in the cache; of several processes each does its share."""
        missing = [path for path in (self.silent, *self.files)[rank::ranks] if not path.is_file()]
        if not missing:
            return
        pipeline = FluxEliGenPipeline.from_pretrained(self.model, transformer=None, dtype=dtype, local_files_only=True)
        pipeline.to(device)
        self.silent.parent.mkdir(parents=True, exist_ok=True)
        for path in missing:
            tensors = self._encoded(pipeline, self.files[path]) if path in self.files else self._words(pipeline, "")
            partial = path.with_suffix(".partial")
            save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, partial)
            partial.rename(path)

    def batch(self, count: int, rng: random.Random, *, silent: bool = False) -> Batch:
        """Return random pictures of one size and number of entities, each picture as likely as any other."""
        buckets = self._by_shape()
        bucket = rng.choices(list(buckets.values()), list(map(len, buckets.values())))[0]
        loaded = [load_file(rng.choice(bucket)) for _ in range(count)]
        stacked = {name: torch.stack([tensors[name] for tensors in loaded]) for name in loaded[0]}
        if silent:
            words = {name: tensor[None].expand(count, *tensor.shape) for name, tensor in load_file(self.silent).items()}
            return without_entities(stacked["latents"].float(), words["text"].float(), words["pooled"].float())
        cells = stacked.pop("cells").bool()
        return Batch(cells=cells, **{name: tensor.float() for name, tensor in stacked.items()})

    def _by_shape(self) -> dict[tuple[int, ...], list[Path]]:
        """Return the files by number of entities, rows and columns of latents, so that a batch needs no padding."""
        if not self._buckets:
            for path in self.files:
                with safe_open(path, framework="pt") as file:
                    self._buckets.setdefault(tuple(file.get_slice("cells").get_shape()), []).append(path)
        return self._buckets

    @torch.no_grad()
    def _encoded(self, pipeline: FluxEliGenPipeline, row: Row) -> dict[str, Tensor]:
        image = open_image(self.folder / row.image)
        width, height = self.sizes.fitted(*image.size)
        rows, columns = height // 8, width // 8
        latents = pipeline._unpack_latents(pipeline.image_latents(image, height, width), height, width, 8)[0]
        entities = [pipeline.embed(prompt, self.sizes.entity_length)[0] for prompt in row.eligen_entity_prompts]
        words = self._words(pipeline, row.prompt)
        shape = (0, self.sizes.entity_length, words["text"].shape[1])
        masks = row.masks(self.folder, image.height, image.width)
        return words | {
            "latents": latents.half(),
            "entities": torch.stack(entities).bfloat16() if entities else torch.zeros(shape, dtype=torch.bfloat16),
            "cells": (latent_masks(masks, rows, columns) if masks else torch.zeros(0, rows, columns)).byte(),
        }

    def _words(self, pipeline: FluxEliGenPipeline, prompt: str) -> dict[str, Tensor]:
        text, pooled = pipeline.embed(prompt, self.sizes.text_length)[0], pipeline.embed_pooled(prompt)[0]
        return {"text": text.bfloat16(), "pooled": pooled.bfloat16()}

    def _key(self, row: Row | None) -> str:
        """Return a name that changes with the row, its files, the encoders and the sizes."""
        named = [self.folder / name for name in (row.image, *row.eligen_entity_masks)] if row else []
        known = (row and row.model_dump(mode="json"), _stamps(named), self._settings)
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:24]


def _stamps(paths: Sequence[Path]) -> list[tuple[str, int, int]]:
    """Return each file's name, size and time of change; UserError for one that is missing."""
    try:
        return [(path.name, stat.st_size, stat.st_mtime_ns) for path in paths for stat in (path.stat(),)]
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror}") from None
