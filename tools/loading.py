"""From a profile to a pipeline ready to paint: verified, loaded once, on a device that it fits."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch
from diffusers import PipelineQuantizationConfig
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from eligen.tools.adapters import ELIGEN_ADAPTER
from eligen.tools.downloads import fetch, fetch_file
from eligen.tools.eightbit import torchao_config
from eligen.tools.eligen import FluxEliGenPipeline
from eligen.tools.errors import ToolError, UserError
from eligen.tools.hardware import QUANTIZED, STORED, Offload, Quantization, free_memory, plan_device
from eligen.tools.manifest import check_folder, component_bytes, identity, sha256_of, verify_manifest
from eligen.tools.profiles import IN_CONTEXT_FILE_VARIABLE, Profile

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False, kw_only=True)
class Model:
    """A loaded pipeline: where its weights came from, what they are, and how it computes."""

    pipeline: FluxEliGenPipeline
    folder: Path
    digest: str
    lora_sha256: str
    device: str
    precision: str


_models: dict[tuple[Profile, str | None, Offload | None, Quantization | None], Model] = {}
_loading = threading.Lock()


def load_pipeline(
    profile: Profile,
    *,
    device: str | None = None,
    offload: Offload | None = None,
    quantization: Quantization | None = None,
    progress: Progress | None = None,
) -> FluxEliGenPipeline:
    """Return the profile's pipeline with its LoRA as adapter "eligen", loaded once per process and settings.

    `device` None is the GPU where there is one. `offload` keeps the models in main memory between uses: "model" by
    model, "group" by groups of layers, "sequential" layer by layer. `progress` is told in lines what takes time.
    Raises UserError, in one line, for weights that are missing, corrupted, gated or too large for this machine.
    """
    return load_model(profile, device=device, offload=offload, quantization=quantization, progress=progress).pipeline


def load_model(
    profile: Profile,
    *,
    device: str | None = None,
    offload: Offload | None = None,
    quantization: Quantization | None = None,
    progress: Progress | None = None,
) -> Model:
    """Return the pipeline as `load_pipeline` does, with the identity of its weights."""
    key = (profile, device, offload, quantization)
    with _loading:
        if key not in _models:
            _models[key] = _load(*key, progress or (lambda line: None))
        return _models[key]


def _load(
    profile: Profile, device: str | None, offload: Offload | None, quantization: Quantization | None, say: Progress
) -> Model:
    check_installed(quantization)
    if profile.folder is not None:
        _check_weights(profile.folder, profile.has_manifest)
    sizes = component_bytes(profile.folder) if profile.folder else dict(profile.component_bytes)
    device = plan_device(
        sizes, free_memory(), dtype=profile.dtype, device=device, offload=offload, quantization=quantization
    )
    folder, lora_file = _local_files(profile, say)
    with quiet():
        pipeline = _from_folder(folder, profile, quantization)
        pipeline.load_lora_weights(lora_file, adapter_name=ELIGEN_ADAPTER)
        _place(pipeline, device, offload)
    pipeline.set_progress_bar_config(disable=True)
    return Model(
        pipeline=pipeline,
        folder=folder,
        digest=identity(folder),
        lora_sha256=sha256_of(lora_file),
        device=device,
        precision=quantization or profile.dtype,
    )


def _check_weights(folder: Path, has_manifest: bool) -> None:
    if has_manifest:
        verify_manifest(folder)
    check_folder(folder)


def _local_files(profile: Profile, say: Progress) -> tuple[Path, Path]:
    """Return the base model's folder and the LoRA file, downloaded if need be."""
    if profile.base is not None:
        say(f"licence: {profile.licence}")
    folder, lora_file = profile.folder, profile.lora_file
    if folder is None:
        assert profile.base is not None, f"profile {profile.name} has neither a folder nor a repository"
        folder = fetch(profile.base, say)
        check_folder(folder)
    if lora_file is None:
        assert profile.lora is not None, f"profile {profile.name} has neither a LoRA file nor a repository"
        lora_file = fetch_file(profile.lora, say)
    elif not lora_file.is_file():
        raise UserError(f"weights missing: no EliGen LoRA at {lora_file}; give one with --lora-file")
    return folder, lora_file


def in_context_file(profile: Profile, say: Progress) -> Path:
    """Return the profile's In-Context LoRA file, downloaded if need be; ToolError when nothing can be transferred."""
    file, source = profile.in_context_file, profile.in_context
    if file is not None and file.is_file():
        return file
    if source is None or file is not None:
        raise ToolError(
            f"nothing can be transferred without an In-Context LoRA, and there is none at {file}: "
            "train one with `python -m training.train_in_context`"
        )
    try:
        return fetch_file(source, say)
    except UserError as error:
        line = f"nothing can be transferred without the In-Context LoRA: {error}; "
        raise ToolError(f"{line}or name a file with {IN_CONTEXT_FILE_VARIABLE}") from error


def _from_folder(folder: Path, profile: Profile, quantization: Quantization | None) -> FluxEliGenPipeline:
    try:
        pipeline = FluxEliGenPipeline.from_pretrained(
            folder,
            dtype=getattr(torch, profile.dtype),
            local_files_only=True,
            quantization_config=quantization_config(quantization),
        )
    except torch.OutOfMemoryError as error:
        raise UserError(f"out of GPU memory while loading {folder}: use --offload or --quantization") from error
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        first_line = str(error).partition("\n")[0]
        raise UserError(f"cannot load the weights in {folder}: {first_line}") from error
    if quantization == STORED:  # before any LoRA, which is to stay as exact as it is
        pipeline.transformer.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn)
    return pipeline


def _place(pipeline: FluxEliGenPipeline, device: str, offload: Offload | None) -> None:
    if offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    elif offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
    elif offload == "group":
        pipeline.enable_group_offload(torch.device(device), offload_type="leaf_level", use_stream=True)
    else:
        pipeline.to(device)


def check_installed(quantization: Quantization | None) -> None:
    package = "bitsandbytes" if quantization == "nf4" else "torchao"
    if quantization in get_args(Quantization) and quantization != STORED and importlib.util.find_spec(package) is None:
        raise UserError(f"--quantization {quantization} needs the package {package}: install {package} and run again")


def quantization_config(quantization: Quantization | None) -> PipelineQuantizationConfig | None:
    """Return diffusers' quantisation of the two large models; one is diffusers', the other transformers' class."""
    if quantization in (None, STORED):
        return None
    import diffusers
    import transformers

    if quantization == "nf4":
        settings = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.bfloat16}
        made = [library.BitsAndBytesConfig(**settings) for library in (diffusers, transformers)]
    else:
        made = [library.TorchAoConfig(torchao_config(quantization)) for library in (diffusers, transformers)]
    return PipelineQuantizationConfig(quant_mapping=dict(zip(QUANTIZED, made, strict=True)))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep diffusers and transformers from talking: what matters is said by notices and errors."""
    libraries = (diffusers_logging, transformers_logging)
    before = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, (verbosity, bars) in zip(libraries, before, strict=True):
            library.set_verbosity(verbosity)
            if bars:
                library.enable_progress_bar()
