"""Styling: reference pictures in, image prompts for the pipeline out, by a profile's IP-Adapter and image encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers import FluxTransformer2DModel
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor
from transformers import AutoConfig, CLIPVisionModel, SiglipVisionModel

from eligen.tools.downloads import fetch, fetch_file
from eligen.tools.errors import ToolError, UserError
from eligen.tools.imagefiles import open_image
from eligen.tools.ip_adapter import ImagePrompt, IPAdapter, load_ip_adapter
from eligen.tools.layout import Entity, StyleImage
from eligen.tools.loading import Progress, quiet
from eligen.tools.manifest import sha256_of
from eligen.tools.profiles import (
    IMAGE_ENCODER_DIR_VARIABLE,
    IP_ADAPTER_FILE_VARIABLE,
    HubFiles,
    ImageFeatures,
    Profile,
)
from eligen.tools.text import PromptCache

VISION_MODELS = {"clip": CLIPVisionModel, "siglip": SiglipVisionModel}
TEXTURE_LAYERS = (0, 1)
NEEDED = "the style of a picture cannot be taken over without an IP-Adapter and its image encoder"

Fetch = Callable[[HubFiles, Progress], Path]


class ImageEncoder:
    """What an IP-Adapter sees of pictures: a vision model of CLIP or SigLIP, in float32 on the CPU.

    Of its "pooled" features, or of "texture", the mean and deviation over all patches of its first layers: early
    layers know hatching, colours and outlines, and their statistics forget what is where.
    """

    def __init__(self, folder: Path, features: ImageFeatures = "pooled") -> None:
        kind = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
        if kind not in VISION_MODELS:
            raise UserError(f"{folder} holds a {kind}: an image encoder is one of {', '.join(VISION_MODELS)}")
        with quiet():
            model = VISION_MODELS[kind].from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self.model: Any = model.eval().requires_grad_(False)
        self.features = features

    @property
    def side(self) -> int:
        """The side of the squares that it looks at; texture shows at twice the side that it was trained with."""
        side: int = self.model.config.image_size
        return side if self.features == "pooled" else 2 * side

    @property
    def width(self) -> int:
        """The length of an embedding."""
        width: int = self.model.config.hidden_size
        return width if self.features == "pooled" else 2 * width * len(TEXTURE_LAYERS)

    @torch.no_grad()
    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return embeddings (B, width) of square pictures (B, 3, side, side) in 0..1."""
        scaled = pixels * 2 - 1
        if self.features == "pooled":
            pooled: torch.Tensor = self.model(pixel_values=scaled).pooler_output
            return pooled
        seen = self.model(pixel_values=scaled, output_hidden_states=True, interpolate_pos_encoding=True).hidden_states
        patches = [seen[layer][:, 1:] for layer in TEXTURE_LAYERS]  # without CLIP's class token
        return torch.cat([part for some in patches for part in (some.mean(1), some.std(1))], dim=1)

    def embed(self, image: Image.Image) -> torch.Tensor:
        """Return the embedding (width,) of a picture of any size."""
        square = image.convert("RGB").resize((self.side, self.side), Image.Resampling.BICUBIC)
        return self(pil_to_tensor(square)[None] / 255)[0]


class Stylist:
    """Makes image prompts of reference pictures; its models are loaded when first needed, into main memory.

    The transformer needs the GPU's room at every step, they are asked once a picture.
    """

    def __init__(self, *, profile: Profile, progress: Progress | None = None) -> None:
        self.profile = profile
        self._say = progress or (lambda line: None)
        self._adapter: IPAdapter | None = None
        self._embeddings = PromptCache()

    @cached_property
    def file(self) -> Path:
        """The IP-Adapter's file, downloaded if need be; ToolError when the profile has none."""
        return self._found(self.profile.ip_adapter_file, self.profile.ip_adapter, fetch_file)

    @cached_property
    def encoder(self) -> ImageEncoder:
        """The image encoder; ToolError when the profile has none."""
        folder = self._found(self.profile.image_encoder_folder, self.profile.image_encoder, fetch)
        return ImageEncoder(folder, self.profile.image_features)

    @cached_property
    def digest(self) -> str:
        """What names the IP-Adapter's weights."""
        return f"sha256:{sha256_of(self.file)}"

    def prompts(
        self, styles: Sequence[StyleImage], entities: Sequence[Entity], transformer: FluxTransformer2DModel
    ) -> list[ImagePrompt]:
        """Return image prompts for the whole picture and for those of the entities that have style images of their own.

        Raises UserError for pictures that cannot be read, ToolError when the profile has no weights for this.
        """
        prompts = []
        for index, name in ((None, None), *((index, entity.id) for index, entity in enumerate(entities))):
            own = [style for style in styles if style.entity == name and style.scale]
            if own:
                adapter = self._loaded(transformer)
                embeds = torch.stack([self._embedded(Path(style.image)) for style in own])
                prompts.append(adapter.prompt(embeds, [style.scale for style in own], index))
        return prompts

    def _loaded(self, transformer: FluxTransformer2DModel) -> IPAdapter:
        if self._adapter is None:
            adapter = load_ip_adapter(self.file, transformer)
            expected = adapter.image_proj.proj[0].in_features
            if expected != self.encoder.width:
                raise UserError(
                    f"{self.file} was trained with another image encoder: it reads embeddings of {expected} numbers, "
                    f"this one's have {self.encoder.width}"
                )
            self._adapter = adapter
        return self._adapter

    def _embedded(self, path: Path) -> torch.Tensor:
        image = open_image(path).convert("RGB")
        key = image.size, hashlib.sha256(image.tobytes()).digest()
        return self._embeddings.get(key, lambda: self.encoder.embed(image))

    def _found(self, local: Path | None, source: HubFiles | None, fetched: Fetch) -> Path:
        if local is not None and local.exists():
            return local
        if source is None or local is not None:
            raise ToolError(
                f"{NEEDED}, and there is none at {local}: train one with `python -m training.train_ip_adapter`, or "
                "describe the style in words"
            )
        try:
            return fetched(source, self._say)
        except UserError as error:
            variables = f"{IP_ADAPTER_FILE_VARIABLE} and {IMAGE_ENCODER_DIR_VARIABLE}"
            raise ToolError(f"{NEEDED}: {error}; or name local ones with {variables}") from error
