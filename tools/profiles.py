"""Profiles: which models paint, where their files lie, and what they paint with unless told otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from eligen.tools.errors import UserError
from eligen.tools.manifest import picture_side
from eligen.tools.requests import PanelOrigin, Schedule
from eligen.tools.userinput import user_path

DType = Literal["float32", "bfloat16"]
ImageFeatures = Literal["pooled", "texture"]

MINI_FOLDER = Path(__file__).parent / "weights" / "mini"
MINI_SIDE = picture_side(MINI_FOLDER) or 128
SAM_FILE = Path("sam", "model.safetensors")
IN_CONTEXT_FILE = Path("in_context_lora.safetensors")
IP_ADAPTER_FILE, IMAGE_ENCODER_FOLDER = Path("ip_adapter.safetensors"), Path("clip")
FILES = {
    "lora_file": "LoRA file",
    "sam_file": "Sam file",
    "in_context_file": "In-Context LoRA file",
    "ip_adapter_file": "IP-Adapter file",
    "image_encoder_folder": "image encoder folder",
}
BESIDE = {
    "lora_file": Path("eligen_lora.safetensors"),
    "sam_file": SAM_FILE,
    "in_context_file": IN_CONTEXT_FILE,
    "ip_adapter_file": IP_ADAPTER_FILE,
    "image_encoder_folder": IMAGE_ENCODER_FOLDER,
}
MODEL_DIR_VARIABLE = "ELIGEN_FLUX_DIR"
LORA_FILE_VARIABLE = "ELIGEN_LORA_FILE"
SAM_FILE_VARIABLE = "ELIGEN_SAM_FILE"
IN_CONTEXT_FILE_VARIABLE = "ELIGEN_IN_CONTEXT_FILE"
IP_ADAPTER_FILE_VARIABLE = "ELIGEN_IP_ADAPTER_FILE"
IMAGE_ENCODER_DIR_VARIABLE = "ELIGEN_IMAGE_ENCODER_DIR"


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
    """A base model, its EliGen and In-Context LoRAs, IP-Adapter, the Sam for its pictures, and their defaults.

    `folder` is the base model's diffusers folder where it is local; None means `base`, downloaded on first use.
    `lora_file` likewise stands before `lora`, `sam_file` before `sam` and `in_context_file` before `in_context`, with
    `two_panels` for its wording and `panel_origin` for its positions, and `ip_adapter_file` before `ip_adapter`, which
    reads the `image_features` of an image encoder. `component_bytes` is what each model weighs on disk, known before
    the download.
    `has_guidance` says whether the base takes a guidance scale as an input, as FLUX.1-dev does beside `true_cfg_scale`.
    `dtype` is what the models compute in; `retries` how often what a critic finds wrong is painted again.
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
    in_context_file: Path | None = None
    in_context: HubFiles | None = None
    two_panels: str
    panel_origin: PanelOrigin = "canvas"
    ip_adapter_file: Path | None = None
    ip_adapter: HubFiles | None = None
    image_encoder_folder: Path | None = None
    image_encoder: HubFiles | None = None
    image_features: ImageFeatures = "pooled"
    component_bytes: tuple[tuple[str, int], ...] = ()
    has_manifest: bool = False
    has_vocabulary: bool = False
    has_guidance: bool = True
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
    retries: int = 2


MINI = Profile(
    name="mini",
    summary="a small FLUX-shaped model that ships with this package and paints drawn scenes on a CPU",
    licence="Apache-2.0 (weights trained by this project on scenes drawn with Noto Color Emoji, OFL-1.1)",
    folder=MINI_FOLDER,
    lora_file=MINI_FOLDER / "eligen_lora.safetensors",
    sam_file=MINI_FOLDER / SAM_FILE,
    in_context_file=MINI_FOLDER / IN_CONTEXT_FILE,
    two_panels="{entity}, {scene}",
    panel_origin="picture",
    ip_adapter_file=MINI_FOLDER / IP_ADAPTER_FILE,
    image_encoder_folder=MINI_FOLDER / IMAGE_ENCODER_FOLDER,
    image_features="texture",
    has_manifest=True,
    has_vocabulary=True,
    has_guidance=False,
    dtype="float32",
    width=MINI_SIDE,
    height=MINI_SIDE,
    steps=20,
    guidance_scale=3.5,
    true_cfg_scale=2.0,
    max_sequence_length=64,
    entity_max_sequence_length=16,
    retries=0,  # these weights seldom do better the second time: docs/sessions.md
)

FLUX_DEV = Profile(
    name="flux-dev",
    summary="FLUX.1-dev (12 B parameters) with the published EliGen LoRA, for a large GPU",
    licence=(
        "FLUX.1-dev is under the FLUX.1 [dev] Non-Commercial License (https://huggingface.co/black-forest-labs/"
        "FLUX.1-dev), and so is the IP-Adapter; the EliGen LoRA and the image encoder are Apache-2.0, the In-Context "
        "LoRA MIT"
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
    in_context=HubFiles(
        repository="ali-vilab/In-Context-LoRA",
        revision="main",
        patterns=("visual-identity-design.safetensors",),
        mirror="https://modelscope.cn/models/iic/In-Context-LoRA/resolve/master/visual-identity-design.safetensors",
    ),
    two_panels=(
        "The two-panel image showcases {entity}; [LEFT] the left panel shows {entity} by itself, "
        "[RIGHT] while the right panel shows exactly the same {entity} in its place, {scene}."
    ),
    ip_adapter=HubFiles(repository="InstantX/FLUX.1-dev-IP-Adapter", revision="main", patterns=("ip-adapter.bin",)),
    image_encoder=HubFiles(
        repository="google/siglip-so400m-patch14-384", revision="main", patterns=("config.json", "model.safetensors")
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

    For flux-dev, ELIGEN_FLUX_DIR and ELIGEN_LORA_FILE stand in for `model_dir` and `lora_file`; ELIGEN_SAM_FILE,
    ELIGEN_IN_CONTEXT_FILE, ELIGEN_IP_ADAPTER_FILE and ELIGEN_IMAGE_ENCODER_DIR name its Sam, its In-Context LoRA, its
    IP-Adapter and that one's encoder. A `model_dir` brings its own `eligen_lora.safetensors`,
    `in_context_lora.safetensors`, `ip_adapter.safetensors`, `clip/` and `sam/` where it holds them.

    Raises UserError when the name is unknown or a path is missing.
    """
    if name not in PROFILES:
        close = get_close_matches(name, PROFILES, n=1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise UserError(f"unknown profile {name!r}: known are {', '.join(PROFILES)}{hint}")
    profile = PROFILES[name]
    files: dict[str, Path | None] = {"lora_file": lora_file}
    if profile is FLUX_DEV:
        model_dir = model_dir or _path(environ.get(MODEL_DIR_VARIABLE))
        files["lora_file"] = lora_file or _path(environ.get(LORA_FILE_VARIABLE))
        files["sam_file"] = _path(environ.get(SAM_FILE_VARIABLE))
        files["in_context_file"] = _path(environ.get(IN_CONTEXT_FILE_VARIABLE))
        files["ip_adapter_file"] = _path(environ.get(IP_ADAPTER_FILE_VARIABLE))
        files["image_encoder_folder"] = _path(environ.get(IMAGE_ENCODER_DIR_VARIABLE))
    if model_dir is not None:
        if not model_dir.is_dir():
            raise UserError(f"no model folder at {model_dir}")
        beside = {field: model_dir / name for field, name in BESIDE.items()}
        own: Any = {field: file for field, file in beside.items() if file.exists()}
        side = picture_side(model_dir)
        profile = replace(profile, folder=model_dir, width=side or profile.width, height=side or profile.height, **own)
    given: Any = {field: file for field, file in files.items() if file is not None}
    for field, file in given.items():
        if not (file.is_dir() if field == "image_encoder_folder" else file.is_file()):
            raise UserError(f"no {FILES[field]} at {file}")
    return replace(profile, **given) if given else profile


def _path(text: str | None) -> Path | None:
    return user_path(text) if text else None
