"""EliGen on FLUX: entity prompts with masks, and inpainting of several entities at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ClassVar

import torch
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from diffusers.pipelines.flux.pipeline_output import FluxPipelineOutput
from PIL import Image

from eligen.tools.conditions import ConditioningMixin, repainted_masks
from eligen.tools.denoising import Callback, DenoisingMixin
from eligen.tools.errors import UserError
from eligen.tools.image_prompts import ImagePromptMixin
from eligen.tools.ip_adapter import ImagePrompt
from eligen.tools.latents import LatentsMixin, fitted
from eligen.tools.lora import LoraMixin
from eligen.tools.presets import EXACT, Preset
from eligen.tools.requests import Schedule
from eligen.tools.schedules import ScheduleMixin
from eligen.tools.text import PromptMixin


def _asking_once(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a pipeline's call that knows its device from the beginning to the end."""

    @wraps(call)
    def asking(pipeline: FluxEliGenPipeline, *args: Any, **kwargs: Any) -> Any:
        pipeline._device = pipeline._execution_device
        try:
            return call(pipeline, *args, **kwargs)
        finally:
            pipeline._device = None

    return asking


class FluxEliGenPipeline(
    LoraMixin,
    PromptMixin,
    ImagePromptMixin,
    ConditioningMixin,
    ScheduleMixin,
    LatentsMixin,
    DenoisingMixin,
    FluxPipeline,
):
    """FLUX with entity-level control (EliGen, arXiv 2501.01097); `from_pretrained` takes any FLUX folder."""

    _guidance_scale: float = 3.5
    _joint_attention_kwargs: dict[str, Any] | None = None
    _interrupt: bool = False
    _device: torch.device | None = None
    _callback_tensor_inputs: ClassVar[list[str]] = ["latents", "prompt_embeds", "pred_original_sample"]

    @property
    def _execution_device(self) -> torch.device:
        """Where the models compute; diffusers looks at all their modules to know, so during a call it is asked once."""
        return self._device or super()._execution_device

    @_asking_once
    @torch.no_grad()
    def __call__(
        self,
        prompt: str | list[str] | None = None,
        entity_prompts: Sequence[str] | None = None,
        entity_masks: Sequence[Image.Image] | None = None,
        negative_prompt: str | None = None,
        image_prompts: Sequence[ImagePrompt] = (),
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
        ip_adapter_image: Any = None,
        ip_adapter_image_embeds: list[torch.Tensor] | None = None,
        negative_ip_adapter_image: Any = None,
        negative_ip_adapter_image_embeds: list[torch.Tensor] | None = None,
        max_sequence_length: int = 512,
        entity_max_sequence_length: int | None = None,
        preset: Preset = EXACT,
        origin: tuple[int, int] = (0, 0),
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
            image_prompts: reference images, from an IPAdapter (InstantX's layout), for the picture or single entities.
            ip_adapter_image and the like: as in FluxPipeline, for what `load_ip_adapter` has loaded (XLabs's layout).
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
            preset: what may be left out to save time.
            origin: (top, left) of a picture that is part of a larger one, in pixels.
            callback_on_step_end: may ask for pred_original_sample too, what the latents are going to be.

        Returns a FluxPipelineOutput, or (images,); with output_type "latent", packed latents in float32.
        Raises UserError for inputs that do not belong together.
        """
        height, width = self.picture_size(height, width, image)
        if isinstance(image, Image.Image):
            image = fitted(image, height, width)
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
        positive = self.conditioning(*texts, height, width, entity_prompt_embeds, entity_masks, origin)
        negative = None
        if true_cfg_scale != 1:
            texts = self.embed_both(
                negative_prompt, negative_prompt_embeds, negative_pooled_prompt_embeds, max_sequence_length
            )
            if eligen_on_negative and entity_masks:
                known = negative_prompt_embeds is not None
                each = texts[0] if known else self.embed(negative_prompt or "", entity_length)
                repeated = torch.stack([each] * len(entity_masks), dim=1)
                negative = self.conditioning(*texts, height, width, repeated, entity_masks, origin)
            else:
                negative = self.conditioning(*texts, height, width, origin=origin)
        if preset.merge_pads:
            opposite = None if negative_prompt_embeds is not None else negative_prompt or ""
            positive = self.shortened(positive, entity_prompts or (), prompt)
            negative = negative and self.shortened(
                negative, [opposite] * len(entity_masks) if eligen_on_negative else (), opposite
            )

        positive, negative = self.with_references(
            positive,
            negative,
            image_prompts,
            (ip_adapter_image, ip_adapter_image_embeds),
            (negative_ip_adapter_image, negative_ip_adapter_image_embeds),
        )
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
            preset=preset,
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


def _only(prompt: str | list[str] | None) -> str | None:
    if not isinstance(prompt, list):
        return prompt
    if len(prompt) != 1:
        raise UserError(f"one prompt per call, not {len(prompt)}: use num_images_per_prompt or call again")
    return prompt[0]
