"""Adding LoRA files of others: read without running anything in them, tried on the profiles' models, copied."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import FluxTransformer2DModel
from safetensors import SafetensorError
from safetensors.torch import save_file

from eligen.tools.errors import UserError
from eligen.tools.installed import InstalledLora, lora_path
from eligen.tools.lora import METADATA, LowRank, adapt, read
from eligen.tools.lora_layouts import TEXT_ENCODERS
from eligen.tools.manifest import sha256_of
from eligen.tools.profiles import PROFILES, Profile, get_profile

SAFE, PICKLED = ".safetensors", (".bin", ".pt", ".pth", ".ckpt")


def add_lora(file: Path, name: str | None = None) -> tuple[InstalledLora, list[str]]:
    """Copy a LoRA file under a name, by default its own, and return it with notices.

    Raises UserError when the name is taken or odd, or when the file is broken, fits no profile or changes nothing.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).lstrip(".")[:64] if name is None else name
    target = lora_path(name)
    if target.exists():
        raise UserError(f"there is a LoRA {name!r} already: remove it first, or give this one another --name")
    tensors, config = _read_any(file)
    kept = {key: tensor for key, tensor in tensors.items() if not key.startswith(TEXT_ENCODERS)}
    fitting = _fitting(kept, config)
    left_out = len(tensors) - len(kept)
    notices = [f"{left_out} tensors for text encoders were left out"] if left_out else []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        try:
            if file.suffix == SAFE and not left_out:
                shutil.copyfile(file, part)
            else:
                contents = {key: tensor.contiguous() for key, tensor in kept.items()}
                save_file(contents, part, {METADATA: json.dumps(config)} if config else None)
            added = InstalledLora(
                name=name,
                profiles=tuple(fitting),
                modules=len(next(iter(fitting.values()))),
                sha256=sha256_of(part),
                source=file.name,
            )
            target.with_name(f"{name}.json").write_text(added.model_dump_json(indent=1) + "\n", encoding="utf-8")
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot write to {target.parent}: {getattr(error, 'strerror', None) or error}") from error
    return added, notices


def _read_any(file: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    if file.suffix == SAFE:
        return read(file)
    if file.suffix not in PICKLED:
        raise UserError(f"{file} is no LoRA file: those end in {', '.join((SAFE, *PICKLED))}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, about odd pickles
            content = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        line = "is broken, or more than tensors, which is not loaded" if file.is_file() else "is not there"
        raise UserError(f"cannot read the LoRA {file}: it {line}") from error
    tensors = content.get("state_dict", content) if isinstance(content, dict) else None
    if not (isinstance(tensors, dict) and tensors and all(map(_is_named_tensor, tensors.items()))):
        raise UserError(f"cannot read the LoRA {file}: it does not hold tensors by name")
    return tensors, {}


def _is_named_tensor(item: tuple[Any, Any]) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], torch.Tensor)


def _fitting(tensors: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> dict[str, dict[str, LowRank]]:
    """Return the LoRA as each profile's model takes it; UserError when none does or it changes nothing."""
    found, reasons = {}, {}
    for name in PROFILES:
        try:
            found[name] = adapt(tensors, config, _outline(get_profile(name)))
        except UserError as error:
            reasons[name] = str(error)
    if not found:
        same = len(set(reasons.values())) == 1
        lines = [next(iter(reasons.values()))] if same else [f"{name}: {line}" for name, line in reasons.items()]
        raise UserError("; ".join(lines))
    if not any(part.alpha and part.up.any() and part.down.any() for part in next(iter(found.values())).values()):
        raise UserError("the LoRA has no effect: all that it adds is zero")
    return found


def _outline(profile: Profile) -> FluxTransformer2DModel:
    """Return a profile's transformer without its weights; where it was not downloaded yet, FLUX.1-dev's."""
    with torch.device("meta"):
        if profile.folder is None:
            return FluxTransformer2DModel(guidance_embeds=True)
        config = FluxTransformer2DModel.load_config(profile.folder, subfolder="transformer", local_files_only=True)
        return FluxTransformer2DModel.from_config(config)
