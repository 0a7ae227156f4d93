"""Where models can run: devices, memory, and the plain line that says what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import psutil
import torch

from eligen.tools.errors import UserError
from eligen.tools.profiles import DType

Offload = Literal["model", "group", "sequential"]
Quantization = Literal["int8", "fp8", "nf4", "int8-dynamic", "fp8-dynamic", "fp8-storage"]

# What a bf16 weight shrinks to, scales included; the two large models alone are quantised, by "fp8-storage" (float8
# between uses, cast back layer by layer) the transformer alone.
_SHRINK = {"int8": 0.52, "fp8": 0.52, "nf4": 0.29, "int8-dynamic": 0.52, "fp8-dynamic": 0.52, "fp8-storage": 0.52}
STORED: Quantization = "fp8-storage"
QUANTIZED = ("transformer", "text_encoder_2")
_WORKSPACE = 3 * 10**9
_GROUP_WORKSPACE = 5 * 10**9
_LARGE_FOR_CPU = 8 * 10**9


@dataclass(frozen=True)
class Memory:
    """Free bytes of main memory and of the GPU, the first of `gpus`; `gpu` is None where there is none."""

    ram: int
    gpu: int | None
    gpus: int = 1


def free_memory() -> Memory:
    """Return what this machine has free now."""
    gpu = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else None
    return Memory(ram=psutil.virtual_memory().available, gpu=gpu, gpus=torch.cuda.device_count())


def plan_device(
    sizes: Mapping[str, int],
    memory: Memory,
    *,
    dtype: DType,
    device: str | None = None,
    offload: Offload | None = None,
    quantization: Quantization | None = None,
) -> str:
    """Return the device that models of these bf16 `sizes` (bytes by part) will run on.

    Without `device` that is the GPU where there is one, and the CPU for models small enough to be bearable there.
    Raises UserError, before anything is loaded, when the device is absent or the models do not fit.
    """
    _check_choice("offload", offload, get_args(Offload))
    _check_choice("quantization", quantization, get_args(Quantization))
    loaded = _loaded_sizes(sizes, dtype, quantization)
    total = sum(loaded.values())
    if device is None:
        device = "cpu" if memory.gpu is None else "cuda"
        if device == "cpu" and total > _LARGE_FOR_CPU:
            raise UserError(
                f"no GPU found, and a model of {_gb(total)} takes hours a picture without one: use --profile mini, "
                "or insist with --device cpu"
            )
    kind = _kind(device)
    if kind.type == "cpu":
        if offload:
            raise UserError(f"--offload {offload} moves models between main memory and a GPU: leave it out on the CPU")
        if quantization == "nf4":
            raise UserError("--quantization nf4 needs a GPU: choose int8 on the CPU")
        _check_fits("main memory", memory.ram, total + total // 10, "use --quantization int8 or --profile mini")
    elif kind.type == "cuda":
        if memory.gpu is None:
            raise UserError(f"no GPU found for --device {device}: check the driver, or use --profile mini")
        if (kind.index or 0) >= memory.gpus:
            raise UserError(f"no GPU found for --device {device}: the last is cuda:{memory.gpus - 1}")
        _check_gpu(loaded, memory.ram, memory.gpu, offload)
    return device


def peak_memory(
    sizes: Mapping[str, int],
    device: str,
    *,
    dtype: DType,
    offload: Offload | None = None,
    quantization: Quantization | None = None,
) -> float:
    """Return the bytes that painting takes at its peak in the device's memory, as `plan_device` counts them."""
    loaded = _loaded_sizes(sizes, dtype, quantization)
    return 1.1 * sum(loaded.values()) if device == "cpu" else _on_gpu(loaded, offload)


def verdict(sizes: Mapping[str, int], memory: Memory, *, dtype: DType, quantization: Quantization | None = None) -> str:
    """Return in words whether these models fit this machine, and with which option."""
    choices: tuple[Offload | None, ...] = (None, "model", "group", "sequential")
    refusals = []
    for offload in choices if memory.gpu is not None else (None,):
        try:
            device = plan_device(sizes, memory, dtype=dtype, offload=offload, quantization=quantization)
        except UserError as refusal:
            refusals.append(str(refusal))
            continue
        needed = _gb(peak_memory(sizes, device, dtype=dtype, offload=offload, quantization=quantization))
        where = "main" if device == "cpu" else "GPU"
        return f"fits{f' with --offload {offload}' if offload else ''}: {needed} of {where} memory at most"
    return refusals[0]


def _loaded_sizes(sizes: Mapping[str, int], dtype: DType, quantization: Quantization | None) -> dict[str, float]:
    widen = 2 if dtype == "float32" else 1
    shrink = _SHRINK[quantization] if quantization else 1
    small = QUANTIZED[:1] if quantization == STORED else QUANTIZED
    return {part: size * (shrink if part in small else 1) * widen for part, size in sizes.items()}


def _check_gpu(loaded: Mapping[str, float], ram: int, gpu: int, offload: Offload | None) -> None:
    needed = _on_gpu(loaded, offload)
    if offload is None:
        largest = max(loaded.values())
        advice = "--offload model" if largest + _WORKSPACE <= gpu else "--offload group, or --quantization nf4"
        _check_fits("GPU memory", gpu, needed, f"use {advice}")
        return
    total = sum(loaded.values())
    _check_fits("main memory", ram, total, "use --quantization int8 or nf4, or --profile mini")
    _check_fits("GPU memory", gpu, needed, "use --offload sequential, or --quantization nf4")


def _on_gpu(loaded: Mapping[str, float], offload: Offload | None) -> float:
    """Return the bytes of GPU memory that painting takes at its peak."""
    whole, largest = sum(loaded.values()) + _WORKSPACE, max(loaded.values())
    if offload is None:
        return whole
    return min({"model": largest + _WORKSPACE, "group": _GROUP_WORKSPACE, "sequential": _WORKSPACE}[offload], whole)


def _check_fits(where: str, free: int, needed: float, advice: str) -> None:
    if needed > free:
        raise UserError(f"not enough {where}: {_gb(needed)} needed, {_gb(free)} free; {advice}")


def _kind(device: str) -> torch.device:
    try:
        return torch.device(device)
    except RuntimeError:
        raise UserError(f"unknown --device {device!r}: known are cpu, cuda, cuda:1, ...") from None


def _check_choice(option: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise UserError(f"unknown --{option} {value!r}: known are {', '.join(known)}")


def _gb(size: float) -> str:
    return f"{size / 10**9:.1f} GB"
