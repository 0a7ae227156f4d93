"""What the denoising loop is told and does not change: texts and images with their regions, the background to keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from PIL import Image

from eligen.tools import masks
from eligen.tools.attention import ImageTokens
from eligen.tools.errors import UserError
from eligen.tools.regions import Regions


@dataclass(frozen=True, eq=False)
class Conditioning:
    """What one pass through the transformer is told, the same at every step.

    `prompt_embeds` (1, L, D), `pooled_prompt_embeds` (1, P), `img_ids` (tokens, 3); with entities, `entity_embeds`
    (1, sum of their lengths, D) and `regions`; with reference images, `image_tokens`, or `image_embeds` (1, n, E) for
    each IP-Adapter that diffusers has loaded.
    """

    prompt_embeds: torch.Tensor
    pooled_prompt_embeds: torch.Tensor
    img_ids: torch.Tensor
    entity_embeds: torch.Tensor | None = None
    regions: Regions | None = None
    image_tokens: tuple[ImageTokens, ...] = ()
    image_embeds: tuple[torch.Tensor, ...] = ()

    @property
    def text(self) -> torch.Tensor:
        """The text sequence (1, S, D): the entities' prompts in order, then the global prompt."""
        if self.entity_embeds is None:
            return self.prompt_embeds
        return torch.cat([self.entity_embeds, self.prompt_embeds], dim=1)


@dataclass(frozen=True, eq=False)
class Background:
    """What inpainting keeps: packed image latents (1, T, 4C), each until the share of steps left is its strength.

    `strengths` (1, T, 4C) in 0..1: 0 is the background, never repainted, 1 is repainted from the first step.
    """

    image_latents: torch.Tensor
    strengths: torch.Tensor

    def keep(self, noise_pred: torch.Tensor, latents: torch.Tensor, sigma: torch.Tensor, left: float) -> torch.Tensor:
        """Return the prediction, replaced where the image is kept by the one that leads back to it.

        `left` is the share of the steps that are still to come, 1 at the first.
        """
        return torch.where(self.strengths >= left, noise_pred, (latents - self.image_latents) / sigma)


class ConditioningMixin:
    """What a FLUX pipeline makes of texts and masks, once a picture."""

    vae_scale_factor: int
    _execution_device: Any
    _prepare_latent_image_ids: Any

    def conditioning(
        self,
        prompt_embeds: torch.Tensor,
        pooled_prompt_embeds: torch.Tensor,
        height: int,
        width: int,
        entity_prompt_embeds: torch.Tensor | None = None,
        entity_masks: Sequence[Image.Image] = (),
        origin: tuple[int, int] = (0, 0),
    ) -> Conditioning:
        """Return what a pass is told, from (1, L, D), (1, P) and, with N masks, (1, N, L', D) embeddings.

        `origin` is (top, left) in pixels where the picture is part of a larger one.

        Raises UserError when there is not one mask for each entity prompt, or more than one global prompt.
        """
        if prompt_embeds.shape[0] != 1:
            raise UserError(
                f"one prompt per call, not {prompt_embeds.shape[0]}: use num_images_per_prompt or call again"
            )
        count = 0 if entity_prompt_embeds is None else entity_prompt_embeds.shape[1]
        if count != len(entity_masks):
            raise UserError(f"{len(entity_masks)} entity masks for {count} entity prompts: each prompt needs one mask")
        device, cell = self._execution_device, self.vae_scale_factor
        img_ids = self._prepare_latent_image_ids(1, height // cell // 2, width // cell // 2, device, torch.float32)
        img_ids[:, 1:] += torch.tensor(origin, device=device) // (2 * cell)
        plain = Conditioning(prompt_embeds.to(device), pooled_prompt_embeds.to(device), img_ids)
        if entity_prompt_embeds is None or not count:
            return plain
        tokens = masks.token_masks(masks.latent_masks(entity_masks, height // cell, width // cell))
        lengths = (entity_prompt_embeds.shape[2],) * count + (prompt_embeds.shape[1],)
        regions = Regions(tokens[None].to(device), lengths).prepared()
        return replace(plain, entity_embeds=entity_prompt_embeds.flatten(1, 2).to(device), regions=regions)


def repainted_masks(
    image: Image.Image | torch.Tensor | None,
    mask_image: Image.Image | None,
    entity_masks: list[Image.Image],
    inpaint: bool | None,
) -> list[Image.Image]:
    """Return the masks whose union is repainted, none when the whole picture is; UserError for contradictions."""
    if image is None and (mask_image is not None or inpaint):
        raise UserError("inpainting needs an image")
    if mask_image is not None and inpaint is False:
        raise UserError("a mask_image makes no sense with inpaint=False")
    chosen = entity_masks if mask_image is None else [mask_image]
    if inpaint and not chosen:
        raise UserError("inpainting needs a mask_image or entity masks")
    return [] if image is None or inpaint is False else chosen
