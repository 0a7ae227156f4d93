"""LoRA files for FLUX in every layout we know, as peft adapters on a FluxTransformer2DModel."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch
from diffusers import FluxTransformer2DModel
from peft.tuners.lora import LoraLayer
from peft.utils.other import get_pattern_key
from pydantic import AliasChoices, AliasGenerator, BaseModel, ConfigDict, FiniteFloat
from safetensors import SafetensorError, safe_open

from eligen.tools.errors import UserError
from eligen.tools.lora_layouts import KEY, PARTS, diffusers_names, peft_name
from eligen.tools.userinput import parse_json, validated

METADATA = "lora_adapter_metadata"


@dataclass(frozen=True, eq=False)
class LowRank:
    """What a LoRA adds to one module's weight: alpha / rank * up (out, rank) @ down (rank, in)."""

    down: torch.Tensor
    up: torch.Tensor
    alpha: float

    @property
    def rank(self) -> int:
        return self.down.shape[0]


class Scaling(BaseModel):
    """What the adapter configuration that diffusers saves in a file says of alpha."""

    model_config = ConfigDict(
        strict=True,
        alias_generator=AliasGenerator(validation_alias=lambda name: AliasChoices(f"transformer.{name}", name)),
    )

    lora_alpha: FiniteFloat
    alpha_pattern: dict[re.Pattern[str], FiniteFloat] | None = None
    use_rslora: bool = False


def read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return a safetensors file's tensors and the adapter configuration diffusers may have saved in it.

    Raises UserError when the file is missing or is not a whole safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in sorted(file.keys())}
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"cannot read the LoRA {path}: {error}") from error
    config = parse_json(metadata.get(METADATA, "{}"), f"{METADATA} of the LoRA {path}")
    if not isinstance(config, dict):
        raise UserError(f"cannot read the LoRA {path}: its {METADATA} is not a JSON object")
    return tensors, config


def adapt(
    tensors: Mapping[str, torch.Tensor], config: Mapping[str, Any], transformer: FluxTransformer2DModel
) -> dict[str, LowRank]:
    """Return the LoRA by diffusers module name, fused modules split.

    Raises UserError, naming keys or shapes, unless every tensor belongs to a linear layer of this transformer.
    """
    by_module: defaultdict[str, dict[str, torch.Tensor]] = defaultdict(dict)
    strange = []
    for key, tensor in tensors.items():
        if match := KEY.fullmatch(key):
            by_module[match["module"]][PARTS.get(match["part"], "alpha")] = tensor
        else:
            strange.append(key)
    layers = {module: _layers(module, transformer) for module in by_module}
    strange += [module for module, found in layers.items() if not found]
    if strange or not by_module:
        known = sum(map(bool, layers.values()))
        raise UserError(
            f"not a LoRA for this model: {known} modules match, {len(strange)} names do not: {_some(strange)}"
        )
    fitted: dict[str, LowRank] = {}
    for module, parts in by_module.items():
        fitted |= _fit(module, parts, layers[module], config)
    return fitted


def attach(
    transformer: FluxTransformer2DModel,
    lora: Mapping[str, LowRank],
    adapter_name: str | None = None,
    weight: float = 1.0,
    pipeline: Any = None,
) -> None:
    """Add the LoRA as a peft adapter, active with this weight beside those already active.

    `pipeline` is the one that offloads the transformer, if any. Raises UserError when the name is taken or has a dot.
    """
    taken = getattr(transformer, "peft_config", {})
    if adapter_name is None:
        adapter_name = next(name for name in map("default_{}".format, count()) if name not in taken)
    if adapter_name in taken or "." in adapter_name:
        raise UserError(f"the adapter name {adapter_name!r} is in use or contains a dot")
    active = transformer.active_adapters() if taken else []
    state = {f"{module}.lora_A.weight": part.down for module, part in lora.items()}
    state |= {f"{module}.lora_B.weight": part.up for module, part in lora.items()}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several adapters are the purpose
        transformer.load_lora_adapter(
            state, prefix=None, adapter_name=adapter_name, metadata=_peft_config(lora), _pipeline=pipeline
        )
    _widen(transformer, lora, adapter_name)
    transformer.set_adapter([*active, adapter_name])
    for layer in transformer.modules():
        if isinstance(layer, LoraLayer):
            layer.set_scale(adapter_name, weight)


def _widen(transformer: FluxTransformer2DModel, lora: Mapping[str, LowRank], adapter_name: str) -> None:
    """Give an adapter whose layers are stored in float8, as peft does with all that it adds to them, its own dtype."""
    for module, part in lora.items():
        layer: Any = transformer.get_submodule(module)
        for weights, own in ((layer.lora_A, part.down), (layer.lora_B, part.up)):
            weight = weights[adapter_name].weight
            if weight.is_floating_point() and weight.itemsize == 1:
                weight.data = own.to(weight.device, transformer.dtype)


class LoraMixin:
    """LoRA loading for a FLUX pipeline, in place of diffusers'."""

    transformer: Any

    def load_lora_weights(
        self,
        pretrained_model_name_or_path_or_dict: str | Path | Mapping[str, torch.Tensor],
        adapter_name: str | None = None,
        *,
        weight: float = 1.0,
        weight_name: str = "pytorch_lora_weights.safetensors",
    ) -> None:
        """Add a LoRA of any known layout to the transformer, active with this weight beside those already active.

        Takes a safetensors file, a folder that holds `weight_name`, or tensors. `set_adapters`, `delete_adapters` and
        `unload_lora_weights` work as in diffusers. Raises UserError when any part of it does not fit this model.
        """
        source, config = pretrained_model_name_or_path_or_dict, dict[str, Any]()
        if isinstance(source, Mapping):
            tensors = source
        else:
            path = Path(source)
            tensors, config = read(path / weight_name if path.is_dir() else path)
        adapted = adapt(tensors, config, self.transformer)
        attach(self.transformer, adapted, adapter_name, weight, pipeline=self)


Layers = dict[str, torch.nn.Linear]


def _layers(module: str, transformer: FluxTransformer2DModel) -> Layers:
    """Return the linear layers that a file's module name stands for, by diffusers name; none when it is unknown."""
    found: Layers = {}
    for name in diffusers_names(module, transformer):
        try:
            layer = transformer.get_submodule(name)
        except AttributeError:
            return {}
        if isinstance(layer, LoraLayer):
            layer = layer.get_base_layer()
        if not isinstance(layer, torch.nn.Linear):
            return {}
        found[name] = layer
    return found


def _fit(
    module: str, parts: Mapping[str, torch.Tensor], layers: Layers, config: Mapping[str, Any]
) -> dict[str, LowRank]:
    """Return the module's LoRA split over the layers it stands for, its shapes checked against theirs."""
    if not {"down", "up"} <= parts.keys():
        raise UserError(f"broken LoRA: {module} has only {' and '.join(sorted(parts))}")
    down, up, alphas = parts["down"], parts["up"], parts.get("alpha")
    if not (down.ndim == up.ndim == 2 and down.numel()):
        raise UserError(f"broken LoRA: {module} has {tuple(down.shape)} and {tuple(up.shape)}, which are no matrices")
    if alphas is not None and alphas.numel() != 1:
        raise UserError(f"broken LoRA: {module} has {alphas.numel()} alphas")
    rows = [layer.out_features for layer in layers.values()]
    columns = next(iter(layers.values())).in_features
    rank = down.shape[0]
    if down.shape != (rank, columns) or up.shape != (sum(rows), rank):
        raise UserError(
            f"a LoRA of another model: {module} has {tuple(down.shape)} and {tuple(up.shape)}, "
            f"this one needs (rank, {columns}) and ({sum(rows)}, rank)"
        )
    alpha = alphas.item() if alphas is not None else _configured_alpha(config, module, rank)
    return {name: LowRank(down, up_rows, alpha) for name, up_rows in zip(layers, up.split(rows), strict=True)}


def _configured_alpha(config: Mapping[str, Any], module: str, rank: int) -> float:
    """Return alpha as diffusers saved it in the file's metadata, else the rank, that is a scale of 1."""
    if not config:
        return rank
    scaling = validated(Scaling, config, f"broken LoRA: {METADATA}")
    patterns = {name.pattern: alpha for name, alpha in (scaling.alpha_pattern or {}).items()}
    alpha = patterns.get(get_pattern_key(list(patterns), peft_name(module)), scaling.lora_alpha)
    return alpha * math.sqrt(rank) if scaling.use_rslora else alpha


def _peft_config(lora: Mapping[str, LowRank]) -> dict[str, Any]:
    """Return LoraConfig arguments: the commonest rank and alpha, and every module that departs from them."""
    rank = Counter(part.rank for part in lora.values()).most_common(1)[0][0]
    alpha = Counter(part.alpha for part in lora.values()).most_common(1)[0][0]
    return {
        "r": rank,
        "lora_alpha": alpha,
        "rank_pattern": {f"^{re.escape(name)}": part.rank for name, part in lora.items() if part.rank != rank},
        "alpha_pattern": {f"^{re.escape(name)}": part.alpha for name, part in lora.items() if part.alpha != alpha},
        "target_modules": list(lora),
    }


def _some(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "") if names else "(it is empty)"
