"""What a request leaves to the profile and to the machine, written into it: then it says all that made its picture."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from eligen.tools.adapters import pinned
from eligen.tools.loading import Model
from eligen.tools.profiles import Profile
from eligen.tools.regions import VARIABLE
from eligen.tools.requests import GenerateRequest, Lora, TransferRequest

ATTENTION = "attention"  # recorded only where the environment forces a path
LIBRARIES = {"eligen": "eligen-assistant"} | {name: name for name in ("torch", "diffusers", "transformers", "peft")}

T = TypeVar("T")


def resolved(
    request: GenerateRequest, profile: Profile, used: dict[str, str], file_of: Callable[[Lora], Path]
) -> GenerateRequest:
    """Return the request with the profile's defaults where it says None, the versions used and its LoRAs' digests.

    Raises UserError when a LoRA file is missing, or is not the one the request was made with.
    """

    def fixed(lora: Lora) -> Lora:
        return pinned(lora, file_of(lora)) if lora.weight else lora

    given: dict[str, Any] = {
        "profile": profile.name,
        "steps": _given(request.steps, profile.steps),
        "guidance": _given(request.guidance, profile.guidance_scale),
        "true_cfg": _given(request.true_cfg, profile.true_cfg_scale),
        "negative_prompt": _given(request.negative_prompt, profile.negative_prompt),
        "schedule": _given(request.schedule, profile.schedule),
        "loras": tuple(fixed(lora) for lora in request.loras),
        "versions": used,
    }
    if isinstance(request, TransferRequest):
        given["template"] = _given(request.template, profile.two_panels)
        given["origin"] = _given(request.origin, profile.panel_origin)
        given["panel"] = _given(request.panel, profile.width)
        given["in_context"] = fixed(request.in_context)
    return request.model_copy(update=given)


def versions(model: Model) -> dict[str, str]:
    """Return what besides a request makes its picture: libraries, weights, and what computes with them."""
    forced = os.environ.get(VARIABLE)
    used = {name: version(package) for name, package in LIBRARIES.items()} | {
        "base": model.digest,
        "eligen_lora": f"sha256:{model.lora_sha256}",
        "device": model.device,
        "precision": model.precision,
    }
    return used | {ATTENTION: forced} if forced else used


def changes(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return a notice when a picture is painted again by other versions than before."""
    changed = [name for name, value in before.items() if now.get(name, value) != value]
    if before and (ATTENTION in before) != (ATTENTION in now):
        changed.append(ATTENTION)
    return [f"first painted with other versions ({', '.join(changed)}): it may differ"] if changed else []


def _given(value: T | None, default: T) -> T:
    return default if value is None else value
