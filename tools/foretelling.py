"""What is told of a picture while it is painted: how many steps are done, and what it is going to be."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from PIL import Image

from eligen.tools.denoising import Callback

OnStep = Callable[[int, int, Callable[[], Image.Image]], None]
Finish = Callable[[torch.Tensor], Image.Image]


def foretelling(finish: Finish, on_step: OnStep) -> Callback:
    """Return a pipeline's callback that tells each step, and how to see what the picture is going to be."""

    def follow(pipeline: Any, step: int, timestep: Any, values: dict[str, torch.Tensor]) -> dict[str, Any]:
        on_step(step + 1, pipeline.num_timesteps, partial(finish, values["pred_original_sample"]))
        return {}

    return follow


def part_of(on_step: OnStep, number: int, count: int) -> OnStep:
    """Return what the steps of one of several pictures are told to, which tells the steps of all."""
    return lambda done, total, preview: on_step(number * total + done, count * total, preview)
