"""Profiles: which models paint, where their files lie, and what they paint with unless told otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from eligen.tools.errors import UserError
from eligen.tools.requests import Schedule

DType = Literal["float32", "bfloat16"]

MINI_FOLDER = Path(__file__).parent / "weights" / "mini"
MINI_SIDE = 128
SAM_FILE = Path("sam", "model.safetensors")
MODEL_DIR_VARIABLE = "ELIGEN_FLUX_DIR"
LORA_FILE_VARIABLE = "ELIGEN_LORA_FILE"
SAM_FILE_VARIABLE = "ELIGEN_SAM_FILE"


@dataclass(frozen=True, kw_only=True)
class HubFiles:
    """Files of a Hugging Face repository at one revision; `mirror` is an address of the single file elsewhere."""

    repository: str
    revision: str
    patterns: tuple[str, ...]
    mirror: str | None = None
    endpoint: str | None = None


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A base model, its EliGen LoRA, the Sam that finds things in its pictures, and their defaults.

    `folder` is the base model's diffusers folder where it is local; None means `base`, downloaded on first use.
    `lora_file` likewise stands before `lora`, and `sam_file` before `sam`. `component_bytes` is what each model weighs
    on disk, known before the download. `dtype` is what the models compute in.
    """

    name: str
    summary: str
    licence: str
    folder: Path | None = None
    lora_file: Path | None = None
    base: HubFiles | None = None
    lora: HubFiles | None = None
    sam_file: Path | None = None
    sam: HubFiles | None = None
    component_bytes: tuple[tuple[str, int], ...] = ()
    has_manifest: bool = False
    has_vocabulary: bool = False
    dtype: DType
    width: int
    height: int
    steps: int
    guidance_scale: float
    true_cfg_scale: float
    negative_prompt: str = ""
    max_sequence_length: int
    entity_max_sequence_length: int
    schedule: Schedule = "eligen"


MINI = Profile(
    name="mini",
    summary="a small FLUX-shaped model that ships with this package and paints drawn scenes on a CPU",
    licence="Apache-2.0 (weights trained by this project on scenes drawn with Noto Color Emoji, OFL-1.1)",
    folder=MINI_FOLDER,
    lora_file=MINI_FOLDER / "eligen_lora.safetensors",
    sam_file=MINI_FOLDER / SAM_FILE,
    has_manifest=True,
    has_vocabulary=True,
    dtype="float32",
    width=MINI_SIDE,
    height=MINI_SIDE,
    steps=20,
    guidance_scale=3.5,
    true_cfg_scale=3.0,
    max_sequence_length=64,
    entity_max_sequence_length=16,
)

FLUX_DEV = Profile(
    name="flux-dev",
    summary="FLUX.1-dev (12 B parameters) with the published EliGen LoRA, for a large GPU",
    licence=(
        "FLUX.1-dev is under the FLUX.1 [dev] Non-Commercial License (https://huggingface.co/black-forest-labs/"
        "FLUX.1-dev); the EliGen LoRA is Apache-2.0"
    ),
    base=HubFiles(
        repository="black-forest-labs/FLUX.1-dev",
        revision="3de623fc3c33e44ffbe2bad470d0f45bccf2eb21",
        patterns=(
            "model_index.json",
            "scheduler/*",
            "text_encoder/*",
            "text_encoder_2/*",
            "tokenizer/*",
            "tokenizer_2/*",
            "transformer/*",
            "vae/*",
        ),
    ),
    lora=HubFiles(
        repository="modelscope/EliGen",
        revision="main",
        patterns=("model_bf16.safetensors",),
        mirror="https://modelscope.cn/models/DiffSynth-Studio/Eligen/resolve/master/model_bf16.safetensors",
    ),
    sam=HubFiles(
        repository="ybelkada/segment-anything",
        revision="main",
        patterns=("checkpoints/sam_vit_h_4b8939.pth",),
        mirror="https://dl.fbaipublicfiles.com/segment_anything/sam_vit_h_4b8939.pth",
    ),
    component_bytes=(
        ("transformer", 23_802_000_000),
        ("text_encoder_2", 9_525_000_000),
        ("text_encoder", 246_000_000),
        ("vae", 168_000_000),
    ),
    dtype="bfloat16",
    width=1024,
    height=1024,
    steps=50,
    guidance_scale=3.5,
    true_cfg_scale=3.0,
    max_sequence_length=512,
    entity_max_sequence_length=512,
)

PROFILES = {profile.name: profile for profile in (MINI, FLUX_DEV)}
DEFAULT_PROFILE = MINI.name


def get_profile(
    name: str = DEFAULT_PROFILE,
    *,
    model_dir: Path | None = None,
    lora_file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Profile:
    """Return the profile of that name, its files taken from local ones where those are given.

    For flux-dev, ELIGEN_FLUX_DIR and ELIGEN_LORA_FILE stand in for `model_dir` and `lora_file`, and ELIGEN_SAM_FILE
    names its Sam. A `model_dir` that holds an `eligen_lora.safetensors` or a `sam/` folder brings its own.

    Raises UserError when the name is unknown or a path is missing.
    """
    if name not in PROFILES:
        close = get_close_matches(name, PROFILES, n=1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise UserError(f"unknown profile {name!r}: known are {', '.join(PROFILES)}{hint}")
    profile, sam_file = PROFILES[name], None
    if profile is FLUX_DEV:
        model_dir = model_dir or _path(environ.get(MODEL_DIR_VARIABLE))
        lora_file = lora_file or _path(environ.get(LORA_FILE_VARIABLE))
        sam_file = _path(environ.get(SAM_FILE_VARIABLE))
    if model_dir is not None:
        if not model_dir.is_dir():
            raise UserError(f"no model folder at {model_dir}")
        lora, sam = model_dir / "eligen_lora.safetensors", model_dir / SAM_FILE
        profile = replace(
            profile,
            folder=model_dir,
            lora_file=lora if lora.is_file() else profile.lora_file,
            sam_file=sam if sam.is_file() else profile.sam_file,
        )
    if lora_file is not None:
        if not lora_file.is_file():
            raise UserError(f"no LoRA file at {lora_file}")
        profile = replace(profile, lora_file=lora_file)
    if sam_file is not None:
        if not sam_file.is_file():
            raise UserError(f"no Sam file at {sam_file}")
        profile = replace(profile, sam_file=sam_file)
    return profile


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None
