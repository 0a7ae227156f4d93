"""Reference images in a pipeline's call: for the whole picture or inside entities' masks, in both passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from PIL import Image

from eligen.tools.attention import ImageTokens, KeysValues
from eligen.tools.conditions import Conditioning
from eligen.tools.errors import UserError
from eligen.tools.ip_adapter import ImagePrompt
from eligen.tools.regions import Regions

Given = tuple[Any, list[torch.Tensor] | None]


class ImagePromptMixin:
    """The reference images of a FLUX pipeline: image prompts, and what diffusers' own IP-Adapter loader takes."""

    transformer: Any
    prepare_ip_adapter_image_embeds: Any
    _execution_device: Any

    def with_references(
        self,
        positive: Conditioning,
        negative: Conditioning | None,
        image_prompts: Sequence[ImagePrompt],
        shown: Given,
        hidden: Given,
    ) -> tuple[Conditioning, Conditioning | None]:
        """Return both passes with their reference images.

        `shown` and `hidden` are FluxPipeline's ip_adapter_image and ip_adapter_image_embeds and their negatives; where
        only one is given the other is a black image. Raises UserError for what does not belong together.
        """
        stock = any(given is not None for given in (*shown, *hidden))
        if image_prompts and stock:
            raise UserError("give image_prompts or ip_adapter_image, not both")
        if image_prompts:
            where = (self._execution_device, self.transformer.dtype)
            return _placed([prompt.to(*where) for prompt in image_prompts], positive, negative)
        if not stock:
            return positive, negative
        if getattr(self.transformer, "encoder_hid_proj", None) is None:
            raise UserError("ip_adapter_image needs an IP-Adapter: call load_ip_adapter first")
        positive = replace(positive, image_embeds=self._stock_embeds(*shown))
        return positive, negative and replace(negative, image_embeds=self._stock_embeds(*hidden))

    def _stock_embeds(self, image: Any, embeds: list[torch.Tensor] | None) -> tuple[torch.Tensor, ...]:
        """Return embeddings (1, n, E) for each IP-Adapter that diffusers has loaded."""
        if image is None and embeds is None:
            image = [Image.new("RGB", (64, 64))] * self.transformer.encoder_hid_proj.num_ip_adapters
        return tuple(self.prepare_ip_adapter_image_embeds(image, embeds, self._execution_device, 1))


def _placed(
    prompts: Sequence[ImagePrompt], positive: Conditioning, negative: Conditioning | None
) -> tuple[Conditioning, Conditioning | None]:
    """Return both passes with reference images in their places; the negative one sees there what no image says.

    An entity's own images act on its prompt and inside its mask, in place of those for the whole picture. Raises
    UserError when there is no entity of an index.
    """
    regions = positive.regions
    for entity in [prompt.entity for prompt in prompts if prompt.entity is not None]:
        if regions is None or not 0 <= entity < regions.token_masks.shape[1]:
            raise UserError(f"a reference image is for entity {entity}, which there is not")

    def shown(told: Conditioning, blocks: Sequence[tuple[KeysValues, ...]]) -> Conditioning:
        lengths = told.regions.text_lengths if told.regions else (told.prompt_embeds.shape[1],)
        places = [None if prompt.entity is None else _place(prompt.entity, regions, lengths) for prompt in prompts]
        taken = [place for place in places if place is not None]
        rest = ~torch.stack(taken).any(0) if taken else None
        tokens = [
            ImageTokens(some, rest if place is None else place) for some, place in zip(blocks, places, strict=True)
        ]
        return replace(told, image_tokens=tuple(tokens))

    positive = shown(positive, [prompt.blocks for prompt in prompts])
    return positive, shown(negative, [prompt.negative for prompt in prompts]) if negative else None


def _place(entity: int, regions: Regions | None, text_lengths: Sequence[int]) -> torch.Tensor:
    """Return which tokens, bool (S,), are an entity's: its prompt, where it is in the sequence, and its region."""
    assert regions is not None, "checked by the caller"
    region = regions.token_masks[0, entity]
    texts = [region.new_full((length,), index == entity) for index, length in enumerate(text_lengths[:-1])]
    return torch.cat([*texts, region.new_zeros(text_lengths[-1]), region])
