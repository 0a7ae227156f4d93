"""Compiled blocks for as long as a picture takes: the same model paints eagerly before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from diffusers import FluxTransformer2DModel
from torch import nn

_calls: WeakKeyDictionary[nn.Module, Any] = WeakKeyDictionary()


@contextmanager
def compiled_blocks(
    transformer: FluxTransformer2DModel, device: torch.device, backend: str | Callable[..., Any] = "inductor"
) -> Iterator[None]:
    """Run each block compiled: blocks of a kind share their code, so that it takes seconds and not minutes.

    What is compiled is kept for the next picture. Nothing is changed while weights are kept elsewhere than where they
    compute: the hooks that move them are not compiled.
    """
    if any(weight.device != device for weight in transformer.parameters()):
        yield
        return
    blocks = [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
    before = [block._compiled_call_impl for block in blocks]
    for block in blocks:
        if block not in _calls:
            block.compile(backend=backend)
            _calls[block] = block._compiled_call_impl
        block._compiled_call_impl = _calls[block]
    try:
        yield
    finally:
        for block, call in zip(blocks, before, strict=True):
            block._compiled_call_impl = call
