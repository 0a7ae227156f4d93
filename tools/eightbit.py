"""8-bit weights and products by torchao, which is optional."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:  # benchmarks use this module on machines that have PyTorch but not pydantic
    from eligen.tools.hardware import Quantization


def eight_bit(device: str) -> Quantization:
    """Return which 8-bit products a device is fast at: fp8 on GPUs that have it, int8 elsewhere."""
    fp8 = device.startswith("cuda") and torch.cuda.get_device_capability(device) >= (8, 9)
    return "fp8-dynamic" if fp8 else "int8-dynamic"


def torchao_config(quantization: Quantization) -> Any:
    """Return torchao's settings: 8-bit weights, which save memory, or "dynamic", activations too, which save time."""
    from torchao.quantization import (
        Float8DynamicActivationFloat8WeightConfig,
        Float8WeightOnlyConfig,
        Int8DynamicActivationInt8WeightConfig,
        Int8WeightOnlyConfig,
        PerRow,
    )

    if quantization == "fp8-dynamic":
        return Float8DynamicActivationFloat8WeightConfig(granularity=PerRow())
    if quantization == "int8-dynamic":
        return Int8DynamicActivationInt8WeightConfig()
    return Int8WeightOnlyConfig() if quantization == "int8" else Float8WeightOnlyConfig()
