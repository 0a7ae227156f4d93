"""Between pictures and latents: noise to start from, encoding, decoding, and pasting back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from eligen.tools import masks
from eligen.tools.conditions import Background
from eligen.tools.errors import UserError


class LatentsMixin:
    """The pictures of a FLUX pipeline, and the packed latents that it paints in."""

    transformer: Any
    vae: Any
    vae_scale_factor: int
    default_sample_size: int
    image_processor: Any
    _execution_device: Any
    _pack_latents: Any
    _unpack_latents: Any

    def prepare_noise(
        self,
        height: int,
        width: int,
        count: int = 1,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return packed float32 noise (count, tokens, 4C), drawn unless given as `latents`."""
        if latents is not None:
            return latents.to(self._execution_device, torch.float32)
        channels = self.transformer.config.in_channels // 4
        shape = (count, channels, height // self.vae_scale_factor, width // self.vae_scale_factor)
        noise = randn_tensor(shape, generator=generator, device=self._execution_device, dtype=torch.float32)
        return self._pack_latents(noise, *shape)

    @staticmethod
    def noised(image_latents: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """Return the image's latents under noise of level sigma in 0..1, where the loop starts."""
        return (1 - sigma) * image_latents + sigma * noise

    @torch.no_grad()
    def image_latents(self, image: Image.Image | torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Return a picture's packed float32 latents (1, tokens, 4C) in model scale; latents (1, C, h, w) are packed."""
        if not isinstance(image, Image.Image):
            return self._pack_latents(image.to(self._execution_device, torch.float32), *image.shape)
        pixels = self.image_processor.preprocess(fitted(image, height, width))
        encoded = self.vae.encode(pixels.to(self._execution_device, self.vae.dtype)).latent_dist.mode().float()
        latents = (encoded - self.vae.config.shift_factor) * self.vae.config.scaling_factor
        return self._pack_latents(latents, *latents.shape)

    def background(
        self,
        image_latents: torch.Tensor,
        repainted: Sequence[Image.Image],
        height: int,
        width: int,
        strength_map: Image.Image | None = None,
    ) -> Background:
        """Return what to keep of packed latents (1, T, 4C): all outside the union of the masks, and some inside it."""
        rows, columns = height // self.vae_scale_factor, width // self.vae_scale_factor
        channels = image_latents.shape[2] // 4
        cells = masks.foreground(repainted, rows, columns).float()
        if strength_map is not None:
            cells *= masks.strengths(strength_map, rows, columns)
        cells = cells.expand(1, channels, -1, -1)
        packed = self._pack_latents(cells.contiguous(), 1, channels, rows, columns)
        return Background(image_latents, packed.to(image_latents.device))

    @torch.no_grad()
    def decode(self, latents: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Return pictures (B, 3, H, W) in 0..1, float32, of packed latents."""
        unpacked = self._unpack_latents(latents, height, width, self.vae_scale_factor)
        unpacked = unpacked / self.vae.config.scaling_factor + self.vae.config.shift_factor
        decoded = self.vae.decode(unpacked.to(self.vae.dtype), return_dict=False)[0]
        return (decoded.float() / 2 + 0.5).clamp(0, 1)

    def paste_back(
        self, pictures: torch.Tensor, image: Image.Image, repainted: Sequence[Image.Image], feather: int
    ) -> torch.Tensor:
        """Return the pictures (B, 3, H, W) inside the masks and the image's own pixels, of that size, outside them."""
        original = self.image_processor.numpy_to_pt(self.image_processor.pil_to_numpy(image)).to(pictures.device)
        opacity = masks.feathered(masks.union(repainted, *pictures.shape[-2:]), feather)
        return masks.blend(original.expand_as(pictures), pictures, opacity)

    def picture_size(
        self, height: int | None, width: int | None, image: Image.Image | torch.Tensor | None
    ) -> tuple[int, int]:
        """Return (height, width): as asked, else the image's, else the model's; UserError unless whole tokens."""
        cell = self.vae_scale_factor
        default = (self.default_sample_size * cell,) * 2
        if isinstance(image, Image.Image):
            default = (image.height, image.width)
        elif image is not None:
            default = (image.shape[-2] * cell, image.shape[-1] * cell)
        height, width = height or default[0], width or default[1]
        if height % (2 * cell) or width % (2 * cell):
            raise UserError(f"size {width}x{height} is not a multiple of {2 * cell} in both directions")
        return height, width


def fitted(image: Image.Image, height: int, width: int) -> Image.Image:
    """Return the image in RGB at that size."""
    image = image.convert("RGB")
    return image if image.size == (width, height) else image.resize((width, height), Image.Resampling.LANCZOS)
