"""The denoising loop: guided predictions of a transformer that knows who may look at whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from eligen.tools.attention import regional_attention
from eligen.tools.compiled import compiled_blocks
from eligen.tools.conditions import Background, Conditioning
from eligen.tools.merged import merged_loras
from eligen.tools.precomputed import precomputed
from eligen.tools.presets import EXACT, Preset
from eligen.tools.stepcache import StepCache

Callback = Callable[[Any, int, torch.Tensor, dict[str, torch.Tensor]], dict[str, torch.Tensor]]


@dataclass(frozen=True, eq=False)
class Pass:
    """One pass through the transformer, the same at every step but for latents and time: its arguments, in its dtype.

    `followed` says whether hooks of diffusers are to be told which pass it is.
    """

    dtype: torch.dtype
    given: dict[str, Any]
    followed: bool


class DenoisingMixin:
    """The loop of a FLUX pipeline: EliGen keeps entities off the negative pass, which diffusers' own cannot."""

    transformer: Any
    progress_bar: Any
    interrupt: bool
    guidance_scale: float
    _current_timestep: torch.Tensor | None
    _joint_attention_kwargs: dict[str, Any] | None

    @torch.no_grad()
    def denoise(
        self,
        latents: torch.Tensor,
        scheduler: FlowMatchEulerDiscreteScheduler,
        positive: Conditioning,
        negative: Conditioning | None = None,
        *,
        true_cfg_scale: float = 1.0,
        preset: Preset = EXACT,
        background: Background | None = None,
        callback: Callback | None = None,
        callback_inputs: Sequence[str] = ("latents",),
    ) -> torch.Tensor:
        """Return packed latents (B, T, 4C) after all steps, or the steps up to an interrupt."""
        scheduler.set_begin_index(0)
        steps, cache = len(scheduler.timesteps), StepCache()
        told = [positive] if negative is None else [positive, negative]
        with (
            regional_attention(self.transformer),
            merged_loras(self.transformer),
            precomputed(self.transformer, scheduler.timesteps, told, self.guidance_scale),
            self._compiled(preset, latents.device),
            self.progress_bar(total=steps) as progress,
        ):
            one, *other = (self._pass(some, len(latents), self.guidance_scale) for some in told)
            for step, timestep in enumerate(scheduler.timesteps):
                if self.interrupt:
                    break
                self._current_timestep = timestep
                opposite = other[0] if other and preset.guided(step, steps) else None
                computed = preset.computed(step, steps)
                noise_pred = self.predict_guided(
                    latents, timestep, one, opposite, true_cfg_scale, cache=cache, computed=computed
                )
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
                    if "prompt_embeds" in answer:
                        positive = replace(positive, prompt_embeds=answer["prompt_embeds"])
                        one = self._pass(positive, len(latents), self.guidance_scale)
                progress.update()
        self._current_timestep = None
        return latents

    def _compiled(self, preset: Preset, device: torch.device) -> AbstractContextManager[None]:
        """Return compiled blocks where a preset asks for them and that pays: on a GPU."""
        fast = preset.compiled and device.type == "cuda"
        return compiled_blocks(self.transformer, device) if fast else nullcontext()

    def predict_guided(
        self,
        latents: torch.Tensor,
        timestep: torch.Tensor,
        positive: Pass,
        negative: Pass | None,
        true_cfg_scale: float,
        *,
        cache: StepCache,
        computed: bool = True,
    ) -> torch.Tensor:
        """Return the prediction with classifier-free guidance, or the positive one alone where negative is None.

        Unless `computed`, each pass is continued from what the cache has of it.
        """

        def one_pass(name: str, told: Pass) -> torch.Tensor:
            with self.transformer.cache_context(name) if told.followed else nullcontext():
                return cache.predict(name, timestep, partial(self._predict, latents, timestep, told), computed=computed)

        noise_pred = one_pass("cond", positive)
        if negative is None:
            return noise_pred
        opposite = one_pass("uncond", negative)
        return opposite + true_cfg_scale * (noise_pred - opposite)

    @torch.no_grad()
    def predict_noise(
        self, latents: torch.Tensor, timestep: torch.Tensor, conditioning: Conditioning, guidance_scale: float = 3.5
    ) -> torch.Tensor:
        """Return one pass's float32 prediction (B, T, 4C) for packed latents (B, T, 4C) at a timestep in 0..1000."""
        with regional_attention(self.transformer):
            return self._predict(latents, timestep, self._pass(conditioning, len(latents), guidance_scale))

    def _predict(self, latents: torch.Tensor, timestep: torch.Tensor, told: Pass) -> torch.Tensor:
        noise_pred: torch.Tensor = self.transformer(
            hidden_states=latents.to(told.dtype),
            timestep=timestep.expand(len(latents)) / 1000,
            return_dict=False,
            **told.given,
        )[0]
        return noise_pred.float()

    def _pass(self, told: Conditioning, batch: int, guidance_scale: float) -> Pass:
        """Return what the transformer is given at every step: what modules are like is asked for once a picture."""
        dtype = self.transformer.dtype
        text = told.text.to(dtype).expand(batch, -1, -1)
        guidance = None
        if self.transformer.config.guidance_embeds:
            guidance = torch.full([batch], guidance_scale, device=text.device, dtype=torch.float32)
        seen: dict[str, Any] = {**(self._joint_attention_kwargs or {}), "regions": told.regions}
        if told.image_tokens:
            seen["image_tokens"] = told.image_tokens
        if told.image_embeds:
            seen["ip_adapter_image_embeds"] = [embeds.to(dtype).expand(batch, -1, -1) for embeds in told.image_embeds]
        given = {
            "encoder_hidden_states": text,
            "pooled_projections": told.pooled_prompt_embeds.to(dtype).expand(batch, -1),
            "guidance": guidance,
            "img_ids": told.img_ids,
            "txt_ids": torch.zeros(text.shape[1], 3, device=text.device),
            "joint_attention_kwargs": seen,
        }
        return Pass(dtype, given, followed=_is_followed(self.transformer))


def _is_followed(transformer: torch.nn.Module) -> bool:
    """Return whether hooks of diffusers, such as its caches, act in the transformer."""
    registries = (getattr(module, "_diffusers_hook", None) for module in transformer.modules())
    return any(registry is not None and registry.hooks for registry in registries)
