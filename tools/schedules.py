"""The two noise schedules: the EliGen reference's, and the one that a FLUX folder brings."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.flux.pipeline_flux import calculate_shift

from eligen.tools.errors import UserError
from eligen.tools.requests import Schedule

ELIGEN_SHIFT = 3.0
LAST_SIGMA = 0.003 / 1.002


def eligen_schedule(
    steps: int, *, shift: float | None = None, strength: float = 1.0, device: torch.device | None = None
) -> FlowMatchEulerDiscreteScheduler:
    """Return the reference's schedule: all the steps from the noise of `strength` down, static shift, 3 by default."""
    _check(strength)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=ELIGEN_SHIFT if shift is None else shift)
    first = LAST_SIGMA + (1 - LAST_SIGMA) * strength
    scheduler.set_timesteps(sigmas=torch.linspace(first, LAST_SIGMA, steps).numpy(), device=device)
    return scheduler


def flux_schedule(
    scheduler: FlowMatchEulerDiscreteScheduler,
    steps: int,
    tokens: int,
    *,
    shift: float | None = None,
    strength: float = 1.0,
    device: torch.device | None = None,
) -> FlowMatchEulerDiscreteScheduler:
    """Return a copy of the scheduler, set as FluxPipeline and FluxImg2ImgPipeline set it for that many image tokens."""
    _check(strength)
    config = scheduler.config
    limits = (config.base_image_seq_len, config.max_image_seq_len, config.base_shift, config.max_shift)
    mu = calculate_shift(tokens, *limits) if shift is None else log(shift)
    copy = type(scheduler).from_config(config, **({} if shift is None else {"shift": shift}))
    skipped = min(int(steps - steps * strength), steps - 1)
    copy.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps)[skipped:], mu=mu, device=device)
    return copy


def _check(strength: float) -> None:
    if not 0 < strength <= 1:
        raise UserError(f"strength {strength} is not in (0, 1]")


class ScheduleMixin:
    """The schedules of a FLUX pipeline."""

    scheduler: Any
    vae_scale_factor: int
    _execution_device: Any

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
