"""EliGen on FLUX: entity prompts with masks, and inpainting of several entities at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from diffusers.pipelines.flux.pipeline_output import FluxPipelineOutput
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from eligen.tools import masks
from eligen.tools.attention import Regions, regional_attention
from eligen.tools.conditions import Background, Conditioning, repainted_masks
from eligen.tools.errors import UserError
from eligen.tools.lora import LoraMixin
from eligen.tools.requests import Schedule
from eligen.tools.schedules import eligen_schedule, flux_schedule
from eligen.tools.text import PromptMixin

Callback = Callable[[Any, int, torch.Tensor, dict[str, torch.Tensor]], dict[str, torch.Tensor]]


class FluxEliGenPipeline(LoraMixin, PromptMixin, FluxPipeline):
    """FLUX with entity-level control (EliGen, arXiv 2501.01097); `from_pretrained` takes any FLUX folder."""

    _guidance_scale: float = 3.5
    _joint_attention_kwargs: dict[str, Any] | None = None
    _interrupt: bool = False
    _callback_tensor_inputs: ClassVar[list[str]] = ["latents", "prompt_embeds", "pred_original_sample"]

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | list[str] | None = None,
        entity_prompts: Sequence[str] | None = None,
        entity_masks: Sequence[Image.Image] | None = None,
        negative_prompt: str | None = None,
        image: Image.Image | torch.Tensor | None = None,
        mask_image: Image.Image | None = None,
        strength_map: Image.Image | None = None,
        strength: float = 1.0,
        inpaint: bool | None = None,
        feather: int = 8,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int = 50,
        guidance_scale: float = 3.5,
        true_cfg_scale: float = 1.0,
        eligen_on_negative: bool = False,
        schedule: Schedule = "eligen",
        shift: float | None = None,
        num_images_per_prompt: int = 1,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: torch.Tensor | None = None,
        prompt_embeds: torch.Tensor | None = None,
        pooled_prompt_embeds: torch.Tensor | None = None,
        negative_prompt_embeds: torch.Tensor | None = None,
        negative_pooled_prompt_embeds: torch.Tensor | None = None,
        entity_prompt_embeds: torch.Tensor | None = None,
        max_sequence_length: int = 512,
        entity_max_sequence_length: int | None = None,
        joint_attention_kwargs: dict[str, Any] | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: Callback | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> Any:
        """Paint one prompt.

        Args (those which FluxPipeline does not have, or which mean more here):
            entity_prompts, entity_masks: what to paint where; masks of any size and mode, 255 = on. A mask that
                touches no token makes its entity inert.
            negative_prompt: used when true_cfg_scale is not 1; "" if not given. It has no entities unless
                eligen_on_negative, which sets it in every entity's region too.
            num_images_per_prompt: pictures of the one prompt, from one generator or one each.
            image: a picture, or its latents (1, C, H/8, W/8) in model scale; repainted with `strength` of the noise.
            mask_image: what to repaint; by default the union of the entity masks. Outside it the picture's own pixels
                are pasted back, with an edge that fades inwards over `feather` pixels.
            strength_map: where less than all of the steps repaint, L, 255 = all; what is under the mask joins late
                there and keeps its look, as in differential diffusion (arXiv 2306.00950).
            inpaint: False repaints the whole image even though there are masks.
            schedule: "eligen", the reference's (static shift, 3 by default), or "flux", the pipeline's own; `shift`
                overrides either.
            latents: packed starting noise (num_images_per_prompt, H/16*W/16, 4C).
            entity_prompt_embeds: (1, N, L, D), in place of entity_prompts.
            entity_max_sequence_length: text tokens of an entity prompt; as max_sequence_length by default.

            callback_on_step_end: may ask for pred_original_sample too, what the latents are going to be.

        Returns a FluxPipelineOutput, or (images,); with output_type "latent", packed latents in float32.
        Raises UserError for inputs that do not belong together.
        """
        height, width = self._picture_size(height, width, image)
        if isinstance(image, Image.Image):
            image = _fitted(image, height, width)
        prompt, entity_masks = _only(prompt), list(entity_masks or ())
        self.check_inputs(
            prompt,
            None,
            height,
            width,
            negative_prompt=negative_prompt,
            prompt_embeds=prompt_embeds,
            negative_prompt_embeds=negative_prompt_embeds,
            pooled_prompt_embeds=pooled_prompt_embeds,
            negative_pooled_prompt_embeds=negative_pooled_prompt_embeds,
            callback_on_step_end_tensor_inputs=callback_on_step_end_tensor_inputs,
            max_sequence_length=max_sequence_length,
        )
        if entity_prompts and entity_prompt_embeds is not None:
            raise UserError("give entity_prompts or entity_prompt_embeds, not both")
        repainted = repainted_masks(image, mask_image, entity_masks, inpaint)
        self._guidance_scale, self._joint_attention_kwargs = guidance_scale, joint_attention_kwargs
        self._interrupt, self._current_timestep = False, None
        entity_length = entity_max_sequence_length or max_sequence_length

        texts = self.embed_both(prompt, prompt_embeds, pooled_prompt_embeds, max_sequence_length)
        if entity_prompts:
            entity_prompt_embeds = self.embed_each(entity_prompts, entity_length)
        positive = self.conditioning(*texts, height, width, entity_prompt_embeds, entity_masks)
        negative = None
        if true_cfg_scale != 1:
            texts = self.embed_both(
                negative_prompt, negative_prompt_embeds, negative_pooled_prompt_embeds, max_sequence_length
            )
            if eligen_on_negative and entity_masks:
                known = negative_prompt_embeds is not None
                each = texts[0] if known else self.embed(negative_prompt or "", entity_length)
                repeated = torch.stack([each] * len(entity_masks), dim=1)
                negative = self.conditioning(*texts, height, width, repeated, entity_masks)
            else:
                negative = self.conditioning(*texts, height, width)

        scheduler = self.prepare_schedule(num_inference_steps, height, width, schedule, shift, strength)
        self._num_timesteps = len(scheduler.timesteps)
        latents = self.prepare_noise(height, width, num_images_per_prompt, generator, latents)
        background = None
        if image is not None:
            image_latents = self.image_latents(image, height, width)
            latents = self.noised(image_latents, latents, scheduler.sigmas[0])
            background = self.background(image_latents, repainted, height, width, strength_map) if repainted else None
        latents = self.denoise(
            latents,
            scheduler,
            positive,
            negative,
            true_cfg_scale=true_cfg_scale,
            background=background,
            callback=callback_on_step_end,
            callback_inputs=callback_on_step_end_tensor_inputs,
        )
        if output_type == "latent":
            images = latents
        else:
            images = self.decode(latents, height, width)
            if repainted and isinstance(image, Image.Image):
                images = self.paste_back(images, image, repainted, feather)
            images = self.image_processor.postprocess(images, output_type, [False] * len(images))
        self.maybe_free_model_hooks()
        return FluxPipelineOutput(images=images) if return_dict else (images,)

    # -- what stays the same at every step

    def conditioning(
        self,
        prompt_embeds: torch.Tensor,
        pooled_prompt_embeds: torch.Tensor,
        height: int,
        width: int,
        entity_prompt_embeds: torch.Tensor | None = None,
        entity_masks: Sequence[Image.Image] = (),
    ) -> Conditioning:
        """Return what a pass is told, from (1, L, D), (1, P) and, with N masks, (1, N, L', D) embeddings.

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
        plain = Conditioning(prompt_embeds.to(device), pooled_prompt_embeds.to(device), img_ids)
        if entity_prompt_embeds is None or not count:
            return plain
        tokens = masks.token_masks(masks.latent_masks(entity_masks, height // cell, width // cell))
        lengths = (entity_prompt_embeds.shape[2],) * count + (prompt_embeds.shape[1],)
        regions = Regions(tokens[None].to(device), lengths)
        return replace(plain, entity_embeds=entity_prompt_embeds.flatten(1, 2).to(device), regions=regions)

    def prepare_schedule(
        self,
        num_inference_steps: int,
        height: int,
        width: int,
        schedule: Schedule = "eligen",
        shift: float | None = None,
        strength: float = 1.0,
    ) -> FlowMatchEulerDiscreteScheduler:
        """Return a scheduler whose `sigmas` and `timesteps` are set; the pipeline's own is left alone."""
        device = self._execution_device
        if schedule == "eligen":
            return eligen_schedule(num_inference_steps, shift=shift, strength=strength, device=device)
        tokens = (height // self.vae_scale_factor // 2) * (width // self.vae_scale_factor // 2)
        return flux_schedule(self.scheduler, num_inference_steps, tokens, shift=shift, strength=strength, device=device)

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

    # -- the loop

    @torch.no_grad()
    def denoise(
        self,
        latents: torch.Tensor,
        scheduler: FlowMatchEulerDiscreteScheduler,
        positive: Conditioning,
        negative: Conditioning | None = None,
        *,
        true_cfg_scale: float = 1.0,
        background: Background | None = None,
        callback: Callback | None = None,
        callback_inputs: Sequence[str] = ("latents",),
    ) -> torch.Tensor:
        """Return packed latents (B, T, 4C) after all steps, or the steps up to an interrupt."""
        scheduler.set_begin_index(0)
        with regional_attention(self.transformer), self.progress_bar(total=len(scheduler.timesteps)) as progress:
            steps = len(scheduler.timesteps)
            for step, timestep in enumerate(scheduler.timesteps):
                if self.interrupt:
                    break
                self._current_timestep = timestep
                noise_pred = self.predict_guided(latents, timestep, positive, negative, true_cfg_scale)
                if background is not None:
                    noise_pred = background.keep(noise_pred, latents, scheduler.sigmas[step], 1 - step / steps)
                foretold = latents - scheduler.sigmas[step] * noise_pred
                latents = scheduler.step(noise_pred, timestep, latents, return_dict=False)[0]
                if callback is not None:
                    offered = {
                        "latents": latents,
                        "prompt_embeds": positive.prompt_embeds,
                        "pred_original_sample": foretold,
                    }
                    answer = callback(self, step, timestep, {name: offered[name] for name in callback_inputs})
                    latents = answer.get("latents", latents)
                    positive = replace(positive, prompt_embeds=answer.get("prompt_embeds", positive.prompt_embeds))
                progress.update()
        self._current_timestep = None
        return latents

    def predict_guided(
        self,
        latents: torch.Tensor,
        timestep: torch.Tensor,
        positive: Conditioning,
        negative: Conditioning | None,
        true_cfg_scale: float,
    ) -> torch.Tensor:
        """Return the prediction with classifier-free guidance, or the positive one alone where negative is None."""
        with self.transformer.cache_context("cond"):
            noise_pred = self.predict_noise(latents, timestep, positive, self.guidance_scale)
        if negative is None:
            return noise_pred
        with self.transformer.cache_context("uncond"):
            opposite = self.predict_noise(latents, timestep, negative, self.guidance_scale)
        return opposite + true_cfg_scale * (noise_pred - opposite)

    @torch.no_grad()
    def predict_noise(
        self, latents: torch.Tensor, timestep: torch.Tensor, conditioning: Conditioning, guidance_scale: float = 3.5
    ) -> torch.Tensor:
        """Return one pass's float32 prediction (B, T, 4C) for packed latents (B, T, 4C) at a timestep in 0..1000."""
        batch, dtype = latents.shape[0], self.transformer.dtype
        text = conditioning.text.to(dtype).expand(batch, -1, -1)
        guidance = None
        if self.transformer.config.guidance_embeds:
            guidance = torch.full([batch], guidance_scale, device=latents.device, dtype=torch.float32)
        with regional_attention(self.transformer):
            noise_pred: torch.Tensor = self.transformer(
                hidden_states=latents.to(dtype),
                encoder_hidden_states=text,
                pooled_projections=conditioning.pooled_prompt_embeds.to(dtype).expand(batch, -1),
                timestep=timestep.expand(batch) / 1000,
                guidance=guidance,
                img_ids=conditioning.img_ids,
                txt_ids=torch.zeros(text.shape[1], 3, device=latents.device),
                joint_attention_kwargs={**(self._joint_attention_kwargs or {}), "regions": conditioning.regions},
                return_dict=False,
            )[0]
        return noise_pred.float()

    # -- pictures

    @torch.no_grad()
    def image_latents(self, image: Image.Image | torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Return a picture's packed float32 latents (1, tokens, 4C) in model scale; latents (1, C, h, w) are packed."""
        if not isinstance(image, Image.Image):
            return self._pack_latents(image.to(self._execution_device, torch.float32), *image.shape)
        pixels = self.image_processor.preprocess(_fitted(image, height, width))
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

    def _picture_size(
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


def _only(prompt: str | list[str] | None) -> str | None:
    if not isinstance(prompt, list):
        return prompt
    if len(prompt) != 1:
        raise UserError(f"one prompt per call, not {len(prompt)}: use num_images_per_prompt or call again")
    return prompt[0]


def _fitted(image: Image.Image, height: int, width: int) -> Image.Image:
    """Return the image in RGB at that size."""
    image = image.convert("RGB")
    return image if image.size == (width, height) else image.resize((width, height), Image.Resampling.LANCZOS)
